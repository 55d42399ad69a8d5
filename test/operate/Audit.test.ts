/**
 * The audit: what it keeps, in which order, and for how long.
 */
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Redacted, Result } from "effect"
import { TestClock } from "effect/testing"
import { Books } from "#src/books/index"
import * as BooksMemoryNode from "#src/books/BooksMemoryNode"
import * as BooksSqliteNode from "#src/books/BooksSqliteNode"
import { makeSecrets, Secrets } from "#src/errors/index"
import { Audit, type Change } from "#src/operate/index"
import { AuditSection } from "#src/operate/AuditSection"
import { Settings, settingsFile } from "#src/settings/index"
import { folder, openBooks } from "../books/kit.ts"
import { leavingBooks } from "../books/leaving.ts"

/** Books that look after themselves by the machine's own clock: hours of the test's go by at once. */
const memory = TestClock.withLive(openBooks(BooksMemoryNode.layer))

const settingsOf = (audit: object) =>
  Result.getOrThrow(Settings.make(settingsFile({ sections: [AuditSection] }), { audit }))

const auditOn = (books: Books["Service"], options: object = {}) =>
  Effect.map(
    Layer.build(
      Layer.fresh(
        Audit.layer.pipe(
          Layer.provide(Layer.succeed(Books, books)),
          Layer.provide(Layer.succeed(Settings, settingsOf(options)))
        )
      )
    ),
    (context) => Context.get(context, Audit)
  )

const by = { who: "alice", requestId: "req_1" }
const change = (more: Partial<Change> = {}): Change => ({
  what: "token.update",
  path: "tokens/bob",
  before: { enabled: true },
  after: { enabled: false },
  ...more
})

const whats = (audit: Audit["Service"]) =>
  Effect.map(audit.list({ limit: 1000 }), ({ rows }) => rows.map(({ what }) => what))

describe("the audit", () => {
  it.effect("gives back what was written, the newest first, also what came in one millisecond", () =>
    Effect.gen(function* () {
      const audit = yield* auditOn(yield* memory)
      yield* TestClock.setTime(432_000_000)
      for (const what of ["a", "b", "c"]) yield* audit.write(change({ what }), by)
      yield* TestClock.adjust(1)
      yield* audit.write(change({ what: "d", before: null, after: ["x"] }), by)
      const { next, rows } = yield* audit.list({ limit: 10 })
      assert.deepStrictEqual(
        rows.map((row) => ({ ...row, id: "" })),
        [
          { ...change({ what: "d", before: null, after: ["x"] }), ...by, id: "", at: 432_000_001 },
          ...["c", "b", "a"].map((what) => ({ ...change({ what }), ...by, id: "", at: 432_000_000 }))
        ]
      )
      assert.strictEqual(next, undefined)
      assert.strictEqual(new Set(rows.map(({ id }) => id)).size, 4)
    })
  )

  it.effect("is read page by page, each row once, also while more are written", () =>
    Effect.gen(function* () {
      const audit = yield* auditOn(yield* memory)
      for (let n = 0; n < 25; n++) yield* audit.write(change({ what: String(n) }), by)
      const seen: Array<string> = []
      let cursor: string | undefined
      do {
        const page = yield* audit.list({ limit: 10, cursor })
        yield* audit.write(change({ what: "meanwhile" }), by)
        seen.push(...page.rows.map(({ what }) => what))
        cursor = page.next
      } while (cursor !== undefined)
      assert.deepStrictEqual(
        seen,
        Array.from({ length: 25 }, (_, n) => String(24 - n))
      )
    })
  )

  it.effect("sorts what is written after the clock was set back behind what was there", () =>
    Effect.gen(function* () {
      const audit = yield* auditOn(yield* memory)
      yield* TestClock.setTime(1_000_000)
      yield* audit.write(change({ what: "before" }), by)
      yield* TestClock.setTime(500_000)
      yield* audit.write(change({ what: "after" }), by)
      assert.deepStrictEqual(yield* whats(audit), ["after", "before"])
    })
  )

  it.effect("keeps no secret: by name, by kind, and what is known to be one", () =>
    Effect.gen(function* () {
      const books = yield* memory
      const secrets = makeSecrets()
      secrets.know(["er-planted-0123456789"])
      const audit = yield* Effect.provideService(auditOn(books), Secrets, secrets)
      const after = {
        key: Redacted.make("er-planted-1"),
        password: "hunter22",
        said: "with er-planted-0123456789 in it",
        deep: [{ apiKey: "abcdef", accessToken: "abc", token: "alice" }],
        rateLimit: { tokens: 5 },
        name: undefined
      }
      yield* audit.write(change({ after }), by)
      const { rows } = yield* audit.list({ limit: 1 })
      assert.deepStrictEqual(rows[0]?.after, {
        key: null,
        password: null,
        said: "with *** in it",
        deep: [{ apiKey: null, accessToken: null, token: "alice" }],
        rateLimit: { tokens: 5 },
        name: null
      })
    })
  )

  it.effect("is there after a restart", () =>
    Effect.gen(function* () {
      const layer = BooksSqliteNode.layer({ path: join(yield* folder, "books.db") })
      yield* Effect.scoped(
        Effect.gen(function* () {
          const audit = yield* auditOn(yield* openBooks(layer))
          yield* audit.write(change({ what: "first" }), by)
        })
      )
      yield* TestClock.adjust(1)
      const audit = yield* auditOn(yield* openBooks(layer))
      yield* audit.write(change({ what: "second" }), by)
      assert.deepStrictEqual(yield* whats(audit), ["second", "first"])
    })
  )

  it.effect("forgets what is older than its retention, at once and then within a quarter of it", () =>
    Effect.gen(function* () {
      const books = yield* memory
      yield* TestClock.setTime(1_700_000_000_000)
      const audit = yield* auditOn(books, { retention: "2 hours" })
      for (let n = 0; n < 2_500; n++) yield* audit.write(change({ what: "old" }), by)
      yield* TestClock.adjust("90 minutes")
      yield* audit.write(change({ what: "young" }), by)
      assert.lengthOf(yield* whats(audit), 1_000)
      yield* TestClock.adjust("90 minutes")
      assert.deepStrictEqual(yield* whats(audit), ["young"])
      yield* TestClock.adjust("1 day")
      assert.deepStrictEqual(yield* whats(audit), [])
    })
  )

  it.effect("waits for books that are away, and loses nothing", () =>
    Effect.gen(function* () {
      const { books, setAway } = yield* leavingBooks()
      const audit = yield* auditOn(books)
      yield* audit.write(change({ what: "before" }), by)
      setAway(true)
      yield* audit.write(change({ what: "during" }), by)
      assert.strictEqual(books.pending().waiting, 1)
      assert.strictEqual((yield* Effect.flip(audit.list({ limit: 1 })))._tag, "BooksAway")
      setAway(false)
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(books.pending().waiting, 0)
      assert.deepStrictEqual(yield* whats(audit), ["during", "before"])
    })
  )
})
