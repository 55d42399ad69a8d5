/**
 * Two relays on one store, whole: who writes a stream is one of them, and everybody reads and cancels it.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { streamFault } from "effect-resilience/errors"
import { Script } from "effect-resilience/testing"
import * as fc from "fast-check"
import { type ClientDialectName, clientDialects } from "#src/dialect/index"
import { type JournalStore, JournalStoreMemory } from "#src/journal/index"
import { late } from "../../journal/kit.ts"
import { type readerOf, wholeText } from "../virtual.ts"
import {
  ask,
  askOnce,
  comeBack,
  judge,
  type Life,
  type LifeOptions,
  passing,
  recordOf,
  startLife,
  virtually
} from "./lives.ts"

const parts = wholeText.match(/.{1,9}/gs)!
const slow = Script.answer(parts).pipe(Script.usage("none"), Script.every(50), Script.startsAfter(50))
const options: LifeOptions = {
  upstreams: { a: { scripts: [slow] } },
  settings: { retry: { times: 50 }, recovery: { maxContinuations: 50 } }
}

/** A store that takes its time: what is asked at once meets in it. */
const slowly = { store: (own: JournalStore["Service"]) => late(own, queueMicrotask, { commit: 2, find: 3, page: 5 }) }

const taken = ({ events }: Life): number => events.filter(({ _tag }) => _tag === "StreamTakenOver").length
const endings = ({ events }: Life): number => events.filter(({ _tag }) => _tag === "StreamEnded").length
const openCalls = ({ calls }: Life): number => calls().filter(({ state }) => state === "open").length

const pair = Effect.fnUntraced(function* (more: Partial<LifeOptions> = {}) {
  const place = yield* JournalStoreMemory.place
  const left = yield* startLife(place, { ...options, ...more })
  const right = yield* startLife(place, { ...options, ...more })
  return { place, left, right }
})

describe("a stream that another relay writes", () => {
  it("is read live: each event at once, from wherever its reader comes", () =>
    virtually(
      Effect.gen(function* () {
        const { left, right } = yield* pair()
        const { id, reader } = yield* ask(left)
        yield* passing(() => false, 400)
        const here = yield* comeBack(right, id)
        const later = yield* comeBack(right, id, 3)
        for (let n = 0; n < 20; n++) {
          yield* TestClock.adjust(50)
          yield* TestClock.adjust(1)
          assert.strictEqual(here.text(), reader.text())
          assert.isTrue(reader.text().endsWith(later.text()))
        }
        yield* passing(() => here.terminals() > 0)
        yield* TestClock.adjust(1)
        for (const one of [reader, here]) {
          assert.strictEqual(one.terminals(), 1)
          assert.deepInclude(judge("chat", id, one.text()), { state: "whole", text: wholeText })
        }
        assert.strictEqual(taken(right), 0)
        assert.lengthOf(right.calls(), 0)
      })
    ))

  it("is not settled by a relay that starts, nor by one that is asked to take it up", () =>
    virtually(
      Effect.gen(function* () {
        const { left, place, right } = yield* pair()
        const { id } = yield* ask(left)
        yield* passing(() => false, 400)
        const third = yield* startLife(place, options)
        yield* third.relay.adopt(yield* recordOf(right, id))
        yield* right.relay.adopt(yield* recordOf(right, id))
        assert.strictEqual((yield* recordOf(third, id)).epoch, 1)
        yield* passing(() => left.relay.active() === 0)
        assert.deepInclude(judge("chat", id, (yield* right.journal.frames(id, -1)).join("")), {
          state: "whole",
          text: wholeText
        })
        assert.deepStrictEqual([taken(right), taken(third), left.calls().length], [0, 0, 1])
      })
    ))

  it("is cancelled there, by whoever is asked: the writer hears of it and closes its upstream", () =>
    virtually(
      Effect.gen(function* () {
        const { left, right } = yield* pair()
        const { id, reader } = yield* ask(left)
        yield* passing(() => false, 400)
        const fault = streamFault({ code: 12008, side: "client", message: "enough" })
        const position = yield* right.journal.locate(id, undefined)
        assert.strictEqual(position.state, "elsewhere")
        assert.isTrue(yield* right.relay.cancel(position, fault))
        yield* TestClock.adjust(1)
        assert.strictEqual(openCalls(left), 0)
        assert.strictEqual(left.relay.active(), 0)
        const { end, state } = judge("chat", id, reader.text())
        assert.strictEqual(state, "error")
        assert.deepInclude(JSON.parse(end?.data ?? "{}"), { code: "stream_cancelled", fault })
        // The first cancel stays, and what has ended cannot be cancelled.
        assert.isFalse(yield* right.relay.cancel(yield* right.journal.locate(id, undefined), fault))
      })
    ))
})

