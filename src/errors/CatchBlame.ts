/**
 * Handles errors by whose fault they are, and keeps the rest typed.
 *
 * What the compiler knows of a class's blame decides: an error of another blame is left in the type, one of this blame is
 * taken out of it. An error that does not say in its type whom it blames (`HttpClientError`: it depends on the status) is
 * given to the handler, and stays in the type.
 */
import * as Effect from "effect/Effect"
import type { Blame } from "./Blame.ts"
import { blameOf, type BlameOf } from "./BlameOf.ts"
import { RetriesExhausted } from "./RetriesExhausted.ts"

/**
 * The members of `E` that may be blamed on `B`: what a handler gets. A `RetriesExhausted` is found by its own blame,
 * `exhausted`, and by its last error's.
 */
export type BlamedOn<E, B extends Blame> =
  E extends RetriesExhausted<infer Last>
    ? "exhausted" extends B
      ? E
      : [BlamedOn<Last, B>] extends [never]
        ? never
        : [Last] extends [BlamedOn<Last, B>]
          ? E
          : E & { readonly last: BlamedOn<Last, B> }
    : [Extract<BlameOf<E>, B>] extends [never]
      ? never
      : E

/** The members of `E` that may be blamed on something else than `B`, or on nobody: what is left when it is handled. */
export type NotBlamedOn<E, B extends Blame> =
  E extends RetriesExhausted<infer Last>
    ? "exhausted" extends B
      ? never
      : [NotBlamedOn<Last, B>] extends [never]
        ? never
        : [Last] extends [NotBlamedOn<Last, B>]
          ? E
          : E & { readonly last: NotBlamedOn<Last, B> }
    : [Exclude<BlameOf<E>, B>] extends [never]
      ? never
      : E

/**
 * `E`, which the compiler does not infer from a type that is asked for: in a pipe the errors are those of the effect, and
 * an annotation of the result has those that are handled no more. (`NoInfer` would stay in the result's type.)
 */
export type Late<E> = [E] extends [infer X] ? X : never

/** Whether an error is blamed on one of these; a `RetriesExhausted` also if its last error is. */
export const isBlamedOn = <B extends Blame>(error: unknown, blames: ReadonlyArray<B>): boolean => {
  const blame = blameOf(error)
  if (blame !== undefined && (blames as ReadonlyArray<Blame>).includes(blame)) return true
  return error instanceof RetriesExhausted && isBlamedOn(error.last, blames)
}

/**
 * Handles the errors of one blame and keeps the rest typed. After a retry it goes by the last error.
 *
 * ```ts import.meta.vitest
 * import { Effect } from "effect"
 * import { catchBlame, DoRequestFailed, Unauthorized } from "effect-resilience/errors"
 *
 * const call: Effect.Effect<string, DoRequestFailed | Unauthorized> = Effect.fail(new DoRequestFailed({}))
 * const rest: Effect.Effect<string, Unauthorized> = call.pipe(catchBlame("transport", () => Effect.succeed("cached")))
 *
 * Effect.runSync(rest) // => "cached"
 * ```
 */
export const catchBlame =
  <const B extends Blame, E, A2, E2, R2>(blame: B, handler: (error: BlamedOn<E, B>) => Effect.Effect<A2, E2, R2>) =>
  <A, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A | A2, NotBlamedOn<Late<E>, B> | E2, R | R2> =>
    Effect.catch(
      self,
      (error): Effect.Effect<A2, NotBlamedOn<Late<E>, B> | E2, R2> =>
        isBlamedOn(error, [blame])
          ? handler(error as BlamedOn<E, B>)
          : Effect.fail(error as unknown as NotBlamedOn<Late<E>, B>)
    )
