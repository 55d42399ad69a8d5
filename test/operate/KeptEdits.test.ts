/**
 * What was said of the settings by hand, kept in the books: sealed where it is secret, the same after a restart, and whole
 * or not at all when the books fail.
 */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Redacted, Result, type Scope } from "effect"
import * as fc from "fast-check"
import { existsSync, mkdirSync, rmSync, statSync } from "node:fs"
import { join } from "node:path"
import { Books, BooksAway, sql } from "#src/books/index"
import * as BooksMemoryNode from "#src/books/BooksMemoryNode"
import * as BooksPostgresNode from "#src/books/BooksPostgresNode"
import * as BooksSqliteNode from "#src/books/BooksSqliteNode"
import { decodeConfiguration } from "#src/cli/index"
import { AlertsSection, ChannelEdits, KeptEdits, rekey, SettingsStore } from "#src/operate/index"
import { type BooksKey, makeBooksKey } from "#src/operate/BooksKeyNode"
import { makeSeal, type Seal } from "#src/operate/SealNode"
import { declare, Fields, Settings, settingsFile, type SettingsService } from "#src/settings/index"
import { CollectedEvents, EventLog } from "#src/telemetry/index"
import { folder, openBooks, until } from "../books/kit.ts"
import { findPostgres, startPostgres } from "../support/postgres.ts"

const secret = "a secret of the relay that has enough bytes"
const seal = makeSeal(Redacted.make(secret))

describe("a seal", () => {
  const text = fc.string({ unit: "grapheme" })

  it("opens what it has closed, about the same thing, and shows nothing of it", () => {
    fc.assert(
      fc.property(text, text, (said, about) => {
        const sealed = seal.close(said, about)
        assert.deepStrictEqual(makeSeal(Redacted.make(secret)).open(sealed, about), Result.succeed(said))
        assert.notStrictEqual(seal.close(said, about), sealed)
      })
    )
    assert.notInclude(Buffer.from(seal.close("planted-key", "x").slice(2), "base64").toString("latin1"), "planted")
  })

  it("opens nothing that was changed, is about something else, or is another's", () => {
    const sealed = seal.close("a key", "channel a")
    assert.isTrue(Result.isFailure(seal.open(sealed, "channel b")))
    assert.isTrue(Result.isFailure(makeSeal(Redacted.make(`${secret}.`)).open(sealed, "channel a")))
    const bytes = Buffer.from(sealed.slice(2), "base64")
    for (let at = 0; at < bytes.length; at++) {
      const other = Buffer.from(bytes)
      other[at] = other[at]! ^ 1
      assert.isTrue(Result.isFailure(seal.open(`1.${other.toString("base64")}`, "channel a")), `byte ${at}`)
    }
    for (const garbage of ["", "1.", sealed.slice(0, 20), `2.${sealed.slice(2)}`]) {
      assert.isTrue(Result.isFailure(seal.open(garbage, "channel a")), garbage)
    }
  })
})

const channel = (id: string, more: object = {}) => ({
  id,
  dialect: "openai",
  baseUrl: "https://api.example.com/v1",
  keys: [`planted-of-${id}`],
  models: ["m"],
  ...more
})
const relaySettings = (): SettingsService =>
  Result.getOrThrow(decodeConfiguration({ channels: [channel("a")] }, {}, "test")).settings

/** The services of a relay that starts over books. */
const startOver = (books: Books["Service"], settings: SettingsService, sealed: Seal | "none" = seal, own?: BooksKey) =>
  Effect.map(
    Layer.build(
      Layer.fresh(
        Layer.merge(SettingsStore.layer, ChannelEdits.layer).pipe(
          Layer.provideMerge(KeptEdits.layer(sealed === "none" ? undefined : sealed, own)),
          Layer.provideMerge(EventLog.layerTest),
          Layer.provide(Layer.succeed(Books, books)),
          Layer.provide(Layer.succeed(Settings, settings))
        )
      )
    ),
    (context) => ({
      settings,
      store: Context.get(context, SettingsStore),
      channels: Context.get(context, ChannelEdits),
      log: Context.get(context, CollectedEvents).events
    })
  )

