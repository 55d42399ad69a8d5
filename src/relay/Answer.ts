/**
 * One answer under way: its lease on the journal, its machine, its trail, and the loop of attempts that feeds it. It is
 * a fiber of the relay's, never of a request's: who reads it, and whether anybody does, is the journal's business.
 */
import { Effect, Random } from "effect"
import type { Picked, Selection, Target, Tried, Upstream } from "../channel/index.ts"
import type { AnswerRequest, ClientDialect, ContinuationMode, Payload, UpstreamDialect } from "../dialect/index.ts"
import {
  blameOf,
  ClientGone,
  type Code,
  codeOf,
  DeadlineExceeded,
  describe,
  type ResilienceError,
  stackless
} from "../errors/index.ts"
import type { Lease } from "../journal/index.ts"
import type { Backoff } from "../policy/index.ts"
import type * as RetryBudgetState from "../policy/RetryBudgetState.ts"
import { encodeJsonEvent } from "../sse/index.ts"
import { attempt, type AttemptEnd, type AttemptLimits } from "./Attempt.ts"
import { continuable, continuationModes, decide, ruleOf } from "./Decision.ts"
import { Machine } from "./Machine.ts"
import type { RelayOptions } from "./RelayOptions.ts"
import type { Signals } from "./Signals.ts"
import { type TrailEntry, trailEntry } from "./Trail.ts"
import { estimateTokens } from "./UsageSum.ts"

/** What every answer of a relay shares. */
export interface AnswerContext {
  readonly options: RelayOptions
  readonly budget: RetryBudgetState.Rule
  readonly backoff: Backoff.Backoff
  readonly signals: Signals["Service"]
  readonly selection: Selection["Service"]
  readonly upstreamDialect: (name: Target["channel"]["dialect"]) => UpstreamDialect
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

/** The prompt of a continuation by message. */
export const defaultPrompt =
  "Your previous response was interrupted. Continue exactly from where it ended, without repeating anything and without any introduction. It ended with:\n\n{partial}"

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

  private readonly context: AnswerContext
  private readonly startedAt: number
  private readonly encoder
  private attempts = 0

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
    this.note("started")
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

  private complete(): void {
    if (this.ended) return
    this.ended = true
    this.machine.complete(this.attempts)
    this.finish("completed", undefined)
    this.context.signals.completed(this.tag, this.machine.tokenCount, this.context.now() - this.startedAt)
  }

  private finish(status: string, code: string | undefined): void {
    this.note(status, code)
    this.lease.end()
  }

