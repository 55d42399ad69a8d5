/**
 * One token asked of one key of one channel: whether it answers, how fast, and what it can do. It is an attempt like any
 * other, through the channel's own way, headers and parameters, but of nobody's request: nothing of it is told as an event,
 * counted, kept or billed. What a target refuses of the words in which it is asked, and not of the question, it is asked without,
 * as every answer's target is: else a key that is well would never be found so.
 */
import { Clock, Effect, Result, type Scope } from "effect"
import { type Target, type Timeouts, TimeoutsSection, type Upstream } from "../channel/index.ts"
import {
  type AnswerRequest,
  clientDialects,
  Dialects,
  type Finish,
  isContent,
  refusedField,
  refusesStream,
  type UpstreamEvent
} from "../dialect/index.ts"
import { blameOf, excerpt, InternalError, type ResilienceError, stackless } from "../errors/index.ts"
import { MonotonicClock } from "../policy/index.ts"
import { Settings } from "../settings/index.ts"
import { attempt, type Fed } from "./Attempt.ts"
import type { AttemptEnd } from "./AttemptEnd.ts"
import type { Phase } from "./Phase.ts"
import { complete, emptyAnswer, going, truncated, type Verdict } from "./Verdict.ts"
import { makeWatchdog } from "./Watchdog.ts"

/** What is tried: that it answers; that it goes on from a beginning; that it takes tools. */
export type ProbeKind = "answer" | "prefill" | "tools"

/** How a probe went. Times are milliseconds. */
export interface Probed {
  /** Why it has failed; `undefined`: it has answered. */
  readonly error: ResilienceError | undefined
  /** The upstream's status, if it answered. */
  readonly status: number | undefined
  /** What is wrong, for people: without secrets, and without what was asked. */
  readonly message: string | undefined
  readonly firstContentMillis: number | undefined
  readonly totalMillis: number
  /** It says what an answer has cost. */
  readonly usage: boolean
  /** Its answer came as one body. */
  readonly whole: boolean
}

/** Probes. Interrupting it closes the connection. */
export type Probe = (target: Target, kind: ProbeKind) => Effect.Effect<Probed, never, Upstream>

/** The most of an upstream's words that is told, in UTF-16 units. */
const mostSaid = 500

/** The beginning that is to be gone on with. */
const beginning = "one, two,"

const tool = {
  type: "function",
  function: {
    name: "look_up",
    description: "Looks a word up.",
    parameters: { type: "object", properties: { word: { type: "string" } }, required: ["word"] }
  }
}

/** How little is asked for. */
const least = { max_tokens: 1 }
/** Some models know the limit by another name, and some take no less than sixteen. */
const little = { max_completion_tokens: 16 }

/** In which words it is asked. */
interface Wording {
  readonly limit: object
  /** A stream is asked for. */
  readonly streams: boolean
  /** Fields that its dialect adds, and that the target has refused. */
  readonly refused: ReadonlySet<string>
}

/** So many times it is asked at most: an answer's words are mended too where a target refuses what no client had asked for. */
const mostAsked = 5

const requestOf = (model: string, kind: ProbeKind, limit: object): Result.Result<AnswerRequest, ResilienceError> =>
  clientDialects.openai.parse(
    {
      parameter: "",
      query: "",
      headers: {},
      body: JSON.stringify({
        model,
        messages: [{ role: "user", content: "Count to three, in words." }],
        ...limit,
        ...(kind === "tools" ? { tools: [tool] } : {})
      })
    },
    { maxMessage: 2000, defaultModel: model }
  )

/** What a probe's upstream says goes here, and nowhere else. */
class Heard implements Fed {
  firstContentAt: number | undefined
  usage = false
  private finish: Finish | undefined
  private readonly now: () => number

  constructor(now: () => number) {
    this.now = now
  }

  get phase(): Phase {
    if (this.finish !== undefined) return { _tag: "Finishing", finish: this.finish, shown: true }
    return { _tag: this.firstContentAt === undefined ? "Unseen" : "Flowing" }
  }

  step(event: UpstreamEvent): Verdict {
    switch (event._tag) {
      case "Fault":
        return { _tag: "Broken", error: event.error }
      case "Done":
        return this.finish === undefined && this.firstContentAt === undefined ? emptyAnswer() : complete
      case "Delta": {
        if (isContent(event)) this.firstContentAt ??= this.now()
        if (event.usage !== undefined) this.usage = true
        this.finish = event.finish ?? this.finish
        return going
      }
    }
  }

  // One token may be a thought, or nothing that can be seen: that it ends as answers end is enough.
  eof(): Verdict {
    if (this.finish !== undefined) return complete
    return this.firstContentAt === undefined ? emptyAnswer() : truncated()
  }

  pause(): Verdict {
    return complete
  }

