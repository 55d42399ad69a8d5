/**
 * What failed: the error log, and all that is known of one request.
 */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { ErrorRow } from "../../operate/index.ts"
import { integer } from "./Integers.ts"
import { afterRow, limit, offset, pageOf } from "./ListsHttp.ts"
import { moment } from "./Moments.ts"

const word = Schema.optionalKey(Schema.NonEmptyString)

const query = Schema.Struct({
  /** From this moment on. */
  from: moment,
  /** Up to before this moment. */
  to: moment,
  channel: word,
  model: word,
  token: word,
  code: word,
  class: word,
  /** What the client was told. */
  status: Schema.optionalKey(integer.check(Schema.isBetween({ minimum: 100, maximum: 599 }))),
  request_id: word,
  stream_id: word,
  /** A part of the message, in any case. */
  q: word,
  kind: Schema.optionalKey(Schema.Literals(["attempt", "request"])),
  limit,
  cursor: afterRow,
  format: Schema.optionalKey(Schema.Literals(["json", "csv"]))
})

/** Its routes. */
export const ErrorsGroup = HttpApiGroup.make("errors")
  .add(
    HttpApiEndpoint.get("search", "/errors", { query, success: pageOf(ErrorRow) }).annotate(
      OpenApi.Summary,
      "Attempts and requests that failed, the newest first; also as CSV."
    ),
    HttpApiEndpoint.get("request", "/requests/:request_id", {
      params: { request_id: Schema.String },
      query: Schema.Struct({ limit, cursor: offset }),
      success: pageOf(ErrorRow)
    }).annotate(OpenApi.Summary, "All that failed for one request, the oldest first.")
  )
  .prefix("/admin")
