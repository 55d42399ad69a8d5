/**
 * One answer under way: its lease on the journal, its machine, its pursuit and trail, and its end. `Attempts` feeds it. It
 * belongs to the relay and never to a request: who reads it, and whether anybody does, is the journal's business. What
 * others must know of it stands in its note.
 */
import { makeWitness, type Pin, type Target, type Witness } from "../channel/index.ts"
import { type AnswerEncoder, type ClientDialect, parseJson, type Payload } from "../dialect/index.ts"
import { blameOf, LeaseLost, maskError, type ResilienceError, stackless } from "../errors/index.ts"
import type { Lease } from "../journal/index.ts"
import type { AnswerContext, AnswerStart, Restored } from "./AnswerStart.ts"
import { creditsOf, settled } from "./Bill.ts"
import type { Checkpoint } from "./Checkpoint.ts"
import type { AnswerOver, AnswerRef } from "./Events.ts"
import { LastAsked } from "./LastAsked.ts"
import { Machine } from "./Machine.ts"
import { LateNote, type Note, type NoteStatus, type OpenAttempt } from "./Note.ts"
import { freesKey, LateOutcome } from "./Outcome.ts"
import { pinOf } from "./Pinned.ts"
import { joined, type Pursuit, type Reason, untried } from "./Pursuit.ts"
import type { AnswerSettings } from "./RelayOptions.ts"
import { lostEntry, type TrailEntry } from "./Trail.ts"
import type { UnderWay } from "./UnderWay.ts"

/** Where an answer is. */
type State =
  | { readonly _tag: "Running" }
  /** `error`: how it ended badly, or why it was given up. */
  | { readonly _tag: "Ended"; readonly error: ResilienceError | undefined }

const running: State = { _tag: "Running" }

const nothing: ReadonlySet<string> = new Set()

/** One answer. */
export class Answer {
  readonly id: string
  readonly start: AnswerStart
  /** What was set when it started. */
  readonly settings: AnswerSettings
  readonly lease: Lease
  /** Nobody else is asked. */
  readonly pin: Pin | undefined
  /** What is shown comes out of it. */
  machine: Machine
  /** The attempts that have ended. */
  readonly trail: Array<TrailEntry> = []
  /** What was tried. */
  pursuit: Pursuit = untried
  /** It gives evidence once, whatever it asks. */
  readonly witness: Witness = makeWitness()
  /** The attempt under way. */
  current: UnderWay | undefined
  /** A second one beside it, while neither has said anything. */
  beside: UnderWay | undefined
  /** Told which machine has something to show, before the first of it is shown. */
  onFirst: ((machine: Machine) => void) | undefined
  /** From where on an upstream can go on, by what the attempts that have ended have said. */
  checkpoint: Checkpoint | undefined
  /** When it was asked for, epoch milliseconds. */
  readonly createdAt: number
  /**
   * When it was asked for, when its clocks began here, and when it has to be over, by `now`. What another process has begun
   * was asked for as long ago as the clock of this one says when it takes it up, and not in the future.
   */
  readonly startedAt: number
  readonly clockedFrom: number
  readonly deadlineAt: number
  /** Which answer this is, for events. */
  readonly ref: AnswerRef
  /** Whom it has asked, as those who are told of it read it. */
  readonly asked = new LastAsked()
  /** When the attempt under way was first shown, by `now`. */
  attemptShownAt: number | undefined
  private state: State = running
  private shown: Note["shown"]
  /** What is told of its end, while that is not committed. */
  private untold: ({ readonly _tag: "StreamEnded" } & AnswerOver) | undefined
  private overListener: (() => void) | undefined

  /** What its request is reckoned at, where nobody else can read it. */
  private readonly inputTokens: number | undefined
  private readonly context: AnswerContext
  private readonly encoder: AnswerEncoder
  private readonly frame: ReturnType<ClientDialect["frames"]>

