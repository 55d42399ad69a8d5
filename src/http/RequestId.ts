/**
 * The id that a request has in every answer, event and log line.
 */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"

const allowed = /^[A-Za-z0-9._:-]{1,128}$/
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

/** The caller's own id, if the `x-request-id` header is one: 1 to 128 of `A-Z a-z 0-9 . _ : -`. */
export const callersRequestId = (header: string | undefined): string | undefined =>
  header !== undefined && allowed.test(header) ? header : undefined

/** A new id: `req_` and 24 letters and digits, of 24 draws from 0 up to 1. */
export const makeRequestId = (draw: () => number): string => {
  // HOT: joined one by one they would be 24 texts, one in the other.
  const codes: Array<number> = []
  for (let at = 0; at < 24; at++) codes.push(alphabet.charCodeAt(Math.floor(draw() * alphabet.length)))
  return `req_${String.fromCharCode(...codes)}`
}

/** The caller's id where it is one, else a new one, by the fiber's `Random`. */
export const requestId = (header: string | undefined): Effect.Effect<string> =>
  Effect.map(Random.Random, (random) => callersRequestId(header) ?? makeRequestId(() => random.nextDoubleUnsafe()))
