/**
 * Several relays on one place in memory, on virtual time: each can be killed without a word, and the others go on. Journal,
 * selection, attempts and taking up are the real ones; upstreams are scripted.
 */
import { assert } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Result, Scope } from "effect"
import { TestClock } from "effect/testing"
import { type Script, type ScriptedCall, ScriptedUpstream } from "effect-resilience/testing"
import { BreakerSection, type Channel, Registry, Selection, TimeoutsSection } from "#src/channel/index"
import {
  type AnswerRequest,
  type ClientDialectName,
  clientDialects,
  type Payload,
  payloadsOf,
  type UpstreamDialectName
} from "#src/dialect/index"
import { Journal, JournalStore, type JournalStoreMemory, type StreamRecord } from "#src/journal/index"
import {
  type Answer,
  makeListeners,
  RecoverySection,
  Relay,
  type RelayEvent,
  RelayEvents,
  type RelayOptions,
  RetrySection,
  sinkOf
} from "#src/relay/index"
import { Settings, settingsFile } from "#src/settings/index"
import { pathOf } from "../../support/paths.ts"
import { channel, readerOf } from "../virtual.ts"

/** What a channel's upstream speaks, and what it does with each call. */
export interface Upstreams {
  readonly [channel: string]: {
    readonly dialect?: UpstreamDialectName
    readonly scripts: ReadonlyArray<Script.Script> | ((call: ScriptedCall) => Script.Script)
  }
}

/** How a relay is made. What is left out has its default. */
export interface LifeOptions {
  readonly upstreams: Upstreams
  readonly channels?: ReadonlyArray<Channel>
  readonly settings?: { readonly [section: string]: unknown }
  readonly journal?: Partial<RelayOptions["journal"]>
  readonly mayUse?: RelayOptions["mayUse"]
  /** The longest message of `/chat`. */
  readonly maxMessage?: number
  /** What stands between it and the place. */
  readonly store?: (store: JournalStore["Service"]) => JournalStore["Service"]
}

/** A relay that lives. */
export interface Life {
  readonly relay: Relay["Service"]
  readonly journal: Journal["Service"]
  readonly calls: () => ReadonlyArray<ScriptedCall>
  readonly events: ReadonlyArray<RelayEvent>
  /** It is gone without a word: what it had not written is lost. */
  readonly kill: Effect.Effect<void>
  /** The others hold it for dead, though it lives. */
  readonly lapse: () => void
  /** It ends as a process that is told to. */
  readonly close: Effect.Effect<void>
}

const file = settingsFile({ sections: [TimeoutsSection, RetrySection, RecoverySection, BreakerSection] })

const rules = { maxMessage: 2000, defaultModel: "m" }

/** Starts a relay on a place that others may share. It is closed with the scope at the latest. */
export const startLife = Effect.fnUntraced(function* (
  place: JournalStoreMemory.Place,
  {
    channels,
    journal: kept,
    maxMessage = rules.maxMessage,
    mayUse,
    settings = {},
    store = (own) => own,
    upstreams
  }: LifeOptions
) {
  const outer = yield* Effect.scope
  const scope = yield* Scope.fork(outer)
  const owner = yield* Scope.provide(place.owner, scope)
  const events: Array<RelayEvent> = []
  const { add, tell } = makeListeners()
  add(
    "test",
    sinkOf((event) => void events.push(event))
  )
  const all = Object.entries(upstreams)
  const made =
    channels ?? all.map(([id, { dialect = "openai" }], at) => channel(id, { dialect, priority: all.length - at }))
  const context = yield* Layer.buildWithScope(
    Relay.layer({
      journal: {
        detachGrace: 60_000,
        onRestart: "resume",
        resumeGrace: 30_000,
        storeRequests: true,
        takeOverAtOnce: 8,
        ...kept
      },
      debug: false,
      rules: () => ({ ...rules, maxMessage }),
      chatTimeout: () => 300_000,
      mayUse: mayUse ?? (() => Effect.succeed(true))
    }).pipe(
      Layer.provideMerge(
        Layer.mergeAll(
          // Virtual time has no turns of the event loop.
          Journal.layer({ retention: 600_000, turn: queueMicrotask }).pipe(
            Layer.provide(Layer.succeed(JournalStore, store(owner.store)))
          ),
          Selection.layer({ tell }).pipe(Layer.provide(Registry.layerOf(made))),
          ScriptedUpstream.layer(
            Object.fromEntries(
              all.map(([id, { dialect = "openai", scripts }]) => [`http://${id}/`, { dialect, scripts }])
            )
          ),
          Layer.succeed(RelayEvents, RelayEvents.of({ add, tell }))
        )
      ),
      Layer.provideMerge(Layer.orDie(Settings.layer(file, settings)))
    ),
    scope
  )
  const { calls } = Context.get(context, ScriptedUpstream.ScriptedCalls)
  const close = Scope.close(scope, Exit.void)
  const life: Life = {
    relay: Context.get(context, Relay),
    journal: Context.get(context, Journal),
    calls,
    events,
    kill: Effect.andThen(Effect.sync(owner.die), close),
    lapse: owner.lapse,
    close
  }
  return life
})

