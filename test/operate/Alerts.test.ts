/**
 * Alerts on virtual time: what waits, what is tried when, and that nothing is lost.
 */
import { assert, describe, it } from "@effect/vitest"
import { rmSync } from "node:fs"
import { join } from "node:path"
import { Context, Effect, Exit, Layer, Redacted, Result, Scope, Stream, SubscriptionRef } from "effect"
import { TestClock } from "effect/testing"
import { Books, BooksAway, type BooksError, sql } from "#src/books/index"
import * as BooksMemoryNode from "#src/books/BooksMemoryNode"
import * as BooksSqliteNode from "#src/books/BooksSqliteNode"
import { makeSecrets, Secrets } from "effect-resilience/errors"
import { Alerts, AlertsSection } from "#src/operate/index"
import { mostWaiting } from "#src/operate/Alerts"
import { Settings, settingsFile } from "#src/settings/index"
import { EventLog } from "#src/telemetry/index"
import { folder, healthOf, openBooks, until } from "../books/kit.ts"

const webhook = "https://hooks.example.com/x"
const settingsOf = (alerts: object) =>
  Result.getOrThrow(Settings.make(settingsFile({ sections: [AlertsSection] }), { alerts }))

/** What is posted: each post is answered by `takes`, and takes so long. */
const hookOf = (takes: (body: { readonly event: string }, times: number) => boolean, millis = 0) => {
  const posts: Array<{ readonly at: number; readonly event: string; readonly id: string }> = []
  const post = (_: unknown, text: string) =>
    Effect.gen(function* () {
      const body = JSON.parse(text) as { readonly event: string; readonly id: string }
      const at = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
      posts.push({ at, event: body.event, id: body.id })
      if (millis > 0) yield* Effect.sleep(millis)
      return takes(body, posts.length)
    })
  return { posts, post }
}

const layerOf = (post: ReturnType<typeof hookOf>["post"], settings = settingsOf({ webhook })) =>
  Alerts.layer({ relay: () => "test-relay", post }).pipe(
    Layer.provide(Layer.mergeAll(Layer.succeed(Settings, settings), EventLog.layerSilent))
  )

const over = (hook: ReturnType<typeof hookOf>, settings = settingsOf({ webhook })) =>
  Effect.provide(layerOf(hook.post, settings).pipe(Layer.provideMerge(BooksMemoryNode.layer)))

const circuit = { event: "circuit_opened", channel: "a", key: 0, model: "m" } as const
const rows = Books.use((books) => books.run(sql`SELECT id FROM relay_alerts`))

describe("an alert", () => {
  it.effect("is posted with what happened, and known secrets are masked", () => {
    const bodies: Array<unknown> = []
    const post = (_: unknown, text: string) => Effect.sync(() => bodies.push(JSON.parse(text)) > 0)
    const secrets = makeSecrets()
    secrets.know(["sk-planted-secret"])
    return Effect.gen(function* () {
      const alerts = yield* Alerts
      yield* alerts.tell({
        event: "key_disabled",
        channel: "a",
        key: 1,
        reason: "channel:invalid_key",
        evidence: "code sk-planted-secret",
        until: 300_000
      })
      yield* TestClock.adjust(1)
      const [{ id, ...body }] = bodies as [{ readonly id: string }]
      assert.match(id, /^alert_[a-z0-9]{20}$/)
      assert.deepStrictEqual(body, {
        event: "key_disabled",
        at: "1970-01-01T00:00:00.000Z",
        relay: "test-relay",
        channel: "a",
        key: 1,
        reason: "channel:invalid_key",
        evidence: "code ***",
        until: "1970-01-01T00:05:00.000Z"
      })
      assert.strictEqual(alerts.waiting(), 0)
    }).pipe(
      Effect.provide(layerOf(post as never).pipe(Layer.provideMerge(BooksMemoryNode.layer))),
      Effect.provideService(Secrets, secrets)
    )
  })

  it.effect("of an event that nobody wants, or without a webhook, is none; what stands beside it is written", () => {
    const hook = hookOf(() => true)
    const settings = settingsOf({ webhook, events: ["key_disabled"] })
    return Effect.gen(function* () {
      const alerts = yield* Alerts
      let written = 0
      const beside = Effect.sync(() => void written++)
      yield* alerts.tell(circuit, beside)
      yield* settings.change({ "alerts.webhook": null, "alerts.events": ["circuit_opened"] })
      yield* alerts.tell(circuit, beside)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual([hook.posts.length, written], [0, 2])
    }).pipe(over(hook, settings))
  })

  it.effect("is tried three times, one and five seconds apart", () => {
    const hook = hookOf((_, times) => times === 3)
    return Effect.gen(function* () {
      const alerts = yield* Alerts
      yield* alerts.tell(circuit)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(
        hook.posts.map(({ at }) => at),
        [0, 1_000, 6_000]
      )
      assert.strictEqual(new Set(hook.posts.map(({ id }) => id)).size, 1)
      assert.strictEqual(alerts.waiting(), 0)
    }).pipe(over(hook))
  })
})