/** Everything that is in the tables. */
const rowsOf = (books: Books["Service"]) =>
  Effect.zipWith(
    books.run(sql`SELECT * FROM relay_settings`),
    books.run(sql`SELECT * FROM relay_added_channels`),
    (changes, channels) => JSON.stringify([changes, channels])
  )

type Step =
  | { readonly _tag: "Change"; readonly path: string; readonly value: unknown }
  | { readonly _tag: "Reset"; readonly path: string }
  | { readonly _tag: "Add" | "Remove"; readonly id: string }
  | { readonly _tag: "Alter"; readonly id: string; readonly priority: number }
  | { readonly _tag: "Restart" }

const paths = [
  "retry.times",
  "retry.base",
  "retry.cap",
  "rateLimit.requests",
  "channels.b.priority",
  "channels.a.weight"
]
const id = fc.constantFrom("a", "b", "c")
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      _tag: fc.constant("Change" as const),
      path: fc.constantFrom(...paths),
      value: fc.constantFrom<unknown>(1, 7, "1 second", "20 seconds", null)
    })
  },
  { weight: 2, arbitrary: fc.record({ _tag: fc.constant("Reset" as const), path: fc.constantFrom(...paths) }) },
  { weight: 3, arbitrary: fc.record({ _tag: fc.constantFrom("Add" as const, "Remove" as const), id }) },
  { weight: 2, arbitrary: fc.record({ _tag: fc.constant("Alter" as const), id, priority: fc.nat(9) }) },
  { weight: 2, arbitrary: fc.constant({ _tag: "Restart" as const }) }
)