describe("a stream whose relay is gone, and several others", () => {
  it.each(Object.keys(clientDialects) as ReadonlyArray<ClientDialectName>)(
    "%s: of any number that ask for it at once, at both, one takes it up; all read it",
    (dialect) =>
      virtually(
        Effect.gen(function* () {
          const { left, place, right } = yield* pair(slowly)
          const first = yield* startLife(place, options)
          const { id } = yield* ask(first, { dialect, leave: "cancel" })
          yield* passing(() => false, 400)
          yield* first.kill
          const readers = yield* Effect.all(
            Array.from({ length: 10 }, (_, at) => comeBack(at % 2 === 0 ? left : right, id)),
            { concurrency: "unbounded" }
          )
          yield* passing(() => readers.every((reader) => reader.terminals() > 0))
          for (const reader of readers) {
            assert.deepInclude(judge(dialect, id, reader.text()), { state: "whole", text: wholeText })
          }
          assert.strictEqual(taken(left) + taken(right), 1)
          assert.strictEqual(left.calls().length + right.calls().length, 1)
          assert.strictEqual((yield* recordOf(left, id)).epoch, 2)
        })
      )
  )

  it("both start at once: each stream goes on at one of them", () =>
    virtually(
      Effect.gen(function* () {
        const place = yield* JournalStoreMemory.place
        const first = yield* startLife(place, options)
        const ids: Array<string> = []
        for (let n = 0; n < 5; n++) ids.push((yield* ask(first)).id)
        yield* passing(() => false, 400)
        yield* first.kill
        const [left, right] = yield* Effect.all([startLife(place, options), startLife(place, options)], {
          concurrency: "unbounded"
        })
        yield* passing(() => endings(left) + endings(right) === 5)
        for (const id of ids) {
          assert.deepInclude(judge("chat", id, (yield* left.journal.frames(id, -1)).join("")), {
            state: "whole",
            text: wholeText
          })
        }
        assert.strictEqual(taken(left) + taken(right), 5)
        assert.strictEqual(left.calls().length + right.calls().length, 5)
      })
    ))

  it("cancelled by one while another takes it up: it ends once, as cancelled", () =>
    virtually(
      Effect.gen(function* () {
        const { left, place, right } = yield* pair(slowly)
        const first = yield* startLife(place, options)
        const { id } = yield* ask(first)
        yield* passing(() => false, 400)
        yield* first.kill
        const position = yield* left.journal.locate(id, undefined)
        const fault = streamFault({ code: 12007, side: "client" })
        yield* Effect.all(
          [left.relay.adopt(position.record), left.relay.cancel(position, fault), comeBack(right, id)],
          {
            concurrency: "unbounded"
          }
        )
        yield* passing(() => left.relay.active() + right.relay.active() === 0)
        const { end, state } = judge("chat", id, (yield* right.journal.frames(id, -1)).join(""))
        assert.strictEqual(state, "error")
        assert.deepInclude(JSON.parse(end?.data ?? "{}"), { code: "stream_cancelled" })
        assert.strictEqual(openCalls(left) + openCalls(right), 0)
      })
    ))
})

