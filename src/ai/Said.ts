/**
 * What a vendor's answer says, as parts of `effect/ai`. Plain state, no Effect: one for each answer.
 *
 * A block of text or of reasoning ends where another kind begins. A tool call is whole when the answer is: some vendors
 * write several at once. What was signed stands in the metadata under `effect-resilience`, and goes back from there.
 */
import type * as Response from "effect/ai/Response"
import { BadResponseBody, type ResilienceError, stackless } from "../errors/index.ts"
import { type Delta, type Finish, parseJson, type Piece, type Usage } from "../dialect/index.ts"
import { metadataKey } from "./AiErrors.ts"
import type { Signed } from "./AskedOf.ts"

type Part = Response.StreamPartEncoded

interface Call {
  readonly id: string
  readonly name: string
  input: string
  signed: Signed | undefined
}

/** A block that is being written. */
interface Block {
  readonly kind: "text" | "reasoning"
  readonly id: string
  signed: Signed | undefined
}

const metadataOf = (signed: Signed | undefined) =>
  signed === undefined ? {} : { metadata: { [metadataKey]: { ...signed } } }

const textIn = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined)

/** What a vendor calls the answer, and the model that gives it, wherever its events say so. */
const headOf = ({ raw }: Delta): { readonly id: string | undefined; readonly modelId: string | undefined } => {
  const top = (raw ?? {}) as { readonly [field: string]: unknown }
  const inner = top["message"] ?? top["response"]
  const said = (typeof inner === "object" && inner !== null ? inner : top) as { readonly [field: string]: unknown }
  return {
    id: textIn(said["id"]) ?? textIn(said["responseId"]),
    modelId: textIn(said["model"]) ?? textIn(said["modelVersion"])
  }
}

const whole = (count: number): number => Math.max(0, Math.round(count))

/** The counts in Effect's words: those of parts are part of the totals. */
export const usageOf = (usage: Usage | undefined): Response.FinishPartEncoded["usage"] => {
  if (usage === undefined) return { inputTokens: {}, outputTokens: {} }
  const { cacheReadTokens: read, cacheWriteTokens: write, inputTokens, outputTokens, reasoningTokens: thought } = usage
  const cached = (read ?? 0) + (write ?? 0)
  return {
    inputTokens: {
      total: whole(inputTokens),
      uncached: whole(inputTokens - cached),
      ...(read === undefined ? {} : { cacheRead: whole(read) }),
      ...(write === undefined ? {} : { cacheWrite: whole(write) })
    },
    outputTokens: {
      total: whole(outputTokens),
      ...(thought === undefined ? {} : { text: whole(outputTokens - thought), reasoning: whole(thought) })
    }
  }
}

/** One answer. */
export class Said {
  finish: Finish | undefined
  private usage: Usage | undefined
  private block: Block | undefined
  private blocks = 0
  private told = false
  private readonly calls = new Map<number, Call>()

  /** Takes an event, and puts what it says at the end of `out`. */
  push(delta: Delta, out: Array<Part>): void {
    if (!this.told) this.tellHead(delta, out)
    if (delta.reasoning !== "") {
      out.push({ type: "reasoning-delta", id: this.begin("reasoning", out).id, delta: delta.reasoning })
    }
    if (delta.text !== "") out.push({ type: "text-delta", id: this.begin("text", out).id, delta: delta.text })
    if (delta.pieces !== undefined) for (const piece of delta.pieces) this.piece(piece, out)
    this.finish = delta.finish ?? this.finish
    this.usage = delta.usage ?? this.usage
  }

  /** The answer is whole: gives the rest of it, or what is wrong with it. */
  end(finish: Finish, out: Array<Part>): ResilienceError | undefined {
    this.close(out)
    for (const { id, input, name, signed } of this.calls.values()) {
      const params = input.trim() === "" ? {} : parseJson(input)
      if (params === undefined) {
        return stackless(() => new BadResponseBody({ message: `the input of the tool call ${name} is not JSON` }))
      }
      out.push({ type: "tool-params-end", id }, { type: "tool-call", id, name, params, ...metadataOf(signed) })
    }
    const reason = this.calls.size > 0 && finish.reason === "stop" ? "tool-calls" : finish.reason
    out.push({ type: "finish", reason, usage: usageOf(this.usage) })
    return undefined
  }

  private tellHead(delta: Delta, out: Array<Part>): void {
    const { id, modelId } = headOf(delta)
    if (id === undefined && modelId === undefined) return
    this.told = true
    out.push({
      type: "response-metadata",
      ...(id === undefined ? {} : { id }),
      ...(modelId === undefined ? {} : { modelId })
    })
  }

  private begin(kind: Block["kind"], out: Array<Part>): Block {
    if (this.block?.kind === kind) return this.block
    this.close(out)
    const block: Block = { kind, id: String(this.blocks++), signed: undefined }
    this.block = block
    out.push({ type: `${kind}-start`, id: block.id })
    return block
  }

  private close(out: Array<Part>): void {
    const { block } = this
    if (block === undefined) return
    this.block = undefined
    out.push({ type: `${block.kind}-end`, id: block.id, ...metadataOf(block.signed) })
  }

  private piece(piece: Piece, out: Array<Part>): void {
    switch (piece._tag) {
      case "ToolCall": {
        const { id, index, name } = piece
        this.close(out)
        this.calls.set(index, { id, name, input: "", signed: undefined })
        out.push({ type: "tool-params-start", id, name })
        return
      }
      case "ToolInput": {
        const call = this.calls.get(piece.index)
        if (call === undefined || piece.text === "") return
        call.input += piece.text
        out.push({ type: "tool-params-delta", id: call.id, delta: piece.text })
        return
      }
      case "Signature":
        return this.sign(piece, out)
      case "SealedReasoning": {
        this.close(out)
        const block = this.begin("reasoning", out)
        block.signed = { by: piece.by, value: piece.value, sealed: true }
        return this.close(out)
      }
      case "Refusal":
        out.push({ type: "text-delta", id: this.begin("text", out).id, delta: piece.text })
        return
      case "Media":
        this.close(out)
        out.push({ type: "file", mediaType: piece.mediaType, data: piece.base64 })
        return
      // What there are no parts for: answers beside the first, which nobody has asked for, and a vendor's own.
      case "OtherChoice":
      case "Native":
        return
      default:
        piece satisfies never
    }
  }

  private sign({ by, of, value }: Extract<Piece, { _tag: "Signature" }>, out: Array<Part>): void {
    if (of !== "reasoning") {
      const call = this.calls.get(of.call)
      if (call !== undefined) call.signed = { by, value: (call.signed?.value ?? "") + value, sealed: false }
      return
    }
    const block = this.begin("reasoning", out)
    block.signed = { by, value: (block.signed?.value ?? "") + value, sealed: false }
  }
}
