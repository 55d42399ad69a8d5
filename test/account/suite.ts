/**
 * What the tokens of the books promise, whatever is below: run on memory, on a SQLite file and on PostgreSQL.
 */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Redacted, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { type FileToken, type NewToken, Tokens, TokensNode } from "#src/account/index"
import { Books, type BooksError, type BooksNewer, sql } from "#src/books/index"
import { until } from "../books/kit.ts"

type Open = Effect.Effect<Books["Service"], unknown, Scope.Scope>

/** What the suite runs on. */
export interface SuiteOptions {
  readonly name: string
  /** A database of a test's own; opened again, a second owner of it where it can have one. */
  readonly place: Effect.Effect<{ readonly open: Open }, never, Scope.Scope>
  readonly shared: boolean
}

const carol: FileToken = { name: "carol", key: Redacted.make("key-of-carol"), models: ["gpt-*"], admin: true }

/** Opens the tokens of books, beside those of a file. */
export const tokensOn = (
  books: Books["Service"],
  file: () => ReadonlyArray<FileToken> = () => [carol]
): Effect.Effect<Tokens["Service"], BooksNewer | BooksError, Scope.Scope> =>
  Effect.map(
    Layer.build(Layer.fresh(TokensNode.layer({ file }).pipe(Layer.provide(Layer.succeed(Books, books))))),
    (context) => Context.get(context, Tokens)
  )

const full: NewToken = {
  name: "everything ' \" ü",
  models: ["gpt-*", "o3"],
  group: "gold",
  admin: true,
  viewer: true,
  enabled: false,
  expiresAt: 1_900_000_000_000,
  rateLimit: { requests: 60, tokens: null, perMillis: 60_000 },
  concurrency: 3,
  addresses: ["10.0.0.0/8", "::1"],
  quota: { balance: null, budget: { amount: 1_000_000, per: "month" } }
}