describe("edits in the books", () => {
  it.live(
    "are after a restart what they were before it, whatever was done and refused; no secret is in the books",
    () =>
      Effect.promise(() =>
        fc.assert(
          fc.asyncProperty(fc.array(step, { maxLength: 12 }), (steps) =>
            Effect.runPromise(
              Effect.scoped(
                Effect.gen(function* () {
                  const books = yield* openBooks(BooksMemoryNode.layer)
                  let relay = yield* startOver(books, relaySettings())
                  for (const one of [...steps, { _tag: "Restart" } as const]) {
                    const { channels, settings, store } = relay
                    switch (one._tag) {
                      case "Change":
                        yield* Effect.ignore(store.change({ [one.path]: one.value }))
                        break
                      case "Reset":
                        yield* Effect.ignore(store.reset(one.path))
                        break
                      case "Add":
                        yield* Effect.ignore(channels.add(channel(one.id)))
                        break
                      case "Alter":
                        yield* Effect.ignore(channels.change(one.id, { priority: one.priority }))
                        break
                      case "Remove":
                        yield* Effect.ignore(channels.remove(one.id))
                        break
                      case "Restart": {
                        const before = settings.list()
                        relay = yield* startOver(books, relaySettings())
                        assert.deepStrictEqual(relay.settings.list(), before)
                        assert.deepStrictEqual(relay.log, [])
                      }
                    }
                  }
                  assert.notInclude(yield* rowsOf(books), "planted")
                })
              )
            )
          ),
          { numRuns: 15 }
        )
      )
  )

  it.live("that cannot be written change nothing, and can be made when the books are back", () =>
    Effect.gen(function* () {
      const opened = yield* openBooks(BooksMemoryNode.layer)
      let away = false
      const books: Books["Service"] = {
        ...opened,
        transaction: (body) =>
          Effect.suspend(() => (away ? Effect.fail(new BooksAway({ message: "gone" })) : opened.transaction(body)))
      }
      const { settings, store } = yield* startOver(books, relaySettings())
      const before = settings.list()
      away = true
      assert.instanceOf(yield* Effect.flip(store.change({ "retry.times": 7 })), BooksAway)
      assert.deepStrictEqual(settings.list(), before)
      away = false
      yield* store.change({ "retry.times": 7 })
      assert.strictEqual(settings.list().find(({ path }) => path === "retry.times")?.value, 7)
    }).pipe(Effect.scoped)
  )

  it.live(
    "that are left out within a setting are told at it, and go with what is said of it, or when it is taken back",
    () =>
      Effect.gen(function* () {
        const books = yield* openBooks(BooksMemoryNode.layer)
        const price = { "gpt-*": { input: 5, output: 5 } }
        const isKept = Effect.map(rowsOf(books), (rows) => rows.includes("prices.gpt"))
        const one = yield* startOver(books, relaySettings())
        const shown = (of: typeof one) => of.store.list().find(({ path }) => path === "prices")
        for (const said of ["PATCH", "DELETE"] as const) {
          yield* books.run(
            sql`INSERT INTO relay_settings (path, value, sealed, turn, changed_at)
              VALUES ('prices.gpt-*.input', '2', 0, 1, 1), ('prices.gpt-*.output', '3', 0, 1, 1)`
          )
          const relay = yield* startOver(books, relaySettings())
          assert.include(shown(relay)?.fault, 'prices["gpt-*.input"]: name prices, with all that is to be in it; ')
          yield* relay.store.change({ "retry.times": 7 })
          assert.isTrue(yield* isKept, "nobody has said anything of prices")
          yield* said === "PATCH" ? relay.store.change({ prices: price }) : relay.store.reset("prices")
          assert.deepInclude(shown(relay), { fault: undefined, value: said === "PATCH" ? price : {} })
          assert.isFalse(yield* isKept)
        }
      }).pipe(Effect.scoped)
  )

  it.live("that are left out are no fault any more where a section is said whole", () =>
    Effect.gen(function* () {
      const books = yield* openBooks(BooksMemoryNode.layer)
      const one = yield* startOver(books, relaySettings())
      yield* one.store.change({ "retry.base": "8 seconds" })
      const cap = { channels: [channel("a")], retry: { cap: "5 seconds" } }
      const { store } = yield* startOver(books, Result.getOrThrow(decodeConfiguration(cap, {}, "test")).settings)
      const shown = () => store.list().find(({ path }) => path === "retry.base")
      assert.isDefined(shown()?.fault)
      yield* store.change({ retry: { base: "1 second" } })
      assert.deepInclude(shown(), { fault: undefined, value: "1 second" })
    }).pipe(Effect.scoped)
  )

  it.live("of a section that is never shown are sealed where there is a secret, and shown in nothing", () =>
    Effect.gen(function* () {
      const Alerts = declare({
        name: "alerts",
        description: "Who is told.",
        schema: Fields.section({
          secret: Fields.withDefault(
            Fields.secretText("a text", () => true),
            "none",
            "What signs."
          ),
          low: Fields.withDefault(Fields.notNegative, 0.1, "From when on.")
        }),
        absent: {},
        changes: { _tag: "AnyTime", fields: "all" },
        hidden: true
      })
      const settingsOf = () => Result.getOrThrow(Settings.make(settingsFile({ sections: [Alerts] }), {}))
      const books = yield* openBooks(BooksMemoryNode.layer)
      const { store } = yield* startOver(books, settingsOf())
      const { after, before } = yield* store.change({ "alerts.secret": "planted", "alerts.low": 0.5 })
      for (const { path, secret, value } of [...before, ...after])
        assert.deepStrictEqual([secret, value], [true, null], path)
      assert.notInclude(yield* rowsOf(books), "planted")
      const { settings } = yield* startOver(books, settingsOf())
      assert.deepStrictEqual(settings.of(Alerts).current, { secret: "planted", low: 0.5 })
      const faults = yield* Effect.flip(store.change({ "alerts.secret": 5, "alerts.low": -0.25 }))
      assert.deepStrictEqual(faults.message.split("\n"), [
        "settings: alerts.low: expected a number of at least 0, got <redacted>",
        "settings: alerts.secret: expected a text, got <redacted>"
      ])
    }).pipe(Effect.scoped)
  )

  it.live(
    "of where alerts go are refused without a server.secret, as keys are; not in memory, and not what is no secret",
    () =>
      Effect.gen(function* () {
        const at = yield* folder
        const books = yield* openBooks(BooksSqliteNode.layer({ path: join(at, "books.db") }))
        const { settings, store } = yield* startOver(books, relaySettings(), "none")
        const hook = "https://hooks.example.com/planted"
        for (const change of [{ "alerts.webhook": hook }, { alerts: { webhook: hook, secret: "planted" } }]) {
          const error = yield* Effect.flip(store.change(change))
          assert.strictEqual(error._tag, "Conflict")
          assert.include(error.message, "set server.secret")
        }
        assert.notInclude(yield* rowsOf(books), "planted")
        assert.isNull(settings.of(AlertsSection).current.webhook)
        yield* store.change({ "alerts.quotaLow": 0.2, "alerts.events": ["quota_low"], "alerts.webhook": null })
        assert.strictEqual(settings.of(AlertsSection).current.quotaLow, 0.2)
        yield* store.change({ "sensitiveWords.words": ["bluebird"], "rateLimit.requests": 9 })
        const sealed = yield* startOver(books, relaySettings())
        yield* sealed.store.change({ "alerts.webhook": hook })
        assert.notInclude(yield* rowsOf(books), "planted")
        const memory = yield* startOver(yield* openBooks(BooksMemoryNode.layer), relaySettings(), "none")
        yield* memory.store.change({ "alerts.webhook": hook, "alerts.secret": "planted" })
      }).pipe(Effect.scoped)
  )

  it.live("of where alerts go are kept with a key beside books in a file, where there is no server.secret", () =>
    Effect.gen(function* () {
      const at = yield* folder
      const path = join(at, "books.db.key")
      const hook = "https://hooks.example.com/planted"
      const webhookOf = (settings: SettingsService) => {
        const { webhook } = settings.of(AlertsSection).current
        return webhook === null ? null : Redacted.value(webhook)
      }
      const books = yield* openBooks(BooksSqliteNode.layer({ path: join(at, "books.db") }))
      const one = yield* startOver(books, relaySettings(), "none", makeBooksKey(path))
      assert.isFalse(existsSync(path), "made when it is wanted")
      yield* one.store.change({ "alerts.webhook": hook, "alerts.secret": "planted" })
      assert.notInclude(yield* rowsOf(books), "planted")
      assert.strictEqual(statSync(path).mode & 0o777, 0o600)
      const again = yield* startOver(books, relaySettings(), "none", makeBooksKey(path))
      assert.strictEqual(webhookOf(again.settings), hook)
      // Keys of channels are worth more.
      assert.strictEqual((yield* Effect.flip(one.channels.add(channel("b"))))._tag, "Conflict")
      // Who sets a secret later still reads it, and what is set from then on is encrypted with that.
      const later = yield* startOver(books, relaySettings(), seal, makeBooksKey(path))
      assert.strictEqual(webhookOf(later.settings), hook)
      yield* later.store.change({ "alerts.webhook": `${hook}/2` })
      // Without its key it is left out, and the relay starts.
      const own = makeBooksKey(path).known()
      rmSync(path)
      const without = yield* startOver(books, relaySettings(), seal, makeBooksKey(path))
      assert.strictEqual(webhookOf(without.settings), `${hook}/2`)
      assert.isNull(without.settings.of(AlertsSection).current.secret)
      // Another secret takes in what was encrypted with the key.
      const next = makeSeal(Redacted.make("the next secret of the relay, long enough"))
      const isSecret = (setting: string): boolean => setting.startsWith("alerts.")
      const count = yield* Effect.provideService(rekey({ from: seal, own, to: next, isSecret }), Books, books)
      assert.strictEqual(count, 2)
      const rekeyed = yield* startOver(books, relaySettings(), next)
      assert.isNotNull(rekeyed.settings.of(AlertsSection).current.secret)
      // A folder in its place.
      mkdirSync(path)
      const refused = yield* startOver(
        yield* openBooks(BooksSqliteNode.layer({ path: join(at, "other.db") })),
        relaySettings(),
        "none",
        makeBooksKey(path)
      )
      const error = yield* Effect.flip(refused.store.change({ "alerts.webhook": hook }))
      assert.strictEqual(error._tag, "Conflict")
      assert.include(error.message, "its key could not be written")
    }).pipe(Effect.scoped)
  )

  it.live("that were sealed with another secret are a fault of the start, which names them", () =>
    Effect.gen(function* () {
      const books = yield* openBooks(BooksMemoryNode.layer)
      const { channels } = yield* startOver(books, relaySettings())
      yield* channels.add(channel("b"))
      const other = makeSeal(Redacted.make("another secret of the relay with its bytes"))
      const wrong = yield* Effect.flip(startOver(books, relaySettings(), other))
      assert.include(wrong.message, "server.secret: is not the one that secrets of channels.b in the books")
      const none = yield* Effect.flip(
        Effect.suspend(() => Layer.build(KeptEdits.layer(undefined))).pipe(
          Effect.provideService(Books, books),
          Effect.provideService(Settings, relaySettings()),
          Effect.provide(EventLog.layerSilent)
        )
      )
      assert.include(none.message, "server.secret: is needed")
    }).pipe(Effect.scoped)
  )
})

