/**
 * The attempts of one answer: asks upstreams, one after the other, until the answer has ended. What follows a failure is
 * decided in `Decision`, what an attempt's content means in `Machine`, who is asked in `Selection`; here they are put to
 * work, and it is remembered what this request has tried.
 */
import { Effect, Random } from "effect"
import { keyId, type Picked, type Target, type Upstream } from "../channel/index.ts"
import { type ContinuationAsked, type ContinuationMode, upstreamDialectOf } from "../dialect/index.ts"
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
import { refused } from "../policy/RetryBudgetState.ts"
import type { Answer, AnswerContext } from "./Answer.ts"
import { attempt, type AttemptEnd } from "./Attempt.ts"
import { continuable, continuationModes, decide, goesOn, refusesMode, ruleOf } from "./Decision.ts"
import { type TrailEntry, trailEntry } from "./Trail.ts"
import type { AttemptLimits } from "./Watchdog.ts"

/** The prompt of a continuation by message. */
export const defaultPrompt =
  "Your previous response was interrupted. Continue exactly from where it ended, without repeating anything and without any introduction. It ended with:\n\n{partial}"

/** Runs the attempts of an answer. It cannot fail: a failure is how the answer ends. */
export const runAttempts = (answer: Answer, context: AnswerContext): Effect.Effect<void, never, Upstream> =>
  Effect.suspend(() => new Attempts(answer, context).run())

const noFields: ReadonlySet<string> = new Set()

/** How the answer goes on from what was shown; `restart` when that was only reasoning. */
type Mode = ContinuationMode | "restart"

class Attempts {
  private readonly answer: Answer
  private readonly context: AnswerContext
  private readonly tried = { out: new Set<string>(), failed: new Set<string>(), keys: new Set<string>() }
  private readonly penalised = new Set<string>()
  private readonly askedAgain = new Map<string, number>()
  /** Until when each channel has asked to be left alone, epoch milliseconds. */
  private readonly hints = new Map<string, number>()
  /** Where the next attempt goes, when that is settled: the same channel, perhaps with another key. */
  private next: { readonly channel: string; readonly otherKey: boolean; readonly announced: boolean } | undefined
  /** The failure that is shown in the end: the first one, unless a later one found a fault of the caller's. */
  private first: ResilienceError | undefined
  private previous: { readonly channel: string; readonly code: Code } | undefined
  /** Set once the answer was broken: its first failure; the channel that showed it last, and why that one broke. */
  private broke: { readonly error: ResilienceError; readonly from: string; readonly reason: Code } | undefined
  private continuations = 0

  constructor(answer: Answer, context: AnswerContext) {
    this.answer = answer
    this.context = context
  }

  readonly run = Effect.fnUntraced({ self: this }, function* (this: Attempts) {
    const { answer, context } = this
    context.budget.request(context.now())
    while (!answer.ended) {
      if (this.remaining() <= 0) return answer.fail(this.deadline())
      // With nobody reading, what runs may end, and nothing is begun.
      if (answer.unread && answer.attempts > 0) return this.giveUp(this.final() ?? new ClientGone({}))
      const picked = yield* this.pick()
      if (picked === undefined) continue
      const mode = this.prepare(picked)
      const end = yield* this.ask(picked, mode)
      yield* this.conclude(picked, mode, end)
    }
  })

  private readonly remaining = (): number =>
    this.answer.startedAt + this.answer.start.timeoutMillis - this.context.now()

  private final(): ResilienceError | undefined {
    return this.broke?.error ?? this.first
  }

  private deadline(): ResilienceError {
    return stackless(
      () =>
        new DeadlineExceeded({
          limitMillis: this.answer.start.timeoutMillis,
          elapsedMillis: this.context.now() - this.answer.startedAt
        })
    )
  }

  /** Ends the answer badly; where asking again may help, with the least wait over those that were asked. */
  private giveUp(error: ResilienceError): void {
    const now = this.context.now()
    const waits = [...this.hints.values()].map((until) => until - now).filter((wait) => wait > 0)
    const hinted = waits.length > 0 && describe(error).recoverable
    this.answer.fail(hinted ? withRetryAfter(error, Math.min(...waits)) : error)
  }

