/**
 * Requests that find every channel resting: the attempt loop over a real selection, on virtual time.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Random } from "effect"
import { TestClock } from "effect/testing"
import { Script } from "effect-resilience/testing"
import { payloadsOf } from "#src/dialect/index"
import { Relay } from "#src/relay/index"
import { type Channel, Selection } from "#src/channel/index"
import { ChannelRateLimited } from "effect-resilience/errors"
import { wanted } from "../channel/kit/channels.ts"
import { askAndRead, channel, options, passUntil, type Scripts, virtualRelay } from "./virtual.ts"

const text = "one two three four five six"
const good = Script.answer(text)
const busy = (seconds: number): Script.Script => Script.status(429, { headers: { "retry-after": String(seconds) } })

interface End {
  readonly code: string
  readonly data: { readonly [field: string]: unknown }
}

/** How an answer ended: `done`, or its error's code. */
const endOf = (read: string): End => {
  const last = payloadsOf([read]).at(-1)!
  const data = JSON.parse(last.data) as End["data"]
  return { code: last.event === "done" ? "done" : String(data["code"]), data }
}

/** One who reads. */
type Reader = Effect.Success<ReturnType<typeof askAndRead>>["reader"]

type VirtualWorld = ReturnType<typeof virtualRelay>

const within = <A>(
  channels: ReadonlyArray<Channel>,
  scripts: Scripts,
  settings: { readonly [section: string]: unknown },
  run: (world: VirtualWorld) => Effect.Effect<A, unknown, Effect.Services<ReturnType<typeof askAndRead>> | Selection>
): Promise<A> => {
  const world = virtualRelay(options(channels, settings), scripts)
  return run(world).pipe(
    Effect.provide(world.layer),
    Random.withSeed("waiting"),
    Effect.scoped,
    Effect.provide(TestClock.layer()),
    Effect.runPromise
  )
}

