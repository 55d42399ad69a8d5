/**
 * What a journal needs of a store: a few primitive operations and no logic. `Journal` has all of that. Replies come by
 * callback, so that a store which replies at once costs no fiber and no promise on the way of an event.
 *
 * Several processes may share a store. Who writes a stream is in the stream itself: an epoch, which each claim raises
 * and each share names. A process whose stream was claimed by another writes nothing more to it, and everything else
 * as before.
 */
import { Context, Effect } from "effect"
import type { QueryDataError, UpdateDataError } from "../errors/index.ts"
import type { Reply } from "../store/index.ts"
import type { StreamId } from "./Cursor.ts"
import type { Frames } from "./Frames.ts"
import type { Printable } from "./LateText.ts"
import type { Fate, NewRecord, Share } from "./Share.ts"

/** The reply of an operation: its value, or the store's failure. */
export type { Reply } from "../store/index.ts"
export { type Frames, splitFrames } from "./Frames.ts"
export type { End, Fate, NewRecord, Share } from "./Share.ts"

/** How an operation replies: once, at once or later. */
export type Done<A, E> = (reply: Reply<A, E>) => void

/** An operation as an effect. Who is interrupted no longer hears the reply; the operation is done all the same. */
export const replied = <A, E>(ask: (done: Done<A, E>) => void): Effect.Effect<A, E> =>
  Effect.callback((resume) => ask((reply) => resume(reply.ok ? Effect.succeed(reply.value) : Effect.fail(reply.error))))

/** A stream as the store knows it. */
export interface StreamRecord extends NewRecord {
  readonly note: string
  /** How often the right to write it was given: 1 from the beginning, and one more with each claim. */
  readonly epoch: number
  /** How many events are committed: the next seq. */
  readonly length: number
  /** When its terminal event was committed, or `null`. */
  readonly endedAt: number | null
  /** Its frames and its note are gone, because its time was over or there was no more room. */
  readonly forgotten: boolean
  /**
   * Who writes it, while it has no end: the process that asks, another that lives, or nobody. The store knows that by a
   * lock or by its own clock, never by the clock of a process.
   */
  readonly writer: "me" | "another" | "gone"
  /** Since when its writer has been gone, about, where that is so. Epoch milliseconds. */
  readonly goneSince: number | null
  /** What another process has cancelled it with, while it has no end. */
  readonly cancel: string | undefined
}

/** An idempotency key: for the owner of a stream it names this stream and no other. */
export interface IdempotencyKey {
  readonly key: string
  /** A digest of all that must be the same where the key is. */
  readonly bodyHash: string
  /** A stream that ended before this has lost its key. Epoch milliseconds. */
  readonly freeBefore: number
  /** Begins nothing: says only who has the key. */
  readonly onlyFinds?: boolean | undefined
}

/** How a stream was begun under a key. */
export type Beginning =
  | { readonly _tag: "Begun"; readonly epoch: number }
  | { readonly _tag: "Exists"; readonly record: StreamRecord; readonly sameBody: boolean }
  /** Nobody has the key, and it was only asked for. */
  | { readonly _tag: "Absent" }

/** What has become of a claim. */
export type ClaimReply =
  /** The stream is this process's, and as `record` says. */
  | { readonly _tag: "Claimed"; readonly record: StreamRecord }
  /** Somebody else writes it, or was faster. */
  | { readonly _tag: "Held" }
  /** It has ended, or is not there any more. */
  | { readonly _tag: "Ended" }

/** The end of a stream, for those who keep books. */
export interface Outcome {
  /** Where it stands among all: opaque, to be given to `outcomes`. */
  readonly position: string
  readonly id: StreamId
  /** What the stream was ended with. */
  readonly outcome: Printable
}

/** What a store need not keep any longer. Moments are epoch milliseconds. */
export interface Sweep {
  /** Frames and notes of streams that ended before this. */
  readonly framesBefore: number
  /** Streams that ended before this, with their outcomes, unless they have a key. */
  readonly streamsBefore: number
  /** Keys of streams that ended before this. */
  readonly keysBefore: number
  /** How many bytes the frames of ended streams may take: those that ended first are forgotten first. */
  readonly maxBytes: number
}

/**
 * How many characters a page of frames holds at most, unless one frame is longer: 64 Ki. It is what a reader is given in a
 * turn, and what is kept for one that does not take it.
 */
export const pageRoom = 65_536

/** A part of a frame: whole characters. */
export interface FramePart {
  readonly text: string
  /** Nothing of the frame follows it. */
  readonly isEnd: boolean
}

