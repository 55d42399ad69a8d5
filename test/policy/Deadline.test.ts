import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber, Stream } from "effect"
import { ChannelResponseTimeExceeded, DeadlineExceeded } from "effect-resilience/errors"
import {
  Bulkhead,
  CircuitBreaker,
  Deadline,
  InvalidPolicyOption,
  PolicyTelemetry,
  RateLimiter,
  Retry,
  RetrySchedule
} from "effect-resilience/policy"
import { TestClock } from "effect/testing"
import { interruptEverywhere } from "./kit/interruptAt.ts"

/** Runs an effect while the test clock goes on; gives its exit and how long it took. */
const timed = <A, E>(self: Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    const start = yield* Clock.currentTimeMillis
    let took = Number.NaN
    const noted = Effect.onExit(self, () => Effect.map(Clock.currentTimeMillis, (now) => void (took = now - start)))
    const fiber = yield* Effect.forkChild(noted)
    yield* TestClock.adjust("1 hour")
    return { exit: yield* Fiber.await(fiber), took }
  })

describe("Deadline.total", () => {
  it.effect("cuts off at its limit, with a typed error that says how long", () =>
    Effect.gen(function* () {
      const { exit, took } = yield* timed(Effect.flip(Deadline.total(Effect.never, "5 seconds")))
      assert.strictEqual(took, 5000)
      const error = Exit.isSuccess(exit) ? exit.value : undefined
      assert.instanceOf(error, DeadlineExceeded)
      assert.deepInclude({ ...error }, { limitMillis: 5000, elapsedMillis: 5000 })
    })
  )

  it.effect("leaves alone what is done in time: results, errors, defects, interruptions", () =>
    Effect.gen(function* () {
      const within = Deadline.total("5 seconds")
      for (const wait of [0, 100]) {
        assert.deepStrictEqual((yield* timed(within(Effect.delay(Effect.succeed(1), wait)))).exit, Exit.succeed(1))
        assert.deepStrictEqual((yield* timed(within(Effect.delay(Effect.fail("x"), wait)))).exit, Exit.fail("x"))
        assert.deepStrictEqual((yield* timed(within(Effect.delay(Effect.die("bug"), wait)))).exit, Exit.die("bug"))
        const interrupted = yield* timed(within(Effect.delay(Effect.interrupt, wait)))
        assert.isTrue(Exit.hasInterrupts(interrupted.exit))
      }
    })
  )

  it.effect("interrupts what it cuts off, and waits for its finalisers", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const slow = Effect.never.pipe(
        Effect.onInterrupt(() =>
          Effect.delay(
            Effect.sync(() => log.push("released")),
            "1 second"
          )
        )
      )
      const { took } = yield* timed(Effect.ignore(Deadline.total(slow, "5 seconds")))
      assert.deepStrictEqual(log, ["released"])
      assert.strictEqual(took, 6000)
    })
  )

  // Effect.timeout(20) over an uninterruptible effect of 120 ms answers after 122 ms, and there is no other mode.
  it.effect("waits for the uninterruptible, or detaches it", () =>
    Effect.gen(function* () {
      let done = 0
      const stubborn = Effect.uninterruptible(
        Effect.delay(
          Effect.sync(() => ++done),
          "120 millis"
        )
      )
      assert.strictEqual((yield* timed(Effect.ignore(Deadline.total(stubborn, "20 millis")))).took, 120)
      const detached = stubborn.pipe(Deadline.total("20 millis", { onExpiry: "detach" }))
      assert.strictEqual((yield* timed(Effect.ignore(detached))).took, 20)
      assert.strictEqual(done, 2)
    })
  )

  // cockatiel's cooperative timeout gives the late success.
  it.effect("a success that comes too late is not given", () =>
    Effect.gen(function* () {
      const late = Effect.uninterruptible(Effect.delay(Effect.succeed("late"), "120 millis"))
      const { exit } = yield* timed(Effect.flip(Deadline.total(late, "20 millis")))
      assert.isTrue(Exit.isSuccess(exit) && exit.value instanceof DeadlineExceeded)
    })
  )

  it.effect("an earlier deadline from outside wins; a later one does not lengthen", () =>
    Effect.gen(function* () {
      const inner = Deadline.total(Effect.never, "10 seconds")
      assert.strictEqual((yield* timed(Effect.ignore(Deadline.total(inner, "3 seconds")))).took, 3000)
      const short = Deadline.total(Effect.never, "3 seconds")
      assert.strictEqual((yield* timed(Effect.ignore(Deadline.total(short, "10 seconds")))).took, 3000)
    })
  )

  it.effect("without any time left nothing runs", () =>
    Effect.gen(function* () {
      let ran = false
      const effect = Deadline.total(
        Effect.sync(() => (ran = true)),
        "1 second"
      )
      const error = yield* Effect.flip(Effect.provideService(effect, Deadline.Current, 0))
      assert.strictEqual(error._tag, "DeadlineExceeded")
      assert.isFalse(ran)
    })
  )

  it.effect("P1: a sink that throws is a defect of the call", () =>
    Effect.gen(function* () {
      for (const onExpiry of ["wait", "detach"] as const) {
        const call = Deadline.total(Effect.never, "1 second", { onExpiry })
        const bug = () => {
          throw new Error("bug")
        }
        const { exit } = yield* timed(Effect.provideService(call, PolicyTelemetry.Sink, bug))
        assert.isTrue(Exit.hasDies(exit))
      }
    })
  )

  it.effect("tells of it", () =>
    Effect.gen(function* () {
      const names: Array<string> = []
      yield* timed(Effect.ignore(Deadline.total(Effect.never, "1 second"))).pipe(
        Effect.provideService(PolicyTelemetry.Sink, (event) => names.push(event.name))
      )
      assert.deepStrictEqual(names, ["OnTimeout"])
    })
  )
})

