/**
 * What an upstream's words quote of the request, or of the answer that it was writing: a prompt or an answer, which no log
 * may hold.
 */
import { foldCase, isKnownName } from "../dialect/index.ts"
import { type ResilienceError, stackless } from "../errors/index.ts"

/** What is that long and stands in both is a quotation; what is shorter is chance. */
const run = 16

/** A run of it that begins anywhere holds a block of these which begins at a multiple of them. */
const block = 8

/** Around its escapes so many characters of a request are read in one turn of the loop: some 25 ms. */
const mostEscaped = 2_000_000

/** So many characters are compared in one turn: some 30 ms. */
const mostCompared = 5_000_000

const base = 0x01000193
const leading = (() => {
  let power = 1
  for (let at = 0; at < run - 1; at++) power = Math.imul(power, base)
  return power
})()

const slotOf = (hash: number): number => (hash ^ (hash >>> 16)) & 0xffff

const escaped: { readonly [char: string]: number } = { n: 10, r: 13, t: 9, b: 8, f: 12 }

/** The places in a text at which runs begin, by their hash. */
const runsOf = (text: string): { readonly slots: Uint8Array; readonly places: Map<number, Array<number>> } => {
  const slots = new Uint8Array(1 << 16)
  const places = new Map<number, Array<number>>()
  let hash = 0
  for (let at = 0; at < text.length; at++) {
    if (at >= run) hash = (hash - Math.imul(text.charCodeAt(at - run), leading)) | 0
    hash = (Math.imul(hash, base) + text.charCodeAt(at)) | 0
    if (at < run - 1) continue
    slots[slotOf(hash)] = 1
    const same = places.get(hash) ?? []
    same.push(at - run + 1)
    places.set(hash, same)
  }
  return { slots, places }
}

/** The places in a text at which blocks begin, by their hash. */
const blocksOf = (text: string): ReturnType<typeof runsOf> => {
  const slots = new Uint8Array(1 << 16)
  const places = new Map<number, Array<number>>()
  for (let at = 0; at + block <= text.length; at++) {
    const hash = hashOf(text, at)
    slots[slotOf(hash)] = 1
    const same = places.get(hash) ?? []
    same.push(at)
    places.set(hash, same)
  }
  return { slots, places }
}

const hashOf = (text: string, from: number): number => {
  let hash = 0
  for (let at = from; at < from + block; at++) hash = (Math.imul(hash, base) + text.charCodeAt(at)) | 0
  return hash
}

/** Whether all runs with the block at one place are those with the block at another. */
const hasSameAround = (text: string, place: number, other: number): boolean => {
  for (let step = -block; step < run; step++) {
    if (text.charCodeAt(place + step) !== text.charCodeAt(other + step)) return false
  }
  return true
}

/**
 * Marks what a body holds as it is written. It looks at each eighth place of it, some 2 ns a character; only where a block
 * is the text's it compares. Whether that came to an end.
 */
const markWritten = (text: string, body: string, quoted: Uint8Array): boolean => {
  const { places, slots } = blocksOf(text)
  let compared = 0
  let met = -1
  for (let at = 0; at + block <= body.length; at += block) {
    const hash = hashOf(body, at)
    if (slots[slotOf(hash)] === 0) continue
    const same = places.get(hash)
    if (same === undefined) continue
    // What stands there over and over is looked at once.
    if (met >= block && hasSameAround(body, met, at)) continue
    met = at
    let isMarked = false
    for (const place of same) {
      let right = 0
      while (
        right < run &&
        at + right < body.length &&
        text.charCodeAt(place + right) === body.charCodeAt(at + right)
      ) {
        right++
      }
      let left = 0
      while (
        left < block &&
        left < at &&
        left < place &&
        text.charCodeAt(place - left - 1) === body.charCodeAt(at - left - 1)
      ) {
        left++
      }
      compared += left + right + 2
      if (right < block || left + right < run) continue
      quoted.fill(1, place - left, place + right)
      isMarked = true
    }
    if (compared > mostCompared) return false
    if (!isMarked) continue
    // Where all runs around a block are masked it is not looked for again: of `aaaa…` all blocks are one.
    const open = same.filter((place) => {
      const end = Math.min(text.length, place + run)
      for (let near = Math.max(0, place - block); near < end; near++) if (quoted[near] === 0) return true
      return false
    })
    if (open.length === 0) places.delete(hash)
    else if (open.length < same.length) places.set(hash, open)
  }
  return true
}

