/**
 * A whole message, put together from the events of its stream by the rules of Anthropic's own SDKs.
 */
import type { Payload } from "../Dialect.ts"
import { isExact, printJson } from "../ExactNumbers.ts"
import { isObject, type JsonObject, parseJson } from "../Json.ts"
import { wholeView } from "../WholeView.ts"
import { addMessageUsage, mergeMessageUsage } from "./MessageUsage.ts"

/** A block whose texts are collected apart: they grow with every event. */
interface Growing {
  readonly block: JsonObject
  text: string
  thinking: string
  input: string
}

const textIn = (object: JsonObject, field: string): string => {
  const value = object[field]
  return typeof value === "string" ? value : ""
}

const grow = (growing: Growing, delta: JsonObject): void => {
  const { block } = growing
  switch (delta["type"]) {
    case "text_delta":
      growing.text += textIn(delta, "text")
      return
    case "thinking_delta":
      growing.thinking += textIn(delta, "thinking")
      return
    case "signature_delta":
      block["signature"] = delta["signature"]
      return
    case "input_json_delta":
      growing.input += textIn(delta, "partial_json")
      return
    case "citations_delta": {
      const before = Array.isArray(block["citations"]) ? (block["citations"] as ReadonlyArray<unknown>) : []
      block["citations"] = [...before, delta["citation"]]
      return
    }
    // What a later version adds is the last that was said of it.
    default: {
      const { type: _, ...fields } = delta
      for (const [field, value] of Object.entries(fields)) if (field !== "__proto__") block[field] = value
    }
  }
}

const finished = ({ block, input, text, thinking }: Growing): JsonObject => {
  // A call's input is an object: one that is no JSON has been told as it is in the stream, and has no place here.
  const read = input === "" ? undefined : parseJson(input)
  // A stream may begin a text with `citations: null`; a whole answer leaves them out, and `ai` refuses one that does not.
  const { citations, ...rest } = block
  return {
    ...rest,
    ...(citations === undefined || citations === null ? {} : { citations }),
    ...(block["type"] === "text" ? { text } : {}),
    ...(block["type"] === "thinking" ? { thinking } : {}),
    ...(input === "" ? {} : { input: isObject(read) ? read : {} })
  }
}

/** Takes a message's events one by one. */
class Assembly {
  private message: JsonObject = {}
  private usage: JsonObject = {}
  private readonly blocks = new Map<unknown, Growing>()
  /** An event whose numbers are to be printed as they came. */
  private exact: JsonObject | undefined

  push({ data }: Payload): void {
    const raw = parseJson(data)
    if (!isObject(raw)) return
    if (isExact(raw)) this.exact = raw
    switch (raw["type"]) {
      case "message_start":
        if (!isObject(raw["message"])) return
        this.message = { ...raw["message"] }
        this.usage = mergeMessageUsage({}, this.message["usage"])
        return
      case "content_block_start": {
        const block = isObject(raw["content_block"]) ? { ...raw["content_block"] } : {}
        this.blocks.set(raw["index"], {
          block,
          text: textIn(block, "text"),
          thinking: textIn(block, "thinking"),
          input: ""
        })
        return
      }
      case "content_block_delta": {
        const growing = this.blocks.get(raw["index"])
        if (growing !== undefined && isObject(raw["delta"])) grow(growing, raw["delta"])
        return
      }
      case "message_delta": {
        const { delta, type: _, usage, ...rest } = raw
        this.message = { ...this.message, ...rest, ...(isObject(delta) ? delta : {}) }
        this.usage = addMessageUsage(this.usage, usage)
      }
    }
  }

  /** The message so far, as JSON. */
  print(): string {
    const content = [...this.blocks.values()].map(finished)
    const message = { ...this.message, content, usage: this.usage }
    return printJson(message, this.exact ?? content.find(({ input }) => isExact(input))?.["input"])
  }
}

/** A whole message, as one body. */
export const wholeMessage = wholeView(() => new Assembly())
