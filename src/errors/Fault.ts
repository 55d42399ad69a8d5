/**
 * The fields that every error of the union has, and how one is made without a stack.
 *
 * `message` says what happened, for logs and for debugging; a client reads it only where the caller is to blame, and
 * redacted. Everywhere else a client reads the catalogue's message.
 */
import { Effect, Schema } from "effect"
import { catalogue, type Code } from "./Catalogue.ts"

/** What an upstream said in its own words. Its codes live here and never become ours. */
export const UpstreamSaid = Schema.Struct({
  status: Schema.optionalKey(Schema.Finite),
  code: Schema.optionalKey(Schema.String),
  type: Schema.optionalKey(Schema.String),
  param: Schema.optionalKey(Schema.NullOr(Schema.String)),
  message: Schema.optionalKey(Schema.String)
})

/** What an upstream said in its own words. */
export type UpstreamSaid = typeof UpstreamSaid.Type

/** One thing that is wrong with an input, and where. */
export const Detail = Schema.Struct({ field: Schema.String, message: Schema.String, code: Schema.String })

/** One thing that is wrong with an input, and where. */
export type Detail = typeof Detail.Type

/** The fields of every error. `message` defaults to the catalogue's; `retryAfterMillis` is a hint, in milliseconds. */
export const fault = (code: Code) => ({
  message: Schema.String.pipe(Schema.withConstructorDefault(Effect.succeed(catalogue[code].message))),
  retryAfterMillis: Schema.optionalKey(Schema.Finite),
  upstream: Schema.optionalKey(UpstreamSaid),
  details: Schema.optionalKey(Schema.Array(Detail))
})

/**
 * Makes an error without capturing a stack. A rejection is an answer, not an accident: its stack says nothing, and
 * costs about 10 µs. Not for defects.
 */
export const stackless = <A>(make: () => A): A => {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 0
  try {
    return make()
  } finally {
    Error.stackTraceLimit = limit
  }
}
