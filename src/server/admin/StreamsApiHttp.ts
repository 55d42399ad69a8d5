/**
 * Answers that are under way.
 */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { cursor, limit, pageOf } from "./ListsHttp.ts"

/** An answer that is under way, in any process on this store. */
export const LiveStream = Schema.Struct({
  stream_id: Schema.String,
  /** The name of its token, or `""`. */
  token: Schema.String,
  /** Epoch milliseconds. */
  created_at: Schema.Int,
  /** Events that are stored. */
  events: Schema.Int,
  /** Who writes it: this relay, another one, or nobody. */
  writer: Schema.Literals(["me", "another", "gone"])
})

/** Its routes. */
export const StreamsGroup = HttpApiGroup.make("streams")
  .add(HttpApiEndpoint.get("list", "/", { query: Schema.Struct({ limit, cursor }), success: pageOf(LiveStream) }))
  .prefix("/admin/streams")
