/**
 * A lease at work: `open -> ended`, or `faulted` from either. It puts what is written into the next commit and knows
 * what its stream's writer has to be told.
 */
import { Effect } from "effect"
import type { QueryDataError } from "../errors/index.ts"
import type { StreamId } from "./Cursor.ts"
import type { GroupCommit } from "./GroupCommit.ts"
import { calling, type Hub, type HubWriter } from "./Hub.ts"
import type { End, NewRecord } from "./JournalStore.ts"
import type { Printable } from "./LateText.ts"
import type { JournalFault, Lease, LeaseEnd } from "./Lease.ts"

/** What a writer needs. */
export interface WriterOptions {
  readonly hub: Hub
  readonly group: GroupCommit
  readonly epoch: number
  /** The seq of its first frame. */
  readonly next: number
  /** What a stream begins with that the store does not know yet. */
  readonly fresh: NewRecord | undefined
  readonly now: () => number
  /** Gives the stream up: its writer and its readers are told. */
  readonly letGo: (hub: Hub) => void
  readonly report: (error: QueryDataError) => void
}

/** The writer of a hub. A class: one is made for each stream, and closures for each method are a kilobyte of it. */
export class Writer implements HubWriter, Lease {
  readonly id: StreamId
  readonly epoch: number
  next: number
  fresh: NewRecord | undefined
  private readonly hub: Hub
  private readonly group: GroupCommit
  private readonly options: WriterOptions
  private state: "open" | "ended" | "faulted" = "open"
  private settled: JournalFault | undefined
  private cancelledWith: string | undefined
  private full = false
  private faultListener: ((fault: JournalFault) => void) | undefined
  private readersListener: ((readers: number) => void) | undefined
  private cancelListener: ((fault: string) => void) | undefined
  private pressureListener: ((full: boolean) => void) | undefined
  private endListener: (() => void) | undefined

  constructor(options: WriterOptions) {
    this.hub = options.hub
    this.group = options.group
    this.options = options
    this.id = options.hub.id
    this.epoch = options.epoch
    this.next = options.next
    this.fresh = options.fresh
  }

  get lease(): Lease {
    return this
  }

  nextSeq(): number {
    return this.next
  }

  append(frame: string): void {
    if (this.state !== "open") return
    this.group.append(this.hub, frame)
    this.next++
  }

  note(note: () => Printable): void {
    if (this.state === "open") this.group.note(this.hub, note)
  }

  end({ freesKey, onCommitted, outcome }: LeaseEnd): void {
    if (this.state === "open") this.endListener = onCommitted
    this.finish({ at: this.options.now(), outcome, freesKey })
  }

  letGo(): void {
    if (this.state === "open") this.options.letGo(this.options.hub)
  }

  /** Ends a stream that nobody has claimed, as of when its writer was gone: it is not read again. */
  giveUp(at: number): void {
    this.finish({ at, outcome: "", freesKey: true })
  }

  get committed(): Effect.Effect<void, JournalFault> {
    const { group, hub } = this
    return Effect.callback((resume) => {
      const settle = (fault: JournalFault | undefined): void =>
        resume(fault === undefined ? Effect.void : Effect.fail(fault))
      if (this.settled !== undefined || !group.pending(hub)) return settle(this.settled)
      // Its own fault may be another than the commit's.
      const stop = group.whenSettled((fault) => settle(this.settled ?? fault))
      return Effect.sync(stop)
    })
  }

  readers(): number {
    return this.hub.readers.size
  }

  onReaders(listener: (readers: number) => void): void {
    this.readersListener = listener
  }

  onFault(listener: (fault: JournalFault) => void): void {
    this.faultListener = listener
    if (this.settled !== undefined) listener(this.settled)
  }

  onCancel(listener: (fault: string) => void): void {
    this.cancelListener = listener
    if (this.cancelledWith !== undefined) listener(this.cancelledWith)
  }

  onPressure(listener: (full: boolean) => void): void {
    this.pressureListener = listener
    if (this.full) listener(true)
  }

  stored(): void {
    this.fresh = undefined
  }

  endStored(): void {
    this.tell("ends", this.endListener, undefined)
  }

  fault(fault: JournalFault): void {
    if (this.settled !== undefined) return
    this.settled = fault
    this.state = "faulted"
    this.tell("faults", this.faultListener, fault)
  }

  readersChanged(readers: number): void {
    if (this.state === "open") this.tell("readers", this.readersListener, readers)
  }

  cancelled(fault: string): void {
    if (this.state !== "open" || this.cancelledWith !== undefined) return
    this.cancelledWith = fault
    this.tell("cancels", this.cancelListener, fault)
  }

  pressed(full: boolean): void {
    if (this.full === full) return
    this.full = full
    if (this.state === "open") this.tell("pressure", this.pressureListener, full)
  }

  private finish(end: End): void {
    if (this.state !== "open") return
    this.group.end(this.hub, end)
    this.state = "ended"
  }

  private tell<A>(what: string, listener: ((told: A) => void) | undefined, told: A): void {
    if (listener !== undefined) calling(`listener for ${what}`, () => listener(told), this.options.report)
  }
}
