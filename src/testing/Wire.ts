/**
 * A script in the bytes of a dialect. What clients of that dialect are written by the relay is what an upstream of it
 * writes: its client encoder says the steps, its view puts whole answers together, its envelope tells errors. So a dialect
 * has its false upstream as soon as it has both its sides, and what it writes is held against recorded streams elsewhere.
 */
import {
  type AnswerEncoder,
  type AnswerRequest,
  classify,
  type ClientDialect,
  clientDialects,
  type Delta,
  type EventDecoder,
  type FailureAnswer,
  type Finish,
  nothing,
  type Payload,
  type UpstreamDialectName,
  upstreamDialectOf,
  type Usage
} from "../dialect/index.ts"
import type { ResilienceError } from "../errors/index.ts"
import { encodeEvent } from "../sse/index.ts"
import { stepsAfter, takes } from "./GoingOn.ts"
import type { Answer, Script, Status } from "./Script.ts"
import type { ScriptedCall } from "./ScriptedCall.ts"
import { isSeen, type Step } from "./Step.ts"

/** One thing that happens on the wire. After the last one, if it closes nothing, the connection stays open and silent. */
export type WireStep =
  | { readonly _tag: "Wait"; readonly millis: number }
  | { readonly _tag: "Head"; readonly status: number; readonly headers: { readonly [name: string]: string } }
  | { readonly _tag: "Data"; readonly text: string }
  /** The body is complete. */
  | { readonly _tag: "End" }
  /** The connection is reset. */
  | { readonly _tag: "Reset" }
  /** A part of a chunk of the transfer encoding, and the connection is closed. */
  | { readonly _tag: "CutChunk"; readonly text: string }
  /** Bytes in place of an answer, and the connection is closed. */
  | { readonly _tag: "NotHttp"; readonly bytes: string }

/** All that a call is played. Steps are made as they are asked for; pings have no end. */
export type Wire = Iterable<WireStep>

const end: WireStep = { _tag: "End" }
const reset: WireStep = { _tag: "Reset" }
const data = (text: string): WireStep => ({ _tag: "Data", text })

const head = (status: number, contentType: string, headers: { readonly [name: string]: string }): WireStep => ({
  _tag: "Head",
  status,
  headers: { "content-type": contentType, ...headers }
})

function* wait(millis: number): Generator<WireStep> {
  if (millis > 0) yield { _tag: "Wait", millis }
}

const frameOf = (payload: Payload): string => encodeEvent({ event: payload.event, data: payload.data })
const framesOf = (payloads: ReadonlyArray<Payload>): string => payloads.map(frameOf).join("")
const firstHalf = (text: string): string => text.slice(0, Math.ceil(text.length / 2))

const created = 1_700_000_000_000

const deltaOf = (step: Step, by: UpstreamDialectName): Delta => {
  switch (step._tag) {
    case "Text":
      return { ...nothing, text: step.text }
    case "Reasoning":
      return { ...nothing, reasoning: step.text }
    case "Signature":
    case "SealedReasoning":
      return { ...nothing, pieces: [{ ...step, by }] }
    case "ToolCall":
    case "ToolInput":
    case "Refusal":
    case "Media":
      return { ...nothing, pieces: [step] }
    case "Pause":
    case "Ping":
      return nothing
  }
}

const finishOf = ({ finish }: Answer, steps: ReadonlyArray<Step>, from: UpstreamDialectName): Finish => {
  if (finish === undefined) {
    const reason = steps.some(({ _tag }) => _tag === "ToolCall") ? "tool-calls" : "stop"
    return { reason, native: reason, from: undefined }
  }
  return finish.native === undefined
    ? { reason: finish.reason, native: finish.reason, from: undefined }
    : { reason: finish.reason, native: finish.native, from }
}

const usageOf = ({ usage }: Answer, request: AnswerRequest, steps: ReadonlyArray<Step>): Usage => {
  if (usage === "none") return { inputTokens: 0, outputTokens: 0, estimated: false }
  return { ...(typeof usage === "function" ? usage({ request, steps }) : usage), estimated: false }
}

/** One answer's encoder, with a decoder beside it that tells which of the last events is the finish and which the end. */
class Voice {
  private readonly encoder: AnswerEncoder
  private readonly decoder: EventDecoder
  private readonly by: UpstreamDialectName
  private readonly answer: Answer
  private readonly steps: ReadonlyArray<Step>
  private readonly request: AnswerRequest
  private readonly usage: Usage

