/**
 * The items of a response, written event by event: what every upstream says that does not speak of items itself. One is
 * open at a time, and is done when the next one begins; only a call is open until its input is whole, whatever else is
 * said meanwhile.
 */
import { callIdOf } from "../CallId.ts"
import type { AnswerIdentity, Payload } from "../Dialect.ts"
import type { Delta, NativeEvents, Piece } from "../Event.ts"
import { keepExact, printJson } from "../ExactNumbers.ts"
import type { JsonObject } from "../Json.ts"
import { type Signed, signedFor } from "../Signature.ts"
import { itemIdOf } from "./Ids.ts"
import { indexField, partsOf } from "./Passing.ts"
import { type Item, itemNow, type Part, partNow, Written } from "./Written.ts"

/** An event of a Responses upstream. */
export type Raw = NativeEvents["responses"]
/** What is to be appended. */
export type Payloads = Array<Payload>

/** Unmarked a signature is this dialect's own. */
const marked = (signed: Signed): string => (signed.by === "responses" ? signed.value : signedFor(signed))

/** Writes items, and knows what it has written. */
export class ItemWriter {
  protected readonly identity: AnswerIdentity
  protected written = new Written()
  /** Items may be open that the upstream that is heard does not know of. */
  protected mixed = false

  constructor(identity: AnswerIdentity) {
    this.identity = identity
  }

  /** `madeFrom` is the upstream's own event, where parts of it are in this one: its numbers are kept to the digit. */
  protected emit(out: Payloads, type: string, fields: JsonObject, madeFrom?: Raw): void {
    const event: JsonObject = { type, sequence_number: this.written.length, ...fields }
    if (madeFrom !== undefined) keepExact(event, madeFrom)
    this.written.apply(event)
    out.push({ event: type, data: printJson(event, this.written.exact) })
  }

  // Every token of every answer comes by here: by hand it takes half of what one `JSON.stringify` of the whole takes.
  protected textDelta(out: Payloads, item: Item, part: Part, text: string): void {
    const event = "response.output_text.delta"
    out.push({
      event,
      data: `{"type":"${event}","sequence_number":${this.written.length},"item_id":"${item.id}","output_index":${item.index},"content_index":${part.index},"delta":${JSON.stringify(text)},"logprobs":[]}`
    })
    this.written.applyText(part, text)
  }

  protected last(): Item | undefined {
    return this.written.items.at(-1)
  }

  /** The item that was begun last, if it is open and of a kind. */
  protected current(kind: Item["kind"]): Item | undefined {
    const last = this.last()
    return last?.kind === kind && !last.done ? last : undefined
  }

  protected closeDone(out: Payloads): void {
    for (const item of this.written.over) this.close(out, item, "completed")
  }

  protected begins(out: Payloads, raw: JsonObject): Item {
    this.mixed = true
    const index = this.written.items.length
    const id = itemIdOf(raw["type"], this.identity.streamId, index)
    this.emit(out, "response.output_item.added", { output_index: index, item: { id, ...raw } })
    return this.last()!
  }

  protected beginPart(out: Payloads, item: Item, of: Part["of"], part: JsonObject): Part {
    const index = item.parts[of].length
    const type = of === "content" ? "response.content_part.added" : "response.reasoning_summary_part.added"
    this.emit(out, type, { item_id: item.id, output_index: item.index, [indexField[of]]: index, part })
    return item.parts[of].at(-1)!
  }

  protected closePart(out: Payloads, item: Item, part: Part): void {
    if (!part.told) this.endText(out, item, part)
    const now = { item_id: item.id, output_index: item.index, part: partNow(part) }
    const { index } = part
    if (part.of === "summary") this.emit(out, "response.reasoning_summary_part.done", { ...now, summary_index: index })
    else this.emit(out, "response.content_part.done", { ...now, content_index: index })
  }

  private endText(out: Payloads, item: Item, part: Part): void {
    const place = { item_id: item.id, output_index: item.index }
    const { index, text } = part
    switch (part.raw["type"]) {
      case "refusal":
        this.emit(out, "response.refusal.done", { ...place, content_index: index, refusal: text })
        break
      case "output_text":
        this.emit(out, "response.output_text.done", { ...place, content_index: index, text, logprobs: [] })
        break
      case "reasoning_text":
        this.emit(out, "response.reasoning_text.done", { ...place, content_index: index, text })
        break
      case "summary_text":
        this.emit(out, "response.reasoning_summary_text.done", { ...place, summary_index: index, text })
    }
  }

  protected close(out: Payloads, item: Item, status: "completed" | "incomplete"): void {
    for (const part of partsOf(item)) if (!part.done) this.closePart(out, item, part)
    const now = itemNow(item, status)
    if (item.kind === "call") {
      const { arguments: input, name } = now
      this.emit(out, "response.function_call_arguments.done", {
        item_id: item.id,
        output_index: item.index,
        name,
        arguments: input
      })
    }
    this.emit(out, "response.output_item.done", { output_index: item.index, item: now })
  }

  protected sayOthers(out: Payloads, { pieces, reasoning, text }: Pick<Delta, "pieces" | "reasoning" | "text">): void {
    if (reasoning !== "") this.sayReasoning(out, reasoning)
    if (text !== "") this.sayText(out, text)
    if (pieces !== undefined) for (const piece of pieces) this.sayPiece(out, piece)
  }

