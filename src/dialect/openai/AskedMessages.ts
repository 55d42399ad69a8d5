/**
 * The messages of a chat completion as turns of a conversation.
 */
import { isObject, type JsonObject } from "../Json.ts"
import type { Part, Turn } from "../Request.ts"
import { readSigned, type Signed } from "../Signature.ts"
import type { Aside } from "./Asked.ts"
import { madeId } from "../CallId.ts"
import { filled, reasoningOf } from "./Chunk.ts"
import { readExtra } from "./Foreign.ts"
import { readDataUrl } from "./Pieces.ts"

type Items = ReadonlyArray<unknown>
type ToolCall = Extract<Part, { _tag: "ToolCall" }>

/** What a failed tool's text begins with: there is no field for it. */
export const failedMark = "Error: "

const text = (value: unknown): string => (typeof value === "string" ? value : "")

const readImage = (part: JsonObject, path: string, aside: Aside): Part | undefined => {
  const said = part["image_url"]
  const url = text(isObject(said) ? said["url"] : said)
  const detail = isObject(said) ? said["detail"] : undefined
  if (detail !== undefined && detail !== null && detail !== "auto") {
    aside.hint("imageDetail", `${path}.image_url.detail`, detail)
  }
  const data = readDataUrl(url)
  if (data !== undefined) {
    return { _tag: "Image", path, mediaType: data.mediaType || undefined, source: { base64: data.base64 } }
  }
  if (/^https?:\/\//i.test(url)) return { _tag: "Image", path, mediaType: undefined, source: { url } }
  aside.meaning(path, part)
  return undefined
}

const readFile = (part: JsonObject, path: string, aside: Aside): Part | undefined => {
  const { file_data: said, filename } = isObject(part["file"]) ? part["file"] : {}
  const url = text(said)
  const data = readDataUrl(url)
  // An id of a file is known to nobody else; a URL is not fetched.
  if (url === "" || (data === undefined && !/^[\w+/=-]+$/.test(url))) {
    aside.meaning(path, part)
    return undefined
  }
  return {
    _tag: "File",
    path,
    mediaType: data?.mediaType || undefined,
    name: text(filename) || undefined,
    base64: data?.base64 ?? url
  }
}

const readPart = (part: unknown, path: string, aside: Aside): Part | undefined => {
  if (typeof part === "string") return { _tag: "Text", text: part }
  if (isObject(part)) {
    if (filled(part["cache_control"])) aside.hint("cacheControl", `${path}.cache_control`, part["cache_control"])
    switch (part["type"]) {
      case "text":
        if (typeof part["text"] === "string") return { _tag: "Text", text: part["text"] }
        break
      case "refusal":
        if (typeof part["refusal"] === "string") return { _tag: "Refusal", text: part["refusal"] }
        break
      case "image_url":
        return readImage(part, path, aside)
      case "file":
        return readFile(part, path, aside)
      // Read with the message's reasoning.
      case "thinking":
        return undefined
    }
  }
  aside.meaning(path, part)
  return undefined
}

const readContent = (content: unknown, path: string, aside: Aside): ReadonlyArray<Part> => {
  if (content === undefined || content === null) return []
  if (typeof content === "string") return [{ _tag: "Text", text: content }]
  if (!Array.isArray(content)) {
    aside.meaning(path, content)
    return []
  }
  return (content as Items).flatMap((part, i) => {
    const read = readPart(part, `${path}[${i}]`, aside)
    return read === undefined ? [] : [read]
  })
}

const readCall = (value: unknown, path: string, id: string, aside: Aside): ToolCall | undefined => {
  const { arguments: input, name } = isObject(value) ? value : {}
  if (typeof name !== "string" || name === "") {
    aside.meaning(path, value)
    return undefined
  }
  return {
    _tag: "ToolCall",
    path,
    id,
    name,
    input: typeof input === "string" ? input : input === undefined || input === null ? "" : JSON.stringify(input),
    signed: undefined
  }
}

/** The signatures of a message: of its reasoning, and of its calls. */
interface Seals {
  readonly signed: Signed | undefined
  readonly sealed: ReadonlyArray<Signed>
}

const readMarked = (marked: string): Signed | undefined => {
  // Unmarked it would be this dialect's own, and that one has none.
  const signed = readSigned(marked, "openai")
  return signed?.by === "openai" ? undefined : signed
}

// Google's has no mark: it is as Google's own chat completions have it. Marked it is read like any other.
const readGoogle = (signature: string): Signed | undefined =>
  signature === "" ? undefined : readSigned(`er1.gemini.${signature}`, "openai")

const sealsOf = (extras: ReadonlyArray<unknown>): Seals => {
  let signed: Signed | undefined
  const sealed = new Set<string>()
  for (const extra of extras) {
    const said = readExtra(extra)
    if (said.relay !== "") signed = readMarked(said.relay) ?? signed
    for (const one of said.sealed) sealed.add(one)
  }
  return {
    signed,
    sealed: [...sealed].flatMap((one) => {
      const read = readMarked(one)
      return read === undefined ? [] : [read]
    })
  }
}

/** What a conversation needs to remember from message to message. */
interface Reading {
  readonly aside: Aside
  /** The names of the calls so far, by id. */
  readonly names: Map<string, string>
  /** The id of the last call in the old form, which has none. */
  old: string
}

const readCalls = (message: JsonObject, path: string, reading: Reading): ReadonlyArray<ToolCall> => {
  const { aside, names } = reading
  const { function_call: old, tool_calls: list } = message
  const calls: Array<ToolCall> = []
  const add = (call: ToolCall | undefined): void => {
    if (call === undefined) return
    calls.push(call)
    names.set(call.id, call.name)
  }
  if (Array.isArray(list)) {
    for (const [i, item] of (list as Items).entries()) {
      const place = `${path}.tool_calls[${i}]`
      const { extra_content: extra, function: said, id, type } = isObject(item) ? item : {}
      if (!isObject(said) || (type !== undefined && type !== "function")) {
        aside.meaning(place, item)
        continue
      }
      const call = readCall(said, place, text(id) || madeId(place), aside)
      add(call === undefined ? undefined : { ...call, signed: readGoogle(readExtra(extra).google) })
    }
  } else if (list !== undefined && list !== null) aside.meaning(`${path}.tool_calls`, list)
  if (filled(old)) {
    reading.old = madeId(path)
    add(readCall(old, `${path}.function_call`, reading.old, aside))
  }
  return calls
}

const extrasOf = (message: JsonObject): ReadonlyArray<unknown> => {
  const calls = message["tool_calls"]
  const inCalls = Array.isArray(calls)
    ? (calls as Items).map((call) => (isObject(call) ? call["extra_content"] : undefined))
    : []
  return [message["extra_content"], ...inCalls]
}

const reasoningIn = (message: JsonObject): ReadonlyArray<Part> => {
  const thought = reasoningOf(message)
  const { sealed, signed } = sealsOf(extrasOf(message))
  const parts: Array<Part> = []
  if (thought !== "" || signed !== undefined) {
    parts.push({
      _tag: "Reasoning",
      text: thought,
      signed: signed === undefined ? undefined : { ...signed, sealed: false }
    })
  }
  for (const one of sealed) parts.push({ _tag: "Reasoning", text: "", signed: { ...one, sealed: true } })
  return parts
}

const readAssistant = (message: JsonObject, path: string, reading: Reading): ReadonlyArray<Part> => {
  const { aside } = reading
  const { audio, content, images, refusal } = message
  if (filled(audio)) aside.meaning(`${path}.audio`, audio)
  const shown = Array.isArray(images)
    ? (images as Items).flatMap((image, i) => {
        const place = `${path}.images[${i}]`
        const read = isObject(image) ? readImage(image, place, aside) : undefined
        return read === undefined ? [] : [read]
      })
    : []
  return [
    ...reasoningIn(message),
    ...readContent(content, `${path}.content`, aside),
    ...(typeof refusal === "string" && refusal !== "" ? [{ _tag: "Refusal", text: refusal } as const] : []),
    ...shown,
    ...readCalls(message, path, reading)
  ]
}

// The mark stands at the beginning of the first text.
const withoutMark = (parts: ReadonlyArray<Part>): { readonly parts: ReadonlyArray<Part>; readonly failed: boolean } => {
  const [first, ...rest] = parts
  return first?._tag === "Text" && first.text.startsWith(failedMark)
    ? { parts: [{ ...first, text: first.text.slice(failedMark.length) }, ...rest], failed: true }
    : { parts, failed: false }
}

const readResult = (message: JsonObject, path: string, id: string, reading: Reading): Part => ({
  _tag: "ToolResult",
  path,
  id,
  name: text(message["name"]) || reading.names.get(id),
  ...withoutMark(readContent(message["content"], `${path}.content`, reading.aside))
})

const turnOf = (message: JsonObject, path: string, reading: Reading): Turn | undefined => {
  const { aside } = reading
  const named = (turn: Turn): Turn => {
    if (filled(message["name"])) aside.meaning(`${path}.name`, message["name"])
    return turn
  }
  switch (message["role"]) {
    case "system":
    case "developer":
      return named({ role: "system", parts: readContent(message["content"], `${path}.content`, aside) })
    case "user":
      return named({ role: "user", parts: readContent(message["content"], `${path}.content`, aside) })
    case "assistant":
      return named({ role: "assistant", parts: readAssistant(message, path, reading) })
    case "tool":
      return { role: "user", parts: [readResult(message, path, text(message["tool_call_id"]), reading)] }
    case "function":
      return { role: "user", parts: [readResult(message, path, reading.old, reading)] }
    default:
      aside.meaning(`${path}.role`, message["role"])
      return undefined
  }
}

/** Reads the messages of a body: what stands before the first turn apart. */
export const readMessages = (
  messages: unknown,
  aside: Aside
): { readonly system: ReadonlyArray<Part>; readonly turns: ReadonlyArray<Turn> } => {
  const reading: Reading = { aside, names: new Map(), old: "" }
  const system: Array<Part> = []
  const turns: Array<Turn> = []
  for (const [i, message] of (Array.isArray(messages) ? (messages as Items) : []).entries()) {
    const turn = isObject(message) ? turnOf(message, `messages[${i}]`, reading) : undefined
    if (turn === undefined) continue
    if (turn.role === "system" && turns.length === 0) system.push(...turn.parts)
    else turns.push(turn)
  }
  return { system, turns }
}
