/**
 * One answer as a user interface shows it: a client, and a view of what it has read, made anew at most once a frame.
 * Without React: `useRetryStreaming` gives it to React, and to other frameworks it is given as easily.
 */
import type { FailoverData, UsageData } from "./ChatData.ts"
import type { ClientHandlers, RetryNotice } from "./ClientEvents.ts"
import { type ClientFault, faultMessage } from "./ClientFault.ts"
import { fields } from "./Reconnect.ts"
import { type Params, RetryStreamingClient, type RetryStreamingClientOptions } from "./RetryStreamingClient.ts"

/** Why an answer is not whole. */
export interface AnswerError {
  /** The server's own, or `connection`, `http`, `expired`, `gap`, `content_type`. */
  readonly type: string
  readonly code?: string | undefined
  readonly message: string
  /** Whether asking again may help, where that is known. */
  readonly recoverable?: boolean | undefined
}

/** A retry that is waited for. */
export interface RetryInfo {
  /** Counted from 1. */
  readonly attempt: number
  readonly maxRetries: number
  /** How long the wait is in all, in milliseconds. */
  readonly delay: number
  /** How much of it is left, in whole seconds, rounded up: it counts down by the second. */
  readonly remaining: number
}

/** Where another channel went on with the answer. */
export interface Failover extends FailoverData {
  /** The index in `text` at which its words begin. */
  readonly at: number
}

/** What is shown. A new object whenever something in it has changed, and only then. */
export interface AnswerView {
  readonly isStreaming: boolean
  readonly text: string
  readonly reasoning: string
  readonly error: AnswerError | null
  readonly retryInfo: RetryInfo | null
  /** The text of an answer that ended before it was whole: failed, or stopped. Else `null`. */
  readonly partial: string | null
  readonly failovers: ReadonlyArray<Failover>
  readonly usage: UsageData | null
}

/** Handlers of one answer, by the name of their event: the client's own and those of the stream. */
export type AnswerHandlers = ClientHandlers & { readonly [event: string]: ((...args: never) => void) | undefined }

/** How answers are asked for: by POST. */
export type AnswerOptions = Omit<RetryStreamingClientOptions, "method">

/** The view before anything was asked. */
export const emptyView: AnswerView = {
  isStreaming: false,
  text: "",
  reasoning: "",
  error: null,
  retryInfo: null,
  partial: null,
  failovers: [],
  usage: null
}

const errorOf = (fault: ClientFault): AnswerError => {
  const message = faultMessage(fault)
  switch (fault._tag) {
    case "StreamGap":
      return { type: "gap", message, recoverable: true }
    case "StreamExpired":
      return { type: "expired", code: "stream_expired", message, recoverable: true }
    case "BadContentType":
      return { type: "content_type", message }
    case "HttpFault":
      return { type: "http", ...(fault.code !== "" && { code: fault.code }), message }
    case "ServerFault": {
      const { code, recoverable, type = "server" } = fault.error
      return { type, code, message, recoverable }
    }
    case "RetriesExhausted":
      return fault.last._tag === "ServerFault" ? { ...errorOf(fault.last), message } : lastOf(fault.last, message)
  }
}

const lastOf = (
  last: { readonly _tag: "ConnectionFault" } | { readonly _tag: "HttpFault"; readonly code: string },
  message: string
): AnswerError =>
  last._tag === "HttpFault" && last.code !== ""
    ? { type: "connection", code: last.code, message, recoverable: true }
    : { type: "connection", message, recoverable: true }

/** When no frame is drawn (a hidden tab, no browser), the view is made anew after so long. */
const hiddenFrame = 100

/** Calls back with the next frame, or, where none is drawn, a little later. Gives what takes that back. */
const atNextFrame = (callback: () => void): (() => void) => {
  const draws = typeof globalThis.requestAnimationFrame === "function"
  const forget = (): void => {
    clearTimeout(timer)
    if (frame !== undefined) globalThis.cancelAnimationFrame(frame)
  }
  const run = (): void => {
    forget()
    callback()
  }
  const timer = setTimeout(run, draws ? hiddenFrame : 16)
  const frame = draws ? globalThis.requestAnimationFrame(run) : undefined
  return forget
}

/** Parameters as they are now: whoever asked may go on to change what he asked with. Throws where they are no JSON. */
const asTheyAre = (params: Params): Params => JSON.parse(JSON.stringify(params)) as Params

/** The messages of a request, whichever way it was put. */
const messagesOf = (params: Params): ReadonlyArray<unknown> =>
  Array.isArray(params["messages"]) ? params["messages"] : [{ role: "user", content: params["message"] }]

/** A request that goes on from a text: the text is the last message's, of the assistant. */
const goingOn = (params: Params, partial: string): Params => {
  const { message: _, ...rest } = params
  const messages = messagesOf(params)
  const last = messages.at(-1)
  const { content: before, role } = fields(last)
  const begun = role === "assistant"
  const content = `${begun && typeof before === "string" ? before : ""}${partial}`
  return { ...rest, messages: [...(begun ? messages.slice(0, -1) : messages), { role: "assistant", content }] }
}

/**
 * A session of answers, one at a time. Its functions may be taken off it.
 */
