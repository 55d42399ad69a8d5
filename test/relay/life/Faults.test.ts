/**
 * The store fails while a stream is taken up, or who asked for it leaves: there is never a live stream that nobody writes.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { QueryDataError, UpdateDataError } from "effect-resilience/errors"
import { Script } from "effect-resilience/testing"
import { type JournalStore, JournalStoreMemory } from "#src/journal/index"
import { late } from "../../journal/kit.ts"
import { wholeText } from "../virtual.ts"
import { ask, comeBack, judge, type Life, type LifeOptions, passing, recordOf, startLife, virtually } from "./lives.ts"

type Store = JournalStore["Service"]

const parts = wholeText.match(/.{1,9}/gs)!
const slow = Script.answer(parts).pipe(Script.usage("none"), Script.every(50), Script.startsAfter(50))
const options: LifeOptions = { upstreams: { a: { scripts: [slow] } } }

/** A store whose pages cannot be read, or whose commits and claims fail, as long as the test says. */
const failing = () => {
  const now = { pages: false, commits: false, claims: false }
  const store = (own: Store): Store => ({
    ...own,
    page: (id, after, limit, done) =>
      now.pages
        ? done({ ok: false, error: new QueryDataError({ message: "a page is unreadable" }) })
        : own.page(id, after, limit, done),
    commit: (shares, done) =>
      now.commits
        ? done({ ok: false, error: new UpdateDataError({ message: "the disk is full" }) })
        : own.commit(shares, done),
    claim: (id, epoch, done) =>
      now.claims
        ? done({ ok: false, error: new UpdateDataError({ message: "the disk is full" }) })
        : own.claim(id, epoch, done)
  })
  return { now, store }
}

/** A stream whose relay is gone, cut in its middle. */
const orphaned = Effect.gen(function* () {
  const place = yield* JournalStoreMemory.place
  const before = yield* startLife(place, options)
  const { id, reader } = yield* ask(before)
  yield* passing(() => false, 500)
  yield* before.kill
  return { place, id, shown: reader.text() }
})

const state = Effect.fnUntraced(function* (life: Life, id: string) {
  return (yield* life.journal.locate(id, undefined)).state
})

const isWhole = Effect.fnUntraced(function* (life: Life, id: string) {
  for (let passed = 0; passed < 120_000 && (yield* recordOf(life, id)).endedAt === null; passed += 100) {
    yield* TestClock.adjust(100)
  }
  assert.deepInclude(judge("chat", id, (yield* life.journal.frames(id, -1)).join("")), {
    state: "whole",
    text: wholeText
  })
  assert.strictEqual(life.relay.active(), 0)
})

