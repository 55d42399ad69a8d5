/**
 * What stands where a policy should, and is none: most often the effect that has yet to make it. Apart from the other
 * refusals, because what asks for this loads Effect, and a formula for a browser does not.
 */
import * as Effect from "effect/Effect"
import * as Check from "./InvalidPolicyOption.ts"

/** Throws `InvalidPolicyOption` for what is not what `maker` makes. */
export const notMade = (where: string, option: string, value: unknown, maker: string): never => {
  const expected = `what ${maker} makes`
  if (!Effect.isEffect(value)) return Check.refuse(where, option, expected, value)
  throw new Check.InvalidPolicyOption(where, option, `${expected}: write "yield*" before it, got an Effect`)
}
