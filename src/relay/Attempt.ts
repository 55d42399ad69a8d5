/**
 * One try of one request on one target: opens the call, drives the machine from the socket's own callbacks, watches the
 * clocks, and says how it ended. Between the upstream's socket and the journal there is no fiber, promise or timer for
 * an event: Effect owns the attempt's life, not its bytes.
 */
import { Clock, Context, Effect, Redacted } from "effect"
import {
  type Target,
  Upstream,
  type UpstreamCall,
  type UpstreamCancellation,
  type UpstreamSink
} from "../channel/index.ts"
import {
  type AnswerRequest,
  classify as classifyAnswer,
  type Classified,
  type Encoded,
  type EventDecoder,
  type Framing,
  headerOf,
  type HttpAnswer,
  isContent,
  isEmptyData,
  jsonLines,
  relayErrorIn,
  type UpstreamDialect,
  type UpstreamEvent,
  upstreamRequestId,
  withoutQuotedBlame
} from "../dialect/index.ts"
import {
  BadResponse,
  cancelFaultOf,
  type BulkheadFull,
  type DoRequestFailed,
  InternalError,
  ReadResponseBodyFailed,
  type ResilienceError,
  Secrets,
  stackless,
  streamFault,
  type StreamFaultData
} from "../errors/index.ts"
import { MonotonicClock } from "../policy/index.ts"
import { answered, type ClockState, content, hold, release } from "../stream/index.ts"
import { AnswerBody, maxWholeBody } from "./AnswerBody.ts"
import { type AttemptEnd, blamed, broken, withoutSecrets } from "./AttemptEnd.ts"
import { cancellationOf, streamIdIn } from "./Hop.ts"
import type { Machine } from "./Machine.ts"
import { withoutQuotationsOfAnyCase } from "./Quotation.ts"
import type { Verdict } from "./Verdict.ts"
import {
  type AttemptLimits,
  type Bite,
  type Progress,
  startProgress,
  type Watch,
  type Watchdog,
  type Watched
} from "./Watchdog.ts"
import type { Lingering } from "./Lingering.ts"

/** Where what an upstream says goes. */
export type Fed = Pick<Machine, "eof" | "loss" | "pause" | "phase" | "step">

/** What an attempt needs. */
export interface AttemptOptions {
  readonly target: Target
  readonly dialect: UpstreamDialect
  readonly request: AnswerRequest
  readonly encoded: Encoded
  /** A stream is asked for. */
  readonly streams: boolean
  /** What this relay calls itself, to one that it cancels. */
  readonly relayName: string
  /** Why it is interrupted, asked when it is. */
  readonly closedBy: () => ResilienceError
  readonly machine: Fed
  /** The words of the answer so far: no log may have them of who quotes them. Asked when an attempt has failed. */
  readonly written: () => string
  readonly limits: AttemptLimits
  readonly watchdog: Watchdog
  /** It begins, by these clocks. */
  readonly onClocks: (clocks: ClockState) => void
  /** Who writes what the call gives says when too much of it waits to be written, and when there is room again. */
  readonly onPressure: (listener: (full: boolean) => void) => void
  /** The upstream has begun to answer, and well. */
  readonly onAnswered: () => void
  /** How the answer ends is known, or is so no longer; told with the frames that were shown till then. */
  readonly onFinishing: () => void
}

/** Runs one attempt. It cannot fail: a failure is how it ended. Interrupting it closes the upstream's socket at once. */
export const attempt = (options: AttemptOptions): Effect.Effect<AttemptEnd, never, Upstream> =>
  // HOT: what it needs is read from the fiber at once, and not step by step.
  Effect.withFiber<AttemptEnd, never, Upstream>((fiber) => {
    const clock = fiber.getRef(Clock.Clock)
    const { mask } = fiber.getRef(Secrets)
    const upstream = Context.get(fiber.context as Context.Context<Upstream>, Upstream)
    return Effect.callback<AttemptEnd>((resume) => {
      const live = new LiveAttempt(options, clock, mask, (end) => resume(Effect.succeed(end)))
      live.begin(upstream)
      return Effect.sync(() => live.interrupt())
    })
  })

const noHeaders: HttpAnswer["headers"] = {}

/** It begins the answer anew, and nobody wants that. */
const unwanted = streamFault({ code: 12011, side: "server" })

