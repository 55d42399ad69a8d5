/**
 * An Anthropic upstream's answer, event by event or whole, as events of ours.
 */
import { BadResponseBody, EmptyResponse, type ResilienceError, stackless } from "../../errors/index.ts"
import { inputValue } from "../CallInput.ts"
import type { Encoded, EventDecoder, HttpAnswer } from "../Dialect.ts"
import { type Finish, type NativeEvents, nothing, type Piece, type UpstreamEvent } from "../Event.ts"
import { printJson } from "../ExactNumbers.ts"
import { deepest, isObject, isTooDeep, type JsonObject, parseJson } from "../Json.ts"
import { isErrorBody } from "../upstream/Body.ts"
import { classify, classifyInBand } from "../upstream/Classify.ts"
import { isIdle } from "../upstream/Idle.ts"
import type { Usage } from "../Usage.ts"
import { inputText, messageEvents } from "./MessageEvents.ts"
import { addMessageUsage, readMessageUsage } from "./MessageUsage.ts"
import { isFailure, readStopReason } from "./StopReason.ts"

const done: UpstreamEvent = { _tag: "Done" }

const failed = (error: ResilienceError): UpstreamEvent => ({ _tag: "Fault", error })

const misshapen = (what: string): UpstreamEvent => failed(stackless(() => new BadResponseBody({ message: what })))

const textIn = (object: JsonObject, field: string): string => {
  const value = object[field]
  return typeof value === "string" ? value : ""
}

/** A tool call that is under way. */
interface Call {
  readonly index: number
  /** What its block began with: all of its input, where no more of it comes. */
  readonly input: unknown
  said: boolean
}

type Raw = NativeEvents["anthropic"]

// Positional, since every event of every answer comes by here: an object of options would be one more allocation.
const step = (
  raw: Raw,
  text = "",
  reasoning = "",
  pieces: ReadonlyArray<Piece> | undefined = undefined,
  finish: Finish | undefined = undefined,
  usage: Usage | undefined = undefined
): UpstreamEvent => ({ _tag: "Delta", text, reasoning, pieces, finish, usage, from: "anthropic", raw })

const piece = (raw: Raw, only: Piece): UpstreamEvent => step(raw, "", "", [only])

const signature = (value: string): Piece => ({ _tag: "Signature", by: "anthropic", value, of: "reasoning" })

/** Reads one message. */
class MessageDecoder implements EventDecoder {
  private readonly names: Encoded["names"]
  /** White space that the answer may begin with once more. */
  private trimmed: string
  /** Tool calls that are under way, by the index of their block. */
  private readonly calls = new Map<unknown, Call>()
  private readonly ids = new Set<string>()
  private called = 0
  private usage: JsonObject = {}

  constructor({ names, trimmed }: Encoded) {
    this.names = names
    this.trimmed = trimmed ?? ""
  }

  step(event: string, data: string): UpstreamEvent {
    const raw = parseJson(data)
    if (event === "error") return failed(classifyInBand(raw === undefined ? data : raw))
    if (!isObject(raw)) {
      // Other vendors' terminator says nothing here, where `message_stop` is one.
      if (data.trim() === "" || data.trim() === "[DONE]") return nothing
      if (isIdle(event)) return nothing
      return misshapen(raw === undefined ? "the upstream's event is not JSON" : "the upstream's event is not an object")
    }
    if (isTooDeep(data, raw)) {
      return misshapen(`the upstream's event is nested deeper than ${deepest} levels`)
    }
    if (typeof raw["type"] !== "string") {
      if (isErrorBody(raw, true)) return failed(classifyInBand(raw))
      if (event === "" || event === "message") return misshapen("the upstream's event has no type")
      raw["type"] = event
    }
    return this.read(raw as Raw)
  }

  /** A body that ends without `message_stop` is whole if its `stop_reason` has come, and cut if it has not. */
  halt(): undefined {
    return undefined
  }

  /** One `switch` over what `JSON.parse` gave, and one object: a schema would take longer than the parse. */
  read(raw: Raw): UpstreamEvent {
    switch (raw.type) {
      case "content_block_delta":
        return isObject(raw["delta"])
          ? this.blockDelta(raw, raw["delta"])
          : misshapen("the upstream's event has no delta")
      case "content_block_start":
        return isObject(raw["content_block"])
          ? this.blockStart(raw, raw["content_block"])
          : misshapen("the upstream's event has no content block")
      case "content_block_stop":
        return this.blockStop(raw)
      case "message_start":
        return isObject(raw["message"])
          ? step(raw, "", "", undefined, undefined, this.count(raw["message"]["usage"], false))
          : misshapen("the upstream's event has no message")
      case "message_delta":
        return this.messageDelta(raw)
      case "message":
        return Array.isArray(raw["content"]) ? this.wholeMessage(raw, raw["content"]) : step(raw)
      case "message_stop":
        return done
      case "ping":
        return nothing
      case "error":
        return failed(classifyInBand(raw))
      default:
        return step(raw)
    }
  }

