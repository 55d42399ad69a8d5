/**
 * Every attempt failed. The attempts' errors are inside: one of ours comes back as its own class when it is decoded, any
 * other as an `Error` with its name and message.
 */
import { Option, Schema, SchemaTransformation } from "effect"
import { fault } from "./Fault.ts"
import { leaves } from "./Members.ts"

/** Why a retry stopped. */
export const StopReason = Schema.Literals(["attempts", "elapsed", "budget", "notRecoverable", "deadline"])

/** Why a retry stopped. */
export type StopReason = typeof StopReason.Type

const encodeDefect = Schema.encodeSync(Schema.Defect())
const decodeDefect = Schema.decodeUnknownSync(Schema.Defect())

interface Ours {
  readonly is: (value: unknown) => boolean
  readonly encode: (value: unknown) => Schema.Json
  readonly decode: (json: unknown) => Option.Option<unknown>
}

// Made when first used: one of the classes is the one below.
let ours: Ours | undefined
const makeOurs = (): Ours => {
  const union = Schema.Union([...leaves, RetriesExhausted])
  const codec = Schema.toCodecJson(union)
  return {
    is: Schema.is(union),
    encode: Schema.encodeUnknownSync(codec),
    decode: Schema.decodeUnknownOption(codec)
  }
}

/** The error of an attempt. A plain union would encode an unknown error as the first class whose fields it has. */
const AttemptError: Schema.Codec<unknown, Schema.Json> = Schema.Json.pipe(
  Schema.decodeTo(
    Schema.Unknown,
    SchemaTransformation.transform<unknown, Schema.Json>({
      decode: (json) => Option.getOrElse((ours ??= makeOurs()).decode(json), () => decodeDefect(json)),
      encode: (error) => ((ours ??= makeOurs()).is(error) ? ours.encode(error) : encodeDefect(error))
    })
  )
)

/** `retries_exhausted`: every attempt failed. */
export class RetriesExhausted extends Schema.TaggedError<RetriesExhausted>()("RetriesExhausted", {
  ...fault("retries_exhausted"),
  reason: StopReason,
  /** How many attempts were made, the first included. */
  attempts: Schema.Int,
  elapsedMillis: Schema.Finite,
  /** The last attempt's error. */
  last: AttemptError,
  /** The attempts' errors, oldest first; only the newest are kept. */
  errors: Schema.Array(AttemptError)
}) {}
