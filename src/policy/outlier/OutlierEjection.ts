/**
 * Outlier ejection: leaves out of a pool those members that do worse than the others, for a while. A circuit breaker
 * judges a target by itself; this compares, and never empties the pool.
 *
 * **When to use**
 *
 * Where a call may go to any of several members, and you choose among them.
 *
 * **Details**
 *
 * `observe` runs a call to a member and counts how it ends, by `isFailure` and `isFailureValue`; cancelled calls,
 * rejections and the caller's faults count for nothing. `available` says which members to choose from. `OutlierState`
 * has the rules, after Envoy.
 *
 * **Gotchas**
 *
 * - Nothing is rejected and no error is added: whoever selects has to ask.
 * - By default a tenth of the pool may be out at once, and one member always may: of two, one.
 *
 * ```ts import.meta.vitest
 * import { Effect } from "effect"
 * import { DoRequestFailed } from "effect-resilience/errors"
 * import { OutlierEjection } from "effect-resilience/policy"
 *
 * const program = Effect.gen(function* () {
 *   const pool = yield* OutlierEjection.make({ members: ["a", "b", "c"], consecutive: 2 })
 *   const fail = Effect.exit(OutlierEjection.observe(Effect.fail(new DoRequestFailed({})), pool, "b"))
 *   yield* fail
 *   yield* fail
 *   return yield* OutlierEjection.available(pool)
 * })
 *
 * await Effect.runPromise(program) // => ["a", "c"]
 * ```
 */
import type { Duration, Exit, Fiber } from "effect"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { both } from "../Combinator.ts"
import * as Check from "../InvalidPolicyOption.ts"
import * as Judge from "../Judge.ts"
import * as MonotonicClock from "../MonotonicClock.ts"
import * as OutlierState from "./OutlierState.ts"
import * as PolicyTelemetry from "../PolicyTelemetry.ts"

/** How ejection behaves; the defaults are Envoy's. */
export interface Options extends Judge.Judge {
  /** Who belongs to the pool. Default: nobody yet; see `setMembers`. */
  readonly members?: Iterable<string> | undefined
  /** So many failures in a row eject; 0 turns that off. Default: 5. */
  readonly consecutive?: number | undefined
  /** How often success rates are compared. Default: 10 seconds. */
  readonly interval?: Duration.Input | undefined
  /** How long the first ejection lasts; the n-th lasts n times that. Default: 30 seconds. */
  readonly base?: Duration.Input | undefined
  /** No ejection is longer. Default: 300 seconds. */
  readonly max?: Duration.Input | undefined
  /**
   * The share of the pool that may be ejected at once, above 0 and up to 1; one always may, the last never. Default:
   * 0.1.
   */
  readonly maxShare?: number | undefined
  /** How success rates are compared; `"off"` turns that off. */
  readonly successRate?:
    | "off"
    | {
        /** Only if so many members have the volume. Default: 5. */
        readonly minMembers?: number | undefined
        /** Only members with so many calls in the interval. Default: 100. */
        readonly minVolume?: number | undefined
        /** Below the mean by so many standard deviations. Default: 1.9. */
        readonly factor?: number | undefined
      }
    | undefined
}

/** A pool: a value that any number of programs share. */
export interface OutlierEjection {
  readonly pool: OutlierState.Pool
  /** What it was told to count against a member. */
  readonly judge: Judge.Judge
}

/** Makes a pool. Throws `InvalidPolicyOption` for options that make no sense. */
export const make = (options: Options = {}): Effect.Effect<OutlierEjection> => {
  const where = "OutlierEjection.make"
  const rate = options.successRate === "off" ? { factor: 0 } : (options.successRate ?? {})
  const factor = options.successRate === "off" ? 0 : Check.positive(where, "factor", rate.factor ?? 1.9)
  const baseMillis = Check.positiveMillis(where, "base", options.base ?? "30 seconds")
  const maxMillis = Check.positiveMillis(where, "max", options.max ?? "300 seconds")
  Check.orderedMillis(where, "base", baseMillis, "max", maxMillis, { ...options })
  const settings: OutlierState.Settings = {
    consecutive: Check.nonNegativeInt(where, "consecutive", options.consecutive ?? 5),
    intervalMillis: Check.positiveMillis(where, "interval", options.interval ?? "10 seconds"),
    baseMillis,
    maxMillis,
    maxShare: Check.positiveFraction(where, "maxShare", options.maxShare ?? 0.1),
    minMembers: Check.positiveInt(where, "minMembers", rate.minMembers ?? 5),
    minVolume: Check.positiveInt(where, "minVolume", rate.minVolume ?? 100),
    factor
  }
  return Effect.sync(() => {
    const pool = OutlierState.make(settings)
    OutlierState.setMembers(pool, options.members ?? [])
    return { pool, judge: Judge.of(options) }
  })
}

/** Says who belongs to the pool from now on. Who stays keeps what is known of them. */
export const setMembers = (self: OutlierEjection, members: Iterable<string>): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    tell(OutlierState.setMembers(self.pool, members), fiber)
    return Effect.void
  })

