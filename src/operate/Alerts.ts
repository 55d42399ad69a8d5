/**
 * Alerts: what an operator is told by a webhook, beside the log.
 *
 * An alert stands in the books before anybody tries to tell it, so that neither a webhook that is away nor a relay that is
 * killed loses one; and one fiber tells them, so that nothing else waits for a webhook, however slow. Each is tried three
 * times, one and five seconds apart. If nobody takes it, it goes behind the others, and its webhook is left alone for ten
 * seconds, then twenty, up to a minute, until an alert is taken; then all that wait are due. It may be told twice, with the
 * same `id`, when a relay dies in between.
 *
 * At most 1,000 wait: of more the oldest is dropped, and that is logged.
 */
import {
  Clock,
  Context,
  Deferred,
  Effect,
  Latch,
  Layer,
  Queue,
  Random,
  type Scope,
  SubscriptionRef,
  Stream
} from "effect"
import { Books, type BooksError, type BooksNewer } from "../books/index.ts"
import { Secrets } from "../errors/index.ts"
import { Settings } from "../settings/index.ts"
import { EventLog } from "../telemetry/index.ts"
import { type Alert, bodyOf, type Happening } from "./Alert.ts"
import { alertsModule, deleteAlert, insertAlert, readAlert, selectAlerts } from "./AlertRows.ts"
import { type AlertEvent, AlertsSection } from "./AlertsSection.ts"
import { post, type Webhook } from "./WebhookNode.ts"

/** So many wait at most. */
export const mostWaiting = 1_000

/** The waits between the tries of one round, in milliseconds. */
const waits = [1_000, 5_000]

/** How long a webhook is left alone after so many rounds of which nobody took anything, in milliseconds. */
const leftAlone = (rounds: number): number => Math.min(10_000 * 2 ** Math.min(rounds - 1, 10), 60_000)

/** How alerts are made. */
export interface AlertsOptions {
  /** What the relay calls itself. */
  readonly relay: () => string
  /** Posts a body; gives whether it was taken. Default: over the network. */
  readonly post?: ((webhook: Webhook, body: string) => Effect.Effect<boolean>) | undefined
}

interface Waiting extends Alert {
  /** Not before. */
  dueAt: number
  rounds: number
}

/** What nobody has taken yet comes behind what nobody was asked to take. */
const isSooner = (one: Waiting, other: Waiting): boolean =>
  one.dueAt === other.dueAt ? one.rounds < other.rounds : one.dueAt < other.dueAt

/** Tells operators what has happened. */
export class Alerts extends Context.Service<
  Alerts,
  {
    /**
     * Takes an alert to be told, if anybody wants to hear of it. Done when it is in the books, together with what `beside`
     * writes; while they are away both wait for them in memory. Never fails and never waits for the webhook.
     */
    readonly tell: (happening: Happening, beside?: Effect.Effect<void, BooksError>) => Effect.Effect<void>
    /** Tells in the order in which it is called, a moment later. */
    readonly hear: (happening: Happening) => void
    /** Done when all that was heard before has been told: who answers after it has lost none of it, even if it is killed. */
    readonly heard: Effect.Effect<void>
    /**
     * The same for who is in a transaction of the books: the alert is written with what that does, or not at all. What it
     * gives is to be called once that is committed: then it is told.
     */
    readonly within: (happening: Happening) => Effect.Effect<() => void, BooksError>
    /** Writes without an alert, in the same way. */
    readonly keep: (write: Effect.Effect<void, BooksError>) => Effect.Effect<void>
    /** Alerts that wait. */
    readonly waiting: () => number
  }
>()("effect-resilience/operate/Alerts") {
  /** In the books; told until the scope is closed. */
  static readonly layer = (
    options: AlertsOptions
  ): Layer.Layer<Alerts, BooksNewer | BooksError, Books | EventLog | Settings> => Layer.effect(Alerts, make(options))
}