  /** The next target; `undefined` when there is none yet, or the answer has ended for want of one. */
  private readonly pick = Effect.fnUntraced({ self: this }, function* (this: Attempts) {
    const { answer, context, next, tried } = this
    const { selection } = context
    const { request } = answer.start
    const continuing = this.broke !== undefined && answer.machine.text !== ""
    const choice = yield* Effect.result(
      selection.pick({
        model: request.model,
        tried,
        only: next?.channel,
        otherKey: next?.otherKey ?? false,
        suits: continuing
          ? (target) => continuable(request, answer.machine.phase, target, selection.refusedModes(target))
          : undefined
      })
    )
    this.next = undefined
    if (choice._tag === "Failure") {
      if (next === undefined) this.giveUp(this.final() ?? choice.failure)
      else tried.failed.add(next.channel)
      return undefined
    }
    const picked = choice.success
    const channel = picked.target.channel.id
    if (this.broke !== undefined || this.previous === undefined) return picked
    if (next === undefined && tried.failed.has(channel)) return yield* this.pickAgain(picked)
    if (next?.announced !== true) this.announce(channel, 0)
    return picked
  })

  /** Everything has been tried: what failed otherwise is asked again, after a wait, if the budget allows. */
  private readonly pickAgain = Effect.fnUntraced({ self: this }, function* (this: Attempts, picked: Picked) {
    const { context } = this
    const channel = picked.target.channel.id
    picked.release({ _tag: "Ignored" })
    const hint = (this.hints.get(channel) ?? 0) - context.now()
    const delay = Math.max(yield* this.backoff(), hint)
    if (hint > context.options.retry.waitUpTo || delay >= this.remaining() || !this.budgetAllows()) {
      this.giveUp(this.first!)
      return undefined
    }
    this.announce(channel, delay)
    yield* this.sleep(delay)
    const again = yield* Effect.result(
      context.selection.pick({ model: this.answer.start.request.model, tried: this.tried, only: channel })
    )
    if (again._tag === "Success") return again.success
    this.giveUp(this.first!)
    return undefined
  })

  /** Tells the machine what comes, and gives the mode of a continuation. */
  private prepare(picked: Picked): Mode | undefined {
    const { answer, broke, context } = this
    const { target } = picked
    const { id } = target.channel
    if (this.previous !== undefined && this.previous.channel !== id) {
      context.events.tell({ _tag: "FailedOver", answer: answer.ref, from: this.previous.channel, to: id })
    }
    answer.attempts++
    if (broke === undefined) {
      answer.machine.begin(target.model)
      return undefined
    }
    const modes = continuationModes(target, context.selection.refusedModes(target))
    const mode = answer.machine.text === "" ? "restart" : (modes[0] ?? "message")
    answer.machine.join({ from: broke.from, to: id, reason: broke.reason, mode })
    // Its count is committed before the upstream is called: a restart cannot forget that it was asked.
    answer.note("streaming")
    return mode
  }

  private ask(picked: Picked, mode: Mode | undefined): Effect.Effect<AttemptEnd, never, Upstream> {
    const { answer, context } = this
    const { options } = context
    const { target } = picked
    const dialect = upstreamDialectOf(target.channel.dialect)
    const clocks = { ...options.timeouts, ...target.channel.timeouts }
    const streaming = target.channel.stream
    const limits: AttemptLimits = {
      clocks: {
        headersMillis: streaming ? clocks.headers : undefined,
        // The last candidate that is left is not cut: a slow answer is better than none.
        firstContentMillis: streaming && !picked.last ? clocks.firstContent : undefined,
        idleMillis: streaming ? clocks.idle : undefined,
        totalMillis: answer.start.timeoutMillis
      },
      attemptMillis: target.channel.timeouts.total,
      requestedAt: answer.startedAt
    }
    const { request } = answer.start
    // Begun before its request is put into words: one that there are none for is in the trail like any other.
    answer.current = { target, number: answer.attempts, startedAt: context.now() }
    answer.attemptShownAt = undefined
    context.events.tell({
      _tag: "AttemptBegan",
      answer: answer.ref,
      attempt: answer.attempts,
      channel: target.channel.id,
      key: target.keyIndex,
      model: target.model,
      mode
    })
    const encoding = dialect.encode({
      request,
      model: target.model,
      stream: streaming,
      continuation: this.continuation(mode),
      params: target.channel.params,
      refused: noFields,
      drop: false
    })
    if (encoding._tag === "Failure") {
      return Effect.succeed({
        verdict: { _tag: "Broken", error: encoding.failure },
        byStatus: false,
        status: undefined
      })
    }
    const encoded = encoding.success
    return Effect.onInterrupt(
      attempt({ target, dialect, request, encoded, machine: answer.machine, limits, watchdog: context.watchdog }),
      () =>
        Effect.sync(() => {
          picked.release({ _tag: "Ignored" })
          const error = answer.failure ?? stackless(() => new ClientGone({}))
          const verdict = { _tag: "Broken", error } as const
          answer.trail.push(this.entry(target, mode, { verdict, byStatus: false, status: undefined }, error))
        })
    )
  }

