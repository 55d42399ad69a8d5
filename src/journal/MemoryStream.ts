/**
 * A stream as the store in memory holds it: while it has no end, the texts that were committed, which its readers are given
 * too; then its bytes in one piece (`KeptFrames.ts`), and what is known of it.
 */
import type { StreamId } from "./Cursor.ts"
import { FramePage } from "./Frames.ts"
import { type Frames, type NewRecord, pageRoom } from "./JournalStore.ts"
import { type KeptFrames, KeptText, mostKept, type Shelf } from "./KeptFrames.ts"
import { type Printable, textOf } from "./LateText.ts"

/** A process that shares the place. */
export interface MemoryWriter {
  /** When others began to hold it for dead, or `undefined` while it lives. */
  goneSince: number | undefined
  /** Told of cancels of its streams. */
  cancelled: ((id: StreamId, fault: string) => void) | undefined
}

/** How a stream ended. */
export interface MemoryEnd {
  readonly at: number
  /** `undefined`: whoever keeps books has it, and nobody else will ask. */
  outcome: Printable | KeptText | undefined
}

const textsAMark = 256

/** Of a stream that was forgotten, and is never appended to: one for all of them, there may be many. */
const none = Object.freeze([]) as unknown as Array<never>

/** One stream. */
export class MemoryStream {
  readonly id: StreamId
  readonly dialect: string
  owner: string
  readonly createdAt: number
  /** What it has begun with, until it has ended: its request is made when it is asked for, and mostly nobody does. */
  private begun: NewRecord | undefined
  private text: Printable | KeptText
  epoch = 1
  /** How many bytes its frames have. */
  size = 0
  writer: MemoryWriter
  end: MemoryEnd | undefined
  forgotten = false
  cancel: string | undefined
  /** The owner and key that it is asked for by, and what was asked by them. */
  keyName: string | undefined
  bodyHash: string | undefined
  /** How many frames it has had. */
  length = 0
  private texts: Array<string> = []
  /** The lengths of the frames of each text; a number where it is one frame, as it mostly is. */
  private runs: Array<number | ReadonlyArray<number>> = []
  /** How many frames there are before every 256th text: where a page begins is found without going through all of them. */
  private marks: Array<number> = []
  /** All of its frames, once it has ended. */
  private kept: KeptFrames | undefined

  constructor(record: NewRecord, writer: MemoryWriter) {
    this.id = record.id
    this.dialect = record.dialect
    this.owner = record.owner
    this.createdAt = record.createdAt
    this.begun = record
    this.text = record.note
    this.writer = writer
  }

  /** What was asked; `""` once it has ended. */
  get request(): string {
    return this.begun?.request ?? ""
  }

  /** Its note. */
  get note(): string {
    return this.text instanceof KeptText ? this.text.read() : textOf(this.text)
  }

  /** Its note is another one. */
  noted(note: Printable): void {
    this.text = note
  }

  /** Whether it has ended, as a share is compared with it. */
  get ended(): boolean {
    return this.end !== undefined
  }

  append({ lengths, text }: Frames): void {
    // A string that was put together is a tree of its parts, and twice as large, until its bytes are counted. Whoever
    // writes it to a socket makes it flat too, so that this costs nothing but the call.
    this.size += Buffer.byteLength(text)
    if (this.texts.length % textsAMark === 0) this.marks.push(this.length)
    this.texts.push(text)
    this.runs.push(lengths.length === 1 ? text.length : lengths)
    this.length += lengths.length
  }

  finish(end: MemoryEnd): void {
    this.end = end
    this.begun = undefined
    this.cancel = undefined
  }

  /** It has ended: what it said is kept as bytes from now on. */
  putAway(shelf: Shelf): void {
    if (!(this.text instanceof KeptText)) this.text = shelf.text(textOf(this.text))
    if (this.size > mostKept) return
    this.kept = shelf.keep(
      this.texts.map((text, n) => ({ text, lengths: this.lengthsAt(n) })),
      this.size
    )
    this.dropTexts()
  }

  private dropTexts(): void {
    this.texts = none
    this.runs = none
    this.marks = none
  }

  private lengthsAt(n: number): ReadonlyArray<number> {
    const run = this.runs[n]!
    return typeof run === "number" ? [run] : run
  }

  /** How it ended, as long as somebody may ask. */
  get outcome(): Printable | undefined {
    const outcome = this.end?.outcome
    return outcome instanceof KeptText ? outcome.read() : outcome
  }

  /** Whoever keeps books has its outcome: if anybody else may ask for it, that is not soon. */
  told(shelf: Shelf | undefined): void {
    const { end } = this
    if (end?.outcome === undefined || end.outcome instanceof KeptText) return
    end.outcome = shelf?.text(textOf(end.outcome))
  }

  /** Forgets what it was, but not that it was. `told`: nobody will ask for its outcome any more. */
  forget(told: boolean): void {
    if (told && this.end !== undefined) this.end.outcome = undefined
    this.dropTexts()
    this.kept = undefined
    this.text = ""
    this.size = 0
    this.forgotten = true
  }

  page(after: number, limit: number): Frames | undefined {
    if (this.kept !== undefined) return this.kept.page(after + 1, limit, pageRoom)
    const page = new FramePage(limit, pageRoom)
    let low = 0
    for (let high = this.marks.length; high - low > 1; ) {
      const middle = (low + high) >> 1
      if (this.marks[middle]! <= after + 1) low = middle
      else high = middle
    }
    let first = this.marks[low] ?? 0
    for (let n = low * textsAMark; n < this.texts.length; n++) {
      const run = this.runs[n]!
      const count = typeof run === "number" ? 1 : run.length
      if (first + count > after + 1) {
        const frames = { text: this.texts[n]!, lengths: this.lengthsAt(n) }
        if (!page.add(frames, Math.max(0, after + 1 - first))) break
      }
      first += count
    }
    return page.page
  }
}

/**
 * That a stream was, whose, and until when, and the key that it has: what is left of one that was forgotten, and of which nobody
 * wants anything more. There may be hundreds of thousands, so that each is a few words.
 */
export class Tombstone {
  readonly id: StreamId
  owner: string
  readonly endedAt: number
  keyName: string | undefined

  constructor(id: StreamId, owner: string, endedAt: number, keyName: string | undefined) {
    this.id = id
    this.owner = owner
    this.endedAt = endedAt
    this.keyName = keyName
  }
}