/**
 * An attempt under way: what its call says comes in here. It is one object and no bundle of closures, and lets go of
 * everything when it ends: its socket may live for longer, and would keep all of the answer.
 */
class LiveAttempt implements UpstreamSink, Watched {
  readonly progress: Progress
  readonly limits: AttemptLimits
  private readonly clock: Clock.Clock
  private readonly mask: (text: string) => string
  /** What it needs, until it has ended. */
  private life:
    | {
        readonly options: AttemptOptions
        readonly resume: (end: AttemptEnd) => void
        readonly decoder: EventDecoder
        frames: ReturnType<Framing["make"]>
      }
    | undefined
  private call: UpstreamCall | undefined
  private watch: Watch | undefined
  private lingering: Lingering | undefined
  private ended: AttemptEnd | undefined
  private readonly body = new AnswerBody()
  /** Nothing that comes is looked at any more. */
  private done = false
  private finishingTold = false
  /** What an event that said nothing would be, if that were all. */
  private empty: ResilienceError | undefined
  /** The upstream has said itself that its answer failed. */
  private saidFailed = false
  private headers: HttpAnswer["headers"] = noHeaders

  constructor(
    options: AttemptOptions,
    clock: Clock.Clock,
    mask: (text: string) => string,
    resume: (end: AttemptEnd) => void
  ) {
    const { dialect, encoded, limits } = options
    this.clock = clock
    this.mask = mask
    this.limits = limits
    this.progress = startProgress(MonotonicClock.wholeMillis(clock), limits)
    this.life = {
      options,
      resume,
      decoder: dialect.decoder(encoded),
      frames: this.framesOf(dialect.framing)
    }
  }

  private framesOf(framing: Framing): ReturnType<Framing["make"]> {
    return framing.make({ maxEventBytes: maxWholeBody, onFrame: (name, data) => this.frame(name, data) })
  }

  begin(upstream: Upstream["Service"]): void {
    const { life } = this
    if (life === undefined) return
    const { options } = life
    const { dialect, request, streams, target } = options
    const { channel, key, model } = target
    options.onClocks(this.progress.clocks)
    this.watch = options.watchdog.watch(this)
    const call = upstream.open(
      {
        url: dialect.endpoint({ baseUrl: channel.baseUrl, model, stream: streams, request }),
        route: channel,
        headers: {
          ...dialect.headers(key === undefined ? undefined : Redacted.value(key), request),
          "content-type": "application/json",
          accept: streams ? "text/event-stream" : "application/json",
          ...channel.headers
        },
        body: options.encoded.body
      },
      this
    )
    this.call = call
    // A call may end before `open` has returned it.
    if (this.ended !== undefined) return this.letGo(options.watchdog, this.ended)
    options.onPressure((full) => this.press(full))
  }

  /** Nobody wants its end. */
  interrupt(): void {
    const { life } = this
    this.done = true
    this.life = undefined
    this.watch?.stop()
    this.call?.abort(
      life === undefined ? undefined : this.cancellation(life.options, cancelFaultOf(life.options.closedBy()))
    )
  }

  onHead(status: number, headers: HttpAnswer["headers"]): void {
    const { life } = this
    if (this.done || life === undefined) return
    try {
      const { options } = life
      answered(this.progress.clocks)
      const mapped = options.target.channel.statusMapping[status] ?? status
      this.progress.status = mapped
      this.headers = headers
      this.body.labelled = (headerOf(headers, "content-type") ?? "").toLowerCase().includes("text/event-stream")
      if (mapped >= 200 && mapped <= 299) return options.onAnswered()
      this.body.kind = "error"
      this.progress.failedAt = MonotonicClock.wholeMillis(this.clock)
      this.watch?.sooner()
    } catch (cause) {
      this.bug(cause)
    }
  }

  onData(chunk: Uint8Array): void {
    if (this.done) return
    try {
      this.read(chunk)
    } catch (cause) {
      this.bug(cause)
    }
  }

  onEnd(): void {
    this.over()
    const { life } = this
    if (this.done || life === undefined) return
    try {
      const { kind, labelled, size } = this.body
      if (kind === "error") this.failed()
      // Nothing has come of a stream: it is cut, or empty.
      else if (kind === "whole" || (kind === "unknown" && (size > 0 || !labelled))) this.readWhole(life)
      else {
        const { machine } = life.options
        life.frames.end()
        const halted = life.decoder.halt()
        if (halted !== undefined) this.settle(machine.step(halted))
        this.settle(machine.eof())
        this.noteFinishing()
      }
    } catch (cause) {
      this.bug(cause)
    }
  }