describe("a relay that is held for dead, and lives", () => {
  it("writes nothing once its stream is claimed, closes its upstream within 100 ms, and cuts its readers", () =>
    virtually(
      Effect.gen(function* () {
        const { left, right } = yield* pair()
        const { id, reader } = yield* ask(left)
        yield* passing(() => false, 400)
        left.lapse()
        const here = yield* comeBack(right, id)
        yield* TestClock.adjust(1)
        const claimed = yield* recordOf(right, id)
        assert.strictEqual(claimed.epoch, 2)
        const had = reader.text()
        // The next word comes in 50 ms: with it the old writer learns.
        yield* passing(() => false, 100, 5)
        assert.strictEqual(openCalls(left), 0)
        assert.strictEqual(left.relay.active(), 0)
        assert.strictEqual(reader.text(), had, "a stale writer has shown something")
        assert.strictEqual(reader.terminals(), 0)
        yield* passing(() => here.terminals() > 0)
        assert.deepInclude(judge("chat", id, here.text()), { state: "whole", text: wholeText })
        assert.isTrue(here.text().startsWith(had), "what was shown is otherwise")
        // It has an end where it is written now, and nowhere else.
        const given = left.events.find((event) => event._tag === "StreamAbandoned")
        assert.strictEqual(given?.error?._tag, "LeaseLost")
        assert.deepStrictEqual([endings(left), endings(right)], [0, 1])
      })
    ))

  it("may write on until it is claimed: what it wrote meanwhile is shown once", () =>
    virtually(
      Effect.gen(function* () {
        const place = yield* JournalStoreMemory.place
        const left = yield* startLife(place, options)
        const { id, reader } = yield* ask(left)
        yield* passing(() => false, 400)
        left.lapse()
        // It reads what there is, and then the old one writes three words more, before the claim.
        let writes: Effect.Effect<void> | undefined = passing(() => false, 150)
        const store = (own: JournalStore["Service"]): JournalStore["Service"] => ({
          ...own,
          claim: (stream, epoch, done) => {
            const work = writes ?? Effect.void
            writes = undefined
            Effect.runForkWith(services)(
              Effect.andThen(
                work,
                Effect.sync(() => own.claim(stream, epoch, done))
              )
            )
          }
        })
        const services = yield* Effect.context<never>()
        const right = yield* startLife(place, { ...options, store })
        const here = yield* comeBack(right, id)
        yield* passing(() => here.terminals() > 0)
        assert.isTrue(here.text().startsWith(reader.text()), "what was shown is otherwise")
        assert.deepInclude(judge("chat", id, here.text()), { state: "whole", text: wholeText })
        assert.isAtLeast(judge("chat", id, reader.text()).text.length, 90)
      })
    ))
})

/** What may happen to two relays. */
type Deed =
  | { readonly _tag: "Ask"; readonly at: 0 | 1; readonly dialect: ClientDialectName }
  | { readonly _tag: "AskOnce"; readonly at: 0 | 1; readonly key: 0 | 1; readonly body: 0 | 1 }
  | { readonly _tag: "Pass"; readonly millis: number }
  | { readonly _tag: "Kill" | "Lapse"; readonly at: 0 | 1 }
  | { readonly _tag: "ComeBack"; readonly at: 0 | 1; readonly stream: number }
  | { readonly _tag: "Cancel"; readonly at: 0 | 1; readonly stream: number }

const at = fc.constantFrom(0 as const, 1 as const)
const stream = fc.nat({ max: 5 })
const deed: fc.Arbitrary<Deed> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      _tag: fc.constant("Ask" as const),
      at,
      dialect: fc.constantFrom(...(Object.keys(clientDialects) as ReadonlyArray<ClientDialectName>))
    })
  },
  { weight: 4, arbitrary: fc.record({ _tag: fc.constant("AskOnce" as const), at, key: at, body: at }) },
  { weight: 5, arbitrary: fc.record({ _tag: fc.constant("Pass" as const), millis: fc.integer({ min: 1, max: 900 }) }) },
  { weight: 2, arbitrary: fc.record({ _tag: fc.constantFrom("Kill" as const, "Lapse" as const), at }) },
  { weight: 3, arbitrary: fc.record({ _tag: fc.constant("ComeBack" as const), at, stream }) },
  { weight: 1, arbitrary: fc.record({ _tag: fc.constant("Cancel" as const), at, stream }) }
)