/** A body of each dialect; a new one does not compile until it has its row. */
const bodies: { readonly [N in ClientDialectName]: object } = {
  openai: { model: "m", stream: true, messages: [{ role: "user", content: "hello" }] },
  responses: { model: "m", stream: true, input: "hello" },
  anthropic: { model: "m", stream: true, max_tokens: 4096, messages: [{ role: "user", content: "hello" }] },
  gemini: { contents: [{ role: "user", parts: [{ text: "hello" }] }] },
  chat: { model: "m", message: "hello" }
}

/** A request of a dialect. */
export const requestOf = (name: ClientDialectName, more: object = {}): AnswerRequest =>
  Result.getOrThrow(
    clientDialects[name].parse(
      { ...pathOf(name), headers: {}, body: JSON.stringify({ ...bodies[name], ...more }) },
      rules
    )
  )

/** Asks, and follows what comes. */
export const ask = Effect.fnUntraced(function* (
  { journal, relay }: Life,
  more: {
    readonly dialect?: ClientDialectName
    readonly body?: object
    readonly leave?: "cancel" | "detach" | "stay"
    readonly owner?: string
    readonly group?: string
    readonly timeoutMillis?: number
    /** Its idempotency key. */
    readonly key?: string
  } = {}
) {
  const { body, dialect = "chat", key, leave = "detach", owner = "", group = "default", timeoutMillis = 300_000 } = more
  let reader: ReturnType<typeof readerOf> | undefined
  const start = {
    request: requestOf(dialect, body),
    dialect: clientDialects[dialect],
    requestId: "req_test",
    owner,
    group,
    timeoutMillis,
    leave
  }
  const attach = ({ id }: Answer): void => {
    reader = readerOf(journal, id, -1)
  }
  if (key === undefined) {
    const answer = yield* relay.start(start, attach)
    return { answer, id: answer.id, reader: reader! }
  }
  const found = yield* relay.startOnce(start, { key, bodyHash: "body" }, attach)
  if (found._tag === "Began") return { answer: found.answer, id: found.answer.id, reader: reader! }
  return assert.fail("the key has an answer")
})

/** Asks with a key, as a client does that asked before, or not. */
export const askOnce = ({ journal, relay }: Life, { body, key }: { readonly key: string; readonly body: string }) =>
  relay.startOnce(
    {
      request: requestOf("chat"),
      dialect: clientDialects.chat,
      requestId: "req_test",
      owner: "",
      group: "default",
      timeoutMillis: 300_000,
      leave: "detach"
    },
    { key, bodyHash: body },
    ({ id }) => void readerOf(journal, id, -1)
  )

/** What a key stands for. */
export const keyed = (life: Life, key: string) => askOnce(life, { key, body: "body" })

/** Reads a stream as a client that comes back does: takes it up if need be, and follows it. */
export const comeBack = Effect.fnUntraced(function* ({ journal, relay }: Life, id: string, after = -1) {
  const { record, state } = yield* journal.locate(id, undefined)
  if (state === "orphan") yield* relay.adopt(record)
  return readerOf(journal, id, after)
})

