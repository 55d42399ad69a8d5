/**
 * Which processes on the same books are there. Each says so of its journal, with the place that it has come to in it; what
 * the journal of one that is gone has reserved is somebody else's to give back. Decision 0056 says who is held for gone.
 */
import { Clock, Effect } from "effect"
import { type Books, type BooksError, type Sql, sql } from "../books/index.ts"
import type { Journal } from "../journal/index.ts"

/** What is known of processes on the same books. */
export interface Processes {
  /** The name of this one. */
  readonly me: string
  /** Whether the one with that name is known to be dead. */
  readonly isDead: (name: string) => boolean
}

/** What this process says of itself, and knows of others. */
export interface Presence {
  /** The place in this process's journal that was come to; `""` at its beginning. */
  readonly position: Effect.Effect<string, BooksError>
  /** Says that this process is there, and which place it has come to. */
  readonly keepPosition: (position: string) => Effect.Effect<void, BooksError>
  /** Of the reservations `r` those whose journal is gone, as the rest of a `WHERE` that begins with another condition. */
  readonly orGone: Effect.Effect<Sql, BooksError>
}

/** Who has said nothing for so long, in milliseconds, is held for gone. */
const silentFor = { memory: 180_000, durable: 7 * 86_400_000 }
/** Who could say nothing itself for longer than this, in milliseconds, cannot tell that of others: the books were away. */
const mostUnsaid = 90_000

/** Begins to say it. `processes`: nothing is known of any but what it says in the books. */
export const makePresence = Effect.fnUntraced(function* (
  { run, transaction }: Pick<Books["Service"], "run" | "transaction">,
  { durable, identity }: Pick<Journal["Service"], "durable" | "identity">,
  processes: Processes | undefined
): Effect.fn.Return<Presence, BooksError> {
  /** Since when this process has said, again and again, that it is there. */
  let presentSince = yield* Clock.currentTimeMillis
  let saidAt = presentSince
  const said = (now: number): void => {
    if (now - saidAt > mostUnsaid) presentSince = now
    saidAt = now
  }

  const position = Effect.map(
    run(sql`SELECT position FROM relay_ledger_journals WHERE journal = ${identity}`),
    ([row]) => String(row?.["position"] ?? "")
  )
  const keepPosition = (position: string): Effect.Effect<void, BooksError> =>
    Effect.flatMap(Clock.currentTimeMillis, (now) =>
      Effect.map(
        run(
          sql`INSERT INTO relay_ledger_journals (journal, position, durable, seen_at, process)
              VALUES (${identity}, ${position}, ${durable ? 1 : 0}, ${now}, ${processes?.me ?? null})
              ON CONFLICT (journal) DO UPDATE SET position = ${position}, seen_at = ${now}`
        ),
        () => said(now)
      )
    )
  // It is known from the beginning, so that what it reserves is not another's.
  yield* transaction(Effect.flatMap(position, keepPosition))

  /** Journals in the memory of a process that is known to be dead: what it has reserved is gone with it. */
  const dead = Effect.gen(function* () {
    if (processes === undefined) return []
    const others = yield* run(
      sql`SELECT journal, process FROM relay_ledger_journals j
          WHERE durable = 0 AND process IS NOT NULL AND journal <> ${identity}
            AND EXISTS (SELECT 1 FROM relay_reservations r WHERE r.journal = j.journal)`
    )
    return others.flatMap(({ journal, process }) => (processes.isDead(String(process)) ? [String(journal)] : []))
  })

  /** Those that were silent while they could be heard. */
  const orSilent = Effect.map(Clock.currentTimeMillis, (now) => {
    const isJudge = now - saidAt <= mostUnsaid && now - presentSince >= silentFor.memory
    if (!isJudge) return sql``
    const since = (millis: number): Sql =>
      sql`SELECT journal FROM relay_ledger_journals WHERE seen_at <= ${now - millis}`
    return sql` OR r.journal IN (${since(silentFor.memory)} AND durable = 0) OR r.journal IN (${since(silentFor.durable)})`
  })

  return {
    position,
    keepPosition,
    orGone: Effect.zipWith(orSilent, dead, (silent, dead) =>
      dead.reduce((one, journal) => sql`${one} OR r.journal = ${journal}`, silent)
    )
  }
})
