/**
 * What `ResumableStream` gives: the relay's events as a union by `_tag`, each with its fields and its id.
 */
import type { AttemptData, ContentData, DoneData, FailoverData, InitData } from "./ChatData.ts"
import { contentOf, fields, type Given } from "./Reconnect.ts"

/** A new answer begins: what was assembled of the one before is to be cleared. It is the client's own, without an id. */
export interface Reset {
  readonly _tag: "Reset"
}

/** An event of another name, or one whose data is not what its name promises. `data` is parsed where it is JSON. */
export interface Other {
  readonly _tag: "Other"
  readonly id: string
  readonly event: string
  readonly data: unknown
}

interface Tagged<Tag extends string> {
  readonly _tag: Tag
  /** The event's id; `""` where it has none. */
  readonly id: string
}

/**
 * An event of an answer: `_tag` is its name, and the fields are those of its data. The relay's have all that are named here;
 * of another server one may be absent, but none is of another type. An `error` event is none: the stream fails with
 * `ServerFault`, or is asked anew.
 */
export type ChatEvent =
  | (Tagged<"Init"> & InitData)
  | (Tagged<"Message"> & ContentData)
  | (Tagged<"Reasoning"> & ContentData)
  | (Tagged<"Attempt"> & AttemptData)
  | (Tagged<"Failover"> & FailoverData)
  | (Tagged<"Done"> & DoneData)
  | Reset
  | Other

/** What the fields of each event are, where they are there. */
const promised = {
  init: { request_id: "string", stream_id: "string", status: "string", model: "string" },
  reasoning: { content: "string" },
  attempt: {
    attempt: "number",
    max_attempts: "number",
    delay_ms: "number",
    reason: "string",
    from: "string",
    to: "string"
  },
  failover: { from: "string", to: "string", reason: "string", offset: "number", dropped: "number", seam: "string" },
  done: {
    request_id: "string",
    status: "string",
    token_count: "number",
    full_content: "string",
    finish_reason: "string",
    usage: "object",
    attempts: "number"
  }
} as const

const keeps = (event: keyof typeof promised, json: unknown): boolean =>
  typeof json === "object" &&
  json !== null &&
  !Array.isArray(json) &&
  Object.entries(promised[event]).every(([field, type]) => !(field in json) || typeof fields(json)[field] === type)

/**
 * An event of the wire as an event of an answer.
 */
export const chatEvent = (given: Given): ChatEvent => {
  const { data, event, id = "", json = data } = given
  if (event === "message") return { _tag: "Message", id, content: contentOf(given) }
  const said = fields(json)
  // The fields were looked at: the compiler cannot see that they are all that a type names.
  switch (event) {
    case "init":
      if (keeps(event, json)) return { ...(said as unknown as InitData), _tag: "Init", id }
      break
    case "reasoning":
      if (keeps(event, json)) return { ...(said as unknown as ContentData), _tag: "Reasoning", id }
      break
    case "attempt":
      if (keeps(event, json)) return { ...(said as unknown as AttemptData), _tag: "Attempt", id }
      break
    case "failover":
      if (keeps(event, json)) return { ...(said as unknown as FailoverData), _tag: "Failover", id }
      break
    case "done":
      if (keeps(event, json)) return { ...(said as unknown as DoneData), _tag: "Done", id }
  }
  return { _tag: "Other", id, event, data: json }
}
