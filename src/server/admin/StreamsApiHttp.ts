/**
 * Answers that are under way.
 */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { Fields } from "../../settings/index.ts"
import { afterStream, limit, noQuery, pageOf } from "./ListsHttp.ts"

/** An answer that is under way, in any process on this store. */
export const LiveStream = Schema.Struct({
  stream_id: Schema.String,
  request_id: Schema.String,
  /** The name of its token, or `""`. */
  token: Schema.String,
  /** The group whose channels serve it. */
  group: Schema.String,
  /** The model that was asked for. */
  model: Schema.String,
  /** Whether anything of it was shown: `started` until then, `streaming` since. `unknown`: a newer version wrote it. */
  state: Schema.Literals(["started", "streaming", "unknown"]),
  /** The channel that is asked now; null between two attempts. */
  channel: Schema.NullOr(Schema.String),
  /** How many attempts were begun. */
  attempts: Schema.Int,
  /** Epoch milliseconds. */
  created_at: Schema.Int,
  /** How long ago that is, in milliseconds. */
  age_ms: Schema.Int,
  /** Events that are stored. */
  events: Schema.Int,
  /** How many read it here; null where another process writes it. */
  readers: Schema.NullOr(Schema.Int),
  /** Who writes it: this relay, another one, or nobody. */
  writer: Schema.Literals(["me", "another", "gone"])
}).annotate({ identifier: "LiveStream" })

const { number, optional, section, text } = Fields

/** Why it is cancelled, for who reads it. */
const CancelBody = section({
  code: optional(
    number("an integer", Number.isSafeInteger, { type: "integer" }),
    "The code of the fault. Default: 12007, with a reason 12008."
  ),
  reason: optional(
    text("a text of at most 1024 characters", (reason) => reason.length <= 1024),
    "What is told to who reads it."
  )
})

const Cancelled = Schema.Struct({ stream_id: Schema.String, status: Schema.String })

/** Their routes. */
export const StreamsGroup = HttpApiGroup.make("streams")
  .add(
    HttpApiEndpoint.get("list", "/", {
      query: Schema.Struct({ limit, cursor: afterStream }),
      success: pageOf(LiveStream)
    }).annotate(OpenApi.Summary, "Answers that are under way, whoever asked for them, the oldest first."),
    HttpApiEndpoint.delete("cancel", "/:id", {
      query: noQuery,
      params: { id: Schema.String },
      payload: [CancelBody, Schema.Null],
      // Both are alike: the handler says which, and without a word it is the first.
      success: [Cancelled, Cancelled.pipe(HttpApiSchema.status(202))]
    }).annotate(OpenApi.Summary, "Cancels one, whoever asked for it: 202; 200 where it has ended, with how.")
  )
  .prefix("/admin/streams")
