import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger, SubscriptionRef } from "effect"
import { TestClock } from "effect/testing"
import { BooksBusy, type BooksError, sql } from "#src/books/index"
import { postgres } from "#src/books/Engine"
import { leavingBooks } from "./leaving.ts"

/** Books that leave, with a table of what was said to them. */
const make = Effect.gen(function* () {
  const { books, setAway } = yield* leavingBooks()
  yield* books.migrate({ name: "said", scripts: [["CREATE TABLE said (id BIGINT PRIMARY KEY)"]] })
  return {
    books,
    leave: (as: true | BooksError = true) => setAway(as),
    comeBack: () => setAway(false),
    say: (id: number) => books.later(Effect.asVoid(books.run(sql`INSERT INTO said (id) VALUES (${id})`))),
    said: Effect.map(books.run(sql`SELECT id FROM said ORDER BY id`), (rows) => rows.map(({ id }) => id))
  }
})

/** Runs a test that also reads the log, from a level of warning on. */
const logged = <A, E, R>(test: (log: ReadonlyArray<string>) => Effect.Effect<A, E, R>) => {
  const log: Array<string> = []
  const sink = Logger.make(({ logLevel, message }) => void log.push(`${logLevel}: ${String(message)}`))
  return Effect.provide(Effect.scoped(test(log)), Logger.layer([sink]))
}

describe("books that another process holds", () => {
  it.effect("say so once a minute, for as long as it lasts, and are not away", () =>
    logged((log) =>
      Effect.gen(function* () {
        let isHeld = true
        const busy = new BooksBusy({ message: "the books are busy" })
        const { books } = yield* leavingBooks({
          looksAway: Effect.suspend(() => (isHeld ? Effect.fail(busy) : Effect.void))
        })
        yield* TestClock.adjust("90 seconds")
        assert.deepStrictEqual(log, ["Warn: the books are busy", "Warn: the books are busy"])
        assert.deepStrictEqual(SubscriptionRef.getUnsafe(books.health), { _tag: "Usable" })
        isHeld = false
        yield* TestClock.adjust("10 minutes")
        assert.lengthOf(log, 2)
      })
    )
  )

  const busy = new BooksBusy({ message: "the books are busy" })

  it.effect("are away once a write has failed for it: said once and then now and then, and nothing is lost", () =>
    logged((log) =>
      Effect.gen(function* () {
        const { books, comeBack, leave, said, say } = yield* make
        const health = () => SubscriptionRef.getUnsafe(books.health)
        leave(busy)
        say(1)
        assert.strictEqual((yield* Effect.flip(books.run(sql`SELECT 1`)))._tag, "BooksBusy")
        assert.deepStrictEqual(health(), { _tag: "Away", since: 0, message: "the books are busy" })
        for (let n = 2; n <= 300; n++) say(n)
        yield* TestClock.adjust("59 seconds")
        assert.deepStrictEqual(log, ["Warn: the books are busy"])
        yield* TestClock.adjust("31 seconds")
        assert.deepStrictEqual(log, ["Warn: the books are busy", "Warn: the books are busy"])
        assert.deepStrictEqual(books.pending(), { waiting: 300, dropped: 0 })
        comeBack()
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(health(), { _tag: "Usable" })
        assert.deepStrictEqual(log.slice(2), ["Info: the books at memory are back"])
        assert.deepStrictEqual(
          yield* said,
          Array.from({ length: 300 }, (_, n) => n + 1)
        )
      })
    )
  )

  it.effect("are away by a write of nobody who waits, too", () =>
    logged((log) =>
      Effect.gen(function* () {
        const { books, comeBack, leave, said, say } = yield* make
        leave(busy)
        say(1)
        yield* TestClock.adjust("1 second")
        assert.strictEqual(SubscriptionRef.getUnsafe(books.health)._tag, "Away")
        assert.deepStrictEqual(log, ["Warn: the books are busy"])
        comeBack()
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(yield* said, [1])
      })
    )
  )

  it.effect("are not away where many may write at once: who was in the way held some rows", () =>
    logged((log) =>
      Effect.gen(function* () {
        const { books, setAway } = yield* leavingBooks({ engine: postgres })
        setAway(busy)
        assert.strictEqual((yield* Effect.flip(books.run(sql`SELECT 1`)))._tag, "BooksBusy")
        assert.deepStrictEqual(SubscriptionRef.getUnsafe(books.health), { _tag: "Usable" })
        assert.deepStrictEqual(log, [])
      })
    )
  )
})

