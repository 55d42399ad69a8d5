/**
 * Compares a continuation with the text before it, code point by code point as it comes: whether it repeats the text's
 * end, or its beginning.
 *
 * The longest overlap is found with the automaton of Knuth, Morris and Pratt, the continuation being the pattern and the
 * end of the text what is searched; the pattern grows as it comes. Linear in both.
 */
import { extendBorders, isPeriodic, type Repetition } from "./Repetition.ts"
import type { Seam, StitchDecision, StitcherOptions } from "./Seam.ts"

/** What a continuation is compared with. */
export interface Compared {
  /** Its code points, one after the other: nothing of it is read before it is needed. */
  readonly beginning: Iterator<number, undefined>
  /** The last so many of them. */
  readonly last: (most: number) => ReadonlyArray<number>
  /** How much white space stood before what is compared. */
  readonly lead: number
  /** Whether what looks like an overlap, and is long enough for one, can be nothing else. */
  readonly isOverlap: (repetition: Repetition) => boolean
}

/** How a continuation begins, compared with a text. */
export interface Comparison {
  /** Takes one code point; not after the decision. */
  readonly take: (point: number) => void
  /** No more will come: a candidate that is not complete is none, but neither is the seam exact. */
  readonly end: () => void
  readonly decision: StitchDecision | undefined
  /** How many code points have looked like a repetition when it was decided. */
  readonly signs: number
}

/** A repetition that is shorter than this is chance, where none was to be expected, in code points. */
export const leastSign = 3

/** Whether it says that something has come again. */
export const isSure = ({ seam }: StitchDecision): boolean => seam === "overlap" || seam === "restart"

export const compare = (text: Compared, options: Omit<StitcherOptions, "committed">): Comparison => {
  const { beginning, lead } = text
  const { mode } = options
  const maxOverlap = options.maxOverlap ?? 2000
  const minOverlap = options.minOverlap ?? 24
  const minRestart = options.minRestart ?? (mode === "message" ? 16 : 8)

  /** What is searched for overlaps. */
  let tail = mode === "prefill" ? [] : text.last(maxOverlap)
  /** How much of the text must come again to be a restart, if it is as long. */
  const most = mode === "message" ? Infinity : maxOverlap

  /** The continuation so far, its borders, and how far it has been searched for in the tail. */
  let pattern: Array<number> = []
  let borders: Array<number> = []
  let searched = 0
  let matched = 0
  /** How much of the text's beginning has come again, what would come next, and whether it is still coming. */
  let repeated = 0
  let expected = beginning.next().value
  let restarting = true

  let decision: StitchDecision | undefined
  let signs = 0

  const isWhole = (): boolean => expected === undefined || repeated === most

  const decide = (seam: Seam, dropped: number, refused = false): void => {
    signs = Math.max(matched, isWhole() || repeated >= minRestart ? repeated : 0)
    // As the beginning of its own answer a target need not repeat anything.
    const chance = mode === "unproven" && seam === "ambiguous" && signs < leastSign
    decision = { seam: chance ? "exact" : seam, dropped, refused }
    tail = pattern = borders = []
  }

  /** Searches on in the tail, until it needs more of the pattern or the tail is at its end. */
  const search = () => {
    while (searched < tail.length && matched < pattern.length) {
      if (tail[searched] === pattern[matched]) {
        matched++
        searched++
      } else if (matched > 0) matched = borders[matched - 1]!
      else searched++
    }
  }

  /** The tail is searched: `matched` is the longest overlap. `unsure` is for other signs of a repetition. */
  const decideOverlap = (unsure: boolean): void => {
    if (matched === 0) return decide(unsure ? "ambiguous" : "exact", 0)
    const sure = matched >= minOverlap && text.isOverlap({ pattern, borders, length: matched, lead })
    return sure ? decide("overlap", matched) : decide("ambiguous", 0)
  }

  const take = (point: number): void => {
    restarting &&= point === expected
    if (restarting) {
      repeated++
      expected = beginning.next().value
    }
    pattern.push(point)
    extendBorders(pattern, borders)
    search()
    if (isWhole()) {
      if (repeated < minRestart || isPeriodic({ borders, length: repeated, lead })) return decide("ambiguous", 0)
      return decide("restart", repeated, mode !== "message")
    }
    if (restarting || searched < tail.length) return
    // A beginning that came again and then went its own way: no sure restart, nor does it just go on.
    decideOverlap(repeated >= minRestart)
  }

  const end = (): void => {
    if (pattern.length === 0) return decide("exact", 0)
    const begun = searched < tail.length && matched > 0
    while (searched < tail.length) {
      search()
      if (searched < tail.length) matched = borders[matched - 1]!
    }
    decideOverlap(begun || repeated >= minRestart)
  }

  if (isWhole()) decide("exact", 0)

  return {
    take,
    end: () => {
      if (decision === undefined) end()
    },
    get decision() {
      return decision
    },
    get signs() {
      return signs
    }
  }
}
