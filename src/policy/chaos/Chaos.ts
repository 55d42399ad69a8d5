/**
 * Chaos: makes a part of all calls fail, late or wrong on purpose, and cuts, stalls or doubles streams, to see whether
 * the policies around it hold.
 *
 * **When to use**
 *
 * In tests and drills, innermost: next to what it pretends to be.
 *
 * **Details**
 *
 * The kinds and their order (fault, latency, outcome) are Polly's (Simmy). With a `seed` the same calls are hurt in
 * each run, whatever else the program draws; without one the draws come from the program's `Random`.
 *
 * **Gotchas**
 *
 * It is off by default, twice: nothing is injected unless the program runs with `Chaos.allow` (or `layerAllowed`), so a
 * forgotten `inject` in production does nothing; and `halt` is the kill switch of each chaos, at any moment.
 *
 * ```ts import.meta.vitest
 * import { Effect } from "effect"
 * import { DoRequestFailed } from "effect-resilience/errors"
 * import { Chaos } from "effect-resilience/policy"
 *
 * const program = Effect.gen(function* () {
 *   const chaos = yield* Chaos.make({ fault: { rate: 1, error: () => new DoRequestFailed({}) } })
 *   const call = Effect.succeed("fine").pipe(
 *     Chaos.inject(chaos),
 *     Effect.catchTag("DoRequestFailed", () => Effect.succeed("hurt"))
 *   )
 *   return [yield* call, yield* Chaos.allow(call)]
 * })
 *
 * await Effect.runPromise(program) // => ["fine", "hurt"]
 * ```
 */
import type { Duration, Fiber } from "effect"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Stream from "effect/Stream"
import { dual } from "effect/Function"
import * as ChaosPlan from "./ChaosPlan.ts"
import * as Check from "../InvalidPolicyOption.ts"
import * as PolicyTelemetry from "../PolicyTelemetry.ts"
import { seededDraws } from "./SeededDraws.ts"

/** What is injected. Each kind is left out unless it is configured; each rate is a share from 0 to 1. */
export interface Options<A = never, E = never> {
  /** Draws of its own, the same in each run. Default: the program's `Random`. */
  readonly seed?: number | undefined
  /** Fails instead of running the call. */
  readonly fault?: { readonly rate: number; readonly error: () => E } | undefined
  /** Waits before running the call. */
  readonly latency?: { readonly rate: number; readonly delay: Duration.Input } | undefined
  /** Answers with a value instead of running the call. */
  readonly outcome?: { readonly rate: number; readonly value: () => A } | undefined
}

/** What is injected into streams, before the element number `at` (from 0). Each kind is left out unless configured. */
export interface StreamOptions<E = never> {
  /** Draws of its own, the same in each run. Default: the program's `Random`. */
  readonly seed?: number | undefined
  /** Ends the stream there: with an error, or without one as if it were whole. */
  readonly cut?: { readonly rate: number; readonly at: number; readonly error?: (() => E) | undefined } | undefined
  /** Is silent there for so long, or for ever. */
  readonly stall?:
    | { readonly rate: number; readonly at: number; readonly delay?: Duration.Input | undefined }
    | undefined
  /** Gives the element with this number twice. */
  readonly duplicate?: { readonly rate: number; readonly at: number } | undefined
}

interface Switch {
  halted: boolean
  readonly draws: (() => number) | undefined
}

/** Chaos for effects. */
export interface Chaos<A = never, E = never> extends Switch {
  readonly options: Options<A, E>
  readonly rates: ChaosPlan.CallRates
}

/** Chaos for streams. */
export interface StreamChaos<E = never> extends Switch {
  readonly options: StreamOptions<E>
  readonly rates: ChaosPlan.StreamRates
}

/** Whether a program may be hurt. Default: no. */
export const Allowed = /*#__PURE__*/ Context.Reference<boolean>("effect-resilience/policy/Chaos/Allowed", {
  defaultValue: () => false
})

/** Lets chaos into a program. */
export const allow = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.provideService(self, Allowed, true)

/** Lets chaos into every program that gets this layer. */
export const layerAllowed: Layer.Layer<never> = Layer.succeed(Allowed, true)

