/**
 * The input of a response as turns of a conversation.
 */
import { readDataUrl } from "../DataUrl.ts"
import { withoutMark } from "../FailedResult.ts"
import { isObject, type JsonObject } from "../Json.ts"
import type { Part, Turn } from "../Request.ts"
import { readSigned } from "../Signature.ts"
import { type Aside, isGiven, typeOfItem } from "./Aside.ts"

type Items = ReadonlyArray<unknown>

const text = (value: unknown): string => (typeof value === "string" ? value : "")

const readImage = (part: JsonObject, path: string, aside: Aside): ReadonlyArray<Part> => {
  const url = text(part["image_url"])
  const { detail } = part
  if (isGiven(detail) && detail !== "auto") aside.hint("imageDetail", `${path}.detail`, detail)
  const data = readDataUrl(url)
  if (data !== undefined) {
    return [{ _tag: "Image", path, mediaType: data.mediaType || undefined, source: { base64: data.base64 } }]
  }
  if (/^https?:\/\//i.test(url)) return [{ _tag: "Image", path, mediaType: undefined, source: { url } }]
  aside.meaning(path, part)
  return []
}

const readFile = (part: JsonObject, path: string, aside: Aside): ReadonlyArray<Part> => {
  const said = text(part["file_data"])
  const data = readDataUrl(said)
  // An id of a file is known to nobody else; a URL is not fetched.
  if (said === "" || (data === undefined && !/^[\w+/=-]+$/.test(said))) {
    aside.meaning(path, part)
    return []
  }
  const name = text(part["filename"]) || undefined
  return [{ _tag: "File", path, mediaType: data?.mediaType || undefined, name, base64: data?.base64 ?? said }]
}

const readPart = (part: unknown, path: string, aside: Aside): ReadonlyArray<Part> => {
  if (isObject(part)) {
    if (isGiven(part["prompt_cache_breakpoint"])) {
      aside.hint("cacheControl", `${path}.prompt_cache_breakpoint`, part["prompt_cache_breakpoint"])
    }
    switch (part["type"]) {
      case "input_text":
      case "output_text":
      case "text":
        if (typeof part["text"] === "string") return [{ _tag: "Text", text: part["text"] }]
        break
      case "refusal":
        if (typeof part["refusal"] === "string") return [{ _tag: "Refusal", text: part["refusal"] }]
        break
      case "input_image":
        return readImage(part, path, aside)
      case "input_file":
        return readFile(part, path, aside)
    }
  }
  aside.meaning(path, part)
  return []
}

const readContent = (content: unknown, path: string, aside: Aside): ReadonlyArray<Part> => {
  if (typeof content === "string") return [{ _tag: "Text", text: content }]
  if (Array.isArray(content)) return (content as Items).flatMap((part, i) => readPart(part, `${path}[${i}]`, aside))
  aside.meaning(path, content)
  return []
}

const textsOf = (list: unknown): ReadonlyArray<string> =>
  (Array.isArray(list) ? (list as Items) : []).map((part) => (isObject(part) ? text(part["text"]) : ""))

type Reasoning = Extract<Part, { readonly _tag: "Reasoning" }>

// A summary of nothing says that what is signed was not sealed: what is has no summary.
const readReasoning = (item: JsonObject): Reasoning => {
  const summary = textsOf(item["summary"])
  const said = summary.some((one) => one !== "") ? summary : textsOf(item["content"])
  const thought = said.join("\n\n")
  const signed = readSigned(text(item["encrypted_content"]), "responses")
  return {
    _tag: "Reasoning",
    text: thought,
    signed:
      signed === undefined || signed.value === ""
        ? undefined
        : { ...signed, sealed: thought === "" && summary.length === 0 }
  }
}

const readCall = (item: JsonObject, path: string, aside: Aside): ReadonlyArray<Part> => {
  const { arguments: input, call_id: id, caller, name, namespace } = item
  if (isGiven(namespace) || (isObject(caller) && caller["type"] !== "direct")) {
    aside.meaning(path, item)
    return []
  }
  return [{ _tag: "ToolCall", path, id: text(id), name: text(name), input: text(input), signed: undefined }]
}

/** What a conversation needs to remember from item to item. */
interface Reading {
  readonly aside: Aside
  /** The names of the calls so far, by id. */
  readonly names: Map<string, string>
  readonly system: Array<Part>
  readonly turns: Array<{ readonly role: Turn["role"]; readonly parts: Array<Part> }>
}

/** Adds parts to the turn that is under way, if they belong to it. */
const add = ({ turns }: Reading, role: Turn["role"], parts: ReadonlyArray<Part>, joins: boolean): void => {
  const last = turns.at(-1)
  if (joins && last?.role === role) last.parts.push(...parts)
  else turns.push({ role, parts: [...parts] })
}

const hasSpoken = ({ turns }: Reading): boolean =>
  turns.at(-1)?.parts.some(({ _tag }) => _tag === "Text" || _tag === "ToolCall" || _tag === "Refusal") === true

const onlyResults = ({ turns }: Reading): boolean =>
  turns.at(-1)?.parts.every(({ _tag }) => _tag === "ToolResult") === true

/** What signs a call stands behind it, since a call has no room for it. */
const signsCall = ({ turns }: Reading, { signed, text }: Reasoning): boolean => {
  const before = turns.at(-1)?.parts.at(-1)
  if (before?._tag !== "ToolCall" || signed === undefined || text !== "" || signed.by === "responses") return false
  return !signed.sealed || signed.by !== "anthropic"
}

const readMessage = (item: JsonObject, path: string, reading: Reading): void => {
  const { aside, system, turns } = reading
  const parts = readContent(item["content"], `${path}.content`, aside)
  switch (item["role"]) {
    case "system":
    case "developer":
      if (turns.length === 0) system.push(...parts)
      else add(reading, "system", parts, false)
      return
    case "user":
      return add(reading, "user", parts, false)
    case "assistant":
      return add(reading, "assistant", parts, !hasSpoken(reading))
    default:
      aside.meaning(`${path}.role`, item["role"])
  }
}

const readItem = (item: unknown, path: string, reading: Reading): void => {
  const { aside, names, turns } = reading
  if (!isObject(item)) return aside.meaning(path, item)
  switch (typeOfItem(item)) {
    case "message":
      return readMessage(item, path, reading)
    case "function_call": {
      names.set(text(item["call_id"]), text(item["name"]))
      return add(reading, "assistant", readCall(item, path, aside), true)
    }
    case "function_call_output": {
      const id = text(item["call_id"])
      const parts = readContent(item["output"], `${path}.output`, aside)
      const name = names.get(id)
      return add(reading, "user", [{ _tag: "ToolResult", path, id, name, ...withoutMark(parts) }], onlyResults(reading))
    }
    case "reasoning": {
      const reasoning = readReasoning(item)
      if (signsCall(reading, reasoning)) {
        const { parts } = turns.at(-1)!
        const { by, value } = reasoning.signed!
        parts[parts.length - 1] = { ...(parts.at(-1) as Extract<Part, { _tag: "ToolCall" }>), signed: { by, value } }
        return
      }
      return add(reading, "assistant", [reasoning], true)
    }
    case "item_reference":
      return aside.meaning(`${path}.id`, item["id"])
    default:
      aside.meaning(path, item)
  }
}

/** Reads what was asked: what stands before the first turn apart. */
export const readInput = (
  { input, instructions }: JsonObject,
  aside: Aside
): { readonly system: ReadonlyArray<Part>; readonly turns: ReadonlyArray<Turn> } => {
  const reading: Reading = { aside, names: new Map(), system: [], turns: [] }
  if (typeof instructions === "string") {
    if (instructions !== "") reading.system.push({ _tag: "Text", text: instructions })
  } else if (Array.isArray(instructions)) {
    ;(instructions as Items).forEach((item, i) => readItem(item, `instructions[${i}]`, reading))
  }
  if (typeof input === "string") add(reading, "user", [{ _tag: "Text", text: input }], false)
  else if (Array.isArray(input)) (input as Items).forEach((item, i) => readItem(item, `input[${i}]`, reading))
  return { system: reading.system, turns: reading.turns.filter(({ parts }) => parts.length > 0) }
}
