/**
 * The filters of the error log, from the address to what the relay is asked. Pure.
 */
import type { Query } from "../Place.ts"

/** The times that can be chosen. */
export const times: ReadonlyArray<readonly [value: string, name: string]> = [
  ["", "all"],
  ["15m", "last 15 min"],
  ["1h", "last hour"],
  ["24h", "last 24 hours"],
  ["7d", "last 7 days"]
]

const units: { readonly [unit: string]: number } = { m: 60_000, h: 3_600_000, d: 86_400_000 }

/** What the relay knows to filter by; the time is meant from now back. */
const passed = [
  "from",
  "to",
  "channel",
  "model",
  "token",
  "code",
  "class",
  "status",
  "request_id",
  "stream_id",
  "q",
  "kind"
]

/** How long a time is, in milliseconds; `undefined` of what is none. */
export const millisOf = (last: string): number | undefined => {
  const found = /^(\d{1,4})([mhd])$/.exec(last)
  return found === null ? undefined : Number(found[1]) * (units[found[2] ?? ""] ?? 0)
}

/** What the relay is asked. */
export const filtersOf = (query: Query, now: number): { readonly [name: string]: string | undefined } => {
  const millis = millisOf(query["last"] ?? "")
  return {
    ...Object.fromEntries(passed.flatMap((name) => (query[name] === undefined ? [] : [[name, query[name]]]))),
    ...(millis === undefined ? {} : { from: new Date(now - millis).toISOString() })
  }
}

/** Whether anything is filtered. */
export const isFiltered = (query: Query): boolean => Object.keys(query).some((name) => name !== "row")
