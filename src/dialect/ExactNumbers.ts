/**
 * Numbers to the digit. A double holds 15 digits of any number; what a client or an upstream writes with more, such as
 * `9007199254740993`, is no longer what was written once it is parsed and printed. Here a parsed value remembers those
 * numbers as they were written, and printing gives them back: they pass through the relay as the bytes that they came in.
 *
 * What was written stands under a symbol of the object that holds the number. It goes where the object's fields go (a
 * spread, a rest), is seen by no `Object.entries` and no `JSON.stringify`, and the number itself stays a plain one.
 */

/** What was written, by the field that holds it. On each object above one, too, so that a part says it of itself. */
const written: unique symbol = Symbol("effect-resilience/written")

interface Written {
  [field: string]: string
}

interface Holder {
  [written]?: Written
  readonly [field: string]: unknown
}

const isHolder = (value: unknown): value is Holder => typeof value === "object" && value !== null

/** Whether something in a value is to be printed as it was written. */
export const isExact = (value: unknown): boolean => isHolder(value) && value[written] !== undefined

// Without sign, point, exponent, and the zeros at both ends: a loop, because `/0+$/` is quadratic in zeros.
const digitsOf = (number: string): string => {
  const mantissa = number.replace(/[eE].*$/, "").replaceAll(/[-.]/g, "")
  let start = 0
  let end = mantissa.length
  while (mantissa.charCodeAt(start) === 48) start += 1
  while (end > start && mantissa.charCodeAt(end - 1) === 48) end -= 1
  return mantissa.slice(start, end)
}

const hasExponent = (number: string): boolean => /[eE]/.test(number)

// The digits say it: `-1.5e-07` is printed as `-1.5e-7`, and nothing is lost. But an integer stays one, and `-0` has a sign
// that JavaScript does not print.
const loses = (source: string): boolean => {
  const number = Number(source)
  const printed = String(number)
  if (printed === source) return false
  if (Object.is(number, -0)) return true
  return (hasExponent(printed) && !hasExponent(source)) || digitsOf(printed) !== digitsOf(source)
}

const isDigit = (unit: number): boolean => unit >= 48 && unit <= 57
const isPart = (unit: number): boolean => isDigit(unit) || unit === 46
const isExponent = (unit: number): boolean => isDigit(unit) || unit === 69 || unit === 101 || unit === 43 || unit === 45

// A number stands behind `:`, `,`, `[` or white space; in a string that is so only by chance.
const isBefore = (unit: number): boolean =>
  unit === 58 || unit === 44 || unit === 91 || unit === 32 || unit === 10 || unit === 13 || unit === 9

/** Whether a text may hold a `-0`: 0.02 µs for an event, since hardly any has the two signs. */
const hasNegativeZero = (text: string): boolean => {
  for (let at = text.indexOf("-0"); at >= 0; at = text.indexOf("-0", at + 2)) {
    if (at > 0 && !isBefore(text.charCodeAt(at - 1))) continue
    let end = at + 2
    while (end < text.length && (isPart(text.charCodeAt(end)) || isExponent(text.charCodeAt(end)))) end += 1
    if (Object.is(Number(text.slice(at, end)), -0)) return true
  }
  return false
}

// The first one finds next to nothing, in a tenth of the time that the second one takes.
const exponent = /\d[eE][+-]?\d\d\d/
const longExponent = /[:,[\s]-?\d[\d.]{0,15}[eE][+-]?0*[1-9]\d\d/

/**
 * Whether a text may hold a number that no double comes near, as `1e400`: an exponent of three digits behind few others.
 * JavaScript takes it for infinite, and prints `null`, or for nothing. 0.15 µs for an event.
 */
const hasLongExponent = (text: string): boolean => exponent.test(text) && longExponent.test(text)

/** As many digits as none that is rounded has fewer of. */
const shortest = 16

/**
 * Whether a text may hold a number that would be rounded. It looks at every sixteenth character: 0.05 to 0.08 µs for an
 * event that takes 1 to parse, 35 µs for a body of 160 kB that takes 100; a regular expression takes 0.2 and 190, and a
 * reviver makes each parse six times as long.
 */
const mayLose = (text: string): boolean => {
  if (hasNegativeZero(text) || hasLongExponent(text)) return true
  for (let i = shortest - 1; i < text.length; i += shortest) {
    if (!isPart(text.charCodeAt(i))) continue
    let start = i
    let end = i + 1
    while (start > 0 && isPart(text.charCodeAt(start - 1))) start -= 1
    while (end < text.length && isPart(text.charCodeAt(end))) end += 1
    i = Math.max(i, end - (end % shortest) - 1)
    if (end - start < shortest) continue
    const before = start > 0 && text.charCodeAt(start - 1) === 45 ? start - 1 : start
    if (before > 0 && !isBefore(text.charCodeAt(before - 1))) continue
    while (end < text.length && isExponent(text.charCodeAt(end))) end += 1
    if (loses(text.slice(before, end))) return true
  }
  return false
}

type Reviver = (this: Holder, field: string, value: unknown, context: { readonly source?: string }) => unknown

// TypeScript's library does not know a reviver's third argument, nor `rawJSON`, which are in V8 since Node 21.
const parseWith = JSON.parse as (text: string, reviver: Reviver) => unknown
const { rawJSON } = JSON as typeof JSON & { readonly rawJSON: (text: string) => unknown }

// Without a prototype no name is special.
const nothingWritten = (): Written => Object.create(null) as Written

const remember: Reviver = function (field, value, { source }) {
  if (typeof value === "number") {
    // It grows in place: a list of 100,000 such numbers took minutes with a copy for each.
    if (source !== undefined && loses(source)) (this[written] ??= nothingWritten())[field] = source
  } else if (isExact(value)) this[written] ??= nothingWritten()
  return value
}

const recall = function (this: Holder, field: string, value: unknown): unknown {
  if (typeof value !== "number") return value
  const said = this[written]
  if (said === undefined || !Object.hasOwn(said, field)) return value
  // A number that was put in its place since then is printed as what it is.
  return Number(said[field]) === value ? rawJSON(said[field]!) : value
}

/** Reads JSON; throws what `JSON.parse` throws. Numbers of more digits than a double has are printed as they were written. */
export const parseExactly = (text: string): unknown =>
  mayLose(text) ? parseWith(text, remember) : (JSON.parse(text) as unknown)

/**
 * Prints JSON, and numbers as they were written. `madeFrom` is what the value was made from, where it is a new object that
 * holds parts of another.
 */
export const printJson = (value: object, madeFrom?: unknown): string =>
  isExact(value) || isExact(madeFrom) ? JSON.stringify(value, recall) : JSON.stringify(value)

/** Says that a value holds numbers of others, to be printed as they were written: for what is put together by hand. */
export const keepExact = (into: object, from: object): void => {
  const said = (from as Holder)[written]
  if (said !== undefined) (into as Holder)[written] = { ...(into as Holder)[written], ...said }
}
