/**
 * What an answer says beside its text: its thoughts, its refusals, and what its calls are made with. It is kept for whoever
 * has to know these words again where an upstream quotes them.
 */
import type { Delta } from "../dialect/index.ts"

/** How many characters of its end are known at least; at most twice as many are kept. */
const known = 16_384

/** The words of one answer beside its text. */
export class Asides {
  /** Its end. */
  words = ""

  /** HOT: nearly every step has none. */
  take({ pieces, reasoning }: Delta): void {
    if (reasoning !== "") this.add(reasoning)
    if (pieces === undefined) return
    for (const piece of pieces) if (piece._tag === "ToolInput" || piece._tag === "Refusal") this.add(piece.text)
  }

  private add(words: string): void {
    this.words += words.length > known ? words.slice(-known) : words
    if (this.words.length > 2 * known) this.words = this.words.slice(-known)
  }
}