  private count(said: unknown, whole: boolean): Usage | undefined {
    if (!isObject(said)) return undefined
    this.usage = addMessageUsage(this.usage, said)
    return readMessageUsage(this.usage, whole)
  }

  private messageDelta(raw: Raw): UpstreamEvent {
    const finish = finishOf(raw["delta"], this.called > 0)
    if (finish === undefined || !isFailure(finish.native)) {
      return step(raw, "", "", this.unended(), finish, this.count(raw["usage"], true))
    }
    const message = `the upstream's answer stopped with ${JSON.stringify(finish.native)}`
    return failed(classifyInBand({ error: { code: finish.native, message } }))
  }

  /** A whole message in one event, from who was asked for a stream and has none: all of it at once, in our words. */
  private wholeMessage(message: Raw, content: ReadonlyArray<unknown>): UpstreamEvent {
    let text = ""
    let reasoning = ""
    const pieces: Array<Piece> = []
    let finish: Finish | undefined
    let usage: Usage | undefined
    for (const raw of messageEvents(message, content)) {
      const event = this.read(raw)
      if (event._tag === "Fault") return event
      if (event._tag === "Done") break
      text += event.text
      reasoning += event.reasoning
      for (const piece of event.pieces ?? []) pieces.push(piece)
      finish = event.finish ?? finish
      usage = event.usage ?? usage
    }
    return { ...nothing, text, reasoning, pieces: pieces.length === 0 ? undefined : pieces, finish, usage }
  }

  private blockStart(raw: Raw, block: JsonObject): UpstreamEvent {
    if (typeof block["type"] !== "string") {
      if (typeof block["text"] !== "string") return misshapen("a content block of the upstream's event has no type")
      block["type"] = "text"
    }
    switch (block["type"]) {
      case "text":
        return this.text(raw, block)
      case "thinking": {
        const signed = textIn(block, "signature")
        return step(raw, "", textIn(block, "thinking"), signed === "" ? undefined : [signature(signed)])
      }
      case "redacted_thinking":
        return piece(raw, { _tag: "SealedReasoning", by: "anthropic", value: textIn(block, "data") })
      case "tool_use": {
        const index = this.called++
        const input = inputValue(block["input"])
        // Clients are given an object, whatever its upstream has made of it.
        if (input !== block["input"]) block["input"] = input
        // One that nobody has ended, and that had one.
        const unended = this.calls.get(raw["index"])
        const before =
          isObject(unended?.input) && !isEmptyObject(unended.input) ? this.inputOf(raw["index"]) : undefined
        this.calls.set(raw["index"], { index, input, said: false })
        const name = textIn(block, "name")
        // Results are told apart by ids: a second call of the same one is given another.
        if (this.ids.has(textIn(block, "id"))) block["id"] = ""
        const id = textIn(block, "id")
        if (id !== "") this.ids.add(id)
        const call: Piece = { _tag: "ToolCall", index, id, name: this.names?.get(name) ?? name }
        return step(raw, "", "", before === undefined ? [call] : [before, call])
      }
      default:
        return piece(raw, { _tag: "Native", what: textIn(block, "type") })
    }
  }

  private blockDelta(raw: Raw, delta: JsonObject): UpstreamEvent {
    if (typeof delta["type"] !== "string") nameDelta(delta)
    switch (delta["type"]) {
      case "text_delta":
        return this.text(raw, delta)
      case "thinking_delta":
        return step(raw, "", textIn(delta, "thinking"))
      case "signature_delta": {
        const signed = textIn(delta, "signature")
        return signed === "" ? step(raw) : piece(raw, signature(signed))
      }
      case "input_json_delta": {
        if (isObject(delta["partial_json"])) delta["partial_json"] = printJson(delta["partial_json"])
        const text = textIn(delta, "partial_json")
        const call = this.calls.get(raw["index"])
        if (text === "") return step(raw)
        if (call === undefined) return piece(raw, { _tag: "Native", what: "input_json_delta" })
        call.said = true
        return piece(raw, { _tag: "ToolInput", index: call.index, text })
      }
      // Where the text has its words from is for its own dialect, and keeps nobody from going on with the text.
      case "citations_delta":
        return step(raw)
      default:
        return piece(raw, { _tag: "Native", what: textIn(delta, "type") })
    }
  }

