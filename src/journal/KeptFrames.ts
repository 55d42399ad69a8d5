/**
 * The frames of a stream that has ended, as bytes: of each frame what the one before it does not say. Its note, and how it
 * ended, stand beside them as they are (`KeptText`).
 *
 * The bytes are out of the collector's reach: what is kept for ten minutes would be copied twice and then looked over with
 * every full collection, and a text with one character beyond Latin-1 takes two bytes for each. They are cut from slabs in
 * the order in which streams end, which is the order in which they are forgotten: so no slab is held for long by one stream.
 *
 * Frames of one answer are alike (an id that counts, a head that repeats, a word that is new), so that a frame is written as
 * two parts, its first line and the rest, and of each: how much of the same part before it begins, how much ends it, and
 * what is new between. Nothing is assumed of what a frame says; one that is like none costs three to six bytes more than its
 * own. A role and twelve words of OpenAI's take 0.4 kB in place of 3.0, of Anthropic's 0.4 in place of 2.0. Where two places of
 * the rest change (a count and a word, as in a response), what stands between them is new each time: half of the bytes.
 */
import { Buffer } from "node:buffer"
import type { Frames } from "./Frames.ts"

const slabSize = 256 * 1024

/** A text that takes more than this is not worth a copy in one go: it stays as it is. */
export const mostKept = slabSize

/** The most that a frame takes beside its bytes: six numbers, of three bytes each. */
const mostBeside = 18

/** As far as a first line is looked for: one that is longer is cut there, and nothing is lost. */
const longestLine = 96

/** Each 256th frame is written as if none were before it, and its place is kept: a page is found without reading them all. */
const marked = 256

const lineFeed = 10
const isHigh = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff
const isLow = (unit: number): boolean => unit >= 0xdc00 && unit <= 0xdfff

/** Where the first line of a frame ends: behind its line feed. No character of two halves is torn. */
const lineEnd = (text: string, from: number, to: number): number => {
  const most = Math.min(to, from + longestLine)
  for (let at = from; at < most; at++) if (text.charCodeAt(at) === lineFeed) return at + 1
  return most < to && isHigh(text.charCodeAt(most - 1)) ? most - 1 : most
}

/** Writes frames, one after the other. HOT: each answer that is kept goes through it once. */
class Writing {
  /** How many bytes were written. */
  at = 0
  private readonly bytes: Buffer
  /** Whether each byte is a character. */
  private readonly plain: boolean
  /** The frame before: its text, where it begins, where its first line ends, and where it ends. */
  private text = ""
  private from = 0
  private line = 0
  private to = 0
  /** How much was alike of the two before. */
  private readonly ofLine = { same: 0, sameBefore: 0, tail: 0, tailBefore: 0 }
  private readonly ofRest = { same: 0, sameBefore: 0, tail: 0, tailBefore: 0 }

  constructor(bytes: Buffer, plain: boolean) {
    this.bytes = bytes
    this.plain = plain
  }

  /** The next frame is like none. */
  forget(): void {
    this.text = ""
    this.from = this.line = this.to = 0
  }

  frame(text: string, from: number, to: number): void {
    const line = lineEnd(text, from, to)
    const rest = line < to ? 1 : 0
    this.part(text, from, line, this.from, this.line, rest)
    if (rest === 1) this.part(text, line, to, this.line, this.to)
    this.text = text
    this.from = from
    this.line = line
    this.to = to
  }

  /** `rest`: the first number says by its lowest bit whether there is another part. */
  private part(text: string, from: number, to: number, oldFrom: number, oldTo: number, rest?: number): void {
    const old = this.text
    const most = Math.min(to - from, oldTo - oldFrom)
    const likely = rest === undefined ? this.ofRest : this.ofLine
    // HOT: it is mostly as much as of the two before, and to compare so much at once takes a tenth of a loop's time. Of two:
    // words that begin alike by chance would have the next ones compared from the start.
    let same = Math.min(likely.same, likely.sameBefore, most)
    if (same > 0 && text.slice(from, from + same) !== old.slice(oldFrom, oldFrom + same)) same = 0
    while (same < most && text.charCodeAt(from + same) === old.charCodeAt(oldFrom + same)) same++
    let tail = Math.min(likely.tail, likely.tailBefore, most - same)
    if (tail > 0 && text.slice(to - tail, to) !== old.slice(oldTo - tail, oldTo)) tail = 0
    while (same + tail < most && text.charCodeAt(to - 1 - tail) === old.charCodeAt(oldTo - 1 - tail)) tail++
    likely.sameBefore = likely.same
    likely.tailBefore = likely.tail
    likely.same = same
    likely.tail = tail
    if (same > 0 && !this.plain && isHigh(text.charCodeAt(from + same - 1))) same--
    if (tail > 0 && !this.plain && isLow(text.charCodeAt(to - tail))) tail--
    this.number(rest === undefined ? same : same * 2 + rest)
    this.number(tail)
    this.fresh(text, from + same, to - tail)
  }

  private fresh(text: string, from: number, to: number): void {
    // A call for each word would cost more than the word.
    if (to - from > 64 || !(this.plain || isAscii(text, from, to))) {
      const content = text.slice(from, to)
      this.number(this.plain ? content.length : Buffer.byteLength(content))
      this.at += this.bytes.write(content, this.at, this.plain ? "latin1" : "utf8")
      return
    }
    this.number(to - from)
    for (let n = from; n < to; n++) this.bytes[this.at++] = text.charCodeAt(n)
  }

