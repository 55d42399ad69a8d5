/**
 * The attempts of one answer: picks, asks, tells, sleeps, one after the other, until the answer has ended. What follows a
 * failure is decided in `Pursuit` and `Decision`, what an attempt's content means in `Machine`, who is asked in
 * `Selection`; here they are put to work.
 */
import { Cause, Effect, Random, type Result } from "effect"
import type { Outcome, Picked, Target, Upstream, Wanted } from "../channel/index.ts"
import type { ContinuationAsked, Encoded } from "../dialect/index.ts"
import {
  BadResponse,
  ClientGone,
  DeadlineExceeded,
  fewNames,
  InternalError,
  type ResilienceError,
  ShuttingDown,
  stackless
} from "../errors/index.ts"
import { RetryBudgetState } from "../policy/index.ts"
import type { Answer, AnswerContext, UnderWay } from "./Answer.ts"
import { attempt, type AttemptEnd, type Fed } from "./Attempt.ts"
import { roomOf } from "./Decision.ts"
import { hedgeAfter, hedged, type Loop } from "./Hedging.ts"
import { Learned } from "./Learned.ts"
import * as Pursuit from "./Pursuit.ts"
import { SessionHome } from "./SessionHome.ts"
import { gaveToken, Tokens } from "./Tokens.ts"
import { type TrailEntry, trailEntry } from "./Trail.ts"
import { cut } from "./Verdict.ts"
import { Wants } from "./Wants.ts"
import type { AttemptLimits } from "./Watchdog.ts"

/** The prompt of a continuation by message. */
export const defaultPrompt =
  "Your previous response was interrupted. Continue exactly from where it ended, without repeating anything and without any introduction. It ended with:\n\n{partial}"

/** How often an answer is put down at most: the longest one of the longest model takes half as many requests. */
const mostPutDown = 64

/** Runs the attempts of an answer. It cannot fail: a failure is how the answer ends. */
export const runAttempts = (answer: Answer, context: AnswerContext): Effect.Effect<void, never, Upstream> =>
  Effect.suspend(() => new Attempts(answer, context).run())

type Ask = Extract<Pursuit.Step, { readonly _tag: "Ask" }>

class Attempts {
  private readonly answer: Answer
  private readonly context: AnswerContext
  /** What comes next. */
  private step: Ask = Pursuit.anybody
  /** What targets do not take. */
  private readonly learned: Learned
  private readonly tokens: Tokens
  private readonly wants: Wants
  /** Where the session of the answer is at home. */
  private readonly session: SessionHome | undefined
  /** How often the answer was put down. */
  private putDown = 0

  constructor(answer: Answer, context: AnswerContext) {
    this.answer = answer
    this.context = context
    this.learned = new Learned(answer.start.request, context, (target) => gaveToken(answer, target))
    this.tokens = new Tokens(answer, this.learned, context.dialects)
    const { session } = answer.start
    const affinity = session === undefined ? undefined : context.affinity()
    this.session =
      session === undefined || affinity === undefined ? undefined : new SessionHome(affinity, session, context.now())
    this.wants = new Wants(answer, context, this.learned, this.tokens, this.session?.home)
    // Who takes it up asks whoever knows where it was, first.
    if (answer.checkpoint !== undefined) this.step = { ...Pursuit.anybody, only: answer.checkpoint.channel }
  }

  run(): Effect.Effect<void, never, Upstream> {
    return Attempts.loop(this)
  }

  // One function for all: a generator function that is made for each call has a hidden class of its own, which lives, with
  // all that the function sees, until the old generation is collected.
  private static readonly loop = Effect.fnUntraced(function* (self: Attempts) {
    const { answer, context } = self
    answer.settings.budget.request(context.now())
    while (!answer.ended) {
      if (self.remaining() <= 0) return answer.fail(self.deadline())
      const picked = yield* self.pick()
      if (picked === undefined) continue
      // It may have waited in line for all of its time.
      if (answer.ended || self.remaining() <= 0) {
        picked.release(ignored)
        continue
      }
      const begun = self.prepare(picked)
      if (begun.mode !== undefined) {
        // Its count is committed before the upstream is called: a restart cannot forget that it was asked.
        yield* Effect.ignore(answer.lease.committed).pipe(
          Effect.onInterrupt(() => Effect.sync(() => picked.release(ignored)))
        )
        if (answer.ended) return picked.release(ignored)
      }
      const after = hedgeAfter(answer, begun)
      const left =
        after === undefined
          ? { picked, attempt: begun, end: yield* self.ask(picked, begun, begun.machine) }
          : yield* hedged(answer, context, self.sides(), after, { picked, attempt: begun })
      yield* self.conclude(left.picked, left.attempt, left.end)
    }
  })