const rateOf = (where: string, kind: string, rate: number | undefined): number | undefined =>
  rate === undefined ? undefined : Check.fraction(where, `${kind}.rate`, rate)

const drawsOf = (where: string, seed: number | undefined): (() => number) | undefined => {
  if (seed === undefined) return undefined
  if (!Number.isSafeInteger(seed)) Check.refuse(where, "seed", "a whole number", seed)
  return seededDraws(seed)
}

/** Makes chaos for effects. Throws `InvalidPolicyOption` for options that make no sense. */
export const make = <A = never, E = never>(options: Options<A, E>): Effect.Effect<Chaos<A, E>> => {
  const where = "Chaos.make"
  const rates: ChaosPlan.CallRates = {
    fault: rateOf(where, "fault", options.fault?.rate),
    latency: rateOf(where, "latency", options.latency?.rate),
    outcome: rateOf(where, "outcome", options.outcome?.rate)
  }
  if (options.latency !== undefined) Check.nonNegativeMillis(where, "latency.delay", options.latency.delay)
  drawsOf(where, options.seed)
  return Effect.sync(() => ({ options, rates, halted: false, draws: drawsOf(where, options.seed) }))
}

/** Makes chaos for streams. Throws `InvalidPolicyOption` for options that make no sense. */
export const makeStream = <E = never>(options: StreamOptions<E>): Effect.Effect<StreamChaos<E>> => {
  const where = "Chaos.makeStream"
  const place = (kind: "cut" | "stall" | "duplicate"): ChaosPlan.Place | undefined => {
    const one = options[kind]
    if (one === undefined) return undefined
    const at = Check.nonNegativeInt(where, `${kind}.at`, one.at)
    return { rate: Check.fraction(where, `${kind}.rate`, one.rate), at }
  }
  const rates: ChaosPlan.StreamRates = { cut: place("cut"), stall: place("stall"), duplicate: place("duplicate") }
  const delay = options.stall?.delay
  if (delay !== undefined) Check.nonNegativeMillis(where, "stall.delay", delay)
  drawsOf(where, options.seed)
  return Effect.sync(() => ({ options, rates, halted: false, draws: drawsOf(where, options.seed) }))
}

/** The kill switch: nothing is injected any more into calls and streams that begin from now on, in whatever program. */
export const halt = (chaos: Switch): Effect.Effect<void> => Effect.sync(() => void (chaos.halted = true))

/** Undoes `halt`. */
export const resume = (chaos: Switch): Effect.Effect<void> => Effect.sync(() => void (chaos.halted = false))

type AnyFiber = Fiber.Fiber<unknown, unknown>

const isOn = (chaos: Switch, fiber: AnyFiber): boolean => !chaos.halted && fiber.getRef(Allowed)

const drawFrom = (chaos: Switch, fiber: AnyFiber): (() => number) =>
  chaos.draws ?? (() => fiber.getRef(Random.Random).nextDoubleUnsafe())

const tell = (fiber: AnyFiber, name: PolicyTelemetry.EventName): void =>
  PolicyTelemetry.emit(fiber, name, () => ({ policy: "Chaos" }))

/** Runs an effect with chaos. Adds the injected fault to its errors and the injected value to its successes. */
export const inject: {
  /**
   * Runs an effect with chaos. Adds the injected fault to its errors and the injected value to its successes.
   *
   * In a pipe.
   */
  <A2, E2>(chaos: Chaos<A2, E2>): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A | A2, E | E2, R>
  /**
   * Runs an effect with chaos. Adds the injected fault to its errors and the injected value to its successes.
   *
   * As a call.
   */
  <A, E, R, A2, E2>(self: Effect.Effect<A, E, R>, chaos: Chaos<A2, E2>): Effect.Effect<A | A2, E | E2, R>
} = /*#__PURE__*/ dual(
  2,
  <A, E, R, A2, E2>(self: Effect.Effect<A, E, R>, chaos: Chaos<A2, E2>): Effect.Effect<A | A2, E | E2, R> =>
    Effect.withFiber((fiber): Effect.Effect<A | A2, E | E2, R> => {
      if (!isOn(chaos, fiber)) return self
      const { fault, latency, outcome } = chaos.options
      const plan = ChaosPlan.planCall(chaos.rates, drawFrom(chaos, fiber))
      if (plan.fault) {
        tell(fiber, "Chaos.OnFault")
        return Effect.suspend(() => Effect.fail(fault!.error()))
      }
      if (plan.outcome) tell(fiber, "Chaos.OnOutcome")
      const answer: Effect.Effect<A | A2, E, R> = plan.outcome ? Effect.sync(() => outcome!.value()) : self
      if (!plan.latency) return answer
      tell(fiber, "Chaos.OnLatency")
      return Effect.andThen(Effect.sleep(latency!.delay), answer)
    })
)

