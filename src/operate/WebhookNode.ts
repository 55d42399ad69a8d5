/**
 * Posts an alert: signed, to one place, once.
 */
import { Clock, Effect, type Redacted as Secret, Redacted } from "effect"
import { createHmac } from "node:crypto"

/** How long an answer is waited for, in milliseconds. */
const patience = 10_000

/** `sha256=` and the HMAC-SHA256 of the timestamp, a dot, and the body, in hex. */
export const signatureOf = (secret: string, timestamp: string, body: string): string =>
  `sha256=${createHmac("sha256", secret).update(`${timestamp}.${body}`).digest("hex")}`

/** Where alerts are posted, and what they are signed with. */
export interface Webhook {
  readonly url: Secret.Redacted
  readonly secret: Secret.Redacted | null
}

/**
 * Posts a body; gives whether it was taken, which only a 2xx says. A redirect is not followed: what is signed for one place
 * is nobody else's. Interrupting it closes the connection.
 */
export const post = ({ secret, url }: Webhook, body: string): Effect.Effect<boolean> =>
  Effect.gen(function* () {
    const timestamp = String(Math.floor((yield* Clock.currentTimeMillis) / 1000))
    const headers = {
      "content-type": "application/json",
      "user-agent": "effect-resilience",
      "x-timestamp": timestamp,
      ...(secret === null ? {} : { "x-signature": signatureOf(Redacted.value(secret), timestamp, body) })
    }
    const response = yield* Effect.tryPromise((signal) =>
      fetch(Redacted.value(url), { method: "POST", headers, body, redirect: "manual", signal })
    )
    yield* Effect.promise(async () => response.body?.cancel())
    return response.ok
  }).pipe(
    Effect.timeout(patience),
    Effect.catchCause((cause) =>
      cause.reasons.some(({ _tag }) => _tag === "Interrupt") ? Effect.interrupt : Effect.succeed(false)
    )
  )
