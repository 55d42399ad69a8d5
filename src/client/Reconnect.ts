/**
 * The reconnect machine: what a client of a stream does when its connection breaks, as a pure function. It is given what
 * happens (an answer's head, an event, a cut, a timer that is due) and says what to do (ask, wait, give an event, give
 * up). It knows no clock, no socket and no Effect; `RetryStreamingClient`, `useRetryStreaming` and `ResumableStream` do
 * what it says, each in its own way.
 *
 * An event costs one new state and one action.
 */
import type { ClientFault, ConnectionFault, HttpFault, LastFault, ServerError } from "./ClientFault.ts"
import type { RetryNotice } from "./ClientEvents.ts"
import { backoffMillis, type ReconnectRules } from "./ReconnectRules.ts"

/** Where a client is. `ended`, `failed` and `closed` are final, until it connects anew. */
export type Phase = "idle" | "connecting" | "open" | "waiting" | "offline" | "ended" | "failed" | "closed"

/** What is known of a stream over all its connections. */
export interface State {
  readonly phase: Phase
  /** The id of the last event, or `""`. */
  readonly lastEventId: string
  /** The stream that is read, if it has said which. */
  readonly stream: string | undefined
  /** The number of its last event; -1 while no event had one in its id. */
  readonly seq: number
  /** Whether something was given, and whether the next event belongs to it or begins anew. */
  readonly given: "nothing" | "current" | "stale"
  /** The content of the stream's messages so far. */
  readonly text: string
  /** How often in a row a connection has brought nothing new. */
  readonly tries: number
  /** How often it was asked anew for an `error` event. */
  readonly askings: number
  /** The first wait, in milliseconds. */
  readonly firstDelay: number
}

/** What happens. */
export type Input =
  | { readonly _tag: "Connect"; readonly online: boolean }
  /** The head of an answer, and the error code in its body where it is an error. */
  | {
      readonly _tag: "Head"
      readonly status: number
      readonly contentType: string
      readonly code: string
      readonly hintMillis: number | undefined
      /** `x-stream-id`. */
      readonly streamId: string | undefined
    }
  /**
   * An event. `id` is its own, `undefined` where it has none. `json` is its data parsed, `undefined` where it is no JSON.
   */
  | {
      readonly _tag: "Event"
      readonly event: string
      readonly id: string | undefined
      readonly data: string
      readonly json: unknown
    }
  /** A `retry:` of the stream. */
  | { readonly _tag: "Delay"; readonly millis: number }
  /** No answer came, or the body is over. `lastEventId` is the parser's. */
  | {
      readonly _tag: "Cut"
      readonly reason: "network_error" | "stream_cut"
      readonly message: string
      readonly lastEventId: string
      readonly online: boolean
    }
  /** The wait is over, for its time or for a network. */
  | { readonly _tag: "Due"; readonly online: boolean }
  | { readonly _tag: "Close" }
  | { readonly _tag: "Cancel" }

/** An event that is given. */
export type Given = Extract<Input, { readonly _tag: "Event" }>

/** What to do, in this order. */
export type Action =
  /** Ask. `lastEventId` is `""` where there is none; each `asking` has an idempotency key of its own. */
  | { readonly _tag: "Request"; readonly lastEventId: string; readonly asking: number }
  | { readonly _tag: "Give"; readonly event: Given }
  /** A new answer begins: what was assembled is of another. */
  | { readonly _tag: "Reset" }
  /** Let go of the connection, wait, and tell that it is due. A `hinted` wait is what the server asked for. */
  | { readonly _tag: "Wait"; readonly notice: RetryNotice; readonly hinted: boolean; readonly last: LastFault }
  /** Let go of the connection, and tell when there is a network. `last` is why, if there was a connection. */
  | { readonly _tag: "AwaitOnline"; readonly last: LastFault | undefined }
  /** Let go of the connection, and of a timer. So do `End` and `Fail`. */
  | { readonly _tag: "Drop" }
  /** Cancel a stream, then let go of the connection. */
  | { readonly _tag: "CancelRemote"; readonly id: string }
  | { readonly _tag: "End" }
  | { readonly _tag: "Fail"; readonly error: ClientFault }

/** What follows. */
export interface Step {
  readonly state: State
  readonly actions: ReadonlyArray<Action>
}

const drop: Action = { _tag: "Drop" }
const none: ReadonlyArray<Action> = []