describe("Deadline: what is inside knows", () => {
  it.effect("how long is left", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* Deadline.remaining, Number.POSITIVE_INFINITY)
      const { exit } = yield* timed(Effect.delay(Deadline.remaining, "2 seconds").pipe(Deadline.total("5 seconds")))
      assert.deepStrictEqual(exit, Exit.succeed(3000))
    })
  )

  it.effect("an attempt's limit counts too, until the attempt is over", () =>
    Effect.gen(function* () {
      const both = Effect.gen(function* () {
        const inside = yield* Deadline.attempt(Deadline.remaining, "1 second")
        return [inside, yield* Deadline.remaining]
      })
      assert.deepStrictEqual(yield* Deadline.total(both, "5 seconds"), [1000, 5000])
    })
  )

  it.effect("a retry begins no delay that would end past it", () =>
    Effect.gen(function* () {
      const policy = Retry.make({ schedule: RetrySchedule.constant({ delay: "2 seconds" }) })
      const { exit, took } = yield* timed(
        Effect.fail("x").pipe(Retry.retry(policy), Deadline.total("5 seconds"), Effect.flip)
      )
      assert.strictEqual(took, 4000)
      assert.isTrue(Exit.isSuccess(exit) && exit.value._tag === "RetriesExhausted" && exit.value.reason === "deadline")
    })
  )
})

describe("Deadline.attempt", () => {
  it.effect("fails with an error that is retried, inside a retry", () =>
    Effect.gen(function* () {
      let calls = 0
      const slowOnce = Effect.suspend(() => (++calls === 1 ? Effect.never : Effect.succeed("ok")))
      const policy = Retry.make({ attempts: 2, schedule: RetrySchedule.immediate })
      const { exit, took } = yield* timed(slowOnce.pipe(Deadline.attempt("1 second"), Retry.retry(policy)))
      assert.deepStrictEqual(exit, Exit.succeed("ok"))
      assert.strictEqual(took, 1000)
    })
  )

  it.effect("says which clock ran out", () =>
    Effect.gen(function* () {
      const { exit } = yield* timed(Effect.flip(Deadline.attempt(Effect.never, "1 second")))
      const error = Exit.isSuccess(exit) ? exit.value : undefined
      assert.instanceOf(error, ChannelResponseTimeExceeded)
      assert.deepInclude({ ...error }, { phase: "attempt", limitMillis: 1000, elapsedMillis: 1000 })
    })
  )

  it.effect("the total deadline cuts off an attempt that has more time", () =>
    Effect.gen(function* () {
      const effect = Effect.never.pipe(Deadline.attempt("1 minute"), Deadline.total("5 seconds"), Effect.flip)
      const { exit, took } = yield* timed(effect)
      assert.strictEqual(took, 5000)
      assert.isTrue(Exit.isSuccess(exit) && exit.value._tag === "DeadlineExceeded")
    })
  )
})

