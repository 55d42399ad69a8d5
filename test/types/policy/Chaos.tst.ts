import { Effect, type Stream } from "effect"
import { DoRequestFailed, StreamTruncated } from "effect-resilience/errors"
import { Chaos } from "effect-resilience/policy"
import { describe, expect, test } from "tstyche"

const call = Effect.succeed("fine")
declare const answer: Stream.Stream<string>

const made = <A, E>(_make: Effect.Effect<Chaos.Chaos<A, E>>): Chaos.Chaos<A, E> => null as never
const madeStream = <E>(_make: Effect.Effect<Chaos.StreamChaos<E>>): Chaos.StreamChaos<E> => null as never

describe("Chaos", () => {
  test("adds the injected fault to the errors, and the injected value to the successes", () => {
    const fault = made(Chaos.make({ fault: { rate: 0.1, error: () => new DoRequestFailed({}) } }))
    expect(call.pipe(Chaos.inject(fault))).type.toBe<Effect.Effect<string, DoRequestFailed>>()
    const outcome = made(Chaos.make({ outcome: { rate: 0.1, value: () => 503 } }))
    expect(Chaos.inject(call, outcome)).type.toBe<Effect.Effect<string | number>>()
  })

  test("latency adds nothing", () => {
    const latency = made(Chaos.make({ latency: { rate: 0.1, delay: "1 second" } }))
    expect(call.pipe(Chaos.inject(latency))).type.toBe<Effect.Effect<string>>()
  })

  test("a cut adds its error, if it has one", () => {
    const cut = madeStream(Chaos.makeStream({ cut: { rate: 0.1, at: 3, error: () => new StreamTruncated({}) } }))
    expect(answer.pipe(Chaos.injectStream(cut))).type.toBe<Stream.Stream<string, StreamTruncated>>()
    const silent = madeStream(Chaos.makeStream({ cut: { rate: 0.1, at: 3 }, stall: { rate: 0.1, at: 1 } }))
    expect(answer.pipe(Chaos.injectStream(silent))).type.toBe<Stream.Stream<string>>()
  })
})
