/**
 * What a delta of an OpenAI chunk has beside text and reasoning: tool calls, refusals, signatures, images, and what only
 * this dialect has words for.
 */
import { readDataUrl } from "../DataUrl.ts"
import type { Piece } from "../Event.ts"
import { isObject, type JsonObject } from "../Json.ts"
import { type Calls, mendInput, mendPart, readCallPart } from "./Calls.ts"
import { filled } from "./Chunk.ts"

type Items = ReadonlyArray<unknown>

const listOf = (value: unknown): Items => (Array.isArray(value) ? (value as Items) : [])

/** What an upstream of this dialect wants back, as it wrote it: the fields that are not its text, as a line of JSON. */
export const sealOf = (native: JsonObject): string => {
  const { text: _text, summary: _summary, thinking: _thinking, ...rest } = native
  return `${JSON.stringify(rest)}\n`
}

const pushCall = (pieces: Array<Piece>, calls: Calls, part: unknown, { held, names }: PieceReading) => {
  if (isObject(part)) mendInput(part)
  const said = isObject(part) ? readCallPart(part) : undefined
  const call = said === undefined ? undefined : calls.place(said)
  if (call?.place !== held.of?.call) releaseSignature(pieces, held)
  if (said === undefined || call === undefined || !isObject(part)) {
    pieces.push({ _tag: "Native", what: "tool_calls" })
    return
  }
  mendPart(part, call)
  const index = call.place
  if (call.named) {
    pieces.push({ _tag: "ToolCall", index, id: call.id, name: names?.get(call.name) ?? call.name })
    if (call.held !== "") pieces.push({ _tag: "ToolInput", index, text: call.held })
    call.held = ""
  }
  if (said.input !== "" && !call.again) {
    if (call.name === "") call.held += said.input
    else pieces.push({ _tag: "ToolInput", index, text: said.input })
  }
  if (filled(part["extra_content"])) {
    const value = sealOf({ extra_content: part["extra_content"] })
    held.of = { call: index }
    held.value += value
  }
  // Who writes a call as one block ends it with its signature.
  if (call.whole) releaseSignature(pieces, held)
}

/** What signs a call whose input has not come yet. */
export interface HeldSignature {
  of: { readonly call: number } | undefined
  value: string
}

/** Says what signs a call, behind its input. */
export const releaseSignature = (pieces: Array<Piece>, held: HeldSignature): void => {
  if (held.of === undefined) return
  pieces.push({ _tag: "Signature", by: "openai", value: held.value, of: held.of })
  held.of = undefined
  held.value = ""
}

const pushDetail = (pieces: Array<Piece>, detail: unknown): void => {
  if (!isObject(detail)) return
  if (filled(detail["signature"])) {
    pieces.push({ _tag: "Signature", by: "openai", value: sealOf(detail), of: "reasoning" })
  } else if (filled(detail["data"])) {
    pieces.push({ _tag: "SealedReasoning", by: "openai", value: sealOf(detail) })
  }
}

const pushImage = (pieces: Array<Piece>, image: unknown): void => {
  const said = isObject(image) && isObject(image["image_url"]) ? image["image_url"]["url"] : undefined
  const data = typeof said === "string" ? readDataUrl(said) : undefined
  pieces.push(data === undefined ? { _tag: "Native", what: "images" } : { _tag: "Media", ...data })
}

// Parts of a content that are neither text nor thinking: a reference, a file.
const pushParts = (pieces: Array<Piece>, parts: Items): void => {
  for (const part of parts) {
    if (!isObject(part) || part["type"] === "text") continue
    if (part["type"] !== "thinking") pieces.push({ _tag: "Native", what: "content" })
    else if (filled(part["signature"])) {
      pieces.push({ _tag: "Signature", by: "openai", value: sealOf(part), of: "reasoning" })
    }
  }
}

/** What pieces need to be read. */
export interface PieceReading {
  /** The calls of this choice; made when the first one comes. */
  readonly calls: () => Calls
  /** Names that were made fit, and what they were. */
  readonly names: ReadonlyMap<string, string> | undefined
  readonly held: HeldSignature
}

/**
 * The pieces of a delta, and `undefined` where there is none, as in nearly all. A field that is not known here is one if
 * it is a list or an object that says anything; a plain value beside the text (a name, a flag) is none.
 *
 * Parts of tool calls are mended in the delta, so that they are what OpenAI would have sent.
 */
export const piecesOf = (delta: JsonObject, reading: PieceReading): Array<Piece> | undefined => {
  let pieces: Array<Piece> | undefined
  for (const field in delta) {
    const value = delta[field]
    if (value === null || value === "") continue
    switch (field) {
      case "role":
      case "reasoning_content":
      case "reasoning":
        continue
      case "content":
        if (Array.isArray(value)) pushParts((pieces ??= []), value as Items)
        continue
      case "refusal":
        if (typeof value === "string") (pieces ??= []).push({ _tag: "Refusal", text: value })
        continue
      case "tool_calls": {
        const parts = listOf(value)
        if (parts.length === 0) continue
        const calls = reading.calls()
        calls.event()
        for (const part of parts) pushCall((pieces ??= []), calls, part, reading)
        continue
      }
      case "function_call": {
        if (!filled(value)) continue
        // The old form of the one call that there may be. It has no index, and is not mended.
        const calls = reading.calls()
        calls.event()
        pushCall((pieces ??= []), calls, { index: 0, function: isObject(value) ? { ...value } : {} }, reading)
        continue
      }
      case "reasoning_details":
      case "thinking_blocks":
        for (const detail of listOf(value)) pushDetail((pieces ??= []), detail)
        continue
      case "images":
        for (const image of listOf(value)) pushImage((pieces ??= []), image)
        continue
      case "extra_content":
        if (filled(value)) pushExtra((pieces ??= []), value)
        continue
      default:
        if (typeof value === "object" && filled(value)) (pieces ??= []).push({ _tag: "Native", what: field })
    }
  }
  return pieces === undefined || pieces.length === 0 ? undefined : pieces
}

// A signature of what was said so far: Google's, or one that a relay behind this one passes on. A thought's mark is read
// with its text.
const pushExtra = (pieces: Array<Piece>, extra: unknown): void => {
  const { google, relay, ...others } = isObject(extra) ? extra : {}
  const { thought: _, thought_signature: signature, ...more } = isObject(google) ? google : {}
  const { sealed, signature: passed, ...rest } = isObject(relay) ? relay : {}
  const value = sealOf({ extra_content: extra })
  if (filled(signature) || filled(passed)) pieces.push({ _tag: "Signature", by: "openai", value, of: "reasoning" })
  if (filled(sealed)) pieces.push({ _tag: "SealedReasoning", by: "openai", value })
  if (filled(more) || filled(rest) || filled(others)) pieces.push({ _tag: "Native", what: "extra_content" })
}
