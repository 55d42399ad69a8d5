/**
 * One answer under way: its lease on the journal, its machine, its trail, and its end. `Attempts` feeds it. It belongs to
 * the relay and never to a request: who reads it, and whether anybody does, is the journal's business.
 */
import type { Selection, Target } from "../channel/index.ts"
import type { AnswerEncoder, AnswerRequest, ClientDialect, Payload, UpstreamDialect } from "../dialect/index.ts"
import { blameOf, type Code, codeOf, type ResilienceError } from "../errors/index.ts"
import type { Lease } from "../journal/index.ts"
import type { Backoff } from "../policy/index.ts"
import type * as RetryBudgetState from "../policy/RetryBudgetState.ts"
import { encodeJsonEvent } from "../sse/index.ts"
import { Machine } from "./Machine.ts"
import type { RelayOptions } from "./RelayOptions.ts"
import type { Signals } from "./Signals.ts"
import type { TrailEntry } from "./Trail.ts"
import { estimateTokens } from "./UsageSum.ts"
import type { Watchdog } from "./Watchdog.ts"

/** What every answer of a relay shares. */
export interface AnswerContext {
  readonly options: RelayOptions
  readonly budget: RetryBudgetState.Rule
  readonly backoff: Backoff.Backoff
  readonly signals: Signals["Service"]
  readonly selection: Selection["Service"]
  readonly upstreamDialect: (name: Target["channel"]["dialect"]) => UpstreamDialect
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

  private readonly context: AnswerContext
  private readonly encoder: AnswerEncoder

  constructor(start: AnswerStart, lease: Lease, context: AnswerContext) {
    this.id = lease.id
    this.start = start
    this.lease = lease
    this.context = context
    this.startedAt = context.now()
    this.payloads = start.request.stream ? undefined : []
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
      inputEstimate: estimateTokens(messageLength(start.request)),
      output: {
        show: (payloads) => this.append(payloads),
        onCommit: () => {
          context.signals.committed(this.tag, context.now() - this.startedAt)
          this.note("streaming")
        },
        onSeam: (seam, mode) => {
          context.signals.continued(this.tag, seam, mode)
          this.note("streaming")
        }
      }
    })
  }

  /** Which answer this is, for signals. */
  get tag() {
    return { requestId: this.start.requestId, streamId: this.id }
  }

  /** Appends what is sent at once, before any upstream has answered. */
  open(): void {
    const { request } = this.start
    this.context.signals.started(this.tag, messageLength(request))
    this.append(this.encoder.open(request.model))
  }

  /** Ends the answer badly, once. */
  fail(error: ResilienceError): void {
    if (this.ended) return
    this.ended = true
    this.failure = error
    this.machine.fail(error, error.retryAfterMillis)
    this.finish(blameOf(error) === "cancelled" ? "cancelled" : "error", codeOf(error))
    this.context.signals.failed(this.tag, error, this.machine.tokenCount, this.context.now() - this.startedAt)
  }

  /** Forgets the answer without a terminal event: the store is gone, or another process shall go on with it. */
  abandon(error: ResilienceError | undefined): void {
    if (this.ended) return
    this.ended = true
    this.failure = error
    if (error !== undefined) {
      this.context.signals.failed(this.tag, error, this.machine.tokenCount, this.context.now() - this.startedAt)
    }
  }

  /** Ends the answer well, once. */
  complete(): void {
    if (this.ended) return
    this.ended = true
    this.machine.complete(this.attempts)
    this.finish("completed", undefined)
    this.context.signals.completed(this.tag, this.machine.tokenCount, this.context.now() - this.startedAt)
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

  private finish(status: string, code: string | undefined): void {
    this.note(status, code)
    this.lease.end({ outcome: status, freesKey: false })
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
      this.lease.append(encodeJsonEvent(payload.event, `${this.id}.${this.lease.nextSeq()}`, payload.data))
    }
  }
}

/** How many characters the messages have: their texts, not their framing. */
const messageLength = (request: AnswerRequest): number =>
  request.messages.reduce(
    (sum, { content }) => sum + (typeof content === "string" ? content.length : JSON.stringify(content ?? "").length),
    0
  )