  constructor(start: AnswerStart, lease: Lease, context: AnswerContext, restored?: Restored) {
    const now = context.now()
    this.id = lease.id
    this.start = start
    this.lease = lease
    this.context = context
    this.settings = start.settings ?? context.snapshot()
    this.pin = pinOf(start.request)
    this.inputTokens = context.storesRequests ? undefined : start.request.inputEstimate()
    const wall = context.wall()
    this.createdAt = restored?.note.startedAt ?? wall
    this.startedAt = now - Math.max(0, wall - this.createdAt)
    this.clockedFrom = now
    this.deadlineAt = Math.max(this.startedAt + start.timeoutMillis, now + (restored?.grace ?? 0))
    this.ref = {
      requestId: start.requestId,
      streamId: lease.id,
      owner: start.owner,
      group: start.group,
      model: start.request.model,
      listed: context.selection.models(start.group).includes(start.request.model),
      dialect: start.dialect.name,
      delivery: start.request.delivery,
      asked: this.asked,
      traceId: start.traceId,
      address: start.address
    }
    this.frame = start.dialect.frames(lease.id)
    this.encoder =
      restored?.encoder ??
      start.dialect.encoder({
        requestId: start.requestId,
        streamId: lease.id,
        createdAt: this.createdAt,
        includeUsage: start.request.includeUsage,
        debug: context.debug,
        request: start.request
      })
    this.machine = this.makeMachine()
    if (restored !== undefined) this.restore(restored)
  }

  /** A machine for this answer that has seen nothing. Of several the one is the answer's that `prefer` makes it. */
  makeMachine(): Machine {
    const { context, start } = this
    const { choices, delivery, json } = start.request
    const whole = delivery === "whole"
    const machine: Machine = new Machine({
      encoder: this.encoder,
      choices,
      given: start.request.given?.text,
      inputEstimate: start.request.inputEstimate,
      atOnce: whole && (json || choices > 1),
      holds: whole ? "all" : start.dialect.wholeCalls === true ? "calls" : undefined,
      output: {
        show: (payloads) => this.append(payloads),
        onCommit: () => {
          this.onFirst?.(machine)
          this.attemptShownAt = context.now()
          const afterMillis = this.attemptShownAt - this.startedAt
          const model = this.current?.target.model ?? start.request.model
          this.shown = { model, dropped: this.current?.dropped ?? [], afterMillis }
          context.events.tell({ _tag: "Committed", answer: this.ref, afterMillis })
          this.note("streaming")
        },
        onSeam: (seam, mode) => {
          this.attemptShownAt = context.now()
          this.pursuit = joined(this.pursuit, seam.to)
          context.events.tell({ _tag: "Continued", answer: this.ref, seam, mode })
          this.note("streaming")
        }
      }
    })
    return machine
  }

  private restore({ goneSince, kept, note, pursuit, replayed }: Restored): void {
    this.machine.restore(replayed, note, kept)
    this.trail.push(...note.trail)
    // As they are when both end: the second one had not become the answer's.
    for (const open of [note.beside, note.open]) {
      if (open === undefined) continue
      const error = stackless(() => new LeaseLost({}))
      this.trail.push(lostEntry(open, error, Math.max(0, goneSince - open.startedAt)))
    }
    this.pursuit = hintsMoved(pursuit, this.context.now() - this.context.wall())
    // What it has failed on in another process may have been evidence there.
    this.witness.heard = pursuit.penalised.length > 0
    this.shown = note.shown
    const { checkpoint } = note
    const { position } = this.machine
    // Frames that came after the note may show more than the token stands for.
    if (checkpoint?.offset === replayed.text.length && position !== undefined) {
      this.checkpoint = { ...checkpoint, position }
    }
  }

  /** It has ended: nothing more is written. What it wrote last may not be committed yet. */
  get ended(): boolean {
    return this.state._tag === "Ended"
  }

  /** Nobody reads it now, and somebody is to: it was not asked for to be fetched later. */
  get unread(): boolean {
    return this.start.leave !== "stay" && this.lease.readers() === 0
  }

  /** How it ended badly. */
  get failure(): ResilienceError | undefined {
    return this.state._tag === "Ended" ? this.state.error : undefined
  }

