/**
 * Compares a continuation with the text before it but for white space and letter case: whether it is the text anew, or
 * alike in part, which may be meant.
 */
import { inSmallLetters, lastPoints, pointsOf, withoutSpace } from "./CodePoints.ts"
import { compare } from "./Comparison.ts"
import type { StitchDecision, StitcherOptions } from "./Seam.ts"

/** Shorter than this a repetition in another letter case or with other white space is chance, in code points. */
const leastAlike = 8

/** One of so many letters may be in the other case where a text comes again. */
const otherCase = 8

/** Whether it may stand before a quotation, or a list of what was said: punctuation, and what Markdown uses beside. */
const isMark = (point: number | undefined): boolean =>
  point !== undefined && /[\p{P}>`|~]/u.test(String.fromCodePoint(point))

/** Compares a continuation with a text but for white space and letter case. */
export const makeAlike = (options: StitcherOptions) => {
  const words = options.committed.trim()
  const comparison = compare(
    {
      beginning: pointsOf(words, inSmallLetters),
      last: (most) => lastPoints(words, most, inSmallLetters),
      lead: 0,
      // However much is alike in part: it is not dropped.
      isOverlap: () => false
    },
    options
  )
  /** The text as it is written, without white space: whether a letter is in the other case. */
  const cased = pointsOf(words, withoutSpace)
  let written = cased.next().value
  const found = (): StitchDecision | undefined => comparison.decision
  const endsInSpace = options.committed.trimEnd().length < options.committed.length
  const beginsWithMark = isMark(written)
  /** A quotation mark, a bullet or the like stands before what is compared. */
  let marked = false
  let taken = 0
  let compared = 0
  let differing = 0
  /** How much of the continuation is the text anew. */
  let restart: number | undefined
  let begun: StitchDecision | undefined

  const settle = (dropped: number): void => {
    begun = { seam: "restart", dropped, refused: options.mode !== "message" }
  }

  return {
    take: (point: number, space: boolean): void => {
      taken++
      if (restart !== undefined) {
        if (begun === undefined && !space) settle(restart)
        else restart = taken
        return
      }
      if (space || found() !== undefined) return
      if (compared === 0 && !beginsWithMark && isMark(point)) {
        marked = true
        return
      }
      if (written !== point) differing++
      written = cased.next().value
      compared++
      for (const small of inSmallLetters(point)) {
        if (found() === undefined) comparison.take(small)
      }
      if (found()?.seam !== "restart" || marked || differing * otherCase > compared) return
      restart = taken
      // The white space that the text ends in is part of what has come again.
      if (!endsInSpace) settle(restart)
    },
    end: (): void => {
      if (restart !== undefined && begun === undefined) settle(restart)
      comparison.end()
    },
    /** It is sure that the text begins anew. */
    get begun() {
      return begun
    },
    get isDecided() {
      return found() !== undefined && restart === undefined
    },
    /** Something has come again, which is not sure to be a repetition. */
    get isUnsure() {
      return found()?.seam !== "exact" && comparison.signs >= leastAlike
    }
  }
}
