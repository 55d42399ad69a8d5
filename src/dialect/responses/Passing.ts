/**
 * What an upstream's events are of: which of our items, which of its parts, and whether a client that puts a response
 * together takes them there. Pure.
 */
import type { Delta, NativeEvents } from "../Event.ts"
import { isObject, type JsonObject } from "../Json.ts"
import { type Item, type Part, partNow, textField } from "./Written.ts"

type Raw = NativeEvents["responses"]

/** An item of ours that an upstream writes, and its parts by the upstream's own numbers. */
export interface Mapped {
  readonly item: Item
  readonly parts: { readonly [O in Part["of"]]: Map<unknown, Part> }
}

/** An item of which no part was heard yet. */
export const mappedTo = (item: Item): Mapped => ({ item, parts: { content: new Map(), summary: new Map() } })

/** Whether an event of text holds nothing but its text. */
export const isBareText = (raw: Raw): boolean => {
  for (const field in raw) {
    switch (field) {
      case "type":
      case "sequence_number":
      case "item_id":
      case "output_index":
      case "content_index":
      case "delta":
        break
      case "logprobs":
        if (!Array.isArray(raw[field]) || (raw[field] as ReadonlyArray<unknown>).length > 0) return false
        break
      // It makes events of one length, so that who listens on the way learns nothing of it.
      case "obfuscation":
        break
      default:
        return false
    }
  }
  return typeof raw["delta"] === "string"
}

/** How many items back one is looked for that an event may be of. */
export const maxBack = 32

/** The field that counts parts. */
export const indexField = { content: "content_index", summary: "summary_index" } as const

/** All parts of an item. */
export const partsOf = ({ parts }: Item): ReadonlyArray<Part> => [...parts.summary, ...parts.content]

/** A part as it begins, if it is one that such an item may have. */
export const partOf = ({ kind }: Item, of: Part["of"], said: unknown): JsonObject | undefined => {
  const part = isObject(said) ? said : {}
  const isThought = of === "summary" || part["type"] === "reasoning_text"
  if (kind === "other" || (kind === "reasoning") !== isThought || kind === "call") return undefined
  if (of === "content" && part["type"] === "summary_text") return undefined
  // What it begins with comes again with its end.
  if (of === "summary") return { ...part, type: "summary_text", text: "" }
  if (part["type"] === "refusal") return { ...part, refusal: "" }
  if (part["type"] !== "output_text") return isThought ? { ...part, text: "" } : part
  return { ...part, text: "", ...(Array.isArray(part["annotations"]) ? {} : { annotations: [] }) }
}

/** Among which parts of its item that an event is of stands. */
export const partsIn = (raw: Raw): Part["of"] | undefined =>
  raw.type.startsWith("response.reasoning_summary_")
    ? "summary"
    : raw["content_index"] !== undefined || ofContent.test(raw.type)
      ? "content"
      : raw["summary_index"] !== undefined
        ? "summary"
        : undefined

const ofContent = /^response\.(content_part|output_text|refusal|reasoning_text)\./

/** What events are of, by how they begin: a kind of item, and a type of part. */
const belonging: ReadonlyArray<readonly [event: RegExp, kind: Item["kind"], type: string | undefined]> = [
  [/^response\.output_text\./, "message", "output_text"],
  [/^response\.refusal\./, "message", "refusal"],
  [/^response\.reasoning_text\./, "reasoning", "reasoning_text"],
  [/^response\.reasoning_summary_text\./, "reasoning", "summary_text"],
  [/^response\.reasoning_summary_part\./, "reasoning", undefined],
  [/^response\.function_call_arguments\./, "call", undefined]
]

/** Whether an event can be of an item, and of a part of it: clients refuse a stream in which it is not. */
export const isOfItem = (item: Item, part: Part | undefined, event: string): boolean => {
  const [, kind, type] = belonging.find(([name]) => name.test(event)) ?? []
  return (
    (kind === undefined || item.kind === kind) &&
    (type === undefined || part === undefined || part.raw["type"] === type)
  )
}

/** A part by its upstream's number. One whose beginning was not heard is the last that is open. */
export const partAt = ({ item, parts }: Mapped, of: Part["of"], index: unknown): Part | undefined => {
  const known = parts[of].get(index)
  if (known !== undefined) return known
  const last = item.parts[of].at(-1)
  if (last === undefined || last.done) return undefined
  parts[of].set(index, last)
  return last
}

/** Whether a part that was told at its item's end only can be told so. */
export const isPart = (part: unknown): boolean =>
  isObject(part) && typeof part["type"] === "string" && typeof part[textField({ raw: part })] === "string"

/** Whether a step says anything that was not said before. */
export const hasMore = ({ pieces, reasoning, text }: Delta): boolean =>
  text !== "" || reasoning !== "" || pieces !== undefined

/** A part with all that its upstream says of it, and the text that was written. */
export const partSaid = (part: Part, said: unknown): JsonObject => {
  const now = partNow(part)
  if (!isObject(said) || said["type"] !== part.raw["type"]) return now
  const { annotations } = said
  return {
    ...said,
    ...(now["annotations"] === undefined || Array.isArray(annotations) ? {} : { annotations: now["annotations"] }),
    [textField(part)]: part.text
  }
}

/** What is of an item, whether its upstream says of which or not. */
export const ofItems = /^response\.(content_part|output_text|refusal|reasoning_|function_call_arguments|output_item)/

/** Whether an event can be of an item, by its kind. */
export const fits = ({ kind }: Item, { type }: Raw): boolean => {
  switch (kind) {
    case "message":
      return /^response\.(output_text|refusal|content_part)\./.test(type) || type === "response.output_item.done"
    case "reasoning":
      return /^response\.(reasoning_|content_part\.)/.test(type) || type === "response.output_item.done"
    case "call":
      return type.startsWith("response.function_call_arguments.") || type === "response.output_item.done"
    case "other":
      return true
  }
}