export class AnswerSession {
  #url: string
  #options: AnswerOptions
  #client: RetryStreamingClient | undefined
  #asked: { readonly params: Params; readonly handlers: AnswerHandlers } | undefined
  /** What the listeners were told. */
  #shown: AnswerView = emptyView
  /** What is so. */
  #view: AnswerView = emptyView
  /** What a reset goes back to: the partial that is gone on from. */
  #beginning: Pick<AnswerView, "text" | "reasoning" | "failovers"> = emptyView
  readonly #listeners = new Set<() => void>()
  /** Takes back the frame that is waited for, if one is. */
  #forgetFrame: (() => void) | undefined
  #countdown: ReturnType<typeof setTimeout> | undefined

  constructor(url: string, options: AnswerOptions = {}) {
    this.#url = url
    this.#options = options
  }

  /** What the next answer is asked with. */
  readonly configure = (url: string, options: AnswerOptions = {}): void => {
    this.#url = url
    this.#options = options
  }

  /** The view as it was last told. */
  readonly view = (): AnswerView => this.#shown

  /** Calls back whenever there is a new view. Gives what ends that. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
      if (this.#listeners.size === 0) this.#show()
    }
  }

  /** Asks. Does nothing while an answer is under way. */
  readonly start = (params: Params, handlers: AnswerHandlers = {}): void => {
    if (this.#view.isStreaming) return
    const asked = asTheyAre(params)
    this.#asked = { params: asked, handlers }
    this.#begin(asked, emptyView)
  }

  /** Cancels the answer where it is made, and leaves. */
  readonly stop = (): void => {
    if (!this.#view.isStreaming) return
    void this.#client?.cancel()
    this.#ended(null)
  }

  /** Asks the same again, and forgets the answer before. */
  readonly regenerate = (): void => {
    if (this.#view.isStreaming || this.#asked === undefined) return
    this.#begin(this.#asked.params, emptyView)
  }

  /** Goes on from the partial. Does nothing where there is none. */
  readonly tryFromHere = (): void => {
    const { failovers, isStreaming, partial, reasoning } = this.#view
    if (isStreaming || partial === null || this.#asked === undefined) return
    this.#begin(goingOn(this.#asked.params, partial), { text: partial, reasoning, failovers })
  }

  /** Leaves, without cancelling. */
  readonly close = (): void => {
    this.#client?.close()
    if (this.#view.isStreaming) this.#ended(null)
  }

  #begin(params: Params, beginning: Pick<AnswerView, "text" | "reasoning" | "failovers">): void {
    const { failovers, reasoning, text } = beginning
    this.#beginning = { text, reasoning, failovers }
    this.#change({ ...emptyView, ...this.#beginning, isStreaming: true })
    const client = new RetryStreamingClient(this.#url, { ...this.#options, method: "POST" })
    this.#client = client
    // What comes of a client that was stopped changes nothing: it says nothing any more.
    client
      .on("open", () => this.#endCountdown())
      .on("message", (content) => this.#change({ text: this.#view.text + content }))
      .on("reasoning", ({ content }) => this.#change({ reasoning: this.#view.reasoning + content }))
      .on("failover", (data) =>
        this.#change({ failovers: [...this.#view.failovers, { ...data, at: this.#view.text.length }] })
      )
      .on("reset", () => this.#change(this.#beginning))
      .on("done", ({ usage }) => this.#change({ usage: usage ?? null }))
      .on("retry", (notice) => this.#count(notice, Date.now() + notice.delay))
      .on("fatal", (_, error) => this.#ended(errorOf(error)))
      .on("end", () => {
        this.#endCountdown()
        this.#change({ isStreaming: false })
      })
    for (const [event, handler] of Object.entries(this.#asked?.handlers ?? {})) {
      // The type of the handlers has seen to it that each takes what its event gives.
      if (handler !== undefined) client.on(event, handler as (data: unknown) => void)
    }
    client.connect(params)
  }

  #ended(error: AnswerError | null): void {
    this.#endCountdown()
    const { text } = this.#view
    this.#change({ isStreaming: false, error, partial: text === "" ? null : text })
  }

  #count(notice: RetryNotice, until: number): void {
    clearTimeout(this.#countdown)
    const left = Math.max(0, until - Date.now())
    const { attempt, delay, maxRetries } = notice
    this.#change({ retryInfo: { attempt, maxRetries, delay, remaining: Math.ceil(left / 1_000) } })
    if (left > 0) {
      const untilNextSecond = left % 1_000 || 1_000
      this.#countdown = setTimeout(() => this.#count(notice, until), untilNextSecond)
    }
  }

  #endCountdown(): void {
    clearTimeout(this.#countdown)
    if (this.#view.retryInfo !== null) this.#change({ retryInfo: null })
  }

  #change(change: Partial<AnswerView>): void {
    this.#view = { ...this.#view, ...change }
    // Where nobody looks there is no frame to wait for.
    if (this.#listeners.size === 0) this.#show()
    else this.#forgetFrame ??= atNextFrame(() => this.#show())
  }

  #show(): void {
    this.#forgetFrame?.()
    this.#forgetFrame = undefined
    this.#shown = this.#view
    for (const listener of Array.from(this.#listeners)) listener()
  }
}
