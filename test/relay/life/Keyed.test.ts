/**
 * Answers that were begun under an idempotency key, whose relay dies: their clients come again by the key, and need no id.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { type ClientDialectName, clientDialects } from "#src/dialect/index"
import { type JournalStore, JournalStoreMemory } from "#src/journal/index"
import { Script } from "effect-resilience/testing"
import { wholeText } from "../virtual.ts"
import {
  ask,
  comeBack,
  judge,
  keyed,
  type Life,
  type LifeOptions,
  passing,
  recordOf,
  startLife,
  virtually
} from "./lives.ts"

const parts = wholeText.match(/.{1,9}/gs)!
const slow = Script.answer(parts).pipe(Script.usage("none"), Script.every(50), Script.startsAfter(50))
const upstreams = { a: { scripts: [slow, slow] } }

const endOf = Effect.fnUntraced(function* (life: Life, id: string, dialect: ClientDialectName) {
  for (let passed = 0; passed < 120_000 && (yield* recordOf(life, id)).endedAt === null; passed += 25) {
    yield* TestClock.adjust(25)
  }
  return judge(dialect, id, (yield* life.journal.frames(id, -1)).join(""))
})

/** Does something once the process that has a store is dead: then nothing comes of it. */
const whenDead = (store: JournalStore["Service"], run: () => void): void => {
  if (store.usable()) setImmediate(() => whenDead(store, run))
  else run()
}

/** Two lives: the first is killed after so many milliseconds. */
const killedAfter = Effect.fnUntraced(function* (
  millis: number,
  asks: Parameters<typeof ask>[1],
  first: Partial<LifeOptions> = {},
  second: Partial<LifeOptions> = {}
) {
  const place = yield* JournalStoreMemory.place
  const before = yield* startLife(place, { upstreams, ...first })
  const { id } = yield* ask(before, { key: "k", ...asks })
  yield* passing(() => false, millis)
  yield* before.kill
  const life = yield* startLife(place, { upstreams, ...second })
  return { before, id, life }
})

describe("an answer with a key whose relay was killed", () => {
  it("is found by it, by whoever comes, while it goes on and when it has ended", () =>
    virtually(
      Effect.gen(function* () {
        const { id, life } = yield* killedAfter(300, {})
        const found = yield* keyed(life, "k")
        if (found._tag !== "Exists") return assert.fail("a second answer")
        assert.deepStrictEqual([found.position.record.id, found.sameBody], [id, true])
        const { state, text } = yield* endOf(life, id, "chat")
        assert.deepStrictEqual([state, text], ["whole", wholeText])
        assert.strictEqual((yield* keyed(life, "k"))._tag, "Exists")
        assert.lengthOf(life.calls(), 1)
      })
    ))

  const whole = { dialect: "openai", body: { stream: false } } as const

  it("as one body: it goes on, where without a key it ends as client_gone", () =>
    virtually(
      Effect.gen(function* () {
        const { id, life } = yield* killedAfter(300, whole)
        const { state, text } = yield* endOf(life, id, "openai")
        assert.deepStrictEqual([state, text], ["whole", wholeText])
      })
    ))

  it("as one body, on a route that cancels: it waits for its client", () =>
    virtually(
      Effect.gen(function* () {
        const { id, life } = yield* killedAfter(300, { ...whole, leave: "cancel" })
        yield* TestClock.adjust(30_000)
        assert.lengthOf(life.calls(), 0)
        const reader = yield* comeBack(life, id)
        yield* passing(() => reader.terminals() > 0)
        assert.strictEqual(judge("openai", id, reader.text()).text, wholeText)
      })
    ))

  it("as one body, which ends as truncated: nothing was shown, and its key is free", () =>
    virtually(
      Effect.gen(function* () {
        for (const journal of [{ storeRequests: false }, { onRestart: "fail" as const }]) {
          const { id, life } = yield* killedAfter(300, whole, { journal }, { journal })
          const { end } = yield* endOf(life, id, "openai")
          assert.include(end?.data, "stream_truncated")
          assert.strictEqual((yield* keyed(life, "k"))._tag, "Began")
        }
      })
    ))

  it("as events, which ends as truncated: some of it was shown, and that is the answer", () =>
    virtually(
      Effect.gen(function* () {
        for (const journal of [{ storeRequests: false }, { onRestart: "fail" as const }]) {
          const { id, life } = yield* killedAfter(300, {}, { journal }, { journal })
          const { end } = yield* endOf(life, id, "chat")
          assert.include(end?.data, "stream_truncated")
          assert.strictEqual((yield* keyed(life, "k"))._tag, "Exists")
        }
      })
    ))
})

