/** What is said of a seam, and what is asked of who joins it. */

/** How a continuation was joined. */
export type Seam =
  /** It goes on where the text ended: nothing was dropped. */
  | "exact"
  /** It repeated the end of the text: the repetition was dropped. */
  | "overlap"
  /** It began anew: the repetition of the whole text was dropped, or the continuation was refused. */
  | "restart"
  /** It may have repeated something, which is not sure: nothing was dropped. */
  | "ambiguous"

/** What was decided at a seam, once and for all. */
export interface StitchDecision {
  readonly seam: Seam
  /** How many code points of the continuation were dropped. */
  readonly dropped: number
  /** A target that was given the text as its own beginning began it anew: nothing of it is shown, then or later. */
  readonly refused: boolean
}

/** What a continuation is joined to, and how. */
export interface StitcherOptions {
  /** All that has been delivered, exactly. */
  readonly committed: string
  /**
   * `message`: the target was asked to go on, and may repeat. `prefill`: the text was given to it as the beginning of its
   * own answer, so that what looks like an overlap is none; a restart means that it does not know prefill. `unproven`: it
   * was given so, to a target of which nobody knows whether it takes it: a restart means the same, an overlap is one.
   */
  readonly mode: "prefill" | "message" | "unproven"
  /** The longest overlap that is looked for, and how much of the text shows a restart in mode `prefill`. Default 2000. */
  readonly maxOverlap?: number | undefined
  /** The shortest overlap that is dropped, in code points. Default 24. */
  readonly minOverlap?: number | undefined
  /** The shortest text whose repetition counts as a restart, in code points. Default 16, in mode `prefill` 8. */
  readonly minRestart?: number | undefined
}
