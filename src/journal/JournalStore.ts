/**
 * What a journal needs of a store: a few primitive operations and no logic. `Journal` has all of that. Answers come by
 * callback, so that a store which answers at once costs no fiber and no promise on the way of an event.
 */
import { Context } from "effect"
import type { LeaseLost, QueryDataError, UpdateDataError } from "../errors/index.ts"
import type { Answer } from "../store/Answer.ts"

/** The answer of an operation: its value, or the store's failure. */
export type { Answer } from "../store/Answer.ts"

/** A stream as the store knows it. */
export interface StreamRecord {
  readonly id: string
  readonly dialect: string
  /** The name of the token that it belongs to, or `""`. */
  readonly owner: string
  /** The request, as the relay wrote it. */
  readonly request: string
  /** One opaque note, the newest. */
  readonly note: string
  /** Epoch milliseconds. */
  readonly createdAt: number
  /** When its terminal event was committed, or `null`. */
  readonly endedAt: number | null
  /** The epoch of the process that writes it, or wrote it. */
  readonly epoch: number
  /** How many events are committed: the next seq. */
  readonly length: number
}

/** One change. A batch of them is committed whole or not at all. */
export type Change =
  | {
      readonly _tag: "Create"
      readonly id: string
      readonly dialect: string
      readonly owner: string
      readonly request: string
      readonly note: string
      readonly createdAt: number
    }
  | { readonly _tag: "Append"; readonly id: string; readonly seq: number; readonly frame: string }
  | { readonly _tag: "Note"; readonly id: string; readonly note: string }
  | { readonly _tag: "End"; readonly id: string; readonly endedAt: number }
  /** This process becomes the stream's writer. */
  | { readonly _tag: "TakeOver"; readonly id: string }

/** About how many bytes (or characters) a page of frames holds: 256 KiB. */
export const pageBytes = 262_144

/** The primitive operations. */
export class JournalStore extends Context.Service<
  JournalStore,
  {
    /** This process's epoch: higher than that of every process that wrote here before. */
    readonly epoch: number
    /** When this epoch began, epoch milliseconds: streams of earlier epochs that have no end count from it. */
    readonly openedAt: number
    /**
     * Commits a batch, fenced by the epoch: a process that has lost the store writes nothing. Called again only after
     * it has answered.
     */
    readonly commit: (
      changes: ReadonlyArray<Change>,
      done: (answer: Answer<void, UpdateDataError | LeaseLost>) => void
    ) => void
    readonly find: (id: string, done: (answer: Answer<StreamRecord | undefined, QueryDataError>) => void) => void
    /**
     * Committed frames with seq greater than `after`, in order, without a gap: at most `limit`, and fewer when they
     * would be more than about `pageBytes`, but at least one if there is one.
     */
    readonly page: (
      id: string,
      after: number,
      limit: number,
      done: (answer: Answer<ReadonlyArray<string>, QueryDataError>) => void
    ) => void
    /**
     * Forgets the frames of streams that ended before `framesBefore`, and streams that ended before `streamsBefore`.
     * A stream of an earlier epoch without an end counts as ended at `openedAt`. Only gives room back: may do it late,
     * and in small steps.
     */
    readonly sweep: (
      framesBefore: number,
      streamsBefore: number,
      done: (answer: Answer<void, UpdateDataError>) => void
    ) => void
    /** Whether the store answers: for readiness. */
    readonly usable: () => boolean
  }
>()("effect-resilience/journal/JournalStore") {}
