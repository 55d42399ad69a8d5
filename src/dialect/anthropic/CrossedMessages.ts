/**
 * A conversation that another dialect's client sent, as Anthropic's messages.
 */
import { type CallIds, makeCallIds } from "../CallIds.ts"
import { isExact } from "../ExactNumbers.ts"
import { type FitNames, makeFitNames, type NameRule } from "../FitNames.ts"
import { isObject, type JsonObject, parseJson } from "../Json.ts"
import { kindOfMedia } from "../MediaKind.ts"
import type { Asked, Part, Turn } from "../Request.ts"

/** A message. `content` is text, or a list of blocks. */
export interface Message {
  readonly role: string
  readonly content?: unknown
  readonly [field: string]: unknown
}

/** What became of a conversation. */
export interface CrossedMessages {
  readonly system: ReadonlyArray<JsonObject>
  readonly messages: ReadonlyArray<Message>
  /** Paths of what there are no words for. */
  readonly unsaid: ReadonlyArray<string>
  /** Paths of what is said less well than it was. */
  readonly dropped: ReadonlyArray<string>
  /** Names of tools. */
  readonly names: FitNames
  /** What holds numbers that are to be printed as they were written. */
  readonly exact: ReadonlyArray<JsonObject>
}

interface Sink {
  readonly unsaid: Array<string>
  readonly dropped: Array<string>
  readonly names: FitNames
  readonly ids: CallIds
  readonly exact: Array<JsonObject>
}

/** What Anthropic takes as the name of a tool, and as the id of a call. */
const names: NameRule = { longest: 64, unfit: /[^a-zA-Z0-9_-]/g }

// Anthropic refuses texts without a word in them.
const isBlank = (text: string): boolean => text.trim() === ""

const textBlock = (text: string): ReadonlyArray<JsonObject> => (isBlank(text) ? [] : [{ type: "text", text }])

const imageTypes: ReadonlySet<string> = new Set(["image/jpeg", "image/png", "image/gif", "image/webp"])

const imageBlock = (part: Extract<Part, { readonly _tag: "Image" }>): JsonObject | undefined => {
  const { source } = part
  if ("url" in source) {
    return /^https:\/\//i.test(source.url) ? { type: "image", source: { type: "url", url: source.url } } : undefined
  }
  const mediaType = kindOfMedia(part.mediaType, source.base64)
  return imageTypes.has(mediaType)
    ? { type: "image", source: { type: "base64", media_type: mediaType, data: source.base64 } }
    : undefined
}

const fileBlock = (part: Extract<Part, { readonly _tag: "File" }>): JsonObject | undefined => {
  const mediaType = kindOfMedia(part.mediaType, part.base64)
  const title = part.name === undefined ? {} : { title: part.name }
  if (mediaType === "application/pdf") {
    return { type: "document", source: { type: "base64", media_type: mediaType, data: part.base64 }, ...title }
  }
  if (!mediaType.startsWith("text/")) return undefined
  const data = Buffer.from(part.base64, "base64").toString("utf8")
  return { type: "document", source: { type: "text", media_type: "text/plain", data }, ...title }
}

const reasoningBlock = ({ signed, text }: Extract<Part, { readonly _tag: "Reasoning" }>): ReadonlyArray<JsonObject> => {
  if (signed?.by !== "anthropic" || signed.value === "") return []
  return signed.sealed
    ? [{ type: "redacted_thinking", data: signed.value }]
    : [{ type: "thinking", thinking: text, signature: signed.value }]
}

const inputOf = (call: Extract<Part, { readonly _tag: "ToolCall" }>, sink: Sink): JsonObject => {
  if (isBlank(call.input)) return {}
  const input = parseJson(call.input)
  if (isObject(input)) {
    if (isExact(input)) sink.exact.push(input)
    return input
  }
  sink.dropped.push(call.path ?? "tool_calls")
  return {}
}

const resultContent = (parts: ReadonlyArray<Part>, sink: Sink): JsonObject => {
  const blocks = parts.flatMap((part) => blocksOf(part, sink))
  if (blocks.length === 0) return {}
  const only = blocks[0]!
  return { content: blocks.length === 1 && only["type"] === "text" ? only["text"] : blocks }
}

