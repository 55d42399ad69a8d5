/**
 * The union of every error that this library and the relay put into an error channel, and what one does with it:
 * match it totally, handle it totally, describe it, encode it and decode it back to the same class.
 */
import { Effect, Schema } from "effect"
import type { Blame } from "./Blame.ts"
import { type catalogue, type Code, codeByTag, type Entry, lookup, type TagOf } from "./Catalogue.ts"
import { leaves } from "./Members.ts"
import { RetriesExhausted } from "./RetriesExhausted.ts"

/** Every class of the union. */
export const members = [...leaves, RetriesExhausted] as const

/** The union as a schema: what is encoded decodes to the same class. */
export const ResilienceError = Schema.Union(members)

/** Every error of this library. */
export type ResilienceError = typeof ResilienceError.Type

/** The tags of the union. */
export type Tag = ResilienceError["_tag"]

// The union and the catalogue say the same, both ways: a class without a row, or a row without a class, does not compile.
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : never) : never
const everyTagHasARow: Same<Tag, TagOf<Code>> = true
void everyTagHasARow

const isMember = Schema.is(ResilienceError)

/** Whether a value is an error of this union. */
export const isResilienceError = (value: unknown): value is ResilienceError => isMember(value)

/** The code of an error. */
export const codeOf = <T extends Tag>(error: { readonly _tag: T }): (typeof codeByTag)[T] => codeByTag[error._tag]

/** Who is to blame for an error. */
export const blameOf = (error: { readonly _tag: Tag }): Blame => lookup(codeByTag[error._tag]).blame

/** An error's catalogue entry with what only the error itself knows: its last status, and whether its reset is known. */
export interface Description extends Entry {
  readonly status: number
}

const statusOf = (error: ResilienceError, entry: Entry): number => {
  if (entry.status !== "last") return entry.status
  const last = error._tag === "RetriesExhausted" ? error.last : undefined
  return isResilienceError(last) && last._tag !== "RetriesExhausted" ? describe(last).status : 502
}

/** Everything that is known of an error: code, blame, HTTP status, type, severity, recoverable, public message. */
export const describe = (error: ResilienceError): Description => {
  const entry = lookup(codeByTag[error._tag])
  return {
    ...entry,
    status: statusOf(error, entry),
    recoverable: entry.recoverable || (entry.blame === "quota" && error.retryAfterMillis !== undefined)
  }
}

/** A handler for each tag of `E`: leaving one out is a compile error. */
export type Handlers<E extends { readonly _tag: string }, A> = {
  readonly [K in E["_tag"]]: (error: Extract<E, { readonly _tag: K }>) => A
}

/** What a handler gives, of all the handlers. */
type HandlersOut<H> = { readonly [K in keyof H]: H[K] extends (error: never) => infer Out ? Out : never }[keyof H]

/** Refuses a handler for a tag that is not one of `Tags`. */
type NoOther<H, Tags extends PropertyKey> = { readonly [K in Exclude<keyof H, Tags>]: never }

/**
 * Turns an error into a value, totally: there is a handler for each tag that the error can have, and for no other.
 *
 * ```ts import.meta.vitest
 * import { CircuitOpen, match, Throttled } from "effect-resilience/errors"
 *
 * const wait = (error: CircuitOpen | Throttled): number =>
 *   match(error, { CircuitOpen: (e) => e.retryAfterMillis ?? 1000, Throttled: () => 250 })
 *
 * wait(new Throttled({})) // => 250
 * ```
 */
export const match = <E extends { readonly _tag: string }, H extends Handlers<E, unknown>>(
  error: E,
  handlers: H & NoOther<H, E["_tag"]>
): HandlersOut<H> =>
  (handlers as unknown as { readonly [tag: string]: (error: E) => HandlersOut<H> })[error._tag]!(error)

type AnyHandlers<E extends { readonly _tag: string }> = Handlers<E, Effect.Effect<unknown, unknown, unknown>>

/**
 * Handles every error of an effect: the error channel becomes what the handlers can still fail with, which is `never`
 * when they cannot. A missing handler does not compile, nor does one for an error that there is not.
 *
 * ```ts import.meta.vitest
 * import { Effect } from "effect"
 * import { CircuitOpen, handleAll } from "effect-resilience/errors"
 *
 * const call: Effect.Effect<string, CircuitOpen> = Effect.fail(new CircuitOpen({}))
 * const total: Effect.Effect<string> = call.pipe(handleAll({ CircuitOpen: () => Effect.succeed("later") }))
 *
 * Effect.runSync(total) // => "later"
 * ```
 */
export const handleAll =
  <E extends { readonly _tag: string }, H extends AnyHandlers<E>>(
    handlers: H & AnyHandlers<E> & NoOther<H, E["_tag"]>
  ) =>
  <A, R>(
    self: Effect.Effect<A, E, R>
  ): Effect.Effect<
    A | Effect.Success<HandlersOut<H>>,
    Effect.Error<HandlersOut<H>>,
    R | Effect.Services<HandlersOut<H>>
  > =>
    Effect.catch(self, (error) =>
      (handlers as unknown as { readonly [tag: string]: (error: E) => Effect.Effect<never> })[error._tag]!(error)
    ) as never

/** The members of `E` whose blame is `B`. */
export type BlamedOn<E, B extends Blame> = E extends { readonly _tag: infer T extends Tag }
  ? BlameByTag[T] extends B
    ? E
    : never
  : never

type BlameByTag = { readonly [C in Code as TagOf<C>]: (typeof catalogue)[C]["blame"] }

/**
 * Handles the errors of one blame and keeps the rest typed.
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
  <A, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A | A2, Exclude<E, BlamedOn<E, B>> | E2, R | R2> =>
    Effect.catchIf(
      self,
      (error): error is E & BlamedOn<E, B> => isResilienceError(error) && blameOf(error) === blame,
      (error) => handler(error)
    ) as never

const codec = Schema.toCodecJson(ResilienceError)

/** An error as plain JSON. */
export const encode = Schema.encodeSync(codec)

/** Reads an error from plain JSON: the same class comes back. */
export const decode = Schema.decodeUnknownEffect(codec)