describe("S1: a stream that cannot be taken up", () => {
  it("S1: whose page is unreadable fails for each who asks, is never live, and goes on once it can be read", () =>
    virtually(
      Effect.gen(function* () {
        const { id, place } = yield* orphaned
        const { now, store } = failing()
        now.pages = true
        const life = yield* startLife(place, { ...options, store })
        for (let n = 0; n < 3; n++) {
          assert.instanceOf(yield* Effect.flip(comeBack(life, id)), QueryDataError)
          assert.strictEqual(yield* state(life, id), "orphan")
          assert.isUndefined(life.journal.live(id))
        }
        // Nothing of it was claimed: whoever can read it may go on.
        assert.strictEqual((yield* recordOf(life, id)).epoch, 1)
        assert.lengthOf(life.calls(), 0)
        now.pages = false
        const reader = yield* comeBack(life, id)
        yield* passing(() => reader.terminals() > 0)
        assert.strictEqual(judge("chat", id, reader.text()).text, wholeText)
      })
    ))

  it("S1: and is tried again although nobody asks", () =>
    virtually(
      Effect.gen(function* () {
        const { id, place } = yield* orphaned
        const { now, store } = failing()
        now.pages = true
        const life = yield* startLife(place, { ...options, store })
        yield* passing(() => false, 20_000)
        assert.strictEqual(yield* state(life, id), "orphan")
        // It is told each time, and not all the time.
        const told = life.events.filter(({ _tag }) => _tag === "RelayErred").length
        assert.isAtLeast(told, 2)
        assert.isAtMost(told, 6)
        now.pages = false
        yield* isWhole(life, id)
      })
    ))

  it("S1: whose claim fails is not live, and is tried again", () =>
    virtually(
      Effect.gen(function* () {
        const { id, place } = yield* orphaned
        const { now, store } = failing()
        now.claims = true
        const life = yield* startLife(place, { ...options, store })
        assert.instanceOf(yield* Effect.flip(comeBack(life, id)), UpdateDataError)
        assert.strictEqual(yield* state(life, id), "orphan")
        now.claims = false
        yield* isWhole(life, id)
      })
    ))

  it("S1: whose first commit fails is given back: nobody was asked, and it goes on later", () =>
    virtually(
      Effect.gen(function* () {
        const { id, place, shown } = yield* orphaned
        const { now, store } = failing()
        now.commits = true
        const life = yield* startLife(place, { ...options, store })
        yield* passing(() => false, 500)
        assert.strictEqual(yield* state(life, id), "orphan")
        assert.lengthOf(life.calls(), 0)
        assert.strictEqual(life.relay.active(), 0)
        assert.strictEqual((yield* life.journal.frames(id, -1)).join(""), shown)
        now.commits = false
        yield* isWhole(life, id)
      })
    ))

  it("S1: whose rest cannot be read once it was claimed is given back", () =>
    virtually(
      Effect.gen(function* () {
        const place = yield* JournalStoreMemory.place
        const left = yield* startLife(place, options)
        const { id } = yield* ask(left)
        yield* passing(() => false, 500)
        left.lapse()
        const { now, store } = failing()
        const services = yield* Effect.context<never>()
        // Between what was read and the claim the old writer writes on; from then on no page can be read.
        let claims = 0
        const writing = (own: Store): Store => ({
          ...store(own),
          claim: (stream, epoch, done) => {
            if (claims++ > 0) return own.claim(stream, epoch, done)
            const claiming = Effect.sync(() => {
              now.pages = true
              own.claim(stream, epoch, done)
            })
            Effect.runForkWith(services)(
              Effect.andThen(
                passing(() => false, 150),
                claiming
              )
            )
          }
        })
        const right = yield* startLife(place, { ...options, store: writing })
        // Whichever of the two that ask comes first is told.
        yield* Effect.ignore(comeBack(right, id))
        yield* passing(() => right.events.some(({ _tag }) => _tag === "RelayErred") || now.pages, 1000)
        assert.isTrue(now.pages)
        assert.isUndefined(right.journal.live(id))
        assert.strictEqual(yield* state(right, id), "orphan")
        now.pages = false
        yield* isWhole(right, id)
      })
    ))

  it("S1: whose asker leaves in the middle is taken up all the same", () =>
    virtually(
      Effect.gen(function* () {
        const { id, place } = yield* orphaned
        const life = yield* startLife(place, {
          ...options,
          journal: { takeOverAtOnce: 1 },
          store: (own) => late(own, queueMicrotask, { commit: 3, find: 3, page: 20 })
        })
        const asking = yield* Effect.forkChild(comeBack(life, id))
        yield* Effect.yieldNow
        yield* Fiber.interrupt(asking)
        yield* isWhole(life, id)
      })
    ))

  it("S1: whose reader leaves in the middle of a route that cancels ends, and does not stay", () =>
    virtually(
      Effect.gen(function* () {
        const place = yield* JournalStoreMemory.place
        const before = yield* startLife(place, options)
        const { id } = yield* ask(before, { dialect: "openai", leave: "cancel" })
        yield* passing(() => false, 500)
        yield* before.kill
        const life = yield* startLife(place, {
          ...options,
          store: (own) => late(own, queueMicrotask, { commit: 3, find: 3, page: 20 })
        })
        const asking = yield* Effect.forkChild(comeBack(life, id))
        yield* Effect.yieldNow
        yield* Fiber.interrupt(asking)
        yield* passing(() => false, 61_000)
        assert.strictEqual(yield* state(life, id), "ended")
        assert.strictEqual(life.relay.active(), 0)
      })
    ))
})

describe("S1: a store that fails while an answer is under way", () => {
  it.each(["detach", "cancel"] as const)(
    "S1: cuts its readers, and the answer (%s) is not left without an end",
    (leave) =>
      virtually(
        Effect.gen(function* () {
          const place = yield* JournalStoreMemory.place
          const { now, store } = failing()
          const life = yield* startLife(place, { ...options, store })
          const { id, reader } = yield* ask(life, { leave })
          yield* passing(() => false, 500)
          now.commits = true
          yield* passing(() => false, 200)
          assert.strictEqual(life.relay.active(), 0)
          assert.strictEqual(reader.terminals(), 0)
          assert.strictEqual(yield* state(life, id), "orphan")
          assert.isTrue(life.calls().every(({ state }) => state !== "open"))
          yield* passing(() => false, 5000)
          now.commits = false
          if (leave === "detach") return yield* isWhole(life, id)
          // Only its client can want it; where that does not come, it ends.
          yield* passing(() => false, 125_000, 500)
          const all = (yield* life.journal.frames(id, -1)).join("")
          assert.include(judge("chat", id, all).end?.data, '"code":"client_gone"')
        })
      )
  )
})

