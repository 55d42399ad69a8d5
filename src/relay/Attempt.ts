/**
 * One try of one request on one target: opens the call, drives the machine from the socket's own callbacks, watches the
 * clocks, and says how it ended. Between the upstream's socket and the journal there is no fiber, promise or timer for
 * an event: Effect owns the attempt's life, not its bytes.
 */
import { type Clock, Effect, Redacted } from "effect"
import { type Target, type UpstreamSink, Upstream } from "../channel/index.ts"
import type { HttpAnswer, UpstreamDialect } from "../dialect/index.ts"
import {
  BadResponse,
  ChannelResponseTimeExceeded,
  DeadlineExceeded,
  InternalError,
  type Phase as ClockPhase,
  ReadResponseBodyFailed,
  type ResilienceError,
  stackless
} from "../errors/index.ts"
import { makeSseParser } from "../sse/index.ts"
import type { Machine, Verdict } from "./Machine.ts"

/** How an attempt ended. */
export interface AttemptEnd {
  readonly verdict: Exclude<Verdict, { readonly _tag: "Going" }>
  /** The failure's class came from nothing but its status. */
  readonly byStatus: boolean
  /** The upstream's status, after `statusMapping`; absent where it did not answer. */
  readonly status: number | undefined
}

/** The limits of one attempt, in milliseconds; `undefined` is no limit. */
export interface AttemptLimits {
  readonly headers: number | undefined
  readonly firstContent: number | undefined
  readonly idle: number | undefined
  /** The channel's own limit on the whole attempt. */
  readonly attempt: number | undefined
  /** When the whole request is out of time, epoch milliseconds, and how long it had. */
  readonly deadlineAt: number
  readonly total: number
}

/** How long the usage and the terminator are awaited once the finish is known, in milliseconds. */
const finishingGrace = 2000

/** The largest body of an answer that is not a stream, in bytes. */
const maxWholeBody = 8 * 1024 * 1024

/** How much of a failed answer's body is read, in bytes, and for how long, in milliseconds. */
const maxErrorBody = 64 * 1024
const errorBodyGrace = 1000

const broken = (error: ResilienceError, byStatus = false, status?: number): AttemptEnd => ({
  verdict: { _tag: "Broken", error },
  byStatus,
  status
})

const headerOf = (headers: HttpAnswer["headers"], name: string): string => {
  const value = headers[name]
  return typeof value === "string" ? value : (value?.[0] ?? "")
}

/** What the attempt's callbacks and its watchdog share. */
class Progress {
  headAt: number | undefined
  contentAt: number | undefined
  /** Set while the body of a failed answer is read: what is known of the failure so far. */
  classify: (() => AttemptEnd) | undefined
  erroredAt = 0
  status: number | undefined
  readonly startedAt: number

  constructor(now: number) {
    this.startedAt = now
  }
}

interface Expiry {
  readonly at: number
  readonly end: (now: number) => AttemptEnd
}

const late =
  (progress: Progress, phase: ClockPhase, limit: number): Expiry["end"] =>
  (now) =>
    broken(
      stackless(
        () =>
          new ChannelResponseTimeExceeded({
            phase,
            limitMillis: limit,
            elapsedMillis: Math.max(0, now - progress.startedAt)
          })
      ),
      false,
      progress.status
    )

/** Which clock runs out next, and what it means if it does. Pure: the watchdog asks it again whenever it wakes. */
const nextExpiry = (progress: Progress, limits: AttemptLimits, machine: Machine): Expiry => {
  let next: Expiry = {
    at: limits.deadlineAt,
    end: () =>
      broken(
        stackless(() => new DeadlineExceeded({ limitMillis: limits.total, elapsedMillis: limits.total })),
        false,
        progress.status
      )
  }
  const consider = (at: number, end: Expiry["end"]): void => {
    if (at < next.at) next = { at, end }
  }
  const limit = (from: number, phase: ClockPhase, millis: number | undefined): void => {
    if (millis !== undefined) consider(from + millis, late(progress, phase, millis))
  }
  limit(progress.startedAt, "attempt", limits.attempt)
  if (progress.classify !== undefined) {
    consider(progress.erroredAt + errorBodyGrace, progress.classify)
  } else if (progress.headAt === undefined) {
    limit(progress.startedAt, "headers", limits.headers)
    limit(progress.startedAt, "firstContent", limits.firstContent)
  } else if (progress.contentAt === undefined) {
    limit(progress.startedAt, "firstContent", limits.firstContent)
    if (limits.firstContent === undefined) limit(progress.headAt, "idle", limits.idle)
  } else if (machine.phase._tag === "Finishing") {
    limit(progress.contentAt, "idle", Math.min(limits.idle ?? finishingGrace, finishingGrace))
  } else {
    limit(progress.contentAt, "idle", limits.idle)
  }
  return next
}

