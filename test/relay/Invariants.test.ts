import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { payloadsOf } from "#src/dialect/index"
import * as fc from "fast-check"
import { Script } from "effect-resilience/testing"
import { askAndRead, channel, options, passUntil, readerOf, virtualRelay, whole, wholeText } from "./virtual.ts"

const at = fc.integer({ min: 0, max: 30 })
const script: fc.Arbitrary<Script.Script> = fc.oneof(
  { weight: 3, arbitrary: fc.constant(whole) },
  { weight: 1, arbitrary: fc.constant(whole.pipe(Script.ending("withoutTerminator"))) },
  { weight: 1, arbitrary: fc.constant(Script.refused) },
  { weight: 1, arbitrary: fc.constant(Script.silence) },
  { weight: 1, arbitrary: fc.constant(Script.headersOnly(1000)) },
  {
    weight: 4,
    arbitrary: fc
      .tuple(at, fc.constantFrom<Script.Ending>("reset", "end", Script.errorFrame(), "garbageFrame", "stall"))
      .map(([steps, ending]) => whole.pipe(Script.cutAfter(steps, ending)))
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(
        fc.constantFrom(400, 401, 403, 404, 408, 429, 500, 502, 503, 504, 529, 301),
        fc.option(fc.integer({ min: 1, max: 5000 }), { nil: undefined })
      )
      .map(([status, retryAfter]) =>
        Script.status(status, retryAfter === undefined ? {} : { headers: { "retry-after-ms": String(retryAfter) } })
      )
  }
)
const scripts = fc.record({
  a: fc.array(script, { minLength: 1, maxLength: 4 }),
  b: fc.array(script, { minLength: 1, maxLength: 4 }),
  c: fc.array(script, { minLength: 1, maxLength: 4 })
})

/** Whether attempts get a second beside them, and when. */
const hedging = fc.constantFrom(null, "30 millis", "120 millis", "2 seconds")

const channels = [
  channel("a", { priority: 2 }),
  channel("b", { priority: 1 }),
  channel("c", { continuation: "prefill" })
]

/** The ids, events and data of a stream's text. */
const read = (text: string) => ({
  ids: [...text.matchAll(/^id: (.*)$/gm)].map((found) => found[1]!),
  events: payloadsOf([text]).map(({ data, event }) => ({
    event: event ?? "message",
    data: JSON.parse(data) as { readonly [field: string]: unknown }
  }))
})

const run = <A>(effect: Effect.Effect<A, unknown, never>) =>
  Effect.runPromise(Effect.scoped(Effect.provide(effect, TestClock.layer())) as Effect.Effect<A>)

