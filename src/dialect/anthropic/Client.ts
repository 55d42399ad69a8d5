/**
 * What a Messages request with `stream: true` is answered with: the events of a message. Whole answers are put together
 * from the same events.
 *
 * An Anthropic upstream's events pass with every field, under our id and model and with our numbers of blocks. What other
 * upstreams say is put into blocks: one is open at a time, and ends when the next one begins or the message does. Only a
 * call stays open until its input is whole, whatever else is said meanwhile: clients read the input when its block ends.
 */
import type {
  AnswerEncoder,
  AnswerIdentity,
  Completion,
  Failure,
  Opening,
  Payload,
  Replayed,
  Seam
} from "../Dialect.ts"
import type { Delta, Finish, NativeEvents, Piece } from "../Event.ts"
import { printJson } from "../ExactNumbers.ts"
import { isObject, type JsonObject } from "../Json.ts"
import type { UpstreamDialectName } from "../Names.ts"
import { signedFor } from "../Signature.ts"
import type { Usage } from "../Usage.ts"
import { anthropicErrorBody } from "./Errors.ts"
import { countsAlike, mergeMessageUsage, writeMessageUsage } from "./MessageUsage.ts"
import { writeStopReason } from "./StopReason.ts"
import {
  addInput,
  beginBlock,
  type Block,
  type BlockKind,
  currentBlock,
  endBlock,
  kindOfBlock,
  nothingWritten,
  Replay,
  type Written
} from "./Written.ts"

type Raw = NativeEvents["anthropic"]
type Payloads = Array<Payload>

/** `madeFrom` is the upstream's own event, where parts of it are in this one: its numbers are kept to the digit. */
const event = (type: string, fields: JsonObject, madeFrom?: Raw): Payload => ({
  event: type,
  data: printJson({ type, ...fields }, madeFrom)
})

// Every token of every answer comes by here: by hand it takes half of what one `JSON.stringify` of the whole takes.
const textDelta = (index: number, text: string): Payload => ({
  event: "content_block_delta",
  data: `{"type":"content_block_delta","index":${index},"delta":{"type":"text_delta","text":${JSON.stringify(text)}}}`
})

const blockDelta = (index: number, delta: JsonObject): Payload => event("content_block_delta", { index, delta })

/** An event that says no more than that a block is over. */
const isBareStop = (raw: Raw): boolean => Object.keys(raw).every((field) => field === "type" || field === "index")

/** Whether an event of text holds nothing but its text. */
const isBareText = (raw: Raw, delta: JsonObject): boolean => {
  for (const field in raw) if (field !== "type" && field !== "index" && field !== "delta") return false
  for (const field in delta) if (field !== "type" && field !== "text") return false
  return typeof delta["text"] === "string"
}

class MessageEncoder implements AnswerEncoder {
  private readonly identity: AnswerIdentity
  private written: Written = nothingWritten()
  private replay: Replay | undefined
  /** The blocks of the upstream that is heard, by its own numbers. */
  private readonly upstream = new Map<unknown, Block>()

  constructor(identity: AnswerIdentity) {
    this.identity = identity
  }

  resume(payloads: Iterable<Payload>): Replayed {
    this.replay ??= new Replay()
    for (const payload of payloads) this.replay.read(payload)
    this.written = this.replay.written
    return this.replay.result()
  }

  open(model: string): ReadonlyArray<Payload> {
    this.written.model = model
    return []
  }

  attempt(): ReadonlyArray<Payload> {
    return []
  }

  begin(model: string, opening: Opening): ReadonlyArray<Payload> {
    this.written.model = model
    const out: Payloads = []
    const started = opening.deltas.find(({ from, raw }) => from === "anthropic" && raw.type === "message_start")
    this.start(out, started?.raw as Raw | undefined, opening.usage)
    for (const delta of opening.deltas) this.say(out, delta)
    return out
  }

  delta(delta: Delta): ReadonlyArray<Payload> {
    const out: Payloads = []
    this.say(out, delta)
    return out
  }

  text(text: string): ReadonlyArray<Payload> {
    const out: Payloads = []
    if (text !== "") this.sayText(out, text)
    return out
  }

  /** The next upstream counts its blocks anew. Text goes on in the block that is open. */
  failover(_seam: Seam): ReadonlyArray<Payload> {
    this.upstream.clear()
    return []
  }