const binaries = findPostgres()

/** Two relays on the same books, each with a connection of its own. */
const racing = <E>(open: Effect.Effect<Books["Service"], E, Scope.Scope>) =>
  Effect.gen(function* () {
    const one = yield* startOver(yield* open, relaySettings())
    const two = yield* startOver(yield* open, relaySettings())
    const valueOf = (settings: SettingsService, path: string) =>
      settings.list().find((setting) => setting.path === path)?.value
    for (let round = 0; round < 5; round++) {
      // Each alone is right, and the two together are not.
      const results = yield* Effect.all(
        [
          Effect.result(one.store.change({ "retry.cap": "5 seconds" })),
          Effect.result(two.store.change({ "retry.base": "6 seconds" }))
        ],
        { concurrency: 2 }
      )
      assert.strictEqual(results.filter(Result.isSuccess).length, 1)
      const [won] = results
      const path = Result.isSuccess(won) ? "retry.cap" : "retry.base"
      const told = valueOf(Result.isSuccess(won) ? one.settings : two.settings, path)
      yield* until(() => [one, two].every(({ settings }) => valueOf(settings, path) === told))
      // Also of one that has no news of it yet.
      const other = Result.isSuccess(won) ? two : one
      yield* other.store.reset(path)
      yield* until(() => [one, two].every(({ settings }) => valueOf(settings, path) !== told))
      const added = yield* Effect.all(
        [one, two].map(({ channels }) => Effect.result(channels.add(channel(`round-${round}`)))),
        { concurrency: 2 }
      )
      assert.strictEqual(added.filter(Result.isSuccess).length, 1)
      yield* until(() =>
        [one, two].every(({ settings }) => valueOf(settings, `channels.round-${round}.dialect`) === "openai")
      )
    }
    assert.deepStrictEqual([one.log, two.log], [[], []])
  }).pipe(Effect.scoped)

describe("of two relays that change at the same time what cannot be both, one is refused, and the other is seen", () => {
  it.live("on SQLite", () =>
    Effect.scoped(
      Effect.flatMap(folder, (path) => racing(openBooks(BooksSqliteNode.layer({ path: join(path, "books.db") }))))
    )
  )

  it.live.skipIf(binaries === undefined)("on PostgreSQL", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const server = yield* Effect.acquireRelease(
          Effect.promise(() => startPostgres(binaries ?? "")),
          (started) => Effect.promise(() => started.remove())
        )
        const url = Redacted.make(server.database())
        yield* racing(openBooks(BooksPostgresNode.layer({ url, wait: 0 })))
      })
    )
  )
})