describe("a relay that is killed between the binding of a key and the first event", () => {
  // The store takes the key, and hears of no event before its process is dead.
  const deaf: Partial<LifeOptions> = {
    store: (own) => ({ ...own, commit: (shares, done) => whenDead(own, () => own.commit(shares, done)) })
  }

  it.each(Object.values(clientDialects).map(({ name }) => name))("%s: the next gives the whole answer", (dialect) =>
    virtually(
      Effect.gen(function* () {
        const { before, id, life } = yield* killedAfter(100, { dialect }, deaf)
        assert.lengthOf(yield* life.journal.frames(id, -1), 0)
        const { payloads, state, text } = yield* endOf(life, id, dialect)
        assert.deepStrictEqual([state, text], ["whole", wholeText])
        if (dialect === "chat") {
          assert.deepStrictEqual(
            payloads.filter(({ event }) => event === "init").map((payload) => payloads.indexOf(payload)),
            [0]
          )
        }
        if (dialect === "responses") assert.strictEqual(payloads[0]?.event, "response.created")
        assert.isAtMost(before.calls().length, 1)
        assert.lengthOf(life.calls(), 1)
      })
    )
  )

  it("where it cannot go on, its end has a beginning all the same", () =>
    virtually(
      Effect.gen(function* () {
        for (const journal of [{ storeRequests: false }, { onRestart: "fail" as const }]) {
          const { id, life } = yield* killedAfter(100, {}, { ...deaf, journal }, { journal })
          const { payloads } = yield* endOf(life, id, "chat")
          assert.deepStrictEqual(
            payloads.map(({ event }) => event),
            ["init", "error"]
          )
          assert.strictEqual((yield* keyed(life, "k"))._tag, "Began")
        }
      })
    ))

  it("before the key was taken nothing is bound, and nobody was asked", () =>
    virtually(
      Effect.gen(function* () {
        const place = yield* JournalStoreMemory.place
        const before = yield* startLife(place, {
          upstreams,
          store: (own) => ({ ...own, begin: (record, key, done) => whenDead(own, () => own.begin(record, key, done)) })
        })
        yield* Effect.forkChild(ask(before, { key: "k" }), { startImmediately: true })
        yield* TestClock.adjust(100)
        yield* before.kill
        assert.lengthOf(before.calls(), 0)
        const life = yield* startLife(place, { upstreams })
        assert.strictEqual((yield* keyed(life, "k"))._tag, "Began")
      })
    ))
})

describe("an answer with a key, of a relay that is stopped", () => {
  it("is left to the next before anything of it was shown: its client has the key", () =>
    virtually(
      Effect.gen(function* () {
        const place = yield* JournalStoreMemory.place
        const silent = { a: { scripts: [Script.silence] } }
        for (const [key, left] of [
          ["k", true],
          [undefined, false]
        ] as const) {
          const before = yield* startLife(place, { upstreams: silent })
          yield* ask(before, { dialect: "openai", ...(key === undefined ? {} : { key }) })
          yield* TestClock.adjust(100)
          yield* before.relay.stop
          assert.strictEqual(yield* before.relay.abort, left)
          yield* before.close
        }
      })
    ))
})