  complete({ finish, usage }: Completion): ReadonlyArray<Payload> {
    const out: Payloads = []
    const { written } = this
    if (!written.begun) this.start(out, undefined, usage)
    this.closeAll(out)
    const said = writeMessageUsage(usage)
    if (written.stop === undefined) {
      const shown = { called: written.calls.length > 0, refused: written.refused, sequence: this.stoppedAt(finish) }
      const reason = writeStopReason(finish, shown)
      const sequence = reason === "stop_sequence" ? (shown.sequence ?? null) : null
      this.stop(out, { stop_reason: reason, stop_sequence: sequence }, said)
      // What the last upstream said of itself is not what the answer cost, where there was more than one.
    } else if (!countsAlike(said, written.usage)) this.stop(out, written.stop, said)
    out.push(event("message_stop", {}))
    return out
  }

  fail({ error }: Failure): ReadonlyArray<Payload> {
    return [{ event: "error", data: JSON.stringify(anthropicErrorBody(error, this.identity.requestId)) }]
  }

  /** Which of the client's stop sequences it stopped at: other vendors may have words of their own there. */
  private stoppedAt({ from, sequence }: Finish): string | undefined {
    if (from === "anthropic") return sequence
    const asked = this.identity.request?.body["stop_sequences"]
    return Array.isArray(asked) && asked.includes(sequence) ? sequence : undefined
  }

  private start(out: Payloads, raw: Raw | undefined, usage: Usage): void {
    const { written } = this
    const said = isObject(raw?.["message"]) ? raw["message"] : {}
    const message: JsonObject = {
      type: "message",
      role: "assistant",
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: writeMessageUsage(usage),
      ...said,
      id: `msg_${this.identity.streamId}`,
      model: written.model
    }
    written.begun = true
    written.usage = mergeMessageUsage({}, message["usage"])
    out.push(event("message_start", { ...raw, message }, raw))
  }

  private stop(out: Payloads, delta: JsonObject, usage: JsonObject): void {
    this.written.stop = delta
    this.written.usage = usage
    out.push(event("message_delta", { delta, usage }))
  }

  private say(out: Payloads, delta: Delta): void {
    if (delta.from === "anthropic") this.sayOwn(out, delta, delta.raw)
    else this.sayOthers(out, delta)
  }

  // ------------------------------------------------------------------------------------- blocks

  private current(): Block | undefined {
    return currentBlock(this.written)
  }

  private close(out: Payloads, block: Block): void {
    // Thoughts that were cut have no signature: marked so, they are not sent back to who would refuse them. Another vendor's
    // mark stands where the block begins; `ai` looks for it in an event of its own, and without it forgets the thought.
    if (block.kind === "thinking" && !block.signed) {
      this.sign(out, block, block.signature === "" ? signedFor({ by: "anthropic", value: "" }) : block.signature)
    }
    endBlock(this.written, block)
    out.push(event("content_block_stop", { index: block.index }))
  }

  private closeAll(out: Payloads): void {
    for (const block of this.written.open.values()) this.close(out, block)
  }

  private begins(out: Payloads, kind: BlockKind, content: JsonObject): Block {
    for (const block of this.written.over) this.close(out, block)
    const block = beginBlock(this.written, kind, content)
    const mark = kind === "refusal" ? { refusal: true } : {}
    out.push(event("content_block_start", { index: block.index, content_block: content, ...mark }))
    return block
  }

  private sayText(out: Payloads, text: string, kind: "text" | "refusal" = "text"): Block {
    const current = this.current()
    const block = current?.kind === kind ? current : this.begins(out, kind, { type: "text", text: "" })
    out.push(textDelta(block.index, text))
    return block
  }

  private sign(out: Payloads, block: Block, signature: string): void {
    block.signature = signature
    block.signed = true
    out.push(blockDelta(block.index, { type: "signature_delta", signature }))
  }

  // --------------------------------------------------------------------------- other upstreams

  private sayOthers(out: Payloads, { from, pieces, reasoning, text }: Delta): void {
    if (reasoning !== "") this.sayReasoning(out, reasoning, from)
    if (text !== "") this.sayText(out, text)
    if (pieces !== undefined) for (const piece of pieces) this.sayPiece(out, piece)
  }