/** Runs the suite. */
export const tokensSuite = ({ name, place, shared }: SuiteOptions): void => {
  const opened = Effect.gen(function* () {
    const books = yield* Effect.flatMap(place, ({ open }) => open)
    return { books, tokens: yield* tokensOn(books) }
  })

  describe(`tokens in ${name}`, () => {
    it.effect("are made with a key that is shown once, is 256 bits of chance, and finds them", () =>
      Effect.gen(function* () {
        const { books, tokens } = yield* opened
        const { key, token } = yield* tokens.create({ name: "alice" })
        assert.match(Redacted.value(key), /^er-[0-9A-Za-z]{43}$/)
        assert.deepStrictEqual(token, {
          name: "alice",
          models: ["*"],
          group: "default",
          admin: false,
          viewer: false,
          enabled: true,
          fingerprint: token.fingerprint,
          source: "books"
        })
        assert.match(token.fingerprint, /^[0-9a-f]{8}$/)
        assert.deepStrictEqual(yield* tokens.find(key), token)
        assert.deepStrictEqual(yield* tokens.get("alice"), token)
        const again = yield* tokens.create({ name: "bob" })
        assert.notStrictEqual(Redacted.value(again.key), Redacted.value(key))
        const kept = JSON.stringify([
          yield* books.run(sql`SELECT * FROM relay_tokens`),
          yield* books.run(sql`SELECT * FROM relay_token_keys`)
        ])
        assert.include(kept, token.fingerprint)
        assert.notInclude(kept, Redacted.value(key))
        assert.notInclude(kept, Redacted.value(key).slice(3))
      })
    )

    it.effect("keep everything that a token is set to, and change one thing at a time", () =>
      Effect.gen(function* () {
        const { tokens } = yield* opened
        const { token } = yield* tokens.create(full)
        assert.deepInclude(token, full)
        assert.deepStrictEqual(yield* tokens.get(full.name), token)
        const changed = yield* tokens.update(full.name, {
          enabled: true,
          concurrency: null,
          quota: null,
          models: ["x"]
        })
        const { concurrency: _, quota: __, ...rest } = token
        assert.deepStrictEqual(changed, { ...rest, enabled: true, models: ["x"] })
        assert.deepStrictEqual(yield* tokens.update(full.name, {}), changed)
        assert.deepStrictEqual((yield* tokens.update(full.name, { concurrency: 9 })).concurrency, 9)
      })
    )

    it.effect("have names that are unique, also among those of the file, and also when they are made at once", () =>
      Effect.gen(function* () {
        const { tokens } = yield* opened
        yield* tokens.create({ name: "alice" })
        for (const taken of ["alice", "carol"]) {
          const error = yield* Effect.flip(tokens.create({ name: taken }))
          assert.deepInclude(error, { _tag: "TokenNameTaken", name: taken })
        }
        const made = yield* Effect.all(
          Array.from({ length: 10 }, () => Effect.result(tokens.create({ name: "race" }))),
          { concurrency: "unbounded" }
        )
        assert.strictEqual(made.filter(({ _tag }) => _tag === "Success").length, 1)
        yield* tokens.create({ name: "Alice" })
        assert.deepStrictEqual((yield* tokens.list).map(({ name }) => name).sort(), ["Alice", "alice", "carol", "race"])
      })
    )

    it.effect("are found no more when they are switched off, expired, removed, or unknown: at once", () =>
      Effect.gen(function* () {
        const { tokens } = yield* opened
        const { key } = yield* tokens.create({ name: "alice", expiresAt: 60_000 })
        const nameFound = (of = key) => Effect.map(tokens.find(of), (token) => token?.name)
        assert.strictEqual(yield* nameFound(), "alice")
        yield* tokens.update("alice", { enabled: false })
        assert.isUndefined(yield* nameFound())
        yield* tokens.update("alice", { enabled: true })
        assert.strictEqual(yield* nameFound(), "alice")
        yield* TestClock.adjust(59_999)
        assert.strictEqual(yield* nameFound(), "alice")
        yield* TestClock.adjust(1)
        assert.isUndefined(yield* nameFound())
        yield* tokens.update("alice", { expiresAt: null })
        assert.strictEqual(yield* nameFound(), "alice")
        yield* tokens.remove("alice")
        assert.isUndefined(yield* nameFound())
        for (const other of ["", "er-", "x".repeat(100_000), "' OR 1 = 1 --"]) {
          assert.isUndefined(yield* nameFound(Redacted.make(other)))
        }
        const { key: next } = yield* tokens.create({ name: "alice" })
        assert.strictEqual(yield* nameFound(next), "alice")
        assert.isUndefined(yield* nameFound())
      })
    )

    it.effect("get a new key; the one before is good for the grace, and no older one for longer", () =>
      Effect.gen(function* () {
        const { tokens } = yield* opened
        const first = yield* tokens.create({ name: "alice" })
        const good = (made: { readonly key: Redacted.Redacted }) =>
          Effect.map(tokens.find(made.key), (token) => token !== undefined)
        const second = yield* tokens.rotate("alice", { grace: "10 minutes" })
        assert.notStrictEqual(second.token.fingerprint, first.token.fingerprint)
        assert.strictEqual((yield* tokens.find(first.key))?.fingerprint, second.token.fingerprint)
        const third = yield* tokens.rotate("alice", { grace: "5 minutes" })
        assert.deepStrictEqual(yield* Effect.all([good(first), good(second), good(third)]), [true, true, true])
        yield* TestClock.adjust("5 minutes")
        assert.deepStrictEqual(yield* Effect.all([good(first), good(second), good(third)]), [false, false, true])
        const fourth = yield* tokens.rotate("alice")
        assert.deepStrictEqual(yield* Effect.all([good(third), good(fourth)]), [false, true])
      })
    )

    it.effect("have one newest key, whoever rotates at once, and it is good", () =>
      Effect.gen(function* () {
        const { books, tokens } = yield* opened
        yield* tokens.create({ name: "alice" })
        const made = yield* Effect.all(
          Array.from({ length: 10 }, () => tokens.rotate("alice")),
          { concurrency: "unbounded" }
        )
        const found = yield* Effect.forEach(made, ({ key }) => tokens.find(key))
        assert.strictEqual(found.filter((token) => token !== undefined).length, 1)
        const newest = yield* books.run(sql`SELECT digest FROM relay_token_keys WHERE good_until IS NULL`)
        assert.strictEqual(newest.length, 1)
        assert.strictEqual(String(newest[0]?.["digest"]).slice(0, 8), (yield* tokens.get("alice")).fingerprint)
      })
    )

    it.effect("of the file are found and listed, and changed by nobody; what is not there is not found", () =>
      Effect.gen(function* () {
        const { tokens } = yield* opened
        assert.deepInclude(yield* tokens.find(carol.key), {
          name: "carol",
          admin: true,
          source: "file",
          group: "default"
        })
        assert.deepInclude(yield* tokens.get("carol"), { models: ["gpt-*"] })
        const refused = [tokens.update("carol", { enabled: false }), tokens.remove("carol"), tokens.rotate("carol")]
        for (const change of refused) assert.strictEqual((yield* Effect.flip(change))._tag, "TokenOfFile")
        const missing = [tokens.get("x"), tokens.update("x", {}), tokens.remove("x"), tokens.rotate("x")]
        for (const change of missing) assert.strictEqual((yield* Effect.flip(change))._tag, "TokenNotFound")
      })
    )

    it.effect("are read page by page, those of the file first, each once, also while more are made", () =>
      Effect.gen(function* () {
        const { books } = yield* opened
        const hidden: FileToken = { name: "b", key: Redacted.make("key-of-b"), models: ["*"], admin: false }
        const before = yield* tokensOn(books, () => [])
        for (const name of ["b", "é", "A", "a", "zz"]) yield* before.create({ name })
        const tokens = yield* tokensOn(books, () => [carol, hidden])
        const all = (yield* tokens.list).map(({ name }) => name)
        assert.deepStrictEqual(all.slice(0, 2), ["carol", "b"])
        assert.sameMembers(all.slice(2), ["é", "A", "a", "zz"])
        for (const limit of [1, 2, 3, 6, 7]) {
          const seen: Array<string> = []
          let cursor: string | undefined
          do {
            const page = yield* tokens.page({ limit, cursor })
            assert.isAtMost(page.tokens.length, limit)
            seen.push(...page.tokens.map(({ name }) => name))
            cursor = page.next
          } while (cursor !== undefined)
          assert.deepStrictEqual(seen, all)
        }
      })
    )

    it.effect("of the books say who has to show one, whether they count now or not", () =>
      Effect.gen(function* () {
        const { books, tokens: beside } = yield* opened
        assert.strictEqual(beside.needed(), "always")
        const tokens = yield* tokensOn(books, () => [])
        assert.strictEqual(tokens.needed(), "never")
        yield* tokens.create({ name: "alice", enabled: false })
        assert.strictEqual(tokens.needed(), "toAsk")
        yield* tokens.create({ name: "ops", admin: true, expiresAt: 1_000 })
        assert.strictEqual(tokens.needed(), "always")
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(tokens.needed(), "always")
        yield* tokens.remove("ops")
        assert.strictEqual(tokens.needed(), "toAsk")
        assert.strictEqual((yield* tokensOn(books, () => [])).needed(), "toAsk")
        yield* tokens.remove("alice")
        assert.strictEqual(tokens.needed(), "never")
      })
    )

    it.effect("keep one that can administer, as long as there are any", () =>
      Effect.gen(function* () {
        const { books } = yield* opened
        const tokens = yield* tokensOn(books, () => [])
        const team: FileToken = { name: "team", key: Redacted.make("key-of-team"), models: ["*"], admin: false }
        yield* tokens.create({ name: "ops", admin: true })
        yield* tokens.create({ name: "alice" })
        const stops = [{ enabled: false }, { admin: false }, { expiresAt: 0 }]
        for (const change of stops) {
          assert.strictEqual((yield* Effect.flip(tokens.update("ops", change)))._tag, "LastAdmin")
        }
        assert.strictEqual((yield* Effect.flip(tokens.remove("ops")))._tag, "LastAdmin")
        assert.isTrue((yield* tokens.get("ops")).enabled)
        // What it keeps is that; and another one may take its place, here or in the file.
        yield* tokens.update("ops", { models: ["gpt-*"], expiresAt: 3_600_000 })
        yield* (yield* tokensOn(books)).update("ops", { enabled: false })
        yield* tokens.update("ops", { enabled: true })
        yield* tokens.create({ name: "second", admin: true })
        yield* tokens.remove("ops")
        assert.strictEqual((yield* Effect.flip(tokens.remove("second")))._tag, "LastAdmin")
        yield* tokens.remove("alice")
        assert.strictEqual(
          (yield* Effect.flip((yield* tokensOn(books, () => [team])).remove("second")))._tag,
          "LastAdmin"
        )
        yield* tokens.remove("second")
        assert.deepStrictEqual(yield* tokens.list, [])
      })
    )

    if (!shared) return

    it.live("keep one of two that can administer, when each removes the other at once", () =>
      Effect.gen(function* () {
        const { open } = yield* place
        const none = (): ReadonlyArray<FileToken> => []
        const [here, there] = [yield* tokensOn(yield* open, none), yield* tokensOn(yield* open, none)]
        for (let time = 0; time < 5; time++) {
          yield* here.create({ name: "alice" })
          for (const name of ["one", "two"]) yield* here.create({ name, admin: true })
          yield* Effect.all([Effect.exit(here.remove("one")), Effect.exit(there.remove("two"))], {
            concurrency: "unbounded"
          })
          const left = (yield* here.list).filter(({ admin }) => admin)
          assert.isAtLeast(left.length, 1)
          yield* here.remove("alice")
          for (const { name } of left) yield* here.remove(name)
        }
      })
    )

    it.live("made elsewhere are asked for here, within a second", () =>
      Effect.gen(function* () {
        const { open } = yield* place
        const none = (): ReadonlyArray<FileToken> => []
        const [here, there] = [yield* tokensOn(yield* open, none), yield* tokensOn(yield* open, none)]
        yield* here.create({ name: "ops", admin: true })
        yield* until(() => there.needed() === "always", 1_000)
        yield* here.remove("ops")
        yield* until(() => there.needed() === "never", 1_000)
      })
    )

    it.live("are seen by another relay on the same books: new ones at once, changes within a second", () =>
      Effect.gen(function* () {
        const { open } = yield* place
        const [here, there] = [yield* tokensOn(yield* open), yield* tokensOn(yield* open)]
        const { key } = yield* here.create({ name: "alice" })
        assert.strictEqual((yield* there.find(key))?.name, "alice")
        yield* here.update("alice", { models: ["o3"] })
        let seen: ReadonlyArray<string> | undefined = []
        const run = Effect.runForkWith(yield* Effect.context<never>())
        const look = () => {
          run(Effect.tap(Effect.orDie(there.find(key)), (token) => Effect.sync(() => (seen = token?.models))))
          return seen
        }
        yield* until(() => look()?.[0] === "o3", 1_000)
        yield* here.rotate("alice", { grace: "1 hour" })
        yield* here.remove("alice")
        yield* until(() => look() === undefined, 1_000)
      })
    )
  })
}
