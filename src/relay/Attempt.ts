/**
 * One try of one request on one target: opens the call, drives the machine from the socket's own callbacks, watches the
 * clocks, and says how it ended. Between the upstream's socket and the journal there is no fiber, promise or timer for
 * an event: Effect owns the attempt's life, not its bytes.
 */
import { type Clock, Effect, Redacted } from "effect"
import { type Target, Upstream, type UpstreamCall, type UpstreamSink } from "../channel/index.ts"
import {
  type AnswerRequest,
  classify as classifyAnswer,
  type Encoded,
  headerOf,
  type HttpAnswer,
  isContent,
  type UpstreamDialect,
  upstreamRequestId
} from "../dialect/index.ts"
import {
  BadResponse,
  InternalError,
  maskError,
  ReadResponseBodyFailed,
  type ResilienceError,
  Secrets,
  stackless
} from "../errors/index.ts"
import { MonotonicClock } from "../policy/index.ts"
import { answered, type ClockState, content, hold, release } from "../stream/index.ts"
import { bodyKind } from "./BodyKind.ts"
import type { Machine, Verdict } from "./Machine.ts"
import { withoutQuotations } from "./Quotation.ts"
import { type AttemptLimits, type Progress, startProgress, type Watchdog } from "./Watchdog.ts"

/** How an attempt ended. */
export interface AttemptEnd {
  readonly verdict: Exclude<Verdict, { readonly _tag: "Going" }>
  /** The failure's class came from nothing but its status. */
  readonly byStatus: boolean
  /** The upstream's status, after `statusMapping`; absent where it did not answer. */
  readonly status: number | undefined
  /** The upstream's own id of the request, where it gave one. */
  readonly upstreamRequestId?: string | undefined
  /** What the upstream said of its failure, without secrets and without what the request holds too: for logs. */
  readonly said?: string | undefined
}

/** The largest body of an answer that is not a stream, in bytes. */
const maxWholeBody = 8 * 1024 * 1024

/** How much of a good answer's body is looked at to see what it is, in bytes. */
const sniffed = 1024

/** How much of a failed answer's body is read, in bytes. */
const maxErrorBody = 64 * 1024

const broken = (error: ResilienceError, byStatus = false, status?: number): AttemptEnd => ({
  verdict: { _tag: "Broken", error },
  byStatus,
  status
})

/** Where what an upstream says goes. */
export type Fed = Pick<Machine, "eof" | "loss" | "phase" | "step">

