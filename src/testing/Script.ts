/**
 * What a false upstream does with one request: an answer in canonical steps with the fault that ends it, or no answer at
 * all. A script knows no wire format: `Wire.ts` says it in the words of whichever dialect it is played in, and
 * `ScriptedUpstream` (virtual time) and `ScriptedServer` (a socket) play that.
 *
 * A script is plain data, and says what **one** upstream would answer in full; a call that goes on from a part of it is
 * played what is left.
 */
import { Pipeable } from "effect"
import { dual } from "effect/Function"
import type { AnswerRequest, FinishReason, Payload, Usage } from "../dialect/index.ts"
import { InvalidRequest, type ResilienceError, stackless, UpstreamOverloaded } from "../errors/index.ts"
import { inWords, isSeen, type Part, type Step, stepsOf } from "./Step.ts"

export {
  type Call,
  inWords,
  isSeen,
  type Part,
  pause,
  ping,
  reasoning,
  refusal,
  sealedReasoning,
  signature,
  type Step,
  text,
  toolCall
} from "./Step.ts"

// ------------------------------------------------------------------------------------------------------- faults

/**
 * How a streamed answer ends.
 *
 * | ending | what comes |
 * |---|---|
 * | `whole` | the finish, the usage, the dialect's terminator, a clean end |
 * | `reset` | a reset of the connection |
 * | `end` | a clean end of the body, with neither finish nor terminator |
 * | `stall` | nothing more, with the connection open |
 * | `insideEvent` | half of the next event, then a clean end |
 * | `insideChunk` | half of the next event in an unfinished chunk of HTTP, then the connection closes |
 * | `garbageFrame` | a frame that is not JSON, then all the rest and a good end |
 * | `withoutTerminator` | the finish and the usage, then a clean end |
 * | `withoutFinish` | the terminator alone |
 * | `finishThenStall` | the finish, then nothing more, with the connection open |
 * | `finishThenReset` | the finish, then a reset |
 * | `errorFrame(…)` | an error as the dialect tells it inside a stream, then a clean end |
 * | `frame(…)` | this event as it is, then a clean end |
 *
 * A whole answer (of a request that asked for no stream) knows `reset`, `end`, `stall` and `insideChunk`, each after half
 * of its body, and an error as an error's status; by every other ending it is whole.
 */
export type Ending =
  | "whole"
  | "reset"
  | "end"
  | "stall"
  | "insideEvent"
  | "insideChunk"
  | "garbageFrame"
  | "withoutTerminator"
  | "withoutFinish"
  | "finishThenStall"
  | "finishThenReset"
  | { readonly _tag: "ErrorFrame"; readonly error: ResilienceError }
  | { readonly _tag: "Frame"; readonly payload: Payload }

/** An error inside the stream, as the dialect tells it. An overloaded upstream where none is named. */
export const errorFrame = (error: ResilienceError = stackless(() => new UpstreamOverloaded({}))): Ending => ({
  _tag: "ErrorFrame",
  error
})

/** An event that no encoder writes: an error in a vendor's very words, say. It binds the script to one dialect. */
export const frame = (payload: Payload): Ending => ({ _tag: "Frame", payload })

// ------------------------------------------------------------------------------------------------------ scripts

/**
 * How a request to go on from a part of the answer is taken: `honour` plays what is left of the answer, `anew` begins at
 * its beginning, and a script is played instead (a refusal, silence).
 */
export type Continuing = "honour" | "anew" | Script

/** Why an answer ends; with the upstream's own word where the dialect has more of them than there are reasons. */
export interface Finish {
  readonly reason: FinishReason
  readonly native: string | undefined
}

/** The tokens that an answer tells. */
export type Tokens = Omit<Usage, "estimated" | "native">

/** Counts the tokens of one call: of what it asks, and of the steps that it is played. */
export type Count = (played: { readonly request: AnswerRequest; readonly steps: ReadonlyArray<Step> }) => Tokens

const counted: Count = ({ request, steps }) => ({
  inputTokens: Math.max(1, request.inputEstimate()),
  outputTokens: steps.filter(isSeen).length
})

