/**
 * What to answer when the answer failed: a value, or another effect, for all errors or for those of some blame.
 *
 * **When to use**: where something less is better than nothing: a cached answer, a default, a smaller model. **When
 * not**: to hide failures that somebody has to see; and never with a fallback that itself depends on what just failed.
 *
 * What a fallback handles leaves the error type; errors that it does not handle stay in it. Defects and interruptions
 * are never handled. When the fallback fails too, the first error is not lost: it is what the effect fails with, unless
 * you ask for the fallback's own (`fails: "fallback"`).
 *
 * **Order**: outermost, around the retry; inside it, it would answer at the first failure and nothing were ever retried.
 *
 * ```ts import.meta.vitest
 * import { Effect } from "effect"
 * import { DoRequestFailed, Unauthorized } from "effect-resilience/errors"
 * import { Fallback } from "effect-resilience/policy"
 *
 * const call: Effect.Effect<string, DoRequestFailed | Unauthorized> = Effect.fail(new DoRequestFailed({}))
 * const safe: Effect.Effect<string, Unauthorized> = call.pipe(Fallback.onBlame(["transport"], () => Effect.succeed("cached")))
 *
 * Effect.runSync(safe) // => "cached"
 * Effect.runSync(call.pipe(Fallback.value("none"))) // => "none"
 * ```
 */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Function from "effect/Function"
import * as Stream from "effect/Stream"
import { type Blame, type BlamedOn, isBlamedOn, type Late, type NotBlamedOn } from "../../errors/index.ts"
import * as PolicyTelemetry from "../PolicyTelemetry.ts"

/** Which error comes out when the fallback fails too. */
export interface Options {
  /** The `first` error, of the effect itself, or the `fallback`'s own. Default `first`. */
  readonly fails?: "first" | "fallback" | undefined
}

const tell = (fiber: Fiber.Fiber<unknown, unknown>, error: unknown): void =>
  PolicyTelemetry.emit(fiber, "OnFallback", () => ({ policy: "Fallback", error }))

/** The fallback's outcome, or the first error in place of its own. */
const attempt = <E, A2, E2, R2>(
  error: E,
  fallback: (error: E) => Effect.Effect<A2, E2, R2>,
  options: Options | undefined
): Effect.Effect<A2, E | E2, R2> =>
  Effect.withFiber((fiber): Effect.Effect<A2, E | E2, R2> => {
    tell(fiber, error)
    const other = fallback(error)
    return options?.fails === "fallback" ? other : Effect.mapError(other, (): E | E2 => error)
  })

/** Answers any error with a value; the error type becomes `never`. */
export const value: {
  /**
   * Answers any error with a value; the error type becomes `never`.
   *
   * In a pipe.
   */
  <A2>(fallback: A2): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A | A2, never, R>
  /**
   * Answers any error with a value; the error type becomes `never`.
   *
   * As a call.
   */
  <A, E, R, A2>(self: Effect.Effect<A, E, R>, fallback: A2): Effect.Effect<A | A2, never, R>
} = /*#__PURE__*/ Function.dual(
  2,
  <A, E, R, A2>(self: Effect.Effect<A, E, R>, fallback: A2): Effect.Effect<A | A2, never, R> =>
    Effect.catch(self, (error) =>
      Effect.withFiber((fiber) => {
        tell(fiber, error)
        return Effect.succeed(fallback)
      })
    )
)

/**
 * Answers any error with another effect. If that fails too, the first error comes out, or with `fails: "fallback"` the
 * fallback's own.
 */
export const effect: {
  /**
   * Answers any error with another effect. If that fails too, the first error comes out, or with `fails: "fallback"`
   * the fallback's own.
   *
   * In a pipe; the fallback's error comes out.
   */
  <E, A2, E2, R2>(
    fallback: (error: E) => Effect.Effect<A2, E2, R2>,
    options: { readonly fails: "fallback" }
  ): <A, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A | A2, E2, R | R2>
  /**
   * Answers any error with another effect. If that fails too, the first error comes out, or with `fails: "fallback"`
   * the fallback's own.
   *
   * In a pipe; the first error comes out.
   */
  <E, A2, E2, R2>(
    fallback: (error: E) => Effect.Effect<A2, E2, R2>,
    options?: { readonly fails?: "first" | undefined }
  ): <A, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A | A2, [E2] extends [never] ? never : Late<E>, R | R2>
  /**
   * Answers any error with another effect. If that fails too, the first error comes out, or with `fails: "fallback"`
   * the fallback's own.
   *
   * As a call; the fallback's error comes out.
   */
  <A, E, R, A2, E2, R2>(
    self: Effect.Effect<A, E, R>,
    fallback: (error: E) => Effect.Effect<A2, E2, R2>,
    options: { readonly fails: "fallback" }
  ): Effect.Effect<A | A2, E2, R | R2>
  /**
   * Answers any error with another effect. If that fails too, the first error comes out, or with `fails: "fallback"`
   * the fallback's own.
   *
   * As a call; the first error comes out.
   */
  <A, E, R, A2, E2, R2>(
    self: Effect.Effect<A, E, R>,
    fallback: (error: E) => Effect.Effect<A2, E2, R2>,
    options?: { readonly fails?: "first" | undefined }
  ): Effect.Effect<A | A2, [E2] extends [never] ? never : E, R | R2>
} = /*#__PURE__*/ Function.dual(
  (args) => Effect.isEffect(args[0]),
  <A, E, R, A2, E2, R2>(
    self: Effect.Effect<A, E, R>,
    fallback: (error: E) => Effect.Effect<A2, E2, R2>,
    options?: Options
  ) => Effect.catch(self, (error) => attempt(error, fallback, options))
)

