/**
 * An answer of Cohere's chat, version 2, event by event or whole, as events that every client dialect can write.
 */
import {
  classify,
  classifyInBand,
  type Encoded,
  type EventDecoder,
  type FinishReason,
  type HttpAnswer,
  isObject,
  type JsonObject,
  nothing,
  parseJson,
  type Piece,
  type UpstreamEvent,
  type Usage
} from "effect-resilience/dialect"
import { BadResponseBody, EmptyResponse, type ResilienceError } from "effect-resilience/errors"

const done: UpstreamEvent = { _tag: "Done" }
const failed = (error: ResilienceError): UpstreamEvent => ({ _tag: "Fault", error })

const piecesOf = (...pieces: ReadonlyArray<Piece>): UpstreamEvent => ({ ...nothing, pieces })

/** What stands there, or `undefined`: what an upstream says is believed nowhere. */
const at = (value: unknown, ...path: ReadonlyArray<string>): unknown =>
  path.reduce<unknown>((found, field) => (isObject(found) ? found[field] : undefined), value)

const text = (value: unknown): string => (typeof value === "string" ? value : "")

const finishes: ReadonlyMap<string, FinishReason> = new Map<string, FinishReason>([
  ["COMPLETE", "stop"],
  ["STOP_SEQUENCE", "stop"],
  ["MAX_TOKENS", "length"],
  ["TOOL_CALL", "tool-calls"],
  ["ERROR_TOXIC", "content-filter"],
  // No ends: the answer broke.
  ["ERROR", "error"],
  ["TIMEOUT", "error"]
])

const count = (...values: ReadonlyArray<unknown>): number | undefined =>
  values.find((value): value is number => typeof value === "number" && value >= 0)

const usageOf = (usage: unknown): Usage | undefined => {
  const inputTokens = count(at(usage, "tokens", "input_tokens"), at(usage, "billed_units", "input_tokens"))
  const outputTokens = count(at(usage, "tokens", "output_tokens"), at(usage, "billed_units", "output_tokens"))
  if (inputTokens === undefined || outputTokens === undefined) return undefined
  return { inputTokens, outputTokens, cacheReadTokens: count(at(usage, "cached_tokens")), estimated: false }
}

/** Reads one answer. Its state is which calls there were: everything else stands in the event itself. */
class Decoder implements EventDecoder {
  private readonly names: Encoded["names"]
  /** Calls in the order in which they began, by the index of their events, and whether they have said an argument. */
  private readonly calls = new Map<unknown, { readonly index: number; said: boolean }>()

  constructor({ names }: Encoded) {
    this.names = names
  }

  step(event: string, data: string): UpstreamEvent {
    if (data.trim() === "[DONE]") return done
    const raw = parseJson(data)
    if (!isObject(raw)) return failed(new BadResponseBody({ message: "the upstream's event is no object" }))
    return this.read(text(raw["type"]) || event, raw)
  }

  /** A body that ends is whole if it has told how the answer ended. */
  halt(): undefined {
    return undefined
  }

  // HOT: once for each event. One `switch`, one object.
  read(type: string, raw: JsonObject): UpstreamEvent {
    const message = at(raw, "delta", "message")
    switch (type) {
      case "content-start":
      case "content-delta": {
        const content = at(message, "content")
        return { ...nothing, text: text(at(content, "text")), reasoning: text(at(content, "thinking")) }
      }
      // What it means to do with its tools, in words: a thought.
      case "tool-plan-delta":
        return { ...nothing, reasoning: text(at(message, "tool_plan")) }
      case "tool-call-start": {
        const called = at(message, "tool_calls")
        const index = this.calls.size
        const name = text(at(called, "function", "name"))
        const input = text(at(called, "function", "arguments"))
        this.calls.set(raw["index"], { index, said: input !== "" })
        const call: Piece = { _tag: "ToolCall", index, id: text(at(called, "id")), name: this.names?.get(name) ?? name }
        return input === "" ? piecesOf(call) : piecesOf(call, { _tag: "ToolInput", index, text: input })
      }
      case "tool-call-delta": {
        const call = this.calls.get(raw["index"])
        const input = text(at(message, "tool_calls", "function", "arguments"))
        if (call === undefined || input === "") return nothing
        call.said = true
        return piecesOf({ _tag: "ToolInput", index: call.index, text: input })
      }
      case "tool-call-end": {
        const call = this.calls.get(raw["index"])
        return call === undefined || call.said
          ? nothing
          : piecesOf({ _tag: "ToolInput", index: call.index, text: "{}" })
      }
      case "message-end":
        return this.end(raw)
      default:
        // An error has no type. Other events have one, and say nothing here: beginnings and ends, citations, what is new.
        return raw["type"] === undefined ? failed(classifyInBand(raw)) : nothing
    }
  }

  private end(raw: JsonObject): UpstreamEvent {
    const { delta } = raw
    const native = text(at(delta, "finish_reason"))
    const reason = finishes.get(native) ?? "unknown"
    const error = text(at(delta, "error"))
    if (error !== "" || reason === "error") {
      return failed(classifyInBand({ message: error || `the answer ended with ${native}` }))
    }
    return { ...nothing, finish: { reason, native, from: undefined }, usage: usageOf(at(delta, "usage")) }
  }
}

/** Reads one answer, one event after the other. */
export const decoder = (encoded: Encoded): EventDecoder => new Decoder(encoded)

const list = (value: unknown): ReadonlyArray<unknown> => (Array.isArray(value) ? (value as ReadonlyArray<unknown>) : [])

/** Reads a whole answer as the events that its stream would have been, or the one fault that it is. */
export const decodeWhole = (answer: HttpAnswer, encoded: Encoded): ReadonlyArray<UpstreamEvent> => {
  if (answer.status < 200 || answer.status > 299) return [failed(classify(answer).error)]
  if (answer.body.trim() === "") return [failed(new EmptyResponse({}))]
  const body = parseJson(answer.body)
  const message = at(body, "message")
  // An error comes with a good status, too: its `message` is a text.
  if (!isObject(body) || !isObject(message)) return [failed(classify(answer).error)]
  const reader = new Decoder(encoded)
  const say = (type: string, index: number, part: JsonObject): UpstreamEvent =>
    reader.read(type, { index, delta: { message: part } })
  return [
    say("tool-plan-delta", 0, message),
    ...list(message["content"]).map((content, index) => say("content-delta", index, { content })),
    ...list(message["tool_calls"]).flatMap((called, index) => [
      say("tool-call-start", index, { tool_calls: called }),
      say("tool-call-end", index, {})
    ]),
    reader.read("message-end", { delta: body }),
    done
  ]
}
