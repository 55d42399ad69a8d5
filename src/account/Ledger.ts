/**
 * The ledger as it is read: its rows, what they amount to, and what was used.
 *
 * A sum goes over rows by the hundred thousand, and SQLite answers in this thread: it is made piece by piece, with room
 * for others between two of them. Rows never change, so only the newest must be summed together with the balances.
 */
import { Clock, Context, Effect, Layer, Schedule, type Scope, Semaphore } from "effect"
import { Books, type BooksError, type BooksNewer, literally, type Row, sql, type Sql } from "../books/index.ts"
import { Settings, untilNextSweep } from "../settings/index.ts"
import { firstIdAt } from "./LedgerIds.ts"
import { keyOf, ledgerModule, type LedgerRow, readRow } from "./LedgerRows.ts"
import { LedgerSection } from "./LedgerSection.ts"

/** Some of the rows, the newest first. */
export interface LedgerPage {
  readonly rows: ReadonlyArray<LedgerRow>
  /** Where the next page begins; `undefined` on the last one. */
  readonly next: string | undefined
}

/** Which rows. Moments are epoch milliseconds. */
export interface LedgerQuery {
  readonly token?: string | undefined
  /** Inclusive. */
  readonly from?: number | undefined
  /** Exclusive. */
  readonly to?: number | undefined
  readonly cursor?: string | undefined
  readonly limit: number
}

/** What the ledger amounts to, in credits. */
export interface LedgerSum {
  /** Given to tokens. */
  readonly granted: number
  readonly settled: number
  /** Reserved, and released unused. */
  readonly refunded: number
  /** Reserved now. */
  readonly open: number
  /**
   * What does not come out: grants less settlements less balances, of tokens and of groups, and how many streams that
   * reserved something have neither a reservation nor a final row. 0, or a bug.
   */
  readonly drift: number
}

/** By what usage is told. */
export const usageBy = ["token", "group", "model", "channel", "day"] as const
/** By what usage is told. */
export type UsageBy = (typeof usageBy)[number]

/** What was used. */
export interface UsageOf {
  /** The token, group, model, channel or day (`2026-01-31`, by UTC); `""` for none. */
  readonly key: string
  /** Answers that were paid for. */
  readonly requests: number
  readonly inputTokens: number
  readonly cachedTokens: number
  readonly outputTokens: number
  readonly credits: number
}

/** The ledger. */
export class Ledger extends Context.Service<
  Ledger,
  {
    readonly list: (query: LedgerQuery) => Effect.Effect<LedgerPage, BooksError>
    readonly sum: Effect.Effect<LedgerSum, BooksError>
    /** Those with the most credits first; days in their order. */
    readonly usage: (
      by: UsageBy,
      from: number | undefined,
      to: number | undefined
    ) => Effect.Effect<ReadonlyArray<UsageOf>, BooksError>
  }
>()("effect-resilience/account/Ledger") {
  /**
   * In the books. Rows older than `ledger.retention` are forgotten, within a quarter of it and an hour at most; of books in
   * memory all but the newest 200,000, every minute, too. What they come to stays in the sums.
   */
  static readonly layer: Layer.Layer<Ledger, BooksNewer | BooksError, Books | Settings> = Layer.effect(
    Ledger,
    Effect.suspend(() => make)
  )
}

/** Rows of a piece: some 10 ms of SQLite. */
const pieceSize = 20_000
/** Whoever writes a row has committed it by then, in milliseconds: statements take no longer than 10 seconds. */
const committedAfter = 60_000
const dayMillis = 86_400_000
/** Comes after all ids. */
const afterAll = "z"

const sums = literally(
  `CAST(sum(CASE WHEN kind = 'grant' AND token <> '' THEN amount ELSE 0 END) AS BIGINT) AS granted,
   CAST(sum(CASE WHEN kind = 'settle' THEN amount ELSE 0 END) AS BIGINT) AS settled,
   CAST(sum(CASE WHEN kind = 'refund' THEN amount ELSE 0 END) AS BIGINT) AS refunded,
   CAST(sum(CASE WHEN kind = 'grant' THEN amount WHEN kind = 'settle' THEN -amount * (token_charged + group_charged)
                 ELSE 0 END) AS BIGINT) AS charged,
   CAST(sum(CASE WHEN kind = 'reserve'
                  AND NOT EXISTS (SELECT 1 FROM relay_reservations r WHERE r.stream_id = relay_ledger.stream_id)
                  AND NOT EXISTS (SELECT 1 FROM relay_ledger f WHERE f.kind IN ('settle', 'refund')
                                                                 AND f.stream_id = relay_ledger.stream_id)
                 THEN 1 ELSE 0 END) AS BIGINT) AS unfinished`
)
const sumNames = ["granted", "settled", "refunded", "charged", "unfinished"] as const
type Sums = Record<(typeof sumNames)[number], number>
const noSums: Sums = { granted: 0, settled: 0, refunded: 0, charged: 0, unfinished: 0 }