  /** What two attempts side by side have of it. */
  private sides(): Loop {
    return {
      ask: (picked: Picked, begun: UnderWay, machine: Fed) => this.ask(picked, begun, machine),
      wanted: () => this.wants.now(Pursuit.anybody),
      isOfField: (begun: UnderWay, end: AttemptEnd) => this.learned.isOfField(begun, end),
      settle: (picked: Picked, begun: UnderWay, end: AttemptEnd) => this.settle(picked, begun, end),
      close: (picked: Picked, begun: UnderWay, error: ResilienceError) => this.close(picked, begun, error)
    }
  }

  private readonly remaining = (): number => this.answer.deadlineAt - this.context.now()

  private final(): ResilienceError | undefined {
    return Pursuit.finalError(this.answer.pursuit)
  }

  private deadline(): ResilienceError {
    const { start, startedAt } = this.answer
    return stackless(
      () => new DeadlineExceeded({ limitMillis: start.timeoutMillis, elapsedMillis: this.context.now() - startedAt })
    )
  }

  /** Does what was decided; `true` when the answer has ended by it. */
  private take(step: Pursuit.Step): boolean {
    if (step._tag === "GiveUp") {
      this.answer.fail(step.error)
      return true
    }
    this.step = step
    return false
  }

  /** The next target; `undefined` when there is none yet, or the answer has ended for want of one. */
  private pick(): Effect.Effect<Picked | undefined> {
    const { answer, context, step } = this
    const { broke, failed, previous } = answer.pursuit
    const wanted = this.wants.now(step)
    const fresh = broke !== undefined || previous === undefined
    if (fresh || step.only !== undefined || failed.length === 0) return this.pickNow(step, wanted, fresh)
    return Effect.flatMap(Effect.option(context.selection.peek(wanted)), (next) =>
      next._tag === "Some" && failed.includes(next.value.channel.id)
        ? this.pickAgain(next.value.channel.id)
        : this.pickNow(step, wanted, fresh)
    )
  }

  private pickNow(step: Ask, wanted: Wanted, fresh: boolean): Effect.Effect<Picked | undefined> {
    const choice = Effect.result(this.context.selection.pick(this.wants.inTime(wanted)))
    return Effect.map(choice, (chosen) => this.chosen(step, chosen, fresh))
  }

  /** Takes who was chosen, or what follows where nobody was. */
  private chosen(step: Ask, choice: Result.Result<Picked, ResilienceError>, fresh: boolean): Picked | undefined {
    const { answer, context } = this
    const { pursuit } = answer
    this.step = Pursuit.anybody
    if (choice._tag === "Failure") {
      if (this.remaining() <= 0) return undefined
      if (step.only === undefined) {
        this.take(Pursuit.giveUp(pursuit, this.final() ?? choice.failure, context.now()))
      } else if (pursuit.broke !== undefined && answer.settings.recovery.mode === "off") {
        // It was put down, and who put it down does not go on: for another one that would be a continuation.
        this.take(Pursuit.giveUp(pursuit, pursuit.broke.error, context.now()))
      } else answer.pursuit = { ...pursuit, failed: [...pursuit.failed, step.only] }
      return undefined
    }
    const picked = choice.success
    const { id } = picked.target.channel
    // It was waited for, and is asked again: that is a retry.
    if (!fresh && step.only === undefined && pursuit.failed.includes(id) && !this.spend()) {
      picked.release(ignored)
      this.take(Pursuit.giveUp(pursuit, this.final()!, context.now()))
      return undefined
    }
    if (!fresh && !step.announced) this.announce(id, 0)
    return picked
  }

  /** Everything has been tried: what failed otherwise is asked again, after a wait, if the budget allows. */
  private pickAgain(channel: string) {
    return Attempts.pickingAgain(this, channel)
  }

  private static readonly pickingAgain = Effect.fnUntraced(function* (self: Attempts, channel: string) {
    const { answer, context } = self
    self.step = Pursuit.anybody
    const decided = Pursuit.again(answer.pursuit, channel, yield* self.facts())
    if (decided._tag === "GiveUp") {
      self.take(decided)
      return undefined
    }
    self.announce(channel, decided.delayMillis)
    yield* self.sleep(decided.delayMillis)
    const { selection } = context
    const again = yield* selection.pick(self.wants.inTime(self.wants.now({ only: channel, otherKey: false }))).pipe(
      // Somebody else's failure has sent it to rest meanwhile.
      Effect.catch(() => selection.pick(self.wants.inTime(self.wants.now(Pursuit.anybody)))),
      Effect.result
    )
    if (again._tag === "Success") return again.success
    if (self.remaining() <= 0) return undefined
    self.take(Pursuit.giveUp(answer.pursuit, self.final() ?? again.failure, context.now()))
    return undefined
  })

