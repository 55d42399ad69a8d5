/**
 * Another `server.secret` for what is encrypted in the books: all of it or nothing, whenever it is cut off.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted, Result } from "effect"
import { join } from "node:path"
import { Books, BooksAway, sql } from "#src/books/index"
import * as BooksMemoryNode from "#src/books/BooksMemoryNode"
import * as BooksSqliteNode from "#src/books/BooksSqliteNode"
import { decodeConfiguration } from "#src/cli/index"
import { AlertsSection, ChannelEdits, KeptEdits, SettingsStore } from "#src/operate/index"
import { rekey } from "#src/operate/Rekey"
import { makeSeal, type Seal } from "#src/operate/SealNode"
import { ChannelSection } from "#src/channel/index"
import { Settings } from "#src/settings/index"
import { EventLog } from "#src/telemetry/index"
import { folder, openBooks } from "../books/kit.ts"

const sealOf = (name: string): Seal => makeSeal(Redacted.make(`a secret called ${name} that has enough bytes`))
const [old, next, other] = [sealOf("old"), sealOf("next"), sealOf("other")]
const hook = "https://hooks.example.com/planted"

const channel = (id: string) => ({
  id,
  dialect: "openai",
  baseUrl: "https://api.example.com/v1",
  keys: [`planted-of-${id}`],
  models: ["m"]
})

/** A relay that starts over books. */
const relayOn = (books: Books["Service"], seal: Seal | undefined) =>
  Effect.gen(function* () {
    const { settings } = Result.getOrThrow(decodeConfiguration({ channels: [channel("a")] }, {}, "test"))
    const context = yield* Layer.build(
      Layer.fresh(
        Layer.merge(SettingsStore.layer, ChannelEdits.layer).pipe(
          Layer.provideMerge(KeptEdits.layer(seal)),
          Layer.provide(EventLog.layerSilent),
          Layer.provide(Layer.succeed(Books, books)),
          Layer.provide(Layer.succeed(Settings, settings))
        )
      )
    )
    const known = () => ({
      webhook: settings.of(AlertsSection).current.webhook,
      keys: settings.of(ChannelSection).current.flatMap(({ keys }) => keys.map(Redacted.value))
    })
    return yield* Effect.provideContext(
      Effect.gen(function* () {
        return { store: yield* SettingsStore, channels: yield* ChannelEdits, known }
      }),
      context
    )
  })

/** Books with two channels, a setting that is sealed, and one that was kept before there was a secret. */
const filled = Effect.gen(function* () {
  const books = yield* openBooks(BooksMemoryNode.layer)
  yield* Effect.scoped(
    Effect.gen(function* () {
      const plain = yield* relayOn(books, undefined)
      yield* plain.store.change({ "alerts.webhook": hook })
      const { channels, store } = yield* relayOn(books, old)
      yield* channels.add(channel("b"))
      yield* channels.add(channel("c"))
      yield* store.change({ "alerts.secret": "planted-signature", "retry.times": 7 })
    })
  )
  return books
})

const rowsOf = (books: Books["Service"]) =>
  Effect.zipWith(
    books.run(sql`SELECT * FROM relay_settings ORDER BY path`),
    books.run(sql`SELECT * FROM relay_added_channels ORDER BY id`),
    (changes, channels) => JSON.stringify([changes, channels])
  )
const rekeyed = (books: Books["Service"], from: Seal | undefined, to: Seal, own?: Seal) =>
  rekey({ from, own, to, isSecret: (path) => path.startsWith("alerts.") }).pipe(Effect.provideService(Books, books))

const keys = ["planted-of-a", "planted-of-b", "planted-of-c"]

describe("another server.secret", () => {
  it.live("opens with the new one all that the old one has closed, closes what was open, and does nothing twice", () =>
    Effect.gen(function* () {
      const books = yield* filled
      assert.include(yield* rowsOf(books), "hooks.example.com")
      assert.strictEqual(yield* rekeyed(books, old, next), 4)
      assert.notInclude(yield* rowsOf(books), "planted")
      const { known } = yield* relayOn(books, next)
      assert.deepStrictEqual(known().keys, keys)
      assert.strictEqual(Redacted.value(known().webhook!), hook)
      assert.include((yield* Effect.flip(relayOn(books, old))).message, "server.secret: is not the one")
      const after = yield* rowsOf(books)
      assert.strictEqual(yield* rekeyed(books, old, next), 0)
      assert.strictEqual(yield* rekeyed(books, undefined, next), 0)
      assert.strictEqual(yield* rowsOf(books), after)
    }).pipe(Effect.scoped)
  )

  it.live("changes nothing where it is cut off, at whichever statement", () =>
    Effect.gen(function* () {
      const books = yield* filled
      const before = yield* rowsOf(books)
      let left = 0
      const failing: Books["Service"] = {
        ...books,
        run: (statement) =>
          Effect.suspend(() =>
            left-- > 0 ? books.run(statement) : Effect.fail(new BooksAway({ message: "cut off here" }))
          )
      }
      // The turn, two reads, four writes; then it is done.
      for (let statements = 0; statements < 7; statements++) {
        left = statements
        const error = yield* Effect.flip(rekeyed(failing, old, next))
        assert.strictEqual(error._tag, "BooksAway", String(statements))
        assert.strictEqual(yield* rowsOf(books), before, String(statements))
      }
      left = 7
      assert.strictEqual(yield* rekeyed(failing, old, next), 4)
    }).pipe(Effect.scoped)
  )

  it.live("is refused whole where something was closed with another one, and names it", () =>
    Effect.gen(function* () {
      const books = yield* filled
      const before = yield* rowsOf(books)
      for (const from of [other, undefined]) {
        const error = yield* Effect.flip(rekeyed(books, from, next))
        assert.strictEqual(error._tag, "NotRekeyed")
        assert.include(error.message, "alerts.secret, channels.b, channels.c")
        assert.strictEqual(yield* rowsOf(books), before)
      }
    }).pipe(Effect.scoped)
  )

  it.live("leaves a relay that runs what it has, which then changes nothing until it is started anew", () =>
    Effect.gen(function* () {
      const at = yield* folder
      const books = yield* openBooks(BooksSqliteNode.layer({ path: join(at, "books.db") }))
      const running = yield* relayOn(books, old)
      yield* running.channels.add(channel("b"))
      assert.strictEqual(yield* rekeyed(books, old, next), 1)
      const after = yield* rowsOf(books)
      const error = yield* Effect.flip(running.store.change({ "retry.times": 7 }))
      assert.strictEqual(error._tag, "Conflict")
      assert.include(error.message, "another server.secret")
      yield* books.touch("settings")
      yield* Effect.sleep(800)
      assert.deepStrictEqual(running.known().keys, ["planted-of-a", "planted-of-b"])
      assert.strictEqual(yield* rowsOf(books), after)
    }).pipe(Effect.scoped)
  )
})
