/**
 * The contents of a request, part by part, in words that all dialects share.
 */
import { madeId } from "../CallId.ts"
import { printJson } from "../ExactNumbers.ts"
import { isObject, type JsonObject } from "../Json.ts"
import type { Hint, Meaning, Part, Turn } from "../Request.ts"
import { fieldOf, isGiven, listIn, objectIn, spelled, textIn } from "./Spelling.ts"
import { readThoughtSignature } from "./Signed.ts"

type ToolCall = Extract<Part, { readonly _tag: "ToolCall" }>
type Reasoning = Extract<Part, { readonly _tag: "Reasoning" }>

interface Found {
  readonly hints: Array<Hint>
  readonly meanings: Array<Meaning>
}

/** A call that has had no response yet. */
interface OpenCall {
  readonly id: string
  readonly name: string
  /** Its client gave it no id: this one is ours. */
  readonly nameless: boolean
}

/** Calls that have had no response yet, in their order. */
interface Reading extends Found {
  readonly open: Array<OpenCall>
  calls: number
}

const mean = (found: Found, path: string, value: unknown): ReadonlyArray<Part> => {
  found.meanings.push({ path, value })
  return []
}

const inlinePart = (data: JsonObject, path: string): ReadonlyArray<Part> => {
  const mediaType = textIn(data, "mimeType") || undefined
  const base64 = textIn(data, "data")
  if (mediaType === undefined || mediaType.startsWith("image/")) {
    return [{ _tag: "Image", path, mediaType, source: { base64 } }]
  }
  return [{ _tag: "File", path, mediaType, name: textIn(data, "displayName") || undefined, base64 }]
}

// What Google holds for its own is known to nobody else.
const isGoogles = (uri: string): boolean => /^https:\/\/generativelanguage\.googleapis\.com\//i.test(uri)

const linkedPart = (data: JsonObject, path: string, found: Found): ReadonlyArray<Part> => {
  const uri = textIn(data, "fileUri")
  const mediaType = textIn(data, "mimeType") || undefined
  return mediaType?.startsWith("image/") === true && /^https:\/\//i.test(uri) && !isGoogles(uri)
    ? [{ _tag: "Image", path, mediaType, source: { url: uri } }]
    : mean(found, path, data)
}

const inputOf = (args: unknown): string =>
  isObject(args) ? printJson(args) : isGiven(args) ? JSON.stringify(args) : "{}"

const callPart = (call: JsonObject, signature: string, path: string, reading: Reading): ReadonlyArray<Part> => {
  const name = textIn(call, "name")
  const said = textIn(call, "id")
  const id = said || madeId(`${reading.calls}/${name}`)
  reading.calls += 1
  reading.open.push({ id, name, nameless: said === "" })
  const signed = signature === "" ? undefined : readThoughtSignature(signature)
  return [
    {
      _tag: "ToolCall",
      path,
      id,
      name,
      input: inputOf(fieldOf(call, "args")),
      signed: signed === undefined || signed.value === "" ? undefined : signed
    }
  ]
}

/**
 * The call that a response is of: the one with its id. Where one of the two has none, the first one of its name, and else the
 * first one; a call without an id before one that has another.
 */
const callOf = (open: ReadonlyArray<OpenCall>, id: string, name: string): number => {
  const same = id === "" ? -1 : open.findIndex((call) => !call.nameless && call.id === id)
  if (same >= 0) return same
  const named = open.findIndex((call) => call.nameless && call.name === name)
  if (named >= 0) return named
  if (id !== "") return open.findIndex((call) => call.nameless)
  const ofName = open.findIndex((call) => call.name === name)
  return ofName < 0 && open.length > 0 ? 0 : ofName
}

const pairOf = (response: JsonObject, { open }: Reading): { readonly id: string; readonly name: string } => {
  const id = textIn(response, "id")
  const name = textIn(response, "name")
  const at = callOf(open, id, name)
  const [call] = at < 0 ? [] : open.splice(at, 1)
  return { id: call?.id ?? (id || `call_of_${name}`), name: name || (call?.name ?? "") }
}

const sayOf = (value: unknown): string =>
  typeof value === "string" ? value : isObject(value) ? printJson(value) : JSON.stringify(value ?? null)

