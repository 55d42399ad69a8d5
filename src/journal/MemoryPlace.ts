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
import { MemoryStream, type MemoryWriter, Tombstone } from "./MemoryStream.ts"
import { type PartWriters, refusalOf, writeShare } from "./Share.ts"

/** How many streams are remembered of which nothing is left but that they were. */
const mostTombstones = 100_000

/**
 * How many keys are remembered beside, of streams that are out of `ends`, for as long as a key is to be: some 300 bytes each.
 * Whoever gives each request a key of its own, a thousand a second, would have filled the memory long before a day is over.
 */
const mostKeys = 500_000

/** A stream, or that it was one. */
type Known = MemoryStream | Tombstone

const endedAt = (known: Known): number | undefined => (known instanceof Tombstone ? known.endedAt : known.end?.at)

const hasEnded = { epoch: 0, length: 0, ended: true } as const
const committed: Fate = { _tag: "Committed", cancel: undefined }

/** What all records of tombstones have in common. */
const buried = {
  dialect: "",
  request: "",
  note: "",
  epoch: 0,
  length: 0,
  forgotten: true,
  writer: "gone",
  goneSince: null,
  cancel: undefined
} as const

/** The place. */
export class MemoryPlace {
  readonly identity: string = makeStreamId()
  /** Others may come when its owner is gone: what one was told they want to be told, too. */
  private readonly shared: boolean
  private readonly streams = new Map<StreamId, Known>()
  /** The streams that have a key, by owner and key. */
  private readonly keys = new Map<string, Known>()
  /** Streams that have ended, in that order: an outcome's position is its place here. */
  private readonly ends = new Line<Known>()
  /** Which of `ends` is the first whose frames are kept. */
  private kept = 0
  /** Before which of `ends` whoever keeps books has all outcomes. */
  private told = 0
  /** Streams that have ended and are out of `ends`, but whose key is bound. */
  private readonly bound = new Line<Tombstone>()
  /** How many bytes the frames of those have. */
  private size = 0
  private readonly shelf = new Shelf()
  /** Streams that have ended and are not put away yet. */
  private readonly ended: Array<MemoryStream> = []
  private readonly watchers = new Map<StreamId, Set<{ readonly by: MemoryWriter; readonly wake: () => void }>>()

  private readonly mostTombstones: number
  private readonly mostKeys: number

  constructor(options: { readonly shared: boolean; readonly mostTombstones?: number; readonly mostKeys?: number }) {
    this.shared = options.shared
    this.mostTombstones = options.mostTombstones ?? mostTombstones
    this.mostKeys = options.mostKeys ?? mostKeys
  }

