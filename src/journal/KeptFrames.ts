/**
 * The frames of a stream that has ended, as bytes: one buffer for all of them, and a byte or two for the length of each.
 *
 * The bytes are out of the collector's reach: what is kept for ten minutes would be copied twice and then looked over with
 * every full collection, and a text with one character beyond Latin-1 takes two bytes for each. They are cut from slabs in
 * the order in which streams end, which is the order in which they are forgotten: so no slab is held for long by one stream.
 */
import { Buffer } from "node:buffer"
import { type Frames, sliceFrames } from "./Frames.ts"

const slabSize = 256 * 1024

/** A text that takes more than this is not worth a copy in one go: it stays as it is. */
export const mostKept = slabSize

/** Where frames of ended streams are put. */
export class Shelf {
  private slab = Buffer.alloc(0)
  private used = 0

  /** Copies frames: runs of `size` bytes in all, which is at most `mostKept`. */
  keep(runs: ReadonlyArray<Frames>, size: number): KeptFrames {
    const lengths: Array<number> = []
    let characters = 0
    for (const run of runs) characters += run.text.length
    const plain = characters === size
    let room = size
    for (const run of runs) {
      for (let n = 0; n < run.lengths.length; n++) {
        const length = plain ? (run.lengths[n] ?? 0) : bytesOf(run, n)
        lengths.push(length)
        room += length < 0x80 ? 1 : length < 0x4000 ? 2 : 3
      }
    }
    const slab = this.slabFor(room)
    const at = this.used
    let to = at
    for (const { text } of runs) to += slab.write(text, to, plain ? "latin1" : "utf8")
    const marks = lengths.length > marked ? [at, to] : undefined
    let from = at
    for (let n = 0; n < lengths.length; n++) {
      if (marks !== undefined && n > 0 && n % marked === 0) marks.push(from, to)
      const length = lengths[n]!
      from += length
      let rest = length
      for (; rest >= 0x80; rest >>>= 7) slab[to++] = (rest & 0x7f) | 0x80
      slab[to++] = rest
    }
    this.used = to
    return new KeptFrames(slab, at, size, lengths.length, plain, marks)
  }

  private slabFor(room: number): Buffer {
    if (room > this.slab.length - this.used) {
      this.slab = Buffer.allocUnsafeSlow(Math.max(slabSize, room))
      this.used = 0
    }
    return this.slab
  }
}

const bytesOf = (run: Frames, n: number): number => Buffer.byteLength(sliceFrames(run, n, 1)?.text ?? "")

/** The places of every 256th frame and length are kept: where a page begins is found without going through all of them. */
const marked = 256

/** Frames that are kept. */
export class KeptFrames {
  private readonly slab: Buffer
  private readonly at: number
  private readonly size: number
  private readonly count: number
  /** Whether each byte is a character. */
  private readonly plain: boolean
  private readonly marks: ReadonlyArray<number> | undefined

  constructor(
    slab: Buffer,
    at: number,
    size: number,
    count: number,
    plain: boolean,
    marks: ReadonlyArray<number> | undefined
  ) {
    this.slab = slab
    this.at = at
    this.size = size
    this.count = count
    this.plain = plain
    this.marks = marks
  }

  /** The frames from one on (0 is the first): at most so many, and so many bytes unless one is longer. */
  page(first: number, most: number, room: number): Frames | undefined {
    const { count, marks, plain, slab } = this
    if (first >= count) return undefined
    const mark = marks === undefined ? 0 : Math.floor(first / marked)
    let from = marks?.[2 * mark] ?? this.at
    let at = marks?.[2 * mark + 1] ?? this.at + this.size
    const next = (): number => {
      let length = 0
      for (let shift = 0; ; shift += 7) {
        const byte = slab[at++]!
        length |= (byte & 0x7f) << shift
        if (byte < 0x80) return length
      }
    }
    for (let n = mark * marked; n < first; n++) from += next()
    const lengths: Array<number> = []
    let to = from
    let text = ""
    for (let n = first; n < count && lengths.length < most; n++) {
      const length = next()
      if (lengths.length > 0 && to + length - from > room) break
      if (plain) lengths.push(length)
      else {
        const frame = slab.toString("utf8", to, to + length)
        text += frame
        lengths.push(frame.length)
      }
      to += length
    }
    return { text: plain ? slab.toString("latin1", from, to) : text, lengths }
  }
}