  /** The message that is open, or a new one. */
  protected message(out: Payloads): Item {
    const current = this.current("message")
    if (current !== undefined) return current
    this.closeDone(out)
    return this.begins(out, { type: "message", status: "in_progress", role: "assistant", content: [] })
  }

  protected contentPart(out: Payloads, part: JsonObject): { readonly item: Item; readonly part: Part } {
    const item = this.message(out)
    const last = item.parts.content.at(-1)
    if (last !== undefined && !last.done && last.raw["type"] === part["type"]) return { item, part: last }
    if (last !== undefined && !last.done) this.closePart(out, item, last)
    return { item, part: this.beginPart(out, item, "content", part) }
  }

  protected sayText(out: Payloads, text: string): Item {
    const { item, part } = this.contentPart(out, { type: "output_text", text: "", annotations: [], logprobs: [] })
    this.textDelta(out, item, part, text)
    return item
  }

  protected sayRefusal(out: Payloads, text: string): void {
    const { item, part } = this.contentPart(out, { type: "refusal", refusal: "" })
    const place = { item_id: item.id, output_index: item.index, content_index: part.index }
    this.emit(out, "response.refusal.delta", { ...place, delta: text })
  }

  protected reasoningItem(out: Payloads): Item {
    this.closeDone(out)
    return this.begins(out, { type: "reasoning", summary: [] })
  }

  protected summaryDelta(out: Payloads, item: Item, delta: string, signed: JsonObject): void {
    const open = item.parts.summary.at(-1)
    const part =
      open !== undefined && !open.done ? open : this.beginPart(out, item, "summary", { type: "summary_text", text: "" })
    const place = { item_id: item.id, output_index: item.index, summary_index: part.index }
    this.emit(out, "response.reasoning_summary_text.delta", { ...place, delta, ...signed })
  }

  protected sayReasoning(out: Payloads, reasoning: string): void {
    const current = this.current("reasoning")
    // What is signed is over.
    const item = current !== undefined && current.signature === "" ? current : this.reasoningItem(out)
    this.summaryDelta(out, item, reasoning, {})
  }

  protected sayPiece(out: Payloads, piece: Piece): void {
    switch (piece._tag) {
      case "ToolCall":
        return this.sayCall(out, piece)
      case "ToolInput": {
        const item = this.written.calls[piece.index] ?? this.written.calls.at(-1)
        if (item === undefined || item.done || piece.text === "") return
        const place = { item_id: item.id, output_index: item.index }
        this.emit(out, "response.function_call_arguments.delta", { ...place, delta: piece.text })
        return
      }
      case "Signature":
        return this.saySignature(out, piece)
      case "SealedReasoning":
        this.closeDone(out)
        this.close(
          out,
          this.begins(out, { type: "reasoning", summary: [], encrypted_content: marked(piece) }),
          "completed"
        )
        return
      case "Refusal":
        if (piece.text !== "") this.sayRefusal(out, piece.text)
        return
      case "Media":
        if (!piece.mediaType.startsWith("image/")) return
        this.closeDone(out)
        this.close(
          out,
          this.begins(out, { type: "image_generation_call", status: "in_progress", result: piece.base64 }),
          "completed"
        )
        return
      // A response has no words for them.
      case "OtherChoice":
      case "Native":
        return
    }
  }

  protected sayCall(out: Payloads, { id, index, name }: Extract<Piece, { readonly _tag: "ToolCall" }>): void {
    const { calls } = this.written
    // Some say the id with every part of the call.
    if (id !== "" && calls[index]?.raw["call_id"] === id) return
    this.closeDone(out)
    const call_id = this.callId(id)
    this.begins(out, { type: "function_call", status: "in_progress", arguments: "", call_id, name })
  }

  /** The upstream's id of the next call; one of ours where it has none, or has it twice. */
  protected callId(id: unknown): string {
    const { callIds, calls } = this.written
    return typeof id === "string" && id !== "" && !callIds.has(id)
      ? id
      : callIdOf(this.identity.streamId, 0, calls.length)
  }

  /**
   * A signature stands with what was thought. One of a call has no place there: it stands in reasoning of its own behind
   * the call, with a summary of nothing. It is told as it comes, in an event that says nothing else, so that all that was
   * heard of it is written before the item is done.
   */
  protected saySignature(out: Payloads, piece: Extract<Piece, { readonly _tag: "Signature" }>): void {
    const item = this.signable(out, piece.of)
    if (item === undefined) return
    this.summaryDelta(out, item, "", { signature: item.signature === "" ? marked(piece) : piece.value })
  }

  protected signable(out: Payloads, of: "reasoning" | { readonly call: number }): Item | undefined {
    const current = this.current("reasoning")
    if (of === "reasoning") return current ?? this.reasoningItem(out)
    const call = this.written.calls[of.call]
    if (call === undefined) return undefined
    if (current !== undefined && this.isBehind(current, call)) return current
    if (this.last() !== call) return undefined
    if (!call.done) this.close(out, call, "completed")
    return this.reasoningItem(out)
  }

  protected isBehind(item: Item, call: Item): boolean {
    return item.index === call.index + 1 && partsOf(item).every(({ text }) => text === "")
  }
}