/**
 * Marks what a body holds as what it means, where that is not how it is written: in runs with an escape in them. Whether
 * that came to an end.
 */
const markMeant = (text: string, body: string, quoted: Uint8Array): boolean => {
  let escape = body.indexOf("\\")
  if (escape < 0) return true
  const { places, slots } = runsOf(text)
  const last = new Uint16Array(run)
  const scan = (from: number, to: number): void => {
    let hash = 0
    let count = 0
    for (let at = from; at < to; at++) {
      let code = body.charCodeAt(at)
      if (code === 92 && at + 1 < to) {
        at++
        const char = body[at]!
        if (char === "u") {
          code = Number.parseInt(body.slice(at + 1, at + 5), 16)
          at += 4
        } else code = escaped[char] ?? char.charCodeAt(0)
      }
      const place = count % run
      if (count >= run) hash = (hash - Math.imul(last[place]!, leading)) | 0
      hash = (Math.imul(hash, base) + code) | 0
      last[place] = code
      count++
      if (count < run || slots[slotOf(hash)] === 0) continue
      const begun = places.get(hash)
      if (begun === undefined) continue
      // What is masked is not looked for again: of `aaaa…` all runs are one, and each place of the body would meet all.
      const left = begun.filter((begin) => {
        for (let step = 0; step < run; step++) {
          if (text.charCodeAt(begin + step) !== last[(count + step) % run]) return true
        }
        quoted.fill(1, begin, begin + run)
        return false
      })
      if (left.length === 0) places.delete(hash)
      else if (left.length < begun.length) places.set(hash, left)
    }
  }
  for (let left = mostEscaped; escape >= 0; ) {
    const from = Math.max(0, escape - run + 1)
    let to = from
    do {
      const next = escape + (body[escape + 1] === "u" ? 6 : 2)
      to = Math.min(body.length, next + run - 1)
      escape = body.indexOf("\\", next)
    } while (escape >= 0 && escape - run < to && to - from <= left)
    left -= to - from
    if (left < 0) return false
    scan(from, to)
  }
  return true
}

/**
 * A text with `***` in the place of each run of 16 or more characters that a request holds too. `body` is the request's
 * JSON, which may be quoted as it is written and as what it means.
 *
 * It takes time in proportion to the body, and is asked only when an attempt has failed. Where it would hold the loop for
 * too long (two million characters of a body are near an escape, or much of it looks like the text and is no quotation)
 * nothing of the text is kept: it is `***`.
 */
export const withoutQuotations = (text: string, body: string): string => {
  if (text.length < run) return text
  const quoted = new Uint8Array(text.length)
  if (!markWritten(text, body, quoted) || !markMeant(text, body, quoted)) return "***"
  let out = ""
  for (let at = 0; at < text.length; at++) {
    if (quoted[at] === 0) out += text[at]!
    else if (at === 0 || quoted[at - 1] === 0) out += "***"
  }
  return out
}

/** So much of an answer's end is looked at: some 10 ms. */
const mostWritten = 1_000_000

/** An answer's words so far, as JSON: an upstream may quote them as they are written there, or as they are. */
export const writtenAsJson = (words: string): string => JSON.stringify(words.slice(-mostWritten))

/** The same whatever the case: an upstream may have changed it. */
export const withoutQuotationsOfAnyCase = (text: string, body: string): string =>
  withoutQuotations(foldCase(text), foldCase(body))

/**
 * An error without the upstream's code and type where a request holds these too: what looks like a name may be a word of a
 * prompt. A vendor's own are none, whoever has asked about them.
 */
export const withoutQuotedNames = <E extends ResilienceError>(error: E, body: string): E => {
  const { code, type, ...said } = error.upstream ?? {}
  const isQuoted = (name: string | undefined): boolean =>
    name !== undefined && !isKnownName(name) && withoutQuotations(name, body) !== name
  const [noCode, noType] = [isQuoted(code), isQuoted(type)]
  if (!noCode && !noType) return error
  const Class = error.constructor as new (fields: object) => E
  const upstream = {
    ...said,
    ...(code === undefined || noCode ? {} : { code }),
    ...(type === undefined || noType ? {} : { type })
  }
  const fields: object = { ...error }
  return stackless(() => new Class({ ...fields, message: error.message, upstream }))
}
