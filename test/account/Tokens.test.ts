import { join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { type FileToken, Tokens, TokensNode } from "#src/account/index"
import { sql } from "#src/books/index"
import * as BooksMemoryNode from "#src/books/BooksMemoryNode"
import * as BooksPostgresNode from "#src/books/BooksPostgresNode"
import * as BooksSqliteNode from "#src/books/BooksSqliteNode"
import { folder, openBooks } from "../books/kit.ts"
import { leavingBooks } from "../books/leaving.ts"
import { findPostgres, type PostgresServer, startPostgres } from "../support/postgres.ts"
import { tokensOn, tokensSuite } from "./suite.ts"

tokensSuite({ name: "memory", shared: false, place: Effect.succeed({ open: openBooks(BooksMemoryNode.layer) }) })

tokensSuite({
  name: "SQLite",
  shared: true,
  place: Effect.map(folder, (path) => ({ open: openBooks(BooksSqliteNode.layer({ path: join(path, "books.db") })) }))
})

const binaries = findPostgres()

describe.skipIf(binaries === undefined)("with a server", () => {
  let server: PostgresServer
  beforeAll(async () => {
    server = await startPostgres(binaries ?? "")
  })
  afterAll(() => server.remove())
  tokensSuite({
    name: "PostgreSQL",
    shared: true,
    place: Effect.sync(() => {
      const url = Redacted.make(server.database())
      return { open: openBooks(BooksPostgresNode.layer({ url })) }
    })
  })
})

describe("tokens whose books are away", () => {
  const make = Effect.gen(function* () {
    const { asked, books, setAway } = yield* leavingBooks()
    return {
      books,
      tokens: yield* tokensOn(books),
      asked,
      setAway
    }
  })

  it.effect("are known if they were before, with their expiry; one that was not is a typed failure", () =>
    Effect.gen(function* () {
      const { setAway, tokens } = yield* make
      const alice = yield* tokens.create({ name: "alice", expiresAt: 3_600_000 })
      const bob = yield* tokens.create({ name: "bob" })
      const stranger = Redacted.make("er-nobody")
      yield* tokens.find(alice.key)
      assert.isUndefined(yield* tokens.find(stranger))
      setAway(true)
      yield* TestClock.adjust("30 minutes")
      assert.strictEqual((yield* tokens.find(alice.key))?.name, "alice")
      assert.strictEqual((yield* tokens.find(Redacted.make("key-of-carol")))?.name, "carol")
      for (const key of [bob.key, stranger, Redacted.make("er-other")]) {
        const error = yield* Effect.flip(tokens.find(key))
        assert.strictEqual(error._tag, "TokensUnavailable")
        assert.strictEqual(error.reason._tag, "BooksAway")
      }
      yield* TestClock.adjust("30 minutes")
      assert.isUndefined(yield* tokens.find(alice.key))
      setAway(false)
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* tokens.find(bob.key))?.name, "bob")
      assert.isUndefined(yield* tokens.find(stranger))
    })
  )

  it.effect("stay known when something has changed that could not be read anew", () =>
    Effect.gen(function* () {
      const { setAway, tokens } = yield* make
      const alice = yield* tokens.create({ name: "alice" })
      yield* tokens.find(alice.key)
      setAway(true)
      assert.strictEqual((yield* Effect.flip(tokens.update("alice", { enabled: false })))._tag, "TokensUnavailable")
      assert.strictEqual((yield* tokens.find(alice.key))?.name, "alice")
    })
  )

  it.effect("are asked for once, and a key that nobody has once too, until something changes", () =>
    Effect.gen(function* () {
      const { asked, tokens } = yield* make
      const { key } = yield* tokens.create({ name: "alice" })
      const stranger = Redacted.make("er-nobody")
      yield* tokens.find(key)
      yield* tokens.find(stranger)
      const before = asked()
      for (let n = 0; n < 100; n++) yield* Effect.andThen(tokens.find(key), tokens.find(stranger))
      assert.strictEqual(asked(), before)
      yield* tokens.update("alice", { viewer: true })
      const changed = asked()
      for (let n = 0; n < 100; n++) yield* Effect.andThen(tokens.find(key), tokens.find(stranger))
      assert.strictEqual(asked(), changed + 2)
    })
  )

  it.effect("that cannot be read are said to be so, by name, and lose nobody else", () =>
    Effect.gen(function* () {
      const { books, tokens } = yield* make
      const alice = yield* tokens.create({ name: "alice" })
      const bob = yield* tokens.create({ name: "bob" })
      yield* books.run(sql`UPDATE relay_tokens SET models = ${"not json"} WHERE name = ${"alice"}`)
      const error = yield* Effect.flip(tokens.find(alice.key))
      assert.deepInclude(error.reason, {
        _tag: "BooksBroken",
        message: 'the token "alice" in the books cannot be read'
      })
      assert.strictEqual((yield* tokens.find(bob.key))?.name, "bob")
    })
  )
})

describe("tokens of a file", () => {
  const token = (name: string, key: string, more: Partial<FileToken> = {}): FileToken => ({
    name,
    key: Redacted.make(key),
    models: ["*"],
    admin: false,
    ...more
  })
  const open = (file: () => ReadonlyArray<FileToken>) =>
    Effect.map(Layer.build(Layer.fresh(TokensNode.layerFile(file))), (context) => Context.get(context, Tokens))

  it.effect("are found by their key, the first of two with one, and need no books", () =>
    Effect.gen(function* () {
      const file = [
        token("alice", "key-a"),
        token("again", "key-a"),
        token("uni", "schlüssel"),
        token("off", "k", { enabled: false })
      ]
      const tokens = yield* open(() => file)
      const table: ReadonlyArray<readonly [string, string | undefined]> = [
        ["key-a", "alice"],
        ["schlüssel", "uni"],
        ["KEY-A", undefined],
        ["key-", undefined],
        ["k", undefined],
        ["", undefined]
      ]
      for (const [key, name] of table) assert.strictEqual((yield* tokens.find(Redacted.make(key)))?.name, name)
      assert.strictEqual((yield* tokens.get("again")).fingerprint, (yield* tokens.get("alice")).fingerprint)
      assert.strictEqual((yield* tokens.list).length, 4)
      assert.strictEqual((yield* Effect.flip(tokens.create({ name: "new" })))._tag, "TokensWithoutBooks")
      assert.strictEqual((yield* Effect.flip(tokens.rotate("alice")))._tag, "TokenOfFile")
      assert.strictEqual((yield* Effect.flip(tokens.remove("nobody")))._tag, "TokenNotFound")
    })
  )

  it.effect("are those of the file as it was last read", () =>
    Effect.gen(function* () {
      let file = [token("alice", "key-a")]
      const books = yield* openBooks(BooksMemoryNode.layer)
      const alone = yield* open(() => file)
      const beside = yield* tokensOn(books, () => file)
      const bob = yield* beside.create({ name: "bob" })
      file = [token("alice", "key-b"), token("bob", "key-of-bob")]
      for (const tokens of [alone, beside]) {
        assert.isUndefined(yield* tokens.find(Redacted.make("key-a")))
        assert.strictEqual((yield* tokens.find(Redacted.make("key-b")))?.name, "alice")
        assert.deepInclude(yield* tokens.get("bob"), { source: "file" })
        assert.strictEqual((yield* tokens.list).length, 2)
      }
      // The name is the file's now: what the books have of it counts no more, until the file lets it go.
      assert.isUndefined(yield* beside.find(bob.key))
      file = []
      assert.strictEqual((yield* beside.find(bob.key))?.name, "bob")
    })
  )
})