describe("Deadline: each limit is enforced by itself", () => {
  it.effect("P4: a total inside an attempt inside a retry is cut off by the attempt, with the attempt's error", () =>
    Effect.gen(function* () {
      let calls = 0
      const hangs = Effect.suspend(() => {
        calls++
        return Effect.never
      })
      const { exit, took } = yield* timed(
        hangs.pipe(
          Deadline.total("5 seconds"),
          Deadline.attempt("1 second"),
          Retry.retry(Retry.make({ attempts: 3, schedule: RetrySchedule.immediate })),
          Effect.flip
        )
      )
      const error = Exit.isSuccess(exit) ? exit.value : undefined
      assert.deepStrictEqual([calls, took, error?.last._tag], [3, 3000, "ChannelResponseTimeExceeded"])
    })
  )

  it.effect("P4: and a breaker outside of it opens", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make({ window: CircuitBreaker.consecutive(1) })
      yield* timed(
        Effect.never.pipe(
          Deadline.total("5 seconds"),
          Deadline.attempt("1 second"),
          CircuitBreaker.protect(breaker),
          Effect.ignore
        )
      )
      assert.strictEqual((yield* CircuitBreaker.state(breaker))._tag, "Open")
    })
  )

  it.effect("P4: of two totals the outer one's error says whose time it was", () =>
    Effect.gen(function* () {
      const { exit } = yield* timed(
        Effect.never.pipe(Deadline.total("10 seconds"), Deadline.total("3 seconds"), Effect.flip)
      )
      assert.deepInclude({ ...(Exit.isSuccess(exit) ? exit.value : {}) }, { limitMillis: 3000, elapsedMillis: 3000 })
    })
  )

  it.effect("P4: a stream's total inside an attempt's limit, likewise", () =>
    Effect.gen(function* () {
      const run = Stream.runDrain(Deadline.totalStream(Stream.never, "5 seconds"))
      const { exit, took } = yield* timed(Effect.flip(Deadline.attempt(run, "1 second")))
      assert.deepStrictEqual([took, Exit.isSuccess(exit) && exit.value._tag], [1000, "ChannelResponseTimeExceeded"])
    })
  )
})

describe("Deadline.inherit", () => {
  const told = (self: Effect.Effect<unknown, unknown>) =>
    timed(Effect.flip(self)).pipe(Effect.map(({ exit, took }) => [took, Exit.isSuccess(exit) ? exit.value : exit]))

  it.effect("a total inside enforces what came from outside", () =>
    Effect.gen(function* () {
      const [took, error] = yield* told(Effect.never.pipe(Deadline.total("1 minute"), Deadline.inherit("2 seconds")))
      assert.strictEqual(took, 2000)
      assert.instanceOf(error, DeadlineExceeded)
    })
  )

  it.effect("and leaves it to a total further out that enforces it already", () =>
    Effect.gen(function* () {
      const outer = Effect.never.pipe(
        Deadline.total("1 minute"),
        Deadline.attempt("1 hour"),
        Deadline.total("5 minutes"),
        Deadline.inherit("2 seconds")
      )
      const [took, error] = yield* told(outer)
      assert.strictEqual(took, 2000)
      assert.deepInclude({ ...(error as object) }, { limitMillis: 300_000 })
    })
  )

  it.effect("cuts off nothing by itself, and only ever shortens", () =>
    Effect.gen(function* () {
      const slow = Effect.as(Effect.sleep("3 seconds"), "done")
      assert.deepStrictEqual(yield* timed(Deadline.inherit(slow, "1 second")), {
        exit: Exit.succeed("done"),
        took: 3000
      })
      const left = Deadline.remaining.pipe(Deadline.inherit("1 minute"), Deadline.inherit("1 second"))
      assert.strictEqual(yield* left, 1000)
      assert.strictEqual(yield* Deadline.remaining.pipe(Deadline.inherit(0)), 0)
      assert.throws(
        () => Deadline.inherit(Effect.void, -1),
        'Deadline.inherit: "limit" must be a duration, zero or more'
      )
    })
  )
})

