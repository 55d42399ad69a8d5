/**
 * An answer that is being written, as the page has it. Pure.
 */
import { fieldsOf, idOf, momentOf, numberOf, textOf } from "../Decode.ts"

/** Who writes an answer: the relay that was asked, another one on its store, or nobody any more. */
export type Writer = "me" | "another" | "gone"

/** An answer that is being written. */
export interface LiveStream {
  readonly id: string
  readonly token: string | undefined
  readonly model: string | undefined
  readonly requestId: string | undefined
  /** Whether anything of it was shown yet. */
  readonly state: "waiting" | "streaming" | undefined
  /** The one that is asked now; none between two attempts. */
  readonly channel: string | undefined
  readonly attempts: number | undefined
  readonly startedAt: number | undefined
  readonly events: number | undefined
  readonly writer: Writer
}

/** A row of `GET /admin/streams`. */
export const streamOf = (value: unknown): LiveStream => {
  const row = fieldsOf(value)
  const writer = row["writer"]
  return {
    id: idOf(row["stream_id"] ?? row["id"]),
    token: textOf(row["token"]),
    model: textOf(row["model"]),
    requestId: textOf(row["request_id"]),
    state: row["state"] === "started" ? "waiting" : row["state"] === "streaming" ? "streaming" : undefined,
    channel: textOf(row["channel"]),
    attempts: numberOf(row["attempts"]),
    startedAt: momentOf(row["created_at"]),
    events: numberOf(row["events"]),
    writer: writer === "another" || writer === "gone" ? writer : "me"
  }
}