/** What is told of streams, in its order. */
const story = ({ events }: Life): ReadonlyArray<string> =>
  events.map(({ _tag }) => _tag).filter((tag) => tag.startsWith("Stream"))

/** A store that fails the first commit that ends a stream, or makes it when it is told to. */
const withFirstEnd = (what: "fails" | "waits") => {
  let ends = 0
  let waiting = (): void => {}
  const store = (own: Store): Store => ({
    ...own,
    commit: (shares, done) => {
      const isFirst = shares.some(({ end }) => end !== undefined) && ends++ === 0
      if (!isFirst) own.commit(shares, done)
      else if (what === "waits") waiting = () => own.commit(shares, done)
      else done({ ok: false, error: new UpdateDataError({ message: "the disk is full" }) })
    }
  })
  return { ends: () => ends, goOn: () => waiting(), store }
}

describe("the end of an answer is told when it is committed", () => {
  it("before a reader has it", () =>
    virtually(
      Effect.gen(function* () {
        const { ends, goOn, store } = withFirstEnd("waits")
        const life = yield* startLife(yield* JournalStoreMemory.place, { ...options, store })
        const { reader } = yield* ask(life)
        yield* passing(() => ends() > 0)
        yield* passing(() => false, 100)
        assert.strictEqual(reader.terminals(), 0)
        assert.deepStrictEqual(story(life), ["StreamStarted"])
        // Who stops waits for it.
        assert.strictEqual(life.relay.active(), 1)
        goOn()
        assert.deepStrictEqual(story(life), ["StreamStarted", "StreamEnded"])
        assert.strictEqual(life.relay.active(), 0)
        yield* passing(() => reader.terminals() > 0)
      })
    ))

  it("once, where its last commit has failed once", () =>
    virtually(
      Effect.gen(function* () {
        const { ends, store } = withFirstEnd("fails")
        const life = yield* startLife(yield* JournalStoreMemory.place, { ...options, store })
        const { id, reader } = yield* ask(life)
        yield* passing(() => ends() > 0)
        yield* passing(() => false, 100)
        assert.strictEqual(reader.terminals(), 0)
        assert.deepStrictEqual(story(life), ["StreamStarted", "StreamAbandoned"])
        assert.strictEqual(life.relay.active(), 0)
        yield* isWhole(life, id)
        assert.deepStrictEqual(story(life), ["StreamStarted", "StreamAbandoned", "StreamTakenOver", "StreamEnded"])
        assert.lengthOf(yield* life.journal.outcomes("", 9), 1)
        const [given] = life.events.filter(({ _tag }) => _tag === "StreamAbandoned")
        assert.strictEqual(given?._tag === "StreamAbandoned" ? given.error?._tag : undefined, "UpdateDataError")
        const [end] = life.events.filter(({ _tag }) => _tag === "StreamEnded")
        assert.isUndefined(end?._tag === "StreamEnded" ? end.error : "none")
      })
    ))

  it("once, where it cannot go on and the commit that says so has failed once", () =>
    virtually(
      Effect.gen(function* () {
        const { id, place } = yield* orphaned
        const { ends, store } = withFirstEnd("fails")
        const life = yield* startLife(place, {
          ...options,
          store,
          journal: { storeRequests: false }
        })
        yield* passing(() => ends() > 0)
        yield* passing(() => false, 100)
        assert.deepStrictEqual(story(life), ["StreamTakenOver", "StreamAbandoned"])
        // Nobody asks for it: it is ended all the same.
        for (let passed = 0; passed < 120_000 && (yield* recordOf(life, id)).endedAt === null; passed += 100) {
          yield* TestClock.adjust(100)
        }
        assert.deepStrictEqual(story(life), ["StreamTakenOver", "StreamAbandoned", "StreamTakenOver", "StreamEnded"])
        assert.lengthOf(yield* life.journal.outcomes("", 9), 1)
      })
    ))

  it("by who writes it, where another has claimed it before the last commit", () =>
    virtually(
      Effect.gen(function* () {
        const place = yield* JournalStoreMemory.place
        const { ends, goOn, store } = withFirstEnd("waits")
        const left = yield* startLife(place, { ...options, store })
        const right = yield* startLife(place, options)
        const { id } = yield* ask(left)
        yield* passing(() => ends() > 0)
        left.lapse()
        const reader = yield* comeBack(right, id)
        goOn()
        yield* passing(() => reader.terminals() > 0)
        assert.deepStrictEqual(story(left), ["StreamStarted", "StreamAbandoned"])
        assert.deepStrictEqual(story(right), ["StreamTakenOver", "StreamEnded"])
        const [given] = left.events.filter(({ _tag }) => _tag === "StreamAbandoned")
        assert.strictEqual(given?._tag === "StreamAbandoned" ? given.error?._tag : undefined, "LeaseLost")
      })
    ))
})
