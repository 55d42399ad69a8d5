/**
 * Whose fault any error is: ours, a program's, Effect's. Every policy asks here, so that a 404 is retried by none of them
 * and a refused key opens no breaker, whatever class says so.
 */
import * as Context from "effect/Context"
import * as Fiber from "effect/Fiber"
import { Blame, isBlame } from "./Blame.ts"
import { caughtIn } from "./Caught.ts"
import { blameOfEffect } from "./EffectBlame.ts"

/** What a program says of errors that do not say it themselves. */
export interface ForeignBlame {
  /** Whose fault an error is; `undefined` leaves it to what is known of its class. */
  readonly blame: (error: unknown) => Blame | undefined
}

/**
 * What a program says of the errors of others, once for all policies: it is asked before anything is read out of an error
 * that carries no `Blame.of`. By default it knows nothing.
 *
 * It is a `Context.Reference`: provide it to an effect, or to a whole program by `Layer.succeed`. A function that throws is
 * a bug of the call that it judges.
 *
 * ```ts import.meta.vitest
 * import { Data, Effect } from "effect"
 * import { blameOf, ForeignBlame } from "effect-resilience/errors"
 *
 * class Rejected extends Data.TaggedError("Rejected")<{}> {}
 *
 * const asked = Effect.sync(() => blameOf(new Rejected())).pipe(
 *   Effect.provideService(ForeignBlame, { blame: (error) => (error instanceof Rejected ? "caller" : undefined) })
 * )
 *
 * Effect.runSync(asked) // => "caller"
 * blameOf(new Rejected()) // => undefined
 * ```
 */
export const ForeignBlame = /*#__PURE__*/ Context.Reference<ForeignBlame>("effect-resilience/errors/ForeignBlame", {
  defaultValue: () => ({ blame: () => undefined })
})

/** What the compiler knows of an error's blame: the literal that its class carries, else any, or none. */
export type BlameOf<E> = E extends { readonly [Blame.of]: infer B } ? B : Blame | undefined

/**
 * Who is to blame for an error; `undefined` if nobody knows. The first that knows it: the error (`Blame.of`, as all of
 * ours have it), the program (`ForeignBlame` of the fiber that runs), what it holds (what an `Effect.tryPromise` caught, an
 * error of ours as the cause of an `HttpClientError`), and what is known of the errors of Effect.
 *
 * ```ts import.meta.vitest
 * import { Cause } from "effect"
 * import { blameOf, DoRequestFailed } from "effect-resilience/errors"
 *
 * blameOf(new DoRequestFailed({})) // => "transport"
 * blameOf(new Cause.TimeoutError()) // => "timeout"
 * blameOf(Object.assign(new Error("no such user"), { status: 404 })) // => "caller"
 * blameOf(new Error("who knows")) // => undefined
 * ```
 */
export const blameOf = <E>(error: E): BlameOf<E> => found(error) as BlameOf<E>

// The fiber is looked up by its global, and only for errors that say nothing: predicates stay functions of an error, and
// no policy has to hand its fiber on. Outside of a fiber there is no program to ask.
const found = (error: unknown): Blame | undefined => {
  const isObject = typeof error === "object" && error !== null
  if (isObject && Blame.of in error) {
    const own = error[Blame.of]
    if (isBlame(own)) return own
  }
  const said = Fiber.getCurrent()?.getRef(ForeignBlame).blame(error)
  if (said !== undefined) return said
  const caught = caughtIn(error)
  if (caught !== error) return found(caught)
  return isObject ? blameOfEffect(error) : undefined
}
