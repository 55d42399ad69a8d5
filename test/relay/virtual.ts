/**
 * A relay on virtual time: real journal, selection and attempt loop; upstreams that follow a plan of faults and go on
 * from a partial answer, as a prefill or before a message. What every call did is recorded.
 */
import { Clock, Effect, Layer, Result } from "effect"
import { TestClock } from "effect/testing"
import {
  BreakerSection,
  type Channel,
  type Outcome,
  Registry,
  Selection,
  type Target,
  TimeoutsSection,
  Upstream,
  type UpstreamSink
} from "#src/channel/index"
import { type AnswerRequest, chatClient } from "#src/dialect/index"
import { DoRequestFailed } from "effect-resilience/errors"
import { Journal, JournalStoreMemory } from "#src/journal/index"
import { RecoverySection, Relay, RelayEvents, RetrySection } from "#src/relay/index"
import { Settings, settingsFile } from "#src/settings/index"
import { channel as defaultChannel } from "../channel/kit/channels.ts"

/** What one call of an upstream does. `at` counts chunks of the answer. */
export type Plan =
  | { readonly kind: "whole" }
  | { readonly kind: "status"; readonly status: number; readonly retryAfter?: number }
  | { readonly kind: "refused" }
  | { readonly kind: "silent" }
  | { readonly kind: "headersOnly" }
  | { readonly kind: "reset" | "end" | "errorFrame" | "notJson" | "stall"; readonly at: number }
  | { readonly kind: "noDone" }
  /** The finish reason, and then silence. */
  | { readonly kind: "finishStall" }
  /** A failure whose body never ends. */
  | { readonly kind: "errorStall"; readonly status: number }

/** The text that every upstream answers with: distinct words, so that no overlap can be taken for another. */
export const wholeText = Array.from({ length: 40 }, (_, i) => `word${i}-${(i * 7919) % 997}`).join(" ")
const chunks = wholeText.match(/.{1,9}/gs)!

/** A call as it went. */
export interface VirtualCall {
  readonly channel: string
  readonly openedAt: number
  closed: boolean
}

const chunkOf = (text: string) =>
  `data: ${JSON.stringify({ id: "x", object: "chat.completion.chunk", created: 1, model: "m", choices: [{ index: 0, delta: { content: text }, finish_reason: null }] })}\n\n`
const finish = `data: ${JSON.stringify({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] })}\n\n`
const bytes = (text: string) => new TextEncoder().encode(text)

/** What is left of the answer after the partial that a request goes on from. */
const restOf = (body: string): ReadonlyArray<string> => {
  const { messages } = JSON.parse(body) as { readonly messages: ReadonlyArray<{ role: string; content: string }> }
  const partial = messages.findLast(({ role }) => role === "assistant")?.content ?? ""
  return partial === "" ? chunks : (wholeText.slice(partial.length).match(/.{1,9}/gs) ?? [])
}

const play = (plan: Plan, body: string, pace: number, sink: UpstreamSink): Effect.Effect<void> =>
  Effect.gen(function* () {
    const gone = (message: string) => sink.onError(new DoRequestFailed({ message }))
    if (plan.kind === "silent") return yield* Effect.never
    yield* Effect.sleep(pace)
    if (plan.kind === "refused") return gone("refused")
    if (plan.kind === "status") {
      const hint = plan.retryAfter === undefined ? {} : { "retry-after-ms": String(plan.retryAfter) }
      sink.onHead(plan.status, { "content-type": "application/json", ...hint })
      sink.onData(bytes(`{"error":{"message":"status ${plan.status}"}}`))
      return sink.onEnd()
    }
    if (plan.kind === "errorStall") {
      sink.onHead(plan.status, { "content-type": "application/json" })
      sink.onData(bytes(`{"error":{"message":"half`))
      return yield* Effect.never
    }
    sink.onHead(200, { "content-type": "text/event-stream" })
    if (plan.kind === "headersOnly") {
      while (true) {
        yield* Effect.sleep(1000)
        sink.onData(bytes(": ping\n\n"))
      }
    }
    const rest = restOf(body)
    for (let i = 0; i < rest.length; i++) {
      if ("at" in plan && i === plan.at) {
        switch (plan.kind) {
          case "reset":
            return gone("reset")
          case "end":
            return sink.onEnd()
          case "errorFrame":
            sink.onData(bytes(`data: {"error":{"message":"boom","type":"server_error","code":null}}\n\n`))
            return sink.onEnd()
          case "notJson":
            sink.onData(bytes("data: {nope\n\n"))
            return sink.onEnd()
          case "stall":
            return yield* Effect.never
        }
      }
      yield* Effect.sleep(pace)
      sink.onData(bytes(chunkOf(rest[i]!)))
    }
    sink.onData(bytes(finish))
    if (plan.kind === "finishStall") return yield* Effect.never
    if (plan.kind !== "noDone") sink.onData(bytes("data: [DONE]\n\n"))
    sink.onEnd()
  })