/** An answer, good or bad. */
export interface Answer extends Pipeable.Pipeable {
  readonly _tag: "Answer"
  readonly steps: ReadonlyArray<Step>
  /** Milliseconds before the headers. */
  readonly startsAfter: number
  /** Milliseconds before each step that is seen. */
  readonly every: number
  /** How it ends, after so many steps that are seen; `Infinity`: after all. */
  readonly ending: Ending
  readonly endsAfter: number
  /** `undefined`: as its steps say, `tool-calls` or `stop`. */
  readonly finish: Finish | undefined
  /** Tokens are told to everybody, a count where the request asks for it. */
  readonly usage: Tokens | Count | "none"
  /** Over those of a stream, or of a whole answer. */
  readonly headers: { readonly [name: string]: string }
  readonly prefill: Continuing
  readonly message: Continuing
}

/** A status and a body in place of an answer. */
export interface Status extends Pipeable.Pipeable {
  readonly _tag: "Status"
  readonly startsAfter: number
  readonly status: number
  /** Over those that the body brings. */
  readonly headers: { readonly [name: string]: string }
  /** Its text, or an error in the dialect's envelope; `undefined`: the error that such a status stands for. */
  readonly body: string | ResilienceError | undefined
  /** Whether the body ends, or stays half written. */
  readonly ends: boolean
}

/** The headers of a stream, and then no content. */
export interface HeadersOnly extends Pipeable.Pipeable {
  readonly _tag: "HeadersOnly"
  readonly startsAfter: number
  /** Milliseconds between two pings; `undefined`: none comes. */
  readonly pingEvery: number | undefined
}

/** The connection breaks before anything has come. */
export interface Refused extends Pipeable.Pipeable {
  readonly _tag: "Refused"
  readonly startsAfter: number
}

/** Bytes that are not HTTP. */
export interface NotHttp extends Pipeable.Pipeable {
  readonly _tag: "NotHttp"
  readonly startsAfter: number
  readonly bytes: string
}

/** Nothing comes, for ever. */
export interface Silence extends Pipeable.Pipeable {
  readonly _tag: "Silence"
}

/** What an upstream does with one request. */
export type Script = Answer | Status | HeadersOnly | Refused | NotHttp | Silence

const script = <S extends Script>(fields: Omit<S, keyof Pipeable.Pipeable>): S =>
  Object.assign(Object.create(Pipeable.Prototype) as S, fields)

/**
 * A good answer: of this text, word by word, or of these parts, one after the other. What goes wrong with it is said with
 * the functions below.
 *
 * - It comes at once, without a pause; it honours continuations; its usage is counted; its finish follows from its steps.
 *
 * ```ts import.meta.vitest
 * import { Script } from "effect-resilience/testing"
 *
 * const good = Script.answer("Once upon a time")
 * good.steps.length // => 4
 *
 * const broken = good.pipe(Script.cutAfter(2, "reset"), Script.every(50))
 * broken.ending // => "reset"
 *
 * const call = Script.toolCall({ id: "call_1", name: "weather", input: ['{"city":', '"Oslo"}'] })
 * Script.answer([Script.reasoning("Hm."), "I look.", call]).steps.length // => 5
 * ```
 */
export const answer = (content: string | ReadonlyArray<Part>): Answer =>
  script<Answer>({
    _tag: "Answer",
    steps: stepsOf(typeof content === "string" ? inWords(content) : content),
    startsAfter: 0,
    every: 0,
    ending: "whole",
    endsAfter: Number.POSITIVE_INFINITY,
    finish: undefined,
    usage: counted,
    headers: {},
    prefill: "honour",
    message: "honour"
  })

const changed = (self: Answer, fields: Partial<Omit<Answer, keyof Pipeable.Pipeable>>): Answer =>
  script<Answer>({ ...self, ...fields })

