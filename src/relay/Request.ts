/**
 * A request as it is stored until its answer has ended: what its client sent, so that another process can ask again. Keys
 * and tokens are never in it.
 */
import { Option, Result, Schema } from "effect"
import {
  type AnswerRequest,
  type Asking,
  clientDialectNamed,
  type ClientDialect,
  type ParseRules
} from "../dialect/index.ts"

const Stored = Schema.Struct({
  version: Schema.Literal(1),
  parameter: Schema.String,
  query: Schema.String,
  headers: Schema.Record(Schema.String, Schema.String),
  body: Schema.optionalKey(Schema.String)
})

const read = Schema.decodeUnknownOption(Schema.fromJsonString(Stored))

/** A request as text. */
export const encodeRequest = (asking: Asking): string => JSON.stringify({ version: 1, ...asking })

/** A request that was stored, and the dialect that it was asked in. */
export interface StoredRequest {
  readonly dialect: ClientDialect
  readonly request: AnswerRequest
}

/** Reads a request again; `undefined` where none was stored, or it means nothing to this version. */
export const decodeRequest = (dialectName: string, text: string, rules: ParseRules): StoredRequest | undefined => {
  const dialect = clientDialectNamed(dialectName)
  const stored = Option.getOrUndefined(read(text))
  if (dialect === undefined || stored === undefined) return undefined
  const { version: _, ...asking } = stored
  const parsed = dialect.parse({ body: undefined, ...asking }, rules)
  return Result.isSuccess(parsed) ? { dialect, request: parsed.success } : undefined
}