/** Upstreams by channel id: each call takes the channel's next plan; the last one serves all further calls. */
export const upstreams = (plans: { readonly [channel: string]: ReadonlyArray<Plan> }, pace: number) => {
  const calls: Array<VirtualCall> = []
  const taken = new Map<string, number>()
  const layer = Layer.effect(
    Upstream,
    Effect.gen(function* () {
      const context = yield* Effect.context<never>()
      const clock = yield* Clock.Clock
      return Upstream.of({
        open: (request, sink) => {
          const channel = new URL(request.url).hostname
          const n = taken.get(channel) ?? 0
          taken.set(channel, n + 1)
          const plan = plans[channel]![Math.min(n, plans[channel]!.length - 1)]!
          const call: VirtualCall = { channel, openedAt: clock.currentTimeMillisUnsafe(), closed: false }
          calls.push(call)
          const quiet: UpstreamSink = {
            onHead: (status, headers) => call.closed || sink.onHead(status, headers),
            onData: (chunk) => call.closed || sink.onData(chunk),
            onEnd: () => {
              if (call.closed) return
              call.closed = true
              sink.onEnd()
            },
            onError: (error) => {
              if (call.closed) return
              call.closed = true
              sink.onError(error)
            }
          }
          const fiber = Effect.runForkWith(context)(play(plan, request.body, pace, quiet))
          return {
            abort: () => {
              call.closed = true
              fiber.interruptUnsafe()
            },
            pause: () => {},
            resume: () => {}
          }
        }
      })
    })
  )
  return { calls, layer }
}

/** A channel of a virtual relay; its id is its host. */
export const channel = (id: string, more: Partial<Channel> = {}): Channel =>
  defaultChannel(id, { baseUrl: `http://${id}/v1`, ...more })

/** What a virtual relay is made of. `settings` are written as in a file; what is left out has its default. */
export interface VirtualOptions {
  readonly channels: ReadonlyArray<Channel>
  readonly settings: { readonly [section: string]: unknown }
}

/** Channels, with the contract's defaults for all else. */
export const options = (
  channels: ReadonlyArray<Channel>,
  settings: VirtualOptions["settings"] = {}
): VirtualOptions => ({ channels, settings })

const file = settingsFile({ sections: [TimeoutsSection, RetrySection, RecoverySection, BreakerSection] })

/** Everything of a virtual relay, and how each target's attempt was released. */
export const virtualRelay = (
  { channels, settings }: VirtualOptions,
  plans: { readonly [channel: string]: ReadonlyArray<Plan> },
  pace = 50
) => {
  const { calls, layer: upstream } = upstreams(plans, pace)
  const releases: Array<{ readonly target: Target; readonly outcome: Outcome }> = []
  let picks = 0
  const selection = Layer.effect(
    Selection,
    Effect.map(Selection, (live) =>
      Selection.of({
        ...live,
        pick: (wanted) =>
          Effect.map(live.pick(wanted), (picked) => {
            picks++
            return {
              ...picked,
              release: (outcome) => {
                releases.push({ target: picked.target, outcome })
                picked.release(outcome)
              }
            }
          })
      })
    )
  ).pipe(Layer.provide(Selection.layer()), Layer.provide(Registry.layerOf(channels)))
  // Virtual time has no turns of the event loop: a commit comes as soon as what asks for it has returned.
  const journal = Journal.layer({ retention: 600_000, turn: queueMicrotask }).pipe(
    Layer.provideMerge(JournalStoreMemory.layer)
  )
  const kept = {
    detachGrace: 60_000,
    onRestart: "resume",
    resumeGrace: 30_000,
    storeRequests: true,
    takeOverAtOnce: 8
  } as const
  const rules = () => ({ maxMessage: 2000, defaultModel: "m" })
  const layer = Relay.layer({ journal: kept, debug: false, rules }).pipe(
    Layer.provideMerge(Layer.mergeAll(journal, selection, upstream, RelayEvents.layerSilent)),
    Layer.provideMerge(Layer.orDie(Settings.layer(file, settings)))
  )
  return { calls, releases, picks: () => picks, layer }
}

/** A reader that keeps what it was given. `cutAfter` closes it once it has so many bytes. */
export const readerOf = (journal: Journal["Service"], id: string, after: number) => {
  const frames: Array<string> = []
  let terminals = 0
  let afterEnd = 0
  const reader = journal.follow(id, after, {
    onFrames: (text, _last, terminal) => {
      if (terminals > 0) afterEnd++
      frames.push(text)
      if (terminal) terminals++
      return true
    },
    onFault: () => {}
  })
  return {
    text: () => frames.join(""),
    terminals: () => terminals,
    afterEnd: () => afterEnd,
    close: () => reader.close()
  }
}

/** What `/chat` is asked. */
export const chatRequest = (message: string): AnswerRequest =>
  Result.getOrThrow(
    chatClient.parse(
      { parameter: "", query: "", headers: {}, body: JSON.stringify({ message, model: "m" }) },
      { maxMessage: 2000, defaultModel: "m" }
    )
  )

/** Asks a chat question and reads it to its end, letting virtual time pass. */
export const askAndRead = (more: { readonly timeoutMillis?: number; readonly leave?: "cancel" | "detach" } = {}) =>
  Effect.gen(function* () {
    const relay = yield* Relay
    const journal = yield* Journal
    let reader: ReturnType<typeof readerOf> | undefined
    const answer = yield* relay.start(
      {
        request: chatRequest("hello"),
        dialect: chatClient,
        requestId: "req_test",
        owner: "",
        timeoutMillis: more.timeoutMillis ?? 300_000,
        leave: more.leave ?? "detach"
      },
      (answer) => {
        reader = readerOf(journal, answer.id, -1)
      }
    )
    return { answer, reader: reader!, relay, journal }
  })

/** Lets virtual time pass in steps until a condition holds. */
export const passUntil = (holds: () => boolean, most = 700_000, step = 500) =>
  Effect.gen(function* () {
    for (let passed = 0; passed < most && !holds(); passed += step) yield* TestClock.adjust(step)
  })
