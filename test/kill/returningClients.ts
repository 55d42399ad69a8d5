/**
 * The clients that come back by themselves, as the kill test has them: the two of this library, the `EventSource` of npm and
 * a browser's own. Each tells the events that it gives to who uses it, and nothing that it reads beside.
 */
import { Effect, Schema, Stream } from "effect"
import { FetchHttpClient } from "effect/http"
import { ResumableStream } from "effect-resilience/client"
import { RetryStreamingClient } from "effect-resilience/client/browser"
import { EventSource as PackageEventSource } from "eventsource"
import type { Browser, Page } from "playwright-core"
import { findBrowser, launchBrowser } from "../support/browser.ts"
import type { SseEvent } from "../support/sse.ts"

/** What comes back by itself. */
export const returningKinds = ["resumable", "retrying", "eventSource", "chromium"] as const
export type ReturningKind = (typeof returningKinds)[number]

/** What a client is asked, and whom it tells. */
export interface Returning {
  /** Where it asks: it stays, whatever becomes of the relay behind it. */
  readonly url: string
  readonly question: string
  /** By POST and with a key, or by GET; an `EventSource` knows GET only. */
  readonly posts: boolean
  readonly onEvent: (event: SseEvent) => void
}

/** Reads an answer to its end; fails where the client gives it up, or begins it anew after something was shown. */
export type Read = (asked: Returning) => Promise<void>

const names = ["init", "message", "reasoning", "attempt", "failover", "done"] as const

const eventOf = (event: string, id: string, json: unknown): SseEvent => ({
  id,
  event,
  data: JSON.stringify(json),
  json: json as SseEvent["json"],
  at: performance.now()
})

/** It comes back at once and for as long as it takes: what is tested is not how long it waits. */
const rules = { initialDelay: 20, maxDelay: 100, maxRetries: 10_000 } as const

const Wire = Schema.Struct({ event: Schema.String, id: Schema.String, data: Schema.Unknown })

const resumable: Read = ({ onEvent, posts, question, url }) =>
  Effect.gen(function* () {
    const asked = posts
      ? { url: `${url}/chat`, body: { message: question, model: "m" } }
      : { url: `${url}/chat?message=${encodeURIComponent(question)}` }
    const answer = yield* ResumableStream.make({ ...asked, ...rules, eventSchema: Wire })
    let text = ""
    let shown = 0
    yield* Stream.runForEach(answer.events, (event) =>
      Effect.suspend(() => {
        if ("_tag" in event) {
          return shown > 0 ? Effect.die(new Error(`${question}: begun anew after ${shown} events`)) : Effect.void
        }
        shown++
        const read = eventOf(event.event, event.id, event.data)
        if (read.event === "message") text += String(read.json?.["content"])
        onEvent(read)
        return Effect.void
      })
    )
    if ((yield* answer.text) !== text) yield* Effect.die(new Error(`${question}: its text is not that of its events`))
  }).pipe(Effect.scoped, Effect.provide(FetchHttpClient.layer), Effect.runPromise)

const retrying: Read = ({ onEvent, posts, question, url }) =>
  new Promise((resolve, reject) => {
    const client = new RetryStreamingClient(`${url}/chat`, { ...rules, method: posts ? "POST" : "GET" })
    let shown = 0
    const tell = (event: string, json: unknown): void => {
      shown++
      onEvent(eventOf(event, client.lastEventId, json))
    }
    const told = (name: (typeof names)[number]) => (data: unknown) => tell(name, data)
    client
      .on("init", told("init"))
      .on("message", (content) => tell("message", { content }))
      .on("reasoning", told("reasoning"))
      .on("attempt", told("attempt"))
      .on("failover", told("failover"))
      .on("done", told("done"))
      .on("reset", () => {
        if (shown > 0) reject(new Error(`${question}: begun anew after ${shown} events`))
      })
      .on("fatal", (message) => reject(new Error(`${question}: ${message}`)))
      .on("end", resolve)
      .connect(posts ? { message: question, model: "m" } : { message: question })
  })

const eventSource: Read = ({ onEvent, question, url }) =>
  new Promise((resolve, reject) => {
    const source = new PackageEventSource(`${url}/chat?message=${encodeURIComponent(question)}`)
    for (const name of names) {
      source.addEventListener(name, (event: MessageEvent) => {
        onEvent(eventOf(name, event.lastEventId, JSON.parse(String(event.data))))
        if (name !== "done") return
        source.close()
        resolve()
      })
    }
    source.addEventListener("error", () => {
      if (source.readyState === PackageEventSource.CLOSED) reject(new Error(`${question}: it gave up`))
    })
  })

/** A browser with a page for each address; `undefined` where there is none, which is said. */
export const startBrowser = async (): Promise<
  { readonly readOf: (url: string) => Promise<Read>; readonly close: () => Promise<void> } | undefined
> => {
  const executablePath = findBrowser()
  if (executablePath === undefined) return undefined
  const browser: Browser = await launchBrowser(executablePath)
  const readOf = async (url: string): Promise<Read> => {
    const page: Page = await browser.newPage()
    const reading = new Map<string, (name: string, id: string, data: string) => void>()
    await page.exposeFunction("told", (question: string, name: string, id: string, data: string) =>
      reading.get(question)?.(name, id, data)
    )
    // What the network gave it last: an `EventSource` says only that it gave up.
    const last = new Map<string, string>()
    const askedBy = (address: string): string => new URL(address).searchParams.get("message") ?? ""
    page.on("response", (response) => {
      const { "content-type": type = "none", "x-request-id": id = "" } = response.headers()
      last.set(askedBy(response.url()), `status ${response.status()}, content type ${type}, request ${id}`)
    })
    page.on("requestfailed", (request) => {
      last.set(askedBy(request.url()), request.failure()?.errorText ?? "failed")
    })
    // An empty page of the relay's own address: nothing but the answers goes over its network.
    await page.route("**/empty", (route) => route.fulfill({ contentType: "text/html", body: "" }))
    await page.goto(`${url}/empty`)
    return ({ onEvent, question }) =>
      new Promise((resolve, reject) => {
        reading.set(question, (name, id, data) => {
          if (name === "gaveUp") {
            return reject(new Error(`${question}: the browser gave up, after ${last.get(question)}`))
          }
          onEvent(eventOf(name, id, JSON.parse(data)))
          if (name === "done") resolve()
        })
        page
          .evaluate(
            ([asked, all]) => {
              const { told } = globalThis as unknown as { readonly told: (...said: ReadonlyArray<string>) => void }
              const source = new EventSource(`/chat?message=${encodeURIComponent(asked)}`)
              for (const name of all) {
                source.addEventListener(name, (event) => {
                  const { data, lastEventId } = event as MessageEvent<string>
                  told(asked, name, lastEventId, data)
                  if (name === "done") source.close()
                })
              }
              source.addEventListener("error", () => {
                if (source.readyState === 2) told(asked, "gaveUp", "", "")
              })
            },
            [question, names] as const
          )
          .catch(reject)
      })
  }
  return { readOf, close: () => browser.close() }
}

/** Those that need no browser. */
export const reads: { readonly [K in Exclude<ReturningKind, "chromium">]: Read } = { resumable, retrying, eventSource }
