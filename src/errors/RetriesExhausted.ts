/**
 * Every attempt failed. The attempts' errors are inside, with their type, and it opens to the last of them.
 *
 * It is blamed on `exhausted`: no policy retries it or counts it again. Whoever asks by blame (`catchBlame`,
 * `Fallback.onBlame`) finds it by its last error's blame too, since that is why it is there.
 */
import * as Effect from "effect/Effect"
import { fault, type FaultFields } from "./Fault.ts"
import { inSeconds, saidBy } from "./Figures.ts"

/** Why a retry stopped. */
export type StopReason = "attempts" | "elapsed" | "budget" | "notRecoverable" | "deadline"

/** What is known of a retry that failed. */
export interface Exhaustion<out E> {
  readonly reason: StopReason
  /** How many attempts were made, the first included. */
  readonly attempts: number
  readonly elapsedMillis: number
  /** The last attempt's error. */
  readonly last: E
  /** The attempts' errors, oldest first; only the newest are kept. */
  readonly errors: ReadonlyArray<E>
}

const reasons = {
  attempts: "no more were allowed",
  elapsed: "there was no more time for retries",
  budget: "the retry budget is spent",
  notRecoverable: "asking again would not have helped",
  deadline: "the deadline was too near"
} as const satisfies { readonly [R in StopReason]: string }

/**
 * `retries_exhausted`: every attempt failed. Its message ends in the last one's.
 *
 * ```ts import.meta.vitest
 * import { DoRequestFailed, RetriesExhausted } from "effect-resilience/errors"
 *
 * const last = new DoRequestFailed({ message: "connection reset" })
 * const error = new RetriesExhausted({ reason: "attempts", attempts: 3, elapsedMillis: 1500, last, errors: [last] })
 *
 * error.message // => "3 attempts failed in 1.5 s, no more were allowed; the last: connection reset"
 * ```
 */
export class RetriesExhausted<out E = unknown> extends /*#__PURE__*/ fault(
  "retries_exhausted",
  ({ attempts, elapsedMillis, last, reason }: Exhaustion<unknown>) =>
    `${attempts === 1 ? "1 attempt" : `${attempts} attempts`} failed in ${inSeconds(elapsedMillis)}, ` +
    `${reasons[reason]}; the last: ${saidBy(last)}`
)<Exhaustion<unknown>> {
  override readonly last: E
  override readonly errors: ReadonlyArray<E>

  constructor(fields: FaultFields & Exhaustion<E>) {
    super(fields)
    // As what they are here, and no longer as anything.
    this.last = fields.last
    this.errors = fields.errors
  }

  /** The last attempt's error: whoever prints this one with its cause prints that one too. */
  override get cause(): E {
    return this.last
  }
}

/** The last error of a retry, of whatever else an error is that error itself. */
export type LastOf<E> = E extends RetriesExhausted<infer Last> ? Last : E

/**
 * The last attempt's error of a `RetriesExhausted`; any other error is given back as it is. For a stream:
 * `Stream.mapError(lastOf)`.
 */
export const lastOf = <E>(error: E): LastOf<E> => (error instanceof RetriesExhausted ? error.last : error) as LastOf<E>

/**
 * Fails with what the last attempt failed with, in place of `RetriesExhausted`: for a caller who handles the errors of
 * the call and does not care how often it was made. Other errors stay.
 *
 * ```ts import.meta.vitest
 * import { Effect } from "effect"
 * import { DoRequestFailed } from "effect-resilience/errors"
 * import { Retry } from "effect-resilience/policy"
 *
 * const call: Effect.Effect<string, DoRequestFailed> = Effect.fail(new DoRequestFailed({ message: "reset" }))
 * const retried: Effect.Effect<string, DoRequestFailed> = call.pipe(
 *   Retry.retry(Retry.make({ attempts: 1 })),
 *   Retry.unwrap
 * )
 *
 * Effect.runSync(Effect.flip(retried)).message // => "reset"
 * ```
 */
export const unwrapLast = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, LastOf<E>, R> =>
  Effect.mapError(self, lastOf)