/** Nobody has asked yet. */
export const idle = ({ initialDelay = 1_000 }: ReconnectRules): State => ({
  phase: "idle",
  lastEventId: "",
  stream: undefined,
  seq: -1,
  given: "nothing",
  text: "",
  tries: 0,
  askings: 0,
  firstDelay: initialDelay
})

/** A client that does nothing: it may connect. */
export const atRest = /idle|ended|failed|closed/
const underWay = /ing$|open|offline/

/** In which phases each input means something. */
const heeds: { readonly [Tag in Input["_tag"]]: RegExp } = {
  Connect: atRest,
  Head: /connecting/,
  Event: /open/,
  Delay: /open/,
  Cut: /connecting|open/,
  Due: /waiting|offline/,
  Close: underWay,
  Cancel: underWay
}

/** `<stream id>.<seq>`, as the relay makes ids. */
const ownId = /^([\w-]{22,40})\.(0|[1-9]\d{0,9})$/

/** The fields of what was parsed: none where it is no object. */
export const fields = (json: unknown): { readonly [field: string]: unknown } => Object(json)

/** The content of a message: its `content`, or, of a server that sends bare text, all of it. */
export const contentOf = ({ data, json }: Given): string =>
  [fields(json)["content"], json].find((said) => typeof said === "string") ?? data

/** An `error` event, as far as it can be understood. Its other fields are what the server says that they are. */
const serverError = ({ data, json }: Given): ServerError => {
  const said = fields(json)
  return {
    ...(said as Partial<ServerError>),
    message: String(said["message"] ?? data),
    recoverable: said["recoverable"] === true
  }
}

const fail = (state: State, error: ClientFault): Step => ({
  state: { ...state, phase: "failed" },
  actions: [{ _tag: "Fail", error }]
})

const ask = (state: State, online: boolean, last?: LastFault): Step =>
  online
    ? {
        state: {
          ...state,
          phase: "connecting",
          // Without a cursor all that comes was, or may have been, given before.
          given: state.given === "nothing" || state.lastEventId !== "" ? state.given : "stale"
        },
        actions: [{ _tag: "Request", lastEventId: state.lastEventId, asking: state.askings }]
      }
    : { state: { ...state, phase: "offline" }, actions: [{ _tag: "AwaitOnline", last }] }

/** Asks again after a wait, unless that is too long, or was done too often. `attempt` counts this time. */
const again = (
  rules: ReconnectRules,
  state: State,
  last: LastFault,
  attempt: number,
  reason: string,
  hint: number | undefined
): Step => {
  const { maxHint = 120_000, maxRetries = 5 } = rules
  // A hint comes from a server, and a server's fault may be told as it is.
  if (hint !== undefined && hint > maxHint && last._tag !== "ConnectionFault") return fail(state, last)
  // A number that is none allows nothing.
  if (!(attempt <= maxRetries)) return fail(state, { _tag: "RetriesExhausted", attempts: attempt, last })
  const delay = hint ?? backoffMillis(rules, state.firstDelay, attempt)
  return {
    state: { ...state, phase: "waiting" },
    actions: [{ _tag: "Wait", notice: { attempt, maxRetries, delay, reason }, hinted: hint !== undefined, last }]
  }
}

const retry = (
  rules: ReconnectRules,
  state: State,
  last: LastFault,
  reason: string,
  hint: number | undefined
): Step => {
  const tries = state.tries + 1
  return again(rules, { ...state, tries }, last, tries, reason, hint)
}

const head = (
  rules: ReconnectRules,
  state: State,
  { code, contentType, hintMillis, status, streamId }: Extract<Input, { readonly _tag: "Head" }>
): Step => {
  if (status === 204) return { state: { ...state, phase: "ended" }, actions: [{ _tag: "End" }] }
  if (status === 200) {
    // Without a cursor it is a first answer, whichever it is of.
    const stream = (state.lastEventId === "" && streamId) || state.stream
    return /^text\/event-stream\s*(;|$)/i.test(contentType)
      ? { state: { ...state, phase: "open", stream }, actions: none }
      : fail(state, { _tag: "BadContentType", contentType })
  }
  if (status === 410) return fail(state, { _tag: "StreamExpired", partial: state.text })
  const fault: HttpFault = { _tag: "HttpFault", status, code, retryAfterMillis: hintMillis }
  return /^(408|42[59]|5..)$/.test(`${status}`)
    ? retry(rules, state, fault, `http_${status}`, hintMillis)
    : fail(state, fault)
}