/** Ends an answer otherwise than well, once all of it was said. */
export const ending: {
  /**
   * Ends an answer otherwise than well, once all of it was said.
   *
   * In a pipe.
   */
  (ending: Ending): (self: Answer) => Answer
  /**
   * Ends an answer otherwise than well, once all of it was said.
   *
   * As a call.
   */
  (self: Answer, ending: Ending): Answer
} = dual(2, (self: Answer, ending: Ending): Answer => changed(self, { ending, endsAfter: Number.POSITIVE_INFINITY }))

/**
 * Ends an answer after so many of its steps, pauses and pings not counted. A call that goes on from a part of the answer
 * counts anew, from what it is played.
 *
 * ```ts import.meta.vitest
 * import { Script } from "effect-resilience/testing"
 *
 * Script.answer("a b c d").pipe(Script.cutAfter(3, "insideEvent")).endsAfter // => 3
 * Script.cutAfter(Script.answer("a b c d"), 3, Script.errorFrame()).endsAfter // => 3
 * ```
 */
export const cutAfter: {
  /**
   * Ends an answer after so many of its steps, pauses and pings not counted. A call that goes on from a part of the
   * answer counts anew, from what it is played.
   *
   * In a pipe.
   */
  (steps: number, ending: Ending): (self: Answer) => Answer
  /**
   * Ends an answer after so many of its steps, pauses and pings not counted. A call that goes on from a part of the
   * answer counts anew, from what it is played.
   *
   * As a call.
   */
  (self: Answer, steps: number, ending: Ending): Answer
} = dual(3, (self: Answer, steps: number, ending: Ending): Answer => changed(self, { ending, endsAfter: steps }))

/** Lets so many milliseconds pass before each step that is seen. */
export const every: {
  /**
   * Lets so many milliseconds pass before each step that is seen.
   *
   * In a pipe.
   */
  (millis: number): (self: Answer) => Answer
  /**
   * Lets so many milliseconds pass before each step that is seen.
   *
   * As a call.
   */
  (self: Answer, millis: number): Answer
} = dual(2, (self: Answer, millis: number): Answer => changed(self, { every: millis }))

/** Says why the answer ends. `native` is the upstream's own word, in the dialect in which it is played. */
export const finish: {
  /**
   * Says why the answer ends. `native` is the upstream's own word, in the dialect in which it is played.
   *
   * In a pipe.
   */
  (reason: FinishReason, native?: string): (self: Answer) => Answer
  /**
   * Says why the answer ends. `native` is the upstream's own word, in the dialect in which it is played.
   *
   * As a call.
   */
  (self: Answer, reason: FinishReason, native?: string): Answer
} = dual(
  (args) => typeof args[0] !== "string",
  (self: Answer, reason: FinishReason, native?: string): Answer => changed(self, { finish: { reason, native } })
)

/**
 * Tells these tokens, whether the request asks for them or not; or counts each call's, where it asks; or tells none, as
 * far as the dialect can leave them out. By default they are counted: an estimate of the request, one for each step.
 */
export const usage: {
  /**
   * Tells these tokens, whether the request asks for them or not; or counts each call's, where it asks; or tells
   * none, as far as the dialect can leave them out. By default they are counted: an estimate of the request, one for
   * each step.
   *
   * In a pipe.
   */
  (usage: Tokens | Count | "none"): (self: Answer) => Answer
  /**
   * Tells these tokens, whether the request asks for them or not; or counts each call's, where it asks; or tells
   * none, as far as the dialect can leave them out. By default they are counted: an estimate of the request, one for
   * each step.
   *
   * As a call.
   */
  (self: Answer, usage: Tokens | Count | "none"): Answer
} = dual(2, (self: Answer, usage: Tokens | Count | "none"): Answer => changed(self, { usage }))

/** Adds headers to those of the answer. */
export const headers: {
  /**
   * Adds headers to those of the answer.
   *
   * In a pipe.
   */
  (headers: { readonly [name: string]: string }): (self: Answer) => Answer
  /**
   * Adds headers to those of the answer.
   *
   * As a call.
   */
  (self: Answer, headers: { readonly [name: string]: string }): Answer
} = dual(
  2,
  (self: Answer, headers: { readonly [name: string]: string }): Answer =>
    changed(self, { headers: { ...self.headers, ...headers } })
)

