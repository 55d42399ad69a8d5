import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { Script } from "effect-resilience/testing"
import { withStops } from "../support/clocks.ts"
import { askAndRead, channel, options, passUntil, type Scripts, virtualRelay, whole, wholeText } from "./virtual.ts"

const run = <A>(effect: Effect.Effect<A, unknown, never>) =>
  Effect.runPromise(Effect.scoped(Effect.provide(effect, TestClock.layer())) as Effect.Effect<A>)

/** Asks once, and gives how the answer ended, when, and who was asked. */
const outcome = (
  scripts: Scripts,
  more: { readonly channels?: ReturnType<typeof channel>[]; readonly timeoutMillis?: number } = {}
) => {
  const channels = more.channels ?? [channel("a", { priority: 2 }), channel("b", { priority: 1 })]
  const { calls, layer } = virtualRelay(options(channels), scripts)
  return run(
    Effect.gen(function* () {
      const { answer, reader } = yield* askAndRead(more.timeoutMillis === undefined ? {} : more)
      yield* passUntil(() => reader.terminals() > 0, 700_000, 50)
      const millis = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
      return {
        text: answer.machine.text,
        failure: answer.failure,
        millis,
        asked: calls().map((call) => call.channel)
      }
    }).pipe(Effect.provide(layer))
  )
}

describe("the clocks of an attempt, on virtual time", () => {
  it("headers: a silent channel is left after its time, and the next one answers", async () => {
    const { asked, failure, millis, text } = await outcome({ a: [Script.silence], b: [whole] })
    assert.deepStrictEqual(asked, ["a", "b"])
    assert.isUndefined(failure)
    assert.strictEqual(text, wholeText)
    assert.isAtLeast(millis, 30_000)
    assert.isAtMost(millis, 36_000)
  })

  it("firstContent: headers and pings are no content", async () => {
    const { asked, failure, millis } = await outcome({ a: [Script.headersOnly(1000)], b: [whole] })
    assert.deepStrictEqual(asked, ["a", "b"])
    assert.isUndefined(failure)
    assert.isAtMost(millis, 36_000)
  })

  it("firstContent does not cut the last candidate that is left; the request's time does", async () => {
    const alone = [channel("a")]
    const { failure, millis } = await outcome(
      { a: [Script.headersOnly(1000)] },
      { channels: alone, timeoutMillis: 120_000 }
    )
    assert.strictEqual(failure?._tag, "DeadlineExceeded")
    assert.isAtLeast(millis, 120_000)
    assert.isAtMost(millis, 120_100)
  })

  it("idle: a stall after content goes on elsewhere after its time", async () => {
    const { asked, failure, millis, text } = await outcome({ a: [whole.pipe(Script.cutAfter(5, "stall"))], b: [whole] })
    assert.deepStrictEqual(asked, ["a", "b"])
    assert.isUndefined(failure)
    assert.strictEqual(text, wholeText)
    assert.isAtLeast(millis, 60_000)
    assert.isAtMost(millis, 66_000)
  })

  it("once the finish is known, its terminator is awaited for two seconds and no longer", async () => {
    const { asked, failure, millis, text } = await outcome({
      a: [whole.pipe(Script.ending("finishThenStall"))],
      b: [whole]
    })
    assert.deepStrictEqual(asked, ["a"])
    assert.isUndefined(failure)
    assert.strictEqual(text, wholeText)
    assert.isAtMost(millis, 8_000)
  })

  it("a failure whose body never ends is judged by what came of it, after a second", async () => {
    const { asked, failure, millis } = await outcome({
      a: [Script.unended(Script.status(401))],
      b: [whole]
    })
    assert.deepStrictEqual(asked, ["a", "b"])
    assert.isUndefined(failure)
    assert.isAtMost(millis, 8_000)
  })

  it("a channel's own total is its attempt's limit", async () => {
    const channels = [channel("a", { priority: 2, timeouts: { total: 500 } }), channel("b", { priority: 1 })]
    const { asked, failure } = await outcome({ a: [Script.silence], b: [whole] }, { channels })
    assert.deepStrictEqual(asked, ["a", "b"])
    assert.isUndefined(failure)
  })

  it("total: the request's time is what its client is told, whatever went before", async () => {
    const { failure, millis } = await outcome(
      { a: [Script.status(500)], b: [Script.silence] },
      { timeoutMillis: 10_000 }
    )
    assert.strictEqual(failure?._tag, "DeadlineExceeded")
    assert.isAtMost(millis, 10_100)
  })
})