/** The stream itself says that it failed: it is over, and is asked anew, or not. */
const failed = (rules: ReconnectRules, state: State, event: Given): Step => {
  const error = serverError(event)
  const fault = { _tag: "ServerFault", error } as const
  const seconds = error.retry_after
  const hint = typeof seconds === "number" && seconds >= 0 ? seconds * 1_000 : undefined
  if (!error.recoverable) return fail(state, fault)
  const askings = state.askings + 1
  return again(
    rules,
    { ...state, lastEventId: "", stream: undefined, seq: -1, tries: 0, askings },
    fault,
    askings,
    String(error.code ?? error.type ?? "server_error"),
    hint
  )
}

const onEvent = (rules: ReconnectRules, state: State, event: Given): Step => {
  const own = ownId.exec(event.id ?? "")
  const said = event.event === "init" ? fields(event.json)["stream_id"] : undefined
  const stream = own?.[1] ?? (typeof said === "string" ? said : state.stream)
  const seq = own === null ? -1 : Number(own[2])
  const begins = state.stream !== undefined && stream !== state.stream
  if (own !== null && state.stream !== undefined) {
    // Read before: what is given again was given.
    if (!begins && seq <= state.seq) return { state, actions: none }
    if (seq !== (begins ? 0 : state.seq + 1) && (begins || state.seq >= 0)) {
      return fail(state, { _tag: "StreamGap", lastEventId: state.lastEventId, received: own[0] })
    }
  }
  const anew = (begins && state.given !== "nothing") || state.given === "stale"
  const id = event.id ?? (begins ? "" : state.lastEventId)
  // Only an id that has changed is surely of something new.
  const isNew = !anew && id !== state.lastEventId
  // The end of OpenAI's format: a mark, which nobody wants to read behind an answer.
  const isMark = event.data === "[DONE]"
  const next: State = {
    ...state,
    lastEventId: id,
    stream,
    seq: event.id === undefined && !begins ? state.seq : seq,
    given: "current",
    text: (anew ? "" : state.text) + (event.event === "message" && !isMark ? contentOf(event) : ""),
    tries: isNew ? 0 : state.tries
  }
  const before: ReadonlyArray<Action> = anew ? [{ _tag: "Reset" }] : none
  if (event.event === "error") {
    const step = failed(rules, next, event)
    return { state: step.state, actions: [...before, ...step.actions] }
  }
  const actions: ReadonlyArray<Action> = isMark ? before : [...before, { _tag: "Give", event }]
  // The last event of an answer, in our own format and in Anthropic's.
  return isMark || event.event === "done" || event.event === "message_stop"
    ? { state: { ...next, phase: "ended" }, actions: [...actions, { _tag: "End" }] }
    : { state: next, actions }
}

const onCut = (rules: ReconnectRules, state: State, cut: Extract<Input, { readonly _tag: "Cut" }>): Step => {
  // An id in a block without data is the last event's where events have none of their own. Where they have, it is of an
  // event whose data was never seen.
  const known = cut.lastEventId !== "" && state.seq < 0 ? { ...state, lastEventId: cut.lastEventId } : state
  const fault: ConnectionFault = { _tag: "ConnectionFault", message: cut.message }
  return cut.online ? retry(rules, known, fault, cut.reason, undefined) : ask(known, false, fault)
}

/**
 * What follows from what happens. What cannot happen where the client is (an event after its end, a timer that was let
 * go) changes nothing. `random` is asked once for each wait that is jittered.
 */
export const step = (rules: ReconnectRules, state: State, input: Input): Step => {
  if (!heeds[input._tag].test(state.phase)) return { state, actions: none }
  switch (input._tag) {
    case "Connect":
      return ask(idle(rules), input.online)
    case "Head":
      return head(rules, state, input)
    case "Event":
      return onEvent(rules, state, input)
    case "Delay":
      return { state: { ...state, firstDelay: input.millis }, actions: none }
    case "Cut":
      return onCut(rules, state, input)
    case "Due":
      return ask(state, input.online)
    case "Close":
      return { state: { ...state, phase: "closed" }, actions: [drop] }
    case "Cancel":
      return {
        state: { ...state, phase: "closed" },
        actions: [state.stream === undefined ? drop : { _tag: "CancelRemote", id: state.stream }]
      }
  }
}

/** The same for whoever computes waits of its own, and has no more of them. */
export const giveUp = (state: State, last: LastFault): Step =>
  fail(state, { _tag: "RetriesExhausted", attempts: state.tries, last })
