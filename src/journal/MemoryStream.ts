/**
 * A stream as the store in memory holds it. While it is written its frames are the runs that were committed; once it
 * has ended they are bytes outside the collector's heap, so that an ended stream costs about its bytes.
 */
import type { StreamId } from "./Cursor.ts"
import { FramePage, sliceFrames } from "./Frames.ts"
import { type Frames, type NewRecord, pageRoom } from "./JournalStore.ts"

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
  readonly outcome: string
}

/** A run of frames, and the seq of its first. */
interface Piece {
  readonly first: number
  readonly lengths: ReadonlyArray<number>
  readonly content: string | Uint8Array
}

/** About how large a piece of an ended stream is, in characters: to read a page of it no more is decoded in vain. */
const pieceSize = 65_536

const decoder = new TextDecoder()
const encoder = new TextEncoder()

/** One stream. */
export class MemoryStream {
  readonly id: StreamId
  readonly dialect: string
  readonly owner: string
  readonly createdAt: number
  request: string
  note: string
  epoch = 1
  length = 0
  /** How many bytes its frames take, once it has ended. */
  bytes = 0
  writer: MemoryWriter
  end: MemoryEnd | undefined
  forgotten = false
  cancel: string | undefined
  key: { readonly name: string; readonly bodyHash: string } | undefined
  private pieces: Array<Piece> = []

  constructor(record: NewRecord, writer: MemoryWriter) {
    this.id = record.id
    this.dialect = record.dialect
    this.owner = record.owner
    this.createdAt = record.createdAt
    this.request = record.request
    this.note = record.note
    this.writer = writer
  }

  /** Whether it has ended, as a share is compared with it. */
  get ended(): boolean {
    return this.end !== undefined
  }

  append({ lengths, text }: Frames): void {
    this.pieces.push({ first: this.length, lengths, content: text })
    this.length += lengths.length
  }

  finish(end: MemoryEnd): void {
    this.end = end
    this.request = ""
    this.cancel = undefined
    this.pack()
  }

  /** Forgets what it was, but not that it was. */
  forget(): void {
    this.pieces = []
    this.note = ""
    this.bytes = 0
    this.forgotten = true
  }

  page(after: number, limit: number): Frames | undefined {
    const page = new FramePage(limit, pageRoom)
    for (let n = this.pieceOf(after + 1); n < this.pieces.length; n++) {
      const { content, first, lengths } = this.pieces[n]!
      const text = typeof content === "string" ? content : decoder.decode(content)
      const part = sliceFrames({ text, lengths }, Math.max(0, after + 1 - first), lengths.length)
      if (part !== undefined && !page.add(part)) break
    }
    return page.page
  }

  /** The piece that holds a seq, by halving. */
  private pieceOf(seq: number): number {
    let low = 0
    let high = this.pieces.length
    while (high - low > 1) {
      const middle = (low + high) >> 1
      if ((this.pieces[middle]?.first ?? 0) <= seq) low = middle
      else high = middle
    }
    return low
  }

  private pack(): void {
    const packed: Array<Piece> = []
    let text = ""
    let lengths: Array<number> = []
    let first = 0
    const put = (): void => {
      if (lengths.length === 0) return
      const content = encoder.encode(text)
      packed.push({ first, lengths, content })
      this.bytes += content.length
      first += lengths.length
      text = ""
      lengths = []
    }
    for (const piece of this.pieces) {
      text += piece.content as string
      for (const length of piece.lengths) lengths.push(length)
      if (text.length >= pieceSize) put()
    }
    put()
    this.pieces = packed
  }
}
