import { Effect, type Stream } from "effect"
import type { CircuitOpen, DoRequestFailed, Unauthorized, UpstreamOverloaded } from "effect-resilience/errors"
import { Fallback, type PolicyTelemetry } from "effect-resilience/policy"
import { describe, expect, test } from "tstyche"

type Errors = DoRequestFailed | CircuitOpen | Unauthorized
declare const call: Effect.Effect<string, Errors, "Network">
declare const answer: Stream.Stream<string, Errors, "Network">
declare const cached: Effect.Effect<number, UpstreamOverloaded, "Cache">

describe("Fallback removes what it handles", () => {
  test("a value: everything", () => {
    expect(call.pipe(Fallback.value(0))).type.toBe<Effect.Effect<string | number, never, "Network">>()
    expect(Fallback.value(call, "none")).type.toBe<Effect.Effect<string, never, "Network">>()
  })

  test("an effect that cannot fail: everything", () => {
    expect(call.pipe(Fallback.effect(() => Effect.succeed(0)))).type.toBe<
      Effect.Effect<string | number, never, "Network">
    >()
  })

  test("an effect that can fail: the first error, or its own if asked", () => {
    expect(Fallback.effect(call, () => cached)).type.toBe<Effect.Effect<string | number, Errors, "Network" | "Cache">>()
    expect(Fallback.effect(call, () => cached, { fails: "fallback" })).type.toBe<
      Effect.Effect<string | number, UpstreamOverloaded, "Network" | "Cache">
    >()
    expect(call.pipe(Fallback.effect(() => cached, { fails: "fallback" }))).type.toBe<
      Effect.Effect<string | number, UpstreamOverloaded, "Network" | "Cache">
    >()
  })

  test("which of the two has to be known", () => {
    expect(Fallback.effect).type.not.toBeCallableWith(call, () => cached, {} as Fallback.Options)
  })

  test("by blame: those, and no others", () => {
    expect(call.pipe(Fallback.onBlame(["transport"], () => Effect.succeed("")))).type.toBe<
      Effect.Effect<string, CircuitOpen | Unauthorized, "Network">
    >()
    expect(Fallback.onBlame(call, ["transport", "rejected", "caller"], () => Effect.succeed(""))).type.toBe<
      Effect.Effect<string, never, "Network">
    >()
    Fallback.onBlame(call, ["rejected"], (error) => {
      expect(error).type.toBe<CircuitOpen>()
      return Effect.succeed("")
    })
    expect(Fallback.onBlame(call, ["rejected"], () => cached)).type.toBe<
      Effect.Effect<string | number, Errors, "Network" | "Cache">
    >()
    expect(Fallback.onBlame).type.not.toBeCallableWith(call, ["weather"], () => cached)
  })

  test("in a pipe whose result is annotated too", () => {
    const safe: Effect.Effect<string, CircuitOpen | Unauthorized, "Network"> = call.pipe(
      Fallback.onBlame(["transport"], (error) => {
        expect(error).type.toBe<DoRequestFailed>()
        return Effect.succeed("")
      })
    )
    const wider: Effect.Effect<string | number, Errors | UpstreamOverloaded, "Network" | "Cache"> = call.pipe(
      Fallback.onBlame(["rejected"], () => cached)
    )
    const all: Effect.Effect<string, never, "Network"> = call.pipe(
      Fallback.effect((error) => {
        expect(error).type.toBe<Errors>()
        return Effect.succeed("")
      })
    )
    const own: Effect.Effect<string | number, UpstreamOverloaded, "Network" | "Cache"> = call.pipe(
      Fallback.effect(() => cached, { fails: "fallback" })
    )
    const none: Effect.Effect<string, never, "Network"> = call.pipe(Fallback.value(""))
    expect([safe, wider, all, own, none]).type.not.toBe<never>()
  })

  test("a stream keeps its errors, since they may come after its first element", () => {
    expect(answer.pipe(Fallback.stream(() => answer))).type.toBe<Stream.Stream<string, Errors, "Network">>()
  })
})

describe("PolicyTelemetry", () => {
  test("its names are a closed set", () => {
    expect<PolicyTelemetry.EventName>().type.toBeAssignableFrom<"OnRetry">()
    expect<PolicyTelemetry.EventName>().type.not.toBeAssignableFrom<"OnSunday">()
  })
})