  private sayReasoning(out: Payloads, reasoning: string, from: UpstreamDialectName | undefined): Block {
    const current = this.current()
    // Unsigned thoughts of another vendor's say whose they are: unmarked ones would be taken for Anthropic's.
    const signature = from === undefined || from === "anthropic" ? "" : signedFor({ by: from, value: "" })
    const block =
      current?.kind === "thinking" && !current.signed
        ? current
        : this.begins(out, "thinking", { type: "thinking", thinking: "", signature })
    block.thought = true
    out.push(blockDelta(block.index, { type: "thinking_delta", thinking: reasoning }))
    return block
  }

  private sayPiece(out: Payloads, piece: Piece): void {
    switch (piece._tag) {
      case "ToolCall":
        return this.sayCall(out, piece)
      case "ToolInput": {
        const block = this.written.calls[piece.index] ?? this.written.calls.at(-1)
        // What comes behind a whole input is white space: a block that is over has no more of it.
        if (block !== undefined && piece.text !== "" && this.written.open.has(block.index)) {
          addInput(this.written, block, piece.text)
          out.push(blockDelta(block.index, { type: "input_json_delta", partial_json: piece.text }))
        }
        return
      }
      case "Signature":
        return this.saySignature(out, piece)
      case "SealedReasoning":
        this.begins(out, "other", { type: "redacted_thinking", data: marked(piece) })
        return
      case "Refusal":
        if (piece.text !== "") this.sayText(out, piece.text, "refusal")
        return
      // Anthropic's answers have no words for them.
      case "Media":
      case "OtherChoice":
      case "Native":
        return
    }
  }

  private sayCall(out: Payloads, { id, index, name }: Extract<Piece, { readonly _tag: "ToolCall" }>): void {
    const { calls } = this.written
    // Some say the id with every part of the call.
    if (id !== "" && calls[index]?.id === id) return
    const own = id === "" ? this.callId(calls.length) : id
    this.begins(out, "tool", { type: "tool_use", id: own, name, input: {} })
  }

  /** `call_` and 24 characters: the same in the stream and in what is read of it later. */
  private callId(nth: number): string {
    return `call_${this.identity.streamId
      .replace(/[^a-zA-Z0-9]/g, "")
      .padEnd(22, "0")
      .slice(0, 22)}${String(nth).padStart(2, "0")}`
  }

  private saySignature(out: Payloads, piece: Extract<Piece, { readonly _tag: "Signature" }>): void {
    const block = this.signable(out, piece.of)
    if (block === undefined) return
    // Clients keep the last signature of a block: what comes in parts is told again from its beginning.
    this.sign(out, block, block.signed ? block.signature + piece.value : marked(piece))
  }

  /** The block that a signature goes into. A call's stands in a block of its own behind the call. */
  private signable(out: Payloads, of: "reasoning" | { readonly call: number }): Block | undefined {
    const current = this.current()
    const empty = { type: "thinking", thinking: "", signature: "" }
    if (of === "reasoning") return current?.kind === "thinking" ? current : this.begins(out, "thinking", empty)
    const call = this.written.calls[of.call]
    if (call === undefined) return undefined
    if (current?.kind === "thinking" && current.behind === call && !current.thought) return current
    return this.written.last === call ? this.begins(out, "thinking", empty) : undefined
  }

  // -------------------------------------------------------------------------- Anthropic upstreams

  private sayOwn(out: Payloads, said: Delta, raw: Raw): void {
    switch (raw.type) {
      // It was written when the answer began.
      case "message_start":
        return
      case "content_block_start":
        return this.passStart(out, raw)
      case "content_block_delta":
        return this.passDelta(out, said, raw)
      case "content_block_stop":
        return this.passStop(out, raw)
      case "message_delta":
        return this.passMessageDelta(out, raw)
      default:
        // A type of the upstream's own need not be a name that an event can have.
        out.push({ event: /[\r\n\0]/.test(raw.type) ? undefined : raw.type, data: printJson(raw) })
    }
  }

