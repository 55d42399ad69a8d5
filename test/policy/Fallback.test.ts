import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { Effect, Exit, Stream } from "effect"
import { CircuitOpen, DoRequestFailed, Unauthorized, UpstreamOverloaded } from "effect-resilience/errors"
import { Fallback, PolicyTelemetry } from "effect-resilience/policy"

const down = new DoRequestFailed({})
const call: Effect.Effect<string, DoRequestFailed | Unauthorized> = Effect.fail(down)

describe("Fallback", () => {
  it.effect("a value answers every error and takes it out of the type", () =>
    Effect.gen(function* () {
      const total = call.pipe(Fallback.value(0))
      expectTypeOf(total).toEqualTypeOf<Effect.Effect<string | number>>()
      assert.strictEqual(yield* total, 0)
      assert.strictEqual(yield* Fallback.value(Effect.succeed("fine"), 0), "fine")
    })
  )

  it.effect("an effect answers, and knows the error", () =>
    Effect.gen(function* () {
      const total = Fallback.effect(call, (error) => Effect.succeed(error._tag))
      expectTypeOf(total).toEqualTypeOf<Effect.Effect<string>>()
      assert.strictEqual(yield* total, "DoRequestFailed")
    })
  )

  it.effect("when the fallback fails too, the first error comes out, or its own if asked", () =>
    Effect.gen(function* () {
      const broken = () => Effect.fail(new UpstreamOverloaded({}))
      const first = call.pipe(Fallback.effect(broken))
      const own = call.pipe(Fallback.effect(broken, { fails: "fallback" }))
      expectTypeOf(own).toEqualTypeOf<Effect.Effect<string, UpstreamOverloaded>>()
      assert.strictEqual(yield* Effect.flip(first), down)
      assert.instanceOf(yield* Effect.flip(own), UpstreamOverloaded)
    })
  )

  it.effect("by blame: what it handles leaves the type, the rest stays", () =>
    Effect.gen(function* () {
      const both: Effect.Effect<string, DoRequestFailed | CircuitOpen | Unauthorized> = Effect.fail(new CircuitOpen({}))
      const safe = both.pipe(Fallback.onBlame(["transport", "rejected"], () => Effect.succeed("cached")))
      expectTypeOf(safe).toEqualTypeOf<Effect.Effect<string, Unauthorized>>()
      assert.strictEqual(yield* safe, "cached")
      const caller: Effect.Effect<string, DoRequestFailed | Unauthorized> = Effect.fail(new Unauthorized({}))
      const kept = caller.pipe(Fallback.onBlame(["transport"], () => Effect.succeed("cached")))
      assert.instanceOf(yield* Effect.flip(kept), Unauthorized)
    })
  )

  it.effect("by blame: when the fallback fails, the first error is still there", () =>
    Effect.gen(function* () {
      const failed = call.pipe(Fallback.onBlame(["transport"], () => Effect.fail("no cache")))
      expectTypeOf(failed).toEqualTypeOf<Effect.Effect<string, DoRequestFailed | Unauthorized>>()
      assert.strictEqual(yield* Effect.flip(failed), down)
    })
  )

  it.effect("an error that we do not know is of no blame", () =>
    Effect.gen(function* () {
      const unknown: Effect.Effect<string, Error> = Effect.fail(new Error("what?"))
      const kept = unknown.pipe(Fallback.onBlame(["transport"], () => Effect.succeed("cached")))
      assert.strictEqual((yield* Effect.flip(kept)).message, "what?")
    })
  )

  it.effect("defects and interruptions are not handled", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* Effect.exit(Fallback.value(Effect.die("bug"), 0)), Exit.die("bug"))
      assert.isTrue(Exit.hasInterrupts(yield* Effect.exit(Fallback.value(Effect.interrupt, 0))))
    })
  )

  it.effect("tells of it", () =>
    Effect.gen(function* () {
      const events: Array<PolicyTelemetry.Event> = []
      const listening = Effect.provideService(
        PolicyTelemetry.Sink,
        (event: PolicyTelemetry.Event) => void events.push(event)
      )
      yield* listening(Fallback.value(call, 0))
      yield* listening(Fallback.value(Effect.succeed(1), 0))
      assert.deepStrictEqual(
        events.map((event) => [event.name, event.error]),
        [["OnFallback", down]]
      )
    })
  )
})

describe("Fallback.stream", () => {
  it.effect("answers a stream that failed before its first element", () =>
    Effect.gen(function* () {
      const safe: Stream.Stream<number, DoRequestFailed> = Stream.fail(down).pipe(
        Fallback.stream(() => Stream.make(1, 2))
      )
      assert.deepStrictEqual(yield* Stream.runCollect(safe), [1, 2])
    })
  )

  // Effect's Stream.withExecutionPlan mixes the two by default.
  it.effect("never mixes two answers", () =>
    Effect.gen(function* () {
      const seen: Array<number> = []
      const cut = Stream.concat(Stream.make(1), Stream.fail(down)).pipe(Fallback.stream(() => Stream.make(2)))
      const error = yield* Effect.flip(Stream.runForEach(cut, (n) => Effect.sync(() => void seen.push(n))))
      assert.strictEqual(error, down)
      assert.deepStrictEqual(seen, [1])
    })
  )
})

describe("Fallback: types", () => {
  it("which error comes out has to be known to the compiler", () => {
    const other = () => Effect.fail("no cache" as const)
    expectTypeOf(Fallback.effect(call, other, { fails: "first" })).toEqualTypeOf<
      Effect.Effect<string, DoRequestFailed | Unauthorized>
    >()
    expectTypeOf(Fallback.effect(call, other, { fails: "fallback" })).toEqualTypeOf<Effect.Effect<string, "no cache">>()
    const options: Fallback.Options = { fails: "fallback" }
    // @ts-expect-error one of the two, but which?
    Fallback.effect(call, other, options)
  })
})
