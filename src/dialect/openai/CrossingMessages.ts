/**
 * The turns of a conversation as messages of a chat completion.
 */
import { isObject, type JsonObject, parseJson } from "../Json.ts"
import { kindOfMedia } from "../MediaKind.ts"
import type { Asked, Part, Turn } from "../Request.ts"
import { failedMark } from "../FailedResult.ts"
import type { Message } from "./Encode.ts"
import { fitId, type Fitting } from "../OpenAINames.ts"

type Of<T extends Part["_tag"]> = Extract<Part, { readonly _tag: T }>

const imageTypes: ReadonlySet<string> = new Set(["image/png", "image/jpeg", "image/gif", "image/webp"])

const takesImage = ({ mediaType, source }: Of<"Image">): boolean =>
  "url" in source ? /^https?:\/\//i.test(source.url) : imageTypes.has(kindOfMedia(mediaType, source.base64))

const takesFile = ({ base64, mediaType }: Of<"File">): boolean => {
  const kind = kindOfMedia(mediaType, base64)
  return kind === "" || kind === "application/pdf" || kind.startsWith("text/")
}

/** The paths of what cannot be said of a part, in a turn of a role. */
export const unsaidPart = (part: Part, role: Turn["role"] | "tool"): ReadonlyArray<string> => {
  switch (part._tag) {
    case "Image":
      return role === "user" && takesImage(part) ? [] : [part.path]
    case "File":
      return role === "user" && takesFile(part) ? [] : [part.path]
    case "ToolResult":
      return part.parts.flatMap((inner) => unsaidPart(inner, "tool"))
    case "Text":
    case "Reasoning":
    case "Refusal":
    case "ToolCall":
      return []
  }
}

const urlOf = ({ mediaType, source }: Of<"Image">): string =>
  "url" in source ? source.url : `data:${kindOfMedia(mediaType, source.base64)};base64,${source.base64}`

const fileOf = ({ base64, mediaType, name }: Of<"File">): JsonObject => {
  const type = kindOfMedia(mediaType, base64) || "application/pdf"
  const own = type === "application/pdf" ? "file.pdf" : "file.txt"
  return { filename: name ?? own, file_data: `data:${type};base64,${base64}` }
}

const contentPart = (part: Part): JsonObject | undefined => {
  switch (part._tag) {
    case "Text":
      return { type: "text", text: part.text }
    case "Image":
      return takesImage(part) ? { type: "image_url", image_url: { url: urlOf(part) } } : undefined
    case "File":
      return takesFile(part) ? { type: "file", file: fileOf(part) } : undefined
    case "Refusal":
    case "Reasoning":
    case "ToolCall":
    case "ToolResult":
      return undefined
  }
}

const texts = (parts: ReadonlyArray<Part>): ReadonlyArray<Of<"Text">> => parts.filter((part) => part._tag === "Text")

// What is text alone is a string: every upstream takes that, and not all take parts.
const contentOf = (parts: ReadonlyArray<Part>, between = "\n\n"): unknown => {
  const said = texts(parts)
  return said.length < parts.length
    ? parts.flatMap((part) => contentPart(part) ?? [])
    : said.flatMap(({ text }) => (text === "" ? [] : [text])).join(between)
}

const resultOf = ({ failed, id, parts }: Of<"ToolResult">): Message => {
  const said = texts(parts)
  const [first, ...more] = said
  const marked: ReadonlyArray<Part> = failed
    ? [{ _tag: "Text", text: failedMark + (first?.text ?? "") }, ...more]
    : said
  return { role: "tool", tool_call_id: fitId(id), content: contentOf(marked) }
}

/** What an upstream of this dialect had sealed, as it wrote it: a line of JSON for each. */
const unseal = (value: string): ReadonlyArray<JsonObject> =>
  value.split("\n").flatMap((line) => {
    const native = line === "" ? undefined : parseJson(line)
    return isObject(native) ? [native] : []
  })