  private passStart(out: Payloads, raw: Raw): void {
    const content = isObject(raw["content_block"]) ? raw["content_block"] : {}
    if (content["type"] === "tool_use" && (typeof content["id"] !== "string" || content["id"] === "")) {
      content["id"] = this.callId(this.written.calls.length)
    }
    // Text is left open, so that another upstream can go on with it; and what an upstream that is gone has left open.
    const heard = new Set(this.upstream.values())
    for (const block of this.written.open.values()) {
      if (block.kind === "text" || !heard.has(block)) this.close(out, block)
    }
    const block = beginBlock(this.written, kindOfBlock(content["type"]), content)
    block.signed = block.signature !== ""
    this.upstream.set(raw["index"], block)
    this.pass(out, raw, block)
  }

  private passDelta(out: Payloads, said: Delta, raw: Raw): void {
    const delta = isObject(raw["delta"]) ? raw["delta"] : {}
    const block = this.upstream.get(raw["index"]) ?? this.adopt(raw, delta)
    if (block !== undefined && this.isElsewhere(block, delta["type"])) return this.sayOthers(out, said)
    if (delta["type"] === "text_delta" && (block === undefined || isBareText(raw, delta))) {
      const text = typeof delta["text"] === "string" ? delta["text"] : ""
      if (text === "") return
      if (block === undefined) this.upstream.set(raw["index"], this.sayText(out, text))
      else out.push(textDelta(block.index, text))
      return
    }
    if (block === undefined) return
    if (delta["type"] === "thinking_delta") block.thought = true
    if (typeof delta["partial_json"] === "string") addInput(this.written, block, delta["partial_json"])
    if (delta["type"] === "signature_delta") {
      block.signature = typeof delta["signature"] === "string" ? delta["signature"] : ""
      block.signed = true
    }
    this.pass(out, raw, block)
  }

  /**
   * Whether what a delta says goes into a block of its own: proxies say a thought or a text inside a block of another kind,
   * where SDKs raise or forget it; the block that it was meant for has then ended, or takes no such thing.
   */
  private isElsewhere(block: Block, type: unknown): boolean {
    if (type !== "text_delta" && type !== "thinking_delta" && type !== "signature_delta") return false
    if (block.kind === "other" || block.kind === "refusal") return false
    return !fits(block, type) || !this.isOpen(block)
  }

  private isOpen(block: Block): boolean {
    return this.written.open.has(block.index)
  }

  /**
   * The block of a delta whose beginning was not passed: it came while the answer was being joined, or before another
   * process took over. Blocks come one after the other, so it is the one that is open.
   */
  private adopt(raw: Raw, delta: JsonObject): Block | undefined {
    const current = this.current()
    if (current === undefined || !fits(current, delta["type"])) return undefined
    this.upstream.set(raw["index"], current)
    return current
  }

  private passStop(out: Payloads, raw: Raw): void {
    const block = this.upstream.get(raw["index"]) ?? this.current()
    this.upstream.delete(raw["index"])
    if (block === undefined || (block.kind === "text" && isBareStop(raw)) || !this.isOpen(block)) return
    endBlock(this.written, block)
    this.pass(out, raw, block)
  }

  private passMessageDelta(out: Payloads, raw: Raw): void {
    const { delta } = raw
    if (isObject(delta) && typeof delta["stop_reason"] === "string") {
      this.closeAll(out)
      this.written.stop = delta
    }
    this.written.usage = mergeMessageUsage(this.written.usage, raw["usage"])
    out.push({ event: raw.type, data: printJson(raw) })
  }

  private pass(out: Payloads, raw: Raw, { index }: Block): void {
    out.push({ event: raw.type, data: printJson(raw["index"] === index ? raw : { ...raw, index }, raw) })
  }
}

const marked = ({ by, value }: { readonly by: string; readonly value: string }): string =>
  by === "anthropic" ? value : signedFor({ by, value })

/** Whether a delta may belong to a block. */
const fits = ({ kind }: Block, type: unknown): boolean => {
  switch (type) {
    case "text_delta":
    case "citations_delta":
      return kind === "text"
    case "thinking_delta":
    case "signature_delta":
      return kind === "thinking"
    case "input_json_delta":
      return kind === "tool" || kind === "other"
    default:
      return true
  }
}

/** Writes an answer as the events of a message. */
export const anthropicEncoder = (identity: AnswerIdentity): AnswerEncoder => new MessageEncoder(identity)
