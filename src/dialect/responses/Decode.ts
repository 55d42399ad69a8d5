/**
 * A Responses upstream's answer, event by event, as events of ours.
 */
import { BadResponseBody, type ResilienceError, stackless } from "../../errors/index.ts"
import { inputText } from "../CallInput.ts"
import type { Encoded, EventDecoder } from "../Dialect.ts"
import { type Delta, type Finish, type NativeEvents, nothing, type Piece, type UpstreamEvent } from "../Event.ts"
import { deepest, isObject, isTooDeep, type JsonObject, parseJson } from "../Json.ts"
import { failureOf } from "../OpenAIFailures.ts"
import { isErrorBody } from "../upstream/Body.ts"
import { classifyInBand } from "../upstream/Classify.ts"
import { isIdle } from "../upstream/Idle.ts"
import type { Usage } from "../Usage.ts"
import { imageIn } from "./Drawn.ts"
import { ItemNumbers } from "./ItemNumbers.ts"
import { readResponseUsage } from "./ResponseUsage.ts"
import { readStatus, statusOf } from "./Status.ts"
import { responseEvents } from "./WholeEvents.ts"

/** The answer is over. */
export const done: UpstreamEvent = { _tag: "Done" }

/** It has failed. */
export const failed = (error: ResilienceError): UpstreamEvent => ({ _tag: "Fault", error })

/** What came is no answer. */
export const misshapen = (what: string): UpstreamEvent =>
  failed(stackless(() => new BadResponseBody({ message: what })))

const textIn = (object: JsonObject, field: string): string => {
  const value = object[field]
  return typeof value === "string" ? value : ""
}

type Raw = NativeEvents["responses"]

// Positional, since every event of every answer comes by here: an object of options would be one more allocation.
const step = (
  raw: Raw,
  text = "",
  reasoning = "",
  pieces: ReadonlyArray<Piece> | undefined = undefined,
  finish: Finish | undefined = undefined,
  usage: Usage | undefined = undefined
): UpstreamEvent => ({ _tag: "Delta", text, reasoning, pieces, finish, usage, from: "responses", raw })

const piece = (raw: Raw, only: Piece): UpstreamEvent => step(raw, "", "", [only])

/** The number of a part. Whatever else stands there is the first one's: not everything can be made a number or a text. */
const indexIn = (said: unknown): number => (typeof said === "number" ? said : 0)

/** What was heard of an item, by the index that its upstream counts it by. */
interface Heard {
  readonly type: string
  /** Which tool call it is. */
  readonly call: number | undefined
  /** How much of each of its texts has come, by the name of the text and its index. */
  readonly texts: Map<string, number>
  /** Something was thought in it that can be read. */
  thought: boolean
  done: boolean
}

/** Reads one response. */
class ResponseDecoder implements EventDecoder {
  private readonly names: Encoded["names"]
  private readonly heard = new Map<unknown, Heard>()
  private readonly numbers = new ItemNumbers()
  private calls = 0
  private readonly callIds = new Set<string>()
  /** A message has said something. */
  private spoke = false
  private over = false

  constructor({ names }: Encoded) {
    this.names = names
  }

  step(event: string, data: string): UpstreamEvent {
    const raw = parseJson(data)
    if (event === "error") return failed(classifyInBand(raw === undefined ? data : raw))
    if (!isObject(raw)) {
      // Other vendors' terminator says nothing here that the end of the response has not said.
      if (data.trim() === "[DONE]") return this.over ? done : nothing
      if (data.trim() === "") return nothing
      if (isIdle(event)) return nothing
      return misshapen(raw === undefined ? "the upstream's event is not JSON" : "the upstream's event is not an object")
    }
    if (isTooDeep(data, raw)) return misshapen(`the upstream's event is nested deeper than ${deepest} levels`)
    if (typeof raw["type"] !== "string") {
      if (isErrorBody(raw, true)) return failed(classifyInBand(raw))
      if (isResponse(raw)) return this.wholeResponse(raw)
      if (event === "" || event === "message") return misshapen("the upstream's event has no type")
      raw["type"] = event
    }
    const { type } = raw
    raw["type"] = otherNames.get(type as string) ?? type
    return this.read(raw as Raw)
  }

  /** A response says its end itself. Without that the body is cut. */
  halt(): UpstreamEvent | undefined {
    return this.over ? done : undefined
  }

