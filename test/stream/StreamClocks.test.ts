import { assert, describe, it } from "@effect/vitest"
import { type Duration, Effect, Exit, Fiber, Queue, Stream } from "effect"
import { TestClock } from "effect/testing"
import { InvalidPolicyOption } from "effect-resilience/policy"
import { StreamClocks } from "effect-resilience/stream"

/** Elements, each after a wait. */
const slow = (...waits: ReadonlyArray<readonly [Duration.Input, string]>) =>
  Stream.fromIterable(waits).pipe(
    Stream.rechunk(1),
    Stream.mapEffect(([wait, element]) => Effect.as(Effect.sleep(wait), element))
  )

const options = {
  headers: "10 seconds",
  firstContent: "30 seconds",
  idle: "20 seconds",
  total: "60 seconds",
  isContent: (element: string) => !element.startsWith(":")
} as const

/** What came, how it ended, and when. */
const outcome = <E extends { readonly _tag: string }>(stream: Stream.Stream<string, E>) =>
  Effect.gen(function* () {
    const seen: Array<string> = []
    let finalised = false
    const fiber = yield* stream.pipe(
      Stream.ensuring(Effect.sync(() => (finalised = true))),
      Stream.runForEach((element) => Effect.sync(() => seen.push(element))),
      Effect.matchEffect({
        onFailure: (error) =>
          Effect.succeed("phase" in error && typeof error.phase === "string" ? error.phase : error._tag),
        onSuccess: () => Effect.succeed("done")
      }),
      Effect.flatMap((end) =>
        Effect.map(
          Effect.clockWith((clock) => clock.currentTimeMillis),
          (at) => [end, at] as const
        )
      ),
      Effect.forkChild
    )
    yield* TestClock.adjust("10 minutes")
    const [end, at] = yield* Fiber.join(fiber)
    assert.isTrue(finalised)
    return { seen, end, at }
  })

const cases: ReadonlyArray<readonly [string, Stream.Stream<string>, ReadonlyArray<string>, string, number]> = [
  ["headers, when nothing is answered", Stream.never, [], "headers", 10_000],
  [
    "firstContent, counted from the start",
    slow(["9 seconds", ":role"], ["22 seconds", "a"]),
    [":role"],
    "firstContent",
    30_000
  ],
  [
    "firstContent, whatever comes that is not content",
    slow(["9 seconds", ":ping"], ["9 seconds", ":ping"], ["9 seconds", ":ping"], ["9 seconds", ":ping"]),
    [":ping", ":ping", ":ping"],
    "firstContent",
    30_000
  ],
  [
    "idle, from the last content",
    slow(["1 second", "a"], ["19 seconds", "b"], ["21 seconds", "c"]),
    ["a", "b"],
    "idle",
    40_000
  ],
  [
    "idle, whatever comes that is not content",
    slow(["1 second", "a"], ["15 seconds", ":ping"], ["15 seconds", ":ping"]),
    ["a", ":ping"],
    "idle",
    21_000
  ],
  [
    "total",
    slow(["9 seconds", "a"], ["19 seconds", "b"], ["19 seconds", "c"], ["19 seconds", "d"]),
    ["a", "b", "c"],
    "DeadlineExceeded",
    60_000
  ],
  [
    "nothing, when all is in time",
    slow(["9 seconds", ":ping"], ["20 seconds", "a"], ["19 seconds", "b"]),
    [":ping", "a", "b"],
    "done",
    48_000
  ]
]

describe("StreamClocks.watch runs out of", () => {
  for (const [name, stream, seen, end, at] of cases) {
    it.effect(name, () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* outcome(stream.pipe(StreamClocks.watch(options))), { seen, end, at })
      })
    )
  }
})

