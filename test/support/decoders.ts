/**
 * How the clients of the world read server-sent events: each family has its own rule of when an event is dispatched,
 * written down here as it stands in its source, so that what we write is judged by all of them.
 */

/** One event as a client's decoder gives it to its program. */
export interface Dispatched {
  readonly event: string | undefined
  readonly data: string
}

/** Reads a stream's whole text. */
export type Decoder = (text: string) => ReadonlyArray<Dispatched>

interface Pending {
  event: string | undefined
  data: Array<string>
  id: string | undefined
  retry: string | undefined
}

const decodeLines = (
  text: string,
  dispatches: (pending: Pending) => boolean,
  atEnd: "dropped" | "dispatched" = "dropped"
): ReadonlyArray<Dispatched> => {
  const events: Array<Dispatched> = []
  const pending: Pending = { event: undefined, data: [], id: undefined, retry: undefined }
  const lines = text.split(/\r\n|\n|\r/)
  const last = lines.pop()
  // What was begun and not ended by a blank line.
  if (atEnd === "dispatched") lines.push(last ?? "", "")
  for (const line of lines) {
    if (line === "") {
      if (dispatches(pending)) events.push({ event: pending.event, data: pending.data.join("\n") })
      pending.event = undefined
      pending.data = []
      pending.retry = undefined
      continue
    }
    if (line.startsWith(":")) continue
    const colon = line.indexOf(":")
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "")
    if (field === "event") pending.event = value
    else if (field === "data") pending.data.push(value)
    else if (field === "id") pending.id = value
    else if (field === "retry") pending.retry = value
  }
  return events
}

const isSaid = (text: string | undefined): boolean => text !== undefined && text !== ""

/**
 * `openai` for Python, `_streaming.py`: a blank line dispatches whatever is pending, and an id, which is never cleared,
 * counts as pending. So after the first id any blank line is an event. `anthropic` for Python has the same lines.
 */
export const pythonDecoder: Decoder = (text) =>
  decodeLines(
    text,
    ({ data, event, id, retry }) => isSaid(event) || data.length > 0 || isSaid(id) || retry !== undefined
  )

/** `@anthropic-ai/sdk`, `core/streaming.ts`: a blank line dispatches where there is an event or data. */
export const nodeDecoder: Decoder = (text) => decodeLines(text, ({ data, event }) => isSaid(event) || data.length > 0)

/** `openai` for Node, `core/streaming.ts`: the same, and the end of the body is a blank line. */
export const openaiNodeDecoder: Decoder = (text) =>
  decodeLines(text, ({ data, event }) => isSaid(event) || data.length > 0, "dispatched")

/** `openai-go` as it was, `ssestream.go`: every blank line dispatches, whatever is pending. */
export const oldGoDecoder: Decoder = (text) => decodeLines(text, () => true)

/**
 * The standard (HTML, 9.2.6), as browsers and the `eventsource` package read, and `eventsource-parser`, which `ai` has;
 * `openai-go` of today, too: without data nothing is dispatched.
 */
export const standardDecoder: Decoder = (text) => decodeLines(text, ({ data }) => data.length > 0)

/** A program that reads line by line and looks only at what begins with `data:`. */
export const lineDecoder: Decoder = (text) =>
  text
    .split("\n")
    .filter((line) => line.startsWith("data:"))
    .map((line) => ({ event: undefined, data: line.slice(5).trim() }))

/**
 * `@google/genai`, `_api_client.ts`: blocks are cut at empty lines, and one that does not begin with `data:` is passed
 * over whole. What is left at the end is an error.
 */
export const googleDecoder: Decoder = (text) => {
  const blocks = text.split("\n\n")
  const rest = blocks.pop() ?? ""
  const events = blocks
    .map((block) => block.trim())
    .filter((block) => block.startsWith("data:"))
    .map((block) => ({ event: undefined, data: block.slice(5).trim() }))
  return rest.trim() === "" ? events : [...events, { event: undefined, data: "Incomplete JSON segment at the end" }]
}

/** `@google/generative-ai`, which LangChain JS has: every block must begin with `data: `, or nothing more is read. */
export const olderGoogleDecoder: Decoder = (text) => {
  const events: Array<Dispatched> = []
  let rest = text
  for (let found = oneBlock.exec(rest); found !== null; found = oneBlock.exec(rest)) {
    events.push({ event: undefined, data: found[1]! })
    rest = rest.slice(found[0].length)
  }
  return rest.trim() === "" ? events : [...events, { event: undefined, data: "Failed to parse stream" }]
}

const oneBlock = /^data: (.*)(?:\n\n|\r\r|\r\n\r\n)/

const linesOf = (text: string): ReadonlyArray<string> => text.split("\n").filter((line) => line !== "")

