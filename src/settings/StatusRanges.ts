/**
 * Ranges of HTTP statuses: `401,500-503`. Statuses are 100 to 599, spaces are allowed, overlaps are merged, a reversed
 * range is a fault.
 */
import { Option, Schema } from "effect"
import { mapped, text } from "./Fields.ts"

/** A run of statuses, both ends included. */
export interface StatusRange {
  readonly from: number
  readonly to: number
}

const range = /^\s*(\d{3})\s*(?:-\s*(\d{3})\s*)?$/

/** Reads ranges, sorted and merged where they overlap or touch; `None` when a part is no range of 100 to 599. */
export const parseStatusRanges = (value: string): Option.Option<ReadonlyArray<StatusRange>> => {
  const ranges: Array<StatusRange> = []
  for (const part of value.split(",")) {
    const match = range.exec(part)
    if (match === null) return Option.none()
    const from = Number(match[1])
    const to = match[2] === undefined ? from : Number(match[2])
    if (from < 100 || to > 599 || to < from) return Option.none()
    ranges.push({ from, to })
  }
  const merged: Array<StatusRange> = []
  for (const next of ranges.toSorted((a, b) => a.from - b.from)) {
    const last = merged.at(-1)
    if (last !== undefined && next.from <= last.to + 1) {
      merged[merged.length - 1] = { from: last.from, to: Math.max(last.to, next.to) }
    } else {
      merged.push(next)
    }
  }
  return Option.some(merged)
}

/** Whether a status lies in one of the ranges. */
export const statusMatcher =
  (ranges: ReadonlyArray<StatusRange>) =>
  (status: number): boolean =>
    ranges.some(({ from, to }) => status >= from && status <= to)

/** Whether a status is one that no range can name: servers give such ones too, 999 for instance. */
export const beyondStatuses = (status: number): boolean => status < 100 || status > 599

const Range = Schema.Struct({ from: Schema.Finite, to: Schema.Finite })

/** Status ranges in the configuration file. */
export const StatusRanges = mapped(
  text(
    'ranges of statuses from 100 to 599, low to high, such as "401,500-503"',
    (value) => Option.isSome(parseStatusRanges(value)),
    { pattern: "^\\s*[1-5]\\d\\d\\s*(-\\s*[1-5]\\d\\d\\s*)?(,\\s*[1-5]\\d\\d\\s*(-\\s*[1-5]\\d\\d\\s*)?)*$" }
  ),
  Schema.Array(Range),
  (value) => Option.getOrElse(parseStatusRanges(value), () => [])
)
