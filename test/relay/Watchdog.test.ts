import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { Script } from "effect-resilience/testing"
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
