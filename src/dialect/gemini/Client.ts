/**
 * What a `streamGenerateContent` is answered with: the events of a `generateContent`. Whole answers and lists are put
 * together from the same events.
 *
 * A Gemini upstream's events pass with every field, under our id and model. What other upstreams say is put into parts. A
 * call is written once its arguments are whole, as this dialect has no words for less: what is said meanwhile stands before
 * it. What ends an answer, its `finishReason`, is written with its last event and with no other, so that an event that has
 * one is the end.
 */
import { callIdOf } from "../CallId.ts"
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
import { type Delta, isContent, type NativeEvents, type Piece } from "../Event.ts"
import { printJson } from "../ExactNumbers.ts"
import { isObject, type JsonObject, parseJson } from "../Json.ts"
import { type JsonScan, nothingScanned, scanJson } from "../JsonScan.ts"
import type { UpstreamDialectName } from "../Names.ts"
import type { Signed } from "../Signature.ts"
import { apiClient, isStrict } from "./ApiClient.ts"
import { geminiErrorBody } from "./Errors.ts"
import { writeFinishReason } from "./FinishReason.ts"
import { signatureBytes, unsignedMark, writtenSignature } from "./Signed.ts"
import { writeUsageMetadata } from "./UsageMetadata.ts"
import { note, nothingWritten, other, Replay, type Written } from "./Written.ts"

type Raw = NativeEvents["gemini"]
type Payloads = Array<Payload>

const payload = (data: string): Payload => ({ event: undefined, data })

/** A call whose arguments have not come to their end. */
interface OpenCall extends JsonScan {
  readonly index: number
  readonly id: string
  readonly name: string
  input: string
  signature: string
}

const listOf = (value: unknown): ReadonlyArray<unknown> =>
  Array.isArray(value) ? (value as ReadonlyArray<unknown>) : []

const partsOf = (candidate: JsonObject): ReadonlyArray<unknown> =>
  isObject(candidate["content"]) ? listOf(candidate["content"]["parts"]) : []

class ContentEncoder implements AnswerEncoder {
  private readonly identity: AnswerIdentity
  private readonly decodesSignatures: boolean
  private written: Written = nothingWritten()
  private replay: Replay | undefined
  /** How every event ends. */
  private tail = ""
  /** Calls that are not whole. Nothing of them is shown: an answer that is taken up has none of them. */
  private growing: Array<OpenCall> = []
  /** The ids of the calls of the upstream that is heard, by their number. */
  private readonly ids = new Map<number, string>()
  /** What its last event will say beside what ours does: its other fields, and its candidates by their number. */
  private last: JsonObject = {}
  private readonly ends = new Map<number, JsonObject>()

  constructor(identity: AnswerIdentity) {
    this.identity = identity
    this.decodesSignatures = isStrict(identity.request?.asking.headers[apiClient])
  }

  resume(payloads: Iterable<Payload>): Replayed {
    this.replay ??= new Replay()
    for (const one of payloads) this.replay.read(one)
    this.written = this.replay.written
    this.name(this.written.model)
    return this.replay.result()
  }

  open(model: string): ReadonlyArray<Payload> {
    this.name(model)
    return []
  }

  attempt(): ReadonlyArray<Payload> {
    return []
  }

