/**
 * Group commit: what all streams change within one turn of the event loop is one commit. At most one is under way; what
 * comes meanwhile is the next. Readers are called after the commit, never before.
 */
import type { LeaseLost, UpdateDataError } from "../errors/index.ts"
import type { Hub } from "./Hub.ts"
import type { Change, JournalStore } from "./JournalStore.ts"
import type { JournalFault } from "./Lease.ts"

/** What the group commit of a journal does. */
export interface GroupCommit {
  /** Puts a change of a stream into the next commit. */
  readonly add: (hub: Hub, change: Change) => void
  /** Whether the newest change of a stream is still to be committed. */
  readonly pending: (hub: Hub) => boolean
  /** Calls back when all that was added so far is committed, or has failed. Returns how to stop waiting. */
  readonly whenSettled: (listener: (fault: JournalFault | undefined) => void) => () => void
  /** Takes nothing more, commits now what is pending, and calls back when that is done. */
  readonly close: (done: () => void) => void
}

/** What a group commit needs. */
export interface GroupCommitOptions {
  readonly commit: JournalStore["Service"]["commit"]
  /** Runs a flush in the next turn. */
  readonly turn: (flush: () => void) => void
  /** The share of these streams in a commit is durable: `hub.underWay`. Must not throw. */
  readonly onCommitted: (hubs: ReadonlyArray<Hub>) => void
  /** A commit failed, and with it all that was pending. Must not throw. */
  readonly onFault: (fault: UpdateDataError | LeaseLost) => void
}

interface Waiter {
  readonly batch: number
  readonly listener: (fault: JournalFault | undefined) => void
}

/** Makes the group commit of one journal. */
export const makeGroupCommit = ({ commit, turn, onCommitted, onFault }: GroupCommitOptions): GroupCommit => {
  let state: "idle" | "scheduled" | "committing" = "idle"
  let changes: Array<Change> = []
  let hubs: Array<Hub> = []
  /** The number of the batch that is being gathered; all before `settled` are done. */
  let gathering = 0
  let settled = 0
  let waiters: Array<Waiter> = []
  let closed: (() => void) | undefined

  const settle = (before: number, fault: JournalFault | undefined): void => {
    settled = before
    if (waiters.length > 0) {
      const due = waiters.filter((waiter) => waiter.batch < before)
      waiters = waiters.filter((waiter) => waiter.batch >= before)
      for (const waiter of due) waiter.listener(fault)
    }
  }

  const rest = (): void => {
    if (changes.length > 0) {
      state = "scheduled"
      return closed === undefined ? turn(flush) : flush()
    }
    state = "idle"
    closed?.()
  }

  const flush = (): void => {
    if (state !== "scheduled") return
    state = "committing"
    const batch = changes
    const touched = hubs
    const number = gathering
    changes = []
    hubs = []
    gathering = number + 1
    for (const hub of touched) {
      const free = hub.underWay
      hub.underWay = hub.gathered
      hub.gathered = free
    }
    commit(batch, (answer) => {
      if (answer.ok) {
        onCommitted(touched)
        for (const hub of touched) hub.underWay.text = ""
        settle(number + 1, undefined)
      } else {
        // The writers of what was gathered meanwhile are gone with the rest: their frames must not be the first to
        // follow a gap.
        changes = []
        hubs = []
        gathering++
        onFault(answer.error)
        settle(gathering, answer.error)
      }
      rest()
    })
  }

  return {
    add: (hub, change) => {
      if (closed !== undefined) return
      const share = hub.gathered
      if (share.batch !== gathering) {
        share.batch = gathering
        share.text = ""
        share.frames = 0
        share.ends = false
        hubs.push(hub)
      }
      if (change._tag === "Append") {
        share.text = share.frames === 0 ? change.frame : share.text + change.frame
        share.frames++
      } else if (change._tag === "End") share.ends = true
      changes.push(change)
      if (state === "idle") {
        state = "scheduled"
        turn(flush)
      }
    },
    pending: (hub) => hub.gathered.batch >= settled || hub.underWay.batch >= settled,
    whenSettled: (listener) => {
      const waiter: Waiter = { batch: changes.length > 0 ? gathering : gathering - 1, listener }
      waiters.push(waiter)
      return () => {
        waiters = waiters.filter((other) => other !== waiter)
      }
    },
    close: (done) => {
      closed = done
      if (state !== "committing") rest()
    }
  }
}
