/**
 * The error of an answer that broke off: it carries what was delivered of it.
 */
import * as Data from "effect/Data"
import { Blame, blameOf, type BlameOf, type ResilienceError, saidBy } from "../errors/index.ts"

/** Amounts by name, such as tokens by their kind. */
export type Usage = { readonly [name: string]: number }

/** What is known of an answer that broke off. */
export interface Interruption<out E, out Later> {
  /** The failure that broke the answer first. */
  readonly reason: E
  /** What the continuations failed with, oldest first. */
  readonly later: ReadonlyArray<Later>
  /** All the text that was delivered, that of the continuations too. */
  readonly partial: string
  /** Its length in code points. */
  readonly length: number
  /** How many elements it came in. */
  readonly count: number
  /** The id of the last element that had one. */
  readonly cursor?: string
  /** What was used, as far as it was reported, over all attempts. */
  readonly usage?: Usage
  /** How many continuations were made. */
  readonly continuations: number
}

/**
 * An answer broke off. The leaf is in `reason`, whatever class it has, so that `Effect.catchReason` and
 * `Effect.unwrapReason` open it; the rest is what was delivered before. It is blamed as its reason is.
 */
export class AnswerInterrupted<
  out E = ResilienceError,
  out Later = ResilienceError
> extends /*#__PURE__*/ Data.TaggedError("AnswerInterrupted")<Interruption<unknown, unknown>> {
  override readonly reason: E
  override readonly later: ReadonlyArray<Later>

  constructor(fields: Interruption<E, Later>) {
    super(fields)
    // As what they are here, and no longer as anything.
    this.reason = fields.reason
    this.later = fields.later
  }

  override get message(): string {
    return `the answer broke off after ${this.length} characters: ${saidBy(this.reason)}`
  }

  get [Blame.of](): BlameOf<E> {
    return blameOf(this.reason)
  }
}

/** An answer that broke off for `E`, whose continuations failed with `Later`. */
export type Interrupted<E, Later = never> = AnswerInterrupted<E, Later>
