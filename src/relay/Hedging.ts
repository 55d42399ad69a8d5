/**
 * Two attempts side by side: one that shows nothing for `retry.hedgeAfter` gets a second beside it, on a fresh channel, and
 * the first content of either is the answer. Here is their race, until one is left; who is asked, how, and what an end
 * means is the attempt loop's.
 *
 * Each of the two has a machine of its own, so that nothing of one can get into the other: an opening role, ids, a finish
 * or usage that stood before the content. The machines share the answer's encoder, which hears of nothing before the first
 * content; so the machine that has it is simply the answer's from then on, and the other one is forgotten with its bill.
 *
 * | what happens before the first content | what follows |
 * |---|---|
 * | one has content, or a good end without any | the other is closed, and nobody is blamed |
 * | one fails | as any failure: penalised, in the trail, counted; the other goes on alone, and may get a second again |
 * | one fails by the request itself, by its time, or by a cancel down the line | that is the answer's end: the other is closed |
 * | one refuses a field that no client had asked for | the other goes on; it is asked again without it when a second one is due |
 * | both fail | what is left of the request's attempts, after the second one |
 *
 * Where `retry.hedgeAfter` is set it costs a request a fiber and a timer, some 100 µs of processor time on an answer's 500,
 * and an event a branch; where it is null, nothing.
 */
import { Effect, type Exit, Fiber } from "effect"
import type { Picked, Upstream, Wanted } from "../channel/index.ts"
import { isContent } from "../dialect/index.ts"
import { blameOf, type ResilienceError, stackless, StreamCancelled, streamFault } from "../errors/index.ts"
import { RetryBudgetState } from "../policy/index.ts"
import type { Answer } from "./Answer.ts"
import type { AnswerContext } from "./AnswerStart.ts"
import type { UnderWay } from "./UnderWay.ts"
import type { Fed } from "./Attempt.ts"
import type { AttemptEnd } from "./AttemptEnd.ts"
import { isTooLong } from "./Decision.ts"
import type { Phase } from "./Phase.ts"
import * as Pursuit from "./Pursuit.ts"
import { going, type Verdict } from "./Verdict.ts"

/** What a race has of the attempt loop. */
export interface Loop {
  readonly ask: (picked: Picked, attempt: UnderWay, machine: Fed) => Effect.Effect<AttemptEnd, never, Upstream>
  /** What is wanted of a target, whichever it is. */
  readonly wanted: () => Wanted
  /** Whether its target refused what the relay had added, and not the request. */
  readonly isOfField: (attempt: UnderWay, end: AttemptEnd) => boolean
  /** Tells all who have to know how an attempt ended; gives its failure, if it was one. */
  readonly settle: (picked: Picked, attempt: UnderWay, end: AttemptEnd) => Pursuit.Failed | undefined
  /** Gives an attempt up, for a reason that is not its own. */
  readonly close: (picked: Picked, attempt: UnderWay, error: ResilienceError) => void
}

/** An attempt that was begun. */
export interface Begun {
  readonly picked: Picked
  readonly attempt: UnderWay
}

/** The attempt that was left, and how it ended. */
export interface Left extends Begun {
  readonly end: AttemptEnd
}

/**
 * After how many milliseconds of silence an attempt gets a second beside it; `undefined`: never, since something was shown,
 * its channel shows nothing before it has said all, it is pinned, or none is left. Whether there is anybody to ask is seen when it is due.
 */
export const hedgeAfter = ({ pin, pursuit, settings }: Answer, { mode, streams }: UnderWay): number | undefined => {
  const { hedgeAfter, times } = settings.retry
  return hedgeAfter === null || pin !== undefined || mode !== undefined || !streams || pursuit.attempts > times
    ? undefined
    : hedgeAfter
}

/** Runs an attempt, and a second beside it when it is due, until the end of the one that is left. */
export const hedged = (
  answer: Answer,
  context: AnswerContext,
  loop: Loop,
  afterMillis: number,
  begun: Begun
): Effect.Effect<Left, never, Upstream> => Effect.suspend(() => new Race(answer, context, loop, afterMillis, begun).run)

/**
 * Whether an attempt's end is the race's, whoever else is under way: it has an answer, or a part of one; or the request is at
 * fault, so that no other channel would have been asked; or its time is over; or somebody down the line has cancelled it. What is
 * too long for one model need not be for another.
 */
const endsAnswer = ({ verdict }: AttemptEnd): boolean => {
  if (verdict._tag !== "Broken") return verdict._tag !== "Refused"
  const { error } = verdict
  const blame = blameOf(error)
  return (
    (blame === "caller" && !isTooLong(error)) ||
    blame === "content" ||
    blame === "cancelled" ||
    error._tag === "DeadlineExceeded"
  )
}

