/**
 * What tokens may spend, and the ledger of what they have.
 */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { kinds, mostCredits, usageBy } from "../../account/index.ts"
import { afterId, afterName, afterToken, limit, noQuery, offset, pageOf } from "./ListsHttp.ts"
import { moment } from "./Moments.ts"

const state = {
  /** What was granted and is not settled, in credits: what is reserved is not taken off. Null is unlimited. */
  balance: Schema.NullOr(Schema.Int),
  /** The most of a day or a month, by UTC. */
  budget: Schema.NullOr(Schema.Struct({ amount: Schema.Int, per: Schema.Literals(["day", "month"]) })),
  reserved: Schema.Int,
  settledToday: Schema.Int,
  settledMonth: Schema.Int
}

/** What a token or a group has. */
export const QuotaShown = Schema.Struct(state)

/** A token, and what it has. */
export const TokenQuotaShown = Schema.Struct({ token: Schema.String, ...state })

/** A group, and what its tokens have together. */
export const GroupShown = Schema.Struct({ group: Schema.String, ...state })

const Credits = Schema.Int.check(Schema.isBetween({ minimum: -mostCredits, maximum: mostCredits }))

/** A change of a balance: one of the two. */
export const QuotaChange = Schema.Struct({
  /** So many credits more; less where it is below nothing. */
  add: Schema.optionalKey(Credits),
  /** So many from now on; null is unlimited. */
  set: Schema.optionalKey(Schema.NullOr(Credits)),
  /** Why: it stands in the ledger. */
  reason: Schema.optionalKey(Schema.String)
})

/** A row of the ledger. */
export const LedgerRowShown = Schema.Struct({
  id: Schema.String,
  /** Epoch milliseconds. */
  at: Schema.Int,
  /** Null: a grant to a group. */
  token: Schema.NullOr(Schema.String),
  group: Schema.String,
  kind: Schema.Literals(kinds),
  amount: Schema.Int,
  /** What is left after it, what is reserved not taken off. Null is unlimited. */
  balance: Schema.NullOr(Schema.Int),
  stream_id: Schema.optionalKey(Schema.String),
  reason: Schema.optionalKey(Schema.String),
  model: Schema.optionalKey(Schema.String),
  channel: Schema.optionalKey(Schema.String),
  input_tokens: Schema.optionalKey(Schema.Int),
  cached_tokens: Schema.optionalKey(Schema.Int),
  output_tokens: Schema.optionalKey(Schema.Int)
})

/** What the ledger amounts to. */
export const LedgerSumShown = Schema.Struct({
  granted: Schema.Int,
  settled: Schema.Int,
  refunded: Schema.Int,
  open: Schema.Int,
  drift: Schema.Int
})

/** What was used by one token, group, model, channel or day. */
export const UsageShown = Schema.Struct({
  key: Schema.String,
  requests: Schema.Int,
  input_tokens: Schema.Int,
  cached_tokens: Schema.Int,
  output_tokens: Schema.Int,
  credits: Schema.Int
})

const format = Schema.optionalKey(Schema.Literals(["json", "csv"]))

const token = { token: Schema.String }
const group = { group: Schema.String }

/** Its routes. */
export const QuotaGroup = HttpApiGroup.make("quota")
  .add(
    HttpApiEndpoint.get("tokens", "/quota", {
      query: Schema.Struct({ limit, cursor: afterToken }),
      success: pageOf(TokenQuotaShown)
    }).annotate(OpenApi.Summary, "All tokens, in the order of their list, and what each has."),
    HttpApiEndpoint.get("token", "/quota/:token", { query: noQuery, params: token, success: QuotaShown }).annotate(
      OpenApi.Summary,
      "What a token has."
    ),
    HttpApiEndpoint.post("grantToken", "/quota/:token", {
      query: noQuery,
      params: token,
      payload: QuotaChange,
      success: QuotaShown
    }).annotate(OpenApi.Summary, "Adds to what a token has, or sets it."),
    HttpApiEndpoint.get("groups", "/groups", {
      query: Schema.Struct({ limit, cursor: afterName }),
      success: pageOf(GroupShown)
    }).annotate(OpenApi.Summary, "The groups that have a quota, in the order of the file, and what each has."),
    HttpApiEndpoint.get("group", "/groups/:group/quota", {
      query: noQuery,
      params: group,
      success: QuotaShown
    }).annotate(OpenApi.Summary, "What the tokens of a group have together."),
    HttpApiEndpoint.post("grantGroup", "/groups/:group/quota", {
      query: noQuery,
      params: group,
      payload: QuotaChange,
      success: QuotaShown
    }).annotate(OpenApi.Summary, "Adds to what a group has, or sets it."),
    HttpApiEndpoint.get("ledger", "/ledger", {
      query: Schema.Struct({
        token: Schema.optionalKey(Schema.String),
        from: moment,
        to: moment,
        limit,
        cursor: afterId,
        format
      }),
      success: pageOf(LedgerRowShown)
    }).annotate(OpenApi.Summary, "What was granted, reserved, settled and refunded, the newest first; also as CSV."),
    HttpApiEndpoint.get("sum", "/ledger/sum", { query: noQuery, success: LedgerSumShown }).annotate(
      OpenApi.Summary,
      "What the ledger amounts to. A drift other than 0 is a bug."
    ),
    HttpApiEndpoint.get("usage", "/usage", {
      query: Schema.Struct({ by: Schema.Literals(usageBy), from: moment, to: moment, limit, cursor: offset, format }),
      success: pageOf(UsageShown)
    }).annotate(OpenApi.Summary, "What was used, by token, group, model, channel or day; also as CSV.")
  )
  .prefix("/admin")
