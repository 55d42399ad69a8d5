/**
 * What becomes of a stream whose writer is gone: pure. It goes on where that is sure to give the answer that it would have
 * been; else it ends, and says so.
 */
import type { AnswerRequest, Replayed } from "../dialect/index.ts"
import { ClientGone, type ResilienceError, stackless } from "../errors/index.ts"
import type { JournalOptions } from "../journal/JournalSection.ts"
import type { Note } from "./Note.ts"
import { type Pursuit, takenOver, writerLost } from "./Pursuit.ts"
import type { RecoveryOptions } from "./RecoverySection.ts"
import type { RetryOptions } from "./RetrySection.ts"

/** What becomes of a stream. */
export type TakeOver =
  /** Its finish is known: it is completed without an upstream. */
  | { readonly _tag: "Complete"; readonly pursuit: Pursuit }
  /** It goes on, or begins anew where nothing was shown. */
  | { readonly _tag: "GoOn"; readonly pursuit: Pursuit }
  | { readonly _tag: "End"; readonly error: ResilienceError }
  /** Nobody but its client may ask for it: it is left alone until that comes, or does not come in time. */
  | { readonly _tag: "Wait" }

/** What is known of the stream. */
export interface Orphan {
  /** `undefined`: it could not be read. */
  readonly note: Note | undefined
  /** `undefined`: it was not stored, is not to be used, or could not be read. */
  readonly request: AnswerRequest | undefined
  readonly replayed: Pick<Replayed, "begun" | "sealed">
  /** A reader asks for it; else it was found. */
  readonly asked: boolean
  /** Whether its owner may still ask for its model. */
  readonly allowed: boolean
  readonly onRestart: JournalOptions["onRestart"]
  readonly retry: Pick<RetryOptions, "times">
  readonly recovery: Pick<RecoveryOptions, "mode" | "maxContinuations">
}

const end = (error: ResilienceError): TakeOver => ({ _tag: "End", error })

/** Decides what becomes of a stream as it was found. */
export const decideTakeOver = (orphan: Orphan): TakeOver => {
  const { allowed, asked, note, onRestart, recovery, replayed, request, retry } = orphan
  if (note === undefined || request === undefined || onRestart === "fail" || !allowed) return end(writerLost())
  // Its client had one connection to get it by, and that is gone. With its key it comes again.
  if (request.delivery === "whole" && note.keyed === undefined) return end(stackless(() => new ClientGone({})))
  if (note.leave === "cancel" && !asked) return { _tag: "Wait" }
  if (note.finish !== undefined) return { _tag: "Complete", pursuit: note.pursuit }
  if (replayed.sealed || (replayed.begun && request.choices > 1)) return end(writerLost())
  const { begun: shown } = replayed
  const pursuit = takenOver(note.pursuit, { shown, open: note.open?.channel, retry, recovery })
  return pursuit === undefined ? end(writerLost()) : { _tag: "GoOn", pursuit }
}