  begin(model: string, { deltas }: Opening): ReadonlyArray<Payload> {
    this.name(model)
    const out: Payloads = []
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

  /** The next upstream counts its calls anew; one that was begun is none of its. */
  failover(_seam: Seam): ReadonlyArray<Payload> {
    this.growing = []
    this.ids.clear()
    this.ends.clear()
    this.last = {}
    return []
  }

  complete({ finish, usage }: Completion): ReadonlyArray<Payload> {
    const out: Payloads = []
    this.writeCalls(out, true)
    const { ends, last, written } = this
    const first = ends.get(0)
    ends.set(0, {
      ...(first ?? { content: { role: "model", parts: [{ text: "" }] } }),
      // Of several candidates each has its own end, and the last one to come is the answer's.
      finishReason: first?.["finishReason"] ?? writeFinishReason(finish, written.refused)
    })
    const candidates = [...ends].sort(([a], [b]) => a - b).map(([index, candidate]) => ({ ...candidate, index }))
    const event = { ...last, candidates, usageMetadata: writeUsageMetadata(usage), ...this.head() }
    out.push(payload(printJson(event, last)))
    return out
  }

  fail({ error }: Failure): ReadonlyArray<Payload> {
    return [payload(JSON.stringify(geminiErrorBody(error, this.identity.requestId)))]
  }

  private head(): { readonly modelVersion: string; readonly responseId: string } {
    return { modelVersion: this.written.model, responseId: this.identity.streamId }
  }

  private name(model: string): void {
    this.written.model = model
    this.tail = JSON.stringify(this.head()).slice(1)
  }

  private say(out: Payloads, delta: Delta): void {
    if (delta.from === "gemini") this.sayOwn(out, delta, delta.raw)
    else this.sayOthers(out, delta)
  }

  // --------------------------------------------------------------------------- other upstreams

  /** One part in an event of its own. */
  private part(out: Payloads, part: JsonObject, more: JsonObject = {}, madeFrom?: object): void {
    this.written.begun = true
    note(this.written, part)
    const candidate = { content: { role: "model", parts: [part] }, ...more, index: 0 }
    out.push(payload(`{"candidates":[${printJson(candidate, madeFrom)}],${this.tail}`))
  }

  // Every token of every answer comes by here: by hand it takes half of what one `JSON.stringify` of the whole takes.
  private sayText(out: Payloads, text: string): void {
    if (this.growing.length > 0) this.writeCalls(out, false)
    this.written.begun = true
    this.written.last = other
    const part = `{"text":${JSON.stringify(text)}}`
    out.push(payload(`{"candidates":[{"content":{"role":"model","parts":[${part}]},"index":0}],${this.tail}`))
  }

  private sayOthers(out: Payloads, { from, pieces, reasoning, text }: Delta): void {
    if (reasoning !== "") this.sayReasoning(out, reasoning, from)
    if (text !== "") this.sayText(out, text)
    if (pieces === undefined) return
    for (const piece of pieces) this.sayPiece(out, piece)
    this.writeCalls(out, false)
  }

  private sayReasoning(out: Payloads, text: string, from: UpstreamDialectName | undefined): void {
    this.writeCalls(out, false)
    const foreign = from !== undefined && from !== "gemini"
    this.part(out, { text, thought: true, ...(foreign ? { thoughtSignature: unsignedMark(from) } : {}) })
  }

  private sayPiece(out: Payloads, piece: Piece): void {
    switch (piece._tag) {
      case "ToolCall":
        return this.sayCall(out, piece)
      case "ToolInput": {
        const call = this.growing.findLast(({ index }) => index === piece.index)
        if (call === undefined) return
        call.input += piece.text
        return scanJson(call, piece.text)
      }
      case "Signature":
        return this.saySignature(out, piece)
      case "SealedReasoning":
        return this.sign(out, piece, false)
      case "Refusal":
        this.writeCalls(out, false)
        // Marked beside the part, and not in it, since clients send parts back.
        if (piece.text !== "") this.part(out, { text: piece.text }, { refusal: true })
        this.written.refused = true
        return
      case "Media":
        this.writeCalls(out, false)
        return this.part(out, { inlineData: { mimeType: piece.mediaType, data: piece.base64 } })
      // Said by an event of Gemini's own, or with no words here.
      case "OtherChoice":
      case "Native":
        return
    }
  }

  private sayCall(out: Payloads, { id, index, name }: Extract<Piece, { readonly _tag: "ToolCall" }>): void {
    // Some say the id with every part of the call.
    if (id !== "" && this.ids.get(index) === id) return
    this.ids.set(index, id)
    this.writeCalls(out, false)
    this.growing.push({ index, id, name, input: "", signature: "", ...nothingScanned() })
  }

  /** Writes the calls that are whole, in their order; at the end of what they are part of, all of them. */
  private writeCalls(out: Payloads, all: boolean): void {
    const first = this.growing.findIndex(({ whole }) => !whole)
    for (const { id, input, name, signature } of this.growing.splice(
      0,
      all || first < 0 ? this.growing.length : first
    )) {
      // What is no JSON object has no place in `args`.
      const read = input.trim() === "" ? {} : parseJson(input)
      const args = isObject(read) ? read : {}
      const functionCall = { id: id === "" ? this.callId() : id, name, args }
      // `ai` forgets what signs a thought that is over, and keeps what stands with a call.
      const signed = signature === "" ? this.written.pending : signature
      this.part(out, { functionCall, ...(signed === "" ? {} : { thoughtSignature: this.shown(signed) }) }, {}, args)
    }
  }

  private callId(): string {
    return callIdOf(this.identity.streamId, 0, this.written.calls)
  }

  private saySignature(out: Payloads, piece: Extract<Piece, { readonly _tag: "Signature" }>): void {
    if (piece.of === "reasoning") return this.sign(out, piece, piece.by !== "gemini")
    const { call } = piece.of
    const growing = this.growing.findLast(({ index }) => index === call)
    if (growing !== undefined) {
      growing.signature = growing.signature === "" ? writtenSignature(piece) : growing.signature + piece.value
      return
    }
    const { last } = this.written
    // Behind its call it is known whose it is, and nowhere else.
    if (last._tag === "Call" ? last.nth === call : last._tag === "Signature") this.sign(out, piece, true)
  }

  /** A signature in a part of its own: more of one is told from its beginning, since clients keep the last one. */
  private sign(out: Payloads, signed: Signed, thought: boolean): void {
    this.writeCalls(out, false)
    const { last } = this.written
    const more = thought && last._tag === "Signature" && last.thought
    const thoughtSignature = this.shown(more ? last.signature + signed.value : writtenSignature(signed))
    this.part(out, { text: "", ...(thought ? { thought: true } : {}), thoughtSignature })
  }

  /** A signature in the form in which this client reads it. */
  private shown(signature: string): string {
    return this.decodesSignatures ? signatureBytes(signature) : signature
  }

  // ------------------------------------------------------------------------------ Gemini upstreams

  private sayOwn(out: Payloads, delta: Delta, raw: Raw): void {
    if (this.growing.length > 0) this.writeCalls(out, true)
    const list = listOf(raw.candidates)
    const ends = delta.finish !== undefined && !isContent(delta)
    const kept = list.filter((candidate) => !isObject(candidate) || this.keeps(candidate, ends, delta))
    if (list.length > 0 && kept.length === 0) {
      if (ends) {
        const { candidates: _, usageMetadata: _usage, ...rest } = raw
        this.last = rest
      }
      return
    }
    if (kept.length < list.length) raw.candidates = kept
    const { written } = this
    written.begun = true
    raw["modelVersion"] = written.model
    raw["responseId"] = this.identity.streamId
    if (raw["createTime"] !== undefined) raw["createTime"] = new Date(this.identity.createdAt).toISOString()
    out.push(payload(printJson(raw)))
  }

  /** Whether a candidate is shown now, and if so what of it: its end is told with the last event. */
  private keeps(candidate: JsonObject, ends: boolean, delta: Delta): boolean {
    delete candidate["continuationToken"]
    const index = typeof candidate["index"] === "number" ? candidate["index"] : 0
    const parts = partsOf(candidate)
    for (const part of parts) {
      if (!isObject(part)) continue
      const { functionCall: call } = part
      if (isObject(call) && (typeof call["id"] !== "string" || call["id"] === "")) call["id"] = this.callId()
      if (index === 0) note(this.written, part)
      else if (isObject(call)) this.written.calls += 1
    }
    const { finishMessage, finishReason, ...rest } = candidate
    if (finishReason !== undefined && ends) {
      this.ends.set(index, { ...this.ends.get(index), ...candidate })
      return false
    }
    if (finishReason !== undefined) {
      delete candidate["finishReason"]
      delete candidate["finishMessage"]
      this.ends.set(index, {
        content: { role: "model", parts: [{ text: "" }] },
        finishReason,
        ...(finishMessage === undefined ? {} : { finishMessage })
      })
    } else if (parts.length > 0) this.ends.delete(index)
    // Of a call that is not whole there is nothing to show.
    const bare = parts.length === 0 && Object.keys(rest).every((field) => field === "content" || field === "index")
    return !bare || delta.pieces === undefined
  }
}

/** Writes an answer as the events of a `generateContent`. */
export const geminiEncoder = (identity: AnswerIdentity): AnswerEncoder => new ContentEncoder(identity)