describe("the invariants, for any script of faults, on virtual time", () => {
  it("1 to 5, 7, 8, 10: one lifecycle, nothing shown that is not stored, nothing lost or twice, no truncated success", () =>
    fc.assert(
      fc.asyncProperty(
        scripts,
        fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 3 }),
        hedging,
        (which, joins, hedgeAfter) => {
          const relayOptions = options(channels, { retry: { hedgeAfter } })
          const { calls, layer, picks, releases } = virtualRelay(relayOptions, which)
          return run(
            Effect.gen(function* () {
              const began = 0
              const { answer, journal, reader, relay } = yield* askAndRead()
              const late: Array<ReturnType<typeof readerOf>> = []
              for (const join of joins) {
                yield* TestClock.adjust(join * 20)
                late.push(readerOf(journal, answer.id, -1))
                // 2: what a reader has is in the store, to the byte.
                const stored = (yield* journal.frames(answer.id, -1)).join("")
                assert.isTrue(stored.startsWith(reader.text()), "a reader has what is not stored")
              }
              yield* passUntil(() => reader.terminals() > 0)
              const ended = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
              // A late reader replays in a turn of its own.
              yield* TestClock.adjust(1)

              const { events, ids } = read(reader.text())
              // 1: one init, contiguous ids, one terminal event, nothing after it.
              assert.deepStrictEqual(
                ids,
                events.map((_, seq) => `${answer.id}.${seq}`)
              )
              assert.strictEqual(events[0]!.event, "init")
              assert.strictEqual(events.filter(({ event }) => event === "init").length, 1)
              const ends = events.filter(({ event }) => event === "done" || event === "error")
              assert.strictEqual(ends.length, 1)
              assert.strictEqual(events.at(-1), ends[0])
              assert.strictEqual(reader.afterEnd(), 0)
              // 3: every reader, whenever it came, read the same bytes.
              for (const one of late) assert.strictEqual(one.text(), reader.text())
              assert.strictEqual((yield* journal.frames(answer.id, -1)).join(""), reader.text())
              const text = events
                .filter(({ event }) => event === "message")
                .map(({ data }) => data["content"])
                .join("")
              const end = ends[0]!
              if (end.event === "done") {
                // 4: success is the whole text, and nothing but it.
                assert.strictEqual(text, wholeText)
                assert.strictEqual(end.data["full_content"], wholeText)
              } else {
                assert.strictEqual(end.data["partial_content"], text)
                // 5: what was shown is a part of the answer, with nothing dropped and nothing twice.
                assert.isTrue(wholeText.startsWith(text))
              }
              for (const { data, event } of events) if (event === "failover") assert.strictEqual(data["dropped"], 0)
              // 7: no channel is penalised twice for one request, and nobody for the caller's fault.
              const penalties = releases.filter(({ outcome }) => outcome._tag === "Failure" && outcome.penalise)
              assert.strictEqual(new Set(penalties.map(({ target }) => target.channel.id)).size, penalties.length)
              // Each target that was picked was given back, once.
              assert.strictEqual(releases.length, picks())
              // 8: attempts and time stay inside their budgets, and nothing runs on.
              assert.isAtMost(answer.trail.length, 3 + 1 + 2 + 4)
              assert.isAtMost(ended - began, 300_000 + 60_000)
              assert.isTrue(
                calls().every(({ closed }) => closed),
                "an upstream is still open"
              )
              // 10: nothing is kept of an answer that has ended.
              yield* TestClock.adjust(1)
              assert.strictEqual(relay.active(), 0)
              assert.isUndefined(journal.live(answer.id))
            }).pipe(Effect.provide(layer))
          )
        }
      ),
      { numRuns: 300 }
    ))

  it("8: nothing runs on for a client who cancelled, at whatever moment", () =>
    fc.assert(
      fc.asyncProperty(scripts, fc.integer({ min: 0, max: 4000 }), hedging, (which, moment, hedgeAfter) => {
        const { calls, layer } = virtualRelay(options(channels, { retry: { hedgeAfter } }), which)
        return run(
          Effect.gen(function* () {
            const { reader, relay } = yield* askAndRead({ leave: "cancel" })
            yield* TestClock.adjust(moment)
            const before = calls().length
            reader.close()
            yield* TestClock.adjust(1)
            assert.isTrue(calls().every(({ closed }) => closed))
            yield* TestClock.adjust(60_000)
            assert.strictEqual(calls().length, before)
            assert.strictEqual(relay.active(), 0)
          }).pipe(Effect.provide(layer))
        )
      }),
      { numRuns: 60 }
    ))

  it("7: penalties alone never empty the pool: a fresh request is always asked of somebody", () =>
    run(
      Effect.gen(function* () {
        const { calls, layer } = virtualRelay(options(channels), {
          a: [Script.status(500)],
          b: [Script.refused],
          c: [Script.status(429, { headers: { "retry-after-ms": "3600000" } })]
        })
        yield* Effect.gen(function* () {
          for (let request = 0; request < 20; request++) {
            const before = calls().length
            const { reader } = yield* askAndRead()
            yield* passUntil(() => reader.terminals() > 0)
            assert.isAbove(calls().length, before, `request ${request} was asked of nobody`)
          }
        }).pipe(Effect.provide(layer))
      })
    ))

  it("8: a silent channel is never asked twice by one request", () =>
    run(
      Effect.gen(function* () {
        const { calls, layer } = virtualRelay(options(channels), {
          a: [Script.silence],
          b: [Script.silence],
          c: [Script.silence]
        })
        yield* Effect.gen(function* () {
          const { reader } = yield* askAndRead()
          yield* passUntil(() => reader.terminals() > 0)
          assert.deepStrictEqual(
            calls().map((call) => call.channel),
            ["a", "b", "c"]
          )
        }).pipe(Effect.provide(layer))
      })
    ))

  it("detach: with nobody reading an answer that breaks is continued as any other, while its grace lasts", () =>
    run(
      Effect.gen(function* () {
        const { calls, layer } = virtualRelay(options(channels), {
          a: [whole.pipe(Script.cutAfter(10, "reset"))],
          b: [whole],
          c: [whole]
        })
        yield* Effect.gen(function* () {
          const { answer, journal, reader } = yield* askAndRead()
          yield* TestClock.adjust(200)
          reader.close()
          yield* TestClock.adjust(10_000)
          assert.strictEqual(calls().length, 2)
          const events = read((yield* journal.frames(answer.id, -1)).join("")).events
          assert.strictEqual(events.at(-1)!.event, "done")
          assert.strictEqual(events.at(-1)!.data["full_content"], wholeText)
        }).pipe(Effect.provide(layer))
      })
    ))

  it("detach: after its grace an answer that nobody reads is ended", () =>
    run(
      Effect.gen(function* () {
        const { calls, layer } = virtualRelay(options(channels), { a: [whole], b: [whole], c: [whole] }, 5_000)
        yield* Effect.gen(function* () {
          const { answer, journal, reader } = yield* askAndRead()
          yield* TestClock.adjust(12_000)
          reader.close()
          yield* TestClock.adjust(59_000)
          assert.isTrue(calls().some(({ closed }) => !closed))
          yield* TestClock.adjust(2_000)
          assert.isTrue(calls().every(({ closed }) => closed))
          const events = read((yield* journal.frames(answer.id, -1)).join("")).events
          assert.strictEqual(events.at(-1)!.data["code"], "client_gone")
        }).pipe(Effect.provide(layer))
      })
    ))

  it("8: the retry budget refuses retries of the same channel, and never the first move to another", () =>
    run(
      Effect.gen(function* () {
        const { calls, layer } = virtualRelay(
          options([channel("a", { priority: 2 }), channel("b", { priority: 1 })], {
            retry: { budget: { ratio: 0, minPerSecond: 0 } }
          }),
          { a: [Script.status(500)], b: [Script.status(500), whole] }
        )
        yield* Effect.gen(function* () {
          const { reader } = yield* askAndRead()
          yield* passUntil(() => reader.terminals() > 0)
          assert.deepStrictEqual(
            calls().map((call) => call.channel),
            ["a", "b"]
          )
        }).pipe(Effect.provide(layer))
      })
    ))
})
