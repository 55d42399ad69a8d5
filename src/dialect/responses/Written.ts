/**
 * What has been written of a response so far: all that its next event depends on. What is written is put together by the
 * rules by which clients put it together, so that it can be read from the events themselves, and another process can go on.
 */
import type { Payload, Replayed } from "../Dialect.ts"
import type { Finish } from "../Event.ts"
import { keepExact } from "../ExactNumbers.ts"
import { isObject, type JsonObject, parseJson } from "../Json.ts"
import { type JsonScan, nothingScanned, scanJson } from "../JsonScan.ts"
import { readStatus } from "./Status.ts"

/** What an item of ours is, as far as it matters. */
export type ItemKind = "message" | "reasoning" | "call" | "other"

/** A part of an item: of a message's content, of what was thought, or of the summary of that. */
export interface Part {
  readonly of: "content" | "summary"
  readonly index: number
  /** As it began. */
  readonly raw: JsonObject
  /** Its text, whatever its field is called. */
  text: string
  readonly annotations: Array<unknown>
  /** The end of its text was told, and none has come since. */
  told: boolean
  done: boolean
}

/** An item of the output. */
export interface Item {
  readonly index: number
  readonly id: string
  readonly kind: ItemKind
  /** As it began; once it is done, as it is. */
  raw: JsonObject
  /** The parts of its content, and of its summary, each at its index. */
  readonly parts: { readonly [O in Part["of"]]: Array<Part> }
  /** Of a call: what it is asked, and how far that has come. */
  input: string
  readonly scan: JsonScan
  /** What its client must send back with it, as far as it came before its end. */
  signature: string
  done: boolean
}

/** The kind of an item by its `type`. */
export const kindOfItem = (type: unknown): ItemKind =>
  type === "message" || type === "reasoning" ? type : type === "function_call" ? "call" : "other"

/** The field of a part that is its text. */
export const textField = ({ raw }: Pick<Part, "raw">): "text" | "refusal" =>
  raw["type"] === "refusal" ? "refusal" : "text"

const textIn = (object: JsonObject, field: string): string => {
  const value = object[field]
  return typeof value === "string" ? value : ""
}

/** A part as it is now. */
export const partNow = (part: Part): JsonObject => {
  const now: JsonObject = { ...part.raw, [textField(part)]: part.text }
  if (part.annotations.length > 0) now["annotations"] = part.annotations
  return now
}

/** An item as it is now, with a status where it has one. */
export const itemNow = (item: Item, status: "completed" | "incomplete"): JsonObject => {
  const { kind, parts, raw, signature } = item
  if (item.done) return raw
  const now: JsonObject = { ...raw, ...(raw["status"] === undefined ? {} : { status }) }
  switch (kind) {
    case "message":
      return { ...now, content: parts.content.map(partNow) }
    case "reasoning":
      return {
        ...now,
        summary: parts.summary.map(partNow),
        ...(parts.content.length > 0 ? { content: parts.content.map(partNow) } : {}),
        ...(signature === "" ? {} : { encrypted_content: signature })
      }
    case "call":
      return { ...now, arguments: item.input.trim() === "" ? "{}" : item.input }
    case "other":
      return now
  }
}

/** A response, as far as it is written. */
export class Written {
  /** How many events there are: the number of the next one. */
  length = 0
  /** The response as it was told when it began, without its output. */
  head: JsonObject | undefined
  /** It was told that an upstream answers. */
  begun = false
  readonly items: Array<Item> = []
  /** The items that are not done, in the order in which they began. */
  readonly open = new Set<Item>()
  /** Those of them that are done when the next one begins: all but calls whose input is to come. */
  readonly over = new Set<Item>()
  readonly calls: Array<Item> = []
  /** The ids of calls: results are told apart by them. */
  readonly callIds = new Set<unknown>()
  ended = false
  /** The response as it was told when it ended. */
  last: JsonObject | undefined
  /** An event whose numbers are to be printed as they came. */
  exact: JsonObject = {}

  /** Takes the next event that is written. It is kept, and must not be changed any more. */
  apply(event: JsonObject): void {
    this.length += 1
    keepExact(this.exact, event)
    switch (event["type"]) {
      case "response.created":
      case "response.queued":
      case "response.in_progress":
        if (isObject(event["response"])) this.head = event["response"]
        if (event["type"] === "response.in_progress") this.begun = true
        return
      case "response.output_item.added":
        this.add(isObject(event["item"]) ? event["item"] : {})
        return
      case "response.output_item.done": {
        const item = this.itemOf(event)
        if (item === undefined) return
        if (isObject(event["item"])) item.raw = event["item"]
        item.done = true
        this.open.delete(item)
        this.over.delete(item)
        return
      }
      case "response.content_part.added":
        return this.addPart(event, "content")
      case "response.reasoning_summary_part.added":
        return this.addPart(event, "summary")
      case "response.content_part.done":
      case "response.reasoning_summary_part.done": {
        const part = this.partOf(event)
        if (part !== undefined) part.done = true
        return
      }
      case "response.output_text.annotation.added":
        this.partOf(event)?.annotations.push(event["annotation"])
        return
      case "response.output_text.delta":
      case "response.refusal.delta":
      case "response.reasoning_text.delta":
      case "response.reasoning_summary_text.delta": {
        const part = this.partOf(event)
        if (part !== undefined) this.applyDelta(part, textIn(event, "delta"))
        const item = event["signature"] === undefined ? undefined : this.itemOf(event)
        if (item !== undefined) item.signature += textIn(event, "signature")
        return
      }
      case "response.output_text.done":
      case "response.refusal.done":
      case "response.reasoning_text.done":
      case "response.reasoning_summary_text.done": {
        const part = this.partOf(event)
        if (part !== undefined) part.told = true
        return
      }
      case "response.function_call_arguments.delta": {
        const item = this.itemOf(event)
        if (item === undefined) return
        item.input += textIn(event, "delta")
        scanJson(item.scan, textIn(event, "delta"))
        if (item.scan.whole && !item.done) this.over.add(item)
        return
      }
      case "response.completed":
      case "response.incomplete":
      case "response.failed":
        if (isObject(event["response"])) this.last = event["response"]
        this.ended = event["type"] !== "response.failed"
        return
      case "error":
        this.ended = true
    }
  }

