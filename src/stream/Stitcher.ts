/**
 * Joins a continuation to the text that was delivered before it. A model that is asked to go on may repeat the end of
 * what it is shown, or begin anew; what it repeats is dropped where that is sure, and only there. An unsure seam drops
 * nothing and says so: a word twice is a blemish, a word lost is a fault.
 *
 * A repetition at the seam is sure when it is long (`minOverlap`), not periodic (its smallest period is more than half
 * of it) and nowhere else in the text: refrains, lists and repeated code are none of these. Texts are compared by code
 * points, exactly, but white space at the seam is compared apart: what is repeated behind a space or a newline is repeated
 * all the same. A text that comes again as a whole with other white space, or here and there in the other letter case, has
 * begun anew, and is dropped; any other repetition that is one only so (a line with another indentation, a list in
 * capitals, a quotation) may be meant, and is told as unsure. What cannot be seen this way stays: a preamble ("Sure, here is the rest"),
 * quotes in another style inside of the text.
 *
 * The longest overlap is found with the automaton of Knuth, Morris and Pratt, the continuation being the pattern and the
 * end of the text what is searched; the pattern grows as it comes. Linear in both.
 */
import { InvalidPolicyOption } from "../policy/index.ts"

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

const codePoints = (text: string): Array<number> => Array.from(text, (character) => character.codePointAt(0)!)

/** Extends the table of a pattern's borders to one more element. `borders[i]`: the longest proper one of the first i+1. */
const extendBorders = (pattern: ReadonlyArray<number>, borders: Array<number>): void => {
  const i = borders.length
  if (i === 0) {
    borders.push(0)
    return
  }
  let border = borders[i - 1]!
  while (border > 0 && pattern[i] !== pattern[border]) border = borders[border - 1]!
  borders.push(pattern[i] === pattern[border] ? border + 1 : 0)
}

/** Whether the first `length` elements repeat with a period of at most half of them. */
const isPeriodic = (borders: ReadonlyArray<number>, length: number): boolean => {
  const period = length - borders[length - 1]!
  return period * 2 <= length
}

/** Whether the first `length` elements of a pattern occur in a text anywhere but at its end. */
const occursEarlier = (
  text: ReadonlyArray<number>,
  pattern: ReadonlyArray<number>,
  borders: ReadonlyArray<number>,
  length: number
): boolean => {
  let matched = 0
  for (let at = 0; at < text.length - 1; at++) {
    while (matched > 0 && text[at] !== pattern[matched]) matched = borders[matched - 1]!
    if (text[at] === pattern[matched]) matched++
    if (matched === length) return true
  }
  return false
}

/** The text of code points, from the nth on. */
const fromCodePoints = (points: ReadonlyArray<number>, from: number): string => {
  let text = ""
  for (let at = from; at < points.length; at += 4096) text += String.fromCodePoint(...points.slice(at, at + 4096))
  return text
}

const isHighSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff

const isSpace = (point: number): boolean => /\s/u.test(String.fromCodePoint(point))

/** A repetition that is shorter than this is chance, where none was to be expected, in code points. */
const leastSign = 3

/** Shorter than this a repetition in another letter case or with other white space is chance, in code points. */
const leastAlike = 8

/** A text without its white space, and in small letters. */
const alikeOf = (text: string): string => text.replaceAll(/\s+/gu, "").toLowerCase()

/** One of so many letters may be in the other case where a text comes again. */
const otherCase = 8

/** How a continuation begins, compared with a text as it stands. */
interface Comparison {
  /** Takes one code point; not after the decision. */
  readonly take: (point: number) => void
  /** No more will come: a candidate that is not complete is none, but neither is the seam exact. */
  readonly end: () => void
  readonly decision: StitchDecision | undefined
  /** How many code points have looked like a repetition when it was decided. */
  readonly signs: number
}

