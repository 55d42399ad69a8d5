/**
 * A relay on virtual time whose attempts may get a second beside them: what each upstream was asked, how each target was
 * given back, and what was told.
 */
import { Context, Effect, Layer, Result } from "effect"
import { Script, type ScriptedCall, ScriptedUpstream } from "effect-resilience/testing"
import { type Channel, Upstream } from "#src/channel/index"
import { verdictOf } from "#src/channel/Health"
import { type ClientDialectName, clientDialects, payloadsOf } from "#src/dialect/index"
import { Journal } from "#src/journal/index"
import { type Answer, Relay, type RelayEvent, RelayEvents, sinkOf } from "#src/relay/index"
import { pathOf } from "../support/paths.ts"
import { channel, options, readerOf, relayOver, watchedSelection } from "./virtual.ts"

/** An answer of so many words that nobody else says. */
export const textBy = (who: string, count = 8): string =>
  Array.from({ length: count }, (_, at) => `${who}${at}`).join(" ")

/** A good answer whose first content comes after so many milliseconds: its head after half of them, then signs of life. */
export const saysAfter = (millis: number, who: string, every = 10): Script.Answer => {
  const headAt = Math.floor(millis / 2)
  return Script.answer([
    Script.ping,
    Script.pause(Math.max(0, millis - headAt - every)),
    ...Script.answer(textBy(who)).steps
  ]).pipe(
    Script.startsAfter(headAt),
    Script.every(every),
    Script.usage({ inputTokens: 10, outputTokens: who.charCodeAt(0) })
  )
}

/** What a world is made of: channels in the order in which they are asked. */
export interface WorldOptions {
  readonly scripts: { readonly [channel: string]: ReadonlyArray<Script.Script> }
  readonly channels?: { readonly [channel: string]: Partial<Channel> }
  readonly retry?: { readonly [key: string]: unknown }
  readonly settings?: { readonly [section: string]: unknown }
  /** A call to this channel is a bug of ours. */
  readonly bug?: string
}

/** A relay with its upstreams. */
export const world = ({ bug, channels = {}, retry = {}, scripts, settings = {} }: WorldOptions) => {
  const ids = Object.keys(scripts)
  let calls: () => ReadonlyArray<ScriptedCall> = () => []
  const upstream = ScriptedUpstream.layer(
    Object.fromEntries(ids.map((id) => [`http://${id}/`, { dialect: "openai" as const, scripts: scripts[id]! }]))
  ).pipe(
    Layer.tap((services) =>
      Effect.sync(() => {
        calls = Context.get(services, ScriptedUpstream.ScriptedCalls).calls
      })
    )
  )
  const buggy = Layer.effect(
    Upstream,
    Effect.map(Upstream, ({ open }) =>
      Upstream.of({
        open: (request, sink) => {
          if (new URL(request.url).hostname === bug) throw new Error("a bug")
          return open(request, sink)
        }
      })
    )
  ).pipe(Layer.provideMerge(upstream))
  const { layer: selection, picks, releases } = watchedSelection()
  const made = ids.map((id, at) => channel(id, { priority: ids.length - at, ...channels[id] }))
  const all = { retry: { hedgeAfter: "2 seconds", ...retry }, ...settings }
  return {
    layer: relayOver(options(made, all), bug === undefined ? upstream : buggy, selection),
    releases: () => releases.map(({ outcome, target }) => [target.channel.id, outcome._tag] as const),
    penalised: () =>
      releases.flatMap(({ outcome, target }) =>
        outcome._tag === "Failure" && outcome.penalise && verdictOf(outcome.error)._tag === "Fault"
          ? [target.channel.id]
          : []
      ),
    picks,
    /** Who was asked, and when. */
    asked: () => calls().map(({ openedAt, url }) => [new URL(url).hostname, openedAt] as const),
    /** When the calls to a channel were over, and by whom. */
    ends: (id: string) =>
      calls().flatMap(({ closedAt, state, url }) => (new URL(url).hostname === id ? [[state, closedAt] as const] : [])),
    /** What the calls to a channel were told when they were left; `undefined` for one that was told nothing. */
    cancellations: (id: string) =>
      calls().flatMap(({ cancellation, url }) => (new URL(url).hostname === id ? [cancellation] : [])),
    open: () => calls().filter(({ state }) => state === "open").length
  }
}

const bodies: { readonly [N in ClientDialectName]: object } = {
  openai: { model: "m", stream: true, messages: [{ role: "user", content: "hello" }] },
  responses: { model: "m", stream: true, input: "hello" },
  anthropic: { model: "m", stream: true, max_tokens: 4096, messages: [{ role: "user", content: "hello" }] },
  gemini: { contents: [{ role: "user", parts: [{ text: "hello" }] }] },
  chat: { model: "m", message: "hello" }
}

/** Asks, and follows what comes. */
export const ask = (
  more: {
    readonly dialect?: ClientDialectName
    readonly body?: object
    readonly leave?: "cancel" | "detach"
    readonly timeoutMillis?: number
  } = {}
) =>
  Effect.gen(function* () {
    const { body, dialect = "chat", leave = "detach", timeoutMillis = 300_000 } = more
    const relay = yield* Relay
    const journal = yield* Journal
    const events: Array<RelayEvent> = []
    const { add } = yield* RelayEvents
    add(
      "test",
      sinkOf((event) => void events.push(event))
    )
    let reader: ReturnType<typeof readerOf> | undefined
    const answer: Answer = yield* relay.start(
      {
        request: Result.getOrThrow(
          clientDialects[dialect].parse(
            { ...pathOf(dialect), headers: {}, body: JSON.stringify({ ...bodies[dialect], ...body }) },
            { maxMessage: 2000, defaultModel: "m" }
          )
        ),
        dialect: clientDialects[dialect],
        requestId: "req_test",
        owner: "",
        group: "default",
        timeoutMillis,
        leave
      },
      ({ id }) => {
        reader = readerOf(journal, id, -1)
      }
    )
    const read = reader!
    return {
      answer,
      relay,
      reader: read,
      events,
      ended: () => read.terminals() > 0,
      said: () =>
        payloadsOf([read.text()]).flatMap(({ data, event }) => {
          const known = data.startsWith("{") ? (JSON.parse(data) as { readonly [field: string]: unknown }) : {}
          return [{ event: event ?? "message", data: known }]
        }),
      /** The trail, in short. */
      trail: () => answer.trail.map(({ attempt, blame, channel }) => `${attempt} ${channel} ${blame ?? "ok"}`)
    }
  })

/** The text of a `/chat` answer, and its end. */
export const readChat = (
  said: ReadonlyArray<{ readonly event: string; readonly data: { readonly [field: string]: unknown } }>
) => ({
  text: said.flatMap(({ data, event }) => (event === "message" ? [String(data["content"])] : [])).join(""),
  attempts: said.flatMap(({ data, event }) => (event === "attempt" ? [data] : [])),
  ends: said.flatMap(({ data, event }) => (event === "done" || event === "error" ? [{ event, data }] : []))
})