  private continuation(mode: Mode | undefined): ContinuationAsked | undefined {
    const partial = this.answer.machine.text
    switch (mode) {
      case "prefill":
        return { mode, partial }
      case "message":
        return { mode, partial, prompt: this.context.options.recovery.prompt ?? defaultPrompt }
      // No dialect offers it yet.
      case "token":
      case "restart":
      case undefined:
        return undefined
    }
  }

  /** Draws what is due from how an attempt ended. */
  private readonly conclude = Effect.fnUntraced(
    { self: this },
    function* (this: Attempts, picked: Picked, mode: Mode | undefined, end: AttemptEnd) {
      const { answer, context } = this
      const { target } = picked
      const { channel } = target
      const error = end.verdict._tag === "Broken" ? end.verdict.error : undefined
      const refusal =
        mode !== undefined && mode !== "restart" && refusesMode(end.verdict, end.status) ? mode : undefined
      this.release(picked, end, refusal === undefined ? error : undefined)
      answer.trail.push(this.entry(target, mode, end, error))
      if (end.verdict._tag === "Complete") {
        context.budget.success(context.now(), 0)
        return answer.complete()
      }
      if (refusal !== undefined) {
        // A refused mode is no continuation: the same target is asked in the next mode, or another one is found.
        context.selection.rememberRefusal(target, refusal)
        const modes = continuationModes(target, context.selection.refusedModes(target))
        if (modes.length > 0) this.next = { channel: channel.id, otherKey: false, announced: true }
        return
      }
      if (error === undefined) return
      // The request's own end is what its client is told, whatever went before.
      if (error._tag === "DeadlineExceeded") return answer.fail(error)
      this.previous = { channel: channel.id, code: codeOf(error) }
      context.budget.failure(context.now())
      if (error.retryAfterMillis !== undefined) {
        this.hints.set(channel.id, Math.max(this.hints.get(channel.id) ?? 0, context.now() + error.retryAfterMillis))
      }
      return answer.machine.committed
        ? this.afterCommit(channel.id, mode, error)
        : yield* this.beforeCommit(target, end, error)
    }
  )

  /** After the commit point each attempt is a continuation. */
  private afterCommit(channel: string, mode: Mode | undefined, error: ResilienceError): void {
    const { answer, context } = this
    const { recovery } = context.options
    const blame = blameOf(error)
    if (this.broke === undefined) this.broke = { error, from: channel, reason: codeOf(error) }
    else {
      this.continuations++
      // It was joined before it broke: it is the one that the next continuation goes on from.
      if (answer.machine.phase._tag !== "Joining") this.broke = { ...this.broke, from: channel, reason: codeOf(error) }
    }
    this.tried[ruleOf(blame).out ? "out" : "failed"].add(channel)
    const over =
      recovery.mode === "off" ||
      this.continuations >= recovery.maxContinuations ||
      !goesOn(blame, mode !== undefined) ||
      answer.machine.phase._tag === "Sealed" ||
      answer.machine.full ||
      answer.start.request.choices > 1
    if (over) this.giveUp(this.broke.error)
  }

