/**
 * A Gemini upstream's answer, event by event or whole, as events of ours.
 */
import {
  BadResponse,
  BadResponseBody,
  EmptyResponse,
  PromptBlocked,
  redactText,
  type ResilienceError,
  stackless,
  StreamTruncated
} from "../../errors/index.ts"
import { inputValue } from "../CallInput.ts"
import type { Encoded, EventDecoder, HttpAnswer } from "../Dialect.ts"
import { type Checkpoint, type Finish, type NativeEvents, nothing, type Piece, type UpstreamEvent } from "../Event.ts"
import { printJson } from "../ExactNumbers.ts"
import { deepest, isObject, isTooDeep, type JsonObject, parseJson } from "../Json.ts"
import { isErrorBody } from "../upstream/Body.ts"
import { classify, classifyInBand } from "../upstream/Classify.ts"
import { isIdle } from "../upstream/Idle.ts"
import type { Usage } from "../Usage.ts"
import { isContinuation, isFailure, isUnspecified, readFinishReason } from "./FinishReason.ts"
import { type Calls, makeCalls } from "./PartialCalls.ts"
import { readUsageMetadata } from "./UsageMetadata.ts"

const done: UpstreamEvent = { _tag: "Done" }

const failed = (error: ResilienceError): UpstreamEvent => ({ _tag: "Fault", error })

const misshapen = (what: string): UpstreamEvent => failed(stackless(() => new BadResponseBody({ message: what })))

const textIn = (object: JsonObject, field: string): string => {
  const value = object[field]
  return typeof value === "string" ? value : ""
}

type Raw = NativeEvents["gemini"]

/** Why a prompt was not answered at all. */
const blocked = (feedback: JsonObject): UpstreamEvent => {
  const reason = textIn(feedback, "blockReason")
  const message = redactText(textIn(feedback, "blockReasonMessage") || `the upstream blocked the prompt: ${reason}`)
  return failed(stackless(() => new PromptBlocked({ message, upstream: { code: redactText(reason), message } })))
}

const brokenBy = (candidate: JsonObject, native: string): UpstreamEvent => {
  const said = textIn(candidate, "finishMessage")
  const message = `the upstream's answer ended with ${JSON.stringify(native)}${said === "" ? "" : `: ${redactText(said)}`}`
  return failed(stackless(() => new BadResponse({ message, upstream: { code: redactText(native), message } })))
}

/** It is put down without a word of how to go on: no more than a part of it is there. */
const putDown = (): UpstreamEvent =>
  failed(stackless(() => new StreamTruncated({ message: "the upstream has put its answer down, and gave no token" })))

/** What a candidate that is not the first one says. */
const saysAnything = (candidate: JsonObject): boolean => {
  const parts = isObject(candidate["content"]) ? candidate["content"]["parts"] : undefined
  return (
    Array.isArray(parts) &&
    parts.some((part) => isObject(part) && Object.keys(part).some((field) => part[field] !== ""))
  )
}

/** Reads one answer. */
class ContentDecoder implements EventDecoder {
  private readonly names: Encoded["names"]
  private calls: Calls | undefined
  private called = 0
  /** The last thing that was said is a finish that nobody knows. */
  private unknown = false

  constructor({ names }: Encoded) {
    this.names = names
  }

  step(event: string, data: string): UpstreamEvent {
    const raw = parseJson(data)
    if (event === "error") return failed(classifyInBand(raw === undefined ? data : raw))
    if (!isObject(raw)) {
      // Other vendors' terminator says nothing here, where there is none.
      if (data.trim() === "" || data.trim() === "[DONE]") return nothing
      if (Array.isArray(raw) && isErrorBody(raw, false)) return failed(classifyInBand(raw))
      if (isIdle(event)) return nothing
      return misshapen(raw === undefined ? "the upstream's event is not JSON" : "the upstream's event is not an object")
    }
    if (isTooDeep(data, raw)) return misshapen(`the upstream's event is nested deeper than ${deepest} levels`)
    const told = this.read(raw)
    // A ping, or an event of a proxy's own: what has a name here is no part of the answer.
    const isAside = (event !== "" && event !== "message") || raw["type"] === "ping"
    return told._tag === "Fault" && isAside && !isErrorBody(raw, false) ? nothing : told
  }