  /** Tells the machine what comes: an attempt is begun. */
  private prepare(picked: Picked): UnderWay {
    const { answer, context } = this
    const { target } = picked
    const { id } = target.channel
    const { broke, previous } = answer.pursuit
    if (previous !== undefined && previous.channel !== id) {
      context.events.tell({ _tag: "FailedOver", answer: answer.ref, from: previous.channel, to: id })
    }
    const mode = this.modeFor(target)
    const begun = answer.begin(target, mode)
    answer.current = begun
    if (broke === undefined && mode === "token") answer.machine.goOn()
    else {
      if (broke === undefined) answer.machine.begin(target.model)
      if (mode !== undefined) {
        const join = { to: id, mode, unproven: mode === "prefill" && target.channel.continuation === "auto" }
        answer.machine.join(broke === undefined ? join : { ...join, from: broke.from, reason: broke.reason })
      }
    }
    // Who is asked is known to whoever takes the answer up.
    answer.note(answer.machine.committed ? "streaming" : "started")
    return begun
  }

  /** How a target is to go on from what there is of the answer; `undefined`: it begins it. */
  private modeFor(target: Target): UnderWay["mode"] {
    const { machine, pursuit, start } = this.answer
    if (this.tokens.leadOn(target)) return "token"
    if (pursuit.broke === undefined && start.request.given === undefined) return undefined
    if (machine.partial === "") return "restart"
    return this.learned.continuations(target)[0] ?? "message"
  }

  /** Asks. Whatever ends it from outside, a bug too, its target is given back. */
  private ask(picked: Picked, begun: UnderWay, machine: Fed): Effect.Effect<AttemptEnd, never, Upstream> {
    const asked = Effect.suspend(() => this.open(picked, begun, machine))
    return Effect.onError(asked, (cause) =>
      Effect.sync(() => {
        const { answer } = this
        // One that was closed for another has been told of already.
        if (answer.current !== begun && answer.beside !== begun) return
        const bug = cause.reasons.find(Cause.isDieReason)?.defect
        const ended = answer.failure ?? stackless(() => new ClientGone({}))
        this.close(picked, begun, bug === undefined ? ended : failedByBug(bug))
      })
    )
  }

  private open(picked: Picked, begun: UnderWay, machine: Fed): Effect.Effect<AttemptEnd, never, Upstream> {
    const { answer, context } = this
    const { mode } = begun
    const { target } = picked
    const dialect = context.dialects.of(target.channel.dialect)
    const { request } = answer.start
    answer.attemptShownAt = undefined
    begun.streams = this.learned.streams(target)
    begun.without = this.learned.fields(target)
    const affinity = this.session?.first(target)
    const { ref } = answer
    const asked = { attempt: begun.number, channel: target.channel.id, key: target.keyIndex, model: target.model }
    answer.asked.began(asked)
    const { attempt: number, channel, key, model } = asked
    context.events.tell({ _tag: "AttemptBegan", answer: ref, attempt: number, channel, key, model, mode, affinity })
    const encoding = dialect.encode({
      // What was given stands in what is gone on from.
      request: request.given === undefined ? request : { ...request, asked: request.given.before },
      model: target.model,
      stream: begun.streams,
      continuation: this.continuation(begun),
      params: target.channel.params,
      refused: begun.without,
      drop: target.channel.onUnsupported === "drop"
    })
    if (encoding._tag === "Failure") {
      return Effect.succeed({
        verdict: { _tag: "Broken", error: encoding.failure },
        byStatus: false,
        status: undefined
      })
    }
    const encoded: Encoded = encoding.success
    begun.sent = encoded.body
    begun.dropped = fewNames(encoded.dropped)
    return attempt({
      target,
      dialect,
      request,
      encoded,
      streams: begun.streams,
      relayName: context.name,
      // Whoever interrupts all that is under way without a word stops this relay.
      closedBy: () => begun.closedBy ?? answer.failure ?? stackless(() => new ShuttingDown({})),
      machine: this.tokens.between(begun, machine),
      written: () => begun.machine.words,
      limits: this.limits(picked, begun),
      watchdog: context.watchdog,
      onClocks: (clocks) => {
        begun.clocks = clocks
      },
      onPressure: (listener) => {
        begun.onPressure = listener
        answer.lease.onPressure(answer.press)
      },
      onAnswered: picked.taken,
      onFinishing: () => answer.note("streaming")
    })
  }