/** `google-genai` for Python, `_api_client.py`: every line that is not empty is JSON, with or without `data: ` before it. */
export const pythonGoogleDecoder: Decoder = (text) =>
  linesOf(text).map((line) => ({ event: undefined, data: line.startsWith("data: ") ? line.slice(6) : line }))

/** `go-genai`, `api_client.go`: every line that is not empty is data, or raised. */
export const goGoogleDecoder: Decoder = (text) =>
  linesOf(text).map((line) => ({
    event: undefined,
    data: line.startsWith("data:") ? line.slice(5) : "invalid stream chunk"
  }))

/** All of them, by name. */
export const decoders: { readonly [family: string]: Decoder } = {
  python: pythonDecoder,
  node: nodeDecoder,
  "openai-node": openaiNodeDecoder,
  "old openai-go": oldGoDecoder,
  standard: standardDecoder,
  line: lineDecoder
}

/** What a client speaks: `/chat` is our own. `geminiBare` is Gemini's without ids and comments, to whom can read none. */
export type Spoken = "openai" | "responses" | "anthropic" | "gemini" | "geminiBare" | "chat"

/** A family of clients: how it finds events, and what it does with them. */
export interface Family {
  readonly name: string
  readonly speaks: ReadonlyArray<Spoken>
  readonly decode: Decoder
  /** Looks at events of these names only; absent: at all. */
  readonly names?: (event: string | undefined) => boolean
  /** An error in the data is an answer to it that says nothing. */
  readonly overlooksErrors?: true
}

const messageEvents: ReadonlySet<string | undefined> = new Set([
  "message_start",
  "message_delta",
  "message_stop",
  "content_block_start",
  "content_block_delta",
  "content_block_stop",
  "error"
])

/** The families that `docs/clients.md` tells of. Who uses one of them (LangChain JS, say) reads as it does. */
export const families: ReadonlyArray<Family> = [
  { name: "openai-node", speaks: ["openai", "responses"], decode: openaiNodeDecoder },
  { name: "openai-python", speaks: ["openai", "responses"], decode: pythonDecoder },
  { name: "openai-go", speaks: ["openai", "responses"], decode: standardDecoder },
  { name: "openai-go, older", speaks: ["openai"], decode: oldGoDecoder },
  {
    name: "@anthropic-ai/sdk",
    speaks: ["anthropic"],
    decode: nodeDecoder,
    names: (event) => event !== undefined && event !== "" && event !== "ping"
  },
  {
    name: "anthropic-python",
    speaks: ["anthropic"],
    decode: pythonDecoder,
    names: (event) => messageEvents.has(event)
  },
  { name: "@google/genai", speaks: ["gemini"], decode: googleDecoder },
  { name: "google-genai", speaks: ["geminiBare"], decode: pythonGoogleDecoder, overlooksErrors: true },
  { name: "go-genai", speaks: ["geminiBare"], decode: goGoogleDecoder, overlooksErrors: true },
  { name: "@google/generative-ai", speaks: ["geminiBare"], decode: olderGoogleDecoder, overlooksErrors: true },
  { name: "ai", speaks: ["openai", "responses", "anthropic", "gemini"], decode: standardDecoder },
  { name: "EventSource", speaks: ["chat", "openai", "responses", "anthropic", "gemini"], decode: standardDecoder },
  { name: "bare lines", speaks: ["chat", "openai", "responses", "anthropic", "gemini"], decode: lineDecoder }
]

/** What a program is given: the text, and how it ended. */
export interface Told {
  readonly text: string
  /** `whole`: the end was told · `raised`: an error was told, or what cannot be read · `ends`: nothing more came. */
  readonly end: "whole" | "raised" | "ends"
}

const isRecord = (value: unknown): value is { readonly [field: string]: unknown } =>
  typeof value === "object" && value !== null

const parsed = (data: string): unknown => {
  try {
    return JSON.parse(data)
  } catch {
    return undefined
  }
}

interface Candidate {
  readonly content?: { readonly parts?: ReadonlyArray<{ readonly text?: string }> }
  readonly finishReason?: string
}

const candidateIn = (json: { readonly [field: string]: unknown }): Candidate | undefined =>
  (json["candidates"] as ReadonlyArray<Candidate> | undefined)?.[0]

const textIn = (json: { readonly [field: string]: unknown }): string => {
  const parts = candidateIn(json)?.content?.parts
  if (parts !== undefined) return parts.map(({ text }) => text ?? "").join("")
  const { choices, content, delta } = json as {
    readonly choices?: ReadonlyArray<{ readonly delta?: { readonly content?: string | null } }>
    readonly content?: unknown
    readonly delta?: string | { readonly text?: string }
  }
  // The other texts of a response are told with their ends again.
  if (typeof delta === "string") return json["type"] === "response.output_text.delta" ? delta : ""
  return choices?.[0]?.delta?.content ?? delta?.text ?? (typeof content === "string" ? content : "")
}

