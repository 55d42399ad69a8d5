/**
 * A text as code points, from its beginning or from its end, and never all at once: an answer may be megabytes long, and
 * a seam is looked for while others wait.
 */

/** How a code point is read: as itself, as others, or not at all. */
export type Reading = (point: number) => ReadonlyArray<number>

const unread: ReadonlyArray<number> = []

/** How many UTF-16 units a code point has. */
export const unitsOf = (point: number): number => (point > 0xffff ? 2 : 1)

export const isHighSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff

const isLowSurrogate = (unit: number): boolean => unit >= 0xdc00 && unit <= 0xdfff

/**
 * The code point at a unit that is in the text. By its units: where a text is a part of a longer one, V8's optimized
 * `codePointAt` takes for the other half of its last unit what stands behind it in the longer one.
 */
export const pointAt = (text: string, at: number): number => {
  const unit = text.charCodeAt(at)
  if (!isHighSurrogate(unit) || at + 1 === text.length) return unit
  const next = text.charCodeAt(at + 1)
  return isLowSurrogate(next) ? (unit - 0xd800) * 0x400 + (next - 0xdc00) + 0x10000 : unit
}

export const isSpace = (point: number): boolean =>
  point < 0x80 ? point === 0x20 || (point >= 0x09 && point <= 0x0d) : /\s/u.test(String.fromCodePoint(point))

/** As it is written. */
export const asWritten: Reading = (point) => [point]

/** Without white space. */
export const withoutSpace: Reading = (point) => (isSpace(point) ? unread : [point])

/** Without white space, and in small letters. */
export const inSmallLetters: Reading = (point) =>
  isSpace(point) ? unread : Array.from(String.fromCodePoint(point).toLowerCase(), (small) => small.codePointAt(0)!)

/** The code points of a text, one after the other. */
export function* pointsOf(text: string, reading: Reading): Generator<number, undefined> {
  for (let at = 0; at < text.length; ) {
    const point = pointAt(text, at)
    at += unitsOf(point)
    const read = reading(point)
    for (let i = 0; i < read.length; i++) yield read[i]!
  }
}

/** The last code points of a text, at most so many. */
export const lastPoints = (text: string, most: number, reading: Reading): ReadonlyArray<number> => {
  const backwards: Array<number> = []
  for (let end = text.length; end > 0 && backwards.length < most; ) {
    const isPair = end > 1 && isLowSurrogate(text.charCodeAt(end - 1)) && isHighSurrogate(text.charCodeAt(end - 2))
    end -= isPair ? 2 : 1
    const read = reading(pointAt(text, end))
    for (let i = read.length - 1; i >= 0; i--) backwards.push(read[i]!)
  }
  return backwards.slice(0, most).reverse()
}

/** A text without its first so many code points. */
export const withoutFirst = (text: string, count: number): string => {
  let at = 0
  for (let left = count; left > 0 && at < text.length; left--) at += unitsOf(pointAt(text, at))
  return text.slice(at)
}
