/**
 * The attempts of one answer: picks, asks, tells, sleeps, one after the other, until the answer has ended. What follows a
 * failure is decided in `Pursuit` and `Decision`, what an attempt's content means in `Machine`, who is asked in
 * `Selection`, and one attempt is run in `AttemptRunner`; here they are put to work.
 */
import { Effect, Random, type Result } from "effect"
import type { Picked, Target, Upstream, Wanted } from "../channel/index.ts"
import { DeadlineExceeded, type ResilienceError, stackless } from "../errors/index.ts"
import { RetryBudgetState } from "../policy/index.ts"
import type { Answer } from "./Answer.ts"
import type { AnswerContext } from "./AnswerStart.ts"
import type { UnderWay } from "./UnderWay.ts"
import type { Fed } from "./Attempt.ts"
import type { AttemptEnd } from "./AttemptEnd.ts"
import { AttemptRunner, ignored } from "./AttemptRunner.ts"
import { hedgeAfter, hedged, type Loop } from "./Hedging.ts"
import { Learned } from "./Learned.ts"
import * as Pursuit from "./Pursuit.ts"
import { SessionHome } from "./SessionHome.ts"
import { gaveToken, Tokens } from "./Tokens.ts"
import { cut } from "./Verdict.ts"
import { Wants } from "./Wants.ts"

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
  private readonly runner: AttemptRunner
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
    this.runner = new AttemptRunner(answer, context, {
      learned: this.learned,
      session: this.session,
      tokens: this.tokens
    })
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
      const begun = self.runner.prepare(picked)
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
          ? { picked, attempt: begun, end: yield* self.runner.ask(picked, begun, begun.machine) }
          : yield* hedged(answer, context, self.sides(), after, { picked, attempt: begun })
      yield* self.conclude(left.picked, left.attempt, left.end)
    }
  })

  /** What two attempts side by side have of it. */
  private sides(): Loop {
    return {
      ask: (picked: Picked, begun: UnderWay, machine: Fed) => this.runner.ask(picked, begun, machine),
      wanted: () => this.wants.now(Pursuit.anybody),
      isOfField: (begun: UnderWay, end: AttemptEnd) => this.learned.isOfField(begun, end),
      settle: (picked: Picked, begun: UnderWay, end: AttemptEnd) => this.runner.settle(picked, begun, end),
      close: (picked: Picked, begun: UnderWay, error: ResilienceError) => this.runner.close(picked, begun, error)
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

  /** Draws what is due from how an attempt ended. */
  private conclude(picked: Picked, begun: UnderWay, end: AttemptEnd): Effect.Effect<void> {
    const { target } = picked
    const failed = this.runner.settle(picked, begun, end)
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
      called: machine.called,
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
}
