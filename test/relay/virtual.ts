/**
 * A relay on virtual time: real journal, selection and attempt loop; upstreams that follow scripts of faults and go on
 * from a partial answer, as a prefill or before a message. What every call did is recorded.
 */
import { Context, Effect, Layer, Result } from "effect"
import { TestClock } from "effect/testing"
import { Script, type ScriptedCall, ScriptedUpstream } from "effect-resilience/testing"
import {
  BreakerSection,
  type Channel,
  type Outcome,
  Registry,
  Selection,
  type Target,
  TimeoutsSection,
  type Upstream
} from "#src/channel/index"
import { type AnswerRequest, chatClient } from "#src/dialect/index"
import { Journal, JournalStoreMemory } from "#src/journal/index"
import { RecoverySection, Relay, RelayEvents, RetrySection } from "#src/relay/index"
import { Settings, settingsFile } from "#src/settings/index"
import { channel as defaultChannel } from "../channel/kit/channels.ts"

/** The text that every upstream answers with: distinct words, so that no overlap can be taken for another. */
export const wholeText = Array.from({ length: 40 }, (_, i) => `word${i}-${(i * 7919) % 997}`).join(" ")

/** The whole answer, in some fifty steps, without a word of what it cost. */
export const whole = Script.answer(wholeText.match(/.{1,9}/gs)!).pipe(Script.usage("none"))

/** What each channel's upstream is scripted to do: a script for each call, the last one for all further calls. */
export type Scripts = { readonly [channel: string]: ReadonlyArray<Script.Script> }

/** A call as it went. */
export interface VirtualCall {
  readonly channel: string
  readonly openedAt: number
  readonly closed: boolean
}

const paced = (script: Script.Script, pace: number): Script.Script => {
  switch (script._tag) {
    case "Answer":
      return script.pipe(Script.startsAfter(pace), Script.every(pace))
    case "Silence":
      return script
    default:
      return Script.startsAfter(script, Math.max(script.startsAfter, pace))
  }
}

/** Upstreams by channel id, which is their host. */
export const upstreams = (scripts: Scripts, pace: number) => {
  let read: () => ReadonlyArray<ScriptedCall> = () => []
  const places = Object.entries(scripts).map(([id, list]) => [
    `http://${id}/`,
    { dialect: "openai" as const, scripts: list.map((script) => paced(script, pace)) }
  ])
  const layer = ScriptedUpstream.layer(Object.fromEntries(places)).pipe(
    Layer.tap((services) =>
      Effect.sync(() => {
        read = Context.get(services, ScriptedUpstream.ScriptedCalls).calls
      })
    )
  )
  const calls = (): ReadonlyArray<VirtualCall> =>
    read().map(({ openedAt, state, url }) => ({
      channel: new URL(url).hostname,
      openedAt,
      closed: state !== "open"
    }))
  return { calls, layer }
}

/** A channel of a virtual relay; its id is its host. */
export const channel = (id: string, more: Partial<Channel> & { readonly keyCount?: number } = {}): Channel =>
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

/** A relay on virtual time over upstreams; `around` is put round its selection. */
export const relayOver = <U>(
  { channels, settings }: VirtualOptions,
  upstream: Layer.Layer<Upstream | U>,
  around: Layer.Layer<Selection, never, Selection> = Layer.effect(Selection, Selection)
) => {
  const selection = around.pipe(Layer.provide(Selection.layer()), Layer.provide(Registry.layerOf(channels)))
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
  const mayUse = () => Effect.succeed(true)
  return Relay.layer({ journal: kept, debug: false, rules, chatTimeout: () => 300_000, mayUse }).pipe(
    Layer.provideMerge(Layer.mergeAll(journal, selection, upstream, RelayEvents.layerSilent)),
    Layer.provideMerge(Layer.orDie(Settings.layer(file, settings)))
  )
}

/** A selection that keeps how often it was asked, and how each target's attempt was released. */
export const watchedSelection = () => {
  const releases: Array<{ readonly target: Target; readonly outcome: Outcome }> = []
  let picks = 0
  const layer = Layer.effect(
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
  )
  return { layer, releases, picks: () => picks }
}

/** Everything of a virtual relay, and how each target's attempt was released. */
export const virtualRelay = (
  { channels, settings }: VirtualOptions,
  scripts: { readonly [channel: string]: ReadonlyArray<Script.Script> },
  pace = 50
) => {
  const { calls, layer: upstream } = upstreams(scripts, pace)
  const { layer: selection, picks, releases } = watchedSelection()
  const layer = relayOver({ channels, settings }, upstream, selection)
  return { calls, releases, picks, layer }
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
        group: "default",
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