const watch = (
  progress: Progress,
  limits: AttemptLimits,
  machine: Machine,
  clock: Clock.Clock
): Effect.Effect<AttemptEnd> =>
  Effect.suspend(() => {
    const now = clock.currentTimeMillisUnsafe()
    const expiry = nextExpiry(progress, limits, machine)
    if (now >= expiry.at) {
      const end = expiry.end(now)
      if (end.verdict._tag !== "Broken") return Effect.succeed(end)
      // A silence after the finish is known loses nothing of the answer.
      const verdict = machine.loss(end.verdict.error)
      return Effect.succeed(verdict._tag === "Complete" ? { ...end, verdict } : end)
    }
    // Once the finish is known the limit shortens; the watchdog must not sleep past that.
    const most = progress.contentAt === undefined ? Infinity : finishingGrace
    return Effect.andThen(Effect.sleep(Math.min(expiry.at - now, most)), watch(progress, limits, machine, clock))
  })

/** What an attempt needs. */
export interface AttemptOptions {
  readonly target: Target
  readonly dialect: UpstreamDialect
  readonly body: string
  readonly machine: Machine
  readonly limits: AttemptLimits
}

/** Runs one attempt. It cannot fail: a failure is how it ended. Interrupting it closes the upstream's socket at once. */
export const attempt = (options: AttemptOptions): Effect.Effect<AttemptEnd, never, Upstream> =>
  Effect.flatMap(Upstream, (upstream) =>
    Effect.clockWith((clock) => {
      const progress = new Progress(clock.currentTimeMillisUnsafe())
      const call = Effect.callback<AttemptEnd>((resume) => {
        let ended = false
        const finish = (end: AttemptEnd): void => {
          if (ended) return
          ended = true
          resume(Effect.succeed(end))
        }
        const handle = upstream.open(
          {
            url: options.target.channel.baseUrl + options.dialect.path,
            headers: {
              ...(options.target.key === undefined ? {} : options.dialect.auth(Redacted.value(options.target.key))),
              "content-type": "application/json",
              accept: options.target.channel.stream ? "text/event-stream" : "application/json",
              ...options.target.channel.headers
            },
            body: options.body
          },
          makeSink(options, progress, clock, finish)
        )
        return Effect.sync(() => {
          ended = true
          handle.abort()
        })
      })
      return Effect.raceFirst(call, watch(progress, options.limits, options.machine, clock))
    })
  )

const makeSink = (
  options: AttemptOptions,
  progress: Progress,
  clock: Clock.Clock,
  finish: (end: AttemptEnd) => void
): UpstreamSink => {
  const { dialect, machine, target } = options
  let mode: "unknown" | "stream" | "whole" | "error" = "unknown"
  let answer: HttpAnswer = { status: 0, headers: {}, body: "", now: 0 }
  let size = 0
  let done = false
  const chunks: Array<Uint8Array> = []

  const settle = (verdict: Verdict): void => {
    if (verdict._tag === "Going" || done) return
    done = true
    finish({ verdict, byStatus: false, status: progress.status })
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

  const decode = dialect.decoder()
  const parser = makeSseParser({
    maxEventBytes: maxWholeBody,
    onEvent: (event) => {
      if (done) return
      const signal = decode(event.event, event.data)
      if (signal._tag === "Delta" && (signal.content || signal.finish !== undefined)) {
        progress.contentAt = clock.currentTimeMillisUnsafe()
      }
      settle(machine.signal(signal))
    }
  })

  const whole = (): HttpAnswer => ({
    ...answer,
    body: Buffer.concat(chunks).toString("utf8"),
    now: clock.currentTimeMillisUnsafe()
  })
  const classify = (): AttemptEnd => {
    const classified = dialect.classify(whole())
    return broken(classified.error, classified.byStatus, progress.status)
  }
  const failed = (): void => {
    done = true
    finish(classify())
  }
  const readWhole = (): void => {
    for (const signal of dialect.decodeWhole(whole())) {
      if (!done) settle(machine.signal(signal))
    }
    settle(machine.eof())
  }

  return {
    onHead: guarded((status, headers) => {
      const now = clock.currentTimeMillisUnsafe()
      progress.headAt = now
      const mapped = target.channel.statusMapping[status] ?? status
      progress.status = mapped
      answer = { status: mapped, headers, body: "", now }
      const success = mapped >= 200 && mapped <= 299
      const type = headerOf(headers, "content-type").toLowerCase()
      if (!success) {
        mode = "error"
        progress.erroredAt = now
        progress.classify = classify
      } else if (type.includes("text/event-stream")) mode = "stream"
      else mode = "whole"
    }),
    onData: guarded((chunk) => {
      if (mode === "stream") {
        const overflow = parser.feed(chunk)
        if (overflow !== undefined)
          settle(
            machine.loss(
              stackless(() => new BadResponse({ message: `an event of more than ${overflow.maxEventBytes} bytes` }))
            )
          )
        return
      }
      size += chunk.length
      if (mode === "error") {
        if (size <= maxErrorBody) chunks.push(chunk)
        else failed()
      } else if (size <= maxWholeBody) {
        chunks.push(chunk)
        progress.contentAt = clock.currentTimeMillisUnsafe()
      } else
        settle(
          machine.loss(stackless(() => new ReadResponseBodyFailed({ message: "the upstream's answer is too large" })))
        )
    }),
    onEnd: guarded(() => {
      if (mode === "error") failed()
      else if (mode === "whole") readWhole()
      else {
        parser.end()
        settle(machine.eof())
      }
    }),
    onError: guarded((error) => {
      if (mode === "error") failed()
      else settle(machine.loss(error))
    })
  }
}