describe("Deadline: what lives longer", () => {
  const forked = (begin: (work: Effect.Effect<void>) => Effect.Effect<unknown, unknown>) =>
    Effect.gen(function* () {
      const seen: Array<number> = []
      const look = Effect.flatMap(Deadline.remaining, (left) => Effect.sync(() => void seen.push(left)))
      const work = Effect.andThen(look, Effect.delay(look, "2 seconds"))
      yield* timed(Effect.ignore(begin(work)))
      return seen
    })
  const background = (work: Effect.Effect<void>) => Effect.forkDetach(work, { startImmediately: true })

  it.effect("P5: work that was begun inside and goes on has its own life once the deadline is over", () =>
    Effect.gen(function* () {
      const own = Number.POSITIVE_INFINITY
      const total = Deadline.total("1 second")
      assert.deepStrictEqual(yield* forked((work) => total(background(work))), [1000, own])
      assert.deepStrictEqual(yield* forked((work) => Deadline.attempt(background(work), "1 second")), [1000, own])
      const cutOff = yield* forked((work) => total(Effect.andThen(background(work), Effect.never)))
      assert.deepStrictEqual(cutOff, [1000, own])
      const waits = (work: Effect.Effect<void>) => Effect.andThen(background(work), Effect.sleep("10 millis"))
      assert.deepStrictEqual(yield* forked((work) => total(waits(work))), [1000, own])
      const stream = (work: Effect.Effect<void>) =>
        Stream.runDrain(Deadline.totalStream(Stream.fromEffect(background(work)), "1 second"))
      assert.deepStrictEqual(yield* forked(stream), [1000, own])
    })
  )

  it.effect("P5: and is bound by a deadline further out as long as that one lasts", () =>
    Effect.gen(function* () {
      const outer = (work: Effect.Effect<void>) =>
        Deadline.total(
          Effect.andThen(Deadline.attempt(background(work), "1 second"), Effect.sleep("3 seconds")),
          "5 seconds"
        )
      assert.deepStrictEqual(yield* forked(outer), [1000, 3000])
    })
  )

  it.effect("P5: what it asks of other policies is not refused", () =>
    Effect.gen(function* () {
      const limiter = yield* RateLimiter.make({ limit: 1, window: "10 seconds", maxWait: "1 minute" })
      const bulkhead = yield* Bulkhead.make({ concurrency: 1, queue: 1 })
      const retry = Retry.make({ attempts: 2, schedule: RetrySchedule.constant({ delay: "1 second" }) })
      let calls = 0
      const work = Effect.suspend(() => (++calls < 2 ? Effect.fail("down") : Effect.succeed("done"))).pipe(
        Bulkhead.protect(bulkhead),
        RateLimiter.protect(limiter),
        Retry.retry(retry)
      )
      const later = Effect.delay(work, "5 seconds")
      const cached = yield* Effect.cached(later)
      const first = yield* timed(Effect.ignore(Deadline.total(cached, "1 second")))
      assert.strictEqual(first.took, 1000)
      assert.deepStrictEqual((yield* timed(Deadline.total(cached, "1 minute"))).exit, Exit.succeed("done"))
      calls = 0
      const inside = Deadline.total(Effect.forkDetach(later), "1 second")
      const fiber = yield* inside
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* Fiber.await(fiber), Exit.succeed("done"))
    })
  )
})

describe("Deadline: interruption", () => {
  for (const onExpiry of ["wait", "detach"] as const) {
    it.effect(`at every step and wait, nothing goes on: ${onExpiry}`, () =>
      Effect.gen(function* () {
        const report = yield* interruptEverywhere(
          Effect.sync(() => {
            let open = 0
            const use = Effect.acquireUseRelease(
              Effect.sync(() => void open++),
              () => Effect.delay(Effect.succeed("done"), "250 millis"),
              () => Effect.sync(() => void open--)
            )
            return {
              program: Deadline.total(Effect.andThen(use, use), "1 second", { onExpiry }),
              check: () => Effect.sync(() => assert.strictEqual(open, 0))
            }
          })
        )
        assert.isAbove(report.steps, 10)
        assert.strictEqual(report.waits, 5)
      })
    )
  }

  it.effect("no timer is left behind", () =>
    Effect.gen(function* () {
      let sleeping = 0
      const clock = yield* Clock.Clock
      const counting = new Proxy(clock, {
        get: (target, key) =>
          key === "sleep"
            ? (duration: Parameters<Clock.Clock["sleep"]>[0]) =>
                Effect.suspend(() => {
                  sleeping++
                  return Effect.onExit(target.sleep(duration), () => Effect.sync(() => void sleeping--))
                })
            : Reflect.get(target, key)
      })
      const effect = Deadline.total(Effect.yieldNow, "1 minute")
      yield* Effect.provideService(effect, Clock.Clock, counting)
      assert.strictEqual(sleeping, 0)
      // What never waits sets none at all.
      yield* Effect.provideService(Deadline.total(Effect.succeed(1), "1 minute"), Clock.Clock, counting)
      assert.strictEqual(sleeping, 0)
    })
  )

  const hang = Effect.ignore(Deadline.total(Effect.never, "1 second"))
  const regions: { readonly [where: string]: Effect.Effect<unknown> } = {
    "an uninterruptible region": Effect.uninterruptible(hang),
    "an acquire": Effect.scoped(Effect.acquireRelease(hang, () => Effect.void)),
    "a release": Effect.scoped(Effect.acquireRelease(Effect.void, () => hang)),
    "an ensuring": Effect.ensuring(Effect.void, hang),
    "an onExit": Effect.onExit(Effect.void, () => hang),
    "a stream's finaliser": Stream.runDrain(Stream.ensuring(Stream.make(1), hang)),
    "an attempt in a release": Effect.scoped(
      Effect.acquireRelease(Effect.void, () => Effect.ignore(Deadline.attempt(Effect.never, "1 second")))
    ),
    "a stream in a release": Effect.scoped(
      Effect.acquireRelease(Effect.void, () =>
        Effect.ignore(Stream.runDrain(Deadline.totalStream(Stream.never, "1 second")))
      )
    )
  }
  for (const [where, region] of Object.entries(regions)) {
    it.effect(`P2: ends in time in ${where}`, () =>
      Effect.gen(function* () {
        const { exit, took } = yield* timed(region)
        assert.isTrue(Exit.isSuccess(exit))
        assert.strictEqual(took, 1000)
      })
    )
  }

  it.effect("P2: the same as Effect.timeout does", () =>
    Effect.gen(function* () {
      const { took } = yield* timed(Effect.uninterruptible(Effect.ignore(Effect.timeout(Effect.never, "1 second"))))
      assert.strictEqual(took, 1000)
    })
  )
})