/** What a function gave: Google's `output` and `error`, what its own and others' SDKs write, or all of it. */
const outcomeOf = (response: unknown, name: string): { readonly text: string; readonly failed: boolean } => {
  if (!isObject(response)) return { text: isGiven(response) ? sayOf(response) : "", failed: false }
  const fields = Object.keys(response)
  const [only] = fields
  if (fields.length === 1 && (only === "output" || only === "result")) {
    return { text: sayOf(response[only]), failed: false }
  }
  if (fields.length === 1 && only === "error") return { text: sayOf(response[only]), failed: true }
  // As `@ai-sdk/google` has it.
  if (fields.length === 2 && response["name"] === name && typeof response["content"] === "string") {
    return { text: response["content"], failed: false }
  }
  return { text: printJson(response), failed: false }
}

const responsePart = (response: JsonObject, path: string, reading: Reading): ReadonlyArray<Part> => {
  const { id, name } = pairOf(response, reading)
  const { failed, text } = outcomeOf(response["response"], name)
  const shown = spelled(response, "parts")
  const more = (Array.isArray(shown.value) ? (shown.value as ReadonlyArray<unknown>) : []).flatMap((part, i) =>
    dataPart(part, `${path}.${shown.name}[${i}]`, reading)
  )
  if (response["willContinue"] === true || response["will_continue"] === true) mean(reading, path, response)
  const said: ReadonlyArray<Part> = text === "" && more.length > 0 ? [] : [{ _tag: "Text", text }]
  return [{ _tag: "ToolResult", path, id, name, parts: [...said, ...more], failed }]
}

const dataPart = (part: unknown, path: string, found: Found): ReadonlyArray<Part> => {
  if (!isObject(part)) return mean(found, path, part)
  const inline = objectIn(part, "inlineData")
  if (inline !== undefined) return inlinePart(inline, path)
  const linked = objectIn(part, "fileData")
  return linked === undefined ? mean(found, path, part) : linkedPart(linked, path, found)
}

const textPart = (text: string, thought: boolean, signature: string): ReadonlyArray<Part> => {
  const signed = signature === "" ? undefined : readThoughtSignature(signature)
  if (thought) {
    // Nobody's mark: it is Gemini's.
    const whose = signature === "" ? ({ by: "gemini", value: "" } as const) : signed
    return whose === undefined ? [] : [{ _tag: "Reasoning", text, signed: { ...whose, sealed: false } }]
  }
  const said: ReadonlyArray<Part> = text === "" ? [] : [{ _tag: "Text", text }]
  if (signed === undefined || signed.value === "") return said
  // What another vendor has sealed is given to clients as the signature of an empty text; Google signs texts.
  return [...said, { _tag: "Reasoning", text: "", signed: { ...signed, sealed: signed.by !== "gemini" } }]
}

/** The fields of a part that are no data of it. */
const beside: ReadonlySet<string> = new Set(["thought", "thoughtSignature", "thought_signature"])

const partsOf = (part: unknown, path: string, reading: Reading): ReadonlyArray<Part> => {
  if (!isObject(part)) return mean(reading, path, part)
  const resolution = spelled(part, "mediaResolution")
  if (isGiven(resolution.value)) {
    reading.hints.push({ name: "imageDetail", path: `${path}.${resolution.name}`, value: resolution.value })
  }
  if (isGiven(fieldOf(part, "videoMetadata"))) return mean(reading, path, part)
  const signature = textIn(part, "thoughtSignature")
  const call = objectIn(part, "functionCall")
  if (call !== undefined) return callPart(call, signature, path, reading)
  const response = objectIn(part, "functionResponse")
  if (response !== undefined) return responsePart(response, path, reading)
  if (typeof part["text"] === "string") return textPart(part["text"], part["thought"] === true, signature)
  if (objectIn(part, "inlineData") !== undefined || objectIn(part, "fileData") !== undefined) {
    return dataPart(part, path, reading)
  }
  if (Object.keys(part).every((field) => beside.has(field) || !isGiven(part[field]))) {
    return textPart("", part["thought"] === true, signature)
  }
  return mean(reading, path, part)
}

const isSame = (a: Reasoning, b: Reasoning): boolean =>
  a.signed?.by === b.signed?.by && a.signed?.sealed === b.signed?.sealed

const isUnsigned = ({ signed }: Reasoning): boolean => signed === undefined || signed.value === ""

/** A signature that is told in parts is told from its beginning, or its parts follow each other. */
const grown = (before: string, more: string): string => (more.startsWith(before) ? more : before + more)

// The second of two thoughts that are parts of one; `undefined` where they are two.
const joinedThought = (first: Reasoning, second: Reasoning): Reasoning | undefined => {
  if (!isSame(first, second) || first.signed?.sealed === true) return undefined
  if (isUnsigned(first)) return { ...second, text: first.text + second.text }
  if (second.text !== "" || isUnsigned(second)) return undefined
  return { ...first, signed: { ...first.signed!, value: grown(first.signed!.value, second.signed!.value) } }
}