  private number(value: number): void {
    let rest = value
    for (; rest >= 0x80; rest >>>= 7) this.bytes[this.at++] = (rest & 0x7f) | 0x80
    this.bytes[this.at++] = rest
  }
}

const isAscii = (text: string, from: number, to: number): boolean => {
  for (let n = from; n < to; n++) if (text.charCodeAt(n) > 0x7f) return false
  return true
}

/** Where frames of ended streams are put. */
export class Shelf {
  private slab = Buffer.alloc(0)
  /** How many bytes of its newest slab are taken. */
  used = 0
  /** Where frames are written before it is known how much they take. */
  private desk = Buffer.alloc(0)

  /** Copies frames: runs of `size` bytes in all, which is at most `mostKept`. */
  keep(runs: ReadonlyArray<Frames>, size: number): KeptFrames {
    let characters = 0
    let count = 0
    for (const { lengths, text } of runs) {
      characters += text.length
      count += lengths.length
    }
    const plain = characters === size
    const desk = this.deskFor(size + count * mostBeside)
    const writing = new Writing(desk, plain)
    const marks: Array<number> = []
    let n = 0
    for (const { lengths, text } of runs) {
      let from = 0
      for (const length of lengths) {
        if (n++ % marked === 0) {
          writing.forget()
          marks.push(writing.at)
        }
        writing.frame(text, from, from + length)
        from += length
      }
    }
    const slab = this.slabFor(writing.at)
    const at = this.used
    desk.copy(slab, at, 0, writing.at)
    this.used += writing.at
    return new KeptFrames(slab, at, count, plain, marks.length > 1 ? marks : undefined)
  }

  /** Copies a text; a long one is not worth a copy in one go. */
  text(text: string): string | KeptText {
    const size = Buffer.byteLength(text)
    if (size > mostKept) return text
    const slab = this.slabFor(size)
    const at = this.used
    const plain = size === text.length
    slab.write(text, at, plain ? "latin1" : "utf8")
    this.used += size
    return new KeptText(slab, at, size, plain)
  }

  private deskFor(room: number): Buffer {
    if (room <= this.desk.length) return this.desk
    const desk = Buffer.allocUnsafeSlow(Math.max(4096, room))
    // A stream of a hundred thousand frames of one character is rare, and its desk not kept.
    if (room <= 2 * slabSize) this.desk = desk
    return desk
  }

  private slabFor(room: number): Buffer {
    if (room > this.slab.length - this.used) {
      this.slab = Buffer.allocUnsafeSlow(Math.max(slabSize, room))
      this.used = 0
    }
    return this.slab
  }
}

/** A text that is kept. */
export class KeptText {
  private readonly slab: Buffer
  private readonly at: number
  private readonly size: number
  /** Whether each byte is a character. */
  private readonly plain: boolean

  constructor(slab: Buffer, at: number, size: number, plain: boolean) {
    this.slab = slab
    this.at = at
    this.size = size
    this.plain = plain
  }

  read(): string {
    return this.slab.toString(this.plain ? "latin1" : "utf8", this.at, this.at + this.size)
  }
}

/** Frames that are kept. */
export class KeptFrames {
  private readonly slab: Buffer
  private readonly at: number
  private readonly count: number
  /** Whether each byte is a character. */
  private readonly plain: boolean
  /** Where each 256th frame is, from the first one on. */
  private readonly marks: ReadonlyArray<number> | undefined

  constructor(slab: Buffer, at: number, count: number, plain: boolean, marks: ReadonlyArray<number> | undefined) {
    this.slab = slab
    this.at = at
    this.count = count
    this.plain = plain
    this.marks = marks
  }

  /** The frames from one on (0 is the first): at most so many, and so many bytes unless one is longer. */
  page(first: number, most: number, room: number): Frames | undefined {
    const { count, marks, plain, slab } = this
    if (first >= count) return undefined
    const mark = marks === undefined ? 0 : Math.floor(first / marked)
    let at = this.at + (marks?.[mark] ?? 0)
    const number = (): number => {
      let value = 0
      for (let shift = 0; ; shift += 7) {
        const byte = slab[at++]!
        value |= (byte & 0x7f) << shift
        if (byte < 0x80) return value
      }
    }
    const part = (old: string, same: number): string => {
      const tail = number()
      const length = number()
      const begin = same === 0 ? "" : old.slice(0, same)
      const fresh = length === 0 ? "" : slab.toString(plain ? "latin1" : "utf8", at, (at += length))
      return tail === 0 ? begin + fresh : begin + fresh + old.slice(old.length - tail)
    }
    const lengths: Array<number> = []
    let line = ""
    let rest = ""
    let text = ""
    let size = 0
    for (let n = mark * marked; n < count && lengths.length < most; n++) {
      if (n % marked === 0) line = rest = ""
      const same = number()
      line = part(line, same >>> 1)
      rest = same % 2 === 1 ? part(rest, number()) : ""
      if (n < first) continue
      const frame = line + rest
      size += plain ? frame.length : Buffer.byteLength(frame)
      if (lengths.length > 0 && size > room) break
      text += frame
      lengths.push(frame.length)
    }
    return { text, lengths }
  }
}