describe("books that are away", () => {
  it.effect(
    "keep 10,000 writes, drop and count what is more, say so once, and write all in order when they are back",
    () =>
      logged((log) =>
        Effect.gen(function* () {
          const { books, comeBack, leave, said, say } = yield* make
          yield* TestClock.adjust("1 minute")
          leave()
          assert.strictEqual((yield* Effect.flip(books.run(sql`SELECT 1`)))._tag, "BooksAway")
          for (let n = 0; n < 10_250; n++) say(n)
          assert.deepStrictEqual(books.pending(), { waiting: 10_000, dropped: 250 })
          yield* TestClock.adjust("10 minutes")
          assert.deepStrictEqual(SubscriptionRef.getUnsafe(books.health), {
            _tag: "Away",
            since: 60_000,
            message: "the books are gone"
          })
          assert.deepStrictEqual(log, [
            "Error: the books are gone",
            "Warn: 10000 writes wait for the books: more are dropped until they are back"
          ])
          comeBack()
          yield* TestClock.adjust("1 second")
          assert.deepStrictEqual(SubscriptionRef.getUnsafe(books.health), { _tag: "Usable" })
          assert.deepStrictEqual(books.pending(), { waiting: 0, dropped: 250 })
          assert.deepStrictEqual(
            yield* said,
            Array.from({ length: 10_000 }, (_, id) => id)
          )
          assert.deepStrictEqual(log.slice(2), [
            "Info: the books at memory are back",
            "Warn: the books are written again; 250 writes were dropped"
          ])
          say(20_000)
          yield* TestClock.adjust(0)
          assert.strictEqual((yield* said).at(-1), 20_000)
        })
      )
  )

  it.effect("are noticed by whoever asks, and without anybody asking, and are back when they can be written", () =>
    logged(() =>
      Effect.gen(function* () {
        const { books, comeBack, leave } = yield* make
        const state = () => SubscriptionRef.getUnsafe(books.health)._tag
        leave()
        assert.strictEqual(state(), "Usable")
        assert.strictEqual((yield* Effect.flip(books.run(sql`SELECT 1`)))._tag, "BooksAway")
        assert.strictEqual(state(), "Away")
        comeBack()
        yield* books.run(sql`SELECT 1`)
        assert.strictEqual(state(), "Away")
        yield* TestClock.adjust("500 millis")
        assert.strictEqual(state(), "Usable")
        leave()
        yield* TestClock.adjust("500 millis")
        assert.strictEqual(state(), "Away")
      })
    )
  )

  it.effect("tell what is lost when they are closed before they are back", () =>
    logged((log) =>
      Effect.gen(function* () {
        yield* Effect.scoped(
          Effect.gen(function* () {
            const { leave, say } = yield* make
            leave()
            say(1)
            say(2)
            yield* TestClock.adjust("1 second")
          })
        )
        assert.strictEqual(log.at(-1), "Warn: the books are closed with 2 writes that could not be written")
      })
    )
  )

  it.effect("run a watcher when a topic was touched while they were away", () =>
    logged(() =>
      Effect.gen(function* () {
        const { books, comeBack, leave } = yield* make
        let heard = 0
        yield* books.watch("tokens", () => heard++)
        yield* books.touch("tokens")
        leave()
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual(heard, 0)
        comeBack()
        yield* TestClock.adjust("500 millis")
        assert.strictEqual(heard, 1)
      })
    )
  )
})
