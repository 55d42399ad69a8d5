/**
 * What processes that share a store in memory have in common, and what each of them may do there. It keeps the rules of
 * every store (`Share.ts`), so that a test on it finds what would go wrong on another.
 */
import { makeStreamId, type StreamId } from "./Cursor.ts"
import {
  type Beginning,
  type ClaimReply,
  type Fate,
  type Frames,
  type IdempotencyKey,
  type NewRecord,
  nobody,
  type Outcome,
  type Share,
  type StreamRecord,
  type Sweep
} from "./JournalStore.ts"
import { Shelf } from "./KeptFrames.ts"
import { MemoryStream, type MemoryWriter } from "./MemoryStream.ts"
import { type PartWriters, refusalOf, writeShare } from "./Share.ts"

/** How many streams are remembered of which nothing is left but that they were. */
const mostTombstones = 100_000

const committed: Fate = { _tag: "Committed", cancel: undefined }

/** The place. */
export class MemoryPlace {
  readonly identity: string = makeStreamId()
  private readonly streams = new Map<StreamId, MemoryStream>()
  /** The streams that have a key, by owner and key. */
  private readonly keys = new Map<string, MemoryStream>()
  /** Streams that have ended, in that order: an outcome's position is its place here. */
  private readonly ends = new Line<MemoryStream>()
  /** Which of `ends` is the first whose frames are kept. */
  private kept = 0
  /** Before which of `ends` whoever keeps books has all outcomes. */
  private told = 0
  /** Streams that have ended and are out of `ends`, but whose key is bound. */
  private readonly bound = new Line<MemoryStream>()
  /** How many bytes the frames of those have. */
  private size = 0
  private readonly shelf = new Shelf()
  private readonly watchers = new Map<StreamId, Set<{ readonly by: MemoryWriter; readonly wake: () => void }>>()

  begin(by: MemoryWriter, record: NewRecord, { bodyHash, freeBefore, key, onlyFinds }: IdempotencyKey): Beginning {
    const name = nameOf(record.owner, key)
    const found = this.keys.get(name)
    if (found !== undefined && (found.end === undefined || found.end.at >= freeBefore)) {
      return { _tag: "Exists", record: this.recordOf(by, found), sameBody: found.key?.bodyHash === bodyHash }
    }
    if (onlyFinds === true) return { _tag: "Absent" }
    if (found !== undefined) this.freeKey(found)
    const stream = new MemoryStream(record, by)
    stream.key = { name, bodyHash }
    this.keys.set(name, stream)
    this.streams.set(record.id, stream)
    return { _tag: "Begun", epoch: stream.epoch }
  }

  /** How an owner writes the parts of a share. */
  parts(by: MemoryWriter): PartWriters<MemoryStream> {
    return {
      begins: (record) => {
        const stream = new MemoryStream(record, by)
        this.streams.set(record.id, stream)
        return stream
      },
      frames: (stream, frames) => stream.append(frames),
      note: (stream, note) => {
        stream.note = note
      },
      end: (stream, { at, freesKey, outcome }) => {
        if (freesKey) this.freeKey(stream)
        stream.finish({ at, outcome }, this.shelf)
        this.size += stream.size
        this.ends.push(stream)
      }
    }
  }

  commit(by: MemoryWriter, parts: PartWriters<MemoryStream>, shares: ReadonlyArray<Share>): ReadonlyArray<Fate> {
    const fates: Array<Fate> = []
    for (let n = 0; n < shares.length; n++) fates.push(this.commitShare(by, parts, shares[n]!))
    return fates
  }

  private commitShare(by: MemoryWriter, parts: PartWriters<MemoryStream>, share: Share): Fate {
    const stream = this.streams.get(share.id)
    const refusal = refusalOf(share, stream)
    if (refusal !== undefined) return { _tag: refusal }
    const cancel = stream?.cancel
    writeShare(parts, share, stream)
    if (this.watchers.size > 0) this.wake(share.id, by)
    return cancel === undefined ? committed : { _tag: "Committed", cancel }
  }

  claim(by: MemoryWriter, id: StreamId, epoch: number): ClaimReply {
    const stream = this.streams.get(id)
    if (stream === undefined || stream.ended) return { _tag: "Ended" }
    if (stream.epoch !== epoch || this.writerOf(by, stream) === "another") return { _tag: "Held" }
    stream.epoch++
    stream.writer = by
    this.wake(id, by)
    return { _tag: "Claimed", record: this.recordOf(by, stream) }
  }

  find(by: MemoryWriter, id: StreamId): StreamRecord | undefined {
    const stream = this.streams.get(id)
    return stream && this.recordOf(by, stream)
  }

  page(id: StreamId, after: number, limit: number): Frames | undefined {
    return this.streams.get(id)?.page(after, limit)
  }