const callOf = (call: Of<"ToolCall">, { fitting }: MessageOptions): JsonObject => {
  const native = call.signed?.by === "openai" ? unseal(call.signed.value)[0] : undefined
  return {
    id: fitId(call.id),
    type: "function",
    function: { name: fitting.fit(call.name), arguments: call.input === "" ? "{}" : call.input },
    ...(native?.["extra_content"] === undefined ? {} : { extra_content: native["extra_content"] })
  }
}

// Reasoning of others that was signed is for them. Of one's own each vendor wants its own form back.
const reasoningOf = (parts: ReadonlyArray<Of<"Reasoning">>, { refused }: MessageOptions): JsonObject => {
  let text = ""
  const details: Array<JsonObject> = []
  const blocks: Array<JsonObject> = []
  let extra: unknown
  for (const part of parts) {
    if (part.signed !== undefined && part.signed.by !== "openai") continue
    text += part.text
    for (const native of unseal(part.signed?.value ?? "")) {
      const type = native["type"]
      if (native["extra_content"] !== undefined) extra = native["extra_content"]
      else if (type === "thinking") blocks.push({ ...native, thinking: part.text })
      else if (type === "redacted_thinking") blocks.push(native)
      else details.push(type === "reasoning.text" ? { ...native, text: part.text } : native)
    }
  }
  return {
    ...(text === "" || refused.has("messages[].reasoning_content") ? {} : { reasoning_content: text }),
    ...(details.length === 0 ? {} : { reasoning_details: details }),
    ...(blocks.length === 0 ? {} : { thinking_blocks: blocks }),
    ...(extra === undefined ? {} : { extra_content: extra })
  }
}

/** How messages are written. */
export interface MessageOptions {
  readonly fitting: Fitting
  readonly refused: ReadonlySet<string>
  /** Each text of the system is a message of its own. */
  readonly apart: boolean
}

const assistantOf = (parts: ReadonlyArray<Part>, options: MessageOptions): ReadonlyArray<Message> => {
  const said = texts(parts)
  const calls = parts.filter((part) => part._tag === "ToolCall")
  const refusals = parts.filter((part) => part._tag === "Refusal")
  const reasoning = reasoningOf(
    parts.filter((part) => part._tag === "Reasoning"),
    options
  )
  const silent = said.length === 0
  if (silent && calls.length === 0 && refusals.length === 0) return []
  return [
    {
      role: "assistant",
      // What one answer said in parts, it said without a break.
      content: silent ? null : contentOf(said, ""),
      ...(refusals.length === 0 ? {} : { refusal: refusals.map(({ text }) => text).join("") }),
      ...reasoning,
      ...(calls.length === 0 ? {} : { tool_calls: calls.map((call) => callOf(call, options)) })
    }
  ]
}

// Results come before what else a turn says: they answer the calls of the message before.
const userOf = (parts: ReadonlyArray<Part>): ReadonlyArray<Message> => {
  const results = parts.filter((part) => part._tag === "ToolResult")
  const rest = parts.filter((part) => contentPart(part) !== undefined)
  return [...results.map(resultOf), ...(rest.length === 0 ? [] : [{ role: "user", content: contentOf(rest) }])]
}

const systemOf = (parts: ReadonlyArray<Part>): ReadonlyArray<Message> => {
  const said = texts(parts)
  return said.length === 0 ? [] : [{ role: "system", content: contentOf(said) }]
}

/**
 * The messages of a conversation. What stands before it is one message of the system's, since many templates take no
 * second one.
 */
export const messagesOf = ({ system, turns }: Asked, options: MessageOptions): ReadonlyArray<Message> => [
  ...(options.apart ? system.flatMap((part) => systemOf([part])) : systemOf(system)),
  ...turns.flatMap(({ parts, role }) => {
    switch (role) {
      case "system":
        return systemOf(parts)
      case "user":
        return userOf(parts)
      case "assistant":
        return assistantOf(parts, options)
    }
  })
]
