/**
 * An answer that broke off, as data: what encodes it to JSON and decodes it back, if its failures are errors of the union
 * (`Failures.toResilienceError` makes them so).
 */
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import { ResilienceError } from "../errors/Codec.ts"
import { AnswerInterrupted } from "./AnswerInterrupted.ts"

const fields = Schema.Struct({
  _tag: Schema.tag("AnswerInterrupted"),
  reason: ResilienceError,
  later: Schema.Array(ResilienceError),
  partial: Schema.String,
  length: Schema.Int,
  count: Schema.Int,
  cursor: Schema.optionalKey(Schema.String),
  usage: Schema.optionalKey(Schema.Record(Schema.String, Schema.Finite)),
  continuations: Schema.Int
})

const make = AnswerInterrupted<ResilienceError, ResilienceError>

/** The schema of `AnswerInterrupted`, of our errors: what is encoded decodes to the same classes. */
export const AnswerInterruptedSchema = fields.pipe(
  Schema.decodeTo(
    Schema.instanceOf(make),
    SchemaTransformation.transform<AnswerInterrupted<ResilienceError, ResilienceError>, typeof fields.Type>({
      decode: ({ _tag, ...interruption }) => new make(interruption),
      encode: (error) => ({ ...error })
    })
  )
)
