/**
 * What becomes of a stream whose writer is gone: pure. It goes on where that is sure to give the answer that it would have
 * been; else it ends, and says so.
 */
import type { AnswerRequest, Replayed } from "../dialect/index.ts"
import { ClientGone, type ResilienceError, stackless, StreamTruncated } from "../errors/index.ts"
import type { Note } from "./Note.ts"
import { type Pursuit, takenOver } from "./Pursuit.ts"
import type { RecoveryOptions } from "./RecoverySection.ts"
import type { RetryOptions } from "./RetrySection.ts"

/** What becomes of a stream. */
export type TakeOver =
  /** Its finish is known: it is completed without an upstream. */
  | { readonly _tag: "Complete"; readonly pursuit: Pursuit }
  /** It goes on, or begins anew where nothing was shown. */
  | { readonly _tag: "GoOn"; readonly pursuit: Pursuit }
  | { readonly _tag: "End"; readonly error: ResilienceError }

/** What is known of the stream. `undefined` is what could not be read, or was not stored. */
export interface Orphan {
  readonly note: Note | undefined
  readonly request: AnswerRequest | undefined
  readonly replayed: Replayed
  readonly retry: Pick<RetryOptions, "times">
  readonly recovery: Pick<RecoveryOptions, "mode" | "maxContinuations">
}

/** The end of a stream that nobody can go on with: asking again may help. */
export const writerLost = (): ResilienceError =>
  stackless(() => new StreamTruncated({ message: "the process that wrote this stream is gone" }))

const end = (error: ResilienceError): TakeOver => ({ _tag: "End", error })

/** Decides, once, when the stream was claimed. */
export const decideTakeOver = ({ note, recovery, replayed, request, retry }: Orphan): TakeOver => {
  if (note === undefined || request === undefined) return end(writerLost())
  // Its client had one connection to get it by, and that is gone.
  if (request.delivery === "whole" && note.leave === "cancel") return end(stackless(() => new ClientGone({})))
  if (replayed.finish !== undefined) return { _tag: "Complete", pursuit: note.pursuit }
  if (replayed.sealed || (replayed.begun && request.choices > 1)) return end(writerLost())
  const pursuit = takenOver(note.pursuit, {
    shown: replayed.begun,
    from: note.open ?? note.trail.at(-1)?.channel ?? "",
    retry,
    recovery
  })
  return pursuit === undefined ? end(writerLost()) : { _tag: "GoOn", pursuit }
}
