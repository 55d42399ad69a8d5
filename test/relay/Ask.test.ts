/**
 * The relay inside another Effect program: a question, and its answer as a stream of typed events.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import { Script } from "effect-resilience/testing"
import { Journal } from "#src/journal/index"
import { Relay, RelayEvents, sinkOf } from "#src/relay/index"
import { channel, options, virtualRelay, whole, wholeText } from "./virtual.ts"

const channels = [channel("a", { priority: 2 }), channel("b", { priority: 1 })]

describe("Relay.ask", () => {
  it.effect("gives the answer as it comes, with what happens to it", () =>
    Effect.gen(function* () {
      const { layer } = virtualRelay(options(channels), {
        a: [whole.pipe(Script.cutAfter(10, "reset"))],
        b: [whole]
      })
      yield* Effect.gen(function* () {
        const relay = yield* Relay
        const asked = yield* Effect.forkChild(Stream.runCollect(relay.ask({ message: "hello", model: "m" })))
        for (let n = 0; n < 100; n++) yield* TestClock.adjust(100)
        const events = yield* Fiber.join(asked)
        assert.deepStrictEqual([...new Set(events.map(({ _tag }) => _tag))], ["Init", "Content", "Failover", "Done"])
        assert.strictEqual(events.map((event) => (event._tag === "Content" ? event.content : "")).join(""), wholeText)
        const [init] = events
        events.forEach(({ id }, seq) => assert.strictEqual(id, `${init?._tag === "Init" ? init.streamId : ""}.${seq}`))
        const last = events.at(-1)
        assert.strictEqual(last?._tag === "Done" ? last.fullContent : "", wholeText)
      }).pipe(Effect.provide(layer))
    })
  )

  it.effect("fails with the answer's own error", () =>
    Effect.gen(function* () {
      const { layer } = virtualRelay(options([channel("a")]), { a: [Script.status(401)] })
      yield* Effect.gen(function* () {
        const relay = yield* Relay
        const asked = yield* Effect.forkChild(Effect.flip(Stream.runDrain(relay.ask({ message: "hello" }))))
        for (let n = 0; n < 20; n++) yield* TestClock.adjust(1000)
        assert.strictEqual((yield* Fiber.join(asked))._tag, "ChannelInvalidKey")
        const wrong = yield* Effect.flip(Stream.runDrain(relay.ask({ message: "" })))
        assert.strictEqual(wrong._tag, "InvalidRequest")
        const unknown = yield* Effect.flip(Stream.runDrain(relay.ask({ message: "hello", model: "other" })))
        assert.strictEqual(unknown._tag, "ModelNotFound")
      }).pipe(Effect.provide(layer))
    })
  )

  it.effect("is over, and told to be, when whoever asked goes on", () =>
    Effect.gen(function* () {
      const { layer } = virtualRelay(options([channel("a")]), { a: [whole] })
      yield* Effect.gen(function* () {
        const relay = yield* Relay
        const events = yield* RelayEvents
        const told: Array<string> = []
        const asking = Effect.scoped(
          Effect.gen(function* () {
            yield* Effect.acquireRelease(
              Effect.sync(() =>
                events.add(
                  "test",
                  sinkOf(({ _tag }) => void told.push(_tag))
                )
              ),
              (remove) => Effect.sync(remove)
            )
            yield* Stream.runDrain(relay.ask({ message: "hello" }))
            told.push(`${relay.active()} under way`)
          })
        )
        const asked = yield* Effect.forkChild(asking)
        for (let n = 0; n < 100; n++) yield* TestClock.adjust(100)
        yield* Fiber.join(asked)
        assert.deepStrictEqual(told.slice(-2), ["StreamEnded", "0 under way"])
      }).pipe(Effect.provide(layer))
    })
  )

  it.effect("whoever stops reading cancels it", () =>
    Effect.gen(function* () {
      const { calls, layer } = virtualRelay(options([channel("a")]), { a: [whole] })
      yield* Effect.gen(function* () {
        const relay = yield* Relay
        const journal = yield* Journal
        const asked = yield* Effect.forkChild(relay.ask({ message: "hello" }).pipe(Stream.take(4), Stream.runCollect))
        for (let n = 0; n < 20; n++) yield* TestClock.adjust(100)
        const [init] = yield* Fiber.join(asked)
        assert.isTrue(calls().every(({ closed }) => closed))
        assert.strictEqual(relay.active(), 0)
        const frames = yield* journal.frames(init?._tag === "Init" ? init.streamId : "", -1)
        assert.include(frames.at(-1), "client_gone")
      }).pipe(Effect.provide(layer))
    })
  )
})