  /** One `switch` over what `JSON.parse` gave, and one object: a schema would take longer than the parse. */
  read(raw: Raw): UpstreamEvent {
    if (typeof raw["delta"] !== "string" && texts.has(raw.type)) {
      return misshapen("a delta of the upstream's event is not a text")
    }
    this.numbers.write(raw)
    switch (raw.type) {
      case "response.output_text.delta":
        return step(raw, this.more(raw, "text"))
      case "response.output_text.done":
        return step(raw, this.rest(raw, "text", textIn(raw, "text")))
      case "response.reasoning_summary_text.delta":
        return this.thought(raw, this.more(raw, "summary"))
      case "response.reasoning_summary_text.done":
        return this.thought(raw, this.rest(raw, "summary", textIn(raw, "text")))
      case "response.reasoning_text.delta":
        return this.thought(raw, this.more(raw, "reasoning"))
      case "response.reasoning_text.done":
        return this.thought(raw, this.rest(raw, "reasoning", textIn(raw, "text")))
      case "response.reasoning_summary_part.added":
        // The parts of a summary are paragraphs.
        return this.thought(raw, indexIn(raw["summary_index"]) > 0 ? "\n\n" : "")
      case "response.refusal.delta":
        return this.refused(raw, this.more(raw, "refusal"))
      case "response.refusal.done":
        return this.refused(raw, this.rest(raw, "refusal", textIn(raw, "refusal")))
      case "response.function_call_arguments.delta":
        return this.input(raw, this.more(raw, "arguments"))
      case "response.function_call_arguments.done":
        return this.input(raw, this.rest(raw, "arguments", inputText(raw["arguments"])))
      case "response.output_item.added":
        return isItem(raw["item"]) ? this.itemAdded(raw, raw["item"]) : misshapen("the upstream's event has no item")
      case "response.output_item.done":
        return isItem(raw["item"]) ? this.itemDone(raw, raw["item"]) : misshapen("the upstream's event has no item")
      case "response.completed":
      case "response.incomplete":
        return isObject(raw["response"])
          ? this.ended(raw, raw["response"])
          : misshapen("the upstream's event has no response")
      case "response.failed":
      case "response.cancelled":
        return failed(classifyInBand(raw))
      case "error":
        return failed(classifyInBand(raw))
      case "response.created":
      case "response.queued":
      case "response.in_progress":
        return isObject(raw["response"]) ? step(raw) : misshapen("the upstream's event has no response")
      case "response.content_part.added":
        return isItem(raw["part"]) ? step(raw) : misshapen("the upstream's event has no part")
      // Of a text that has words of its own, and of where they come from.
      case "response.content_part.done":
      case "response.output_text.annotation.added":
      case "response.reasoning_summary_part.done":
        return step(raw)
      case "keepalive":
      case "ping":
        return nothing
      default:
        if (isErrorBody(raw, true)) return failed(classifyInBand(raw))
        if (!isEventName(raw.type)) return misshapen("the upstream's event has no name that can be told")
        // What only its own dialect has words for.
        return raw["output_index"] === undefined ? step(raw) : piece(raw, { _tag: "Native", what: raw.type })
    }
  }

  /** What was said without a number is of whatever comes with one, as long as nothing else has come. */
  private at(raw: Raw): Heard | undefined {
    return this.heard.get(raw["output_index"]) ?? (this.heard.size === 1 ? this.heard.get(undefined) : undefined)
  }

  /** An item of which nobody has said that it begins: what is said of it must not be told again with its end. */
  private begun(raw: Raw, name: string): Heard | undefined {
    const type = typeOfText.get(name)
    if (type === undefined) return undefined
    const heard: Heard = { type, call: undefined, texts: new Map(), thought: false, done: false }
    this.heard.set(raw["output_index"], heard)
    return heard
  }

  private key(raw: Raw, name: string): string {
    return `${name}${indexIn(raw["content_index"] ?? raw["summary_index"])}`
  }

  /** How much of a text has come. */
  private note({ texts }: Heard, name: string, key: string, length: number): void {
    texts.set(key, length)
    this.spoke ||= length > 0 && typeOfText.get(name) === "message"
  }

  /** More of a text. */
  private more(raw: Raw, name: string): string {
    const delta = textIn(raw, "delta")
    const heard = this.at(raw) ?? this.begun(raw, name)
    if (heard !== undefined) {
      const key = this.key(raw, name)
      this.note(heard, name, key, (heard.texts.get(key) ?? 0) + delta.length)
    }
    return delta
  }

  /** The whole of a text, of which perhaps not all has come: there are upstreams that say it at its end only. */
  private rest(raw: Raw, name: string, whole: string): string {
    const heard = this.at(raw) ?? this.begun(raw, name)
    if (heard === undefined) return ""
    const key = this.key(raw, name)
    const before = heard.texts.get(key) ?? 0
    if (before >= whole.length) return ""
    this.note(heard, name, key, whole.length)
    return whole.slice(before)
  }