  /** Before it a failed attempt is replaced unseen. */
  private readonly beforeCommit = Effect.fnUntraced(
    { self: this },
    function* (this: Attempts, target: Target, end: AttemptEnd, error: ResilienceError) {
      const { answer, context, tried } = this
      const { retry } = context.options
      const { channel, keyIndex } = target
      const blame = blameOf(error)
      if (this.first === undefined || blame === "caller" || blame === "content") this.first = error
      if (keyIndex >= 0) tried.keys.add(keyId(channel.id, keyIndex))
      const otherKey = channel.keys.some((_, index) => !tried.keys.has(keyId(channel.id, index)))
      const next = decide({
        error,
        statusForbids: end.byStatus && end.status !== undefined && !retry.statuses(end.status),
        attemptsLeft: retry.times + 1 - answer.attempts,
        sameChannelUsed: this.askedAgain.get(channel.id) ?? 0,
        sameChannelLimit: retry.sameChannel,
        otherKey,
        waitUpTo: retry.waitUpTo,
        backoff: yield* this.backoff(),
        remaining: this.remaining()
      })
      if (next._tag === "Stop") return this.giveUp(this.first)
      if (next._tag === "OtherKey") {
        this.next = { channel: channel.id, otherKey: true, announced: false }
        return
      }
      // What rests for another reason than its hint is not waited for, nor is a wait announced that leads nowhere.
      const may =
        next._tag === "SameChannel" && (error.retryAfterMillis !== undefined || (yield* this.isUsable(target)))
      if (may && this.budgetAllows()) {
        this.askedAgain.set(channel.id, (this.askedAgain.get(channel.id) ?? 0) + 1)
        // Asked again for its own sake, a channel may use the same key again.
        if (!otherKey) tried.keys.delete(keyId(channel.id, keyIndex))
        const announced = next.delayMillis > 0
        this.next = { channel: channel.id, otherKey: false, announced }
        if (announced) {
          this.announce(channel.id, next.delayMillis)
          yield* this.sleep(next.delayMillis)
        }
        return
      }
      tried[ruleOf(blame).out ? "out" : "failed"].add(channel.id)
    }
  )

  /** Whether a channel could be asked again now. */
  private isUsable({ channel }: Target): Effect.Effect<boolean> {
    const { selection } = this.context
    return Effect.match(
      selection.pick({ model: this.answer.start.request.model, tried: this.tried, only: channel.id }),
      {
        onFailure: () => false,
        onSuccess: (picked) => {
          picked.release({ _tag: "Ignored" })
          return true
        }
      }
    )
  }

  /** Sleeps, and not too little: a timer is early by what its turn of the event loop had taken before it was set. */
  private readonly sleep = Effect.fnUntraced({ self: this }, function* (this: Attempts, millis: number) {
    const until = this.context.now() + millis
    for (let left = millis; left > 0; left = until - this.context.now()) yield* Effect.sleep(Math.ceil(left))
  })

  private announce(to: string, delayMillis: number): void {
    this.answer.announce(this.previous!.code, this.previous!.channel, to, delayMillis)
  }

  /** The retry budget governs what is asked again, never the first move to another channel nor a continuation. */
  private budgetAllows(): boolean {
    const { budget, now } = this.context
    return budget.retry(now(), this.first) !== refused
  }

  private backoff(): Effect.Effect<number> {
    const { backoff } = this.context
    return Effect.map(backoff.random ? Random.next : Effect.succeed(0), (draw) => {
      let step = backoff.step(1, backoff.initial, draw)
      for (let attempt = 2; attempt <= this.answer.attempts; attempt++) step = backoff.step(attempt, step.state, draw)
      return step.delayMillis
    })
  }

  private entry(
    target: Target,
    mode: Mode | undefined,
    end: AttemptEnd,
    error: ResilienceError | undefined
  ): TrailEntry {
    const { answer, context } = this
    const { number, startedAt } = answer.current!
    answer.current = undefined
    const durationMillis = context.now() - startedAt
    const entry = trailEntry({ attempt: number, target, mode, status: end.status, error, durationMillis })
    const firstContentMillis = answer.attemptShownAt === undefined ? undefined : answer.attemptShownAt - startedAt
    context.events.tell({ _tag: "AttemptEnded", answer: answer.ref, entry, error, firstContentMillis })
    return entry
  }

  /** Feeds the target's health: one penalty for a channel and request, none for a refused mode. */
  private release(picked: Picked, end: AttemptEnd, error: ResilienceError | undefined): void {
    const { id } = picked.target.channel
    if (end.verdict._tag === "Complete") return picked.release({ _tag: "Success" })
    if (error === undefined) return picked.release({ _tag: "Ignored" })
    picked.release({ _tag: "Failure", error, penalise: !this.penalised.has(id) })
    this.penalised.add(id)
  }
}

/** The same error with a hint. */
const withRetryAfter = (error: ResilienceError, retryAfterMillis: number): ResilienceError => {
  const Class = error.constructor as new (fields: object) => ResilienceError
  return stackless(() => new Class({ ...error, retryAfterMillis }))
}