  onError(error: BulkheadFull | DoRequestFailed | ReadResponseBodyFailed): void {
    this.over()
    const { life } = this
    if (this.done || life === undefined) return
    try {
      if (this.body.kind === "error") this.failed()
      else this.settle(life.options.machine.loss(error))
    } catch (cause) {
      this.bug(cause)
    }
  }

  /** Whether the finish is known. */
  finishing(): boolean {
    return this.life?.options.machine.phase._tag === "Finishing"
  }

  /** A clock has run out. */
  onBite(bite: Bite): void {
    const { life } = this
    if (life === undefined) return
    if (bite._tag === "Failed") return this.finish(this.classify())
    // A silence after the finish is known loses nothing of the answer.
    const verdict = life.options.machine.loss(bite.error)
    this.finish({
      verdict: verdict._tag === "Going" ? { _tag: "Complete" } : verdict,
      byStatus: false,
      status: this.progress.status
    })
    // It has had its time to end by itself.
    this.call?.abort()
  }

  private press(full: boolean): void {
    if (this.ended !== undefined) return
    const now = MonotonicClock.wholeMillis(this.clock)
    // What is not read because nobody can keep it is no silence of the upstream's.
    if (full) {
      hold(this.progress.clocks, now)
      this.call?.pause()
    } else {
      release(this.progress.clocks, now)
      this.call?.resume()
    }
  }

  private finish(made: AttemptEnd): void {
    const { life } = this
    if (this.ended !== undefined || life === undefined) return
    const { options, resume } = life
    const end: AttemptEnd = {
      ...withoutSecrets(blamed(made, options.target, options.encoded), this.mask, options),
      upstreamRequestId: this.requestId(),
      ...(this.body.kind === "whole" ? { whole: true } : undefined)
    }
    const { verdict } = end
    const cancellation =
      this.call === undefined || verdict._tag === "Complete" || this.saidFailed
        ? undefined
        : this.cancellation(options, verdict._tag === "Broken" ? cancelFaultOf(verdict.error) : unwanted)
    this.done = true
    this.ended = end
    this.life = undefined
    this.headers = noHeaders
    this.body.release()
    this.watch?.stop()
    if (this.call !== undefined) this.letGo(options.watchdog, end, cancellation)
    resume(end)
  }

  /** Nothing more is wanted of a call: one that failed is closed at once, one that is complete may end by itself. */
  private letGo(watchdog: Watchdog, end: AttemptEnd, cancellation?: UpstreamCancellation): void {
    const { call } = this
    if (call === undefined) return
    if (end.verdict._tag !== "Complete" && end.verdict._tag !== "Paused") return call.abort(cancellation)
    this.lingering = watchdog.linger(call)
  }

  /** What a relay that has begun to answer is told when it is left; `undefined` where none has. */
  private cancellation(
    { relayName, target }: Pick<AttemptOptions, "relayName" | "target">,
    fault: StreamFaultData
  ): UpstreamCancellation | undefined {
    const id = this.body.kind === "error" ? undefined : streamIdIn(this.headers)
    return id === undefined ? undefined : cancellationOf(target, id, fault, relayName)
  }

  /** The call has ended by itself. */
  private over(): void {
    this.call = undefined
    this.lingering?.over()
  }

  private settle(said: Verdict): void {
    if (said._tag === "Going" || this.done) return
    this.done = true
    this.noteFinishing()
    const { empty } = this
    const isAll = empty !== undefined && said._tag === "Broken" && said.error._tag === "EmptyResponse"
    const verdict: Verdict = isAll ? { _tag: "Broken", error: empty } : said
    this.finish({ verdict, byStatus: false, status: this.progress.status })
  }

  private noteFinishing(): void {
    const { life } = this
    if (life === undefined || this.finishingTold === this.finishing()) return
    // Content may follow what was taken for the end: then whoever takes the answer up must not think it whole.
    this.finishingTold = !this.finishingTold
    life.options.onFinishing()
    if (!this.done) this.watch?.sooner()
  }

  // A bug in a step must end the attempt, not the process: the socket's callback has nobody above it.
  private bug(cause: unknown): void {
    this.done = true
    this.finish(broken(new InternalError({ message: `the relay failed on an upstream event: ${String(cause)}` })))
  }