  constructor(
    by: UpstreamDialectName,
    answer: Answer,
    steps: ReadonlyArray<Step>,
    request: AnswerRequest,
    call: ScriptedCall
  ) {
    this.by = by
    this.answer = answer
    this.steps = steps
    this.request = request
    this.usage = usageOf(answer, request, steps)
    this.encoder = clientDialects[by].encoder({
      requestId: `scripted-${call.number}`,
      streamId: `scripted-${call.number}`,
      createdAt: created,
      includeUsage: answer.usage !== "none" && (request.includeUsage || typeof answer.usage !== "function"),
      debug: false,
      request
    })
    this.decoder = upstreamDialectOf(by).decoder({ body: "", dropped: [], names: undefined })
  }

  private read({ data, event }: Payload) {
    return this.decoder.step(event ?? "message", data)
  }

  private heard(payloads: ReadonlyArray<Payload>): ReadonlyArray<Payload> {
    for (const payload of payloads) this.read(payload)
    return payloads
  }

  opening(): ReadonlyArray<Payload> {
    const { model } = this.request
    const usage = { ...this.usage, outputTokens: 0 }
    return this.heard([...this.encoder.open(model), ...this.encoder.begin(model, { usage, deltas: [] })])
  }

  step(step: Step): ReadonlyArray<Payload> {
    return this.heard(this.encoder.delta(deltaOf(step, this.by)))
  }

  error(error: ResilienceError): ReadonlyArray<Payload> {
    return this.encoder.fail({ error, partial: "", retryAfterMillis: undefined })
  }

  /** How it ends well: up to the finish, what follows it, and the terminator. */
  closing(): {
    readonly finish: ReadonlyArray<Payload>
    readonly rest: ReadonlyArray<Payload>
    readonly terminator: ReadonlyArray<Payload>
  } {
    const fullContent = this.steps.map((step) => (step._tag === "Text" ? step.text : "")).join("")
    const completion = {
      finish: finishOf(this.answer, this.steps, this.by),
      usage: this.usage,
      fullContent,
      tokenCount: this.steps.length,
      attempts: 1
    }
    const payloads = this.encoder.complete(completion, false)
    const read = payloads.map((payload) => ({ payload, event: this.read(payload) }))
    const terminator = read.filter(({ event }) => event._tag === "Done").map(({ payload }) => payload)
    const before = read.filter(({ event }) => event._tag !== "Done")
    const last = before.findLastIndex(({ event }) => event._tag === "Delta" && event.finish !== undefined)
    const said = before.map(({ payload }) => payload)
    return { finish: said.slice(0, last + 1), rest: said.slice(last + 1), terminator }
  }
}

/** An answer as one call is played it. */
interface Play {
  readonly answer: Answer
  readonly steps: ReadonlyArray<Step>
  readonly voice: Voice
  readonly client: ClientDialect
}

function* ended({ answer, voice }: Play, next: Step | undefined): Generator<WireStep> {
  const { ending } = answer
  // What is cut inside an event is the next one; behind the last one, words that nobody will read.
  const cut = (): string => firstHalf(framesOf(voice.step(next ?? { _tag: "Text", text: "and so on" })))
  if (typeof ending === "object") {
    yield data(framesOf(ending._tag === "Frame" ? [ending.payload] : voice.error(ending.error)))
    return yield end
  }
  switch (ending) {
    case "whole":
    case "garbageFrame": {
      const { finish, rest, terminator } = voice.closing()
      yield data(framesOf([...finish, ...rest, ...terminator]))
      return yield end
    }
    case "withoutTerminator": {
      const { finish, rest } = voice.closing()
      yield data(framesOf([...finish, ...rest]))
      return yield end
    }
    case "withoutFinish":
      yield data(framesOf(voice.closing().terminator))
      return yield end
    case "finishThenStall":
      return yield data(framesOf(voice.closing().finish))
    case "finishThenReset":
      yield data(framesOf(voice.closing().finish))
      return yield reset
    case "reset":
      return yield reset
    case "end":
      return yield end
    case "stall":
      return
    case "insideEvent":
      yield data(cut())
      return yield end
    case "insideChunk":
      return yield { _tag: "CutChunk", text: cut() }
  }
}

const garbage = data("data: {not json\n\n")

function* streamed(play: Play): Generator<WireStep> {
  const { answer, client, steps, voice } = play
  yield head(200, "text/event-stream", answer.headers)
  yield data(framesOf(voice.opening()))
  let seen = 0
  for (const step of steps) {
    if (step._tag === "Pause") yield* wait(step.millis)
    else if (step._tag === "Ping") yield data(client.heartbeat)
    else {
      if (seen === answer.endsAfter) {
        if (answer.ending !== "garbageFrame") return yield* ended(play, step)
        yield garbage
      }
      yield* wait(answer.every)
      const frames = framesOf(voice.step(step))
      if (frames !== "") yield data(frames)
      seen++
    }
  }
  if (answer.ending === "garbageFrame" && answer.endsAfter >= seen) yield garbage
  yield* ended(play, undefined)
}

