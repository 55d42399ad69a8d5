/** Somebody sets the time under answers in flight, and none of them notices. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { Script } from "effect-resilience/testing"
import { JournalStoreMemory } from "#src/journal/index"
import { decodeNote } from "#src/relay/Note"
import { RelayEvents, type RelayEvent, sinkOf } from "#src/relay/index"
import { withSteps } from "../support/clocks.ts"
import { ask, comeBack, passing, recordOf, startLife } from "./life/lives.ts"
import { askAndRead, channel, options, passUntil, type Scripts, virtualRelay, whole, wholeText } from "./virtual.ts"

const hour = 3_600_000
/** A day of today: what begins at 0 cannot be set back an hour. */
const today = 1_795_712_340_000

/** Asks once, sets the clock when so much time has passed, and gives how the answer went. */
const outcome = (
  scripts: Scripts,
  by: number,
  {
    after = 1000,
    channels = ["a", "b"].map((id, at) => channel(id, { priority: 2 - at })),
    timeoutMillis = 300_000
  } = {}
) =>
  withSteps((step) =>
    Effect.gen(function* () {
      yield* TestClock.setTime(today)
      const { calls, layer } = virtualRelay(options(channels), scripts)
      return yield* Effect.gen(function* () {
        const events: Array<RelayEvent> = []
        const { add } = yield* RelayEvents
        add(
          "test",
          sinkOf((event) => void events.push(event))
        )
        const { answer, reader } = yield* askAndRead({ timeoutMillis })
        yield* TestClock.adjust(after)
        step(by)
        yield* passUntil(() => reader.terminals() > 0, 700_000, 50)
        const passed = (yield* TestClock.testClockWith((clock) => clock.monotonicTimeNanos)) / 1_000_000n
        const ended = events.find((event) => event._tag === "StreamEnded")
        const attempts = events.filter((event) => event._tag === "AttemptEnded")
        return {
          millis: Number(passed) - today,
          text: answer.machine.text,
          failure: answer.failure,
          asked: calls().map((call) => call.channel),
          ended: ended!,
          attempts
        }
      }).pipe(Effect.provide(layer))
    })
  )

for (const [direction, by] of [
  ["forward", hour],
  ["back", -hour]
] as const) {
  describe(`S7: the wall clock steps an hour ${direction} under an answer in flight`, () => {
    it.effect("S7: a silence is noticed in its time, and is told as long as it was", () =>
      Effect.gen(function* () {
        const { asked, attempts, failure, millis, text } = yield* outcome(
          { a: [whole.pipe(Script.cutAfter(5, "stall"))], b: [whole] },
          by
        )
        assert.deepStrictEqual(asked, ["a", "b"])
        assert.isUndefined(failure)
        assert.strictEqual(text, wholeText)
        assert.isAtLeast(millis, 60_000)
        assert.isAtMost(millis, 66_000)
        const error = attempts[0]?.error
        assert.deepInclude(error, { _tag: "ChannelResponseTimeExceeded", phase: "idle", limitMillis: 60_000 })
        assert.isBelow((error as { readonly elapsedMillis: number }).elapsedMillis, 61_000)
      })
    )

    it.effect("S7: a healthy answer lives, and took as long as it took", () =>
      Effect.gen(function* () {
        const { asked, attempts, ended, failure, text } = yield* outcome({ a: [whole] }, by)
        assert.deepStrictEqual(asked, ["a"])
        assert.isUndefined(failure)
        assert.strictEqual(text, wholeText)
        assert.isAtLeast(ended.durationMillis, 1000)
        assert.isAtMost(ended.durationMillis, 10_000)
        assert.isAtMost(ended.firstContentMillis!, 1000)
        assert.isAtMost(Math.abs(attempts[0]!.entry.durationMillis - ended.durationMillis), 100)
      })
    )

    it.effect("S7: the time of the request is over when it is, and not before", () =>
      Effect.gen(function* () {
        const { failure, millis } = yield* outcome({ a: [Script.silence] }, by, {
          channels: [channel("a")],
          timeoutMillis: 20_000
        })
        assert.strictEqual(failure?._tag, "DeadlineExceeded")
        assert.isAtLeast(millis, 20_000)
        assert.isAtMost(millis, 20_100)
        const { elapsedMillis } = failure as { readonly elapsedMillis: number }
        assert.isAtLeast(elapsedMillis, 20_000)
        assert.isAtMost(elapsedMillis, 20_100)
      })
    )

    it.effect("S7: a wait between two attempts is as long as it was to be", () =>
      Effect.gen(function* () {
        const hinted = Script.status(429, { headers: { "retry-after": "3" } })
        const { asked, failure, millis } = yield* outcome({ a: [hinted, whole] }, by, { channels: [channel("a")] })
        assert.deepStrictEqual(asked, ["a", "a"])
        assert.isUndefined(failure)
        assert.isAtLeast(millis, 3000)
        assert.isAtMost(millis, 10_000)
      })
    )
  })
}

describe("S7: what another process takes up is read by the wall clock of both", () => {
  const parts = wholeText.match(/.{1,9}/gs)!
  const slow = Script.answer(parts).pipe(Script.usage("none"), Script.every(50), Script.startsAfter(50))

  it.effect("a hint is kept as a time of day, whatever the clock that it was reckoned by", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(today)
      const place = yield* JournalStoreMemory.place
      const hinted = Script.status(429, { headers: { "retry-after": "40" } })
      const life = yield* startLife(place, { upstreams: { a: { scripts: [hinted] }, b: { scripts: [slow] } } })
      const { id } = yield* ask(life)
      yield* passing(() => false, 500)
      const note = decodeNote((yield* recordOf(life, id)).note)
      assert.isAtLeast(note!.pursuit.hints["a"]!, today + 40_000)
      assert.isAtMost(note!.pursuit.hints["a"]!, today + 40_500)
      assert.isAtLeast(note!.startedAt, today)
      assert.isAtMost(note!.open!.startedAt, today + 500)
      assert.isAtLeast(note!.open!.startedAt, today)
    })
  )

  it.effect("a clock that is behind the one before makes no answer begin in the future", () =>
    withSteps((step) =>
      Effect.gen(function* () {
        yield* TestClock.setTime(today)
        const place = yield* JournalStoreMemory.place
        const before = yield* startLife(place, { upstreams: { a: { scripts: [slow] } } })
        const { id } = yield* ask(before)
        yield* passing(() => false, 500)
        yield* before.kill
        step(-hour)
        const life = yield* startLife(place, { upstreams: { a: { scripts: [slow] } } })
        yield* passing(() => false, 100)
        const reader = yield* comeBack(life, id)
        yield* passing(() => reader.terminals() > 0, 20_000)
        assert.strictEqual(reader.terminals(), 1)
        const ended = life.events.find((event) => event._tag === "StreamEnded")
        assert.isUndefined(ended?.error)
        assert.isAtLeast(ended!.durationMillis, 0)
        assert.isAtMost(ended!.durationMillis, 20_000)
      })
    )
  )
})
