/**
 * A relay with two channels, of which the first goes wrong in every way: what each was asked, and what the client got.
 *
 *   node --conditions=effect-resilience-source examples/channel-failover.ts
 */
import { Effect } from "effect"
import { decodeConfiguration, serve } from "effect-resilience/relay"
import { answerTo } from "./simulated/Answer.ts"
import { startUpstream, steady, type Turn } from "./simulated/Upstream.ts"

const wordsPerSecond = 1000

/** The events of `/chat`, as `[event, data]`. */
const ask = async (url: string): Promise<ReadonlyArray<readonly [string, { readonly [field: string]: unknown }]>> => {
  const text = await (await fetch(`${url}/chat?message=hello`)).text()
  return text
    .split("\n\n")
    .filter((block) => block.includes("data: "))
    .map((block) => {
      const event = /^event: (.*)$/m.exec(block)?.[1] ?? "content"
      return [event, JSON.parse(/^data: (.*)$/m.exec(block)?.[1] ?? "{}")] as const
    })
}

const run = (name: string, first: ReadonlyArray<Turn>, second: ReadonlyArray<Turn> = steady) =>
  Effect.gen(function* () {
    const primary = yield* startUpstream(first, wordsPerSecond)
    const backup = yield* startUpstream(second, wordsPerSecond)
    const channel = { dialect: "openai", keys: [], models: ["demo"] }
    const { settings } = yield* Effect.fromResult(
      decodeConfiguration(
        {
          server: { port: 0 },
          store: { type: "memory" },
          timeouts: { firstContent: "1 second", idle: "1 second", total: "10 seconds" },
          retry: { base: "1 millis", cap: "10 millis" },
          channels: [
            { ...channel, id: "primary", baseUrl: primary.baseUrl, priority: 1 },
            { ...channel, id: "backup", baseUrl: backup.baseUrl }
          ]
        },
        {},
        "channel-failover.ts"
      )
    )
    const { address } = yield* serve(settings)
    const events = yield* Effect.promise(() => ask(`http://${address.host}:${address.port}`))
    const told = events.flatMap(([event, data]) => {
      if (event === "attempt") return [`again at ${data["to"]} (${data["reason"]})`]
      if (event === "failover") return [`${data["to"]} goes on at ${data["offset"]} (${data["reason"]})`]
      return []
    })
    const text = events.map(([event, data]) => (event === "content" ? data["content"] : "")).join("")
    const [last = "nothing", end] = events.at(-1) ?? []
    const outcome = last === "done" ? `done, whole: ${text === answerTo("hello")}` : `${last} ${end?.["code"]}`
    console.log(`  ${name.padEnd(24)} ${primary.asked()} + ${backup.asked()}  ${[...told, outcome].join("; ")}`)
  }).pipe(Effect.scoped)

const program = Effect.gen(function* () {
  console.log("how often primary and backup were asked, and what the client was told")
  yield* run("all is well", steady)
  yield* run("503 once", [{ does: "refuse", status: 503 }, { does: "answer" }])
  yield* run("503 for good", [{ does: "refuse", status: 503 }])
  yield* run("429, retry after 60 s", [{ does: "refuse", status: 429 }])
  yield* run("a key that is dead", [{ does: "refuse", status: 401 }])
  yield* run("no content", [{ does: "stall", after: 0 }])
  yield* run("reset after 20 words", [{ does: "reset", after: 20 }])
  yield* run("cut after 20 words", [{ does: "cut", after: 20 }])
  yield* run("silent after 20 words", [{ does: "stall", after: 20 }])
  yield* run("both refuse", [{ does: "refuse", status: 500 }], [{ does: "refuse", status: 500 }])
})

await Effect.runPromise(program)