const bodyOf = ({ client, steps, voice }: Play): string => {
  const view = client.views.whole.make()
  const said = [...voice.opening(), ...steps.flatMap((step) => voice.step(step))]
  const { finish, rest, terminator } = voice.closing()
  said.push(...finish, ...rest, ...terminator)
  const frame = client.frames("scripted")
  const shown = said.map((payload, seq) => view.push(frame(payload, seq)))
  return shown.join("") + view.end()
}

// A model that is not to stream says nothing until it has said all.
function* whole(play: Play, call: ScriptedCall): Generator<WireStep> {
  const { answer, client, steps } = play
  for (const step of steps) yield* wait(step._tag === "Pause" ? step.millis : isSeen(step) ? answer.every : 0)
  const { ending } = answer
  if (typeof ending === "object" && ending._tag === "ErrorFrame") {
    return yield* told(failureOf(client, ending.error, call), undefined, {}, true)
  }
  yield head(200, client.views.whole.contentType, answer.headers)
  const body = bodyOf(play)
  switch (ending) {
    case "reset":
      yield data(firstHalf(body))
      return yield reset
    case "insideChunk":
      return yield { _tag: "CutChunk", text: firstHalf(body) }
    case "end":
      yield data(firstHalf(body))
      return yield end
    case "stall":
      return yield data(firstHalf(body))
    default:
      yield data(body)
      return yield end
  }
}

const failureOf = (client: ClientDialect, error: ResilienceError, call: ScriptedCall): FailureAnswer =>
  client.failure(error, {
    requestId: `scripted-${call.number}`,
    method: call.method,
    path: new URL(call.url, "http://localhost").pathname,
    now: created,
    accept: undefined
  })

function* told(
  { body, headers, status: own }: FailureAnswer,
  status: number | undefined,
  more: Status["headers"],
  ends: boolean
): Generator<WireStep> {
  yield { _tag: "Head", status: status ?? own, headers: { ...headers, ...more } }
  yield data(ends ? body : firstHalf(body))
  if (ends) yield end
}

function* statusOf({ body, ends, headers, status }: Status, client: ClientDialect, call: ScriptedCall) {
  if (typeof body === "string") {
    return yield* told({ status, headers: { "content-type": "application/json" }, body }, status, headers, ends)
  }
  const error = body ?? classify({ status, headers: {}, body: "", now: created }).error
  const failure = failureOf(client, error, call)
  // A status that nothing more is said of brings no hints of its own.
  const own = body === undefined ? { "content-type": failure.headers["content-type"] ?? "application/json" } : undefined
  yield* told(own === undefined ? failure : { ...failure, headers: own }, status, headers, ends)
}

// Who counts tokens is told those of the request, and no answer is made.
function* counted(answer: Answer, request: AnswerRequest, client: ClientDialect): Generator<WireStep> {
  yield head(200, "application/json", answer.headers)
  yield data(JSON.stringify(client.count?.(usageOf(answer, request, []).inputTokens) ?? {}))
  yield end
}

function* answered(answer: Answer, dialect: UpstreamDialectName, call: ScriptedCall): Generator<WireStep> {
  const client = clientDialects[dialect]
  const { fault, goesOn, request } = call
  if (fault !== undefined) return yield* told(failureOf(client, fault, call), undefined, {}, true)
  if (request === undefined) return
  const how = goesOn === undefined ? "honour" : takes(answer, goesOn)
  if (typeof how === "object") return yield* wireOf(how, dialect, call)
  const steps = goesOn === undefined || how === "anew" ? answer.steps : stepsAfter(answer.steps, goesOn.partial)
  const play: Play = { answer, steps, client, voice: new Voice(dialect, answer, steps, request, call) }
  yield* wait(answer.startsAfter)
  if (request.operation === "count") return yield* counted(answer, request, client)
  yield* request.delivery === "stream" ? streamed(play) : whole(play, call)
}

/** All that one call is played in a dialect. */
export function* wireOf(script: Script, dialect: UpstreamDialectName, call: ScriptedCall): Generator<WireStep> {
  if (script._tag === "Silence") return
  if (script._tag === "Answer") return yield* answered(script, dialect, call)
  yield* wait(script.startsAfter)
  switch (script._tag) {
    case "Status":
      return yield* statusOf(script, clientDialects[dialect], call)
    case "HeadersOnly":
      yield head(200, "text/event-stream", {})
      while (script.pingEvery !== undefined) {
        yield* wait(script.pingEvery)
        yield data(clientDialects[dialect].heartbeat)
      }
      return
    case "Refused":
      return yield reset
    case "NotHttp":
      return yield { _tag: "NotHttp", bytes: script.bytes }
  }
}
