/**
 * What is left of an answer when it has ended, for those who keep books: what it cost, whom, and how it went. It is
 * committed with the terminal event and read from the journal's `outcomes`, each once.
 */
import type { Usage } from "../dialect/index.ts"
import { codeOf, describe, type ResilienceError } from "../errors/index.ts"
import type { NoteStatus } from "./Note.ts"
import type { TrailEntry } from "./Trail.ts"

/** An answer that has ended. Times are epoch milliseconds, spans milliseconds. */
export interface Outcome {
  readonly requestId: string
  /** The name of the token that asked, or `""`. */
  readonly owner: string
  /** The group whose channels served it. */
  readonly group: string
  /** The model that the client named. */
  readonly model: string
  readonly status: NoteStatus
  /** How it ended badly. */
  readonly error: ResilienceError | undefined
  readonly usage: Usage
  readonly attempts: number
  readonly trail: ReadonlyArray<TrailEntry>
  readonly startedAt: number
  readonly durationMillis: number
}

/** An outcome as text. */
export const encodeOutcome = ({ error, usage, ...outcome }: Outcome): string =>
  JSON.stringify({
    version: 1,
    ...outcome,
    code: error === undefined ? undefined : codeOf(error),
    usage: { ...usage, native: undefined }
  })

/**
 * Whether the idempotency key of an answer may be used anew at once: nothing of it was shown and asking again may help,
 * or its client was gone.
 */
export const freesKey = (error: ResilienceError | undefined, shown: boolean): boolean =>
  error !== undefined && (error._tag === "ClientGone" || (!shown && describe(error).recoverable))
