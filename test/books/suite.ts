/**
 * What books promise, whatever is below: run on memory, on a SQLite file and on PostgreSQL.
 */
import { assert, describe, it } from "@effect/vitest"
import { Data, Effect, Fiber, type Scope } from "effect"
import { type Books, type BooksModule, join, literally, sql } from "#src/books/index"
import type { OpenError } from "#src/books/BooksErrors"
import { healthOf, until } from "./kit.ts"

type Service = Books["Service"]

/** A database of a test's own. */
export interface Place {
  /** Opens it; again: a second owner of the same. */
  readonly open: Effect.Effect<Service, OpenError, Scope.Scope>
}

/** What the suite runs on. */
export interface SuiteOptions {
  readonly name: string
  readonly place: Effect.Effect<Place, never, Scope.Scope>
  /** Whether a second owner sees what the first wrote. */
  readonly shared: boolean
}

class Refusal extends Data.TaggedError("Refusal")<{ readonly why: string }> {}

const items: BooksModule = {
  name: "items",
  scripts: [
    ["CREATE TABLE item (id TEXT PRIMARY KEY, amount BIGINT, share DOUBLE PRECISION, said TEXT)"],
    ["ALTER TABLE item ADD COLUMN at BIGINT", "CREATE UNIQUE INDEX item_said ON item (said) WHERE said IS NOT NULL"]
  ]
}

const insert = (id: string, amount: number | null = 0) => sql`INSERT INTO item (id, amount) VALUES (${id}, ${amount})`

const countOf = (books: Service) =>
  Effect.map(books.run(sql`SELECT count(*) AS n FROM item`), ([row]) => Number(row?.["n"]))

