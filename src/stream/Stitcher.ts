/**
 * Joins a continuation to the text that was delivered before it. A model that is asked to go on may repeat the end of
 * what it is shown, or begin anew; what it repeats is dropped where that is sure, and only there. An unsure seam drops
 * nothing and says so: a word twice is a blemish, a word lost is a fault.
 *
 * A repetition at the seam is sure when it is long (`minOverlap`), not periodic (its smallest period is more than half
 * of it), nowhere else in the text, and no more of what the text was saying again already: refrains, lists, rows and
 * repeated code are none of these. Of a row that is there once, and of the next one fewer than 8 code points, nobody can
 * tell whether another comes: that alone is taken for a repetition, and is none. Texts are compared by code
 * points, exactly, but white space at the seam is compared apart: what is repeated behind a space or a newline is repeated
 * all the same. A text that comes again as a whole with other white space, or here and there in the other letter case, has
 * begun anew, and is dropped; any other repetition that is one only so (a line with another indentation, a list in
 * capitals, a quotation) may be meant, and is told as unsure. What cannot be seen this way stays: a preamble ("Sure, here is the rest"),
 * quotes in another style inside of the text.
 *
 * The text is read from its beginning as far as it comes again, and at its end: a long one costs no more than a short
 * one. Once, where an overlap is nearly sure, all of it is searched.
 */
import { InvalidPolicyOption } from "../policy/index.ts"
import { makeAlike } from "./Alike.ts"
import { asWritten, isHighSurrogate, isSpace, lastPoints, pointsOf, withoutFirst } from "./CodePoints.ts"
import { compare, type Comparison, isSure, leastSign } from "./Comparison.ts"
import { isRepetition } from "./Repetition.ts"
import type { StitchDecision, StitcherOptions } from "./Seam.ts"

/** Joins one continuation. */
export interface Stitcher {
  /** Takes what came next, and gives what to show now. It is empty while the seam is not decided. */
  readonly push: (text: string) => string
  /** The continuation is over, whole or not: gives what is left to show. */
  readonly end: () => string
  /** Absent until it is known how the continuation begins. */
  readonly decision: StitchDecision | undefined
  /** Whether text is being held back: for the decision, or half of a surrogate pair. */
  readonly holding: boolean
}

/** Compares a continuation, behind so much white space, with a text as it is written. */
const compareAsWritten = (text: string, lead: number, options: StitcherOptions): Comparison =>
  compare(
    {
      beginning: pointsOf(text, asWritten),
      last: (most) => lastPoints(text, most, asWritten),
      lead,
      isOverlap: (repetition) => isRepetition(text, repetition)
    },
    options
  )

/** Throws `InvalidPolicyOption` for a number of code points that is none. */
export const checkStitcher = (where: string, { maxOverlap, minOverlap, minRestart }: StitcherOptions): void => {
  for (const [option, value] of Object.entries({ maxOverlap, minOverlap, minRestart }))
    if (value !== undefined) InvalidPolicyOption.positiveInt(where, option, value)
}

/**
 * Makes the joint of one continuation. Throws `InvalidPolicyOption` for a number of code points that is no positive integer.
 *
 * ```ts import.meta.vitest
 * import { makeStitcher } from "effect-resilience/stream"
 *
 * const stitcher = makeStitcher({ committed: "It was a bright cold day in April, and the clocks", mode: "message" })
 *
 * stitcher.push("a bright cold day in April, ") // => ""
 * stitcher.push("and the clocks were striking") // => " were striking"
 * stitcher.decision // => { seam: "overlap", dropped: 42, refused: false }
 * ```
 */
export const makeStitcher = (options: StitcherOptions): Stitcher => {
  checkStitcher("makeStitcher", options)
  const { committed } = options
  const asItIs = compareAsWritten(committed, 0, options)
  /** The same without the white space at the beginning of either, where there is any. */
  let apart: Comparison | undefined
  const alike = makeAlike(options)

  /** The continuation so far, how much of it was compared, and how much white space it begins with; `-1`: all. */
  let held = ""
  let taken = 0
  let spaces = -1
  let decision: StitchDecision | undefined = asItIs.decision
  let surrogate = ""

  const decide = (decided: StitchDecision): string => {
    decision = decided
    const shown = decided.refused ? "" : withoutFirst(held, decided.dropped)
    held = ""
    return shown
  }

  /** What is to be said of it as it stands, once that is known: sure or not. */
  const exactly = (): StitchDecision | undefined => {
    if (asItIs.decision !== undefined && isSure(asItIs.decision)) return asItIs.decision
    // Nothing but white space may still be the beginning of a repetition.
    if (spaces < 0) return undefined
    if (apart === undefined) return asItIs.decision
    const other = apart.decision
    if (other !== undefined && isSure(other)) return { ...other, dropped: other.dropped + spaces }
    if (asItIs.decision === undefined || other === undefined) return undefined
    return other.seam === "ambiguous" && apart.signs >= leastSign ? other : asItIs.decision
  }

  /** Gives what to show once it is decided. What is sure is believed at once, the text as it is first. */
  const decided = (): string | undefined => {
    const exact = exactly()
    if (exact !== undefined && isSure(exact)) return decide(exact)
    const { begun } = alike
    if (begun !== undefined) return decide(begun)
    if (exact === undefined || !alike.isDecided) return undefined
    return decide(exact.seam === "exact" && alike.isUnsure ? { ...exact, seam: "ambiguous" } : exact)
  }

  /** The first of what is not white space has come. */
  const begin = (): void => {
    spaces = taken
    const words = committed.trimStart()
    if (spaces > 0 || words.length < committed.length) apart = compareAsWritten(words, spaces, options)
  }

  const take = (point: number): string | undefined => {
    const space = isSpace(point)
    if (spaces < 0 && !space) begin()
    taken++
    if (asItIs.decision === undefined) asItIs.take(point)
    if (apart?.decision === undefined) apart?.take(point)
    alike.take(point, space)
    return decided()
  }

  const decideAtEnd = (): string => {
    asItIs.end()
    if (spaces < 0) return decide(asItIs.decision!)
    apart?.end()
    alike.end()
    return decided() ?? decide(asItIs.decision!)
  }

  return {
    push: (text) => {
      if (text === "") return ""
      let input = surrogate + text
      surrogate = ""
      // Half of a surrogate pair is not shown alone.
      if (isHighSurrogate(input.charCodeAt(input.length - 1))) {
        surrogate = input.slice(-1)
        input = input.slice(0, -1)
      }
      if (decision !== undefined) return decision.refused ? "" : input
      held += input
      for (const point of pointsOf(input, asWritten)) {
        const shown = take(point)
        if (shown !== undefined) return shown
      }
      return ""
    },
    end: () => {
      const held = decision === undefined ? decideAtEnd() : ""
      const rest = decision?.refused === true ? "" : held + surrogate
      surrogate = ""
      return rest
    },
    get decision() {
      return decision
    },
    get holding() {
      return surrogate !== "" || (decision === undefined && held !== "")
    }
  }
}
