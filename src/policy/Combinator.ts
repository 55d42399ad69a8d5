/**
 * Both forms of a combinator that takes a policy and perhaps more: `protect(self, policy, …)` and, in a pipe,
 * `protect(policy, …)`.
 *
 * HOT: `Function.dual` with a predicate costs some 50 ns more, for its `arguments` and its `apply`.
 */

type Body = (self: unknown, policy: unknown, second: unknown, third: unknown) => unknown

/**
 * The two forms of `body`, told apart by their first argument. `Forms` is the type that the combinator is declared with;
 * as with `Function.dual`, the compiler does not hold the body against it.
 */
export const both = <Forms>(
  isSelf: (value: unknown) => boolean,
  body: (self: never, policy: never, second: never, third: never) => unknown
): Forms => {
  const call = body as Body
  const forms = (first: unknown, second: unknown, third: unknown, fourth: unknown) =>
    isSelf(first) ? call(first, second, third, fourth) : (self: unknown) => call(self, first, second, third)
  return forms as Forms
}
