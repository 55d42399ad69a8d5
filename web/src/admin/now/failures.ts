/**
 * The attempts that failed of late, by channel and by the time: of the error log's rows. Pure.
 */
import type { ErrorRow } from "../errors/ErrorRow.ts"

/** How many rows are read for it, at most; and in how many pieces the time is shown. */
export const mostRows = 1000
const pieces = 30

/** What failed on a channel: how many, and when; the oldest piece of the time first. */
export interface Failures {
  readonly count: number
  readonly series: ReadonlyArray<number>
}

/** The failures of each channel, from one moment to another. */
export const failuresOf = (rows: ReadonlyArray<ErrorRow>, from: number, to: number): ReadonlyMap<string, Failures> => {
  const all = new Map<string, { count: number; readonly series: Array<number> }>()
  for (const { at, channel } of rows) {
    if (channel === undefined || at === undefined || at < from || at > to) continue
    let one = all.get(channel)
    if (one === undefined) all.set(channel, (one = { count: 0, series: Array.from({ length: pieces }, () => 0) }))
    const piece = Math.min(pieces - 1, Math.floor(((at - from) / (to - from)) * pieces))
    one.count++
    one.series[piece] = (one.series[piece] ?? 0) + 1
  }
  return all
}