describe("a webhook that is away", () => {
  it.effect("loses nothing: what waits is told when it is back, and nobody waits for it", () => {
    let back = false
    const hook = hookOf(() => back)
    return Effect.gen(function* () {
      const alerts = yield* Alerts
      for (let at = 0; at < 5; at++) yield* alerts.tell(circuit)
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(alerts.waiting(), 5)
      assert.isBelow(hook.posts.length, 3 * 62, "it is left alone between the rounds")
      back = true
      const before = hook.posts.length
      yield* TestClock.adjust("70 seconds")
      assert.strictEqual(alerts.waiting(), 0)
      assert.strictEqual(new Set(hook.posts.slice(before).map(({ id }) => id)).size, 5)
    }).pipe(over(hook))
  })

  it.effect("is slow: alerts are told one after the other, and nothing else waits", () => {
    const hook = hookOf(() => true, 9_000)
    return Effect.gen(function* () {
      const alerts = yield* Alerts
      for (let at = 0; at < 3; at++) yield* alerts.tell(circuit)
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(alerts.waiting(), 2)
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual(alerts.waiting(), 0)
    }).pipe(over(hook))
  })

  it.effect("one alert that it never takes does not hold up the others", () => {
    const hook = hookOf(({ event }) => event !== "key_disabled")
    return Effect.gen(function* () {
      const alerts = yield* Alerts
      yield* alerts.tell({ event: "key_disabled" })
      yield* alerts.tell(circuit)
      yield* alerts.tell(circuit)
      yield* TestClock.adjust("17 seconds")
      assert.strictEqual(alerts.waiting(), 1)
    }).pipe(over(hook))
  })

  it.effect("has at most 1,000 wait for it: of more the oldest are dropped", () => {
    const hook = hookOf(() => false)
    return Effect.gen(function* () {
      const alerts = yield* Alerts
      for (let at = 0; at < mostWaiting + 20; at++) yield* alerts.tell({ ...circuit, reason: String(at) })
      assert.strictEqual(alerts.waiting(), mostWaiting)
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* rows).length, mostWaiting)
    }).pipe(over(hook))
  })
})

describe("a relay that dies", () => {
  it.effect("leaves what was not told to the next one", () =>
    Effect.gen(function* () {
      const first = hookOf(() => false)
      const second = hookOf(() => true)
      const scope = yield* Scope.make()
      yield* Effect.gen(function* () {
        const alerts = yield* Alerts
        yield* alerts.tell(circuit)
        yield* alerts.tell({ event: "key_enabled" })
        yield* TestClock.adjust("2 seconds")
      }).pipe(Effect.provide(yield* Layer.buildWithScope(layerOf(first.post), scope)))
      yield* Scope.close(scope, Exit.void)
      yield* Effect.gen(function* () {
        yield* TestClock.adjust("1 second")
        const { waiting } = yield* Alerts
        assert.strictEqual(waiting(), 0)
      }).pipe(Effect.provide(layerOf(second.post)))
      assert.deepStrictEqual(
        second.posts.map(({ event }) => event),
        ["circuit_opened", "key_enabled"]
      )
      assert.strictEqual(second.posts[0]?.id, first.posts[0]?.id)
    }).pipe(Effect.provide(BooksMemoryNode.layer))
  )
})