/** Runs a stream with chaos, decided anew for each run of it. Adds the error of a cut to its errors. */
export const injectStream: {
  /**
   * Runs a stream with chaos, decided anew for each run of it. Adds the error of a cut to its errors.
   *
   * In a pipe.
   */
  <E2>(chaos: StreamChaos<E2>): <A, E, R>(self: Stream.Stream<A, E, R>) => Stream.Stream<A, E | E2, R>
  /**
   * Runs a stream with chaos, decided anew for each run of it. Adds the error of a cut to its errors.
   *
   * As a call.
   */
  <A, E, R, E2>(self: Stream.Stream<A, E, R>, chaos: StreamChaos<E2>): Stream.Stream<A, E | E2, R>
} = /*#__PURE__*/ dual(
  2,
  <A, E, R, E2>(self: Stream.Stream<A, E, R>, chaos: StreamChaos<E2>): Stream.Stream<A, E | E2, R> =>
    Stream.unwrap(
      Effect.withFiber((fiber) => {
        if (!isOn(chaos, fiber)) return Effect.succeed<Stream.Stream<A, E | E2, R>>(self)
        const { cutAt, duplicateAt, stallAt } = ChaosPlan.planStream(chaos.rates, drawFrom(chaos, fiber))
        let stream: Stream.Stream<A, E | E2, R> = self
        if (duplicateAt !== undefined) stream = duplicated(stream, duplicateAt, fiber)
        if (stallAt !== undefined) stream = stalled(stream, stallAt, chaos.options.stall?.delay, fiber)
        if (cutAt !== undefined) stream = cut(stream, cutAt, chaos.options.cut?.error, fiber)
        return Effect.succeed(stream)
      })
    )
)

const duplicated = <A, E, R>(self: Stream.Stream<A, E, R>, at: number, fiber: AnyFiber): Stream.Stream<A, E, R> =>
  Stream.suspend(() => {
    let seen = 0
    return Stream.flatMap(self, (element) => {
      if (seen++ !== at) return Stream.succeed(element)
      tell(fiber, "Chaos.OnDuplicate")
      return Stream.make(element, element)
    })
  })

const stalled = <A, E, R>(
  self: Stream.Stream<A, E, R>,
  at: number,
  delay: Duration.Input | undefined,
  fiber: AnyFiber
): Stream.Stream<A, E, R> => {
  const silence = Effect.suspend(() => {
    tell(fiber, "Chaos.OnStall")
    return delay === undefined ? Effect.never : Effect.sleep(delay)
  })
  return Stream.suspend(() => {
    let seen = 0
    // One by one: an element before the place must not wait in an array with those behind it.
    return Stream.mapEffect(Stream.rechunk(self, 1), (element) =>
      seen++ === at ? Effect.as(silence, element) : Effect.succeed(element)
    )
  })
}

const cut = <A, E, R, E2>(
  self: Stream.Stream<A, E, R>,
  at: number,
  error: (() => E2) | undefined,
  fiber: AnyFiber
): Stream.Stream<A, E | E2, R> =>
  Stream.suspend(() => {
    let given = 0
    const counted = Stream.tap(Stream.take(self, at), () => Effect.sync(() => void given++))
    // A stream that was shorter than the place was not cut.
    const end = Stream.suspend((): Stream.Stream<never, E2> => {
      if (given < at) return Stream.empty
      tell(fiber, "Chaos.OnCut")
      return error === undefined ? Stream.empty : Stream.fail(error())
    })
    return Stream.concat(counted, end)
  })
