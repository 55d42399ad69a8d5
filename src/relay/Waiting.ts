/**
 * What an attempt has said so far where nothing is shown before it has said all.
 */
import { type Delta, isContent, seals } from "../dialect/index.ts"
import { maxEnvelope, maxText } from "./AnswerLength.ts"
import { isUnknown } from "./Ending.ts"

/** What a piece counts for while it waits, in characters: most are shorter. */
const pieceSize = 256

/** Holds the steps of an attempt. */
export class Waiting {
  /** About how long they are, in characters. */
  size = 0
  /** One of them cannot be spliced. */
  sealed = false
  private hasContent = false
  private finishes = 0
  private readonly choices: number
  private readonly steps: Array<Delta> = []

  /** Of an answer of so many choices: each has a finish of its own. */
  constructor(choices: number) {
    this.choices = choices
  }

  /** Takes one more, which came in so many characters; `true` once they are all, or longer than any answer. */
  push(delta: Delta, size: number): boolean {
    this.steps.push(delta)
    const said = delta.text.length + delta.reasoning.length + (delta.pieces === undefined ? 1 : pieceSize)
    this.size += Math.max(said, size - maxEnvelope)
    const content = isContent(delta)
    if (delta.finish !== undefined) this.finishes++
    const ends =
      delta.finish !== undefined && !isUnknown(delta.finish) && !content && this.hasContent && !this.lacksFinish
    this.hasContent ||= content
    this.sealed ||= seals(delta)
    return ends || this.size > maxText
  }

  /** Something was said, and not of each choice how it ends. */
  get isCut(): boolean {
    return this.hasContent && this.lacksFinish
  }

  private get lacksFinish(): boolean {
    return this.finishes < this.choices
  }

  /** All of them. */
  all(): ReadonlyArray<Delta> {
    return this.steps
  }
}
