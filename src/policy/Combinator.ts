/**
 * Both forms of a combinator that takes a policy and perhaps more: `protect(self, policy, …)` and, in a pipe,
 * `protect(policy, …)`.
 *
 * HOT: `Function.dual` with a predicate costs some 50 ns more, for its `arguments` and its `apply`.
 */
import * as Effect from "effect/Effect"
import { notMade } from "./NotMade.ts"

type Body = (self: unknown, policy: unknown, second: unknown, third: unknown) => unknown

/** What a combinator takes: its own name, what its policy is called, and what makes that. */
export interface Takes {
  readonly where: string
  readonly option: string
  readonly maker: string
}

/**
 * The two forms of `body`, told apart by their first argument. `Forms` is the type that the combinator is declared with;
 * as with `Function.dual`, the compiler does not hold the body against it.
 *
 * A policy that has yet to be made is refused where it was written, and not as a `TypeError` of the call.
 */
export const both = <Forms>(
  isSelf: (value: unknown) => boolean,
  takes: Takes,
  body: (self: never, policy: never, second: never, third: never) => unknown
): Forms => {
  const { maker, option, where } = takes
  const call = body as Body
  // HOT: the policy that was looked at last is most often the one that comes again, and then nothing is asked.
  let known: unknown
  const check = (policy: unknown): void => {
    if (typeof policy !== "object" || policy === null || Effect.isEffect(policy)) {
      notMade(where, option, policy, maker)
    }
    known = policy
  }
  const forms = (first: unknown, second: unknown, third: unknown, fourth: unknown) => {
    if (second !== undefined && second === known) return call(first, second, third, fourth)
    if (second !== undefined && isSelf(first)) {
      check(second)
      return call(first, second, third, fourth)
    }
    if (first !== known) check(first)
    return (self: unknown) => call(self, first, second, third)
  }
  return forms as Forms
}
