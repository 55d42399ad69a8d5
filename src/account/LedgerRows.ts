/**
 * How accounts, reservations and the ledger stand in the books.
 *
 * - `relay_accounts`: what each token, and each group with a quota, has left: one row is all that a reservation reads.
 *   `carried_…`: what the rows of the ledger that were forgotten have moved its balance by. `seeded`: its first grant was given, or an
 *   admin has set it.
 * - `relay_reservations`: what is reserved now. A row is deleted by the same transaction that writes its final row.
 * - `relay_ledger`: what was granted, reserved, settled and refunded. A stream has one row `reserve` at most, and one
 *   final row at most: two unique indexes say so. `…_charged`: the row moved the balance of its token, of its group.
 * - `relay_ledger_carried`: one row, what the rows of the ledger that were forgotten come to in its sums, of whomever they
 *   were.
 * - `relay_ledger_journals`: up to where each journal's ends are in the ledger, written with the rows of those ends.
 *
 * Ids sort as they were given: the millisecond, a count, chance.
 */
import { type BooksModule, makeInsert, makeRepeated, type Row, type Sql, sql, type SqlValue } from "../books/index.ts"
import { type Account, type AccountOf, daysOf, nextOf } from "./Allowance.ts"

/** The tables. */
export const ledgerModule: BooksModule = {
  name: "ledger",
  scripts: [
    [
      `CREATE TABLE relay_accounts (
         account TEXT PRIMARY KEY,
         balance BIGINT,
         reserved BIGINT NOT NULL,
         day BIGINT NOT NULL,
         day_settled BIGINT NOT NULL,
         month BIGINT NOT NULL,
         month_settled BIGINT NOT NULL,
         seeded BIGINT NOT NULL,
         last_grant BIGINT NOT NULL,
         low_told BIGINT NOT NULL,
         carried_granted BIGINT NOT NULL,
         carried_settled BIGINT NOT NULL
       )`,
      "CREATE INDEX relay_accounts_limited ON relay_accounts (account) WHERE balance IS NOT NULL",
      `CREATE TABLE relay_reservations (
         stream_id TEXT PRIMARY KEY,
         journal TEXT NOT NULL,
         at BIGINT NOT NULL,
         token TEXT NOT NULL,
         token_group TEXT NOT NULL,
         credits BIGINT NOT NULL,
         of_token BIGINT NOT NULL,
         of_group BIGINT NOT NULL
       )`,
      `CREATE TABLE relay_ledger (
         id TEXT PRIMARY KEY,
         at BIGINT NOT NULL,
         kind TEXT NOT NULL,
         token TEXT NOT NULL,
         token_group TEXT NOT NULL,
         amount BIGINT NOT NULL,
         balance BIGINT,
         token_charged BIGINT NOT NULL,
         group_charged BIGINT NOT NULL,
         stream_id TEXT,
         reason TEXT,
         model TEXT,
         channel TEXT,
         input_tokens BIGINT,
         output_tokens BIGINT,
         cached_tokens BIGINT
       )`,
      "CREATE UNIQUE INDEX relay_ledger_reserved ON relay_ledger (stream_id) WHERE kind = 'reserve'",
      "CREATE UNIQUE INDEX relay_ledger_final ON relay_ledger (stream_id) WHERE kind IN ('settle', 'refund')",
      "CREATE INDEX relay_ledger_of ON relay_ledger (token, id)",
      `CREATE TABLE relay_ledger_journals (
         journal TEXT PRIMARY KEY,
         position TEXT NOT NULL,
         durable BIGINT NOT NULL,
         seen_at BIGINT NOT NULL
       )`
    ],
    // Of whom nothing limits no account has carried anything: what was forgotten of them before is not known any more.
    [
      `CREATE TABLE relay_ledger_carried (
         id BIGINT PRIMARY KEY,
         granted BIGINT NOT NULL,
         settled BIGINT NOT NULL,
         refunded BIGINT NOT NULL
       )`,
      `INSERT INTO relay_ledger_carried (id, granted, settled, refunded)
         SELECT 1, CAST(coalesce(sum(carried_granted), 0) AS BIGINT), CAST(coalesce(sum(carried_settled), 0) AS BIGINT), 0
         FROM relay_accounts WHERE account LIKE 'token:%'`
    ],
    ["ALTER TABLE relay_ledger_journals ADD COLUMN process TEXT"]
  ]
}

/** What tells the other relays that a limit was set, or taken away. */
export const limitsTopic = "quota"