describe("a busy pool", () => {
  it("S18: three channels of one key, 1.4 % of the calls 429 with retry-after: 1: none ends with a 503", () => {
    const requests = 1000
    /** 1.4 % of the calls are refused, 1 % of the answers are cut. */
    const scripts = (chance: Random.Random): ReadonlyArray<Script.Script> =>
      Array.from({ length: requests * 2 }, () => {
        const draw = chance.nextDoubleUnsafe()
        return draw < 0.014 ? busy(1) : draw < 0.024 ? good.pipe(Script.cutAfter(3, "reset")) : good
      })
    const play = Effect.gen(function* () {
      const chance = yield* Random.Random
      const ids = ["a", "b", "c"]
      return yield* Effect.promise(() =>
        within(
          ids.map((id) => channel(id)),
          Object.fromEntries(ids.map((id) => [id, scripts(chance)])),
          {},
          ({ calls }) =>
            Effect.gen(function* () {
              const readers: Array<Reader> = []
              for (let request = 0; request < requests; request++) {
                readers.push((yield* askAndRead()).reader)
                yield* TestClock.adjust(10)
              }
              yield* passUntil(() => readers.every((reader) => reader.terminals() > 0))
              return { asked: calls().length, ends: readers.map((reader) => endOf(reader.text())) }
            })
        )
      )
    })
    return Effect.runPromise(play.pipe(Random.withSeed("S18"))).then(({ asked, ends }) => {
      assert.isAbove(asked, requests + 8, "some were refused or cut")
      const bad = ends.filter(({ code }) => code !== "done").map(({ code }) => code)
      assert.deepStrictEqual(bad, [])
      for (const { data } of ends) assert.strictEqual(data["full_content"], text)
    })
  }, 30_000)

  it("S18: who waits is let through in order, one first, then two for each that is taken", () =>
    within([channel("a")], { a: [busy(1), good] }, {}, ({ calls }) =>
      Effect.gen(function* () {
        yield* askAndRead()
        yield* TestClock.adjust(100)
        const readers: Array<Reader> = []
        for (let request = 0; request < 20; request++) {
          readers.push((yield* askAndRead()).reader)
          yield* TestClock.adjust(10)
        }
        assert.strictEqual(calls().length, 1, "nobody is asked while it rests")
        yield* passUntil(() => readers.every((reader) => reader.terminals() > 0), 10_000, 5)
        assert.deepStrictEqual([...new Set(readers.map((reader) => endOf(reader.text()).code))], ["done"])
        const at = calls()
          .slice(1)
          .map(({ openedAt }) => openedAt)
        const first = at[0]!
        assert.isAtLeast(first, 1000)
        const sameTime = Math.max(...at.map((one) => at.filter((other) => other === one).length))
        assert.isAtMost(sameTime, 10, "no stampede")
        assert.isAtMost(at.filter((one) => one < first + 50).length, 2)
      })
    ))

  it("S18: what is due too late is asked of one request at a time, and the rest get a 503 that says when", () =>
    within([channel("a")], { a: [busy(9), good] }, {}, ({ calls }) =>
      Effect.gen(function* () {
        yield* askAndRead()
        yield* TestClock.adjust(100)
        const readers: Array<Reader> = []
        for (let request = 0; request < 5; request++) readers.push((yield* askAndRead()).reader)
        yield* TestClock.adjust(2000)
        assert.deepStrictEqual(
          readers.map((reader) => endOf(reader.text()).code),
          ["done", ...Array.from({ length: 4 }, () => "get_channel_failed")]
        )
        assert.strictEqual(endOf(readers[1]!.text()).data["retry_after"], 9)
        assert.strictEqual(calls().length, 2)
      })
    ))

  it("S18: retry.waitUpTo says how long", () =>
    within([channel("a")], { a: [busy(9), good] }, { retry: { waitUpTo: "10 seconds", sameChannel: 0 } }, ({ calls }) =>
      Effect.gen(function* () {
        yield* askAndRead()
        yield* TestClock.adjust(100)
        const { reader } = yield* askAndRead()
        yield* TestClock.adjust(8000)
        assert.strictEqual(calls().length, 1)
        yield* passUntil(() => reader.terminals() > 0, 20_000)
        assert.strictEqual(endOf(reader.text()).code, "done")
      })
    ))

  it("S18: nobody waits longer than its own time", () =>
    within([channel("a")], { a: [busy(2), Script.silence] }, { retry: { times: 0 } }, () =>
      Effect.gen(function* () {
        yield* askAndRead()
        yield* TestClock.adjust(100)
        // The first that is let through is silent, and those behind it are let through one by one.
        const readers: Array<Reader> = []
        for (let request = 0; request < 50; request++) readers.push((yield* askAndRead({ timeoutMillis: 3000 })).reader)
        yield* TestClock.adjust(2999)
        assert.isTrue(readers.every((reader) => reader.terminals() === 0))
        yield* TestClock.adjust(10)
        for (const reader of readers) assert.strictEqual(endOf(reader.text()).code, "deadline_exceeded")
      })
    ))

  it("S18: a client that leaves leaves the line", () =>
    within([channel("a")], { a: [busy(1), good] }, {}, ({ calls }) =>
      Effect.gen(function* () {
        yield* askAndRead()
        yield* TestClock.adjust(100)
        const gone = yield* askAndRead({ leave: "cancel" })
        const stays = yield* askAndRead()
        gone.reader.close()
        yield* TestClock.adjust(1)
        yield* passUntil(() => stays.reader.terminals() > 0, 5_000)
        yield* TestClock.adjust(2000)
        assert.strictEqual(endOf(stays.reader.text()).code, "done")
        // The one that was refused asks again too.
        assert.strictEqual(calls().length, 3)
        assert.strictEqual((yield* Relay).active(), 0)
      })
    ))

  it(
    "S18: at most 1,000 wait",
    () =>
      within([channel("a")], { a: [busy(3), good] }, {}, () =>
        Effect.gen(function* () {
          const first = yield* askAndRead()
          yield* TestClock.adjust(100)
          const readers: Array<Reader> = []
          for (let request = 0; request < 1010; request++) readers.push((yield* askAndRead()).reader)
          yield* TestClock.adjust(10)
          const refused = readers.filter((reader) => reader.terminals() > 0)
          assert.strictEqual(refused.length, 10)
          for (const reader of refused) assert.strictEqual(endOf(reader.text()).code, "get_channel_failed")
          yield* passUntil(() => readers.every((reader) => reader.terminals() > 0))
          assert.strictEqual(endOf(first.reader.text()).code, "done")
          assert.isTrue(
            readers.every((reader) => refused.includes(reader) || endOf(reader.text()).code === "done"),
            "who waits is served"
          )
        })
      ),
    30_000
  )

  it("S18: a broken answer waits for recovery.waitUpTo, and goes on", () =>
    within(
      [channel("a", { priority: 1 }), channel("b")],
      { a: [good.pipe(Script.cutAfter(3, "reset")), good], b: [good] },
      { breaker: { minimum: 1, open: "8 seconds" } },
      ({ calls }) =>
        Effect.gen(function* () {
          const picked = yield* (yield* Selection).pick(wanted({ only: "b" }))
          picked.release({
            _tag: "Failure",
            error: new ChannelRateLimited({ retryAfterMillis: 3_600_000 }),
            penalise: true
          })
          const { reader } = yield* askAndRead()
          yield* passUntil(() => reader.terminals() > 0)
          assert.strictEqual(endOf(reader.text()).code, "done")
          assert.strictEqual(endOf(reader.text()).data["full_content"], text)
          assert.deepStrictEqual(
            calls().map((call) => call.channel),
            ["a", "a"]
          )
          assert.isAtLeast(calls()[1]!.openedAt - calls()[0]!.openedAt, 8000)
        })
    ))
})
