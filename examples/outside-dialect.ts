/**
 * A relay with a dialect that is not built in: Cohere's chat, of `cohere/`. What breaks on a channel of Cohere's goes on
 * over one of OpenAI's, and the other way round; its clients see nothing of it.
 *
 *   node --conditions=effect-resilience-source examples/outside-dialect.ts
 */
import { Effect } from "effect"
import { Dialects } from "effect-resilience/dialect"
import { decodeConfiguration, serve } from "effect-resilience/relay"
import { cohere } from "./cohere/Cohere.ts"
import { answerTo } from "./simulated/Answer.ts"
import { type Deed, startCohere } from "./simulated/Cohere.ts"
import { startUpstream, steady, type Turn } from "./simulated/Upstream.ts"

/** The text that a client of Anthropic's Messages reads. */
const ask = async (url: string): Promise<string> => {
  const body = { model: "demo", max_tokens: 1000, stream: true, messages: [{ role: "user", content: "hello" }] }
  const headers = { "content-type": "application/json" }
  const response = await fetch(`${url}/v1/messages`, { method: "POST", headers, body: JSON.stringify(body) })
  return (await response.text())
    .split("\n")
    .filter((line) => line.startsWith("data: "))
    .map((line) => JSON.parse(line.slice("data: ".length)) as { readonly delta?: { readonly text?: string } })
    .map(({ delta }) => delta?.text ?? "")
    .join("")
}

const answers: ReadonlyArray<Deed> = [{ does: "answer" }]

const run = (
  name: string,
  first: "cohere" | "openai",
  coheres: ReadonlyArray<Deed>,
  openais: ReadonlyArray<Turn> = steady
) =>
  Effect.gen(function* () {
    const ofCohere = yield* startCohere(coheres)
    const ofOpenAI = yield* startUpstream(openais, 1000)
    const channel = (dialect: string, baseUrl: string) => ({
      id: dialect,
      dialect,
      baseUrl,
      keys: ["key"],
      models: ["demo"],
      priority: dialect === first ? 1 : 0
    })
    const configuration = decodeConfiguration(
      {
        server: { port: 0 },
        store: { type: "memory" },
        retry: { base: "1 millis", cap: "10 millis" },
        channels: [channel("cohere", ofCohere.baseUrl), channel("openai", ofOpenAI.baseUrl)]
      },
      {},
      "outside-dialect.ts",
      // Which names `channels[].dialect` may have.
      { dialects: yield* Dialects }
    )
    const { settings } = yield* Effect.fromResult(configuration)
    const { address } = yield* serve(settings)
    const text = yield* Effect.promise(() => ask(`http://${address.host}:${address.port}`))
    const asked = `cohere ${ofCohere.asked().length}, openai ${ofOpenAI.asked()}`
    console.log(`  ${name.padEnd(32)} ${asked}  whole: ${text === answerTo("hello")}`)
  }).pipe(Effect.scoped)

const program = Effect.gen(function* () {
  console.log("how often each was asked, and whether a client of Anthropic's Messages got all of the answer")
  yield* run("all is well", "cohere", answers)
  yield* run("Cohere refuses its key", "cohere", [{ does: "refuse", status: 401, message: "invalid api token" }])
  yield* run("Cohere is reset after 20 words", "cohere", [{ does: "reset", after: 20 }])
  yield* run("OpenAI is reset after 20 words", "openai", answers, [{ does: "reset", after: 20 }])
})

// The one place where the dialect is given: to all that reads configurations, and to all that serves.
await Effect.runPromise(Effect.provide(program, Dialects.layer({ cohere })))