  /** An attempt is given up, for a reason that is not its own. */
  private close(picked: Picked, begun: UnderWay, error: ResilienceError): void {
    picked.release(ignored)
    begun.closedBy = error
    const verdict = { _tag: "Broken", error } as const
    this.answer.trail.push(this.entry(begun, { verdict, byStatus: false, status: undefined }, error))
  }

  private limits({ last, target }: Picked, { streams }: UnderWay): AttemptLimits {
    const { answer } = this
    const clocks = { ...answer.settings.timeouts, ...target.channel.timeouts }
    return {
      clocks: {
        headersMillis: streams ? clocks.headers : undefined,
        // The last candidate that is left is not cut: a slow answer is better than none.
        firstContentMillis: streams && !last ? clocks.firstContent : undefined,
        idleMillis: streams ? clocks.idle : undefined,
        totalMillis: answer.deadlineAt - answer.clockedFrom
      },
      attemptMillis: target.channel.timeouts.total,
      requestedAt: answer.clockedFrom
    }
  }

  private continuation({ mode }: UnderWay): ContinuationAsked | undefined {
    const { checkpoint, machine, settings, start } = this.answer
    const { partial } = machine
    const given = start.request.given?.text
    switch (mode) {
      case "prefill":
        return { mode, partial, given }
      case "message":
        return { mode, partial, given, prompt: settings.recovery.prompt ?? defaultPrompt }
      case "token":
        return checkpoint && { mode, partial, given, token: checkpoint.token }
      case "restart":
      case undefined:
        return undefined
    }
  }

  /** Tells all who have to know how an attempt ended; gives its failure, if it was one. */
  private settle(picked: Picked, begun: UnderWay, end: AttemptEnd): Pursuit.Failed | undefined {
    const { answer, context } = this
    const { target } = picked
    const { channel, keyIndex } = target
    const { mode, sent } = begun
    const error = end.verdict._tag === "Broken" ? end.verdict.error : undefined
    answer.checkpoint = begun.checkpoint ?? answer.checkpoint
    const refusal = this.learned.from(begun, mode === "restart" ? undefined : mode, end)
    picked.release(this.outcome(channel.id, end, refusal === undefined ? error : undefined, sent))
    const entry = this.entry(begun, end, error)
    answer.trail.push(entry)
    if (end.verdict._tag === "Complete") answer.settings.budget.success(context.now(), 0)
    if (refusal === undefined && error === undefined) return undefined
    if (refusal === undefined && error?._tag !== "DeadlineExceeded") answer.settings.budget.failure(context.now())
    return {
      // A refused mode may be told without an error: the answer was begun anew.
      error: error ?? begunAnew(),
      channel: channel.id,
      keyIndex,
      keyCount: channel.keys.length,
      pin: answer.pin,
      room: roomOf(target),
      silentMillis: entry.durationMillis,
      continuing: mode !== undefined,
      refusal,
      statusForbids: end.byStatus && end.status !== undefined && !answer.settings.retry.statuses(end.status)
    }
  }

  /** Draws what is due from how an attempt ended. */
  private conclude(picked: Picked, begun: UnderWay, end: AttemptEnd): Effect.Effect<void> {
    const { target } = picked
    const failed = this.settle(picked, begun, end)
    switch (end.verdict._tag) {
      case "Complete":
        this.session?.keep(target, this.context.now())
        this.answer.complete()
        return Effect.void
      case "Paused":
        this.goOn(target)
        return Effect.void
      default:
        return failed === undefined ? Effect.void : Attempts.failing(this, target, begun, failed)
    }
  }

  private static readonly failing = Effect.fnUntraced(function* (
    self: Attempts,
    target: Target,
    begun: UnderWay,
    failed: Pursuit.Failed
  ) {
    const { answer } = self
    const [pursuit, step] = Pursuit.next(answer.pursuit, failed, {
      ...(yield* self.facts()),
      usable: () => self.wants.isUsable(target),
      fresh: () => self.wants.fresh(target),
      otherwise: failed.refusal?._tag === "Field" || self.learned.continuations(target).length > 0
    })
    answer.pursuit = pursuit
    if (self.take(step)) return
    // It has got on, and says from where on it can go on exactly: another one could only guess.
    if (begun.checkpoint !== undefined && self.step.only === undefined && self.tokens.leadOn(target)) {
      self.step = { ...self.step, only: target.channel.id }
    }
    // What was tried is known to whoever takes the answer up.
    answer.note(answer.machine.committed ? "streaming" : "started")
    const { delayMillis, only } = self.step
    if (only === undefined || delayMillis <= 0) return
    self.announce(only, delayMillis)
    self.step = { ...self.step, announced: true }
    yield* self.sleep(delayMillis)
  })