describe("two relays, whatever happens to them", () => {
  it(
    "each answer is one lifecycle and one text, whole or cancelled, the same for all who read it",
    () =>
      fc.assert(
        fc.asyncProperty(fc.array(deed, { minLength: 4, maxLength: 24 }), (deeds) =>
          virtually(
            Effect.gen(function* () {
              const place = yield* JournalStoreMemory.place
              const lives = [yield* startLife(place, options), yield* startLife(place, options)]
              const streams: Array<{ readonly id: string; readonly dialect: ClientDialectName; cancelled: boolean }> =
                []
              const readers: Array<{ readonly id: string; readonly reader: ReturnType<typeof readerOf> }> = []
              const bound: Array<{ readonly id: string; readonly body: number } | undefined> = []
              const revive = function* (at: 0 | 1) {
                lives[at] = yield* startLife(place, options)
              }
              for (const deed of deeds) {
                switch (deed._tag) {
                  case "Ask": {
                    const { id, reader } = yield* ask(lives[deed.at]!, { dialect: deed.dialect })
                    // It is stored from its first commit.
                    yield* TestClock.adjust(1)
                    streams.push({ id, dialect: deed.dialect, cancelled: false })
                    readers.push({ id, reader })
                    break
                  }
                  case "AskOnce": {
                    const life = lives[deed.at]!
                    const before = bound[deed.key]
                    const found = yield* askOnce(life, { key: `k${deed.key}`, body: `b${deed.body}` })
                    if (found._tag === "Exists") {
                      assert.deepStrictEqual(
                        [found.position.record.id, found.sameBody],
                        [before?.id, before?.body === deed.body],
                        "a key names another answer"
                      )
                      break
                    }
                    if (before !== undefined) {
                      // Nothing else frees it here: its client is gone, or nothing of it was shown.
                      const all = (yield* life.journal.frames(before.id, -1)).join("")
                      const { end, text } = judge("chat", before.id, all)
                      assert.isTrue(end?.event === "error" && (text === "" || end.data.includes("client_gone")), all)
                    }
                    if (found._tag === "Absent") assert.fail("it was asked to begin")
                    yield* TestClock.adjust(1)
                    bound[deed.key] = { id: found.answer.id, body: deed.body }
                    streams.push({ id: found.answer.id, dialect: "chat", cancelled: false })
                    break
                  }
                  case "Pass":
                    yield* passing(() => false, deed.millis)
                    break
                  case "Kill":
                    yield* lives[deed.at]!.kill
                    yield* revive(deed.at)
                    break
                  case "Lapse": {
                    // It lives on for a while, held for dead, and is then gone.
                    const before = lives[deed.at]!
                    before.lapse()
                    yield* revive(deed.at)
                    yield* passing(() => false, 120, 10)
                    yield* before.kill
                    break
                  }
                  case "ComeBack": {
                    const one = streams[deed.stream]
                    if (one !== undefined)
                      readers.push({ id: one.id, reader: yield* comeBack(lives[deed.at]!, one.id) })
                    break
                  }
                  case "Cancel": {
                    const one = streams[deed.stream]
                    if (one === undefined) break
                    const position = yield* lives[deed.at]!.journal.locate(one.id, undefined)
                    yield* lives[deed.at]!.relay.cancel(position, streamFault({ code: 12007, side: "client" }))
                    one.cancelled = true
                    break
                  }
                }
              }
              for (const { id } of streams) yield* comeBack(lives[0]!, id)
              yield* passing(() => lives.every((life) => life.relay.active() === 0))
              yield* passing(() => false, 200)
              for (const { cancelled, dialect, id } of streams) {
                const all = (yield* lives[1]!.journal.frames(id, -1)).join("")
                const { end, state, text } = judge(dialect, id, all)
                if (cancelled && state === "error") {
                  assert.include(end?.data, "cancelled")
                  assert.isTrue(wholeText.startsWith(text))
                } else assert.deepStrictEqual([state, text], ["whole", wholeText])
                assert.strictEqual((yield* recordOf(lives[0]!, id)).request, "")
                for (const one of readers) {
                  if (one.id === id)
                    assert.isTrue(all.startsWith(one.reader.text()), "a reader has read something else")
                }
              }
              for (const life of lives) assert.strictEqual(openCalls(life), 0)
            })
          )
        ),
        { numRuns: 150 }
      ),
    120_000
  )
})