  /** There is no terminator: where a finish that nobody knows is the last word, the end of the body says that it was one. */
  halt(): UpstreamEvent | undefined {
    return this.unknown ? done : undefined
  }

  read(raw: Raw): UpstreamEvent {
    const list = raw.candidates
    const has = Array.isArray(list) && list.length > 0
    if (
      raw["error"] !== undefined ||
      raw["base_resp"] !== undefined ||
      raw["object"] === "error" ||
      raw["type"] === "error"
    ) {
      if (isErrorBody(raw, has)) return failed(classifyInBand(raw))
    }
    const usage = readUsageMetadata(raw["usageMetadata"])
    if (has) return this.candidates(raw, list as ReadonlyArray<unknown>, usage)
    const feedback = raw["promptFeedback"]
    if (isObject(feedback) && textIn(feedback, "blockReason") !== "") return blocked(feedback)
    if (list !== undefined || feedback !== undefined || usage !== undefined || raw["responseId"] !== undefined) {
      return this.delta(raw, "", "", undefined, undefined, usage)
    }
    return isErrorBody(raw, false) ? failed(classifyInBand(raw)) : misshapen("the upstream's event has no candidates")
  }

  // Positional, since every event of every answer comes by here: an object of options would be one more allocation.
  private delta(
    raw: Raw,
    text: string,
    reasoning: string,
    pieces: ReadonlyArray<Piece> | undefined,
    finish: Finish | undefined,
    usage: Usage | undefined,
    checkpoint?: Checkpoint
  ): UpstreamEvent {
    const delta = { _tag: "Delta", text, reasoning, pieces, finish, usage, from: "gemini", raw } as const
    return checkpoint === undefined ? delta : { ...delta, checkpoint }
  }

  private candidates(raw: Raw, list: ReadonlyArray<unknown>, usage: Usage | undefined): UpstreamEvent {
    let text = ""
    let reasoning = ""
    let finish: Finish | undefined
    let checkpoint: Checkpoint | undefined
    const pieces: Array<Piece> = []
    for (const candidate of list) {
      if (!isObject(candidate)) return misshapen("a candidate of the upstream's event is not an object")
      const { content, finishReason: native } = candidate
      const index = (candidate["index"] ??= 0)
      if (typeof index !== "number" || !Number.isInteger(index) || index < 0) {
        return misshapen("a candidate of the upstream's event has no index")
      }
      if (content !== undefined && content !== null && !isObject(content)) {
        return misshapen("the content of a candidate is not an object")
      }
      if (index > 0) pieces.push({ _tag: "OtherChoice", index, content: saysAnything(candidate) })
      else if (isObject(content)) {
        const parts = content["parts"]
        if (Array.isArray(parts)) {
          for (const part of parts as ReadonlyArray<unknown>) {
            if (!isObject(part)) return misshapen("a part of the upstream's event is not an object")
            if (typeof part["text"] === "string" && part["functionCall"] === undefined) {
              if (part["thought"] === true) reasoning += part["text"]
              else text += part["text"]
              this.sign(part, "reasoning", pieces)
            } else this.part(part, pieces)
          }
          this.calls?.settle(content, parts as ReadonlyArray<unknown>)
        }
      }
      const token = index > 0 ? "" : textIn(candidate, "continuationToken")
      if (typeof native !== "string" || isUnspecified(native)) {
        // Of a call that is not whole yet whoever goes on knows nothing.
        if (token !== "" && this.calls?.isOpen() !== true) checkpoint = { token, paused: false }
        continue
      }
      if (isContinuation(native)) {
        if (token === "" || list.length > 1 || this.calls?.isOpen() === true) return putDown()
        delete candidate["finishReason"]
        delete candidate["finishMessage"]
        checkpoint = { token, paused: true }
        continue
      }
      if (isFailure(native) || this.calls?.isOpen() === true) return brokenBy(candidate, native)
      finish ??= readFinishReason(native, this.called > 0)
    }
    if (finish !== undefined) this.unknown = finish.reason === "unknown"
    else if (text !== "" || reasoning !== "" || pieces.length > 0) this.unknown = false
    return this.delta(raw, text, reasoning, pieces.length === 0 ? undefined : pieces, finish, usage, checkpoint)
  }

