/**
 * A raw HTTP client for tests: `node:http`, no retries, and an SSE parser of its own, so that it can judge the relay's.
 */
import type { IncomingHttpHeaders } from "node:http"
import { request as httpRequest } from "node:http"

/** One event as it was read. `at` is of `performance.now()`. */
export interface SseEvent {
  readonly id: string | undefined
  readonly event: string
  readonly data: string
  /** The data as JSON; `undefined` where it is none (`[DONE]`). */
  readonly json: { readonly [field: string]: unknown } | undefined
  readonly at: number
}

/** How a response ended: its body was complete, we cut it, or the connection broke. */
export type Ended = "complete" | "cut" | "broken"

/** What to ask, and when to leave. */
export interface RawRequest {
  readonly method?: string
  readonly headers?: { readonly [name: string]: string }
  /** An object is sent as JSON, a string as it is. */
  readonly body?: unknown
  /** Destroys the connection once so many events were read. */
  readonly cutAfter?: number
}

/** A response that was read to its end. */
export interface RawResponse {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  readonly events: ReadonlyArray<SseEvent>
  /** The comments, without their colon. */
  readonly comments: ReadonlyArray<string>
  /** The last `retry:`. */
  readonly retry: number | undefined
  readonly ended: Ended
}

/** A response under way. */
export interface LiveResponse {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** What was read so far. */
  readonly events: ReadonlyArray<SseEvent>
  /** Waits for an event that was or will be read; fails when the response ends without one. */
  readonly until: (accepts: (event: SseEvent) => boolean) => Promise<SseEvent>
  /** Destroys the connection. */
  readonly cut: () => void
  /** Stops and goes on reading, for the test of slow readers. */
  readonly pause: () => void
  readonly resume: () => void
  /** The whole of it. */
  readonly done: Promise<RawResponse>
}

const parseJson = (data: string): SseEvent["json"] => {
  try {
    const value: unknown = JSON.parse(data)
    return typeof value === "object" && value !== null ? (value as SseEvent["json"]) : undefined
  } catch {
    return undefined
  }
}

class Reader {
  readonly events: Array<SseEvent> = []
  readonly comments: Array<string> = []
  retry: number | undefined
  text = ""
  #rest = ""
  #id: string | undefined
  #event = ""
  #data: Array<string> = []
  readonly #decoder = new TextDecoder()

  push(chunk: Uint8Array): void {
    const text = this.#decoder.decode(chunk, { stream: true })
    this.text += text
    // The relay writes LF only: anything else would be seen as a part of a value. What is no line yet is not looked at again.
    const lines = text.split("\n")
    lines[0] = this.#rest + lines[0]
    this.#rest = lines.pop() ?? ""
    for (const line of lines) this.#line(line)
  }

  #line(line: string): void {
    if (line === "") return this.#dispatch()
    const colon = line.indexOf(":")
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "")
    if (field === "") this.comments.push(value)
    if (field === "id") this.#id = value
    if (field === "event") this.#event = value
    if (field === "data") this.#data.push(value)
    if (field === "retry") this.retry = Number(value)
  }

  #dispatch(): void {
    if (this.#data.length > 0) {
      const data = this.#data.join("\n")
      this.events.push({
        id: this.#id,
        event: this.#event === "" ? "message" : this.#event,
        data,
        json: parseJson(data),
        at: performance.now()
      })
    }
    this.#event = ""
    this.#data = []
  }
}

/** Sends a request and gives the response as soon as its headers are there. */
export const open = (url: string, options: RawRequest = {}): Promise<LiveResponse> =>
  new Promise((resolve, reject) => {
    const { body } = options
    const payload = body === undefined || typeof body === "string" ? body : JSON.stringify(body)
    const request = httpRequest(url, {
      method: options.method ?? (payload === undefined ? "GET" : "POST"),
      agent: false,
      headers: {
        ...(payload === undefined
          ? {}
          : { "content-type": "application/json", "content-length": String(Buffer.byteLength(payload)) }),
        ...options.headers
      }
    })
    request.once("error", reject)
    request.once("response", (response) => {
      request.off("error", reject)
      request.on("error", () => {})
      const reader = new Reader()
      const waiting = new Set<() => void>()
      const finished = Promise.withResolvers<RawResponse>()
      let ended: Ended | undefined
      const status = response.statusCode ?? 0
      const end = (how: Ended): void => {
        if (ended !== undefined) return
        ended = how
        const { text, events, comments, retry } = reader
        finished.resolve({ status, headers: response.headers, text, events, comments, retry, ended })
        for (const look of waiting) look()
      }
      const cut = (): void => {
        end("cut")
        response.destroy()
        request.destroy()
      }
      response.on("data", (chunk: Uint8Array) => {
        if (ended !== undefined) return
        reader.push(chunk)
        if (options.cutAfter !== undefined && reader.events.length >= options.cutAfter) cut()
        for (const look of waiting) look()
      })
      response.once("end", () => end(response.complete ? "complete" : "broken"))
      response.once("error", () => end("broken"))
      response.once("close", () => end("broken"))
      resolve({
        status,
        headers: response.headers,
        events: reader.events,
        until: (accepts) =>
          new Promise((found, missed) => {
            const look = (): void => {
              const event = reader.events.find(accepts)
              if (event === undefined && ended === undefined) return
              waiting.delete(look)
              if (event === undefined) missed(new Error(`the response ended (${ended}) without that event`))
              else found(event)
            }
            waiting.add(look)
            look()
          }),
        cut,
        pause: () => void response.pause(),
        resume: () => void response.resume(),
        done: finished.promise
      })
    })
    request.end(payload)
  })

/** Sends a request and reads the response to its end, or to `cutAfter`. */
export const read = async (url: string, options: RawRequest = {}): Promise<RawResponse> =>
  (await open(url, options)).done

/** The text that a reader of `/chat` assembled from its content events. */
export const contentOf = (events: ReadonlyArray<SseEvent>): string =>
  events
    .filter(({ event }) => event === "message")
    .map(({ json }) => (typeof json?.["content"] === "string" ? json["content"] : ""))
    .join("")