  /** What the target whose content was first shown has no words for and was not told. */
  get dropped(): ReadonlyArray<string> {
    return this.shown?.dropped ?? []
  }

  /** How many attempts were begun. */
  get attempts(): number {
    return this.pursuit.attempts
  }

  /** An attempt begins, and counts. */
  begin(target: Target, mode: TrailEntry["mode"], machine = this.machine): UnderWay {
    // Where the one before was refused a field and did not count, its number is not given to one beside it.
    const number = Math.max(this.attempts, this.current?.number ?? 0) + 1
    this.pursuit = { ...this.pursuit, attempts: this.attempts + 1 }
    const startedAt = this.context.now()
    return {
      target,
      number,
      mode,
      startedAt,
      streams: target.channel.stream,
      machine,
      clocks: undefined,
      dropped: [],
      sent: "",
      without: nothing,
      closedBy: undefined,
      checkpoint: undefined,
      onPressure: undefined
    }
  }

  /** Of two attempts under way this one is the answer's from now on. */
  prefer(attempt: UnderWay): void {
    this.current = attempt
    this.beside = undefined
    this.machine = attempt.machine
  }

  /** Too much waits to be written, or there is room again: all that is under way is told. */
  readonly press = (full: boolean): void => {
    this.current?.onPressure?.(full)
    this.beside?.onPressure?.(full)
  }

  /** Appends what is sent at once, before any upstream has answered. */
  open(): void {
    const { request } = this.start
    this.context.events.tell({ _tag: "StreamStarted", answer: this.ref, messageLength: request.messageLength })
    this.showOpening()
  }

  /** The same, of an answer that another process has begun and written nothing of. */
  showOpening(): void {
    this.append(this.encoder.open(this.start.request.model))
  }

  /** Ends the answer badly, once. */
  fail(cause: ResilienceError): void {
    if (this.ended) return
    const error = maskError(cause, this.context.mask)
    this.state = { _tag: "Ended", error }
    this.machine.fail(error, error.retryAfterMillis)
    this.finish(blameOf(error) === "cancelled" ? "cancelled" : "error", error)
  }

  /** Gives the answer up without a terminal event: this relay stops, and another process shall go on with it. */
  park(): void {
    if (this.ended) return
    this.state = { _tag: "Ended", error: undefined }
    this.context.events.tell(this.over("StreamAbandoned", undefined, 0))
  }

  /** Its store failed, or has it written elsewhere: what was written last, its end too, may be nowhere. */
  cutOff(error: ResilienceError): void {
    if (this.ended && this.untold === undefined) return
    this.state = { _tag: "Ended", error }
    this.untold = undefined
    this.context.events.tell(this.over("StreamAbandoned", error, 0))
    this.overListener?.()
  }

  /** Calls back when it has ended and that is committed, or will not be: at once, if that is so. */
  onOver(listener: () => void): void {
    if (this.untold === undefined) listener()
    else this.overListener = listener
  }

  /**
   * Ends the answer well, once. JSON that was joined may come out as none: then it is not whole, and what broke it first
   * is told.
   */
  complete(): void {
    if (this.ended) return
    const { broke } = this.pursuit
    if (broke !== undefined && this.start.request.json && parseJson(this.machine.text) === undefined) {
      return this.fail(broke.error)
    }
    this.state = { _tag: "Ended", error: undefined }
    this.machine.complete(this.attempts)
    this.finish("completed", undefined)
  }

  /** Tells of an attempt that replaces one which failed before anything was shown. */
  announce(reason: Reason, from: string, to: string, delayMillis: number): void {
    this.append(
      this.encoder.attempt({
        attempt: this.attempts + 1,
        maxAttempts: this.settings.retry.times + 1,
        delayMillis: Math.round(delayMillis),
        reason,
        from,
        to
      })
    )
  }

  /** Says in the journal's note how the answer stands. */
  note(status: NoteStatus): void {
    this.lease.note(() => new LateNote(this.asNote(status, undefined)))
  }

