/**
 * What counts as a failure of the target: one filter, in the same two words, for every policy that counts.
 *
 * A policy asks, in this order: the judge given at the call, its own options, the pipeline it is a part of, and last
 * `Failures.isFailure`. Each of the two words is looked up by itself, so a call may say what a bad result is and leave
 * the errors to the policy.
 *
 * A defect and an interruption are never judged: they count for nothing.
 */
import type { Exit } from "effect"
import * as Failures from "./Failures.ts"

/** What counts as a failure. As options of a policy it knows neither errors nor results; given at a call it does. */
export interface Judge<in A = unknown, in E = unknown> {
  /** Whether an error says that the target failed. Default: `Failures.isFailure`. */
  readonly isFailure?: ((error: E) => boolean) | undefined
  /** Whether a result says that the target failed, such as a response with status 503. Default: none does. */
  readonly isFailureValue?: ((value: A) => boolean) | undefined
}

/** A judge of errors alone: what the form of a policy for streams takes, since a stream has no one result. */
export type ErrorJudge<E> = Pick<Judge<never, E>, "isFailure">

/** Takes from a policy's options what it has to say on failures. Nothing is filled in, so that others may be asked. */
export const of = ({ isFailure, isFailureValue }: Judge): Judge => ({ isFailure, isFailureValue })

/** A judge without what it says of results: for streams. */
export const ofErrors = <E>({ isFailure }: ErrorJudge<E>): ErrorJudge<E> => ({ isFailure })

/** Asks `first`, and `second` for what the first leaves open. */
export const orElse = <A, E>(first: Judge<A, E>, second: Judge<A, E>): Judge<A, E> => ({
  isFailure: first.isFailure ?? second.isFailure,
  isFailureValue: first.isFailureValue ?? second.isFailureValue
})

/** Whether an error counts, for a policy with judge `own` that was called with judge `call`. */
export const failed = <E>(error: E, own: Judge<never, E>, call: Judge<never, E> | undefined): boolean =>
  (call?.isFailure ?? own.isFailure ?? Failures.isFailure)(error)

/** Whether a result counts, in the same way. */
export const failedWith = <A>(value: A, own: Judge<A, never>, call: Judge<A, never> | undefined): boolean =>
  (call?.isFailureValue ?? own.isFailureValue)?.(value) === true

/** Whether an exit counts, in the same way. */
export const exitFailed = <A, E>(exit: Exit.Exit<A, E>, own: Judge<A, E>, call: Judge<A, E> | undefined): boolean => {
  if (exit._tag === "Success") return failedWith(exit.value, own, call)
  const found = Failures.errorOf(exit.cause)
  return found !== undefined && failed(found.error, own, call)
}

/**
 * Whether asking again may help, for a policy that was not told by a predicate of its own: what counts as a failure,
 * without what the same target will refuse again (`Failures.isRetryable`).
 */
export const isRetryable = <E>(error: E, isFailure: ((error: E) => boolean) | undefined): boolean =>
  (isFailure === undefined || isFailure(error)) && Failures.isRetryable(error)
