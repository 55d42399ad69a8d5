/**
 * What is switched off, as rows of the books. A key is known by a digest, so that it is found again wherever it stands in
 * its channel's list; what a person did and what evidence did are rows of their own, and neither overwrites the other.
 */
import { type BooksModule, type Row, type Sql, sql } from "../books/index.ts"
import type { Disabler } from "../channel/index.ts"
import { codes } from "../errors/index.ts"

/** Their table. */
export const switchesModule: BooksModule = {
  name: "switches",
  scripts: [
    [
      `CREATE TABLE relay_switches (
         channel TEXT NOT NULL,
         key_digest TEXT NOT NULL,
         switched_by TEXT NOT NULL,
         is_off BIGINT NOT NULL,
         due_at BIGINT,
         times BIGINT,
         reason TEXT,
         evidence TEXT,
         at BIGINT NOT NULL,
         PRIMARY KEY (channel, key_digest, switched_by)
       )`
    ]
  ]
}

/** One switch, as it was set last. `disabler` is what it is off by; `undefined`: it is on. */
export interface SwitchRow {
  readonly channel: string
  /** `""` is the channel itself. */
  readonly keyDigest: string
  readonly by: Disabler["by"]
  readonly disabler: Disabler | undefined
  /** When it was set, epoch milliseconds. */
  readonly at: number
}

/** Writes a switch. One that was set later stays: writes may come late, and twice. */
export const writeSwitch = ({ at, by, channel, disabler, keyDigest }: SwitchRow): Sql => {
  const {
    evidence = null,
    reason = null,
    times = 1,
    until
  } = disabler?.by === "evidence" ? disabler : { until: null, times: 0 }
  const isOff = disabler === undefined ? 0 : 1
  return sql`INSERT INTO relay_switches
               (channel, key_digest, switched_by, is_off, due_at, times, reason, evidence, at)
             VALUES (${channel}, ${keyDigest}, ${by}, ${isOff}, ${until}, ${times}, ${reason}, ${evidence}, ${at})
             ON CONFLICT (channel, key_digest, switched_by) DO UPDATE SET
               is_off = ${isOff}, due_at = ${until}, times = ${times}, reason = ${reason}, evidence = ${evidence}, at = ${at}
             WHERE relay_switches.at <= ${at}`
}

/** What tells the other relays that something was switched. */
export const switchesTopic = "switches"

/** What is off, and what was switched on of late. */
export const selectSwitches: Sql = sql`SELECT * FROM relay_switches`

/** Forgets what has been on for so long: keys that there are no more. */
export const forgetSwitches = (before: number): Sql =>
  sql`DELETE FROM relay_switches WHERE is_off = 0 AND at < ${before}`

const known: ReadonlySet<unknown> = new Set(codes)

/** Whether two are the same, but for when they were set. */
export const isSameSwitch = (one: SwitchRow, other: SwitchRow): boolean =>
  one.disabler?.by === other.disabler?.by &&
  (one.disabler?.by !== "evidence" || other.disabler?.by !== "evidence" || one.disabler.until === other.disabler.until)

/** Reads one. */
export const readSwitch = (row: Row): SwitchRow => {
  const { at, channel, due_at, evidence, is_off, key_digest, reason, switched_by, times } = row
  const by = switched_by === "hand" ? "hand" : "evidence"
  return {
    channel: String(channel),
    keyDigest: String(key_digest),
    by,
    disabler:
      is_off !== 1
        ? undefined
        : by === "hand"
          ? { by }
          : {
              by,
              until: Number(due_at),
              times: Number(times),
              reason: known.has(reason) ? (reason as (typeof codes)[number]) : undefined,
              evidence: typeof evidence === "string" ? evidence : undefined
            },
    at: Number(at)
  }
}
