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
  readonly channel: string | undefined
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
    channel: textOf(row["channel"]),
    startedAt: momentOf(row["created_at"]),
    events: numberOf(row["events"]),
    writer: writer === "another" || writer === "gone" ? writer : "me"
  }
}
