/**
 * A client of streamed answers that comes back by itself, for browsers and Node, without Effect and without any other
 * dependency: `RetryStreamingClient`. What it does when is the reconnect machine's; here it is done, by `fetch` and
 * `setTimeout`. `ResumableStream` is the same as a `Stream`, `useRetryStreaming` the same as a hook.
 */
import { sseParserOf } from "../sse/SseParser.ts"
import { type ClientEvents, type OtherName, ownNames } from "./ClientEvents.ts"
import { type ClientFault, type ConnectionFault, faultMessage } from "./ClientFault.ts"
import { cancelAddress, errorCode, headerOf, maxEventBytes, parseJson, patience } from "./ClientWire.ts"
import { isOnline, whenOnline } from "./Connectivity.ts"
import { type Action, atRest, contentOf, idle, type Input, type State, step } from "./Reconnect.ts"
import { hintMillis, type ReconnectOptions } from "./ReconnectRules.ts"

/** How a client asks, and comes back. */
export interface RetryStreamingClientOptions extends ReconnectOptions {
  /** Default `"GET"`: the parameters are in the query. With `"POST"` they are a JSON body. */
  readonly method?: "GET" | "POST" | undefined
  /** Sent with each request, `authorization` for one. */
  readonly headers?: { readonly [name: string]: string } | undefined
  /** Where streams are cancelled: `DELETE {streamsUrl}/{id}`. Default `/streams` of the URL's origin. */
  readonly streamsUrl?: string | undefined
  /** Default: the global one, as it is when a request is made. */
  readonly fetch?: typeof globalThis.fetch | undefined
}

/**
 * What a request asks for: in the query, where what is `null` is absent, or as a JSON body. `undefined` is absent in both.
 */
export interface Params {
  readonly [name: string]: unknown
}

const withQuery = (address: string, params: Params): string => {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(params)) {
    if (value !== undefined && value !== null) query.set(name, String(value))
  }
  return query.size === 0 ? address : `${address}${address.includes("?") ? "&" : "?"}${query}`
}

/** Where a client is. While it is offline it is `waiting`. */
export type ClientState = "idle" | "connecting" | "open" | "waiting" | "ended" | "failed" | "closed"

/**
 * Asks, reads and comes back until it has the whole answer, each event once and in order.
 *
 * A connection that breaks is made again with `Last-Event-ID`; what was read before is dropped if it comes again, and what
 * is missing is fatal (`StreamGap`). It waits 1, 2, 4, … up to 30 seconds, or as long as the server asks, and gives up
 * after 5 retries in a row without a new event. A POST carries an `Idempotency-Key`, so that the answer is made once.
 *
 * Gotchas: a stream without ids cannot be resumed. What comes after a break is then a new answer: `reset` comes first.
 * An `Idempotency-Key` among `headers` is replaced. `close` leaves and lets the server's own rule decide what becomes of
 * the answer; `cancel` ends it there.
 *
 * ```ts import.meta.vitest
 * import { RetryStreamingClient } from "effect-resilience/client/browser"
 *
 * const body = 'event: init\ndata: {"stream_id":"s"}\n\ndata: {"content":"Hello"}\n\nevent: done\ndata: {}\n\n'
 * const client = new RetryStreamingClient("http://localhost:8080/chat", {
 *   method: "POST",
 *   fetch: async () => new Response(body, { headers: { "content-type": "text/event-stream" } })
 * })
 *
 * let answer = ""
 * const ended = new Promise<void>((resolve) => {
 *   client.on("message", (content) => void (answer += content)).on("end", resolve)
 * })
 * client.connect({ message: "hi" })
 * await ended
 *
 * answer // => "Hello"
 * client.state // => "ended"
 * ```
 */
export class RetryStreamingClient {
  readonly #url: string
  readonly #options: RetryStreamingClientOptions
  readonly #handlers = new Map<string, Set<(...args: ReadonlyArray<never>) => void>>()
  #state: State
  /** What is asked, the same at each retry, whatever becomes of the parameters meanwhile. */
  #asked = ""
  #body: string | undefined
  #key = ""
  /** The connection that is made or read; what comes of any other is of the past. */
  #connection: AbortController | undefined
  #forget: () => void = () => {}