/** What a row of the ledger tells of. */
export const kinds = ["grant", "reserve", "settle", "refund"] as const
/** What a row of the ledger tells of. */
export type Kind = (typeof kinds)[number]

/** A row of the ledger. */
export interface LedgerRow {
  readonly id: string
  /** Epoch milliseconds: when it was written. */
  readonly at: number
  /** `""`: nobody's, or a grant of a group. */
  readonly token: string
  readonly group: string
  readonly kind: Kind
  readonly amount: number
  /** What the token has after it, with what is reserved; `null` is unlimited. */
  readonly balance: number | null
  readonly tokenCharged: boolean
  readonly groupCharged: boolean
  readonly streamId: string | null
  readonly reason: string | null
  /** Of a settlement. */
  readonly model: string | null
  readonly channel: string | null
  readonly inputTokens: number | null
  readonly outputTokens: number | null
  readonly cachedTokens: number | null
}

/** What a row is where nothing is said of it. */
export const plainRow = {
  streamId: null,
  reason: null,
  model: null,
  channel: null,
  inputTokens: null,
  outputTokens: null,
  cachedTokens: null
} as const satisfies Partial<LedgerRow>

/** The key of an account. */
export const keyOf = ({ _tag, name }: AccountOf): string => `${_tag === "Token" ? "token" : "group"}:${name}`

const columns = [
  "id",
  "at",
  "kind",
  "token",
  "token_group",
  "amount",
  "balance",
  "token_charged",
  "group_charged",
  "stream_id",
  "reason",
  "model",
  "channel",
  "input_tokens",
  "output_tokens",
  "cached_tokens"
]
const insert = makeInsert(`INSERT INTO relay_ledger (${columns.join(", ")}) VALUES`, columns.length)

/** Adds rows. A stream that has such a row already makes all of it fail. */
export const insertRows = (rows: ReadonlyArray<LedgerRow>): Sql => {
  const params: Array<SqlValue> = []
  for (const row of rows) {
    params.push(row.id, row.at, row.kind, row.token, row.group, row.amount, row.balance)
    params.push(row.tokenCharged ? 1 : 0, row.groupCharged ? 1 : 0, row.streamId, row.reason, row.model, row.channel)
    params.push(row.inputTokens, row.outputTokens, row.cachedTokens)
  }
  return insert(params)
}

/** Reads a row that `insertRows` has written. */
export const readRow = (row: Row): LedgerRow => ({
  id: String(row["id"]),
  at: Number(row["at"]),
  kind: String(row["kind"]) as Kind,
  token: String(row["token"]),
  group: String(row["token_group"]),
  amount: Number(row["amount"]),
  balance: numberOrNull(row["balance"]),
  tokenCharged: row["token_charged"] === 1,
  groupCharged: row["group_charged"] === 1,
  streamId: textOrNull(row["stream_id"]),
  reason: textOrNull(row["reason"]),
  model: textOrNull(row["model"]),
  channel: textOrNull(row["channel"]),
  inputTokens: numberOrNull(row["input_tokens"]),
  outputTokens: numberOrNull(row["output_tokens"]),
  cachedTokens: numberOrNull(row["cached_tokens"])
})

const numberOrNull = (value: Row[string] | undefined): number | null => (typeof value === "number" ? value : null)
const textOrNull = (value: Row[string] | undefined): string | null => (typeof value === "string" ? value : null)

/** An account; held until the end of the transaction where it is asked `forUpdate`. */
export const selectAccount = (key: string, forUpdate: Sql): Sql =>
  sql`SELECT * FROM relay_accounts WHERE account = ${key}${forUpdate}`

/** Reads an account as it is at a time. */
export const readAccount = (
  row: Row,
  now: number
): Account & { readonly seeded: boolean; readonly lastGrant: number } => {
  const { day, month } = daysOf(now)
  const next = nextOf(now)
  const of = (name: "day" | "month"): number => Number(row[name])
  return {
    balance: numberOrNull(row["balance"]),
    reserved: Number(row["reserved"]),
    // Of the next one, by the clock of another relay, it is the same budget.
    settledToday: of("day") === day || of("day") === next.day ? Number(row["day_settled"]) : 0,
    settledMonth: of("month") === month || of("month") === next.month ? Number(row["month_settled"]) : 0,
    seeded: row["seeded"] === 1,
    lastGrant: Number(row["last_grant"])
  }
}