/**
 * Joins what came apart: clients keep the chunks of a stream as they came. A call's signature that stands behind it, in an
 * empty part, is the call's.
 */
const joined = (parts: ReadonlyArray<Part>): ReadonlyArray<Part> => {
  const made: Array<Part> = []
  for (const part of parts) {
    const last = made.at(-1)
    let one: Part | undefined
    if (part._tag === "Text" && last?._tag === "Text") one = { _tag: "Text", text: last.text + part.text }
    else if (part._tag === "Reasoning" && last?._tag === "Reasoning") one = joinedThought(last, part)
    else if (part._tag === "Reasoning" && last?._tag === "ToolCall") one = signedCall(last, part)
    if (one === undefined) made.push(part)
    else made[made.length - 1] = one
  }
  return made
}

const signedCall = (call: ToolCall, { signed, text }: Reasoning): ToolCall | undefined =>
  text === "" && signed !== undefined && signed.value !== "" && signed.by !== "gemini" && !signed.sealed
    ? {
        ...call,
        signed: {
          by: signed.by,
          value: call.signed?.by === signed.by ? grown(call.signed.value, signed.value) : signed.value
        }
      }
    : undefined

/**
 * What another vendor has signed of its thoughts is told with the first call behind them, too: there it is taken for the
 * thoughts', and is no signature of the call.
 */
const withSignedThoughts = (parts: ReadonlyArray<Part>): ReadonlyArray<Part> => {
  const made = [...parts]
  for (const [i, part] of made.entries()) {
    const signed = part._tag === "ToolCall" ? part.signed : undefined
    if (part._tag !== "ToolCall" || signed === undefined || signed.by === "gemini" || signed.by === "openai") continue
    made[i] = { ...part, signed: undefined }
    const of = made.findLastIndex((one, at) => at < i && one._tag === "Reasoning" && one.signed?.by === signed.by)
    const thought = made[of]
    if (thought?._tag === "Reasoning" && isUnsigned(thought)) {
      made[of] = { ...thought, signed: { ...signed, sealed: false } }
    }
  }
  return made
}

/** Parts, and what was found beside them. */
export interface Texts {
  readonly parts: ReadonlyArray<Part>
  readonly meanings: ReadonlyArray<Meaning>
}

/** The texts of a system instruction: a content, or a text. */
export const textsOf = (value: unknown, path: string): Texts => {
  if (typeof value === "string") return { parts: value === "" ? [] : [{ _tag: "Text", text: value }], meanings: [] }
  const meanings: Array<Meaning> = []
  const parts = (isObject(value) ? listIn(value, "parts") : []).flatMap((part, i): ReadonlyArray<Part> => {
    if (isObject(part) && typeof part["text"] === "string") {
      return part["text"] === "" ? [] : [{ _tag: "Text", text: part["text"] }]
    }
    meanings.push({ path: `${path}.parts[${i}]`, value: part })
    return []
  })
  return { parts, meanings }
}

const roleOf = (role: unknown): Turn["role"] => (role === "model" ? "assistant" : "user")

/** The turns of a conversation. Contents of one role that follow each other are one. */
export const turnsOf = (
  contents: ReadonlyArray<unknown>,
  path: string
): {
  readonly turns: ReadonlyArray<Turn>
  readonly hints: ReadonlyArray<Hint>
  readonly meanings: ReadonlyArray<Meaning>
} => {
  const reading: Reading = { hints: [], meanings: [], open: [], calls: 0 }
  const turns: Array<{ readonly role: Turn["role"]; readonly parts: Array<Part> }> = []
  for (const [i, content] of contents.entries()) {
    if (!isObject(content)) continue
    const role = roleOf(content["role"])
    // Whoever is asked anew has no call open from before: those of the last answer are.
    const parts = listIn(content, "parts").flatMap((part, j) => partsOf(part, `${path}[${i}].parts[${j}]`, reading))
    const last = turns.at(-1)
    if (last?.role === role && role === "assistant") last.parts.push(...parts)
    else turns.push({ role, parts: [...parts] })
  }
  return {
    turns: turns.map(({ parts, role }) => ({
      role,
      parts: role === "assistant" ? withSignedThoughts(joined(parts)) : parts
    })),
    hints: reading.hints,
    meanings: reading.meanings
  }
}