  private note(status: string, code?: string): void {
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

  /** Asks upstreams until the answer has ended. It cannot fail: a failure is how the answer ends. */
  readonly run: Effect.Effect<void, never, Upstream> = Effect.suspend(() => this.loop())

  private readonly loop = Effect.fnUntraced({ self: this }, function* (this: Answer) {
    const { backoff, budget, options, selection, signals } = this.context
    const { request } = this.start
    const retry = options.retry
    const deadlineAt = this.startedAt + this.start.timeoutMillis
    const out = new Set<string>()
    const failed = new Set<string>()
    const keys = new Set<string>()
    const penalised = new Set<string>()
    const sameChannelUsed = new Map<string, number>()
    const hints = new Map<string, number>()
    const tried: Tried = { out, failed, keys }
    /** Which channel is asked next, when that is settled. */
    let only: string | undefined
    /** And whether it must be another key of it. */
    let otherKeyOnly = false
    /** The failure that is shown in the end: the first one, unless a later one found a fault of the caller's. */
    let first: ResilienceError | undefined
    let previous: { readonly target: Target; readonly error: ResilienceError } | undefined
    let continuations = 0
    /** The failure that broke the answer first; the channel that showed it last, and why that one broke. */
    let broke: { readonly error: ResilienceError; readonly from: string; readonly reason: Code } | undefined

    budget.request(this.context.now())

    const remaining = () => deadlineAt - this.context.now()
    const giveUp = (error: ResilienceError) => {
      const wait = leastWait([...hints.values()], this.context.now())
      const hinted = wait === undefined || error.retryAfterMillis !== undefined ? error : withRetryAfter(error, wait)
      this.fail(hinted)
    }
    const draw = backoff.random ? Random.next : Effect.succeed(0)
    const backoffFor = (n: number) =>
      Effect.map(draw, (drawn) => {
        let state = backoff.initial
        let delay = 0
        for (let i = 1; i <= n; i++) {
          const step = backoff.step(i, state, drawn)
          state = step.state
          delay = step.delayMillis
        }
        return delay
      })

    while (!this.ended) {
      if (remaining() <= 0) {
        return this.fail(deadlineOf(this.start.timeoutMillis, this.context.now() - this.startedAt))
      }
      if (this.unread && this.attempts > 0) return giveUp(broke?.error ?? first ?? gone())

      const continuing = broke !== undefined
      const suits = (target: Target) =>
        !continuing ||
        this.machine.text === "" ||
        continuable(request, this.machine.phase, target, selection.refusedModes(target))
      const choice = yield* Effect.result(
        selection.pick({ model: request.model, tried, only, otherKey: otherKeyOnly, suits })
      )
      if (choice._tag === "Failure") {
        if (only !== undefined) {
          failed.add(only)
          only = undefined
          otherKeyOnly = false
          continue
        }
        return giveUp(broke?.error ?? first ?? choice.failure)
      }
      otherKeyOnly = false
      let picked: Picked = choice.success
      const channel = picked.target.channel

      // Everything has been tried: what failed otherwise is asked again, after a wait, if the budget allows.
      if (!continuing && only === undefined && failed.has(channel.id)) {
        const until = (hints.get(channel.id) ?? 0) - this.context.now()
        const delay = Math.max(yield* backoffFor(this.attempts), until)
        if (until > retry.waitUpTo || delay >= remaining() || !budget.retry(this.context.now(), 1)) {
          picked.release({ _tag: "Ignored" })
          return giveUp(first!)
        }
        picked.release({ _tag: "Ignored" })
        this.announce(previous!, channel.id, delay)
        yield* Effect.sleep(delay)
        const again = yield* Effect.result(selection.pick({ model: request.model, tried, only: channel.id }))
        if (again._tag === "Failure") return giveUp(first!)
        picked = again.success
      } else if (
        !continuing &&
        only === undefined &&
        previous !== undefined &&
        previous.target.channel.id !== channel.id
      ) {
        this.announce(previous, channel.id, 0)
      }
      if (previous !== undefined && previous.target.channel.id !== channel.id) {
        signals.failover(this.tag, previous.target.channel.id, channel.id)
      }
      only = undefined

      const target = picked.target
      const mode = continuing ? this.continuationMode(target) : undefined
      if (mode !== undefined) {
        this.machine.join({ from: broke!.from, to: channel.id, reason: broke!.reason, mode })
        // Its count is committed before the upstream is called: a restart cannot forget that it was asked.
        this.note("streaming")
      } else this.machine.begin(target.model)

      this.attempts++
      const end = yield* this.attempt(picked, mode, deadlineAt)
      const error = end.verdict._tag === "Broken" ? end.verdict.error : undefined
      const refusal = mode === "prefill" || mode === "message" ? refusalOf(end, mode) : undefined
      this.record(picked, mode, end, error, refusal, penalised)

      if (end.verdict._tag === "Complete") {
        budget.success(this.context.now(), 0)
        return this.complete()
      }
      if (refusal !== undefined) {
        // A refused mode is no continuation: the same target is asked in the next mode, or another one is found.
        selection.rememberRefusal(target, refusal)
        if (continuationModes(channel.continuation, selection.refusedModes(target)).length > 0) only = channel.id
        continue
      }
      if (error === undefined) continue
      // The request's own end is what its client is told, whatever went before.
      if (error._tag === "DeadlineExceeded") return this.fail(error)
      previous = { target, error }
      const blame = blameOf(error)
      budget.failure(this.context.now())
      if (error.retryAfterMillis !== undefined) {
        hints.set(channel.id, Math.max(hints.get(channel.id) ?? 0, this.context.now() + error.retryAfterMillis))
      }

      if (this.machine.committed) {
        // After the commit point: each attempt is a continuation.
        if (broke !== undefined) continuations++
        const joined = this.machine.phase._tag !== "Joining"
        broke = {
          error: broke?.error ?? error,
          from: broke === undefined || joined ? channel.id : broke.from,
          reason: broke === undefined || joined ? codeOf(error) : broke.reason
        }
        if (ruleOf(blame).out) out.add(channel.id)
        else failed.add(channel.id)
        if (
          options.recovery.mode === "off" ||
          continuations >= options.recovery.maxContinuations ||
          !goesOn(blame, mode) ||
          this.machine.phase._tag === "Sealed" ||
          request.choices > 1
        ) {
          return giveUp(broke.error)
        }
        continue
      }

      if (first === undefined || blame === "caller" || blame === "content") first = error
      if (target.keyIndex >= 0) keys.add(`${channel.id}#${target.keyIndex}`)
      const otherKey = channel.keys.some((_, index) => !keys.has(`${channel.id}#${index}`))
      const rule = ruleOf(blame)
      const next = decide({
        error,
        statusForbids: end.byStatus && end.status !== undefined && !retry.statuses(end.status),
        attemptsLeft: retry.times + 1 - this.attempts,
        sameChannelUsed: sameChannelUsed.get(channel.id) ?? 0,
        sameChannelLimit: retry.sameChannel,
        otherKey,
        waitUpTo: retry.waitUpTo,
        backoff: yield* backoffFor(this.attempts),
        remaining: remaining()
      })
      switch (next._tag) {
        case "Stop":
          return giveUp(first)
        case "OtherKey":
          only = channel.id
          otherKeyOnly = true
          this.announce(previous, channel.id, 0)
          continue
        case "SameChannel":
          if (budget.retry(this.context.now(), 1)) {
            sameChannelUsed.set(channel.id, (sameChannelUsed.get(channel.id) ?? 0) + 1)
            // A retry of the same channel may use the same key again.
            if (!otherKey) keys.delete(`${channel.id}#${target.keyIndex}`)
            only = channel.id
            this.announce(previous, channel.id, next.delayMillis)
            if (next.delayMillis > 0) yield* Effect.sleep(next.delayMillis)
            continue
          }
          break
        case "OtherChannel":
          break
      }
      if (rule.out) out.add(channel.id)
      else failed.add(channel.id)
    }
  })

  private announce(
    previous: { readonly target: Target; readonly error: ResilienceError },
    to: string,
    delayMillis: number
  ): void {
    this.append(
      this.encoder.attempt({
        attempt: this.attempts + 1,
        maxAttempts: this.context.options.retry.times + 1,
        delayMillis: Math.round(delayMillis),
        reason: codeOf(previous.error),
        from: previous.target.channel.id,
        to
      })
    )
  }

  private continuationMode(target: Target): ContinuationMode | "restart" {
    // Only reasoning was shown: there is no text to go on from, so the target simply answers.
    if (this.machine.text === "") return "restart"
    return continuationModes(target.channel.continuation, this.context.selection.refusedModes(target))[0] ?? "message"
  }

  private attempt(
    picked: Picked,
    mode: ContinuationMode | "restart" | undefined,
    deadlineAt: number
  ): Effect.Effect<AttemptEnd, never, Upstream> {
    const { options } = this.context
    const target = picked.target
    const dialect = this.context.upstreamDialect(target.channel.dialect)
    const clocks = { ...options.timeouts, ...target.channel.timeouts }
    const streaming = target.channel.stream
    const limits: AttemptLimits = {
      headers: streaming ? clocks.headers : undefined,
      // The last candidate that is left is not cut: a slow answer is better than none.
      firstContent: streaming && !picked.last ? clocks.firstContent : undefined,
      idle: streaming ? clocks.idle : undefined,
      attempt: target.channel.timeouts.total,
      deadlineAt,
      total: this.start.timeoutMillis
    }
    const body = dialect.encode({
      request: this.start.request,
      model: target.model,
      stream: streaming,
      continuation:
        mode === "prefill" || mode === "message"
          ? { mode, partial: this.machine.text, prompt: options.recovery.prompt ?? defaultPrompt }
          : undefined,
      params: target.channel.params
    })
    this.current = { target, number: this.attempts, startedAt: this.context.now() }
    return Effect.onInterrupt(attempt({ target, dialect, body, machine: this.machine, limits }), () =>
      Effect.sync(() => picked.release({ _tag: "Ignored" }))
    )
  }

  private record(
    picked: Picked,
    mode: TrailEntry["mode"],
    end: AttemptEnd,
    error: ResilienceError | undefined,
    refusal: ContinuationMode | undefined,
    penalised: Set<string>
  ): void {
    const current = this.current!
    const entry = trailEntry({
      attempt: current.number,
      target: current.target,
      mode,
      status: end.status,
      error,
      durationMillis: this.context.now() - current.startedAt
    })
    this.current = undefined
    this.trail.push(entry)
    this.context.signals.attempted(this.tag, entry, error)
    const channel = current.target.channel.id
    if (end.verdict._tag === "Complete") picked.release({ _tag: "Success" })
    else if (error === undefined || refusal !== undefined) picked.release({ _tag: "Ignored" })
    else {
      picked.release({ _tag: "Failure", error, penalise: !penalised.has(channel) })
      penalised.add(channel)
    }
  }
}

/** How many characters the messages have: their texts, not their framing. */
const messageLength = (request: AnswerRequest): number =>
  request.messages.reduce(
    (sum, { content }) => sum + (typeof content === "string" ? content.length : JSON.stringify(content ?? "").length),
    0
  )

const gone = (): ResilienceError => stackless(() => new ClientGone({}))

const deadlineOf = (limitMillis: number, elapsedMillis: number): ResilienceError =>
  stackless(() => new DeadlineExceeded({ limitMillis, elapsedMillis }))

/** The mode that a target has refused, if that is what an attempt's end means. */
const refusalOf = (end: AttemptEnd, mode: ContinuationMode): ContinuationMode | undefined => {
  if (end.verdict._tag === "Refused") return mode
  if (end.verdict._tag !== "Broken" || end.status !== 400) return undefined
  const described = describe(end.verdict.error)
  return described.code === "invalid_request" ? mode : undefined
}

/** Whether an answer goes on after a failure of this blame. A continuation that is refused is not the caller's fault. */
const goesOn = (blame: ReturnType<typeof blameOf>, mode: TrailEntry["mode"]): boolean =>
  ruleOf(blame).move || (blame === "caller" && mode !== undefined)

const leastWait = (untils: ReadonlyArray<number>, now: number): number | undefined => {
  const waits = untils.map((until) => until - now).filter((wait) => wait > 0)
  return waits.length === 0 ? undefined : Math.min(...waits)
}

/** The same error with a hint. */
const withRetryAfter = (error: ResilienceError, retryAfterMillis: number): ResilienceError => {
  const Class = error.constructor as new (fields: object) => ResilienceError
  return stackless(() => new Class({ ...error, retryAfterMillis }))
}