/** The stream as it is stored. */
export const recordOf = ({ journal }: Life, id: string): Effect.Effect<StreamRecord> =>
  Effect.orDie(Effect.map(journal.locate(id, undefined), ({ record }) => record))

const json = (data: string): { readonly [field: string]: unknown } => {
  try {
    return JSON.parse(data) as { readonly [field: string]: unknown }
  } catch {
    return {}
  }
}

interface GeminiCandidate {
  readonly content?: { readonly parts?: ReadonlyArray<{ readonly text?: string; readonly thought?: boolean }> }
  readonly finishReason?: string
}

const candidateOf = (data: string): GeminiCandidate | undefined =>
  ((json(data)["candidates"] ?? []) as ReadonlyArray<GeminiCandidate>)[0]

/** What a reader of each dialect makes of an event, without any word of ours. */
interface Reading {
  readonly text: (payload: Payload) => string
  readonly isEnd: (payload: Payload) => boolean
  readonly isError: (payload: Payload) => boolean
}

/** A new dialect does not compile until it is said how it is read. */
export const readings: { readonly [N in ClientDialectName]: Reading } = {
  chat: {
    text: ({ data, event }) => (event === undefined ? String(json(data)["content"] ?? "") : ""),
    isEnd: ({ event }) => event === "done" || event === "error",
    isError: ({ event }) => event === "error"
  },
  openai: {
    text: ({ data }) => {
      const [choice] = (json(data)["choices"] ?? []) as ReadonlyArray<{ readonly delta: { readonly content?: string } }>
      return choice?.delta.content ?? ""
    },
    isEnd: ({ data }) => data === "[DONE]" || json(data)["error"] !== undefined,
    isError: ({ data }) => json(data)["error"] !== undefined
  },
  responses: {
    text: ({ data, event }) => (event === "response.output_text.delta" ? String(json(data)["delta"]) : ""),
    isEnd: ({ event }) => event === "response.completed" || event === "response.incomplete" || event === "error",
    isError: ({ event }) => event === "error"
  },
  anthropic: {
    text: ({ data, event }) => {
      if (event !== "content_block_delta") return ""
      return (json(data)["delta"] as { readonly text?: string } | undefined)?.text ?? ""
    },
    isEnd: ({ event }) => event === "message_stop" || event === "error",
    isError: ({ event }) => event === "error"
  },
  gemini: {
    text: ({ data }) =>
      candidateOf(data)
        ?.content?.parts?.map(({ text, thought }) => (thought === true ? "" : (text ?? "")))
        .join("") ?? "",
    isEnd: ({ data }) => json(data)["error"] !== undefined || candidateOf(data)?.finishReason !== undefined,
    isError: ({ data }) => json(data)["error"] !== undefined
  }
}

/** What a text of frames says: its ids, its words, its end. Fails where that is no lifecycle. */
export const judge = (name: ClientDialectName, id: string, text: string) => {
  const reading = readings[name]
  const ids = [...text.matchAll(/^id: (.*)$/gm)].map((found) => found[1]!)
  assert.deepStrictEqual(
    ids,
    ids.map((_, seq) => `${id}.${seq}`)
  )
  const payloads = payloadsOf([text])
  const ends = payloads.filter(reading.isEnd)
  const ended = ends.length > 0
  if (ended) {
    assert.strictEqual(ends.length, 1, "more than one terminal event")
    assert.strictEqual(payloads.at(-1), ends[0], "something after the terminal event")
  }
  return {
    payloads,
    text: payloads.map(reading.text).join(""),
    end: ends[0],
    state: !ended ? "open" : reading.isError(ends[0]!) ? "error" : "whole"
  } as const
}

/** Lets virtual time pass in steps of so many milliseconds until a condition holds, and says whether it does. */
export const passing = (holds: () => boolean, most = 120_000, step = 25): Effect.Effect<boolean> =>
  Effect.gen(function* () {
    for (let passed = 0; passed < most && !holds(); passed += step) yield* TestClock.adjust(step)
    return holds()
  })

/** Runs a test on virtual time. */
export const virtually = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>): Promise<A> =>
  Effect.runPromise(Effect.scoped(Effect.provide(effect, TestClock.layer())) as Effect.Effect<A, E>)