  private thought(raw: Raw, text: string): UpstreamEvent {
    const heard = this.at(raw)
    if (heard !== undefined && text !== "") heard.thought = true
    return step(raw, "", text)
  }

  private refused(raw: Raw, text: string): UpstreamEvent {
    return text === "" ? step(raw) : piece(raw, { _tag: "Refusal", text })
  }

  private input(raw: Raw, text: string): UpstreamEvent {
    const call = this.at(raw)?.call
    if (text === "") return step(raw)
    return call === undefined
      ? piece(raw, { _tag: "Native", what: raw.type })
      : piece(raw, { _tag: "ToolInput", index: call, text })
  }

  private itemAdded(raw: Raw, item: JsonObject): UpstreamEvent {
    mendInput(item)
    const type = textIn(item, "type")
    const isCall = type === "function_call"
    const index = isCall ? this.calls++ : undefined
    const heard: Heard = { type, call: index, texts: new Map(), thought: false, done: false }
    this.heard.set(raw["output_index"], heard)
    this.numbers.begins(raw, isCall)
    if (index !== undefined) {
      const name = textIn(item, "name")
      const input = textIn(item, "arguments")
      const said = textIn(item, "call_id")
      // Results are told apart by ids: a second call of the same one is given another.
      const id = this.callIds.has(said) ? "" : said
      this.callIds.add(said)
      const call: Piece = { _tag: "ToolCall", index, id, name: this.names?.get(name) ?? name }
      heard.texts.set("arguments0", input.length)
      return step(raw, "", "", input === "" ? [call] : [call, { _tag: "ToolInput", index, text: input }])
    }
    return type === "message" || type === "reasoning" ? step(raw) : piece(raw, { _tag: "Native", what: type })
  }

  private itemDone(raw: Raw, item: JsonObject): UpstreamEvent {
    mendInput(item)
    const heard = this.at(raw)
    // An item that is told at its end only is told all at once.
    if (heard === undefined) return this.unheard(raw, item)
    if (heard.done) return step(raw)
    heard.done = true
    if (heard.call !== undefined) {
      const input = textIn(item, "arguments")
      const before = heard.texts.get("arguments0") ?? 0
      return before < input.length
        ? piece(raw, { _tag: "ToolInput", index: heard.call, text: input.slice(before) })
        : step(raw)
    }
    if (heard.type === "message") {
      const refusal = this.untold(heard, "refusal", item["content"], "refusal")
      const text = this.untold(heard, "text", item["content"])
      return step(raw, text, "", refusal === "" ? undefined : [{ _tag: "Refusal", text: refusal }])
    }
    const image = heard.type === "image_generation_call" ? imageIn(item) : undefined
    if (image !== undefined) return piece(raw, image)
    if (heard.type !== "reasoning") return step(raw)
    const summary = this.untold(heard, "summary", item["summary"])
    const thought = summary !== "" || heard.thought ? summary : this.untold(heard, "reasoning", item["content"])
    heard.thought ||= thought !== ""
    const sealed = textIn(item, "encrypted_content")
    if (sealed === "") return step(raw, "", thought)
    return step(raw, "", thought, [
      heard.thought
        ? { _tag: "Signature", by: "responses", value: sealed, of: "reasoning" }
        : { _tag: "SealedReasoning", by: "responses", value: sealed }
    ])
  }

  /** What was told of the texts of an item at its end only. */
  private untold(heard: Heard, name: string, parts: unknown, field = "text"): string {
    let text = ""
    for (const [i, part] of (Array.isArray(parts) ? (parts as ReadonlyArray<unknown>) : []).entries()) {
      const whole = isObject(part) ? textIn(part, field) : ""
      const key = `${name}${i}`
      if ((heard.texts.get(key) ?? 0) > 0 || whole === "") continue
      this.note(heard, name, key, whole.length)
      text += whole
    }
    return text
  }

  private unheard(raw: Raw, item: JsonObject): UpstreamEvent {
    const { output_index } = raw
    const [, , ...rest] = responseEvents({ output: [item] })
    return this.together(rest.slice(0, -1).map((event) => ({ ...event, output_index })))
  }