describe("Deadline.totalStream", () => {
  it.effect("bounds the whole stream, and keeps what came before", () =>
    Effect.gen(function* () {
      const seen: Array<number> = []
      const ticks = Stream.fromEffectRepeat(
        Effect.delay(
          Effect.sync(() => seen.length),
          "1 second"
        )
      )
      const run = ticks.pipe(
        Deadline.totalStream("3500 millis"),
        Stream.runForEach((n) => Effect.sync(() => void seen.push(n)))
      )
      const { exit, took } = yield* timed(Effect.flip(run))
      assert.strictEqual(took, 3500)
      assert.deepStrictEqual(seen, [0, 1, 2])
      assert.isTrue(Exit.isSuccess(exit) && exit.value._tag === "DeadlineExceeded")
    })
  )

  it.effect("a stream that ends in time is as it was", () =>
    Effect.gen(function* () {
      const stream = Stream.make(1, 2, 3).pipe(Stream.concat(Stream.fail("end")))
      const seen: Array<number> = []
      const run = Stream.runForEach(Deadline.totalStream(stream, "1 second"), (n) =>
        Effect.sync(() => void seen.push(n))
      )
      assert.strictEqual(yield* Effect.flip(run), "end")
      assert.deepStrictEqual(seen, [1, 2, 3])
    })
  )
})

describe("Deadline: refused options", () => {
  for (const limit of [0, -1, Number.NaN, "Infinity", 2 ** 31] as const) {
    it(String(limit), () =>
      assert.throws(
        () => Deadline.total(Effect.void, limit),
        InvalidPolicyOption.InvalidPolicyOption,
        'Deadline.total: "limit" must be a duration above zero'
      )
    )
  }
})

// The usual clock has a timer of its own; under `TestClock` all of the above sleeps.
describe("Deadline by the usual clock", () => {
  const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length
  const wait = (millis: number) => Effect.promise(() => new Promise((resolve) => setTimeout(resolve, millis)))

  it.live("cuts off, waits for the finalisers, and says how long it was", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const slow = Effect.onInterrupt(Effect.never, () => Effect.as(wait(5), void log.push("released")))
      const error = yield* Effect.flip(Deadline.total(slow, "20 millis"))
      assert.instanceOf(error, DeadlineExceeded)
      // A timer of Node may be early by a part of a millisecond.
      assert.isAtLeast(error.elapsedMillis ?? 0, 19)
      assert.deepStrictEqual(log, ["released"])
    })
  )

  it.live("answers on time where what it cuts off is detached", () =>
    Effect.gen(function* () {
      const stubborn = Effect.uninterruptible(wait(2_000))
      const began = performance.now()
      yield* Effect.flip(Deadline.total(stubborn, "20 millis", { onExpiry: "detach" }))
      assert.isBelow(performance.now() - began, 1_000)
    })
  )

  it.live("leaves no timer behind: not of what was done in time, and not of what was interrupted", () =>
    Effect.gen(function* () {
      const before = timers()
      yield* Deadline.total(wait(1), "1 hour")
      yield* Effect.ignore(Deadline.attempt(Effect.andThen(wait(1), Effect.fail("down")), "1 hour"))
      const fiber = yield* Effect.forkChild(Deadline.total(Effect.never, "1 hour"))
      yield* wait(1)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(timers(), before)
    })
  )
})