const make = Effect.fnUntraced(function* (
  options: AlertsOptions
): Effect.fn.Return<Alerts["Service"], BooksNewer | BooksError, Books | EventLog | Settings | Scope.Scope> {
  const books = yield* Books
  const section = (yield* Settings).of(AlertsSection)
  const log = yield* EventLog
  const { mask } = yield* Secrets
  const send = options.post ?? post
  yield* books.migrate(alertsModule)
  const waiting: Array<Waiting> = (yield* books.run(selectAlerts)).map((row) => ({
    ...readAlert(row),
    dueAt: 0,
    rounds: 0
  }))
  const changed = yield* Latch.make(true)
  yield* Effect.acquireRelease(
    Effect.sync(() => section.subscribe(() => changed.openUnsafe())),
    (unsubscribe) => Effect.sync(unsubscribe)
  )

  const webhook = (): Webhook | undefined => {
    const { secret, webhook } = section.current
    return webhook === null ? undefined : { url: webhook, secret }
  }
  const isWanted = (event: AlertEvent): boolean => webhook() !== undefined && section.current.events.includes(event)

  const drop = (alert: Waiting): void => {
    const at = waiting.indexOf(alert)
    if (at >= 0) waiting.splice(at, 1)
    books.later(Effect.asVoid(books.run(deleteAlert(alert.id))))
  }

  const add = (alert: Alert): void => {
    waiting.push({ ...alert, dueAt: 0, rounds: 0 })
    const oldest = waiting[0]
    if (waiting.length > mostWaiting && oldest !== undefined) {
      drop(oldest)
      log.emit("warning", "alert_dropped", { alert: oldest.id, error: `${mostWaiting} alerts wait for the webhook` })
    }
    changed.openUnsafe()
  }

  const written = (write: Effect.Effect<void, BooksError>): Effect.Effect<void> =>
    books.transaction(write).pipe(
      // They are away, or slow: whoever has something to tell goes on.
      Effect.timeout("2 seconds"),
      Effect.catch(() => Effect.sync(() => books.later(write)))
    )

  let count = 0
  const alertOf = (happening: Happening): Effect.Effect<Alert> =>
    Effect.gen(function* () {
      const at = yield* Clock.currentTimeMillis
      const chance = yield* Random.nextIntBetween(0, 36 ** 7)
      // They sort by when they were made.
      count += 1
      const id = `alert_${[at, count % 36 ** 4, chance].map((part, of) => part.toString(36).padStart([9, 4, 7][of]!, "0")).join("")}`
      return { id, at, body: bodyOf(id, at, options.relay(), happening, mask) }
    })

  const tell: Alerts["Service"]["tell"] = (happening, beside = Effect.void) =>
    Effect.gen(function* () {
      if (!isWanted(happening.event)) return yield* written(beside)
      const alert = yield* alertOf(happening)
      yield* written(Effect.andThen(beside, Effect.asVoid(books.run(insertAlert(alert)))))
      add(alert)
    })

  const queue = yield* Queue.unbounded<Effect.Effect<unknown>>()
  yield* Effect.forkScoped(Effect.forever(Effect.flatten(Queue.take(queue))))
  const heard = Effect.suspend(() => {
    const done = Deferred.makeUnsafe<void>()
    Queue.offerUnsafe(queue, Deferred.succeed(done, undefined))
    return Deferred.await(done)
  })

  const within: Alerts["Service"]["within"] = (happening) =>
    Effect.gen(function* () {
      if (!isWanted(happening.event)) return () => {}
      const alert = yield* alertOf(happening)
      yield* books.run(insertAlert(alert))
      return () => add(alert)
    })

  /** One round: three tries. */
  const round = (hook: Webhook, { body }: Alert): Effect.Effect<boolean> =>
    Effect.gen(function* () {
      for (const wait of [0, ...waits]) {
        if (wait > 0) yield* Effect.sleep(wait)
        if (yield* send(hook, body)) return true
      }
      return false
    })

  /** Rounds in a row of which nobody took anything. */
  let refused = 0
  let awayUntil = 0

  const work = Effect.gen(function* () {
    changed.closeUnsafe()
    const hook = webhook()
    let next: Waiting | undefined
    for (const alert of waiting) if (next === undefined || isSooner(alert, next)) next = alert
    if (hook === undefined || next === undefined) return yield* changed.await
    const wait = Math.max(next.dueAt, awayUntil) - (yield* Clock.currentTimeMillis)
    if (wait > 0) return yield* Effect.raceFirst(Effect.sleep(wait), changed.await)
    if (yield* round(hook, next)) {
      drop(next)
      if (refused > 0) for (const alert of waiting) alert.dueAt = 0
      refused = 0
      return
    }
    const now = yield* Clock.currentTimeMillis
    refused += 1
    next.rounds += 1
    awayUntil = now + leftAlone(refused)
    next.dueAt = now + leftAlone(next.rounds)
    log.emit("warning", "alert_failed", { alert: next.id, attempt: next.rounds * (waits.length + 1) })
  })
  yield* Effect.forkScoped(Effect.forever(work))

  // The books that fail are told from memory.
  const failed = Stream.runForEach(SubscriptionRef.changes(books.health), (health) =>
    health._tag === "Usable" ? Effect.void : tell({ event: "books_failed", reason: health.message })
  )
  yield* Effect.forkScoped(failed)

  return {
    tell,
    hear: (happening) => void Queue.offerUnsafe(queue, tell(happening)),
    heard,
    within,
    keep: written,
    waiting: () => waiting.length
  }
})
