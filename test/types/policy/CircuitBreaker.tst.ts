import { Effect, type Layer, type Scope, type Stream } from "effect"
import type { CircuitOpen, DoRequestFailed } from "effect-resilience/errors"
import { CircuitBreaker } from "effect-resilience/policy"
import { describe, expect, test } from "tstyche"

declare const breaker: CircuitBreaker.CircuitBreaker
declare const call: Effect.Effect<{ readonly status: number }, DoRequestFailed, "Network">
declare const total: Effect.Effect<string>
declare const answer: Stream.Stream<string, DoRequestFailed, "Network">

type Protected = Effect.Effect<{ readonly status: number }, DoRequestFailed | CircuitOpen, "Network">

describe("CircuitBreaker", () => {
  test("adds CircuitOpen and nothing else, both ways of calling it", () => {
    expect(CircuitBreaker.protect(call, breaker)).type.toBe<Protected>()
    expect(call.pipe(CircuitBreaker.protect(breaker))).type.toBe<Protected>()
    expect(CircuitBreaker.protect(total, breaker)).type.toBe<Effect.Effect<string, CircuitOpen>>()
    expect(answer.pipe(CircuitBreaker.protectStream(breaker))).type.toBe<
      Stream.Stream<string, DoRequestFailed | CircuitOpen, "Network">
    >()
  })

  test("a judge sees the effect's own errors and values", () => {
    CircuitBreaker.protect(call, breaker, {
      isFailure: (error) => {
        expect(error).type.toBe<DoRequestFailed>()
        return true
      },
      isFailureValue: (value) => {
        expect(value).type.toBe<{ readonly status: number }>()
        return value.status >= 500
      }
    })
    const piped = call.pipe(CircuitBreaker.protect(breaker, { isFailureValue: ({ status }) => status >= 500 }))
    expect(piped).type.toBe<Protected>()
  })

  test("by key it needs the program's breakers, which a layer provides", () => {
    expect(call.pipe(CircuitBreaker.protectKey("a"))).type.toBe<
      Effect.Effect<
        { readonly status: number },
        DoRequestFailed | CircuitOpen,
        "Network" | CircuitBreaker.CircuitBreakers
      >
    >()
    expect(CircuitBreaker.layer()).type.toBe<Layer.Layer<CircuitBreaker.CircuitBreakers>>()
    const provided = Effect.provide(CircuitBreaker.protectKey(total, "a"), CircuitBreaker.layer())
    expect(provided).type.toBe<Effect.Effect<string, CircuitOpen>>()
  })

  test("a handle lasts as long as a scope", () => {
    expect(CircuitBreaker.isolate(breaker)).type.toBe<Effect.Effect<void, never, Scope.Scope>>()
  })
})