/** Why an attempt was closed that another was faster than. */
const outrun = (): ResilienceError =>
  stackless(() => {
    const message = "closed: another attempt of the request, beside it, was first"
    return new StreamCancelled({ fault: streamFault({ code: 12007, side: "client", message }), message })
  })

/** One of the two: what its upstream says goes to its own machine, as long as that may be the answer. */
class Lane implements Fed {
  readonly picked: Picked
  readonly attempt: UnderWay
  /** `open`: nobody has content · `first`: it is the answer · `closed`: it is none of it. */
  standing: "open" | "first" | "closed" = "open"
  fiber: Fiber.Fiber<AttemptEnd> | undefined
  exit: Exit.Exit<AttemptEnd> | undefined
  private readonly race: Race

  constructor(picked: Picked, attempt: UnderWay, race: Race) {
    this.picked = picked
    this.attempt = attempt
    this.race = race
  }

  get channel(): string {
    return this.attempt.target.channel.id
  }

  get phase(): Phase {
    return this.attempt.machine.phase
  }

  step(...given: Parameters<Fed["step"]>): Verdict {
    const [event] = given
    if (this.standing !== "first") {
      if (this.isSilenced) return going
      if (event._tag === "Delta" && isContent(event)) this.race.first(this)
    }
    return this.attempt.machine.step(...given)
  }

  eof(): Verdict {
    return this.isSilenced ? going : this.attempt.machine.eof()
  }

  pause(): Verdict {
    return this.isSilenced ? going : this.attempt.machine.pause()
  }

  loss(error: ResilienceError): Verdict {
    return this.standing === "closed" ? going : this.attempt.machine.loss(error)
  }

  // Of two machines only the answer's knows when the answer has been ended from outside.
  private get isSilenced(): boolean {
    return this.standing === "closed" || (this.standing === "open" && this.race.answer.ended)
  }
}

class Race {
  readonly answer: Answer
  private readonly context: AnswerContext
  private readonly loop: Loop
  private readonly afterMillis: number
  /** Those under way that may be the answer. */
  private lanes: ReadonlyArray<Lane> = []
  /** The one that is the answer's attempt for now. */
  private main: Lane
  private readonly fibers: Array<Fiber.Fiber<AttemptEnd>> = []
  /** When it is time for a second one. */
  private dueAt: number | undefined
  private wake: () => void = () => {}

  constructor(answer: Answer, context: AnswerContext, loop: Loop, afterMillis: number, begun: Begun) {
    this.answer = answer
    this.context = context
    this.loop = loop
    this.afterMillis = afterMillis
    this.main = new Lane(begun.picked, begun.attempt, this)
  }

  readonly run: Effect.Effect<Left, never, Upstream> = Effect.suspend(() => {
    this.answer.onFirst = (machine) => {
      const lane = this.lanes.find(({ attempt, standing }) => standing === "open" && attempt.machine === machine)
      if (lane !== undefined) this.first(lane)
    }
    const over = Effect.suspend(() => {
      this.answer.onFirst = undefined
      return Fiber.interruptAll(this.fibers)
    })
    return Effect.ensuring(this.untilOneIsLeft(), over)
  })

  private readonly untilOneIsLeft = Effect.fnUntraced({ self: this }, function* (this: Race) {
    const { main } = this
    this.dueAt = this.dueOf(main)
    yield* this.begin(main)
    for (;;) {
      yield* this.something
      const lane = this.lanes.find(({ exit }) => exit !== undefined)
      if (lane?.exit === undefined) {
        if (!this.isDue) continue
        // Timers come before sockets: after a pause of our own process what was sent meanwhile is read first, and what
        // was missed is given back to the attempt's clocks.
        yield* Effect.yieldNow
        if (this.dueAt !== undefined) this.dueAt = this.dueOf(this.main)
        if (!this.isDue || this.lanes.some(({ exit }) => exit !== undefined)) continue
        this.dueAt = undefined
        yield* this.second
        continue
      }
      // A bug in an attempt is the answer's.
      const end = yield* lane.exit
      const other = this.lanes.find((one) => one !== lane)
      const ends = endsAnswer(end) && !this.loop.isOfField(lane.attempt, end)
      if (other === undefined || ends) return this.leave(lane, end)
      this.failed(lane, end, other)
    }
  })

  /** Waits until an attempt has ended, one was first, or a second is due. */
  private readonly something: Effect.Effect<void> = Effect.suspend(() => {
    if (this.lanes.some(({ exit }) => exit !== undefined)) return Effect.void
    const woken = Effect.callback<void>((resume) => {
      this.wake = () => resume(Effect.void)
    })
    if (this.dueAt === undefined) return woken
    const wait = this.dueAt - this.context.now()
    return wait <= 0 ? Effect.void : Effect.raceFirst(Effect.sleep(wait), woken)
  })

