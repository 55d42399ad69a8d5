/**
 * The fourth part of the suite: what is kept for how long, and what goes when there is no more room.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { type Journal, replied, type StreamId } from "#src/journal/index"
import { type Backend, ended, freshStore, journalOn, makeTold, moment, stream, twoOwners, until } from "./kit.ts"

/** Writes a stream of so many frames of a kilobyte, and ends it. */
const write = ({ create }: Journal["Service"], kilobytes: number) =>
  Effect.gen(function* () {
    const lease = create(stream)
    for (let n = 0; n < kilobytes; n++) lease.append("x".repeat(1_000))
    lease.end(ended)
    yield* lease.committed
    return lease.id
  })

const standing = (journal: Journal["Service"], id: StreamId) =>
  journal.locate(id, undefined).pipe(
    Effect.map(({ state }) => state as string),
    Effect.catch((error) => Effect.succeed(error._tag as string))
  )

/** Waits while minutes pass, since a sweep takes real time too. */
const minutesUntil = <E>(holds: Effect.Effect<boolean, E>) =>
  Effect.gen(function* () {
    for (let n = 0; n < 2_000 && !(yield* holds); n++) {
      yield* TestClock.adjust("1 minute")
      yield* moment
    }
    assert.isTrue(yield* holds)
  })

/** Defines it for a kind of store. */
export const keepingSuite = (backend: Backend): void => {
  describe(`room, on ${backend.name}`, () => {
    it.effect("R17: is bounded: beyond journal.maxBytes what ended first is forgotten first, and no live stream", () =>
      Effect.gen(function* () {
        const store = yield* freshStore(backend)
        const journal = yield* journalOn(store, { retention: "1 day", maxBytes: 100_000 })
        const open = journal.create(stream)
        for (let n = 0; n < 300; n++) open.append("y".repeat(1_000))
        yield* open.committed
        const ids: Array<StreamId> = []
        for (let n = 0; n < 30; n++) ids.push(yield* write(journal, 10))
        const readable = Effect.map(
          Effect.forEach(ids, (id) => standing(journal, id)),
          (states) =>
            states.map((state) => (state === "ended" ? "e" : state === "StreamExpired" ? "x" : state)).join("")
        )
        yield* minutesUntil(Effect.map(readable, (states) => /^x{20,24}e{6,10}$/.test(states)))
        assert.deepStrictEqual(yield* journal.frames(ids[0]!, -1), [])
        assert.strictEqual((yield* journal.frames(ids[29]!, -1)).length, 10)
        assert.strictEqual((yield* journal.frames(open.id, -1)).length, 300)
        assert.strictEqual(yield* standing(journal, open.id), "live")
        // Their ends are known all the same.
        assert.strictEqual((yield* journal.outcomes("", 99)).length, 30)
      })
    )

    it.effect("is given back to the last byte, of streams with and without frames, by each sweep alone", () =>
      Effect.gen(function* () {
        const store = yield* freshStore(backend)
        const journal = yield* journalOn(store)
        const ids: Array<StreamId> = []
        for (let n = 0; n < 6; n++) {
          yield* TestClock.setTime(n * 1_000)
          ids.push(yield* write(journal, n % 3))
        }
        const sweep = (framesBefore: number, streamsBefore: number) =>
          replied<void, unknown>((done) =>
            store.sweep({ framesBefore, streamsBefore, keysBefore: 0, maxBytes: 1_000_000 }, done)
          )
        const kept = Effect.forEach(ids, (id) =>
          Effect.map(
            replied<{ readonly forgotten: boolean } | undefined, unknown>((done) => store.find(id, done)),
            (record) => (record === undefined ? "-" : record.forgotten ? "x" : "e")
          )
        ).pipe(Effect.map((states) => states.join("")))
        yield* sweep(3_000, 0)
        assert.strictEqual(yield* kept, "xxxeee")
        yield* sweep(3_000, 2_000)
        assert.strictEqual(yield* kept, "--xeee")
        yield* sweep(9_000, 9_000)
        assert.strictEqual(yield* kept, "------")
      })
    )
  })

  describe(`what was forgotten, on ${backend.name}`, () => {
    it.effect("S14: stays so when the clock goes back: it is expired, and not empty", () =>
      Effect.gen(function* () {
        yield* TestClock.setTime(100_000_000)
        const store = yield* freshStore(backend)
        const journal = yield* journalOn(store)
        const id = yield* write(journal, 3)
        yield* TestClock.adjust("11 minutes")
        yield* minutesUntil(Effect.map(journal.frames(id, -1), (frames) => frames.length === 0))
        yield* TestClock.setTime(100_000_000)
        assert.strictEqual(yield* standing(journal, id), "StreamExpired")
        const told = makeTold()
        journal.follow(id, -1, told)
        yield* until(() => told.faults.length > 0)
        assert.deepStrictEqual([told.text, told.terminal], ["", false])
      })
    )
  })

  describe(`an orphan that nobody claims, on ${backend.name}`, () => {
    it.effect("is given up after its retention, tells those who keep books, and is never taken for whole", () =>
      Effect.gen(function* () {
        const { first, next } = yield* twoOwners(backend, { retention: "10 minutes" })
        const lease = first.journal.create(stream)
        lease.append("half")
        yield* lease.committed
        yield* first.die
        const { journal } = yield* next
        yield* TestClock.adjust("10 minutes")
        assert.strictEqual(yield* standing(journal, lease.id), "orphan")
        assert.deepStrictEqual(yield* journal.outcomes("", 9), [])
        yield* TestClock.adjust(1)
        assert.strictEqual(yield* standing(journal, lease.id), "StreamExpired")
        yield* minutesUntil(Effect.map(journal.outcomes("", 9), (outcomes) => outcomes.length === 1))
        assert.deepStrictEqual(
          (yield* journal.outcomes("", 9)).map(({ id, outcome }) => [id, outcome]),
          [[lease.id, ""]]
        )
        assert.strictEqual(yield* standing(journal, lease.id), "StreamExpired")
        assert.deepStrictEqual(yield* journal.orphans(9), [])
      })
    )
  })
}
