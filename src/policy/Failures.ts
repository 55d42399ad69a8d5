/**
 * What counts as a failure of a dependency, and what is worth asking again: the default predicates that every policy
 * shares, so that none of them retries or counts another's rejection.
 *
 * An error of the union is judged by its blame. Any other error, whose meaning we cannot know, is a failure and may be
 * asked again. A defect and an interruption are neither.
 */
import type { Cause, Exit } from "effect"
import {
  type Blame,
  blameOf,
  type ByBlame,
  codeByTag,
  isResilienceError,
  members,
  type ResilienceError
} from "../errors/index.ts"

/** Says of an error whether a policy should act on it. */
export type Predicate<E = unknown> = (error: E) => boolean

// A class is found in 20 ns; `isResilienceError` tries all of the union's schemas, which costs 2 µs and more.
const blameByClass = new Map<unknown, Blame>(
  members.map((member) => [member, blameOf({ _tag: member.identifier as ResilienceError["_tag"] })])
)

/** Who is to blame for an error; `undefined` if it is none of the union's. */
export const blameOfUnknown = (error: unknown): Blame | undefined => {
  if (typeof error !== "object" || error === null) return undefined
  const known = blameByClass.get(error.constructor)
  if (known !== undefined) return known
  // Not one of our classes: perhaps a subclass of one. A foreign error with no tag of ours cannot be.
  return "_tag" in error && (error._tag as string) in codeByTag && isResilienceError(error) ? blameOf(error) : undefined
}

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

/**
 * Whether an error says that the dependency failed: what breakers, throttles, limits and outlier ejection count.
 *
 * The caller's own faults, refusals for content, our policies' rejections, cancellations and defects are no failures.
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
  const blame = blameOfUnknown(error)
  return blame === undefined || failures[blame]
}

/**
 * Whether asking again, unchanged, may help: what retries and hedges act on.
 *
 * As `isFailure`, without what the same target will refuse again (a bad key, a missing model, a wrong configuration);
 * a spent quota only if its reset is known (`retryAfterMillis`).
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
  const blame = blameOfUnknown(error)
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
    const blame = blameOfUnknown(error)
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

/** How long an error asks us to wait, in milliseconds: its `retryAfterMillis`, if it is a number and not negative. */
export const retryAfterMillisOf = (error: unknown): number | undefined => {
  if (typeof error !== "object" || error === null || !("retryAfterMillis" in error)) return undefined
  const millis = error.retryAfterMillis
  return typeof millis === "number" && millis >= 0 ? millis : undefined
}