  /** What there is to say of it now. */
  asNote(status: NoteStatus, error: ResilienceError | undefined, credits?: number): Note {
    const { group, requestId, keyed, leave, price, request, timeoutMillis } = this.start
    return {
      status,
      requestId,
      group,
      model: request.model,
      startedAt: this.createdAt,
      timeoutMillis,
      leave,
      keyed: keyed && request.delivery,
      pursuit: hintsMoved(this.pursuit, this.context.wall() - this.context.now()),
      // It grows, and the note may be printed later.
      trail: this.trail.slice(),
      open: this.openAttempt(this.current),
      beside: this.openAttempt(this.beside),
      shown: this.shown,
      checkpoint: this.noted(),
      finish: this.machine.finishing,
      costs: this.machine.costs(),
      inputTokens: this.inputTokens,
      error,
      price,
      credits
    }
  }

  /** The checkpoint, if the answer is where it was given. */
  private noted(): Note["checkpoint"] {
    const checkpoint = this.current?.checkpoint ?? this.checkpoint
    if (checkpoint === undefined || checkpoint.position !== this.machine.position) return undefined
    const { position: _, ...noted } = checkpoint
    return noted
  }

  private openAttempt(attempt: UnderWay | undefined): OpenAttempt | undefined {
    if (attempt === undefined) return undefined
    const { mode, number, startedAt, target } = attempt
    const { channel, keyIndex, model } = target
    const { now, wall } = this.context
    return { attempt: number, channel: channel.id, key: keyIndex, model, mode, startedAt: wall() - (now() - startedAt) }
  }

  private finish(status: NoteStatus, error: ResilienceError | undefined): void {
    const { group, owner, price, request, requestId } = this.start
    const usage = this.machine.usage()
    const shown = request.delivery !== "whole" && this.machine.committed
    const settlement = settled(price, { error, usage, delivered: shown })
    const credits = creditsOf(settlement)
    this.untold = this.over("StreamEnded", error, credits)
    this.lease.note(() => new LateNote(this.asNote(status, error, credits)))
    this.lease.end({
      outcome: new LateOutcome({
        requestId,
        owner,
        group,
        model: request.model,
        status,
        error,
        usage,
        price,
        channel: this.current?.target.channel.id,
        settlement,
        attempts: this.attempts,
        trail: this.trail,
        startedAt: this.createdAt,
        durationMillis: this.context.now() - this.startedAt
      }),
      freesKey: freesKey(error, shown),
      onCommitted: () => this.tellEnd()
    })
  }

  /** Its end is committed. */
  private tellEnd(): void {
    const { untold } = this
    if (untold === undefined) return
    this.untold = undefined
    this.context.events.tell(untold)
    this.overListener?.()
  }

  private over<Tag extends "StreamAbandoned" | "StreamEnded">(
    tag: Tag,
    error: ResilienceError | undefined,
    credits: number
  ): { readonly _tag: Tag } & AnswerOver {
    const { attempts, machine, pursuit, ref, shown, startedAt, trail } = this
    return {
      _tag: tag,
      answer: ref,
      error,
      ended: error === undefined ? machine.ended : undefined,
      tokenCount: machine.tokenCount,
      usage: machine.usage(),
      credits,
      attempts,
      continuations: pursuit.continuations,
      dropped: shown?.dropped ?? [],
      trail,
      firstContentMillis: shown?.afterMillis,
      durationMillis: this.context.now() - startedAt
    }
  }

  private append(payloads: ReadonlyArray<Payload>): void {
    const { frame, lease } = this
    for (const payload of payloads) lease.append(frame(payload, lease.nextSeq()))
  }
}

/** A pursuit by another clock: of all that it remembers only its hints are moments. In a note they are epoch milliseconds. */
const hintsMoved = (pursuit: Pursuit, millis: number): Pursuit => {
  const hints = Object.entries(pursuit.hints)
  if (hints.length === 0) return pursuit
  return { ...pursuit, hints: Object.fromEntries(hints.map(([channel, at]) => [channel, at + millis])) }
}