/**
 * Runs a call to a member and counts how it ends. Adds nothing to its errors, and rejects nothing. `judge` says what
 * counts for this effect, in place of what the pool was made with.
 */
export const observe: {
  /**
   * Runs a call to a member and counts how it ends. Adds nothing to its errors, and rejects nothing. `judge` says
   * what counts for this effect, in place of what the pool was made with.
   *
   * In a pipe.
   */
  (ejection: OutlierEjection, member: string): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /**
   * Runs a call to a member and counts how it ends. Adds nothing to its errors, and rejects nothing. `judge` says
   * what counts for this effect, in place of what the pool was made with.
   *
   * In a pipe, with a judge of this effect's own.
   */
  <A, E>(
    ejection: OutlierEjection,
    member: string,
    judge: Judge.Judge<NoInfer<A>, NoInfer<E>>
  ): <R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /**
   * Runs a call to a member and counts how it ends. Adds nothing to its errors, and rejects nothing. `judge` says
   * what counts for this effect, in place of what the pool was made with.
   *
   * As a call.
   */
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    ejection: OutlierEjection,
    member: string,
    judge?: Judge.Judge<NoInfer<A>, NoInfer<E>>
  ): Effect.Effect<A, E, R>
} = /*#__PURE__*/ both(
  Effect.isEffect,
  { where: "OutlierEjection.observe", option: "ejection", maker: "OutlierEjection.make" },
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    ejection: OutlierEjection,
    member: string,
    judge?: Judge.Judge<A, E>
  ): Effect.Effect<A, E, R> =>
    Effect.onExit(self, (exit) => count(ejection, member, Judge.exitFailed(exit, ejection.judge, judge), exit))
)

/** Runs a stream from a member and counts how it ends; an end that the reader chose is a success. Adds nothing. */
export const observeStream: {
  /**
   * Runs a stream from a member and counts how it ends; an end that the reader chose is a success. Adds nothing.
   *
   * In a pipe.
   */
  (ejection: OutlierEjection, member: string): <A, E, R>(self: Stream.Stream<A, E, R>) => Stream.Stream<A, E, R>
  /**
   * Runs a stream from a member and counts how it ends; an end that the reader chose is a success. Adds nothing.
   *
   * In a pipe, with a judge of this stream's own.
   */
  <A, E>(
    ejection: OutlierEjection,
    member: string,
    judge: Judge.ErrorJudge<NoInfer<E>>
  ): <R>(self: Stream.Stream<A, E, R>) => Stream.Stream<A, E, R>
  /**
   * Runs a stream from a member and counts how it ends; an end that the reader chose is a success. Adds nothing.
   *
   * As a call.
   */
  <A, E, R>(
    self: Stream.Stream<A, E, R>,
    ejection: OutlierEjection,
    member: string,
    judge?: Judge.ErrorJudge<NoInfer<E>>
  ): Stream.Stream<A, E, R>
} = /*#__PURE__*/ both(
  Stream.isStream,
  { where: "OutlierEjection.observeStream", option: "ejection", maker: "OutlierEjection.make" },
  <A, E, R>(
    self: Stream.Stream<A, E, R>,
    ejection: OutlierEjection,
    member: string,
    judge?: Judge.ErrorJudge<E>
  ): Stream.Stream<A, E, R> =>
    Stream.onExit(self, (exit) =>
      count(ejection, member, Judge.exitFailed(exit, Judge.ofErrors(ejection.judge), judge), exit)
    )
)

const count = (
  ejection: OutlierEjection,
  member: string,
  failed: boolean,
  exit: Exit.Exit<unknown, unknown>
): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    if (failed || exit._tag === "Success") {
      tell(OutlierState.record(ejection.pool, member, !failed, MonotonicClock.millis(fiber)), fiber)
    }
    return Effect.void
  })

/** The members to choose from, in their order. Never none while there are any. */
export const available = (ejection: OutlierEjection): Effect.Effect<ReadonlyArray<string>> =>
  Effect.withFiber((fiber) => {
    tell(OutlierState.advance(ejection.pool, MonotonicClock.millis(fiber)), fiber)
    const keys = Array.from(ejection.pool.members.keys())
    return Effect.succeed(keys.filter((key) => !OutlierState.isEjected(ejection.pool, key)))
  })

/** Whether a member is left out now. */
export const isEjected = (ejection: OutlierEjection, member: string): Effect.Effect<boolean> =>
  Effect.withFiber((fiber) => {
    tell(OutlierState.advance(ejection.pool, MonotonicClock.millis(fiber)), fiber)
    return Effect.succeed(OutlierState.isEjected(ejection.pool, member))
  })

const tell = (changes: ReadonlyArray<OutlierState.Change>, fiber: Fiber.Fiber<unknown, unknown>): void => {
  for (const { forMillis, key, what, why } of changes) {
    PolicyTelemetry.emit(fiber, what === "ejected" ? "OnOutlierEjected" : "OnOutlierReturned", () => ({
      policy: "OutlierEjection",
      key,
      attributes: what === "ejected" ? { why, forMillis } : {}
    }))
  }
}
