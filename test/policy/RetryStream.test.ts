import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber, Stream } from "effect"
import { Retry, RetrySchedule } from "effect-resilience/policy"
import { TestClock } from "effect/testing"
import { interruptEverywhere } from "./kit/interruptAt.ts"
import { counting, failure } from "./kit/retries.ts"

const immediate = RetrySchedule.immediate
const second = RetrySchedule.constant({ delay: "1 second" })

describe("Retry.retryStream", () => {
  const policy = Retry.make({ attempts: 3, schedule: immediate })
  const collect = <A, E>(stream: Stream.Stream<A, E>) =>
    Effect.gen(function* () {
      const seen: Array<A> = []
      const exit = yield* Effect.exit(Stream.runForEach(stream, (a) => Effect.sync(() => void seen.push(a))))
      return { seen, exit }
    })

  it.effect("runs again while nothing was delivered", () =>
    Effect.gen(function* () {
      let runs = 0
      const stream = Stream.suspend(() => (++runs < 3 ? Stream.fail("down") : Stream.make(1, 2)))
      const { exit, seen } = yield* collect(Retry.retryStream(stream, policy))
      assert.deepStrictEqual(seen, [1, 2])
      assert.isTrue(Exit.isSuccess(exit))
    })
  )

  // Effect's Stream.retry(recurs(2)) gives "a" twenty times here.
  it.effect("never delivers twice: after an element a failure is the end", () =>
    Effect.gen(function* () {
      let runs = 0
      const stream = Stream.suspend(() => Stream.concat(Stream.make("a"), Stream.fail(`cut ${++runs}`)))
      const { exit, seen } = yield* collect(Retry.retryStream(stream, policy))
      assert.deepStrictEqual(seen, ["a"])
      assert.deepInclude({ ...failure(exit) }, { reason: "notRecoverable", attempts: 1, last: "cut 1" })
    })
  )

  it.effect("attempts are counted over all runs", () =>
    Effect.gen(function* () {
      const { exit } = yield* collect(Retry.retryStream(Stream.fail("down"), policy))
      assert.deepInclude({ ...failure(exit) }, { reason: "attempts", attempts: 3 })
    })
  )

  it.effect("a stream that goes on where it was: attempts end without progress", () =>
    Effect.gen(function* () {
      let next = 0
      const stream = Stream.suspend(() => Stream.concat(Stream.make(next++), Stream.fail("cut")))
      const { exit, seen } = yield* collect(Retry.retryStream(stream, policy, { partial: "resume" }))
      assert.deepStrictEqual(seen, [0, 1, 2])
      assert.strictEqual(failure(exit).reason, "attempts")
    })
  )

  it.effect("and start over after enough of it", () =>
    Effect.gen(function* () {
      let next = 0
      const stream = Stream.suspend(() => Stream.concat(Stream.make(next++, next++), Stream.fail("cut")))
      const resumed = stream.pipe(Retry.retryStream(policy, { partial: "resume", resetAfter: 2 }), Stream.take(100))
      const { exit, seen } = yield* collect(resumed)
      assert.strictEqual(seen.length, 100)
      assert.isTrue(Exit.isSuccess(exit))
    })
  )

  it.effect("P6: its elapsed time starts over too: healthy for an hour, one cut, and it goes on", () =>
    Effect.gen(function* () {
      const schedule = second.pipe(RetrySchedule.upTo({ elapsed: "5 minutes" }))
      let runs = 0
      const healthy = Stream.fromEffectRepeat(Effect.delay(Effect.succeed("tick"), "1 minute")).pipe(Stream.take(60))
      const stream = Stream.suspend(() => {
        runs++
        return runs === 2 ? Stream.make("the end") : Stream.concat(healthy, Stream.fail("cut"))
      })
      const resumed = Retry.retryStream(stream, { schedule }, { partial: "resume", resetAfter: 10 })
      const fiber = yield* Effect.forkChild(collect(resumed))
      yield* TestClock.adjust("2 hours")
      const { exit, seen } = yield* Fiber.join(fiber)
      assert.isTrue(Exit.isSuccess(exit))
      assert.deepStrictEqual([seen.length, seen.at(-1)], [61, "the end"])
    })
  )

  it.effect("P6: and it ends so long after the last progress, as long as nothing comes any more", () =>
    Effect.gen(function* () {
      const schedule = second.pipe(RetrySchedule.upTo({ elapsed: "5 minutes" }))
      let runs = 0
      const hour = Stream.fromEffectRepeat(Effect.delay(Effect.succeed("tick"), "1 minute")).pipe(Stream.take(60))
      const stream = Stream.suspend(() => Stream.concat(++runs === 1 ? hour : Stream.empty, Stream.fail("cut")))
      const resumed = Retry.retryStream(stream, { schedule }, { partial: "resume", resetAfter: 10 })
      const fiber = yield* Effect.forkChild(collect(resumed))
      yield* TestClock.adjust("2 hours")
      const { exit } = yield* Fiber.join(fiber)
      assert.deepInclude({ ...failure(exit) }, { reason: "elapsed", elapsedMillis: 65 * 60_000, attempts: 301 })
    })
  )

  it.effect("waits between runs", () =>
    Effect.gen(function* () {
      const at: Array<number> = []
      const stream = Stream.unwrap(
        Effect.map(Clock.currentTimeMillis, (now) => {
          at.push(now)
          return Stream.fail("down")
        })
      )
      const slow = Retry.retryStream(stream, Retry.make({ attempts: 3, schedule: second }))
      const fiber = yield* Effect.forkChild(Effect.exit(Stream.runDrain(slow)))
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(at, [0, 1000, 2000])
    })
  )

  it.effect("interrupted anywhere, a share budget gets everything back", () =>
    interruptEverywhere(
      Effect.gen(function* () {
        const { budget, check } = yield* counting
        const policy = Retry.make({ attempts: 3, schedule: RetrySchedule.constant({ delay: "200 millis" }), budget })
        const program = Stream.runDrain(Retry.retryStream(Stream.fail("down"), policy))
        return { program, check }
      })
    )
  )
})