  private get isDue(): boolean {
    return this.dueAt !== undefined && this.context.now() >= this.dueAt
  }

  /** What says nothing before it has said all is not silent, and gets no second. */
  private dueOf({ attempt }: Lane): number | undefined {
    const { clocks, startedAt, streams } = attempt
    return streams ? (clocks?.startedAt ?? startedAt) + this.afterMillis : undefined
  }

  private readonly begin = Effect.fnUntraced({ self: this }, function* (this: Race, lane: Lane) {
    this.lanes = [...this.lanes, lane]
    const asking = this.loop.ask(lane.picked, lane.attempt, lane)
    const fiber = yield* Effect.forkChild(asking, { startImmediately: true })
    lane.fiber = fiber
    this.fibers.push(fiber)
    fiber.addObserver((exit) => {
      // One that was closed ends in the middle of what closes it, and nobody waits for that.
      if (lane.standing === "closed") return
      lane.exit = exit
      this.wake()
    })
  })

  /** Begins a second attempt, if there is a channel for it now and all allow it. It waits for nobody. */
  private readonly second = Effect.suspend(() => {
    const { answer, context, loop, main } = this
    const { deadlineAt, pursuit, settings } = answer
    // With nobody reading nothing is begun.
    if (answer.ended || answer.unread || context.now() >= deadlineAt) return Effect.void
    if (pursuit.attempts > settings.retry.times) return Effect.void
    const tried = Pursuit.askedOf(pursuit, main.channel)
    // The one that is silent is no other: with it out, the last other one is not cut by its clock.
    const out = new Set([...tried.out, main.channel])
    // One that rests, or has failed, or that others wait for, would be asked in the end, but not beside another one.
    const wanted: Wanted = { ...loop.wanted(), tried: { ...tried, out }, spare: true }
    if (context.selection.fresh(wanted) === 0) return Effect.void
    // The budget is asked last: asking takes of it.
    const paid = settings.budget.retry(context.now(), pursuit.first)
    if (paid === RetryBudgetState.refused) return Effect.void
    return Effect.matchEffect(context.selection.pick(wanted), {
      onFailure: () => Effect.sync(() => settings.budget.refund(context.now(), paid)),
      onSuccess: (picked) => {
        const { channel, model } = picked.target
        answer.announce("channel:response_time_exceeded", main.channel, channel.id, 0)
        const attempt = answer.begin(picked.target, undefined, answer.makeMachine())
        attempt.machine.begin(model)
        answer.beside = attempt
        // That both were asked is known to whoever takes the answer up.
        answer.note("started")
        return this.begin(new Lane(picked, attempt, this))
      }
    })
  })

  /** Content has come to one of them: it is the answer. Called from its socket's callback, before any of it is shown. */
  first(lane: Lane): void {
    lane.standing = "first"
    this.dueAt = undefined
    for (const other of this.lanes) {
      if (other === lane) continue
      this.close(other, outrun())
      if (other === this.main) this.answer.pursuit = Pursuit.outrun(this.answer.pursuit, other.channel)
    }
    this.leadBy(lane)
    this.wake()
  }

  /** One of two has failed: the other goes on alone. */
  private failed(lane: Lane, end: AttemptEnd, other: Lane): void {
    const { answer, context, loop } = this
    lane.standing = "closed"
    const failed = loop.settle(lane.picked, lane.attempt, end)
    if (failed !== undefined) answer.pursuit = Pursuit.failedBeside(answer.pursuit, failed, context.now())
    this.leadBy(other)
    answer.note("started")
    this.dueAt = this.dueOf(other)
  }

  /** One has ended, and so has the race. */
  private leave(lane: Lane, end: AttemptEnd): Left {
    const { verdict } = end
    const late = verdict._tag === "Broken" && verdict.error._tag === "DeadlineExceeded"
    for (const other of this.lanes) if (other !== lane) this.close(other, late ? verdict.error : outrun())
    this.leadBy(lane)
    return { picked: lane.picked, attempt: lane.attempt, end }
  }

  private close(lane: Lane, error: ResilienceError): void {
    lane.standing = "closed"
    this.loop.close(lane.picked, lane.attempt, error)
    lane.fiber?.interruptUnsafe()
  }

  /** No other is under way: it is the answer's attempt. */
  private leadBy(lane: Lane): void {
    const { answer, context, main } = this
    this.lanes = [lane]
    this.main = lane
    answer.prefer(lane.attempt)
    if (main === lane) return
    context.events.tell({ _tag: "FailedOver", answer: answer.ref, from: main.channel, to: lane.channel })
  }
}
