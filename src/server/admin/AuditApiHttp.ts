/**
 * Who changed what.
 */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { afterId, limit, pageOf } from "./ListsHttp.ts"

/** A change that an admin made. */
export const AuditRow = Schema.Struct({
  id: Schema.String,
  /** Epoch milliseconds. */
  at: Schema.Int,
  /** The name of the admin's token; `""` where there are none. */
  who: Schema.String,
  /** What was done: `token.create`, `channel.disable`. */
  what: Schema.String,
  /** To what: `tokens/alice`. */
  path: Schema.String,
  /** How it was, and how it is since then; a secret is null. */
  before: Schema.Json,
  after: Schema.Json,
  /** Of the request that changed it. */
  request_id: Schema.String
})

/** Its route. */
export const AuditGroup = HttpApiGroup.make("audit")
  .add(
    HttpApiEndpoint.get("list", "/", {
      query: Schema.Struct({ limit, cursor: afterId }),
      success: pageOf(AuditRow)
    }).annotate(OpenApi.Summary, "Who changed what, the newest first.")
  )
  .prefix("/admin/audit")
