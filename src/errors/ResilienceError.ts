/**
 * The union of every error that this library and the relay put into an error channel, and what one does with it:
 * describe it, match it totally, handle it totally.
 */
import * as Effect from "effect/Effect"
import { type Code, codeByTag, type Entry, lookup, type TagOf } from "./Catalogue.ts"
import { isFault } from "./Fault.ts"
import type { ResilienceError } from "./Members.ts"
import { RetriesExhausted } from "./RetriesExhausted.ts"

/** The tags of the union. */
export type Tag = ResilienceError["_tag"]

// The union and the catalogue say the same, both ways: a class without a row, or a row without a class, does not compile.
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : never) : never
const everyTagHasARow: Same<Tag, TagOf<Code>> = true
void everyTagHasARow

/** Whether a value is an error of this union: an instance of one of its classes, or of a class made of one. */
export const isResilienceError = (value: unknown): value is ResilienceError => isFault(value)

/** The code of an error. */
export const codeOf = <T extends Tag>(error: { readonly _tag: T }): (typeof codeByTag)[T] => codeByTag[error._tag]

/** An error's catalogue entry with what only the error itself knows. */
export interface Description extends Entry {
  readonly status: number
}

const statusOf = (error: ResilienceError, entry: Entry): number => {
  if (entry.status !== "last") return entry.status
  const last = error instanceof RetriesExhausted ? error.last : undefined
  return isResilienceError(last) && !(last instanceof RetriesExhausted) ? describe(last).status : 502
}

/**
 * Everything that is known of an error: code, blame, HTTP status, type, severity, recoverable, public message.
 *
 * What the error says of itself wins over its row: its `retry` is `recoverable`, its `publicMessage` is `message`. A spent
 * quota is recoverable if its reset is known, and `retries_exhausted` has the status of its last.
 */
export const describe = (error: ResilienceError): Description => {
  const entry = lookup(codeByTag[error._tag])
  return {
    ...entry,
    status: statusOf(error, entry),
    recoverable:
      error.retry ?? (entry.recoverable || (entry.blame === "quota" && error.retryAfterMillis !== undefined)),
    message: error.publicMessage ?? entry.message
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