const addSums = (sum: Sums, row: Row | undefined): Sums => {
  const added = { ...sum }
  for (const name of sumNames) added[name] += Number(row?.[name] ?? 0)
  return added
}

const keys: { readonly [By in UsageBy]: Sql } = {
  token: literally("token"),
  group: literally("token_group"),
  model: literally("model"),
  channel: literally("channel"),
  day: literally(`at / ${dayMillis}`)
}

/** So many rows go in one transaction of a sweep. */
const sweepBatch = 500
/** How long others have between two of them, in milliseconds. */
const sweepPause = 5
/** How many rows books in memory keep, some 50 MB: where nothing outlives the process, its memory is what has to last. */
const mostInMemory = 200_000
const sweepMemoryEvery = 60_000

const make: Effect.Effect<Ledger["Service"], BooksNewer | BooksError, Books | Scope.Scope | Settings> = Effect.gen(
  function* () {
    const books = yield* Books
    const { run } = books
    const section = (yield* Settings).of(LedgerSection)
    yield* books.migrate(ledgerModule)

    const oneAtATime = yield* Semaphore.make(1)
    const { lasts } = books.engine

    /** Before which id rows are forgotten. */
    const oldestKept = Effect.gen(function* () {
      const byTime = firstIdAt((yield* Clock.currentTimeMillis) - section.current.retention)
      if (lasts) return byTime
      const [newest] = yield* run(sql`SELECT id FROM relay_ledger ORDER BY id DESC LIMIT 1 OFFSET ${mostInMemory - 1}`)
      const byNumber = newest === undefined ? "" : String(newest["id"])
      return byNumber > byTime ? byNumber : byTime
    })

    /**
     * Forgets the oldest rows; what they moved is carried by their accounts, and what they come to by the sums. Gives how
     * many there were.
     */
    const forget = Effect.fnUntraced(function* (oldest: string) {
      const rows = (yield* run(
        sql`DELETE FROM relay_ledger
            WHERE id IN (SELECT id FROM relay_ledger WHERE id < ${oldest} ORDER BY id LIMIT ${sweepBatch}) RETURNING *`
      )).map(readRow)
      const carried = new Map<string, { granted: number; settled: number }>()
      const carry = (key: string, { amount, kind }: LedgerRow): void => {
        const before = carried.get(key) ?? { granted: 0, settled: 0 }
        carried.set(key, {
          granted: before.granted + (kind === "grant" ? amount : 0),
          settled: before.settled + (kind === "settle" ? amount : 0)
        })
      }
      const gone = { granted: 0, settled: 0, refunded: 0 }
      for (const row of rows) {
        if (row.kind === "grant" && row.token !== "") gone.granted += row.amount
        if (row.kind === "settle") gone.settled += row.amount
        if (row.kind === "refund") gone.refunded += row.amount
        if (row.tokenCharged) carry(keyOf({ _tag: "Token", name: row.token }), row)
        if (row.groupCharged) carry(keyOf({ _tag: "Group", name: row.group }), row)
      }
      for (const key of [...carried.keys()].sort().reverse()) {
        const { granted, settled } = carried.get(key)!
        yield* run(
          sql`UPDATE relay_accounts SET carried_granted = carried_granted + ${granted},
                carried_settled = carried_settled + ${settled} WHERE account = ${key}`
        )
      }
      if (rows.length > 0) {
        yield* run(
          sql`UPDATE relay_ledger_carried SET granted = granted + ${gone.granted}, settled = settled + ${gone.settled},
                refunded = refunded + ${gone.refunded} WHERE id = 1`
        )
      }
      return rows.length
    })
    const sweep = Effect.flatMap(
      oldestKept,
      (oldest) =>
        oneAtATime
          .withPermits(1)(books.transaction(forget(oldest)))
          .pipe(Effect.repeat({ while: (count) => count === sweepBatch, schedule: Schedule.spaced(sweepPause) }))
      // What is too old is there at the next one, too.
    ).pipe(Effect.ignore)
    const due = untilNextSweep(section, lasts ? undefined : sweepMemoryEvery)
    yield* Effect.forkScoped(Effect.forever(Effect.andThen(sweep, due)))

    /** Calls `read` with pieces of all that comes after an id and before another. */
    const pieces = Effect.fnUntraced(function* <A>(
      from: string,
      to: string,
      first: A,
      read: (rows: Sql, sum: A) => Effect.Effect<A, BooksError>
    ) {
      let sum = first
      let after = from
      for (;;) {
        const [last] = yield* run(
          sql`SELECT id FROM relay_ledger WHERE id >= ${after} AND id < ${to} ORDER BY id LIMIT 1 OFFSET ${pieceSize}`
        )
        const end = last === undefined ? to : String(last["id"])
        sum = yield* read(sql`id >= ${after} AND id < ${end}`, sum)
        if (last === undefined) return sum
        after = end
        yield* Effect.sleep(1)
      }
    })

    const sumOf = (rows: Sql, sum: Sums): Effect.Effect<Sums, BooksError> =>
      Effect.map(run(sql`SELECT ${sums} FROM relay_ledger WHERE ${rows}`), ([row]) => addSums(sum, row))

    const sumUp = Effect.gen(function* () {
      const settledBy = firstIdAt((yield* Clock.currentTimeMillis) - committedAfter)
      const old = yield* pieces("", settledBy, noSums, sumOf)
      // One statement is one moment: what is written beside it is in all of it or in nothing.
      const [now] = yield* run(
        sql`SELECT ${sums},
              (SELECT CAST(coalesce(sum(balance), 0) AS BIGINT) FROM relay_accounts) AS balances,
              (SELECT CAST(coalesce(sum(carried_granted - carried_settled), 0) AS BIGINT) FROM relay_accounts) AS carried,
              (SELECT granted FROM relay_ledger_carried WHERE id = 1) AS carried_granted,
              (SELECT settled FROM relay_ledger_carried WHERE id = 1) AS carried_settled,
              (SELECT refunded FROM relay_ledger_carried WHERE id = 1) AS carried_refunded,
              (SELECT CAST(coalesce(sum(credits), 0) AS BIGINT) FROM relay_reservations) AS open
            FROM relay_ledger WHERE id >= ${settledBy}`
      )
      const all = addSums(old, now)
      const of = (name: string): number => Number(now?.[name] ?? 0)
      return {
        granted: all.granted + of("carried_granted"),
        settled: all.settled + of("carried_settled"),
        refunded: all.refunded + of("carried_refunded"),
        open: of("open"),
        drift: all.charged + of("carried") - of("balances") + all.unfinished
      }
    })

    const usage: Ledger["Service"]["usage"] = Effect.fnUntraced(function* (by, from, to) {
      const key = keys[by]
      const found = yield* pieces(
        from === undefined ? "" : firstIdAt(from),
        to === undefined ? afterAll : firstIdAt(to),
        new Map<string, UsageOf>(),
        (rows, sum) =>
          Effect.map(
            run(
              sql`SELECT ${key} AS k, count(*) AS requests, CAST(sum(input_tokens) AS BIGINT) AS input,
                    CAST(sum(cached_tokens) AS BIGINT) AS cached, CAST(sum(output_tokens) AS BIGINT) AS output,
                    CAST(sum(amount) AS BIGINT) AS credits
                  FROM relay_ledger WHERE ${rows} AND kind = 'settle' GROUP BY 1`
            ),
            (groups) => {
              for (const row of groups) {
                const name = by === "day" ? dayOf(Number(row["k"])) : String(row["k"] ?? "")
                const before = sum.get(name)
                sum.set(name, {
                  key: name,
                  requests: (before?.requests ?? 0) + Number(row["requests"]),
                  inputTokens: (before?.inputTokens ?? 0) + Number(row["input"] ?? 0),
                  cachedTokens: (before?.cachedTokens ?? 0) + Number(row["cached"] ?? 0),
                  outputTokens: (before?.outputTokens ?? 0) + Number(row["output"] ?? 0),
                  credits: (before?.credits ?? 0) + Number(row["credits"] ?? 0)
                })
              }
              return sum
            }
          )
      )
      const order = (one: UsageOf, other: UsageOf): number =>
        (by === "day" ? 0 : other.credits - one.credits) || (one.key < other.key ? -1 : 1)
      return [...found.values()].sort(order)
    })

    return Ledger.of({
      list: ({ cursor, from, limit, to, token }) =>
        Effect.map(
          run(
            sql`SELECT * FROM relay_ledger WHERE ${token === undefined ? sql`1 = 1` : sql`token = ${token}`}
                AND id >= ${firstIdAt(from ?? 0)}${to === undefined ? sql`` : sql` AND id < ${firstIdAt(to)}`}${
                  cursor === undefined ? sql`` : sql` AND id < ${cursor}`
                } ORDER BY id DESC LIMIT ${limit + 1}`
          ),
          (found) => {
            const rows = found.slice(0, limit).map(readRow)
            return { rows, next: found.length > limit ? rows.at(-1)?.id : undefined }
          }
        ),
      // What is forgotten meanwhile is carried, and would be counted twice.
      sum: oneAtATime.withPermits(1)(sumUp),
      usage
    })
  }
)

const dayOf = (day: number): string => new Date(day * dayMillis).toISOString().slice(0, 10)
