/**
 * A row of the error log, as the page has it. Pure.
 */
import { type Fields, fieldsOf, idOf, listOf, momentOf, numberOf, textOf } from "../Decode.ts"

/** An attempt in a request's trail. */
export interface TrailStep {
  /** From 1; 0 is a channel that was passed over. */
  readonly attempt: number | undefined
  readonly channel: string | undefined
  readonly key: string | undefined
  readonly class: string | undefined
  readonly code: string | undefined
  readonly continuation: string | undefined
  readonly millis: number | undefined
}

/** A row of the error log: an attempt, or a request. */
export interface ErrorRow {
  readonly id: string
  readonly at: number | undefined
  readonly kind: string
  readonly requestId: string | undefined
  readonly streamId: string | undefined
  readonly token: string | undefined
  readonly model: string | undefined
  readonly channel: string | undefined
  readonly key: string | undefined
  readonly attempt: number | undefined
  readonly class: string | undefined
  readonly code: string | undefined
  readonly status: number | undefined
  readonly upstreamStatus: number | undefined
  readonly upstreamRequestId: string | undefined
  readonly message: string | undefined
  readonly firstContentMillis: number | undefined
  readonly durationMillis: number | undefined
  readonly credits: number | undefined
  readonly trail: ReadonlyArray<TrailStep>
  /** All of it, as the relay wrote it. */
  readonly fields: Fields
}

const keyOf = (value: unknown): string | undefined => (typeof value === "number" ? String(value) : textOf(value))

const trailStepOf = (value: unknown): TrailStep => {
  const step = fieldsOf(value)
  return {
    attempt: numberOf(step["attempt"]),
    channel: textOf(step["channel"]),
    key: keyOf(step["key"]),
    class: textOf(step["class"]),
    code: textOf(step["code"]),
    continuation: textOf(step["continuation"]),
    millis: numberOf(step["duration_ms"])
  }
}

/** A row of `GET /admin/errors`. */
export const errorRowOf = (value: unknown): ErrorRow => {
  const row = fieldsOf(value)
  return {
    id: idOf(row["id"]),
    at: momentOf(row["at"]),
    kind: textOf(row["kind"]) ?? "request",
    requestId: textOf(row["request_id"]),
    streamId: textOf(row["stream_id"]),
    token: textOf(row["token"]),
    model: textOf(row["model"]),
    channel: textOf(row["channel"]),
    key: keyOf(row["key"]),
    attempt: numberOf(row["attempt"]),
    class: textOf(row["class"]),
    code: textOf(row["code"]),
    status: numberOf(row["status_code"]),
    upstreamStatus: numberOf(row["upstream_status"]),
    upstreamRequestId: textOf(row["upstream_request_id"]),
    message: textOf(row["message"]),
    firstContentMillis: numberOf(row["first_content_ms"]),
    durationMillis: numberOf(row["duration_ms"]),
    credits: numberOf(row["credits"]),
    trail: listOf(row["trail"], trailStepOf),
    fields: row
  }
}