  private frame(name: string, data: string): void {
    const { life } = this
    if (this.done || life === undefined) return
    const { decoder, options } = life
    let event = decoder.step(name, data)
    if (event._tag === "Fault") {
      if (name === "message" && isEmptyData(data)) return void (this.empty ??= event.error)
      const clean = this.mask(data)
      if (clean !== data) event = decoder.step(name, clean)
      if (event._tag === "Fault") event = this.faultIn(clean, event.error)
    }
    if (event._tag === "Delta" && (event.finish !== undefined || isContent(event))) this.content()
    this.settle(options.machine.step(event, data.length))
  }

  private content(): void {
    content(this.progress.clocks, MonotonicClock.wholeMillis(this.clock))
  }

  private read(chunk: Uint8Array): void {
    const { body, life } = this
    if (body.kind === "stream") return this.feed(chunk)
    switch (body.take(chunk)) {
      case "held":
        return
      case "part":
        return this.content()
      case "lines":
        this.content()
        if (life !== undefined) life.frames = this.framesOf(jsonLines)
        return this.feedHeld()
      case "events":
        return this.feedHeld()
      case "error":
        return this.failed()
      case "tooLarge":
        return this.lose(stackless(() => new ReadResponseBodyFailed({ message: "the upstream's answer is too large" })))
    }
  }

  private feedHeld(): void {
    for (const held of this.body.release()) this.feed(held)
  }

  private feed(chunk: Uint8Array): void {
    const { life } = this
    if (this.done || life === undefined) return
    const overflow = life.frames.feed(chunk)
    this.noteFinishing()
    if (overflow === undefined) return
    this.lose(stackless(() => new BadResponse({ message: `an event of more than ${overflow.maxEventBytes} bytes` })))
  }

  private lose(error: ResilienceError): void {
    if (this.life !== undefined) this.settle(this.life.options.machine.loss(error))
  }

  private whole(): HttpAnswer {
    return {
      status: this.progress.status ?? 0,
      headers: this.headers,
      body: this.body.text(),
      now: this.clock.currentTimeMillisUnsafe()
    }
  }

  // A secret goes before the words are cut: what is left of it could not be known any more. What is no error is the
  // answer, and passes as it came.
  private masked(answer: HttpAnswer): HttpAnswer {
    return { ...answer, body: this.mask(answer.body) }
  }

  /** What an upstream has told of its failure: a relay tells it as what it is. */
  private faultIn(told: string, error: ResilienceError): Extract<UpstreamEvent, { readonly _tag: "Fault" }> {
    const ofRelay = streamIdIn(this.headers) === undefined ? undefined : relayErrorIn(told)
    this.saidFailed = ofRelay !== undefined || error.upstream !== undefined
    return { _tag: "Fault", error: ofRelay ?? this.unquoted({ error, byStatus: false }, told).error }
  }

  /** What is said in the request's own words blames nobody else. */
  private unquoted(classified: Classified, told: string): Classified {
    const sent = this.life?.options.encoded.body ?? ""
    return withoutQuotedBlame(classified, told, (words) => withoutQuotationsOfAnyCase(words, sent))
  }

  private classify(): AttemptEnd {
    const answer = this.masked(this.whole())
    const classified = this.unquoted(classifyAnswer(answer), answer.body)
    const { error } = this.faultIn(answer.body, classified.error)
    const own = error === classified.error
    return {
      ...broken(error, classified.byStatus && own, this.progress.status),
      ...(own && classified.words !== undefined ? { words: classified.words } : {})
    }
  }

  private failed(): void {
    this.done = true
    this.finish(this.classify())
  }

  private readWhole({ options }: NonNullable<LiveAttempt["life"]>): void {
    const { dialect, encoded, machine } = options
    const read = this.whole()
    const events = dialect.decodeWhole(read, encoded)
    const fails = events.some(({ _tag }) => _tag === "Fault")
    const masked = fails ? this.masked(read) : read
    for (const event of fails ? dialect.decodeWhole(masked, encoded) : events) {
      if (this.done) break
      this.settle(machine.step(event._tag === "Fault" ? this.faultIn(masked.body, event.error) : event))
    }
    if (!this.done) this.settle(machine.eof())
    this.noteFinishing()
  }

  private requestId(): string | undefined {
    const id = upstreamRequestId(this.headers)
    return id === undefined ? undefined : this.mask(id)
  }
}
