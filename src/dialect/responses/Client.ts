/**
 * What `stream: true` is answered with: the events of a response. Whole answers, and what is found by a response's id, are
 * the response of the last of these events.
 *
 * A Responses upstream's events pass with every field, under our ids and with our numbers of items. What other upstreams say
 * is put into items: one is open at a time, and is done when the next one begins or the response ends. Only a call is open
 * until its input is whole, whatever else is said meanwhile. `sequence_number` is the event's place in the journal.
 */
import { blameOf } from "../../errors/index.ts"
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
import type { Delta } from "../Event.ts"
import { isObject, type JsonObject } from "../Json.ts"
import { openaiErrorBody } from "../OpenAIErrors.ts"
import { itemIdOf } from "./Ids.ts"
import { ItemWriter, type Payloads, type Raw } from "./ItemWriter.ts"
import {
  fits,
  hasMore,
  indexField,
  isBareText,
  isOfItem,
  isPart,
  type Mapped,
  mappedTo,
  maxBack,
  ofItems,
  partAt,
  partOf,
  partSaid,
  partsIn,
  partsOf
} from "./Passing.ts"
import { headOf, ownFields } from "./ResponseHead.ts"
import { writeResponseUsage } from "./ResponseUsage.ts"
import { writeStatus } from "./Status.ts"
import { type Item, itemNow, type Part, Replay, textField } from "./Written.ts"

class ResponseEncoder extends ItemWriter implements AnswerEncoder {
  private replay: Replay | undefined
  private model = ""
  /** The items of the upstream that is heard, by its own numbers. */
  private readonly upstream = new Map<unknown, Mapped>()
  /** The upstream's own end. */
  private final: Raw | undefined

  resume(payloads: Iterable<Payload>): Replayed {
    this.replay ??= new Replay()
    for (const payload of payloads) this.replay.read(payload)
    this.written = this.replay.written
    this.mixed = true
    const model = this.written.head?.["model"]
    if (typeof model === "string") this.model = model
    return this.replay.result()
  }

  /** Who asks for it in the background is told its id before anything is known. */
  open(model: string): ReadonlyArray<Payload> {
    this.model = model
    const out: Payloads = []
    if (this.identity.request?.body["background"] !== true) return out
    const response = { ...headOf(this.identity, model), status: "queued", output: [] }
    this.emit(out, "response.created", { response })
    this.emit(out, "response.queued", { response })
    return out
  }

  attempt(): ReadonlyArray<Payload> {
    return []
  }

