/**
 * What every error of the union is made of: a plain class, without a schema, that is yielded in `Effect.gen` as Effect's
 * own errors are. `Codec` encodes and decodes them for who needs it.
 *
 * `message` says what happened, with figures, for logs and for debugging; a client reads it only where the caller is to
 * blame, and redacted. Everywhere else a client reads the catalogue's message.
 */
import type { Cause } from "effect"
import * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import { Blame } from "./Blame.ts"
import { catalogue, type Code, type TagOf, tagOf } from "./Catalogue.ts"

/** What an upstream said in its own words. Its codes live here and never become ours. */
export interface UpstreamSaid {
  readonly status?: number
  readonly code?: string
  readonly type?: string
  readonly param?: string | null
  readonly message?: string
}

/** One thing that is wrong with an input, and where. */
export interface Detail {
  readonly field: string
  readonly message: string
  readonly code: string
}

/** What every error may be given. */
export interface FaultFields {
  /** What happened. Default: the catalogue's message, with the error's own figures. */
  readonly message?: string
  /** A hint: how long to wait before asking again, in milliseconds. */
  readonly retryAfterMillis?: number
  readonly upstream?: UpstreamSaid
  readonly details?: ReadonlyArray<Detail>
  /** Whether asking again may help, whatever the catalogue's row says. */
  readonly retry?: boolean
  /** `false`: it leaves no row in the error log. */
  readonly record?: boolean
  /** What a client reads, as it is, in place of the catalogue's message. */
  readonly publicMessage?: string
}

/** What every error has, by its code. */
export interface Fault<C extends Code = Code> extends Cause.YieldableError, FaultFields {
  readonly _tag: TagOf<C>
  readonly message: string
  readonly [Blame.of]: (typeof catalogue)[C]["blame"]
}

/** A class to extend, by its code: `class NotFound extends fault("not_found")<{ readonly path?: string }> {}`. */
export interface FaultClass<C extends Code, Said extends object> {
  new <Own extends Said = Said>(fields: FaultFields & Own): Fault<C> & Readonly<Own>
  /** The tag of its errors. */
  readonly identifier: TagOf<C>
}

const TypeId = "~effect-resilience/errors/ResilienceError"

/** Whether a value is an error that `fault` made, in whatever copy of this module. */
export const isFault = (value: unknown): value is Fault =>
  typeof value === "object" && value !== null && TypeId in value

/**
 * HOT: a rejection costs what a bare `Error` costs, and 50 ns. `Data.TaggedError` costs 300 ns more, since it keeps its
 * arguments a second time; a `Schema.TaggedError`, which validates them, 900.
 */
const Base = /*#__PURE__*/ (() => {
  class Base extends globalThis.Error {
    declare readonly _tag: string

    constructor(tag: string, message: string, fields: FaultFields) {
      super(message)
      this._tag = tag
      const own = this as unknown as Record<string, unknown>
      for (const name in fields) {
        // The first two are set, and the last would set the prototype.
        if (name !== "message" && name !== "_tag" && name !== "__proto__") own[name] = fields[name as keyof FaultFields]
      }
    }

    toJSON(): unknown {
      // The message of an error is not among what is spread.
      const { _tag, message, ...own } = this
      return { _tag, message, ...own }
    }
  }
  const { toJSON } = Base.prototype
  const { toString: _, ...effect } = Effectable.Prototype<Effect.Effect<never, Base>>({
    label: "ResilienceError",
    evaluate() {
      return Effect.fail(this as unknown as Base)
    }
  }) as unknown as Record<PropertyKey, unknown>
  Object.assign(Base.prototype, effect, { toJSON, [TypeId]: TypeId })
  return Base
})()

/**
 * A base class for the errors of a code. `says` makes the message of an error that was given none.
 */
export const fault = <const C extends Code, Said extends object = object>(
  code: C,
  says?: (fields: Said & FaultFields) => string
): FaultClass<C, Said> => {
  const { blame, message } = catalogue[code]
  const tag = tagOf(code)
  class Fault extends Base {
    static readonly identifier = tag

    constructor(fields: Said & FaultFields) {
      super(tag, fields.message ?? says?.(fields) ?? message, fields)
    }
  }
  // Where everybody's errors carry it, once for all of the class.
  Object.assign(Fault.prototype, { name: tag, [Blame.of]: blame })
  return Fault as unknown as FaultClass<C, Said>
}

/**
 * Makes an error without capturing a stack. A rejection is an answer, not an accident: its stack says nothing, and
 * costs about 10 µs. Not for defects.
 */
export const stackless = <A>(make: () => A): A => {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 0
  try {
    return make()
  } finally {
    Error.stackTraceLimit = limit
  }
}

/**
 * The same error with another hint, without a stack.
 *
 * ```ts import.meta.vitest
 * import { UpstreamOverloaded, withHint } from "effect-resilience/errors"
 *
 * const error = withHint(new UpstreamOverloaded({ message: "busy" }), 1500)
 *
 * error.retryAfterMillis // => 1500
 * error.message // => "busy"
 * ```
 */
export const withHint = <E extends Fault>(error: E, retryAfterMillis: number): E => {
  const Class = error.constructor as new (fields: object) => E
  return stackless(() => new Class({ ...error, message: error.message, retryAfterMillis }))
}
