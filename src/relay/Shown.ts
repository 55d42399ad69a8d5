/**
 * What of an answer its reader is shown, and how much that is: its text, and all that stands beside it. Nothing is taken back.
 */
import {
  type AnswerEncoder,
  codePoints,
  type Delta,
  type Opening,
  type Payload,
  type Replayed,
  tokenQuarters
} from "../dialect/index.ts"
import { type Kept, lengthOf, maxEnvelope } from "./AnswerLength.ts"
import type { Costs } from "./Costs.ts"
import { quartersBeside } from "./UsageSum.ts"

/** What was shown of one answer. */
export class Shown {
  /** Its text. */
  text = ""
  /** Of the text: its code points, and four times the estimate of its tokens. */
  points = 0
  quarters = 0
  /** How many content events there were. */
  tokenCount = 0
  /** How many characters there were of events. */
  kept = 0
  /** A tool call was shown. */
  called = false
  /** Something was shown that cannot be spliced. */
  sealed = false
  /** How many characters there were beside the text, as far as they count. */
  private beside = 0
  private readonly encoder: AnswerEncoder
  private readonly costs: Costs
  private readonly show: (payloads: ReadonlyArray<Payload>) => void

  /** What comes of the steps is given to `show`, in order; what they cost is counted in `costs`. */
  constructor(encoder: AnswerEncoder, costs: Costs, show: (payloads: ReadonlyArray<Payload>) => void) {
    this.encoder = encoder
    this.costs = costs
    this.show = show
  }

  /** Takes it up where committed events left it. */
  restore(replayed: Replayed, kept: Kept): void {
    this.text = replayed.text
    this.points = codePoints(replayed.text)
    this.quarters = tokenQuarters(replayed.text)
    this.tokenCount = replayed.tokenCount
    this.beside = Math.max(replayed.beside, kept.beyond - replayed.text.length)
    this.kept = kept.length
    this.called = replayed.called
    this.sealed = replayed.sealed
  }

  /** How long it is, in characters, as far as they count. */
  get length(): number {
    return this.text.length + this.beside
  }

  /** It begins, on this model. */
  begin(model: string, opening: Opening): void {
    const payloads = this.encoder.begin(model, opening)
    for (const { data } of payloads) {
      this.kept += data.length
      this.beside += Math.max(0, data.length - maxEnvelope)
    }
    this.show(payloads)
  }

  /** More of the text, of no upstream's event. */
  say(text: string): void {
    this.grow(text)
    this.show(this.encoder.text(text))
  }

  /** A step of an upstream. */
  step(delta: Delta): void {
    if (delta.text !== "") this.grow(delta.text)
    this.costs.show(quartersBeside(delta))
    const payloads = this.encoder.delta(delta)
    let length = 0
    for (const { data } of payloads) length += data.length
    let understood = delta.reasoning.length
    if (delta.pieces !== undefined) {
      understood += lengthOf(delta.pieces)
      this.called ||= delta.pieces.some(({ _tag }) => _tag === "ToolCall")
    }
    this.kept += length
    this.beside += understood + Math.max(0, length - delta.text.length - understood - maxEnvelope)
    if (payloads.length > 0) this.show(payloads)
  }

  /**
   * HOT: each part is counted as it comes, 20 ns of each. Counted at a seam, a text of 8 MB would keep everybody waiting
   * for 20 ms.
   */
  private grow(text: string): void {
    const quarters = tokenQuarters(text)
    this.text += text
    this.points += codePoints(text)
    this.quarters += quarters
    this.costs.show(quarters)
    this.tokenCount++
  }
}