  begin(model: string, { deltas }: Opening): ReadonlyArray<Payload> {
    this.model = model
    const out: Payloads = []
    const own = deltas.filter(({ from }) => from === "responses").map(({ raw }) => raw as Raw)
    const created = own.find(({ type }) => type === "response.created")
    const started = own.find(({ type }) => type === "response.in_progress") ?? created
    if (this.written.head === undefined) this.lifecycle(out, "response.created", created)
    this.lifecycle(out, "response.in_progress", started)
    for (const delta of deltas) this.say(out, delta)
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

  /** The next upstream counts its items anew. Text goes on in the message that is open. */
  failover(_seam: Seam): ReadonlyArray<Payload> {
    this.upstream.clear()
    this.final = undefined
    this.mixed = true
    return []
  }

  complete({ finish, usage }: Completion): ReadonlyArray<Payload> {
    const out: Payloads = []
    if (!this.written.begun) {
      if (this.written.head === undefined) this.lifecycle(out, "response.created", undefined)
      this.lifecycle(out, "response.in_progress", undefined)
    }
    const ending = writeStatus(finish)
    for (const item of this.written.open) this.close(out, item, ending.status)
    const said = isObject(this.final?.["response"]) ? this.final["response"] : {}
    this.emit(
      out,
      `response.${ending.status}`,
      {
        ...besideResponse(this.final),
        response: {
          ...this.written.head,
          ...said,
          ...ownFields(this.identity, this.model),
          status: ending.status,
          error: null,
          incomplete_details: ending.incomplete_details,
          output: this.written.items.map((item) => itemNow(item, ending.status)),
          usage: writeResponseUsage(usage)
        }
      },
      this.final
    )
    return out
  }

  fail({ error }: Failure): ReadonlyArray<Payload> {
    const out: Payloads = []
    const { error: told } = openaiErrorBody(error, this.identity.requestId)
    const { code, message, param } = told
    const response = {
      ...(this.written.head ?? headOf(this.identity, this.model)),
      status: blameOf(error) === "cancelled" ? "cancelled" : "failed",
      error: told,
      output: this.written.items.map((item) => itemNow(item, "incomplete"))
    }
    this.emit(out, "response.failed", { response })
    this.emit(out, "error", { code, message, param, error: told })
    return out
  }

  /** An event of the upstream's, with all that it says, and our numbers. */
  private pass(out: Payloads, raw: Raw, fields: JsonObject): void {
    const { sequence_number: _, type, ...rest } = raw
    this.emit(out, type, { ...rest, ...fields }, raw)
  }

  private lifecycle(out: Payloads, type: string, raw: Raw | undefined): void {
    const said = isObject(raw?.["response"]) ? raw["response"] : {}
    const response = {
      ...headOf(this.identity, this.model),
      ...said,
      ...ownFields(this.identity, this.model),
      status: "in_progress",
      output: []
    }
    this.emit(out, type, { ...besideResponse(raw), response }, raw)
  }

  private say(out: Payloads, delta: Delta): void {
    if (delta.from === "responses") this.sayOwn(out, delta)
    else this.sayOthers(out, delta)
  }

  private sayOwn(out: Payloads, delta: Delta): void {
    const raw = delta.raw as Raw
    switch (raw.type) {
      // They were written when the answer began.
      case "response.created":
      case "response.queued":
      case "response.in_progress":
        return
      // It is written when all that belongs to it is known.
      case "response.completed":
      case "response.incomplete":
        this.final = raw
        return
      case "response.output_item.added":
        return this.passAdded(out, raw)
    }
    if (raw["output_index"] === undefined && !ofItems.test(raw.type)) return this.pass(out, raw, {})
    const mapped = this.upstream.get(raw["output_index"]) ?? this.adopt(raw)
    if (mapped === undefined || mapped.item.done) return this.sayOthers(out, delta)
    this.passOn(out, raw, mapped, delta)
  }

  private passAdded(out: Payloads, raw: Raw): void {
    const said = isObject(raw["item"]) ? raw["item"] : {}
    if (this.mixed) {
      // What an upstream that is gone has left open.
      const heard = new Set([...this.upstream.values()].map(({ item }) => item))
      for (const item of this.written.open) if (!heard.has(item)) this.close(out, item, "completed")
      this.mixed = false
    }
    const index = this.written.items.length
    const item: JsonObject = { ...said, id: itemIdOf(said["type"], this.identity.streamId, index) }
    switch (said["type"]) {
      case "message":
        item["content"] = []
        break
      case "reasoning":
        item["summary"] = []
        if (item["content"] !== undefined) item["content"] = []
        break
      case "function_call":
        item["call_id"] = this.callId(said["call_id"])
        for (const field of ["name", "arguments"]) if (typeof said[field] !== "string") item[field] = ""
    }
    this.pass(out, raw, { output_index: index, item })
    this.upstream.set(raw["output_index"], mappedTo(this.last()!))
  }

  /**
   * The item of an event whose beginning was not passed: it came while the answer was being joined, or before another
   * process took over. It is the last one that is open and that such an event can be of.
   */
  private adopt(raw: Raw): Mapped | undefined {
    const { items } = this.written
    const item = items.slice(-maxBack).findLast((one) => !one.done && fits(one, raw))
    if (item === undefined) return undefined
    const mapped = mappedTo(item)
    this.upstream.set(raw["output_index"], mapped)
    return mapped
  }

  /** An event of an item that is under way. */
  private passOn(out: Payloads, raw: Raw, mapped: Mapped, delta: Delta): void {
    const { item } = mapped
    const of = partsIn(raw)
    const index: JsonObject = { output_index: item.index, item_id: item.id }
    if (of !== undefined && raw.type.endsWith("_part.added")) {
      const part = partOf(item, of, raw["part"])
      if (part === undefined) return
      this.pass(out, raw, { ...index, [indexField[of]]: item.parts[of].length, part })
      mapped.parts[of].set(raw[indexField[of]], item.parts[of].at(-1)!)
      return
    }
    const part =
      of === undefined ? undefined : (partAt(mapped, of, raw[indexField[of]]) ?? this.beginThought(out, raw, mapped))
    if (!isOfItem(item, part, raw.type)) return this.sayOthers(out, delta)
    const place = of === undefined || part === undefined ? index : { ...index, [indexField[of]]: part.index }
    switch (raw.type) {
      case "response.output_text.delta":
        if (part === undefined || part.done) return this.sayOthers(out, delta)
        if (isBareText(raw)) this.textDelta(out, item, part, delta.text)
        else this.pass(out, raw, place)
        return
      case "response.refusal.delta":
      case "response.reasoning_text.delta":
      case "response.reasoning_summary_text.delta":
        if (part === undefined || part.done) return this.sayOthers(out, delta)
        return this.pass(out, raw, place)
      // Who says a text at its end only has not said it before.
      case "response.output_text.done":
      case "response.reasoning_text.done":
      case "response.reasoning_summary_text.done":
      case "response.refusal.done":
        if (part === undefined || part.done) return this.sayOthers(out, delta)
        if (hasMore(delta)) this.sayMore(out, item, part, delta)
        return this.pass(out, raw, { ...place, [textField(part)]: part.text })
      case "response.content_part.done":
      case "response.reasoning_summary_part.done":
        if (part === undefined || part.done) return
        return this.pass(out, raw, { ...place, part: partSaid(part, raw["part"]) })
      case "response.output_text.annotation.added":
        if (part !== undefined && !part.done)
          this.pass(out, raw, { ...place, annotation_index: part.annotations.length })
        return
      case "response.function_call_arguments.done":
        if (hasMore(delta)) this.sayPieces(out, delta)
        return this.pass(out, raw, { ...place, arguments: item.input })
      case "response.output_item.done":
        return this.passDone(out, raw, mapped, delta)
      default:
        return this.pass(out, raw, place)
    }
  }

  /** What is told at the end of an item only: no signature, since that stands in the item itself. */
  private sayUntold(out: Payloads, said: JsonObject, { item, parts }: Mapped, delta: Delta): void {
    const isRaw = item.kind === "reasoning" && !(Array.isArray(said["summary"]) && said["summary"].some(isPart))
    if (delta.reasoning !== "" && isRaw) {
      const part = this.beginPart(out, item, "content", { type: "reasoning_text", text: "" })
      parts.content.set(0, part)
      return this.sayMore(out, item, part, delta)
    }
    this.sayOthers(out, { ...delta, pieces: delta.pieces?.filter(({ _tag }) => _tag === "Refusal") })
  }

  /** The part of a thought of which nobody has said that it begins. As a part of the summary it would be told twice. */
  private beginThought(out: Payloads, raw: Raw, { item, parts }: Mapped): Part | undefined {
    if (item.kind !== "reasoning" || !/^response\.reasoning_text\.(?:delta|done)$/.test(raw.type)) return undefined
    const part = this.beginPart(out, item, "content", { type: "reasoning_text", text: "" })
    parts.content.set(raw["content_index"], part)
    return part
  }

  private sayPieces(out: Payloads, { pieces }: Delta): void {
    for (const piece of pieces ?? []) if (piece._tag === "ToolInput") this.sayPiece(out, piece)
  }

  private sayMore(out: Payloads, item: Item, part: Part, { pieces, reasoning, text }: Delta): void {
    const place = { item_id: item.id, output_index: item.index }
    const [first] = pieces ?? []
    if (text !== "") this.textDelta(out, item, part, text)
    else if (first?._tag === "Refusal") {
      this.emit(out, "response.refusal.delta", { ...place, content_index: part.index, delta: first.text })
    } else if (reasoning !== "") {
      if (part.of === "content") {
        this.emit(out, "response.reasoning_text.delta", { ...place, content_index: part.index, delta: reasoning })
      } else {
        this.emit(out, "response.reasoning_summary_text.delta", {
          ...place,
          summary_index: part.index,
          delta: reasoning
        })
      }
    }
  }

  private passDone(out: Payloads, raw: Raw, mapped: Mapped, delta: Delta): void {
    const { item, parts } = mapped
    const said = isObject(raw["item"]) ? raw["item"] : {}
    if (item.kind === "call") this.sayPieces(out, delta)
    else this.sayUntold(out, said, mapped, delta)
    // What was left open in it: who joined its text has not heard where it ended.
    for (const part of partsOf(item)) if (!part.done) this.closePart(out, item, part)
    const list = (of: Part["of"]): JsonObject => {
      const theirs = Array.isArray(said[of]) ? (said[of] as ReadonlyArray<unknown>) : []
      const known = item.parts[of]
      const needed = of === (item.kind === "message" ? "content" : "summary")
      if (known.length === 0) return needed ? { [of]: theirs.filter(isPart) } : {}
      const indices = new Map([...parts[of]].map(([index, part]) => [part, Number(index)] as const))
      return { [of]: known.map((part) => partSaid(part, theirs[indices.get(part) ?? part.index])) }
    }
    const { arguments: input } = itemNow(item, "completed")
    this.pass(out, raw, {
      output_index: item.index,
      item: {
        ...said,
        id: item.id,
        type: item.raw["type"],
        ...(item.kind === "call" ? { call_id: item.raw["call_id"], name: item.raw["name"], arguments: input } : {}),
        ...(item.kind === "message" || item.kind === "reasoning" ? { ...list("content"), ...list("summary") } : {})
      }
    })
  }
}

/** What an event of a response's life says beside the response. */
const besideResponse = (raw: JsonObject = {}): JsonObject => {
  const { response: _, sequence_number: _sequence, type: _type, ...rest } = raw
  return rest
}

/** Writes an answer as the events of a response. */
export const responsesEncoder = (identity: AnswerIdentity): AnswerEncoder => new ResponseEncoder(identity)
