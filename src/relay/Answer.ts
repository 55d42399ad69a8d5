/**
 * One answer under way: its lease on the journal, its machine, its trail, and its end. `Attempts` feeds it. It belongs to
 * the relay and never to a request: who reads it, and whether anybody does, is the journal's business.
 */
import type { Selection, Target } from "../channel/index.ts"
import type { AnswerEncoder, AnswerRequest, ClientDialect, Payload } from "../dialect/index.ts"
import { blameOf, type Code, codeOf, type ResilienceError } from "../errors/index.ts"
import type { Lease } from "../journal/index.ts"
import type { Backoff, RetryBudgetState } from "../policy/index.ts"
import { Machine } from "./Machine.ts"
import type { AnswerRef } from "./Events.ts"
import type { RelayEvents } from "./RelayEvents.ts"
import type { RelayOptions } from "./RelayOptions.ts"
import type { TrailEntry } from "./Trail.ts"
import type { Watchdog } from "./Watchdog.ts"

/** What every answer of a relay shares. */
export interface AnswerContext {
  readonly options: RelayOptions
  readonly budget: RetryBudgetState.Rule
  readonly backoff: Backoff.Backoff
  readonly events: RelayEvents["Service"]
  readonly selection: Selection["Service"]
  readonly watchdog: Watchdog
  readonly now: () => number
}

/** What a request is to the relay, once it has been checked. */
export interface AnswerStart {
  readonly request: AnswerRequest
  readonly dialect: ClientDialect
  readonly requestId: string
  /** The name of the token that asks, or `""`. */
  readonly owner: string
  /** How long the whole answer may take, in milliseconds. */
  readonly timeoutMillis: number
  /** What happens when nobody reads any more. */
  readonly leave: "cancel" | "detach"
}

/** One answer. */
export class Answer {
  readonly id: string
  readonly start: AnswerStart
  readonly lease: Lease
  readonly machine: Machine
  /** The attempts that have ended. */
  readonly trail: Array<TrailEntry> = []
  /** How it ended badly. */
  failure: ResilienceError | undefined
  ended = false
  /** Nobody reads: the attempt under way may end, and no other is begun. */
  unread = false
  /** Every event that was appended, for an answer that is sent whole. */
  readonly payloads: Array<Payload> | undefined
  /** The attempt under way, for the `x-attempts` header. */
  current: { readonly target: Target; readonly number: number; readonly startedAt: number } | undefined

  /** How many attempts were begun. */
  attempts = 0
  readonly startedAt: number
  /** Which answer this is, for events. */
  readonly ref: AnswerRef
  /** When the attempt under way was first shown, and the answer as a whole, epoch milliseconds. */
  attemptShownAt: number | undefined
  private shownAt: number | undefined

  private readonly context: AnswerContext
  private readonly encoder: AnswerEncoder

  constructor(start: AnswerStart, lease: Lease, context: AnswerContext) {
    this.id = lease.id
    this.start = start
    this.lease = lease
    this.context = context
    this.startedAt = context.now()
    this.payloads = start.request.delivery === "whole" ? [] : undefined
    this.ref = {
      requestId: start.requestId,
      streamId: lease.id,
      owner: start.owner,
      model: start.request.model,
      dialect: start.dialect.name,
      delivery: start.request.delivery
    }
    this.encoder = start.dialect.encoder({
      requestId: start.requestId,
      streamId: lease.id,
      createdAt: this.startedAt,
      includeUsage: start.request.includeUsage,
      debug: context.options.server.debug
    })
    this.machine = new Machine({
      encoder: this.encoder,
      choices: start.request.choices,
      inputEstimate: start.request.inputEstimate,
      output: {
        show: (payloads) => this.append(payloads),
        onCommit: () => {
          this.shownAt = this.attemptShownAt = context.now()
          context.events.tell({ _tag: "Committed", answer: this.ref, afterMillis: this.shownAt - this.startedAt })
          this.note("streaming")
        },
        onSeam: (seam, mode) => {
          this.attemptShownAt = context.now()
          context.events.tell({ _tag: "Continued", answer: this.ref, seam, mode })
          this.note("streaming")
        }
      }
    })
  }

  /** Appends what is sent at once, before any upstream has answered. */
  open(): void {
    const { request } = this.start
    this.context.events.tell({ _tag: "StreamStarted", answer: this.ref, messageLength: request.messageLength })
    this.append(this.encoder.open(request.model))
  }

  /** Ends the answer badly, once. */
  fail(error: ResilienceError): void {
    if (this.ended) return
    this.ended = true
    this.failure = error
    this.machine.fail(error, error.retryAfterMillis)
    this.finish(blameOf(error) === "cancelled" ? "cancelled" : "error", codeOf(error))
    this.tellEnd(error)
  }

  /** Forgets the answer without a terminal event: the store is gone, or another process shall go on with it. */
  abandon(error: ResilienceError | undefined): void {
    if (this.ended) return
    this.ended = true
    this.failure = error
    if (error !== undefined) return this.tellEnd(error)
    const durationMillis = this.context.now() - this.startedAt
    this.context.events.tell({ _tag: "StreamAbandoned", answer: this.ref, durationMillis })
  }

  /** Ends the answer well, once. */
  complete(): void {
    if (this.ended) return
    this.ended = true
    this.machine.complete(this.attempts)
    this.finish("completed", undefined)
    this.tellEnd(undefined)
  }

  /** Tells of an attempt that replaces one which failed before anything was shown. */
  announce(reason: Code, from: string, to: string, delayMillis: number): void {
    this.append(
      this.encoder.attempt({
        attempt: this.attempts + 1,
        maxAttempts: this.context.options.retry.times + 1,
        delayMillis: Math.round(delayMillis),
        reason,
        from,
        to
      })
    )
  }

  private tellEnd(error: ResilienceError | undefined): void {
    const { attempts, machine, ref, shownAt, startedAt, trail } = this
    this.context.events.tell({
      _tag: "StreamEnded",
      answer: ref,
      error,
      tokenCount: machine.tokenCount,
      usage: machine.usage(),
      attempts,
      trail,
      firstContentMillis: shownAt === undefined ? undefined : shownAt - startedAt,
      durationMillis: this.context.now() - startedAt
    })
  }

  private finish(status: string, code: string | undefined): void {
    this.note(status, code)
    this.lease.end()
  }

  /** Says in the journal's note how the answer stands. */
  note(status: string, code?: string): void {
    this.lease.note(
      JSON.stringify({ status, code, tokens: this.machine.tokenCount, attempts: this.attempts, trail: this.trail })
    )
  }

  private append(payloads: ReadonlyArray<Payload>): void {
    for (const payload of payloads) {
      this.payloads?.push(payload)
      this.lease.append(this.start.dialect.frame(payload, `${this.id}.${this.lease.nextSeq()}`))
    }
  }
}