  private blockStop(raw: Raw): UpstreamEvent {
    const input = this.inputOf(raw["index"])
    this.calls.delete(raw["index"])
    return input === undefined ? step(raw) : piece(raw, input)
  }

  /** The input of the call of a block that ends, where it came with the beginning of its block. */
  private inputOf(block: unknown): Piece | undefined {
    const call = this.calls.get(block)
    return call === undefined || call.said
      ? undefined
      : { _tag: "ToolInput", index: call.index, text: inputText(call.input) }
  }

  /** The inputs of calls whose blocks nobody has ended. */
  private unended(): ReadonlyArray<Piece> | undefined {
    if (this.calls.size === 0) return undefined
    const inputs = Array.from(this.calls.keys(), (block) => this.inputOf(block)).filter((input) => input !== undefined)
    this.calls.clear()
    return inputs.length === 0 ? undefined : inputs
  }

  private text(raw: Raw, said: JsonObject): UpstreamEvent {
    const text = textIn(said, "text")
    if (this.trimmed === "" || text === "") return step(raw, text)
    const rest = this.cut(text)
    said["text"] = rest
    return step(raw, rest)
  }

  /** Cuts what has come again of the white space that the target was not given. */
  private cut(text: string): string {
    let same = 0
    while (same < text.length && same < this.trimmed.length && text[same] === this.trimmed[same]) same++
    this.trimmed = same === text.length ? this.trimmed.slice(same) : ""
    return text.slice(same)
  }
}

/** Why it stopped. An end behind calls is one for them, whatever it is called: agents go by this word alone. */
const finishOf = (delta: unknown, called: boolean): Finish | undefined => {
  if (!isObject(delta)) return undefined
  const reason = delta["stop_reason"]
  if (reason === "") delta["stop_reason"] = null
  if (typeof reason !== "string" || reason === "") return undefined
  const { stop_sequence: sequence } = delta
  const read = readStopReason(reason)
  const finish = typeof sequence === "string" ? { ...read, sequence } : read
  return called && reason === "end_turn" ? { ...finish, reason: "tool-calls" } : finish
}

const isEmptyObject = (object: JsonObject): boolean => Object.keys(object).length === 0

/** Says of a delta without a type what it is, by what is in it. */
const nameDelta = (delta: JsonObject): void => {
  if (typeof delta["text"] === "string") delta["type"] = "text_delta"
  else if (typeof delta["thinking"] === "string") delta["type"] = "thinking_delta"
  else if (delta["partial_json"] !== undefined) delta["type"] = "input_json_delta"
}

/** Reads one answer, one event after the other. */
export const anthropicDecoder = (encoded: Encoded): EventDecoder => new MessageDecoder(encoded)

const isTokenCount = (body: JsonObject): boolean =>
  body["type"] !== "message" && typeof body["input_tokens"] === "number"

/** A count of tokens is one event that only its own dialect reads, and a usage. */
const readCount = (body: JsonObject): ReadonlyArray<UpstreamEvent> => [
  step(
    { ...body, type: "count_tokens" },
    "",
    "",
    [{ _tag: "Native", what: "count_tokens" }],
    undefined,
    readMessageUsage({ ...body, output_tokens: 0 }, true)
  ),
  done
]

/** Reads a whole message, or a count of tokens, as events: what its stream would have been, or the one fault that it is. */
export const decodeWholeAnthropic = (answer: HttpAnswer, encoded: Encoded): ReadonlyArray<UpstreamEvent> => {
  if (answer.status < 200 || answer.status > 299) return [failed(classify(answer).error)]
  if (answer.body.trim() === "") return [failed(stackless(() => new EmptyResponse({})))]
  const body = parseJson(answer.body)
  // The label is a hint: what it is, its bytes say.
  if (!isObject(body)) return [failed(classify(answer).error)]
  if (isErrorBody(body, true)) {
    return [failed(isObject(body["error"]) ? classify(answer).error : classifyInBand(body))]
  }
  if (isTooDeep(answer.body, body)) {
    return [misshapen(`the upstream's answer is nested deeper than ${deepest} levels`)]
  }
  if (isTokenCount(body)) return readCount(body)
  if (!Array.isArray(body["content"])) return [misshapen("the upstream's answer has no content")]
  const decoder = new MessageDecoder(encoded)
  const events: Array<UpstreamEvent> = []
  for (const raw of messageEvents(body, body["content"])) {
    const event = decoder.read(raw)
    if (event._tag === "Fault") return [event]
    events.push(event)
  }
  return events
}