/** What an attempt needs. */
export interface AttemptOptions {
  readonly target: Target
  readonly dialect: UpstreamDialect
  readonly request: AnswerRequest
  readonly encoded: Encoded
  readonly machine: Fed
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

const services = Effect.flatMap(Upstream, (upstream) => Effect.map(Secrets, ({ mask }) => ({ mask, upstream })))

/** Runs one attempt. It cannot fail: a failure is how it ended. Interrupting it closes the upstream's socket at once. */
export const attempt = (options: AttemptOptions): Effect.Effect<AttemptEnd, never, Upstream> =>
  Effect.flatMap(services, ({ mask, upstream }) =>
    Effect.clockWith((clock) =>
      Effect.callback<AttemptEnd>((resume) => {
        const { dialect, limits, machine, target, watchdog } = options
        const progress = startProgress(MonotonicClock.wholeMillis(clock), limits)
        options.onClocks(progress.clocks)
        let ended: AttemptEnd | undefined
        let call: UpstreamCall | undefined
        const finish = (made: AttemptEnd): void => {
          if (ended !== undefined) return
          const end: AttemptEnd = { ...withoutSecrets(made, mask, options.encoded), upstreamRequestId: requestId() }
          ended = end
          watch.stop()
          // A call may end before `open` has returned it.
          if (call !== undefined) letGo(call, end)
          resume(Effect.succeed(end))
        }
        const { classify, requestId, sink } = makeSink(options, progress, clock, mask, finish, () => watch.sooner())
        const watch = watchdog.watch({
          progress,
          limits,
          finishing: () => machine.phase._tag === "Finishing",
          onBite: (bite) => {
            if (bite._tag === "Failed") return finish(classify())
            // A silence after the finish is known loses nothing of the answer.
            const verdict = machine.loss(bite.error)
            finish({
              verdict: verdict._tag === "Going" ? { _tag: "Complete" } : verdict,
              byStatus: false,
              status: progress.status
            })
            // It has had its time to end by itself.
            call?.abort()
          }
        })
        const opened = upstream.open(
          {
            url: dialect.endpoint({
              baseUrl: target.channel.baseUrl,
              model: target.model,
              stream: target.channel.stream,
              request: options.request
            }),
            route: target.channel,
            headers: {
              ...dialect.headers(target.key === undefined ? undefined : Redacted.value(target.key), options.request),
              "content-type": "application/json",
              accept: target.channel.stream ? "text/event-stream" : "application/json",
              ...target.channel.headers
            },
            body: options.encoded.body
          },
          sink
        )
        call = opened
        options.onPressure((full) => {
          if (ended !== undefined) return
          const now = MonotonicClock.wholeMillis(clock)
          // What is not read because nobody can keep it is no silence of the upstream's.
          if (full) {
            hold(progress.clocks, now)
            opened.pause()
          } else {
            release(progress.clocks, now)
            opened.resume()
          }
        })
        if (ended !== undefined) letGo(opened, ended)
        return Effect.sync(() => {
          watch.stop()
          opened.abort()
        })
      })
    )
  )

/** How long a call that has said all of its answer may take to end by itself, in milliseconds: its socket is kept then. */
const endingGrace = 1000

/** Nothing more is wanted of a call: one that failed is closed at once, one that is complete may end by itself. */
const letGo = (call: UpstreamCall, end: AttemptEnd): void => {
  if (end.verdict._tag !== "Complete") return call.abort()
  setTimeout(() => call.abort(), endingGrace).unref()
}

/** What goes on from here is told to clients, logs and the store: here the errors of upstreams begin. */
const withoutSecrets = (end: AttemptEnd, mask: (text: string) => string, { body }: Encoded): AttemptEnd => {
  if (end.verdict._tag !== "Broken") return end
  const error = maskError(end.verdict.error, mask)
  const words = error.upstream?.message
  const said = words === undefined ? undefined : withoutQuotations(words, body)
  return { ...end, verdict: { _tag: "Broken", error }, said }
}

const makeSink = (
  options: AttemptOptions,
  progress: Progress,
  clock: Clock.Clock,
  mask: (text: string) => string,
  finish: (end: AttemptEnd) => void,
  sooner: () => void
): {
  readonly sink: UpstreamSink
  readonly classify: () => AttemptEnd
  readonly requestId: () => string | undefined
} => {
  const { dialect, encoded, machine, target } = options
  let mode: "unknown" | "stream" | "whole" | "error" = "unknown"
  let answer: HttpAnswer = { status: 0, headers: {}, body: "", now: 0 }
  let size = 0
  let labelled = false
  let done = false
  let finishing = false
  const chunks: Array<Uint8Array> = []

  const settle = (verdict: Verdict): void => {
    if (verdict._tag === "Going" || done) return
    done = true
    finish({ verdict, byStatus: false, status: progress.status })
  }
  const noteFinishing = (): void => {
    if (finishing === (machine.phase._tag === "Finishing")) return
    // Content may follow what was taken for the end: then whoever takes the answer up must not think it whole.
    finishing = !finishing
    options.onFinishing()
    if (!done) sooner()
  }
  // A bug in a step must end the attempt, not the process: the socket's callback has nobody above it.
  const guarded =
    <A extends ReadonlyArray<unknown>>(step: (...args: A) => void) =>
    (...args: A): void => {
      if (done) return
      try {
        step(...args)
      } catch (cause) {
        done = true
        finish(broken(new InternalError({ message: `the relay failed on an upstream event: ${String(cause)}` })))
      }
    }

  const decoder = dialect.decoder(encoded)
  const frames = dialect.framing.make({
    maxEventBytes: maxWholeBody,
    onFrame: (name, data) => {
      if (done) return
      let event = decoder.step(name, data)
      if (event._tag === "Fault") {
        const clean = mask(data)
        if (clean !== data) event = decoder.step(name, clean)
      }
      if (event._tag === "Delta" && (event.finish !== undefined || isContent(event))) {
        content(progress.clocks, MonotonicClock.wholeMillis(clock))
      }
      settle(machine.step(event, data.length))
    }
  })

  const whole = (): HttpAnswer => ({
    ...answer,
    body: Buffer.concat(chunks).toString("utf8"),
    now: clock.currentTimeMillisUnsafe()
  })
  // A secret goes before the words are cut: what is left of it could not be known any more. What is no error is the
  // answer, and passes as it came.
  const masked = (answer: HttpAnswer): HttpAnswer => ({ ...answer, body: mask(answer.body) })
  const classify = (): AttemptEnd => {
    const classified = classifyAnswer(masked(whole()))
    return broken(classified.error, classified.byStatus, progress.status)
  }
  const failed = (): void => {
    done = true
    finish(classify())
  }
  const readWhole = (): void => {
    const read = whole()
    const events = dialect.decodeWhole(read, encoded)
    const fails = events.some(({ _tag }) => _tag === "Fault")
    for (const event of fails ? dialect.decodeWhole(masked(read), encoded) : events) {
      if (!done) settle(machine.step(event))
    }
    settle(machine.eof())
    noteFinishing()
  }

  const feed = (chunk: Uint8Array): void => {
    if (done) return
    const overflow = frames.feed(chunk)
    noteFinishing()
    if (overflow === undefined) return
    settle(
      machine.loss(
        stackless(() => new BadResponse({ message: `an event of more than ${overflow.maxEventBytes} bytes` }))
      )
    )
  }

  const sink: UpstreamSink = {
    onHead: guarded((status, headers) => {
      answered(progress.clocks)
      const mapped = target.channel.statusMapping[status] ?? status
      progress.status = mapped
      answer = { status: mapped, headers, body: "", now: clock.currentTimeMillisUnsafe() }
      const success = mapped >= 200 && mapped <= 299
      labelled = (headerOf(headers, "content-type") ?? "").toLowerCase().includes("text/event-stream")
      if (success) options.onAnswered()
      else {
        mode = "error"
        progress.failedAt = MonotonicClock.wholeMillis(clock)
        sooner()
      }
    }),
    onData: guarded((chunk) => {
      if (mode === "stream") return feed(chunk)
      size += chunk.length
      if (mode === "unknown") {
        chunks.push(chunk)
        mode = bodyKind(Buffer.concat(chunks).toString("utf8", 0, sniffed), labelled)
        if (mode === "unknown" && size >= sniffed) mode = "whole"
        if (mode === "whole") content(progress.clocks, MonotonicClock.wholeMillis(clock))
        if (mode === "stream") for (const held of chunks.splice(0)) feed(held)
        return
      }
      if (mode === "error") {
        if (size <= maxErrorBody) chunks.push(chunk)
        else failed()
      } else if (size <= maxWholeBody) {
        chunks.push(chunk)
        content(progress.clocks, MonotonicClock.wholeMillis(clock))
      } else
        settle(
          machine.loss(stackless(() => new ReadResponseBodyFailed({ message: "the upstream's answer is too large" })))
        )
    }),
    onEnd: guarded(() => {
      if (mode === "error") failed()
      // Nothing has come of a stream: it is cut, or empty.
      else if (mode === "whole" || (mode === "unknown" && (size > 0 || !labelled))) readWhole()
      else {
        frames.end()
        const halted = decoder.halt()
        if (halted !== undefined) settle(machine.step(halted))
        settle(machine.eof())
        noteFinishing()
      }
    }),
    onError: guarded((error) => {
      if (mode === "error") failed()
      else settle(machine.loss(error))
    })
  }
  const requestId = (): string | undefined => {
    const id = upstreamRequestId(answer.headers)
    return id === undefined ? undefined : mask(id)
  }
  return { sink, classify, requestId }
}