  private sign(part: JsonObject, of: Extract<Piece, { readonly _tag: "Signature" }>["of"], pieces: Array<Piece>): void {
    const value = textIn(part, "thoughtSignature")
    if (value !== "") pieces.push({ _tag: "Signature", by: "gemini", value, of })
  }

  /** A part that is no text. */
  private part(part: JsonObject, pieces: Array<Piece>): void {
    const { functionCall: call, inlineData: data } = part
    if (isObject(call)) return this.call(call, part, pieces)
    if (isObject(data) && typeof data["data"] === "string") {
      pieces.push({ _tag: "Media", mediaType: textIn(data, "mimeType"), base64: data["data"] })
      return this.sign(part, "reasoning", pieces)
    }
    const what = Object.keys(part).find((field) => field !== "thought" && field !== "thoughtSignature")
    if (what !== undefined) pieces.push({ _tag: "Native", what })
    this.sign(part, "reasoning", pieces)
  }

  private call(call: JsonObject, part: JsonObject, pieces: Array<Piece>): void {
    if (typeof call["args"] === "string") call["args"] = inputValue(call["args"])
    const told = (this.calls ??= makeCalls()).take(call, part)
    if (told.begins !== undefined) {
      const { id, name } = told.begins
      pieces.push({ _tag: "ToolCall", index: this.called++, id, name: this.names?.get(name) ?? name })
    }
    const index = this.called - 1
    // While it grows nothing of its input can be said: who waits for it knows that it does.
    const input = told.args === undefined ? "" : isObject(told.args) ? printJson(told.args) : "{}"
    pieces.push({ _tag: "ToolInput", index, text: input })
    this.sign(part, { call: index }, pieces)
  }
}

/** Reads one answer, one event after the other: one `JSON.parse` and no schema, which would take longer than the parse. */
export const geminiDecoder = (encoded: Encoded): EventDecoder => new ContentDecoder(encoded)

/** The events that a whole answer's stream would have been: a part after the other, so that their order is kept. */
const eventsOf = (whole: JsonObject): ReadonlyArray<Raw> => {
  const { candidates, usageMetadata, ...head } = whole
  const list = Array.isArray(candidates) ? (candidates as ReadonlyArray<unknown>) : []
  const [first] = list
  const content = isObject(first) ? first["content"] : undefined
  const parts = isObject(content) && Array.isArray(content["parts"]) ? (content["parts"] as ReadonlyArray<unknown>) : []
  if (list.length !== 1 || !isObject(first) || parts.length === 0) return [whole]
  const { finishReason, finishMessage, content: _, ...rest } = first
  const event = (candidate: JsonObject, more: JsonObject = {}): Raw => ({ candidates: [candidate], ...head, ...more })
  return [
    ...parts.map((part) =>
      event({ ...(isObject(content) ? { content: { ...content, parts: [part] } } : {}), index: 0 })
    ),
    event(
      {
        index: 0,
        ...rest,
        ...(finishReason === undefined ? {} : { finishReason }),
        ...(finishMessage === undefined ? {} : { finishMessage })
      },
      usageMetadata === undefined ? {} : { usageMetadata }
    )
  ]
}

/** Reads a whole answer, or a list of its events, as events: what its stream would have been, or the one fault that it is. */
export const decodeWholeGemini = (answer: HttpAnswer, encoded: Encoded): ReadonlyArray<UpstreamEvent> => {
  if (answer.status < 200 || answer.status > 299) return [failed(classify(answer).error)]
  if (answer.body.trim() === "") return [failed(stackless(() => new EmptyResponse({})))]
  const body = parseJson(answer.body)
  const list = Array.isArray(body) ? (body as ReadonlyArray<unknown>) : [body]
  if (!list.every(isObject)) return [failed(classify(answer).error)]
  if (list.length === 0) return [failed(stackless(() => new EmptyResponse({})))]
  if (isTooDeep(answer.body, body)) {
    return [misshapen(`the upstream's answer is nested deeper than ${deepest} levels`)]
  }
  const decoder = new ContentDecoder(encoded)
  const events: Array<UpstreamEvent> = []
  for (const raw of list.flatMap(eventsOf)) {
    const event = decoder.read(raw)
    if (event._tag === "Fault") return [event]
    events.push(event)
  }
  // A body that could be read to its end is whole.
  return [...events, done]
}