  constructor(url: string | URL, options: RetryStreamingClientOptions = {}) {
    // What stands behind a fragment is never sent: a query has to stand before it.
    this.#url = String(url).replace(/#.*/, "")
    this.#options = options
    this.#state = idle(options)
  }

  /** The id of the last event that was read, or `""`. */
  get lastEventId(): string {
    return this.#state.lastEventId
  }

  /** Where it is. */
  get state(): ClientState {
    const { phase } = this.#state
    return phase === "offline" ? "waiting" : phase
  }

  /** Adds a handler. All handlers of an event run, and one that throws keeps nobody from anything. */
  on<Name extends keyof ClientEvents>(event: Name, handler: (...args: ClientEvents[Name]) => void): this
  on<Name extends string, Data = unknown>(event: OtherName<Name>, handler: (data: Data) => void): this
  on(event: string, handler: (...args: ReadonlyArray<never>) => void): this {
    const handlers = this.#handlers.get(event) ?? new Set()
    this.#handlers.set(event, handlers.add(handler))
    return this
  }

  /** Takes a handler away. */
  off(event: string, handler: (...args: ReadonlyArray<never>) => void): this {
    this.#handlers.get(event)?.delete(handler)
    return this
  }

  /** Asks. Does nothing while it is connected, or comes back. Throws, and asks nothing, where the parameters are no JSON. */
  connect(params: Params = {}): void {
    if (!atRest.test(this.#state.phase)) return
    if (this.#options.method === "POST") this.#body = JSON.stringify(params)
    this.#asked = this.#body ? this.#url : withQuery(this.#url, params)
    // Not `randomUUID`, which a page that came by plain HTTP has not.
    this.#key = crypto.getRandomValues(new Uint32Array(4)).join("-")
    this.#take({ _tag: "Connect", online: isOnline() })
  }

  /** Leaves. Nothing is called any more. */
  close(): void {
    this.#take({ _tag: "Close" })
  }

  /** Cancels the answer where it is made, and leaves. Never rejects: a server that is away cancels by its own rule. */
  async cancel(): Promise<void> {
    const { stream } = this.#state
    const connection = this.#connection
    if (atRest.test(this.#state.phase)) return
    this.#take({ _tag: "Cancel" })
    if (stream === undefined) return
    try {
      const asked = new URL(this.#asked, globalThis.location?.href)
      const url = cancelAddress(asked, stream, this.#options.streamsUrl)
      await this.#fetch(url, {
        method: "DELETE",
        headers: this.#options.headers ?? {},
        keepalive: true,
        signal: AbortSignal.timeout?.(patience) ?? null
      })
    } catch {}
    connection?.abort()
  }

  #fetch(url: string, init: RequestInit): Promise<Response> {
    // Not as a method of the options: a browser's own refuses to be one.
    const fetch = this.#options.fetch ?? globalThis.fetch
    return fetch(url, init)
  }

  #emit(event: string, ...args: ReadonlyArray<unknown>): void {
    for (const handler of Array.from(this.#handlers.get(event) ?? [])) {
      // `on` has seen to it that a handler takes what its event gives. One that throws, now or later, breaks nothing.
      void (async () => (handler as (...args: ReadonlyArray<unknown>) => unknown)(...args))().catch(console.error)
    }
  }

  #take(input: Input): void {
    const { actions, state } = step(this.#options, this.#state, input)
    this.#state = state
    for (const action of actions) {
      this.#perform(action)
      // A handler has closed it, or connected anew: the rest is of the past.
      if (this.#state !== state) return
    }
  }

  #perform(action: Action): void {
    switch (action._tag) {
      case "Request":
        return void this.#ask(action)
      case "Give": {
        const { data, event, json = data } = action.event
        if (event === "message") return this.#emit("message", contentOf(action.event))
        if (!ownNames.test(event)) this.#emit(event, json)
        return
      }
      case "Reset":
        return this.#emit("reset")
      case "Wait": {
        this.#drop()
        this.#after(action.notice.delay, () => this.#take({ _tag: "Due", online: isOnline() }))
        this.#fault(action.last)
        // Who has closed it meanwhile has no retry to hear of.
        if (this.#state.phase === "waiting") this.#emit("retry", action.notice)
        return
      }
      case "AwaitOnline":
        this.#drop()
        this.#forget = whenOnline(() => this.#take({ _tag: "Due", online: true }))
        if (action.last !== undefined) this.#fault(action.last)
        return
      case "Drop":
        return this.#drop()
      case "CancelRemote":
        // `cancel` asks for it, and aborts the connection when it was told.
        this.#forget()
        this.#connection = undefined
        return
      case "End":
        this.#drop()
        return this.#emit("end")
      case "Fail": {
        const { error } = action
        this.#drop()
        this.#fault(error._tag === "RetriesExhausted" ? error.last : error)
        if (this.#state.phase === "failed") this.#emit("fatal", faultMessage(error), error)
      }
    }
  }

  #fault(fault: ClientFault | ConnectionFault): void {
    this.#emit(
      "error",
      fault._tag === "ServerFault" ? fault.error : { type: "connection", message: faultMessage(fault) }
    )
  }

  #after(millis: number, callback: () => void): void {
    // One of more than 24 days would be over at once.
    const timer = setTimeout(callback, Math.min(millis, 2e9))
    this.#forget = () => clearTimeout(timer)
  }

  #drop(): void {
    this.#forget()
    this.#connection?.abort()
    this.#connection = undefined
  }

  async #ask({ asking, lastEventId }: Extract<Action, { readonly _tag: "Request" }>): Promise<void> {
    const connection = new AbortController()
    this.#drop()
    this.#connection = connection
    const take = (input: Input): void => {
      if (this.#connection === connection) this.#take(input)
    }
    const parser = sseParserOf({
      maxEventBytes,
      onEvent: ({ data, event, id }, hasId) =>
        take({ _tag: "Event", event, id: hasId ? id : undefined, data, json: parseJson(data) }),
      onRetry: (millis) => take({ _tag: "Delay", millis })
    })
    const posts = this.#body !== undefined
    let reason: "network_error" | "stream_cut" = "network_error"
    let message = "stream cut"
    try {
      const headers = new Headers(this.#options.headers)
      headers.set("accept", "text/event-stream")
      if (lastEventId !== "") headers.set("last-event-id", headerOf(lastEventId))
      if (posts) {
        headers.set("content-type", "application/json")
        headers.set("idempotency-key", `${this.#key}-${asking}`)
      }
      const response = await this.#fetch(this.#asked, {
        method: posts ? "POST" : "GET",
        headers,
        body: this.#body ?? null,
        cache: "no-store",
        redirect: posts ? "manual" : "follow",
        signal: connection.signal
      })
      reason = "stream_cut"
      const { status } = response
      const header = (name: string): string => response.headers.get(name) ?? ""
      let code = ""
      if (status > 204 && this.#connection === connection) {
        // The head lets go of this timer, if it still counts: after `close` and `connect` another's wait stands in its place.
        this.#after(patience, () => connection.abort())
        code = errorCode(await response.text().catch(() => ""))
      }
      take({
        _tag: "Head",
        status,
        contentType: header("content-type"),
        code,
        hintMillis: hintMillis(header, Date.now),
        streamId: header("x-stream-id")
      })
      if (this.#connection === connection) this.#emit("open")
      // Not `for await`: not every browser can iterate over a body.
      const reader = response.body?.getReader()
      let chunk: Uint8Array | undefined
      do chunk = (await reader?.read())?.value
      while (chunk !== undefined && this.#connection === connection && parser.feed(chunk) === undefined)
      if (chunk !== undefined) message = "event too large"
    } catch (error) {
      message = String(error)
    }
    take({ _tag: "Cut", reason, message, lastEventId: parser.lastEventId, online: isOnline() })
  }
}
