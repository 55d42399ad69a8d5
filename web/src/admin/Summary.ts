/**
 * How it went in a time: all requests, and the same by channel and by model. Pure.
 */
import { type Fields, fieldsOf, idOf, listOf, momentOf, numberOf } from "./Decode.ts"
import { share } from "./Format.ts"

/** Figures of a channel, of a model, of a piece of time, or of all. */
export interface Figures {
  readonly requests: number | undefined
  /** The part of them that went well, of those that nobody cancelled. */
  readonly success: number | undefined
  readonly failed: number | undefined
  readonly rescued: number | undefined
  readonly p50: number | undefined
  readonly p99: number | undefined
  readonly credits: number | undefined
}

/** Figures with a name. */
export interface Named extends Figures {
  readonly name: string
}

/** Figures of a piece of time. */
export interface Piece extends Figures {
  readonly at: number
}

/** The whole of it. */
export interface Summary extends Figures {
  /** Where it begins, and since when the relay counts. */
  readonly from: number | undefined
  readonly since: number | undefined
  readonly byChannel: ReadonlyArray<Named>
  readonly byModel: ReadonlyArray<Named>
  /** The time in equal pieces, oldest first; none of a relay that does not tell them. */
  readonly series: ReadonlyArray<Piece>
}

const figuresOf = (row: Fields): Figures => {
  const requests = numberOf(row["requests"])
  const firstContent = fieldsOf(row["firstContentMs"])
  return {
    requests,
    success: numberOf(row["successRate"]) ?? share(numberOf(row["success"]), requests),
    failed: numberOf(row["failed"]),
    rescued: numberOf(row["rescued"]),
    p50: numberOf(firstContent["p50"]),
    p99: numberOf(firstContent["p99"]),
    credits: numberOf(row["credits"])
  }
}

const namedOf =
  (by: "channel" | "model") =>
  (value: unknown): Named => {
    const row = fieldsOf(value)
    return { name: idOf(row[by]), ...figuresOf(row) }
  }

/** The answer of `GET /admin/summary`. */
export const summaryOf = (value: unknown): Summary => {
  const row = fieldsOf(value)
  return {
    ...figuresOf(row),
    from: momentOf(row["from"]),
    since: momentOf(row["since"]),
    byChannel: listOf(row["byChannel"], namedOf("channel")),
    byModel: listOf(row["byModel"], namedOf("model")),
    series: listOf(row["series"], (item) => {
      const piece = fieldsOf(item)
      return { at: momentOf(piece["at"]) ?? 0, ...figuresOf(piece) }
    })
  }
}