/** Whose a stream is that was forgotten: no token has such a name. A NUL would be lost: older Nodes read a text up to it. */
export const nobody = "\n"
/** How many frames a page holds at most. */
export const pageFrames = 256

/** The primitive operations. */
export class JournalStore extends Context.Service<
  JournalStore,
  {
    /**
     * Begins a stream under a key, atomically: of any number of beginnings with one key, at any processes, one begins a
     * stream and the others are told of it. The key is bound until `freesKey` or `keysBefore` frees it, or a store in
     * memory has too many of what it has forgotten. (A stream
     * without a key is begun with its first share.)
     */
    readonly begin: (stream: NewRecord, key: IdempotencyKey, done: Done<Beginning, UpdateDataError>) => void
    /**
     * Commits shares of streams, at most one of each, and gives the fate of each. A share is written whole or not at
     * all; shares stand each for itself. Called again only after it has replied; until then the shares are the store's,
     * and after it they must not be looked at.
     */
    readonly commit: (shares: ReadonlyArray<Share>, done: Done<ReadonlyArray<Fate>, UpdateDataError>) => void
    /**
     * Becomes the writer of a stream: compare and set. Succeeds if the stream has this epoch and no end, and its writer
     * is gone or is this process itself, which has let it go.
     */
    readonly claim: (id: StreamId, epoch: number, done: Done<ClaimReply, UpdateDataError>) => void
    readonly find: (id: StreamId, done: Done<StreamRecord | undefined, QueryDataError>) => void
    /**
     * Committed frames with seq greater than `after`, in order, without a gap: at most `limit`, and fewer when they
     * would be more than `pageRoom`, but at least one if there is one.
     */
    readonly page: (id: StreamId, after: number, limit: number, done: Done<Frames | undefined, QueryDataError>) => void
    /**
     * A part of a committed frame: what follows its first `from` bytes (of UTF-8), `pageRoom` bytes of it at most.
     * `undefined`: the page that the frame is in is read in its place. For who takes a long frame slowly: a store that has
     * its frames in memory does without.
     */
    readonly part?: (id: StreamId, seq: number, from: number, done: Done<FramePart | undefined, QueryDataError>) => void
    /** Streams without an end whose writer is gone, oldest first. */
    readonly orphans: (limit: number, done: Done<ReadonlyArray<StreamRecord>, QueryDataError>) => void
    /** Streams without an end, of all processes, oldest first: for operators. */
    readonly live: (limit: number, done: Done<ReadonlyArray<StreamRecord>, QueryDataError>) => void
    /**
     * Calls `wake` when another process has changed the stream: late perhaps, and perhaps more often than needed, also
     * in the middle of other calls. Returns how to stop it.
     */
    readonly watch: (id: StreamId, wake: () => void) => () => void
    /**
     * Asks the writer of a stream to cancel it: it learns of it by `onCancel` and with the fate of its next commit, and
     * a later writer when it claims it. `false` if the stream has ended or is not there. The first cancel stays.
     */
    readonly cancel: (id: StreamId, fault: string, done: Done<boolean, UpdateDataError>) => void
    /**
     * Forgets a stream of an owner that has ended, at once: its frames and its note, and whose it was, so that nobody finds
     * it any more and its key is free. Its outcome stays until it was told, or is swept. `false` if it has not ended, or
     * is not the owner's.
     */
    readonly forget: (id: StreamId, owner: string, done: Done<boolean, UpdateDataError>) => void
    /** Calls back when another process cancels a stream that this one writes. Returns how to stop it. */
    readonly onCancel: (listener: (id: StreamId, fault: string) => void) => () => void
    /**
     * The ends of streams in the order of their commits, after a position; `""` is before all. Each end is there once,
     * until the stream is swept. Whoever asks for what is after a position has what is before it, and a store that does
     * not last may forget that at once.
     */
    readonly outcomes: (after: string, limit: number, done: Done<ReadonlyArray<Outcome>, QueryDataError>) => void
    /**
     * Forgets what need not be kept. Only gives room back: may do it late, and in small steps. Never touches a stream
     * that has no end.
     */
    readonly sweep: (due: Sweep, done: Done<void, UpdateDataError>) => void
    /** Which store it is: the same as long as its positions are. Whoever keeps a position elsewhere keeps it by this. */
    readonly identity: string
    /** Whether what it keeps outlives this process: another one can go on with it. */
    readonly durable: boolean
    /** Whether another process has the whole of it: nothing can be written here any more. */
    readonly lost: () => boolean
    /** Whether the store answers: for readiness. */
    readonly usable: () => boolean
  }
>()("effect-resilience/journal/JournalStore") {}