  /** The same for an event of text, which is not made into an object first. */
  applyText(part: Part, text: string): void {
    this.length += 1
    this.applyDelta(part, text)
  }

  private applyDelta(part: Part, text: string): void {
    part.text += text
    part.told = false
  }

  itemOf(event: JsonObject): Item | undefined {
    const index = event["output_index"]
    return typeof index === "number" ? this.items[index] : undefined
  }

  private partOf(event: JsonObject): Part | undefined {
    const { content_index: content, summary_index: summary } = event
    const parts = this.itemOf(event)?.parts
    if (typeof content === "number") return parts?.content[content]
    return typeof summary === "number" ? parts?.summary[summary] : undefined
  }

  private add(raw: JsonObject): void {
    const { arguments: input, id, type } = raw
    const scan = nothingScanned()
    if (typeof input === "string") scanJson(scan, input)
    const item: Item = {
      index: this.items.length,
      id: typeof id === "string" ? id : "",
      kind: kindOfItem(type),
      raw,
      parts: { content: [], summary: [] },
      input: typeof input === "string" ? input : "",
      scan,
      signature: "",
      done: false
    }
    this.items.push(item)
    this.open.add(item)
    if (item.kind !== "call" || scan.whole) this.over.add(item)
    if (item.kind !== "call") return
    this.calls.push(item)
    this.callIds.add(raw["call_id"])
  }

  private addPart(event: JsonObject, of: Part["of"]): void {
    const raw = isObject(event["part"]) ? event["part"] : {}
    const item = this.itemOf(event)
    if (item === undefined) return
    const { annotations } = raw
    const known = Array.isArray(annotations) ? [...(annotations as ReadonlyArray<unknown>)] : []
    const index = item.parts[of].length
    item.parts[of].push({
      of,
      index,
      raw,
      text: textIn(raw, textField({ raw })),
      annotations: known,
      told: false,
      done: false
    })
  }
}

/** Reads events of ours back, one after the other. */
export class Replay {
  readonly written = new Written()
  private text = ""
  private tokenCount = 0
  private beside = 0
  private reasoning = 0
  private sealed = false
  private finish: Finish | undefined

  read({ data }: Payload): void {
    const raw = parseJson(data)
    if (isObject(raw)) this.readEvent(raw, data.length)
  }

  result(): Replayed {
    const { begun, calls, ended } = this.written
    return {
      text: this.text,
      tokenCount: this.tokenCount,
      beside: this.beside,
      reasoning: this.reasoning,
      begun,
      sealed: this.sealed,
      called: calls.length > 0,
      finish: this.finish,
      ended
    }
  }

  private readEvent(raw: JsonObject, size: number): void {
    this.written.apply(raw)
    switch (raw["type"]) {
      case "response.output_text.delta": {
        const said = textIn(raw, "delta")
        if (said === "") return
        this.text += said
        this.tokenCount += 1
        return
      }
      case "response.reasoning_text.delta":
      case "response.reasoning_summary_text.delta": {
        const thought = textIn(raw, "delta").length
        this.reasoning += thought
        this.beside += thought + textIn(raw, "signature").length
        return
      }
      case "response.output_item.added": {
        const kind = kindOfItem(isObject(raw["item"]) ? raw["item"]["type"] : undefined)
        if (kind === "message" || kind === "reasoning") return
        this.sealed = true
        this.beside += size
        return
      }
      case "response.refusal.delta":
      case "response.function_call_arguments.delta":
        this.sealed = true
        this.beside += size
        return
      case "response.completed":
      case "response.incomplete":
        if (isObject(raw["response"])) this.finish = readStatus(raw["response"], this.written.calls.length > 0)
        return
      case "response.created":
      case "response.queued":
      case "response.in_progress":
      case "response.failed":
      case "error":
      case "response.content_part.added":
      case "response.content_part.done":
      case "response.output_item.done":
      case "response.output_text.done":
      case "response.output_text.annotation.added":
      case "response.refusal.done":
      case "response.reasoning_text.done":
      case "response.reasoning_summary_part.added":
      case "response.reasoning_summary_part.done":
      case "response.reasoning_summary_text.done":
      case "response.function_call_arguments.done":
        return
      default:
        // What only this dialect has words for.
        if (raw["output_index"] !== undefined) this.sealed = true
        this.beside += size
    }
  }
}
