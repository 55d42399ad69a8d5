/**
 * How it went in a time: all requests, and the same by channel and by model. Pure.
 */
import { type Fields, fieldsOf, idOf, listOf, momentOf, numberOf } from "./Decode.ts"
import { share } from "./Format.ts"

/** Figures of a channel, of a model, of a piece of time, or of all. */
export interface Figures {
  readonly requests: number | undefined
  /** How many of them, of one. */
  readonly success: number | undefined
  readonly rescued: number | undefined
  readonly p50: number | undefined
  readonly p99: number | undefined
  readonly credits: number | undefined
}

/** Figures with a name. */
export interface Named extends Figures {
  readonly name: string
  /** How many failed in each piece of the time, oldest first. */
  readonly series: ReadonlyArray<number | undefined> | undefined
}

/** Figures of a piece of time. */
export interface Piece extends Figures {
  readonly at: number
}

/** The whole of it. */
export interface Summary extends Figures {
  readonly byChannel: ReadonlyArray<Named>
  readonly byModel: ReadonlyArray<Named>
  /** The time in equal pieces, oldest first; none of a relay that does not tell them. */
  readonly series: ReadonlyArray<Piece>
}

const first = (row: Fields, ...names: ReadonlyArray<string>): number | undefined => {
  for (const name of names) {
    const value = numberOf(row[name])
    if (value !== undefined) return value
  }
  return undefined
}

const figuresOf = (row: Fields): Figures => {
  const requests = first(row, "requests", "attempts")
  const firstContent = fieldsOf(row["firstContentMs"] ?? row["first_content_ms"] ?? row["firstContent"])
  const rate = first(row, "successRate", "success_rate")
  const success = first(row, "success", "succeeded", "ok")
  const failures = first(row, "failed", "failures", "errors")
  return {
    requests,
    // A share of one, or a count.
    success:
      rate ??
      (success === undefined
        ? failures === undefined || requests === undefined
          ? undefined
          : share(requests - failures, requests)
        : success <= 1 && (requests ?? 0) > 1
          ? success
          : share(success, requests)),
    rescued: first(row, "rescued", "failoversRescued", "failovers_rescued"),
    p50: first(firstContent, "p50") ?? first(row, "p50", "firstContentP50"),
    p99: first(firstContent, "p99") ?? first(row, "p99", "firstContentP99"),
    credits: first(row, "credits")
  }
}

const namedOf =
  (by: string) =>
  (value: unknown): Named => {
    const row = fieldsOf(value)
    const series = listOf(row["series"], (item) => numberOf(item) ?? numberOf(fieldsOf(item)["failed"]))
    return {
      name: idOf(row[by] ?? row["name"] ?? row["id"]),
      ...figuresOf(row),
      series: series.length === 0 ? undefined : series
    }
  }

/** Rows, or an object of rows by name. */
const allNamed = (value: unknown, by: string): ReadonlyArray<Named> =>
  Array.isArray(value)
    ? value.map(namedOf(by))
    : Object.entries(fieldsOf(value)).map(([name, row]) => ({ ...namedOf(by)(row), name }))

/** The answer of `GET /admin/summary`. */
export const summaryOf = (value: unknown): Summary => {
  const row = fieldsOf(value)
  return {
    ...figuresOf(row),
    byChannel: allNamed(row["byChannel"] ?? row["by_channel"] ?? row["channels"], "channel"),
    byModel: allNamed(row["byModel"] ?? row["by_model"] ?? row["models"], "model"),
    series: listOf(row["series"], (item) => {
      const piece = fieldsOf(item)
      return { at: momentOf(piece["at"]) ?? 0, ...figuresOf(piece) }
    })
  }
}