  /** Streams without an end, oldest first. */
  unended(
    by: MemoryWriter,
    limit: number,
    of: (writer: StreamRecord["writer"]) => boolean
  ): ReadonlyArray<StreamRecord> {
    const found: Array<StreamRecord> = []
    for (const stream of this.streams.values()) {
      if (found.length === limit) break
      if (!stream.ended && of(this.writerOf(by, stream))) found.push(this.recordOf(by, stream))
    }
    return found
  }

  watch(by: MemoryWriter, id: StreamId, wake: () => void): () => void {
    const watcher = { by, wake }
    const watchers = this.watchers.get(id) ?? new Set()
    if (watchers.size === 0) this.watchers.set(id, watchers)
    watchers.add(watcher)
    return () => {
      watchers.delete(watcher)
      if (watchers.size === 0 && this.watchers.get(id) === watchers) this.watchers.delete(id)
    }
  }

  cancel(id: StreamId, fault: string): boolean {
    const stream = this.streams.get(id)
    if (stream === undefined || stream.ended) return false
    if (stream.cancel === undefined) {
      stream.cancel = fault
      stream.writer.cancelled?.(id, fault)
    }
    return true
  }

  forget(id: StreamId, owner: string): boolean {
    const stream = this.streams.get(id)
    if (stream === undefined || !stream.ended || stream.owner !== owner) return false
    this.freeKey(stream)
    this.size -= stream.size
    stream.forget(false)
    stream.owner = nobody
    return true
  }

  outcomes(after: string, limit: number): ReadonlyArray<Outcome> {
    const found: Array<Outcome> = []
    const next = after === "" ? 0 : Number(after) + 1
    this.told = Math.max(this.told, next)
    for (let at = Math.max(this.ends.start, next); at < this.ends.end && found.length < limit; at++) {
      const stream = this.ends.at(at)
      if (stream?.end?.outcome !== undefined)
        found.push({ position: String(at), id: stream.id, outcome: stream.end.outcome })
    }
    return found
  }

  sweep({ framesBefore, keysBefore, maxBytes, streamsBefore }: Sweep): void {
    for (; this.kept < this.ends.end; this.kept++) {
      const stream = this.ends.at(this.kept)
      if (stream?.end === undefined) continue
      if (stream.end.at >= framesBefore && this.size <= maxBytes) break
      this.size -= stream.size
      stream.forget(this.kept < this.told)
    }
    while (this.ends.start < this.kept) {
      const stream = this.ends.at(this.ends.start)
      const tooMany = this.kept - this.ends.start > mostTombstones
      if (stream?.end !== undefined && stream.end.at >= streamsBefore && !tooMany) break
      this.ends.shift()
      if (stream?.key === undefined) this.drop(stream)
      else this.bound.push(stream)
    }
    while (this.bound.start < this.bound.end) {
      const stream = this.bound.at(this.bound.start)
      if (stream?.end !== undefined && stream.end.at >= keysBefore) break
      this.bound.shift()
      this.drop(stream)
    }
  }

  private recordOf(by: MemoryWriter, stream: MemoryStream): StreamRecord {
    const { cancel, createdAt, dialect, end, epoch, forgotten, id, length, note, owner, request } = stream
    const writer = this.writerOf(by, stream)
    const goneSince = writer === "gone" ? (stream.writer.goneSince ?? null) : null
    const endedAt = end?.at ?? null
    return {
      id,
      dialect,
      owner,
      request,
      note,
      createdAt,
      epoch,
      length,
      endedAt,
      forgotten,
      writer,
      goneSince,
      cancel
    }
  }

  private writerOf(by: MemoryWriter, stream: MemoryStream): StreamRecord["writer"] {
    if (stream.writer === by) return "me"
    return stream.writer.goneSince === undefined ? "another" : "gone"
  }

  private freeKey(stream: MemoryStream): void {
    if (stream.key !== undefined) this.keys.delete(stream.key.name)
    stream.key = undefined
  }

  private drop(stream: MemoryStream | undefined): void {
    if (stream === undefined) return
    this.freeKey(stream)
    this.streams.delete(stream.id)
  }

  private wake(id: StreamId, by: MemoryWriter): void {
    const watchers = this.watchers.get(id)
    if (watchers === undefined) return
    for (const watcher of Array.from(watchers)) if (watcher.by !== by) watcher.wake()
  }
}

const nameOf = (owner: string, key: string): string => JSON.stringify([owner, key])

/** A queue whose members keep the number that they were given. */
class Line<A> {
  /** The number of its first member, and of the next one that comes. */
  start = 0
  end = 0
  private base = 0
  private items: Array<A | undefined> = []

  at(number: number): A | undefined {
    return this.items[number - this.base]
  }

  push(item: A): void {
    this.items.push(item)
    this.end++
  }

  shift(): void {
    this.items[this.start++ - this.base] = undefined
    const gone = this.start - this.base
    if (gone > 1024 && gone * 2 > this.items.length) {
      this.items = this.items.slice(gone)
      this.base = this.start
    }
  }
}