  private ended(raw: Raw, response: JsonObject): UpstreamEvent {
    const status = statusOf(response)
    if (status === "failed" || status === "cancelled") return failed(classifyInBand(raw))
    if (this.heard.size === 0 && Array.isArray(response["output"]) && response["output"].length > 0) {
      return this.wholeResponse(response)
    }
    const missed = this.missed(response["output"])
    const said = status === "incomplete" ? status : raw.type.slice("response.".length)
    const finish = readStatus({ ...response, status: said }, this.calls > 0)
    const code = failureOf(finish.native)
    if (code !== undefined) {
      return failed(classifyInBand({ code, message: `the upstream's answer is incomplete: ${finish.native}` }))
    }
    this.over = true
    const usage = readResponseUsage(response["usage"])
    // What no event has told is told in our words, in the place of the upstream's end.
    return missed === undefined ? step(raw, "", "", undefined, finish, usage) : { ...missed, finish, usage }
  }

  /**
   * Calls that only the end of the response tells of: nobody could make them who did not see them. And messages, where no
   * event has said any: without them the answer would be none.
   */
  private missed(output: unknown): Delta | undefined {
    if (!Array.isArray(output)) return undefined
    const items = (output as ReadonlyArray<unknown>).filter(
      (item) =>
        isItem(item) &&
        (item["type"] === "function_call"
          ? !this.callIds.has(textIn(item, "call_id"))
          : item["type"] === "message" && !this.spoke && hasWords(item["content"]))
    )
    if (items.length === 0) return undefined
    const [, , ...events] = responseEvents({ output: items })
    const told = this.together(
      events.slice(0, -1).map((event) => ({ ...event, output_index: -1 - indexIn(event["output_index"]) }))
    )
    return told._tag === "Delta" ? told : undefined
  }

  /** A whole response in one event, from who was asked for a stream and has none: all of it at once, in our words. */
  private wholeResponse(response: JsonObject): UpstreamEvent {
    const fault = faultOf(response)
    if (fault !== undefined) return fault
    return this.together(responseEvents(response))
  }

  private together(events: ReadonlyArray<Raw>): UpstreamEvent {
    let text = ""
    let reasoning = ""
    const pieces: Array<Piece> = []
    let finish: Finish | undefined
    let usage: Usage | undefined
    for (const raw of events) {
      const event = this.read(raw)
      if (event._tag === "Fault") return event
      if (event._tag === "Done") break
      text += event.text
      reasoning += event.reasoning
      for (const one of event.pieces ?? []) pieces.push(one)
      finish = event.finish ?? finish
      usage = event.usage ?? usage
    }
    return { ...nothing, text, reasoning, pieces: pieces.length === 0 ? undefined : pieces, finish, usage }
  }
}

// It passes to clients of this dialect as it stands in the item.
const mendInput = (item: JsonObject): void => {
  if (isObject(item["arguments"])) item["arguments"] = inputText(item["arguments"])
}

const isEventName = (type: string): boolean => /^[\x21-\x7e]{1,128}$/.test(type)

/** Of which type an item is that has such a text. Calls are told whole, by their end: only that says what is called. */
const typeOfText: ReadonlyMap<string, string> = new Map([
  ["text", "message"],
  ["refusal", "message"],
  ["summary", "reasoning"],
  ["reasoning", "reasoning"]
])

/** The events whose delta is a text. */
const texts: ReadonlySet<string> = new Set(
  ["output_text", "refusal", "reasoning_text", "reasoning_summary_text", "function_call_arguments"].map(
    (name) => `response.${name}.delta`
  )
)

/** What vLLM calls the parts of what is thought, and what OpenAI does: its clients know no other names. */
const otherNames: ReadonlyMap<string, string> = new Map([
  ["response.reasoning_part.added", "response.content_part.added"],
  ["response.reasoning_part.done", "response.content_part.done"]
])

/** Whether the parts of a message say anything that every dialect has. */
const hasWords = (parts: unknown): boolean =>
  Array.isArray(parts) &&
  (parts as ReadonlyArray<unknown>).some(
    (part) => isObject(part) && (textIn(part, "text") !== "" || textIn(part, "refusal") !== "")
  )

/** Whether a value says what it is: nobody can tell what one is that does not. */
const isItem = (value: unknown): value is JsonObject => isObject(value) && typeof value["type"] === "string"

/** Whether a body is a response. */
export const isResponse = (body: JsonObject): boolean =>
  Array.isArray(body["output"]) && (body["object"] === "response" || typeof body["status"] === "string")

/** What a response says that is no answer. */
export const faultOf = (response: JsonObject): UpstreamEvent | undefined => {
  switch (statusOf(response)) {
    case "completed":
    case "incomplete":
    case "":
      return undefined
    case "failed":
    case "cancelled":
      return failed(classifyInBand({ response }))
    default:
      return misshapen("the upstream's response is not over")
  }
}

/** Reads one answer, one event after the other. */
export const responsesDecoder = (encoded: Encoded): EventDecoder & Pick<ResponseDecoder, "read"> =>
  new ResponseDecoder(encoded)
