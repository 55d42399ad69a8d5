import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Stream } from "effect"
import { BadResponseBody } from "effect-resilience/errors"
import { encodeEvent, InvalidSseOption, makeSseParser, SseStream, type SseEvent } from "effect-resilience/sse"
import * as fc from "fast-check"

const bytes = (text: string) => new TextEncoder().encode(text)

describe("SseStream", () => {
  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])("takes no limit that is none (%d)", (maxEventBytes) => {
    assert.throws(() => makeSseParser({ maxEventBytes, onEvent: () => {} }), InvalidSseOption, "maxEventBytes")
    const exit = Effect.runSyncExit(
      Stream.make(bytes("data: a\n\n")).pipe(SseStream.decode({ maxEventBytes }), Stream.runDrain)
    )
    assert.isTrue(exit._tag === "Failure" && Cause.hasDies(exit.cause))
  })

  it.effect("gives a chunk's events as one array, and an empty chunk none", () =>
    Effect.gen(function* () {
      const arrays: Array<ReadonlyArray<string>> = []
      yield* Stream.make(bytes("data: a\n\ndata: b\n\nda"), bytes("ta: c"), bytes("\n\n"), bytes("data: cut")).pipe(
        Stream.rechunk(1),
        SseStream.decode(),
        Stream.runForEachArray((events) => Effect.sync(() => arrays.push(events.map((event) => event.data))))
      )
      assert.deepStrictEqual(arrays, [["a", "b"], ["c"]])
    })
  )

  it.effect("fails after an overflow, once what came before it was given", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const error = yield* Stream.make(bytes(`data: a\n\ndata: ${"x".repeat(100)}\n\n`)).pipe(
        SseStream.decode({ maxEventBytes: 50 }),
        Stream.runForEach((event) => Effect.sync(() => seen.push(event.data))),
        Effect.flip
      )
      assert.instanceOf(error, BadResponseBody)
      assert.deepStrictEqual(seen, ["a"])
    })
  )

  it.effect("gives what the end has cut off where that is whole, and tells what it ignores", () =>
    Effect.gen(function* () {
      const ignored: Array<string> = []
      const read = (text: string) =>
        Stream.make(bytes(text)).pipe(
          SseStream.decode({ isWholeAtEnd: ({ data }) => data === "[DONE]", onIgnored: (line) => ignored.push(line) }),
          Stream.map((event) => event.data),
          Stream.runCollect
        )
      assert.deepStrictEqual(yield* read("data: a\n\ndata: [DONE]"), ["a", "[DONE]"])
      assert.deepStrictEqual(yield* read("data: a\n\ndata: [DO"), ["a"])
      assert.deepStrictEqual(yield* read('{"error":1}'), [])
      assert.deepStrictEqual(
        ignored.filter((line) => line !== ""),
        ['{"error":1}']
      )
      // A stream that failed has no end.
      const broken = Stream.concat(Stream.make(bytes("data: [DONE]")), Stream.fail("cut" as const))
      const seen = yield* broken.pipe(SseStream.decode({ isWholeAtEnd: () => true }), Stream.runDrain, Effect.flip)
      assert.strictEqual(seen, "cut")
    })
  )

  it.effect("is a fresh parser each time it runs, and passes on failures", () =>
    Effect.gen(function* () {
      const stream = Stream.concat(Stream.make(bytes("data: a\n\ndata: half")), Stream.fail("cut" as const)).pipe(
        SseStream.decode(),
        Stream.map((event) => event.data),
        Stream.catch((error) => Stream.make(error))
      )
      assert.deepStrictEqual(yield* Stream.runCollect(stream), ["a", "cut"])
      assert.deepStrictEqual(yield* Stream.runCollect(stream), ["a", "cut"])
    })
  )

  it.effect("reports comments and retries", () =>
    Effect.gen(function* () {
      const heard: Array<string | number> = []
      yield* Stream.make(bytes(": ping\nretry: 5\n\n")).pipe(
        SseStream.decode({ onComment: (text) => heard.push(text), onRetry: (millis) => heard.push(millis) }),
        Stream.runDrain
      )
      assert.deepStrictEqual(heard, ["ping", 5])
    })
  )

  it("decodes what it encodes", async () => {
    const text = fc.string().filter((s) => !/[\r\n\0]/.test(s))
    await fc.assert(
      fc.asyncProperty(fc.array(fc.record({ event: text, id: text, data: text })), async (events) => {
        const back: ReadonlyArray<SseEvent> = await Stream.fromIterable(events).pipe(
          SseStream.encode,
          SseStream.decode(),
          Stream.runCollect,
          Effect.runPromise
        )
        assert.deepStrictEqual(
          back,
          events.map((event) => ({ ...event, event: event.event === "" ? "message" : event.event }))
        )
        assert.strictEqual(
          await Effect.runPromise(
            Stream.fromIterable(events).pipe(SseStream.encode, Stream.decodeText, Stream.mkString)
          ),
          events.map(encodeEvent).join("")
        )
      })
    )
  })
})