/**
 * Says how requests are taken that go on from a part of the answer. Each mode that is not named stays as it is; both
 * are honoured where nothing is said.
 *
 * ```ts import.meta.vitest
 * import { Script } from "effect-resilience/testing"
 *
 * const stubborn = Script.answer("a b c").pipe(
 *   Script.continuing({ prefill: Script.prefillRefused, message: "anew" })
 * )
 * stubborn.message // => "anew"
 * ```
 */
export const continuing: {
  /**
   * Says how requests are taken that go on from a part of the answer. Each mode that is not named stays as it is;
   * both are honoured where nothing is said.
   *
   * In a pipe.
   */
  (how: { readonly prefill?: Continuing; readonly message?: Continuing }): (self: Answer) => Answer
  /**
   * Says how requests are taken that go on from a part of the answer. Each mode that is not named stays as it is;
   * both are honoured where nothing is said.
   *
   * As a call.
   */
  (self: Answer, how: { readonly prefill?: Continuing; readonly message?: Continuing }): Answer
} = dual(
  2,
  (self: Answer, how: { readonly prefill?: Continuing; readonly message?: Continuing }): Answer => changed(self, how)
)

/** Lets so many milliseconds pass before anything comes: slow headers. */
export const startsAfter: {
  /**
   * Lets so many milliseconds pass before anything comes: slow headers.
   *
   * In a pipe.
   */
  (millis: number): <S extends Exclude<Script, Silence>>(self: S) => S
  /**
   * Lets so many milliseconds pass before anything comes: slow headers.
   *
   * As a call.
   */
  <S extends Exclude<Script, Silence>>(self: S, millis: number): S
} = dual(
  2,
  <S extends Exclude<Script, Silence>>(self: S, millis: number): S =>
    Object.assign(Object.create(Pipeable.Prototype) as S, self, { startsAfter: millis })
)

// -------------------------------------------------------------------------------------------------- no answer

/**
 * A status in place of an answer. `body` is text, or JSON; where it is absent, the dialect's words for such a status.
 *
 * ```ts import.meta.vitest
 * import { Script } from "effect-resilience/testing"
 *
 * Script.status(429, { headers: { "retry-after": "2" } }).status // => 429
 * ```
 */
export const status = (
  status: number,
  options: { readonly body?: unknown; readonly headers?: { readonly [name: string]: string } } = {}
): Status =>
  script<Status>({
    _tag: "Status",
    startsAfter: 0,
    status,
    headers: options.headers ?? {},
    body: typeof options.body === "string" ? options.body : JSON.stringify(options.body),
    ends: true
  })

/** An error as the dialect tells it, with this status. */
export const failure = (
  status: number,
  error: ResilienceError,
  headers: { readonly [name: string]: string } = {}
): Status => script<Status>({ _tag: "Status", startsAfter: 0, status, headers, body: error, ends: true })

/** The same failure, whose body never ends. */
export const unended = (self: Status): Status => script<Status>({ ...self, ends: false })

/** The 400 of a model that takes no prefill, in the words of Anthropic's. */
export const prefillRefused: Status = failure(
  400,
  stackless(
    () =>
      new InvalidRequest({
        message: "This model does not support assistant message prefill. The conversation must end with a user message."
      })
  )
)

/** The headers of a stream and then no content: nothing at all, or a ping every so many milliseconds. */
export const headersOnly = (pingEvery?: number): HeadersOnly =>
  script<HeadersOnly>({ _tag: "HeadersOnly", startsAfter: 0, pingEvery })

/**
 * The connection breaks before anything has come. On virtual time it was never made; over a socket it is reset, and
 * `down` is what truly refuses.
 */
export const refused: Refused = script<Refused>({ _tag: "Refused", startsAfter: 0 })

/** Bytes that are not HTTP, and a closed connection. */
export const notHttp = (bytes = "\u0000\u0001not http at all\r\n\r\n"): NotHttp =>
  script<NotHttp>({ _tag: "NotHttp", startsAfter: 0, bytes })

/** Takes the request and says nothing, for ever. */
export const silence: Silence = script<Silence>({ _tag: "Silence" })
