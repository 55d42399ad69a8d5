/**
 * How the relay did of late.
 */
import { Schema, SchemaGetter } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { longestWindow } from "../../operate/index.ts"

const units: { readonly [unit: string]: number } = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** `15m`, `1h`, or `15 minutes`; NaN for what is none. */
const millisOf = (text: string): number => {
  const found = /^(\d{1,7})(?:([smhd])|\s+(second|minute|hour|day)s?)$/.exec(text)
  const unit = units[(found?.[2] ?? found?.[3] ?? "").charAt(0)]
  return found === null || unit === undefined ? Number.NaN : Number(found[1]) * unit
}

const expected = 'a time such as "1h" or "15 minutes", at most 7 days'

const window = Schema.optionalKey(
  Schema.String.annotate({ expected })
    .check(Schema.makeFilter((text) => millisOf(text) > 0 && millisOf(text) <= longestWindow, { expected }))
    .pipe(
      Schema.decodeTo(Schema.Finite, {
        decode: SchemaGetter.transform(millisOf),
        encode: SchemaGetter.transform((millis) => `${millis / 1000}s`)
      })
    )
)

const figures = {
  requests: Schema.Int,
  /** How many went well, and which part of those that nobody cancelled; null where there were none. */
  success: Schema.Int,
  successRate: Schema.NullOr(Schema.Finite),
  failed: Schema.Int,
  cancelled: Schema.Int,
  /** Went well although a channel had failed. */
  rescued: Schema.Int,
  /** From the request to the first content. */
  firstContentMs: Schema.Struct({ p50: Schema.NullOr(Schema.Int), p99: Schema.NullOr(Schema.Int) }),
  /** What callers pay for them. */
  credits: Schema.Int
}

/** The figures of a window. */
export const SummaryShown = Schema.Struct({
  /** How long it is, in milliseconds; where it begins, and since when this process counts, as epoch milliseconds. */
  window: Schema.Int,
  from: Schema.Int,
  since: Schema.Int,
  ...figures,
  byChannel: Schema.Array(Schema.Struct({ channel: Schema.String, ...figures })),
  byModel: Schema.Array(Schema.Struct({ model: Schema.String, ...figures })),
  /** By the minute, or of more than two hours by the hour; the oldest first. */
  series: Schema.Array(Schema.Struct({ at: Schema.Int, ...figures }))
})

/** Its route. */
export const SummaryGroup = HttpApiGroup.make("summary")
  .add(
    HttpApiEndpoint.get("of", "/", { query: Schema.Struct({ window }), success: SummaryShown }).annotate(
      OpenApi.Summary,
      "Requests, success, rescues and the first content of late, by channel and model."
    )
  )
  .prefix("/admin/summary")