/** Runs the suite. */
export const booksSuite = ({ name, place, shared }: SuiteOptions): void => {
  const books = Effect.gen(function* () {
    const opened = yield* Effect.flatMap(place, ({ open }) => open)
    yield* opened.migrate(items)
    return opened
  })

  describe(`books in ${name}`, () => {
    it.live("give back what was put in: text, integers up to the largest safe one, fractions, nothing", () =>
      Effect.gen(function* () {
        const { run } = yield* books
        const text = "a 'quoted' \"text\" -- ; DROP TABLE item; ? $1 \\ ü 🜚\n"
        const rows = [
          { id: "1", amount: Number.MAX_SAFE_INTEGER, share: 0.1, said: text },
          { id: "2", amount: -1, share: -2.5e300, said: null },
          { id: "3", amount: null, share: null, said: "" }
        ]
        for (const { amount, id, said, share } of rows) {
          yield* run(sql`INSERT INTO item (id, amount, share, said) VALUES (${id}, ${amount}, ${share}, ${said})`)
        }
        assert.deepStrictEqual(
          (yield* run(sql`SELECT id, amount, share, said FROM item ORDER BY id`)).map((row) => ({ ...row })),
          rows
        )
        assert.deepStrictEqual((yield* run(sql`SELECT id FROM item WHERE said = ${text}`)).length, 1)
      })
    )

    it.live("count, sum and give back what a statement changed", () =>
      Effect.gen(function* () {
        const { run } = yield* books
        for (const id of ["a", "b", "c"]) yield* run(insert(id, 5))
        const [sum] = yield* run(sql`SELECT count(*) AS n, CAST(sum(amount) AS BIGINT) AS total FROM item`)
        assert.deepStrictEqual({ ...sum }, { n: 3, total: 15 })
        const changed = yield* run(sql`UPDATE item SET amount = amount + ${2} WHERE id <> ${"c"} RETURNING id, amount`)
        assert.deepStrictEqual(changed.map(({ amount, id }) => [id, amount]).sort(), [
          ["a", 7],
          ["b", 7]
        ])
        const again = sql`INSERT INTO item (id, amount) VALUES (${"a"}, 1) ON CONFLICT (id) DO NOTHING RETURNING id`
        assert.deepStrictEqual(yield* run(again), [])
        assert.deepStrictEqual(yield* run(sql`DELETE FROM item WHERE id = ${"zz"}`), [])
      })
    )

    it.live("take statements that are put together of parts", () =>
      Effect.gen(function* () {
        const opened = yield* books
        const { run } = opened
        for (const [index, id] of ["a", "b", "c", "d"].entries()) yield* run(insert(id, index))
        const where = join([sql`amount > ${0}`, sql`id <> ${"c"}`], " AND ")
        const found = yield* run(sql`SELECT id FROM item WHERE ${where} ORDER BY ${literally("id DESC")} LIMIT ${9}`)
        assert.deepStrictEqual(
          found.map(({ id }) => id),
          ["d", "b"]
        )
        const rows = join(
          ["x", "y"].map((id) => sql`(${id}, ${1})`),
          ", "
        )
        yield* run(sql`INSERT INTO item (id, amount) VALUES ${rows}`)
        assert.strictEqual(yield* countOf(opened), 6)
      })
    )

    it.live("say in a typed way why a statement failed", () =>
      Effect.gen(function* () {
        const opened = yield* books
        const { run } = opened
        yield* run(insert("a"))
        assert.strictEqual((yield* Effect.flip(run(insert("a"))))._tag, "NotUnique")
        yield* run(sql`UPDATE item SET said = ${"x"}`)
        assert.strictEqual(
          (yield* Effect.flip(run(sql`INSERT INTO item (id, said) VALUES (${"b"}, ${"x"})`)))._tag,
          "NotUnique"
        )
        for (const wrong of [sql`SELEC 1`, sql`SELECT * FROM nowhere`, sql`INSERT INTO item (nothing) VALUES (1)`]) {
          assert.strictEqual((yield* Effect.flip(run(wrong)))._tag, "BooksBroken")
        }
        const large = yield* Effect.flip(run(sql`SELECT CAST(${"9223372036854775807"} AS BIGINT) AS x`))
        assert.strictEqual(large._tag, "BooksBroken")
        assert.strictEqual(yield* countOf(opened), 1)
      })
    )

    it.live("keep all of a transaction, or nothing", () =>
      Effect.gen(function* () {
        const opened = yield* books
        const { run, transaction } = opened
        const both = yield* transaction(Effect.andThen(run(insert("a")), Effect.as(run(insert("b")), "done")))
        assert.strictEqual(both, "done")
        const refused = transaction(Effect.andThen(run(insert("c")), Effect.fail(new Refusal({ why: "no" }))))
        assert.strictEqual((yield* Effect.flip(refused))._tag, "Refusal")
        const died = transaction(Effect.andThen(run(insert("d")), Effect.die(new Error("a bug"))))
        assert.isTrue((yield* Effect.exit(died))._tag === "Failure")
        const duplicate = transaction(Effect.andThen(run(insert("e")), run(insert("a"))))
        assert.strictEqual((yield* Effect.flip(duplicate))._tag, "NotUnique")
        let inside = false
        const left = yield* Effect.forkChild(
          transaction(
            Effect.andThen(
              run(insert("f")),
              Effect.andThen(
                Effect.sync(() => (inside = true)),
                Effect.never
              )
            )
          )
        )
        yield* until(() => inside)
        yield* Fiber.interrupt(left)
        assert.strictEqual(yield* countOf(opened), 2)
      })
    )

    it.live("take a transaction inside another back by itself", () =>
      Effect.gen(function* () {
        const opened = yield* books
        const { run, transaction } = opened
        yield* transaction(
          Effect.gen(function* () {
            yield* run(insert("a"))
            const inner = transaction(Effect.andThen(run(insert("b")), run(insert("a"))))
            assert.strictEqual((yield* Effect.flip(inner))._tag, "NotUnique")
            yield* transaction(run(insert("c")))
          })
        )
        const rows = yield* run(sql`SELECT id FROM item ORDER BY id`)
        assert.deepStrictEqual(
          rows.map(({ id }) => id),
          ["a", "c"]
        )
      })
    )

    it.live("keep transactions of many fibers apart: no update is lost", () =>
      Effect.gen(function* () {
        const { engine, run, transaction } = yield* books
        yield* run(insert("account", 0))
        const add = transaction(
          Effect.gen(function* () {
            const [row] = yield* run(sql`SELECT amount FROM item WHERE id = ${"account"}${engine.forUpdate}`)
            yield* Effect.yieldNow
            yield* run(sql`UPDATE item SET amount = ${Number(row?.["amount"]) + 1} WHERE id = ${"account"}`)
          })
        )
        yield* Effect.all(
          Array.from({ length: 50 }, () => add),
          { concurrency: "unbounded" }
        )
        const [row] = yield* run(sql`SELECT amount FROM item`)
        assert.strictEqual(row?.["amount"], 50)
      })
    )

    it.live("bring tables up to date step by step, and once", () =>
      Effect.gen(function* () {
        const opened = yield* Effect.flatMap(place, ({ open }) => open)
        const { migrate, run } = opened
        yield* migrate({ ...items, scripts: items.scripts.slice(0, 1) })
        yield* run(insert("a"))
        yield* migrate(items)
        yield* migrate(items)
        yield* migrate({ name: "others", scripts: [["CREATE TABLE other (id TEXT PRIMARY KEY)"]] })
        yield* run(sql`UPDATE item SET at = 1`)
        const rows = yield* run(sql`SELECT name, version FROM relay_modules WHERE name <> ${"books"} ORDER BY name`)
        assert.deepStrictEqual(
          rows.map(({ name, version }) => [name, version]),
          [
            ["items", 2],
            ["others", 1]
          ]
        )
      })
    )

    it.live("refuse tables of a newer version, and leave them alone", () =>
      Effect.gen(function* () {
        const { migrate, run } = yield* books
        const error = yield* Effect.flip(migrate({ name: "items", scripts: [["DROP TABLE item"]] }))
        assert.deepInclude(error, { _tag: "BooksNewer", module: "items", found: 2, known: 1 })
        assert.match(error.message, /were written by a newer version \(items 2; this version knows 1\)$/)
        yield* run(insert("a"))
      })
    )

    it.live("leave nothing of a script that failed", () =>
      Effect.gen(function* () {
        const { migrate, run } = yield* books
        const wrong = { name: "wrong", scripts: [["CREATE TABLE half (id TEXT)", "CREATE TABLE nonsense ("]] }
        assert.strictEqual((yield* Effect.flip(migrate(wrong)))._tag, "BooksBroken")
        assert.strictEqual((yield* Effect.flip(run(sql`SELECT * FROM half`)))._tag, "BooksBroken")
        yield* migrate({ name: "wrong", scripts: [["CREATE TABLE half (id TEXT)"]] })
      })
    )

    it.live("write what is handed over for later, in order", () =>
      Effect.gen(function* () {
        const opened = yield* books
        for (let n = 0; n < 250; n++) opened.later(Effect.asVoid(opened.run(insert(`${n}`, n))))
        opened.later(Effect.asVoid(opened.run(sql`UPDATE item SET amount = amount + 1`)))
        yield* until(() => opened.pending().waiting === 0)
        const [row] = yield* opened.run(sql`SELECT count(*) AS n, CAST(sum(amount) AS BIGINT) AS total FROM item`)
        assert.deepStrictEqual({ ...row }, { n: 250, total: (249 * 250) / 2 + 250 })
        assert.deepStrictEqual(opened.pending(), { waiting: 0, dropped: 0 })
        assert.strictEqual(healthOf(opened), "Usable")
      })
    )

    it.live("drop a write that the database refuses, and no other", () =>
      Effect.gen(function* () {
        const opened = yield* books
        const add = (id: string) => opened.later(Effect.asVoid(opened.run(insert(id))))
        add("a")
        add("b")
        add("a")
        opened.later(Effect.die(new Error("a bug")))
        add("c")
        yield* until(() => opened.pending().waiting === 0)
        assert.strictEqual(yield* countOf(opened), 3)
        assert.deepStrictEqual(opened.pending(), { waiting: 0, dropped: 2 })
      })
    )

    if (!shared) return

    it.live("keep what was written when they are opened again, and what waited when they were closed", () =>
      Effect.gen(function* () {
        const { open } = yield* place
        yield* Effect.scoped(
          Effect.gen(function* () {
            const first = yield* open
            yield* first.migrate(items)
            yield* first.run(insert("a"))
            for (let n = 0; n < 150; n++) first.later(Effect.asVoid(first.run(insert(`${n}`))))
          })
        )
        assert.strictEqual(yield* countOf(yield* open), 151)
      })
    )

    it.live("let many owners begin at once: each table is made once", () =>
      Effect.gen(function* () {
        const { open } = yield* place
        const owners = yield* Effect.all(
          Array.from({ length: 5 }, () => Effect.tap(open, ({ migrate }) => migrate(items))),
          { concurrency: "unbounded" }
        )
        yield* Effect.forEach(owners, ({ run }, index) => run(insert(`${index}`)))
        assert.strictEqual(yield* countOf(owners[0]!), 5)
      })
    )

    it.live("tell every owner of a change within a second, and of no other", () =>
      Effect.gen(function* () {
        const { open } = yield* place
        const [one, two] = [yield* open, yield* open]
        const heard: Array<string> = []
        for (const [owner, books] of [
          ["one", one],
          ["two", two]
        ] as const) {
          yield* books.watch("some", () => void heard.push(owner))
          yield* books.watch("other", () => void heard.push("other"))
        }
        yield* one.touch("some")
        yield* until(() => heard.length === 2, 1_000)
        assert.deepStrictEqual(heard.sort(), ["one", "two"])
        const refused = two.transaction(Effect.andThen(two.touch("some"), Effect.fail(new Refusal({ why: "no" }))))
        yield* Effect.flip(refused)
        yield* Effect.sleep("1200 millis")
        assert.strictEqual(heard.length, 2)
        yield* Effect.scoped(two.watch("some", () => void heard.push("late")))
        yield* two.transaction(two.touch("some"))
        yield* until(() => heard.length === 4, 1_000)
        assert.notInclude(heard, "late")
      })
    )
  })
}
