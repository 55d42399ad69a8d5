/**
 * What counts as a failure of a dependency, and what is worth asking again: the default predicates that every policy
 * shares, so that none of them retries or counts another's rejection.
 *
 * An error is judged by its blame, whoever's it is: ours, an annotated one, Effect's, one that the program knows
 * (`blameOf`). An error of which nothing is known is a failure and may be asked again. A defect and an interruption are
 * neither.
 */
import type * as Cause from "effect/Cause"
import type * as Exit from "effect/Exit"
import * as Clock from "effect/Clock"
import * as Fiber from "effect/Fiber"
import {
  type Blame,
  blameOf,
  type ByBlame,
  caughtIn,
  isResilienceError,
  type ResilienceError,
  toResilienceError as ours
} from "../errors/index.ts"
import * as RetryHints from "./retry/RetryHints.ts"

/** Says of an error whether a policy should act on it. */
export type Predicate<E = unknown> = (error: E) => boolean

/** Who is to blame for an error; `undefined` if nobody knows. */
export const blameOfUnknown = (error: unknown): Blame | undefined => blameOf(error)

const failures = {
  caller: false,
  content: false,
  credential: true,
  quota: true,
  rate: true,
  model: true,
  channel: true,
  upstream: true,
  timeout: true,
  transport: true,
  rejected: false,
  exhausted: false,
  storage: true,
  cancelled: false,
  defect: false
} as const satisfies ByBlame<boolean>

const retryable = {
  caller: false,
  content: false,
  credential: false,
  // Only when the time of the reset is known.
  quota: false,
  rate: true,
  model: false,
  channel: false,
  upstream: true,
  timeout: true,
  transport: true,
  rejected: false,
  exhausted: false,
  storage: true,
  cancelled: false,
  defect: false
} as const satisfies ByBlame<boolean>

// A key of a channel that is refused, or has nothing left, is to be left for another one, and only errors of the union are
// told by key. A dependency of one key that says 401 lives, and an open breaker would only hide what it says.
const otherFailures = { ...failures, credential: false, quota: false } as const satisfies ByBlame<boolean>

/**
 * What is judged: what an error holds that knows more than it does, and of an answer that broke off, which is blamed as
 * its reason is, that reason. Known by its tag: its class is of a floor above.
 */
const judged = (error: unknown): unknown => {
  const caught = caughtIn(error)
  const isObject = typeof caught === "object" && caught !== null
  return isObject && "_tag" in caught && caught._tag === "AnswerInterrupted" && "reason" in caught
    ? judged(caught.reason)
    : caught
}

/**
 * Whether an error says that the dependency failed: what breakers, throttles, limits and outlier ejection count.
 *
 * The caller's own faults, refusals for content, our policies' rejections, cancellations and defects are no failures. A
 * refused credential or a spent quota is one only as an error of the union.
 *
 * ```ts import.meta.vitest
 * import { CircuitOpen, DoRequestFailed } from "effect-resilience/errors"
 * import { Failures } from "effect-resilience/policy"
 *
 * Failures.isFailure(new DoRequestFailed({})) // => true
 * Failures.isFailure(new CircuitOpen({})) // => false
 * Failures.isFailure("an error we do not know") // => true
 * ```
 */
export const isFailure: Predicate = (error) => {
  const blame = blameOf(error)
  return blame === undefined || (isResilienceError(judged(error)) ? failures : otherFailures)[blame]
}

/**
 * Whether asking again, unchanged, may help: what retries and hedges act on.
 *
 * As `isFailure`, without what the same target will refuse again (a bad key, a missing model, a wrong configuration);
 * a spent quota only if its reset is known (`retryAfterMillis`). What the error itself says wins: `retry` of an error of
 * the union, and `isRetryable: false` of any.
 *
 * ```ts import.meta.vitest
 * import { ChannelInvalidKey, ChannelQuotaExhausted, UpstreamOverloaded } from "effect-resilience/errors"
 * import { Failures } from "effect-resilience/policy"
 *
 * Failures.isRetryable(new UpstreamOverloaded({})) // => true
 * Failures.isRetryable(new ChannelInvalidKey({})) // => false
 * Failures.isRetryable(new ChannelQuotaExhausted({ retryAfterMillis: 1000 })) // => true
 * ```
 */
export const isRetryable: Predicate = (error) => {
  const caught = judged(error)
  if (typeof caught === "object" && caught !== null) {
    if (isResilienceError(caught) && caught.retry !== undefined) return caught.retry
    if ("isRetryable" in caught && caught.isRetryable === false) return false
  }
  const blame = blameOf(error)
  if (blame === undefined) return true
  return blame === "quota" ? retryAfterMillisOf(error) !== undefined : retryable[blame]
}

/**
 * A predicate that also takes errors of these blames: the way to ask for what the defaults leave out.
 *
 * ```ts import.meta.vitest
 * import { CircuitOpen } from "effect-resilience/errors"
 * import { Failures } from "effect-resilience/policy"
 *
 * const andRejections = Failures.orBlamedOn(Failures.isRetryable, "rejected")
 *
 * andRejections(new CircuitOpen({})) // => true
 * ```
 */
export const orBlamedOn =
  (predicate: Predicate, ...blames: ReadonlyArray<Blame>): Predicate =>
  (error) => {
    const blame = blameOf(error)
    return (blame !== undefined && blames.includes(blame)) || predicate(error)
  }

/**
 * The typed error of a cause, if it has one and nothing worse: with a defect or an interruption beside it there is none.
 * `undefined` is no error of this library, so it stands for "none".
 */
export const errorOf = <E>(cause: Cause.Cause<E>): { readonly error: E } | undefined => {
  let found: { readonly error: E } | undefined
  for (const reason of cause.reasons) {
    if (reason._tag !== "Fail") return undefined
    found ??= reason
  }
  return found
}

/** Whether an exit says that the dependency failed. A success, a defect and an interruption do not. */
export const exitIsFailure = <A, E>(exit: Exit.Exit<A, E>, predicate: Predicate<E> = isFailure): boolean => {
  if (exit._tag === "Success") return false
  const failed = errorOf(exit.cause)
  return failed !== undefined && predicate(failed.error)
}

/**
 * How long an error asks us to wait, in milliseconds: its `retryAfterMillis`, if it is a number and not negative; else what
 * an error of Effect, of an SDK or of a fetch library says (`RetryHints.fromError`).
 */
export const retryAfterMillisOf = (given: unknown): number | undefined => {
  const error = judged(given)
  if (typeof error !== "object" || error === null) return undefined
  if (!("retryAfterMillis" in error)) return RetryHints.fromError(error, now)
  const millis = error.retryAfterMillis
  return typeof millis === "number" && millis >= 0 ? millis : undefined
}

// Asked only for a date: the clock is that of the fiber that runs.
const now = (): number => Fiber.getCurrent()?.getRef(Clock.Clock).currentTimeMillisUnsafe() ?? Date.now()

/**
 * An error as one of ours, with the hint that it holds: what `toResilienceError` of the errors gives. For a stream whose
 * answer goes on with ours: `Stream.mapError(Failures.toResilienceError)`.
 */
export const toResilienceError = (error: unknown): ResilienceError => ours(error, retryAfterMillisOf(error))
