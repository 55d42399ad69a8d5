/**
 * What has been written of a message so far: all that its next event depends on. It can be read from the events
 * themselves, so that another process can go on.
 */
import type { Payload, Replayed } from "../Dialect.ts"
import { isObject, type JsonObject, parseJson } from "../Json.ts"
import { type JsonScan, nothingScanned, scanJson } from "../JsonScan.ts"
import { mergeMessageUsage } from "./MessageUsage.ts"
import { readStopReason } from "./StopReason.ts"

/** What a content block of ours holds, as far as it matters. */
export type BlockKind = "text" | "refusal" | "thinking" | "tool" | "other"

/** A content block, and how far its input has come if it is a tool call. */
export interface Block extends JsonScan {
  readonly index: number
  readonly kind: BlockKind
  /** The block before it, where that is a tool call: a signature in an otherwise empty block is that call's. */
  readonly behind: Block | undefined
  /** The id of its call. */
  readonly id: string
  /** Of a thinking block, as far as it was written. */
  signature: string
  /** Its signature came in an event of its own: it is over. */
  signed: boolean
  /** Something was thought in it. */
  thought: boolean
}

/** A message, as far as it is written. */
export interface Written {
  begun: boolean
  model: string
  /** The blocks that are not ended, by their index, in the order in which they began. */
  readonly open: Map<number, Block>
  /** Those of them that end when the next one begins: all but calls whose input is to come. */
  readonly over: Set<Block>
  /** The block that began last. */
  last: Block | undefined
  /** Tool calls, in the order in which they began. */
  readonly calls: Array<Block>
  refused: boolean
  /** The usage as it was told, all events together. */
  usage: JsonObject
  /** The `delta` that said why the message stopped. */
  stop: JsonObject | undefined
}

/** Nothing is written. */
export const nothingWritten = (): Written => ({
  begun: false,
  model: "",
  open: new Map(),
  over: new Set(),
  last: undefined,
  calls: [],
  refused: false,
  usage: {},
  stop: undefined
})

/** The kind of a block by its `type`. */
export const kindOfBlock = (type: unknown): BlockKind =>
  type === "text" || type === "thinking" ? type : type === "tool_use" ? "tool" : "other"

/** Begins the next block. */
export const beginBlock = (written: Written, kind: BlockKind, content: JsonObject): Block => {
  const { id, signature, thinking } = content
  const { last } = written
  const block: Block = {
    index: last === undefined ? 0 : last.index + 1,
    kind,
    behind: last?.kind === "tool" ? last : undefined,
    id: typeof id === "string" ? id : "",
    signature: typeof signature === "string" ? signature : "",
    signed: false,
    thought: typeof thinking === "string" && thinking !== "",
    ...nothingScanned()
  }
  written.last = block
  written.open.set(block.index, block)
  if (kind === "tool") written.calls.push(block)
  else written.over.add(block)
  if (kind === "refusal") written.refused = true
  return block
}

/** The block that began last of those that are open. */
export const currentBlock = ({ last, open }: Written): Block | undefined =>
  last === undefined || open.has(last.index) ? last : [...open.values()].at(-1)

/** Takes more of the input of a call. */
export const addInput = (written: Written, block: Block, text: string): void => {
  scanJson(block, text)
  if (block.whole && written.open.has(block.index)) written.over.add(block)
}

/** Ends a block. */
export const endBlock = (written: Written, block: Block): void => {
  written.open.delete(block.index)
  written.over.delete(block)
}

/** The block of ours that an event is of, if that is open. */
const blockOf = ({ open }: Written, { index }: JsonObject): Block | undefined =>
  typeof index === "number" ? open.get(index) : undefined

const textIn = (object: JsonObject, field: string): string => {
  const value = object[field]
  return typeof value === "string" ? value : ""
}

/** Reads events of ours back, one after the other. */
export class Replay {
  readonly written = nothingWritten()
  private text = ""
  private tokenCount = 0
  private beside = 0
  private reasoning = 0
  private sealed = false
  private ended = false

  read({ data, event }: Payload): void {
    if (event === "message_stop" || event === "error") this.ended = true
    const raw = parseJson(data)
    if (isObject(raw)) this.readEvent(raw, data.length)
  }

  result(): Replayed {
    const { calls, stop } = this.written
    const reason = stop === undefined ? "" : textIn(stop, "stop_reason")
    return {
      text: this.text,
      tokenCount: this.tokenCount,
      beside: this.beside,
      reasoning: this.reasoning,
      begun: this.written.begun,
      sealed: this.sealed,
      called: calls.length > 0,
      finish: reason === "" ? undefined : readStopReason(reason),
      ended: this.ended
    }
  }

  private readEvent(raw: JsonObject, size: number): void {
    const { written } = this
    switch (raw["type"]) {
      case "message_start": {
        const message = isObject(raw["message"]) ? raw["message"] : {}
        written.begun = true
        written.model = textIn(message, "model")
        written.usage = mergeMessageUsage({}, message["usage"])
        return
      }
      case "content_block_start": {
        const content = isObject(raw["content_block"]) ? raw["content_block"] : {}
        const kind = raw["refusal"] === true ? "refusal" : kindOfBlock(content["type"])
        const block = beginBlock(written, kind, content)
        if (kind === "refusal" || kind === "tool" || kind === "other") this.besides(kind, content, size)
        this.said(block, textIn(content, "text"))
        this.thought(textIn(content, "thinking"))
        return
      }
      case "content_block_delta":
        return this.readDelta(raw, size)
      case "content_block_stop": {
        const block = blockOf(written, raw)
        if (block !== undefined) endBlock(written, block)
        return
      }
      case "message_delta":
        written.usage = mergeMessageUsage(written.usage, raw["usage"])
        if (isObject(raw["delta"]) && textIn(raw["delta"], "stop_reason") !== "") written.stop = raw["delta"]
    }
  }

  private readDelta(raw: JsonObject, size: number): void {
    const delta = isObject(raw["delta"]) ? raw["delta"] : {}
    const block = blockOf(this.written, raw)
    switch (delta["type"]) {
      case "text_delta":
        return this.said(block, textIn(delta, "text"))
      case "thinking_delta":
        this.thought(textIn(delta, "thinking"))
        if (block !== undefined) block.thought = true
        return
      case "signature_delta":
        this.beside += size
        if (block === undefined) return
        block.signature = textIn(delta, "signature")
        block.signed = true
        return
      case "input_json_delta":
        this.beside += size
        if (block !== undefined) addInput(this.written, block, textIn(delta, "partial_json"))
        return
      case "citations_delta":
        return
      default:
        this.sealed = true
        this.beside += size
    }
  }

  private thought(text: string): void {
    this.beside += text.length
    this.reasoning += text.length
  }

  private besides(kind: BlockKind, content: JsonObject, size: number): void {
    this.beside += size
    if (kind !== "other" || content["type"] !== "redacted_thinking") this.sealed = true
  }

  private said(block: Block | undefined, text: string): void {
    if (text === "") return
    if (block?.kind === "refusal") this.beside += text.length
    else {
      this.text += text
      this.tokenCount++
    }
  }
}