const endsWell = ({ data, event }: Dispatched, json: unknown): boolean =>
  data === "[DONE]" ||
  event === "done" ||
  (isRecord(json) &&
    (json["type"] === "message_stop" ||
      json["type"] === "response.completed" ||
      json["type"] === "response.incomplete" ||
      candidateIn(json)?.finishReason !== undefined ||
      json["status"] === "completed"))

// `/chat` names its error, and has a code in its data; the other two have an object of that name in it.
const isError = ({ event }: Dispatched, json: unknown): boolean =>
  event === "error" || (isRecord(json) && ("error" in json || ("partial_content" in json && "code" in json)))

/** What a program of a family is told by a stream. */
export const toldTo = ({ decode, names, overlooksErrors }: Family, stream: string): Told => {
  let text = ""
  for (const event of decode(stream)) {
    if (names?.(event.event) === false) continue
    const json = parsed(event.data)
    if (endsWell(event, json)) return { text, end: "whole" }
    // The programs parse what they are given: what is none of ours is an error to them.
    if (!isRecord(json) || (overlooksErrors === undefined && isError(event, json))) return { text, end: "raised" }
    text += textIn(json)
  }
  return { text, end: "ends" }
}

/** What a client's program is given in the end: its message, or what it throws. */
export type ReadMessage =
  | { readonly _tag: "Message"; readonly message: { readonly [field: string]: unknown } }
  | { readonly _tag: "Thrown"; readonly error: unknown }

type Json = { [field: string]: unknown }

const countsOfUsage = [
  "input_tokens",
  "cache_creation_input_tokens",
  "cache_read_input_tokens",
  "server_tool_use",
  "output_tokens_details"
]

/**
 * `@anthropic-ai/sdk` 1.14, `core/streaming.ts` and `lib/MessageStream.ts`: events without a name and pings are passed
 * over, `error` is thrown, a block is pushed as it begins and its deltas go to it by their index, a signature is replaced
 * and not lengthened, and a message without `message_stop` is none.
 */
export const readAnthropicMessage = (text: string): ReadMessage => {
  let message: Json | undefined
  let stopped = false
  const inputs = new Map<number, string>()
  const thrown = (error: unknown): ReadMessage => ({ _tag: "Thrown", error })
  for (const { data, event } of nodeDecoder(text)) {
    if (event === undefined || event === "ping" || data === "") continue
    const raw = JSON.parse(data) as Json
    if (event === "error") return thrown(raw)
    if (raw["type"] === "message_start") {
      if (message !== undefined && !stopped) return thrown("Unexpected event order")
      message = raw["message"] as Json
      continue
    }
    if (message === undefined) continue
    const content = message["content"] as Array<Json>
    const usage = message["usage"] as Json
    switch (raw["type"]) {
      case "message_stop":
        stopped = true
        break
      case "message_delta": {
        const { container, ...delta } = raw["delta"] as Json
        const said = raw["usage"] as Json
        message["stop_reason"] = delta["stop_reason"]
        message["stop_sequence"] = delta["stop_sequence"]
        if (delta["stop_details"] !== undefined) message["stop_details"] = delta["stop_details"]
        usage["output_tokens"] = said["output_tokens"]
        if (container !== undefined && container !== null) message["container"] = container
        for (const count of countsOfUsage) {
          if (said[count] !== undefined && said[count] !== null) usage[count] = said[count]
        }
        break
      }
      case "content_block_start":
        content.push({ ...(raw["content_block"] as Json) })
        break
      case "content_block_delta": {
        const index = raw["index"] as number
        const block = content.at(index)
        const delta = raw["delta"] as Json
        if (block === undefined) return thrown(`no block ${index}`)
        if (delta["type"] === "text_delta" && block["type"] === "text") {
          block["text"] = String(block["text"]) + String(delta["text"])
        } else if (delta["type"] === "citations_delta" && block["type"] === "text") {
          block["citations"] = [...((block["citations"] as Array<unknown> | null) ?? []), delta["citation"]]
        } else if (delta["type"] === "input_json_delta" && String(block["type"]).endsWith("tool_use")) {
          inputs.set(index, (inputs.get(index) ?? "") + String(delta["partial_json"]))
          block["input"] = inputs.get(index) === "" ? {} : inputs.get(index)
        } else if (delta["type"] === "thinking_delta" && block["type"] === "thinking") {
          block["thinking"] = String(block["thinking"]) + String(delta["thinking"])
        } else if (delta["type"] === "signature_delta" && block["type"] === "thinking") {
          block["signature"] = delta["signature"]
        }
        break
      }
      case "content_block_stop": {
        const block = content.at(raw["index"] as number)
        if (block === undefined) return thrown("no block to stop")
        if (typeof block["input"] === "string") block["input"] = JSON.parse(block["input"])
      }
    }
  }
  if (message === undefined) return thrown("request ended without sending any chunks")
  return stopped ? { _tag: "Message", message } : thrown("stream ended without producing a Message with role=assistant")
}
