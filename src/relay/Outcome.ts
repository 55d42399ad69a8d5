/**
 * What is left of an answer when it has ended, for those who keep books: what it cost, whom, and how it went. It is
 * committed with the terminal event and read from the journal's `outcomes`, each once.
 */
import { plainPrice, type Price, type Settlement } from "../account/index.ts"
import { parseJson, type Usage } from "../dialect/index.ts"
import { type Blame, blameOf, type Code, codeOf, describe, type ResilienceError } from "../errors/index.ts"
import { type LateText, type Printable, textOf } from "../journal/index.ts"
import { LastWritten } from "./LastWritten.ts"
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
  /** What its caller pays for: one prompt, and the output that was delivered. */
  readonly usage: Usage
  /** What its model cost when it began; `undefined` for a credit a token. */
  readonly price: Price | undefined
  /** Who was giving it when it ended; `undefined` where nobody was asked any more: then the trail says who has. */
  readonly channel: string | undefined
  /** What is paid for it, or nothing. */
  readonly settlement: Settlement
  readonly attempts: number
  readonly trail: ReadonlyArray<TrailEntry>
  readonly startedAt: number
  readonly durationMillis: number
}

/** An outcome as it is read again: of its error the code and the class. */
export type ReadOutcome = Omit<Outcome, "error" | "price"> & {
  readonly price: Price
  readonly code?: Code | undefined
  readonly class?: Blame | undefined
}

/**
 * An outcome that is printed when somebody reads it. HOT: in memory nobody does but those who keep books, in this process,
 * and they take it as it is.
 */
export class LateOutcome implements LateText {
  readonly said: ReadOutcome
  private readonly price: Price | undefined

  constructor(outcome: Outcome) {
    const { error, price, usage } = outcome
    this.price = price
    // Field by field: a rest and a spread copy all of it twice.
    this.said = {
      requestId: outcome.requestId,
      owner: outcome.owner,
      group: outcome.group,
      model: outcome.model,
      status: outcome.status,
      usage: { ...usage, native: undefined },
      price: price ?? plainPrice,
      channel: outcome.channel,
      settlement: outcome.settlement,
      attempts: outcome.attempts,
      // It grows.
      trail: outcome.trail.slice(),
      startedAt: outcome.startedAt,
      durationMillis: outcome.durationMillis,
      code: error === undefined ? undefined : codeOf(error),
      class: error === undefined ? undefined : blameOf(error)
    } satisfies { readonly [F in Exclude<keyof Outcome, "error"> | "code" | "class"]: unknown }
  }

  get text(): string {
    const { price, said } = this
    const text = JSON.stringify({ version: 1, ...said, price })
    latest.add(text, said)
    return text
  }
}

/** Of a store that prints them nearly each is read once, by its own process, some 25 ms later: more than end in that time. */
const latest = new LastWritten<ReadOutcome>(256)

/**
 * Reads an outcome; `undefined` for one that this version does not know, and for a stream that was given up. Its only writer
 * is `LateOutcome`, in a store that is ours: what it says is not checked field by field.
 */
export const decodeOutcome = (outcome: Printable): ReadOutcome | undefined => {
  if (outcome instanceof LateOutcome) return outcome.said
  const text = textOf(outcome)
  return latest.take(text) ?? readText(text)
}

const readText = (text: string): ReadOutcome | undefined => {
  const read = parseJson(text)
  if (typeof read !== "object" || read === null || !("version" in read) || read.version !== 1) return undefined
  // Versions before this one have settled nothing.
  if (!("settlement" in read)) return undefined
  return { price: plainPrice, ...read } as unknown as ReadOutcome
}

/**
 * Whether the idempotency key of an answer may be used anew at once: nothing of it was shown and asking again may help,
 * or its client was gone.
 */
export const freesKey = (error: ResilienceError | undefined, shown: boolean): boolean =>
  error !== undefined && (error._tag === "ClientGone" || (!shown && describe(error).recoverable))
