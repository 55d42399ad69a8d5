/**
 * A client that loses its connection in the middle of an answer, again and again, and goes on from the event that it has
 * last: nothing lost, nothing twice, and the model was asked once. First as a `Stream` of Effect's, then without Effect.
 *
 *   node --conditions=effect-resilience-source examples/resumable-stream.ts
 */
import { type AddressInfo, connect, createServer } from "node:net"
import { Effect, Stream } from "effect"
import { FetchHttpClient } from "effect/http"
import { ResumableStream } from "effect-resilience/client"
import { RetryStreamingClient } from "effect-resilience/client/browser"
import { decodeConfiguration, serve } from "effect-resilience/relay"
import { answerTo } from "./simulated/Answer.ts"
import { startUpstream, steady } from "./simulated/Upstream.ts"

const question = "Is it whole?"
/** It comes back soon, so that the example is over soon; the defaults are a second and more. */
const rules = { initialDelay: 50, maxDelay: 200 } as const

/** A network that breaks: the first connections are reset when so many bytes have come through them. */
const startNetwork = (port: number, breaks: ReadonlyArray<number>) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly url: string; readonly cut: () => number; readonly close: () => void }>((resume) => {
      const left = [...breaks]
      let cut = 0
      const network = createServer((client) => {
        const relay = connect(port, "127.0.0.1")
        const breaksAt = left.shift()
        let passed = 0
        for (const socket of [client, relay]) socket.on("error", () => {})
        client.pipe(relay)
        relay.on("data", (bytes) => {
          passed += bytes.length
          client.write(bytes)
          if (breaksAt === undefined || passed < breaksAt) return
          cut++
          relay.destroy()
          client.resetAndDestroy()
        })
        relay.on("close", () => client.end())
        client.on("close", () => relay.destroy())
      }).listen(0, "127.0.0.1", () => {
        const { port: own } = network.address() as AddressInfo
        resume(Effect.succeed({ url: `http://127.0.0.1:${own}`, cut: () => cut, close: () => network.close() }))
      })
    }),
    (network) => Effect.sync(network.close)
  )

/** Reads the answer as a `Stream`. */
const withEffect = (url: string) =>
  Effect.gen(function* () {
    const answer = yield* ResumableStream.make({ url: `${url}/chat`, body: { message: question }, ...rules })
    // What a person would be told meanwhile.
    yield* answer.status.pipe(
      Stream.runForEach((status) =>
        Effect.sync(() => {
          if (status._tag === "Waiting")
            console.log(`  the connection is gone (${status.reason}), try ${status.attempt}`)
        })
      ),
      Effect.forkScoped
    )
    return yield* answer.events.pipe(
      Stream.filter((event) => event._tag === "Message"),
      Stream.map(({ content }) => content),
      Stream.mkString
    )
  }).pipe(Effect.scoped, Effect.provide(FetchHttpClient.layer))

/** Reads it as a page does. */
const withoutEffect = (url: string) =>
  Effect.callback<string, Error>((resume) => {
    let text = ""
    const client = new RetryStreamingClient(`${url}/chat`, { ...rules, method: "POST" })
      .on("message", (content) => {
        text += String(content)
      })
      .on("retry", ({ attempt, reason }) => console.log(`  the connection is gone (${reason}), try ${attempt}`))
      .on("end", () => resume(Effect.succeed(text)))
      .on("fatal", (message) => resume(Effect.fail(new Error(message))))
    client.connect({ message: question })
    return Effect.sync(() => client.close())
  })

const run = (name: string, read: (url: string) => Effect.Effect<string, unknown>) =>
  Effect.gen(function* () {
    console.log(name)
    const upstream = yield* startUpstream(steady, 200)
    const configuration = decodeConfiguration(
      {
        server: { port: 0 },
        store: { type: "memory" },
        channels: [{ id: "model", dialect: "openai", baseUrl: upstream.baseUrl, keys: [], models: ["demo"] }]
      },
      {},
      "resumable-stream.ts"
    )
    const { settings } = yield* Effect.fromResult(configuration)
    const { address } = yield* serve(settings)
    const network = yield* startNetwork(address.port, [2500, 2000, 3000])
    const text = yield* read(network.url)
    const expected = answerTo(question)
    console.log(
      `  ${network.cut()} connections were cut, the model was asked ${upstream.asked()} time: ` +
        `${[...text].length} of ${[...expected].length} characters, whole: ${text === expected}`
    )
  }).pipe(Effect.scoped)

await Effect.runPromise(
  Effect.andThen(run("ResumableStream, of Effect", withEffect), run("RetryStreamingClient, without it", withoutEffect))
)