  begin(by: MemoryWriter, record: NewRecord, { bodyHash, freeBefore, key, onlyFinds }: IdempotencyKey): Beginning {
    const name = nameOf(record.owner, key)
    const found = this.keys.get(name)
    if (found !== undefined && (endedAt(found) ?? Number.POSITIVE_INFINITY) >= freeBefore) {
      return {
        _tag: "Exists",
        record: this.knownAs(by, found),
        sameBody: !(found instanceof MemoryStream) || found.bodyHash === bodyHash
      }
    }
    if (onlyFinds === true) return { _tag: "Absent" }
    if (found !== undefined) this.freeKey(found)
    const stream = new MemoryStream(record, by)
    stream.keyName = name
    stream.bodyHash = bodyHash
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
      note: (stream, note) => stream.noted(note),
      end: (stream, { at, freesKey, outcome }) => {
        if (freesKey) this.freeKey(stream)
        stream.finish({ at, outcome })
        this.size += stream.size
        this.ends.push(stream)
        this.ended.push(stream)
      }
    }
  }

  commit(by: MemoryWriter, parts: PartWriters<MemoryStream>, shares: ReadonlyArray<Share>): ReadonlyArray<Fate> {
    const fates: Array<Fate> = []
    for (let n = 0; n < shares.length; n++) fates.push(this.commitShare(by, parts, shares[n]!))
    return fates
  }

  private commitShare(by: MemoryWriter, parts: PartWriters<MemoryStream>, share: Share): Fate {
    const known = this.streams.get(share.id)
    const isTombstone = known instanceof Tombstone
    const refusal = refusalOf(share, isTombstone ? hasEnded : known)
    if (refusal !== undefined) return { _tag: refusal }
    const stream = isTombstone ? undefined : known
    const cancel = stream?.cancel
    writeShare(parts, share, stream)
    if (this.watchers.size > 0) this.wake(share.id, by)
    return cancel === undefined ? committed : { _tag: "Committed", cancel }
  }

  /** Puts away what has ended. HOT: to be asked when its readers have been told, since it takes as long as to tell them. */
  putAway(): void {
    for (let n = 0; n < this.ended.length; n++) this.ended[n]!.putAway(this.shelf)
    this.ended.length = 0
  }

  claim(by: MemoryWriter, id: StreamId, epoch: number): ClaimReply {
    const stream = this.left(id)
    if (stream === undefined || stream.ended) return { _tag: "Ended" }
    if (stream.epoch !== epoch || this.writerOf(by, stream) === "another") return { _tag: "Held" }
    stream.epoch++
    stream.writer = by
    this.wake(id, by)
    return { _tag: "Claimed", record: this.recordOf(by, stream) }
  }

  find(by: MemoryWriter, id: StreamId): StreamRecord | undefined {
    const known = this.streams.get(id)
    return known && this.knownAs(by, known)
  }

  private knownAs(by: MemoryWriter, known: Known): StreamRecord {
    if (known instanceof MemoryStream) return this.recordOf(by, known)
    const { endedAt, id, owner } = known
    return { ...buried, id, owner, createdAt: endedAt, endedAt }
  }

  page(id: StreamId, after: number, limit: number): Frames | undefined {
    return this.left(id)?.page(after, limit)
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
      if (stream instanceof Tombstone || stream.ended) continue
      if (of(this.writerOf(by, stream))) found.push(this.recordOf(by, stream))
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
    const stream = this.left(id)
    if (stream === undefined || stream.ended) return false
    if (stream.cancel === undefined) {
      stream.cancel = fault
      stream.writer.cancelled?.(id, fault)
    }
    return true
  }

  forget(id: StreamId, owner: string): boolean {
    const known = this.streams.get(id)
    if (known === undefined || endedAt(known) === undefined || known.owner !== owner) return false
    this.freeKey(known)
    if (known instanceof MemoryStream) {
      this.size -= known.size
      known.forget(false)
    }
    known.owner = nobody
    return true
  }

  outcomes(after: string, limit: number): ReadonlyArray<Outcome> {
    const found: Array<Outcome> = []
    const next = after === "" ? 0 : Number(after) + 1
    // Of those that were forgotten before they were told nothing is wanted any more.
    const from = Math.max(this.ends.start, this.told)
    this.told = Math.max(this.told, next)
    for (let at = from; at < Math.min(next, this.ends.end); at++) {
      if (at < this.kept) this.forgetAt(at)
      else this.streamAt(at)?.told(this.shared ? this.shelf : undefined)
    }
    for (let at = Math.max(this.ends.start, next); at < this.ends.end && found.length < limit; at++) {
      const stream = this.streamAt(at)
      const outcome = stream?.outcome
      if (stream !== undefined && outcome !== undefined) found.push({ position: String(at), id: stream.id, outcome })
    }
    return found
  }

  sweep({ framesBefore, keysBefore, maxBytes, streamsBefore }: Sweep): void {
    for (; this.kept < this.ends.end; this.kept++) {
      const stream = this.ends.at(this.kept)
      if (!(stream instanceof MemoryStream) || stream.end === undefined) continue
      if (stream.end.at >= framesBefore && this.size <= maxBytes) break
      this.size -= stream.size
      this.forgetAt(this.kept)
    }
    while (this.ends.start < this.kept) {
      const known = this.ends.at(this.ends.start)
      const tooMany = this.kept - this.ends.start > this.mostTombstones
      const ended = known && endedAt(known)
      if (ended !== undefined && ended >= streamsBefore && !tooMany) break
      this.ends.shift()
      if (known?.keyName === undefined) this.drop(known)
      else this.bound.push(known instanceof Tombstone ? known : this.bury(known, ended ?? 0))
    }
    while (this.bound.start < this.bound.end) {
      const known = this.bound.at(this.bound.start)
      const tooMany = this.bound.end - this.bound.start > this.mostKeys
      const ended = known && endedAt(known)
      if (ended !== undefined && ended >= keysBefore && !tooMany) break
      this.bound.shift()
      this.drop(known)
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

  private freeKey(known: Known): void {
    if (known.keyName !== undefined) this.keys.delete(known.keyName)
    known.keyName = undefined
  }

  /** What is left of a stream, if it is more than that it was one. */
  private left(id: StreamId): MemoryStream | undefined {
    const known = this.streams.get(id)
    return known instanceof Tombstone ? undefined : known
  }

  /** The stream that has ended as the `at`th, if it is more than that it was one. */
  private streamAt(at: number): MemoryStream | undefined {
    const known = this.ends.at(at)
    return known instanceof MemoryStream ? known : undefined
  }

  /** Keeps no more of what has ended as the `at`th than has to be known. */
  private forgetAt(at: number): void {
    const stream = this.streamAt(at)
    if (stream?.end === undefined) return
    stream.forget(at < this.told)
    if (stream.end.outcome === undefined) this.ends.put(at, this.bury(stream, stream.end.at))
  }

  /** Leaves of a stream that it was. */
  private bury({ id, keyName, owner }: MemoryStream, endedAt: number): Tombstone {
    const tombstone = new Tombstone(id, owner, endedAt, keyName)
    this.streams.set(id, tombstone)
    if (keyName !== undefined) this.keys.set(keyName, tombstone)
    return tombstone
  }

  private drop(known: Known | undefined): void {
    if (known === undefined) return
    this.freeKey(known)
    this.streams.delete(known.id)
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

  put(number: number, item: A): void {
    this.items[number - this.base] = item
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