/** Adds an account that nothing is known of, if it is not there. */
export const insertAccount = (key: string): Sql =>
  sql`INSERT INTO relay_accounts (account, reserved, day, day_settled, month, month_settled, seeded, last_grant,
        low_told, carried_granted, carried_settled)
      VALUES (${key}, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) ON CONFLICT (account) DO NOTHING`

/**
 * Sets a balance. `granted`: it is by a grant of so much, which is told of anew when little of it is left; `undefined` where
 * it is none.
 */
export const updateBalance = (key: string, balance: number | null, granted: number | undefined): Sql => {
  const asGrant = granted === undefined ? sql`` : sql`, last_grant = ${granted}, low_told = 0`
  return sql`UPDATE relay_accounts SET balance = CAST(${balance} AS BIGINT), seeded = 1${asGrant} WHERE account = ${key}`
}

/** Reserves so much more of an account. */
export const addReserved = (key: string, credits: number): Sql =>
  sql`UPDATE relay_accounts SET reserved = reserved + ${credits} WHERE account = ${key}`

/** What becomes of an account: so much was settled, and so much of what was reserved is free again. */
export interface AccountChange {
  readonly key: string
  readonly settled: number
  readonly released: number
}

/**
 * Its new row holds what changes an account, also where it is there. Of one that is not there nothing is reserved. An account
 * that has come to the next day or month does not go back: its clock was another relay's, which is ahead of this one.
 */
const makeCharge = (next: { readonly day: number; readonly month: number }) =>
  makeInsert(
    `INSERT INTO relay_accounts AS a (account, reserved, day, day_settled, month, month_settled, seeded, last_grant, low_told,
       carried_granted, carried_settled) VALUES`,
    11,
    ` ON CONFLICT (account) DO UPDATE SET
        balance = a.balance - excluded.day_settled,
        reserved = a.reserved + excluded.reserved,
        day_settled = CASE WHEN a.day IN (excluded.day, ${next.day}) THEN a.day_settled ELSE 0 END + excluded.day_settled,
        day = CASE WHEN a.day = ${next.day} THEN a.day ELSE excluded.day END,
        month_settled = CASE WHEN a.month IN (excluded.month, ${next.month}) THEN a.month_settled ELSE 0 END
          + excluded.month_settled,
        month = CASE WHEN a.month = ${next.month} THEN a.month ELSE excluded.month END
      RETURNING account, balance, last_grant, low_told`
  )

/** The statement of a day. */
let ofDay: { readonly day: number; readonly chargeAll: ReturnType<typeof makeCharge> } | undefined

/** Takes what was settled from accounts, and gives back what was reserved, in this order. Gives what they are then. */
export const charge = (changes: ReadonlyArray<AccountChange>, now: number): Sql => {
  const { day, month } = daysOf(now)
  if (ofDay?.day !== day) ofDay = { day, chargeAll: makeCharge(nextOf(now)) }
  return ofDay.chargeAll(
    changes.flatMap(({ key, released, settled }) => [key, 0 - released, day, settled, month, settled, 0, 0, 0, 0, 0])
  )
}

const comma = (): string => ", "
const finalOf = makeRepeated(
  "SELECT stream_id FROM relay_ledger WHERE kind IN ('settle', 'refund') AND stream_id IN (",
  comma,
  ") UNION ALL SELECT '' FROM (SELECT 1 FROM relay_reservations LIMIT 1) AS reserved"
)
const takeOf = makeRepeated("DELETE FROM relay_reservations WHERE stream_id IN (", comma, ") RETURNING *")

/** A list of ids with its last one once more, up to a power of two: so that there are few such statements. */
const filledUp = (ids: ReadonlyArray<string>): ReadonlyArray<string> => {
  const last = ids.at(-1)
  if (last === undefined) return ids
  const filled = [...ids]
  while ((filled.length & (filled.length - 1)) !== 0) filled.push(last)
  return filled
}

/**
 * Of these streams those that have their final row; and `""`, if anything is reserved for anybody. HOT: to take away what is
 * reserved costs 90 µs and more, also where nobody is limited and nothing is.
 */
export const selectFinal = (ids: ReadonlyArray<string>): Sql => finalOf(filledUp(ids))

/** Whether anything is reserved, by the ids of `selectFinal`. */
export const anyReserved = (ids: ReadonlySet<string>): boolean => ids.has("")

/** Takes away what is reserved for these streams; gives it. */
export const takeReservations = (ids: ReadonlyArray<string>): Sql => takeOf(filledUp(ids))