const compare = (text: ReadonlyArray<number>, options: Omit<StitcherOptions, "committed">): Comparison => {
  const { mode } = options
  const maxOverlap = options.maxOverlap ?? 2000
  const minOverlap = options.minOverlap ?? 24
  const minRestart = options.minRestart ?? (mode === "message" ? 16 : 8)

  let committed = text
  /** What is searched for overlaps. */
  let tail = mode === "prefill" ? [] : committed.slice(Math.max(0, committed.length - maxOverlap))
  /** How much of the text must come again to be a restart. */
  const whole = mode === "message" ? committed.length : Math.min(committed.length, maxOverlap)

  /** The continuation so far, its borders, and how far it has been searched for in the tail. */
  let pattern: Array<number> = []
  let borders: Array<number> = []
  let searched = 0
  let matched = 0
  /** How much of the text's beginning has come again, and whether it is still coming. */
  let repeated = 0
  let restarting = true

  let decision: StitchDecision | undefined
  let signs = 0

  const decide = (seam: Seam, dropped: number, refused = false): void => {
    signs = Math.max(matched, repeated === whole || repeated >= minRestart ? repeated : 0)
    // As the beginning of its own answer a target need not repeat anything.
    const chance = mode === "unproven" && seam === "ambiguous" && signs < leastSign
    decision = { seam: chance ? "exact" : seam, dropped, refused }
    committed = tail = pattern = borders = []
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
    const sure =
      matched >= minOverlap && !isPeriodic(borders, matched) && !occursEarlier(committed, pattern, borders, matched)
    return sure ? decide("overlap", matched) : decide("ambiguous", 0)
  }

  const take = (point: number): void => {
    restarting &&= point === committed[pattern.length]
    if (restarting) repeated++
    pattern.push(point)
    extendBorders(pattern, borders)
    search()
    if (repeated === whole) {
      if (whole < minRestart || isPeriodic(borders, whole)) return decide("ambiguous", 0)
      return decide("restart", whole, mode !== "message")
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

  if (whole === 0) decide("exact", 0)

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

const isSure = ({ seam }: StitchDecision): boolean => seam === "overlap" || seam === "restart"

/** Whether it may stand before a quotation, or a list of what was said: punctuation, and what Markdown uses beside. */
const isMark = (point: number | undefined): boolean =>
  point !== undefined && /[\p{P}>`|~]/u.test(String.fromCodePoint(point))

/** Compares a continuation with a text but for white space and letter case. */
const makeAlike = (options: StitcherOptions) => {
  const comparison = compare(codePoints(alikeOf(options.committed)), options)
  /** The text as it is written, without white space: whether a letter is in the other case. */
  const cased = codePoints(options.committed.replaceAll(/\s+/gu, ""))
  const found = (): StitchDecision | undefined => comparison.decision
  const endsInSpace = /\s$/u.test(options.committed)
  const beginsWithMark = isMark(cased[0])
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
      if (cased[compared] !== point) differing++
      compared++
      for (const small of String.fromCodePoint(point).toLowerCase()) {
        if (found() === undefined) comparison.take(small.codePointAt(0)!)
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
  const committed = codePoints(options.committed)
  const firstWord = committed.findIndex((point) => !isSpace(point))
  const asItIs = compare(committed, options)
  /** The same without the white space at the beginning of either. */
  const apart = compare(committed.slice(Math.max(firstWord, 0)), options)
  const alike = makeAlike(options)

  /** The continuation so far, and how much of its beginning is white space; `-1` while there is nothing else. */
  let held: Array<number> = []
  let spaces = -1
  let decision: StitchDecision | undefined = asItIs.decision
  let surrogate = ""

  const decide = (decided: StitchDecision): string => {
    decision = decided
    const shown = decided.refused ? "" : fromCodePoints(held, decided.dropped)
    held = []
    return shown
  }

  /** What is to be said of it as it stands, once that is known: sure or not. */
  const exactly = (): StitchDecision | undefined => {
    if (asItIs.decision !== undefined && isSure(asItIs.decision)) return asItIs.decision
    if (spaces <= 0 && firstWord <= 0) {
      // Nothing but white space may still be the beginning of a repetition.
      return spaces < 0 ? undefined : asItIs.decision
    }
    const other = apart.decision
    if (other !== undefined && isSure(other)) return { ...other, dropped: other.dropped + Math.max(spaces, 0) }
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

  const take = (point: number): string | undefined => {
    const space = isSpace(point)
    if (spaces < 0 && !space) spaces = held.length
    held.push(point)
    if (asItIs.decision === undefined) asItIs.take(point)
    if (spaces >= 0 && apart.decision === undefined) apart.take(point)
    alike.take(point, space)
    return decided()
  }

  const decideAtEnd = (): string => {
    asItIs.end()
    if (spaces < 0) return decide(asItIs.decision!)
    apart.end()
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
      let read = 0
      while (read < input.length) {
        const point = input.codePointAt(read)!
        read += point > 0xffff ? 2 : 1
        const shown = take(point)
        if (shown !== undefined) return decision!.refused ? "" : shown + input.slice(read)
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
      return surrogate !== "" || (decision === undefined && held.length > 0)
    }
  }
}