  loss(error: ResilienceError): Verdict {
    return this.finish === undefined ? { _tag: "Broken", error } : complete
  }
}

const neverClosed = (): ResilienceError => stackless(() => new InternalError({ message: "the probe was given up" }))

/** Whether a target refuses how little was asked for, and not the rest. */
const refusesLimit = (error: ResilienceError, status: number | undefined): boolean =>
  status === 400 &&
  blameOf(error) === "caller" &&
  /max_(completion_|output_)?tokens/i.test(`${error.upstream?.param ?? ""} ${error.upstream?.message ?? ""}`)

/** Makes probes that live as long as the scope. Clocks are those of `timeouts`, and of the channel. */
export const makeProbe: Effect.Effect<Probe, never, Scope.Scope | Settings> = Effect.gen(function* () {
  const timeouts = (yield* Settings).of(TimeoutsSection)
  const dialects = yield* Dialects
  const watchdog = yield* makeWatchdog
  const clock = yield* Clock.Clock
  const now = (): number => MonotonicClock.wholeMillis(clock)

  const once = (
    target: Target,
    kind: ProbeKind,
    wording: Wording
  ): Effect.Effect<readonly [probed: Probed, otherwise: Wording | undefined], never, Upstream> =>
    Effect.suspend(() => {
      const { channel, model } = target
      const { limit, refused, streams } = wording
      const dialect = dialects.of(channel.dialect)
      const startedAt = now()
      const heard = new Heard(now)
      const probed = ({
        said,
        status,
        verdict,
        whole
      }: Pick<AttemptEnd, "said" | "status" | "verdict" | "whole">): Probed => {
        const error = verdict._tag === "Broken" ? verdict.error : undefined
        const { firstContentAt } = heard
        return {
          error,
          status,
          message: error === undefined ? undefined : excerpt(said ?? error.message, mostSaid),
          firstContentMillis: firstContentAt === undefined ? undefined : firstContentAt - startedAt,
          totalMillis: now() - startedAt,
          usage: heard.usage,
          whole: whole === true || !streams
        }
      }
      const failed = (error: ResilienceError) =>
        Effect.succeed([probed({ verdict: { _tag: "Broken", error }, status: undefined }), undefined] as const)
      const parsed = requestOf(model, kind, limit)
      if (Result.isFailure(parsed)) return failed(parsed.failure)
      const request = parsed.success
      const encoding = dialect.encode({
        request,
        model,
        stream: streams,
        continuation: kind === "prefill" ? { mode: "prefill", partial: beginning } : undefined,
        params: channel.params,
        refused,
        drop: true
      })
      if (Result.isFailure(encoding)) return failed(encoding.failure)
      const { body } = encoding.success
      const otherwise = ({ error, status }: Probed): Wording | undefined => {
        if (error === undefined || blameOf(error) === "channel") return undefined
        if (limit === least && refusesLimit(error, status)) return { ...wording, limit: little }
        if (streams && refusesStream(error, body)) return { ...wording, streams: false }
        const left = dialect.refusable(request).filter((field) => !refused.has(field))
        const field = refusedField(error, status, left, body)
        return field === undefined ? undefined : { ...wording, refused: new Set([...refused, field]) }
      }
      return Effect.map(
        attempt({
          target,
          dialect,
          request,
          encoded: encoding.success,
          streams,
          relayName: "effect-resilience",
          closedBy: neverClosed,
          machine: heard,
          // Nobody's: the relay has asked for it itself, and for a word or two.
          written: () => "",
          limits: {
            clocks: clocksOf(target, streams, timeouts.current),
            attemptMillis: channel.timeouts.total,
            requestedAt: startedAt
          },
          watchdog,
          onClocks: () => {},
          onPressure: () => {},
          onAnswered: () => {},
          onFinishing: () => {}
        }),
        (end) => {
          const found = probed(end)
          return [found, otherwise(found)] as const
        }
      )
    })

  return (target, kind) =>
    Effect.gen(function* () {
      let wording: Wording = { limit: least, streams: target.channel.stream, refused: new Set() }
      for (let asked = 1; ; asked++) {
        const [probed, otherwise] = yield* once(target, kind, wording)
        if (otherwise === undefined || asked === mostAsked) return probed
        wording = otherwise
      }
    })
})

const clocksOf = ({ channel }: Target, streams: boolean, timeouts: Timeouts) => {
  const clocks = { ...timeouts, ...channel.timeouts }
  return streams
    ? {
        headersMillis: clocks.headers,
        firstContentMillis: clocks.firstContent,
        idleMillis: clocks.idle,
        totalMillis: timeouts.total
      }
    : { headersMillis: undefined, firstContentMillis: undefined, idleMillis: undefined, totalMillis: timeouts.total }
}