/** One block, unless there are no words for it, or nothing in it. */
const known = (block: JsonObject | undefined, path: string, sink: Sink): ReadonlyArray<JsonObject> => {
  if (block !== undefined) return [block]
  sink.unsaid.push(path)
  return []
}

const blocksOf = (part: Part, sink: Sink): ReadonlyArray<JsonObject> => {
  switch (part._tag) {
    case "Text":
    case "Refusal":
      return textBlock(part.text)
    case "Image":
      return known(imageBlock(part), part.path, sink)
    case "File":
      return known(fileBlock(part), part.path, sink)
    case "Reasoning":
      return reasoningBlock(part)
    case "ToolCall":
      return [
        { type: "tool_use", id: sink.ids.call(part.id), name: sink.names.fit(part.name), input: inputOf(part, sink) }
      ]
    case "ToolResult":
      return [
        {
          type: "tool_result",
          tool_use_id: sink.ids.result(part.id),
          ...resultContent(part.parts, sink),
          ...(part.failed ? { is_error: true } : {})
        }
      ]
  }
}

// An image or a file is something that a user shows: Anthropic takes none from the assistant.
const sayableBy = (role: "user" | "assistant", part: Part, sink: Sink): boolean => {
  if (role === "user" || (part._tag !== "Image" && part._tag !== "File")) return true
  sink.unsaid.push(part.path)
  return false
}

const roleOf = (turn: Turn, part: Part): "user" | "assistant" =>
  turn.role === "assistant" && part._tag !== "ToolResult" ? "assistant" : "user"

const isResult = (block: JsonObject): boolean => block["type"] === "tool_result"

const messageOf = (role: string, blocks: ReadonlyArray<JsonObject>): Message => {
  // Results of tools come before all else that a user says.
  const sorted = [...blocks.filter(isResult), ...blocks.filter((block) => !isResult(block))]
  const only = sorted[0]!
  return { role, content: sorted.length === 1 && only["type"] === "text" ? only["text"] : sorted }
}

/**
 * A conversation as messages that alternate: neighbours of one role are merged, and texts without a word left out; without
 * `reasoning`, all of that is, too. An id of a call that comes again becomes another: Anthropic takes each only once.
 */
export const crossedMessages = ({ system, toolChoice, tools, turns }: Asked, reasoning: boolean): CrossedMessages => {
  const parts = turns.flatMap(({ parts }) => parts)
  const calls = parts.filter((part) => part._tag === "ToolCall")
  const sink: Sink = {
    unsaid: [],
    dropped: [],
    names: makeFitNames(
      [
        ...tools.map(({ name }) => name),
        ...calls.map(({ name }) => name),
        ...(typeof toolChoice === "object" ? [toolChoice.name] : [])
      ],
      names
    ),
    ids: makeCallIds(
      makeFitNames(
        calls.map(({ id }) => id),
        names
      )
    ),
    exact: []
  }
  const runs: Array<{ readonly role: "user" | "assistant"; readonly blocks: Array<JsonObject> }> = []
  for (const [i, turn] of turns.entries()) {
    if (turn.role === "assistant" && turns[i - 1]?.role !== "assistant") sink.ids.turn()
    for (const part of turn.parts) {
      if (part._tag === "Reasoning" && !reasoning) continue
      const role = roleOf(turn, part)
      const blocks = sayableBy(role, part, sink) ? blocksOf(part, sink) : []
      if (blocks.length === 0) continue
      const last = runs.at(-1)
      if (last?.role === role) last.blocks.push(...blocks)
      else runs.push({ role, blocks: [...blocks] })
    }
  }
  return {
    system: system.flatMap((part) => blocksOf(part, sink)),
    messages: runs.map(({ blocks, role }) => messageOf(role, blocks)),
    unsaid: sink.unsaid,
    dropped: sink.dropped,
    names: sink.names,
    exact: sink.exact
  }
}
