/**
 * The relay is an open house: each of its parts is a Layer, and who wants another one writes that Layer alone. Each is
 * replaced here, and the relay is asked over a real socket.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { Registry, Selection, type Target, Upstream } from "#src/channel/index"
import { ScriptedSelection } from "effect-resilience/testing"
import { JournalStore, JournalStoreMemory } from "#src/journal/index"
import { RelayEvents, sinkOf } from "#src/relay/index"
import { defaultParts, type RelayParts } from "#src/server/index"
import { EventLog, Metrics } from "effect-resilience/telemetry"
import { channel } from "../channel/kit/channels.ts"
import { type FaultServer, startFaultServer } from "../support/FaultServer.ts"
import { keepLog } from "../support/log.ts"
import { channelOf, type RunningRelay, startRelay } from "../support/relay.ts"
import { contentOf, read } from "../support/sse.ts"
import { until } from "./kit.ts"

keepLog()

/** A relay over one upstream, with parts of its own. */
const withParts = async (
  parts: (server: FaultServer) => Partial<RelayParts<never>>,
  run: (relay: RunningRelay, server: FaultServer) => Promise<void>
): Promise<void> => {
  const server = await startFaultServer()
  const relay = await startRelay({ channels: [channelOf("a", server.url)] }, parts(server))
  try {
    await run(relay, server)
  } finally {
    await relay.close()
    await server.close()
  }
}

const ask = (relay: RunningRelay) => read(`${relay.url}/chat?message=hello&model=m`)

describe("a relay with another", () => {
  it("selection: its targets are asked", () => {
    const target = (url: string): Target => ({
      channel: channel("scripted", { baseUrl: url }),
      keyIndex: 0,
      key: Redacted.make("scripted-key"),
      model: "their-model"
    })
    return withParts(
      ({ url }) => ({ selection: Layer.provide(Selection.layer(), Registry.layerOf([target(url).channel])) }),
      async (relay, server) => {
        assert.strictEqual((await ask(relay)).events.at(-1)?.event, "done")
        assert.strictEqual(server.requests[0]?.headers.authorization, "Bearer scripted-key-0")
      }
    ).then(() =>
      withParts(
        ({ url }) => ({ selection: ScriptedSelection.layer([target(url)]) }),
        async (relay, server) => {
          assert.strictEqual((await ask(relay)).events.at(-1)?.event, "done")
          assert.strictEqual(server.requests[0]?.body.model, "their-model")
          const second = await ask(relay)
          assert.strictEqual(second.events.at(-1)?.json?.["code"], "get_channel_failed")
        }
      )
    )
  })

  it("registry: its channels are picked from", () =>
    withParts(
      ({ url }) => ({ registry: Registry.layerOf([channel("own", { baseUrl: url, models: ["m"] })]) }),
      async (relay, server) => {
        assert.strictEqual((await ask(relay)).events.at(-1)?.event, "done")
        assert.strictEqual(server.requests[0]?.headers.authorization, "Bearer own-key-0")
      }
    ))

  it("log: it gets every line, in place of stderr", () => {
    const lines: Array<string> = []
    return withParts(
      () => ({ log: EventLog.layerLines((line) => void lines.push(line)) }),
      async (relay) => {
        await ask(relay)
        await until(() => lines.length >= 4)
        assert.deepStrictEqual(
          lines.slice(0, 3).map((line) => (JSON.parse(line) as { readonly event: string }).event),
          ["relay_started", "stream_started", "stream_completed"]
        )
      }
    )
  })

  it("metrics: they are what /metrics shows", () =>
    withParts(
      () => ({
        metrics: Layer.effect(
          Metrics,
          Effect.map(Metrics, (metrics) =>
            Metrics.of({ ...metrics, render: Effect.map(metrics.render, (text) => `# ours\n${text}`) })
          )
        ).pipe(Layer.provide(Metrics.layerTest))
      }),
      async (relay) => {
        await ask(relay)
        const { text } = await read(`${relay.url}/metrics`)
        assert.match(text, /^# ours\n/)
        assert.include(text, "\nstream_requests_total 1\n")
      }
    ))

  it("events: one more listener beside log and metrics", () => {
    const told: Array<string> = []
    const sink = RelayEvents.layerSink("test", Effect.succeed(sinkOf(({ _tag }) => void told.push(_tag))))
    return withParts(
      () => ({ events: Layer.provideMerge(sink, defaultEvents) }),
      async (relay) => {
        await ask(relay)
        await until(() => told.includes("ReaderClosed"))
        assert.deepStrictEqual(told, [
          "ChannelAdded",
          "RelayStarted",
          "StreamStarted",
          "AttemptBegan",
          "Committed",
          "AttemptEnded",
          "StreamEnded",
          "ReaderClosed"
        ])
        assert.include((await read(`${relay.url}/metrics`)).text, "\nstream_requests_total 1\n")
      }
    )
  })

  it("store: answers are kept there", () => {
    let commits = 0
    const store = Layer.effect(
      JournalStore,
      Effect.map(JournalStore, (memory) =>
        JournalStore.of({
          ...memory,
          commit: (changes, done) => {
            commits++
            memory.commit(changes, done)
          }
        })
      )
    ).pipe(Layer.provide(JournalStoreMemory.layer))
    return withParts(
      () => ({ store }),
      async (relay) => {
        assert.strictEqual((await ask(relay)).events.at(-1)?.event, "done")
        assert.isAbove(commits, 0)
      }
    )
  })

  it("upstream: no socket is opened", () => {
    const chunk = (delta: object, finish: string | null) =>
      Buffer.from(`data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`)
    const upstream = Layer.succeed(Upstream, {
      open: (_, sink) => {
        queueMicrotask(() => {
          sink.onHead(200, { "content-type": "text/event-stream" })
          sink.onData(chunk({ content: "from nowhere" }, null))
          sink.onData(chunk({}, "stop"))
          sink.onData(Buffer.from("data: [DONE]\n\n"))
          sink.onEnd()
        })
        return { abort: () => {}, pause: () => {}, resume: () => {} }
      }
    })
    return withParts(
      () => ({ upstream }),
      async (relay, server) => {
        assert.strictEqual(contentOf((await ask(relay)).events), "from nowhere")
        assert.strictEqual(server.requests.length, 0)
      }
    )
  })
})

const defaultEvents = defaultParts.events.pipe(Layer.orDie)