describe("the books", () => {
  it.effect("that are away are told of, and keep no alert from being told", () => {
    const hook = hookOf(() => true)
    return Effect.gen(function* () {
      const alerts = yield* Alerts
      const books = yield* Books
      const away: BooksError = new BooksAway({ message: "the disk is full" })
      yield* Effect.ignore(books.transaction(Effect.fail(away)))
      yield* alerts.tell(circuit)
      yield* TestClock.adjust("10 seconds")
      assert.sameMembers(
        hook.posts.map(({ event }) => event),
        ["books_failed", "circuit_opened"]
      )
    }).pipe(over(hook))
  })
})

describe("whatever a webhook answers", () => {
  it.effect.each(Array.from({ length: 20 }, (_, seed) => seed))(
    "all are told in the end, none twice once it is taken (seed %d)",
    (seed) => {
      let state = seed * 2654435761 + 1
      const chance = () => {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0
        return state / 2 ** 32
      }
      const taken = new Map<string, number>()
      let fails = true
      const post = (_: unknown, text: string) =>
        Effect.sync(() => {
          const { id } = JSON.parse(text) as { readonly id: string }
          if (fails && chance() < 0.7) return false
          taken.set(id, (taken.get(id) ?? 0) + 1)
          return true
        })
      return Effect.gen(function* () {
        const alerts = yield* Alerts
        for (let at = 0; at < 10; at++) {
          yield* alerts.tell(circuit)
          yield* TestClock.adjust(Math.floor(chance() * 20_000))
        }
        fails = false
        yield* TestClock.adjust("2 minutes")
        assert.deepStrictEqual(
          [...taken.values()],
          Array.from({ length: 10 }, () => 1)
        )
        assert.strictEqual(alerts.waiting(), 0)
      }).pipe(Effect.provide(layerOf(post as never).pipe(Layer.provideMerge(BooksMemoryNode.layer))))
    }
  )
})

describe("the section", () => {
  it("takes a URL and a secret, and shows neither", () => {
    const { current } = settingsOf({ webhook, secret: "sixteen-or-more-letters" }).of(AlertsSection)
    assert.strictEqual(Redacted.value(current.webhook!), webhook)
    assert.strictEqual(String(current.secret), "<redacted>")
    const faults = (alerts: object) =>
      Result.getOrThrow(Result.flip(Settings.make(settingsFile({ sections: [AlertsSection] }), { alerts }))).map(
        ({ message }) => message
      )
    for (const [alerts, expected] of [
      [{ webhook: "ftp://x" }, /^expected an http or https URL/],
      [{ webhook, secret: "" }, /^expected a text of at least one character, or null, got <redacted>$/],
      [{ secret: "sixteen-or-more-letters" }, /^expected nothing, as alerts.webhook is null/],
      [{ webhook, events: ["key_lost"] }, /^expected "key_disabled" or/]
    ] as const) {
      assert.match(faults(alerts)[0] ?? "none", expected)
    }
  })
})

describe("books that are away", () => {
  it.live("are told of once, also while nothing can be written of it", () =>
    Effect.gen(function* () {
      const at = yield* folder
      const books = yield* openBooks(BooksSqliteNode.layer({ path: join(at, "books.db") }))
      const hook = hookOf(() => false)
      const alerts = yield* Effect.map(
        Layer.build(layerOf(hook.post).pipe(Layer.provide(Layer.succeed(Books, books)))),
        (context) => Context.get(context, Alerts)
      )
      const told: Array<string> = []
      yield* Effect.forkScoped(
        Stream.runForEach(SubscriptionRef.changes(books.health), ({ _tag }) => Effect.sync(() => told.push(_tag)))
      )
      rmSync(at, { recursive: true })
      yield* until(() => healthOf(books) === "Away")
      yield* Effect.sleep(1200)
      assert.deepStrictEqual([told, alerts.waiting()], [["Usable", "Away"], 1])
    }).pipe(Effect.scoped)
  )
})