  /** The upstream has put the answer down: the rest is asked for. */
  private goOn({ channel }: Target): void {
    const { answer } = this
    if (++this.putDown > mostPutDown) return answer.fail(this.final() ?? cut())
    const [pursuit, step] = Pursuit.putDown(answer.pursuit, channel.id, answer.machine.committed)
    answer.pursuit = pursuit
    this.take(step)
  }

  private facts(): Effect.Effect<Omit<Pursuit.Facts, "fresh" | "otherwise" | "usable">> {
    const { answer, context } = this
    const { machine, start } = answer
    const { phase } = machine
    return Effect.map(this.backoff(), (backoff) => ({
      retry: answer.settings.retry,
      recovery: answer.settings.recovery,
      now: context.now(),
      remaining: this.remaining(),
      backoff,
      phase: !machine.committed
        ? "unseen"
        : phase._tag === "Sealed" || machine.full || start.request.choices > 1
          ? "final"
          : phase._tag === "Joining"
            ? "joining"
            : "shown",
      budget: () => this.spend()
    }))
  }

  /** Takes one retry from the budget: it governs what is asked again, never the first move to another nor a continuation. */
  private spend(): boolean {
    const { pursuit, settings } = this.answer
    return settings.budget.retry(this.context.now(), pursuit.first) !== RetryBudgetState.refused
  }

  /** Sleeps, and not too little: a timer is early by what its turn of the event loop had taken before it was set. */
  private sleep(millis: number) {
    return Attempts.sleeping(this, millis)
  }

  private static readonly sleeping = Effect.fnUntraced(function* (self: Attempts, millis: number) {
    const until = self.context.now() + millis
    for (let left = millis; left > 0; left = until - self.context.now()) yield* Effect.sleep(Math.ceil(left))
  })

  private announce(to: string, delayMillis: number): void {
    const { previous } = this.answer.pursuit
    if (previous !== undefined) this.answer.announce(previous.reason, previous.channel, to, delayMillis)
  }

  private backoff(): Effect.Effect<number> {
    const { backoff } = this.answer.settings
    return Effect.map(backoff.random ? Random.next : Effect.succeed(0), (draw) => {
      let step = backoff.step(1, backoff.initial, draw)
      for (let attempt = 2; attempt <= this.answer.attempts; attempt++) step = backoff.step(attempt, step.state, draw)
      return step.delayMillis
    })
  }

  private entry(begun: UnderWay, end: AttemptEnd, error: ResilienceError | undefined): TrailEntry {
    const { answer, context } = this
    const { dropped, mode, number, startedAt, target } = begun
    if (answer.current === begun) answer.current = undefined
    else answer.beside = undefined
    const durationMillis = context.now() - startedAt
    const entry = trailEntry({
      attempt: number,
      target,
      mode,
      status: end.status,
      upstreamRequestId: end.upstreamRequestId,
      error,
      durationMillis,
      dropped
    })
    const firstContentMillis = answer.attemptShownAt === undefined ? undefined : answer.attemptShownAt - startedAt
    const { said } = end
    answer.asked.ended(entry)
    context.events.tell({ _tag: "AttemptEnded", answer: answer.ref, entry, error, said, firstContentMillis })
    return entry
  }

  /** What an end says of the target's health: one penalty for a channel and request, none for a refused mode. */
  private outcome(channel: string, end: AttemptEnd, error: ResilienceError | undefined, sent: string): Outcome {
    if (end.verdict._tag === "Complete" || end.verdict._tag === "Paused") return { _tag: "Success" }
    if (error === undefined) return ignored
    const { pursuit, witness } = this.answer
    const { byStatus, words } = end
    return {
      _tag: "Failure",
      error,
      penalise: !pursuit.penalised.includes(channel),
      testimony: { _tag: "Answer", byStatus, words, sent, witness }
    }
  }
}

const ignored: Outcome = { _tag: "Ignored" }

/** What a target is told of that begins an answer anew although it was asked to go on. */
const begunAnew = (): ResilienceError =>
  stackless(() => new BadResponse({ message: "the upstream began the answer anew" }))

const failedByBug = (bug: unknown): ResilienceError =>
  stackless(() => new InternalError({ message: `the relay failed on an attempt: ${String(bug)}` }))