/** Asks once, stops the process when so much time has passed, and gives how the answer went. */
const stoppedFor = (scripts: Scripts, millis: number, at: number, pace?: number) =>
  run(
    withStops((stop) => {
      const channels = [channel("a", { priority: 2 }), channel("b", { priority: 1 })]
      const { calls, layer } = virtualRelay(options(channels, { timeouts: short }), scripts, pace)
      return Effect.gen(function* () {
        const { answer, reader } = yield* askAndRead()
        yield* TestClock.adjust(at)
        stop(millis)
        yield* passUntil(() => reader.terminals() > 0, 100_000, 50)
        return {
          text: answer.machine.text,
          failure: answer.failure,
          asked: calls().map((call) => call.channel),
          trail: answer.trail,
          millis: yield* TestClock.testClockWith((clock) => clock.currentTimeMillis)
        }
      }).pipe(Effect.provide(layer))
    })
  )

const short = { headers: "1 second", firstContent: "1 second", idle: "1 second" }

describe("S19: time in which the process itself was stopped is nobody's silence", () => {
  const slowly = Script.answer(wholeText.match(/.{1,90}/gs)!).pipe(Script.usage("none"))

  it.each([
    ["just after the request", slowly, 450, 300],
    ["before the first content", Script.headersOnly(100), 50, 300],
    ["between two words", slowly, 450, 1100]
  ] as const)("S19: %s: nobody else is asked for it", async (name, script, pace, at) => {
    const { asked, failure, text } = await stoppedFor({ a: [script], b: [whole] }, 20_000, at, pace)
    assert.isUndefined(failure)
    assert.strictEqual(text, wholeText)
    // Who says nothing at all is left all the same.
    assert.deepStrictEqual(asked, name === "before the first content" ? ["a", "b"] : ["a"])
  })

  it("S19: a silence after it is noticed, and is told without it", async () => {
    const script = whole.pipe(Script.cutAfter(5, "stall"))
    const { asked, failure, millis, trail } = await stoppedFor({ a: [script], b: [whole] }, 20_000, 700)
    assert.isUndefined(failure)
    assert.deepStrictEqual(asked, ["a", "b"])
    assert.strictEqual(trail[0]?.blame, "timeout")
    // Virtual time stands while the process does: the silence took its second of it and little more.
    assert.isAtMost(millis, 6000)
    assert.isAtLeast(trail[0]!.durationMillis, 20_000)
  })

  it("S19: the body of a failure has its second too", async () => {
    const failed = Script.unended(Script.status(401))
    const { asked, trail } = await stoppedFor({ a: [failed], b: [whole] }, 20_000, 300)
    assert.deepStrictEqual(asked, ["a", "b"])
    assert.strictEqual(trail[0]?.blame, "credential")
    assert.isAtLeast(trail[0]!.durationMillis, 21_000)
  })

  it("S19: a loop that is blocked again and again does not keep a silent upstream alive", async () => {
    const channels = [channel("a", { priority: 2 }), channel("b", { priority: 1 })]
    const { calls, layer } = virtualRelay(options(channels, { timeouts: short }), { a: [Script.silence], b: [whole] })
    await run(
      withStops((stop) =>
        Effect.gen(function* () {
          const { reader } = yield* askAndRead()
          for (let turn = 0; turn < 100 && reader.terminals() === 0; turn++) {
            stop(150)
            yield* TestClock.adjust(200)
          }
          assert.strictEqual(reader.terminals(), 1)
          assert.deepStrictEqual(
            calls().map((call) => call.channel),
            ["a", "b"]
          )
        }).pipe(Effect.provide(layer))
      )
    )
  })
})
