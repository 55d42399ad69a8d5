/**
 * Whether what looks like a repetition at a seam can be nothing else. Rows of a table, refrains and lines of code come
 * again because they are meant to: who writes the next one does not repeat the last one.
 *
 * What repeats itself is seen by its borders: the beginnings of a pattern that it ends with too. `borders[i]` is the
 * length of the longest proper one of its first i+1 elements.
 */
import { asWritten, lastPoints, pointAt, unitsOf } from "./CodePoints.ts"

/** The first `length` code points of a pattern that has come again at the end of a text. */
export interface Repetition {
  readonly pattern: ReadonlyArray<number>
  readonly borders: ReadonlyArray<number>
  readonly length: number
  /** How much white space stood before it, which the text does not have there. */
  readonly lead: number
}

/** A text that has begun to say something again says it again, from so many code points on. */
const leastAgain = 8

/** Extends the table of a pattern's borders to one more element. */
export const extendBorders = (pattern: ReadonlyArray<number>, borders: Array<number>): void => {
  const i = borders.length
  if (i === 0) {
    borders.push(0)
    return
  }
  let border = borders[i - 1]!
  while (border > 0 && pattern[i] !== pattern[border]) border = borders[border - 1]!
  borders.push(pattern[i] === pattern[border] ? border + 1 : 0)
}

/** Whether it repeats with a period of at most half of it, its white space counted. */
export const isPeriodic = ({ borders, lead, length }: Omit<Repetition, "pattern">): boolean =>
  (length - borders[length - 1]!) * 2 <= length + lead

/** Whether the last `leastAgain` elements stand in a text once more, so far before. */
const saysAgain = (text: ReadonlyArray<number>, distance: number): boolean => {
  if (text.length < distance + leastAgain) return false
  for (let at = text.length - leastAgain; at < text.length; at++) if (text[at] !== text[at - distance]) return false
  return true
}

/**
 * Whether the text was saying again already what stands so far before as the repetition reaches back, or as far as it
 * would if less of it were one, or more of its white space: then it may as well go on to do so. Less of it may be one
 * where it ends as it begins.
 */
const goesOn = (text: string, { borders, lead, length }: Repetition): boolean => {
  const end = lastPoints(text, length + lead + leastAgain, asWritten)
  for (let more = 1; more <= lead; more++) if (saysAgain(end, length + more)) return true
  for (let less = length; less > 0; ) {
    less = borders[less - 1]!
    if (saysAgain(end, length - less)) return true
  }
  return false
}

/** Whether it stands in the text anywhere but at its end. Linear in the text. */
const isAnywhere = (text: string, { borders, length, pattern }: Repetition): boolean => {
  const end = text.length - unitsOf(pattern[length - 1]!)
  let matched = 0
  for (let at = 0; at < end; ) {
    const point = pointAt(text, at)
    at += unitsOf(point)
    while (matched > 0 && point !== pattern[matched]) matched = borders[matched - 1]!
    if (point === pattern[matched]) matched++
    if (matched === length) return true
  }
  return false
}

/** So much of a beginning is sought with the engine's own search, in UTF-16 units: with more it is slow in some texts. */
const longestSought = 250

/** So many places are looked at that begin in the same way, before the text is read through. */
const mostPlaces = 8

/** The same, and many times as quick in nearly all texts: a long one is searched in one turn of the event loop. */
const occursEarlier = (text: string, repetition: Repetition): boolean => {
  let last = text.length
  for (let i = 0; i < repetition.length; i++) last -= unitsOf(repetition.pattern[i]!)
  const piece = text.slice(last)
  // Half of a surrogate pair would be found in a whole one.
  if (!piece.isWellFormed()) return isAnywhere(text, repetition)
  const beginning = piece.slice(0, longestSought)
  for (let places = 0, from = 0; places < mostPlaces; places++) {
    const at = text.indexOf(beginning, from)
    if (at < 0 || at >= last) return false
    if (text.startsWith(piece, at)) return true
    from = at + 1
  }
  return isAnywhere(text, repetition)
}

/**
 * Whether it is sure that the end of a text has come again. A text that goes on with what it has said before is taken
 * for a repetition only if less than `leastAgain` code points of the new time were there: then nobody can tell.
 */
export const isRepetition = (text: string, repetition: Repetition): boolean =>
  !isPeriodic(repetition) && !goesOn(text, repetition) && !occursEarlier(text, repetition)
