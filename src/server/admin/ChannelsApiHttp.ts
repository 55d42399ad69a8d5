/**
 * Channels and their keys: how they do, and switching them off and on. (Their making is a part of its own.)
 */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { integer } from "./Integers.ts"
import { afterName, limit, noQuery, pageOf } from "./ListsHttp.ts"

/** Why something is off: one of the codes of errors, `by_hand`, or `no_key_left`; what was seen; and until when. */
const off = {
  reason: Schema.optionalKey(Schema.String),
  evidence: Schema.optionalKey(Schema.String),
  /** When a trial is due, or a rest ends: ISO time. */
  until: Schema.optionalKey(Schema.String)
}

/** A key. */
export const KeyShown = Schema.Struct({
  index: Schema.Int,
  /** The first 8 hex digits of its SHA-256. */
  fingerprint: Schema.String,
  /** `disabled`: by evidence; `off`: by hand; `cooling`: it rests, for some models at least. */
  state: Schema.Literals(["enabled", "cooling", "disabled", "off"]),
  ...off,
  /** The models that it may not be asked for now, by their names at the upstream. */
  models: Schema.Array(
    Schema.Struct({ model: Schema.String, state: Schema.Literals(["cooling", "open"]), until: Schema.String })
  )
})

/** A channel. */
export const ChannelShown = Schema.Struct({
  id: Schema.String,
  dialect: Schema.String,
  baseUrl: Schema.String,
  models: Schema.Array(Schema.String),
  group: Schema.String,
  priority: Schema.Number,
  weight: Schema.Number,
  /** As its configuration says: `false` is off for good. */
  enabled: Schema.Boolean,
  /** Who has said it: the file, where it can be overridden only, or somebody who added it. */
  source: Schema.Literals(["file", "admin"]),
  state: Schema.Literals(["enabled", "cooling", "open", "disabled"]),
  ...off,
  keys: Schema.Array(KeyShown)
})

/** What a test found. Times are milliseconds. */
export const Tested = Schema.Struct({
  ok: Schema.Boolean,
  class: Schema.optionalKey(Schema.String),
  code: Schema.optionalKey(Schema.String),
  /** The upstream's. */
  status: Schema.optionalKey(Schema.Int),
  firstContentMs: Schema.NullOr(Schema.Number),
  totalMs: Schema.Number,
  message: Schema.optionalKey(Schema.String)
})

const params = { id: Schema.String }
const key = Schema.optionalKey(integer.check(Schema.isBetween({ minimum: 0, maximum: 1_000_000 })))

/** Its routes. */
export const ChannelsGroup = HttpApiGroup.make("channels")
  .add(
    HttpApiEndpoint.get("list", "/", {
      query: Schema.Struct({ limit, cursor: afterName }),
      success: pageOf(ChannelShown)
    }).annotate(OpenApi.Summary, "All channels, in the order of the file."),
    HttpApiEndpoint.get("get", "/:id", { query: noQuery, params, success: ChannelShown }).annotate(
      OpenApi.Summary,
      "A channel: its state, and that of its keys."
    ),
    HttpApiEndpoint.post("enable", "/:id/enable", {
      params,
      query: Schema.Struct({ key }),
      success: ChannelShown
    }).annotate(
      OpenApi.Summary,
      "Switches a channel on, or one of its keys (`key`, an index), whoever had switched it off."
    ),
    HttpApiEndpoint.post("disable", "/:id/disable", {
      params,
      query: Schema.Struct({ key }),
      success: ChannelShown
    }).annotate(
      OpenApi.Summary,
      "Switches a channel off, or one of its keys (`key`, an index), until it is switched on. Answers under way go on."
    ),
    HttpApiEndpoint.post("test", "/:id/test", {
      params,
      query: Schema.Struct({ key, model: Schema.optionalKey(Schema.NonEmptyString) }),
      success: Tested
    }).annotate(
      OpenApi.Summary,
      "Asks a channel for one token, with one of its keys (0) and for a model that it serves (its first exact one). It changes nothing."
    )
  )
  .prefix("/admin/channels")
