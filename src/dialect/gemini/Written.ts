/**
 * What has been written of an answer so far: all that its next event depends on. It can be read from the events themselves,
 * so that another process can go on.
 */
import type { Payload, Replayed } from "../Dialect.ts"
import type { Finish } from "../Event.ts"
import { isObject, type JsonObject, parseJson } from "../Json.ts"
import { readFinishReason } from "./FinishReason.ts"
import { signatureText } from "./Signed.ts"

/** An answer, as far as it is written. */
export interface Written {
  begun: boolean
  model: string
  refused: boolean
  /** How many calls there are. */
  calls: number
  /** The last part that was written, as far as the next one depends on it. */
  last: Last
  /** What another vendor has signed of its thoughts, until it was told with a call, too. */
  pending: string
}

/** The last part. */
export type Last =
  | { readonly _tag: "Call"; readonly nth: number }
  /** A signature in a part of its own: what follows may be more of it. */
  | { readonly _tag: "Signature"; readonly thought: boolean; readonly signature: string }
  | { readonly _tag: "Other" }

/** Another part than a call or a signature. */
export const other: Last = { _tag: "Other" }

/** Nothing is written. */
export const nothingWritten = (): Written => ({
  begun: false,
  model: "",
  refused: false,
  calls: 0,
  last: other,
  pending: ""
})

/** Whether a signature is of thoughts: who speaks as OpenAI does may sign its calls, too, and those are told with them. */
const isOfThoughts = (signature: string): boolean =>
  signature.startsWith("er1.") && !signature.startsWith("er1.openai.")

/** Takes note of a part that is written. */
export const note = (written: Written, part: JsonObject): void => {
  const { functionCall: call, text, thought, thoughtSignature } = part
  if (isObject(call)) {
    written.last = { _tag: "Call", nth: written.calls++ }
    written.pending = ""
  } else if (text === "" && typeof thoughtSignature === "string") {
    const signature = signatureText(thoughtSignature)
    written.last = { _tag: "Signature", thought: thought === true, signature }
    if (thought === true && isOfThoughts(signature)) written.pending = signature
  } else if (text !== "") written.last = other
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
  private finish: Finish | undefined

  read({ data }: Payload): void {
    const raw = parseJson(data)
    if (!isObject(raw)) return
    if (isObject(raw["error"])) {
      this.ended = true
      return
    }
    const { written } = this
    written.begun = true
    if (typeof raw["modelVersion"] === "string") written.model = raw["modelVersion"]
    const list = Array.isArray(raw["candidates"]) ? (raw["candidates"] as ReadonlyArray<unknown>) : []
    for (const candidate of list) if (isObject(candidate)) this.candidate(candidate, data.length)
  }

  result(): Replayed {
    return {
      text: this.text,
      tokenCount: this.tokenCount,
      beside: this.beside,
      reasoning: this.reasoning,
      begun: this.written.begun,
      sealed: this.sealed,
      called: this.written.calls > 0,
      finish: this.finish,
      ended: this.ended
    }
  }

  private candidate(candidate: JsonObject, size: number): void {
    const { content, finishReason, index } = candidate
    const first = index === undefined || index === 0
    if (typeof finishReason === "string") {
      // It is written once, with the last event.
      this.ended = true
      if (first) this.finish = readFinishReason(finishReason, this.written.calls > 0)
    }
    const parts =
      isObject(content) && Array.isArray(content["parts"]) ? (content["parts"] as ReadonlyArray<unknown>) : []
    if (!first) {
      if (parts.length > 0) this.besides(size)
      for (const part of parts) if (isObject(part) && isObject(part["functionCall"])) this.written.calls += 1
      return
    }
    const refusal = candidate["refusal"] === true
    let said = ""
    for (const part of parts) {
      if (!isObject(part)) continue
      note(this.written, part)
      const { text, thought } = part
      if (typeof text !== "string") this.besides(size)
      else if (thought === true) {
        this.beside += text.length
        this.reasoning += text.length
      } else if (refusal) this.besides(text.length)
      else said += text
    }
    if (refusal) this.written.refused = true
    if (said === "") return
    this.text += said
    this.tokenCount++
  }

  /** What cannot be spliced. */
  private besides(size: number): void {
    this.sealed = true
    this.beside += size
  }
}