describe("StreamClocks.watch", () => {
  it.effect("does not count a slow consumer as a silent source", () =>
    Effect.gen(function* () {
      const fiber = yield* Stream.fromIterable(["a", "b", "c", "d", "e"]).pipe(
        Stream.rechunk(1),
        StreamClocks.watch({ idle: "1 second", bufferSize: 1 }),
        Stream.runForEach(() => Effect.sleep("1 minute")),
        Effect.exit,
        Effect.forkChild
      )
      yield* TestClock.adjust("10 minutes")
      assert.isTrue(Exit.isSuccess(yield* Fiber.join(fiber)))
    })
  )

  it("says which option is wrong", () => {
    for (const bufferSize of [Number.NaN, -1, 0, 1.5])
      assert.throws(() => StreamClocks.watch(Stream.never, { bufferSize }), /bufferSize/)
  })

  it.effect("gives what came before a clock ran out, and interrupts the source", () =>
    Effect.gen(function* () {
      let interrupted = false
      const source = Stream.concat(
        Stream.make("a", "b"),
        Stream.fromEffect(Effect.onInterrupt(Effect.never, () => Effect.sync(() => void (interrupted = true))))
      )
      const seen: Array<string> = []
      const fiber = yield* StreamClocks.watch(source, { idle: "5 seconds" }).pipe(
        Stream.runForEach((element) => Effect.sync(() => seen.push(element))),
        Effect.flip,
        Effect.forkChild
      )
      yield* TestClock.adjust("5 seconds")
      const error = yield* Fiber.join(fiber)
      assert.strictEqual(error._tag, "ChannelResponseTimeExceeded")
      assert.deepInclude({ ...error }, { phase: "idle", limitMillis: 5000, elapsedMillis: 5000 })
      assert.deepStrictEqual(seen, ["a", "b"])
      assert.isTrue(interrupted)
    })
  )

  for (const [what, clocks, gives] of [
    ["whose element it is busy with", { idle: "5 seconds" }, 1],
    ["that has room for no more", { total: "5 seconds", bufferSize: 1 }, 3]
  ] as const) {
    it.effect(`does not keep the source until a slow consumer comes for more: one ${what}`, () =>
      Effect.gen(function* () {
        let closed = 0
        const source = Stream.range(1, gives).pipe(
          Stream.rechunk(1),
          Stream.concat(Stream.never),
          Stream.ensuring(Effect.sync(() => void closed++))
        )
        const seen: Array<number> = []
        const fiber = yield* StreamClocks.watch(source, clocks).pipe(
          Stream.runForEach((element) =>
            Effect.delay(
              Effect.sync(() => seen.push(element)),
              "1 minute"
            )
          ),
          Effect.flip,
          Effect.forkChild
        )
        yield* TestClock.adjust("5 seconds")
        assert.deepStrictEqual([closed, seen.length], [1, 0])
        yield* TestClock.adjust("5 minutes")
        assert.strictEqual(
          (yield* Fiber.join(fiber))._tag,
          "idle" in clocks ? "ChannelResponseTimeExceeded" : "DeadlineExceeded"
        )
        assert.strictEqual(seen.length, gives)
        assert.strictEqual(closed, 1)
      })
    )
  }

  it.effect("passes on the source's own failure, and its end", () =>
    Effect.gen(function* () {
      const failing = Stream.concat(Stream.make("a"), Stream.fail("broken" as const))
      assert.strictEqual(yield* Effect.flip(Stream.runDrain(StreamClocks.watch(failing, options))), "broken")
      assert.deepStrictEqual(yield* Stream.runCollect(StreamClocks.watch(Stream.make("a"), {})), ["a"])
    })
  )

  it.effect("lets go of the source when the consumer leaves", () =>
    Effect.gen(function* () {
      const closed = yield* Queue.unbounded<string>()
      const source = Stream.fromIterable(["a", "b", "c"]).pipe(
        Stream.rechunk(1),
        Stream.concat(Stream.never),
        Stream.ensuring(Queue.offer(closed, "closed"))
      )
      assert.deepStrictEqual(
        yield* source.pipe(StreamClocks.watch({ total: "1 hour" }), Stream.take(2), Stream.runCollect),
        ["a", "b"]
      )
      assert.strictEqual(yield* Queue.take(closed), "closed")
    })
  )

  it("refuses a duration that makes no sense", () => {
    for (const idle of ["0 seconds", -1, NaN, Infinity] as const) {
      assert.throws(() => StreamClocks.watch(Stream.empty, { idle }), InvalidPolicyOption.InvalidPolicyOption, /idle/)
    }
  })
})
