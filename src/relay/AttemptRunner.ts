/**
 * One attempt after the other of an answer, each by itself: how its target is asked, and what all who have to know are told of
 * how it ended. What follows from that is decided in `Attempts`.
 */
import { Cause, Effect } from "effect"
import type { Outcome, Picked, Target, Upstream } from "../channel/index.ts"
import type { ContinuationAsked, Encoded } from "../dialect/index.ts"
import {
  BadResponse,
  ClientGone,
  fewNames,
  InternalError,
  type ResilienceError,
  ShuttingDown,
  stackless
} from "../errors/index.ts"
import type { Answer } from "./Answer.ts"
import type { AnswerContext } from "./AnswerStart.ts"
import type { UnderWay } from "./UnderWay.ts"
import { attempt, type Fed } from "./Attempt.ts"
import type { AttemptEnd } from "./AttemptEnd.ts"
import { roomOf } from "./Decision.ts"
import type { Learned } from "./Learned.ts"
import type * as Pursuit from "./Pursuit.ts"
import type { SessionHome } from "./SessionHome.ts"
import type { Tokens } from "./Tokens.ts"
import { type TrailEntry, trailEntry } from "./Trail.ts"
import type { AttemptLimits } from "./Watchdog.ts"

/** A continuation by what was shown, and not by a token. */
type InWords = Exclude<ContinuationAsked, { readonly mode: "token" }>

/** The prompt of a continuation by message. */
const defaultPrompt =
  "Your previous response was interrupted. Continue exactly from where it ended, without repeating anything and without any introduction. It ended with:\n\n{partial}"

/** Runs the attempts of one answer, each by itself. */
export class AttemptRunner {
  private readonly answer: Answer
  private readonly context: AnswerContext
  /** What targets do not take. */
  private readonly learned: Learned
  private readonly tokens: Tokens
  /** Where the session of the answer is at home. */
  private readonly session: SessionHome | undefined

  constructor(
    answer: Answer,
    context: AnswerContext,
    { learned, session, tokens }: { learned: Learned; session: SessionHome | undefined; tokens: Tokens }
  ) {
    this.answer = answer
    this.context = context
    this.learned = learned
    this.tokens = tokens
    this.session = session
  }

  /** Tells the machine what comes: an attempt is begun. */
  prepare(picked: Picked): UnderWay {
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
  ask(picked: Picked, begun: UnderWay, machine: Fed): Effect.Effect<AttemptEnd, never, Upstream> {
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
  close(picked: Picked, begun: UnderWay, error: ResilienceError): void {
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
    const { checkpoint, machine, start } = this.answer
    const { partial } = machine
    switch (mode) {
      case "prefill":
      case "message":
        return this.inWords(mode, partial)
      case "token": {
        if (checkpoint === undefined) return undefined
        const { after, token } = checkpoint
        const words = after && this.inWords(after.mode, partial.slice(0, after.length))
        return { mode, partial, given: start.request.given?.text, token, after: words }
      }
      case "restart":
      case undefined:
        return undefined
    }
  }

  private inWords(mode: InWords["mode"], partial: string): InWords {
    const { settings, start } = this.answer
    const given = start.request.given?.text
    return mode === "prefill"
      ? { mode, partial, given }
      : { mode, partial, given, prompt: settings.recovery.prompt ?? defaultPrompt }
  }

  /** Tells all who have to know how an attempt ended; gives its failure, if it was one. */
  settle(picked: Picked, begun: UnderWay, end: AttemptEnd): Pursuit.Failed | undefined {
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

/** Nobody learns anything from it. */
export const ignored: Outcome = { _tag: "Ignored" }

/** What a target is told of that begins an answer anew although it was asked to go on. */
const begunAnew = (): ResilienceError =>
  stackless(() => new BadResponse({ message: "the upstream began the answer anew" }))

const failedByBug = (bug: unknown): ResilienceError =>
  stackless(() => new InternalError({ message: `the relay failed on an attempt: ${String(bug)}` }))