/**
 * Answers errors of these blames with another effect; the others stay in the type. After a retry it goes by the last
 * error. If the fallback fails too, the first error comes out.
 *
 * An error that does not say in its type whom it blames (`HttpClientError`, whose status decides) is given to the fallback
 * if it is one of these, and stays in the type.
 */
export const onBlame: {
  /**
   * Answers errors of these blames with another effect; the others stay in the type. After a retry it goes by the
   * last error. If the fallback fails too, the first error comes out.
   *
   * In a pipe.
   */
  <const B extends Blame, E, A2, E2, R2>(
    blames: ReadonlyArray<B>,
    fallback: (error: BlamedOn<E, B>) => Effect.Effect<A2, E2, R2>
  ): <A, R>(
    self: Effect.Effect<A, E, R>
  ) => Effect.Effect<A | A2, NotBlamedOn<Late<E>, B> | ([E2] extends [never] ? never : BlamedOn<Late<E>, B>), R | R2>
  /**
   * Answers errors of these blames with another effect; the others stay in the type. After a retry it goes by the
   * last error. If the fallback fails too, the first error comes out.
   *
   * As a call.
   */
  <A, E, R, const B extends Blame, A2, E2, R2>(
    self: Effect.Effect<A, E, R>,
    blames: ReadonlyArray<B>,
    fallback: (error: BlamedOn<E, B>) => Effect.Effect<A2, E2, R2>
  ): Effect.Effect<A | A2, NotBlamedOn<E, B> | ([E2] extends [never] ? never : BlamedOn<E, B>), R | R2>
} = /*#__PURE__*/ Function.dual(
  3,
  <A, E, R, B extends Blame, A2, E2, R2>(
    self: Effect.Effect<A, E, R>,
    blames: ReadonlyArray<B>,
    fallback: (error: BlamedOn<E, B>) => Effect.Effect<A2, E2, R2>
  ) =>
    Effect.catch(
      self,
      (error): Effect.Effect<A2, unknown, R2> =>
        isBlamedOn(error, blames)
          ? attempt<BlamedOn<E, B>, A2, E2, R2>(error as BlamedOn<E, B>, fallback, undefined)
          : Effect.fail(error)
    ) as never
)

/**
 * Answers the failure of a stream with another stream, but only while nothing was delivered: two answers are never mixed
 * into one. After the first element the failure stays.
 */
export const stream: {
  /**
   * Answers the failure of a stream with another stream, but only while nothing was delivered: two answers are never
   * mixed into one. After the first element the failure stays.
   *
   * In a pipe.
   */
  <E, A2, E2, R2>(
    fallback: (error: E) => Stream.Stream<A2, E2, R2>
  ): <A, R>(self: Stream.Stream<A, E, R>) => Stream.Stream<A | A2, E | E2, R | R2>
  /**
   * Answers the failure of a stream with another stream, but only while nothing was delivered: two answers are never
   * mixed into one. After the first element the failure stays.
   *
   * As a call.
   */
  <A, E, R, A2, E2, R2>(
    self: Stream.Stream<A, E, R>,
    fallback: (error: E) => Stream.Stream<A2, E2, R2>
  ): Stream.Stream<A | A2, E | E2, R | R2>
} = /*#__PURE__*/ Function.dual(
  2,
  <A, E, R, A2, E2, R2>(
    self: Stream.Stream<A, E, R>,
    fallback: (error: E) => Stream.Stream<A2, E2, R2>
  ): Stream.Stream<A | A2, E | E2, R | R2> =>
    Stream.suspend(() => {
      let delivered = false
      const noted = Stream.mapArray(self, (elements) => {
        delivered = true
        return elements
      })
      return Stream.catch(noted, (error): Stream.Stream<A2, E | E2, R2> => {
        if (delivered) return Stream.fail(error)
        return Stream.unwrap(
          Effect.withFiberSucceed((fiber) => {
            tell(fiber, error)
            return fallback(error)
          })
        )
      })
    })
)
