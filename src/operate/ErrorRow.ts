/**
 * A row of the error log: an attempt that failed, or a request that failed. Its fields are what people read of it, in the
 * API, as CSV and from `doctor`, and the columns that it has in the books.
 */
import { Schema } from "effect"
import { kinds, origins } from "./ErrorWords.ts"

const { NullOr, optionalKey } = Schema
const text = NullOr(Schema.String)
const integer = NullOr(Schema.Int)

/** One attempt in short. */
export const TrailStep = Schema.Struct({
  /** From 1; 0 is a channel that was passed over, as it has no words for the request. */
  attempt: Schema.Int,
  channel: Schema.String,
  /** The index of its key; null where it has none. */
  key: integer,
  channel_model: Schema.String,
  /** How it went on from a partial answer, if it did. */
  continuation: text,
  /** Null: it went well. */
  class: text,
  code: text,
  /** The upstream's own. */
  upstream_status: integer,
  upstream_request_id: text,
  duration_ms: Schema.Int
})

/** A row. What nobody knows is null. Times are epoch milliseconds, spans milliseconds. */
export const ErrorRow = Schema.Struct({
  id: Schema.String,
  /** When it ended. */
  at: Schema.Int,
  kind: Schema.Literals(kinds),
  request_id: Schema.String,
  /** Null: nothing was begun for it. */
  stream_id: text,
  trace_id: optionalKey(Schema.String),
  /** The name of the token that asked. */
  token: text,
  group: text,
  /** As the client named it. */
  model: text,
  /** Who was asked; of a request, who was asked last. */
  channel: text,
  /** As that channel was asked for it. */
  channel_model: text,
  /** The index of the channel's key. */
  key: integer,
  /** Which one of the request; of a request, how many there were. */
  attempt: Schema.Int,
  /** Whether the client gets events. */
  stream: NullOr(Schema.Boolean),
  /** Whose fault it was; null where all went well. */
  class: text,
  code: text,
  /** Who said that it failed: a vendor, an upstream without the vendor's words, or this relay. */
  error_type: NullOr(Schema.Literals(origins)),
  /** What the client was told, or would have been. */
  status_code: Schema.Int,
  upstream_status: integer,
  upstream_code: text,
  upstream_request_id: text,
  /** What was said, without secrets and without what the request or the answer holds too. */
  message: text,
  retry_after_ms: integer,
  first_content_ms: integer,
  duration_ms: integer,
  input_tokens: integer,
  output_tokens: integer,
  credits: integer,
  /** How sure the place was where the answer was joined last. */
  seam: optionalKey(Schema.String),
  /** How it went on from what was shown: `prefill`, `message`, `token`, `restart`. */
  continuation: optionalKey(Schema.String),
  /** Where the request came from, if `errorLog.ip` says so. */
  ip: optionalKey(Schema.String),
  /** Of a request: the attempts in short. */
  trail: optionalKey(Schema.Array(TrailStep))
})
export type ErrorRow = typeof ErrorRow.Type
export type TrailStep = typeof TrailStep.Type
