/**
 * A dialect from outside in a whole relay, over real sockets: every client over it, beside those that are built in.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Result, Scope } from "effect"
import {
  type EncodeRequest,
  nothing,
  type UpstreamDialect,
  upstreamDialects,
  type UpstreamEvent
} from "effect-resilience/dialect"
import { ScriptedServer, Script, type Scripts } from "effect-resilience/testing"
import { cohere } from "../../../examples/cohere/Cohere.ts"
import { answerTo, inWords } from "../../../examples/simulated/Answer.ts"
import { type Deed, type SimulatedCohere, startCohere } from "../../../examples/simulated/Cohere.ts"
import { keepLog } from "../../support/log.ts"
import { channelOf, type RunningRelay, startRelay } from "../../support/relay.ts"
import { temporaryFolder } from "../../support/relayProcess.ts"
import { contentOf, open, read } from "../../support/sse.ts"
import { begin, call, called, end, input, start, stop, text, thought } from "./cohere.ts"

keepLog()

interface World {
  readonly relay: RunningRelay
  readonly cohere: SimulatedCohere
  readonly openai: ScriptedServer.ScriptedServerService
}

interface Play {
  readonly first?: "cohere" | "openai"
  readonly deeds?: ReadonlyArray<Deed>
  readonly scripts?: Scripts
  readonly channel?: object
  readonly dialects?: { readonly [name: string]: UpstreamDialect }
  readonly configuration?: object
}

const said = answerTo("hello")

/** The rest of what was said, to whom goes on from a part of it. */
const goesOn: Scripts = ({ goesOn }) => Script.answer(said.slice(goesOn?.partial.length ?? 0))

const withWorld = async (play: Play, run: (world: World) => Promise<void>): Promise<void> => {
  const { channel, configuration, deeds = [], dialects = { cohere }, first = "cohere", scripts = goesOn } = play
  const scope = Effect.runSync(Scope.make())
  const inScope = <A>(effect: Effect.Effect<A, never, Scope.Scope>) =>
    Effect.runPromise(Effect.provideService(effect, Scope.Scope, scope))
  const simulated = await inScope(startCohere(deeds))
  const openai = await inScope(ScriptedServer.make({ dialect: "openai", scripts }))
  const priority = (id: string) => ({ models: ["m"], priority: id === first ? 1 : 0 })
  const relay = await startRelay(
    {
      channels: [
        channelOf("cohere", simulated.baseUrl, { dialect: "cohere", ...priority("cohere"), ...channel }),
        channelOf("openai", openai.url, priority("openai"))
      ],
      ...configuration
    },
    {},
    {},
    dialects
  )
  try {
    await run({ relay, cohere: simulated, openai })
  } finally {
    await relay.close()
    await Effect.runPromise(Scope.close(scope, Exit.void))
  }
}

const messages = [{ role: "user", content: "hello" }]

/** What stands at a place of a JSON value. */
const at = (value: unknown, ...path: ReadonlyArray<string | number>): unknown =>
  path.reduce<unknown>((found, step) => (Object(found) as { readonly [step: string]: unknown })[step], value)

/** How each client asks, and where its text stands in a whole answer. */
const clients: ReadonlyArray<
  readonly [name: string, path: string, body: object, text: ReadonlyArray<string | number>]
> = [
  ["openai", "/v1/chat/completions", { messages }, ["choices", 0, "message", "content"]],
  ["responses", "/v1/responses", { input: "hello" }, ["output", 0, "content", 0, "text"]],
  ["anthropic", "/v1/messages", { max_tokens: 500, messages }, ["content", 0, "text"]]
]

const gemini = { contents: [{ role: "user", parts: [{ text: "hello" }] }] }
const geminiText = ["candidates", 0, "content", "parts", 0, "text"] as const

/** The texts of a stream in any dialect, together. */
const streamed = (events: ReadonlyArray<{ readonly json?: unknown }>): string =>
  events
    .map(({ json }) => {
      if (at(json, "type") === "response.output_text.delta") return at(json, "delta")
      return at(json, "choices", 0, "delta", "content") ?? at(json, ...geminiText) ?? at(json, "delta", "text") ?? ""
    })
    .join("")

describe("over a channel of a dialect from outside", () => {
  it.each(clients)("a client of %s gets its answers, whole and streamed", async (_, path, asked, text) => {
    await withWorld({}, async ({ cohere, openai, relay }) => {
      const ask = (stream: boolean) =>
        read(relay.url + path, { method: "POST", body: { model: "m", stream, ...asked } })
      const whole = await ask(false)
      assert.strictEqual(whole.status, 200, whole.text)
      assert.strictEqual(at(JSON.parse(whole.text), ...text), said)
      assert.strictEqual(whole.headers["x-attempts"], "cohere=200")
      const { events } = await ask(true)
      assert.strictEqual(streamed(events), said)
      assert.lengthOf(openai.calls(), 0)
      assert.deepStrictEqual(
        cohere.asked().map(({ authorization, url }) => [authorization, url]),
        [
          ["Bearer key-of-cohere", "/v2/chat"],
          ["Bearer key-of-cohere", "/v2/chat"]
        ]
      )
    })
  })

  it("a client of Gemini's, and one of /chat", async () => {
    await withWorld({}, async ({ relay }) => {
      const of = (method: string) => `${relay.url}/v1beta/models/m:${method}`
      const whole = await read(of("generateContent"), { method: "POST", body: gemini })
      assert.strictEqual(at(JSON.parse(whole.text), ...geminiText), said)
      const { events } = await read(of("streamGenerateContent?alt=sse"), { method: "POST", body: gemini })
      assert.strictEqual(streamed(events), said)
      assert.strictEqual(contentOf((await read(`${relay.url}/chat?message=hello&model=m`)).events), said)
    })
  })

  it("a channel that cannot stream is read whole", async () => {
    await withWorld({ channel: { stream: false } }, async ({ cohere, relay }) => {
      const { events } = await read(`${relay.url}/chat?message=hello&model=m`)
      assert.strictEqual(contentOf(events), said)
      assert.strictEqual(cohere.asked()[0]?.body["stream"], false)
    })
  })

  it("what its usage says is told, and no estimate", async () => {
    await withWorld({}, async ({ relay }) => {
      const { events } = await read(`${relay.url}/chat?message=hello&model=m`)
      const words = inWords(said).length
      assert.deepInclude(events.at(-1)?.json, {
        usage: { input_tokens: 10, output_tokens: words, total_tokens: 10 + words, estimated: false }
      })
    })
  })
})

describe("an answer that breaks", () => {
  it("on the channel from outside goes on over another, without a letter lost", async () => {
    await withWorld({ deeds: [{ does: "reset", after: 20 }] }, async ({ openai, relay }) => {
      const { events } = await read(`${relay.url}/chat?message=hello&model=m`)
      assert.strictEqual(contentOf(events), said)
      const seam = events.find(({ event }) => event === "failover")?.json
      assert.deepInclude(seam, { from: "cohere", to: "openai", seam: "exact" })
      assert.strictEqual(openai.calls().length, 1)
    })
  })

  it("on another goes on over the channel from outside, which is asked in words", async () => {
    const broken = Script.answer(said).pipe(Script.cutAfter(20, "reset"))
    await withWorld({ first: "openai", scripts: [broken] }, async ({ cohere, relay }) => {
      const { events } = await read(`${relay.url}/chat?message=hello&model=m`)
      assert.strictEqual(contentOf(events), said)
      assert.deepInclude(events.find(({ event }) => event === "failover")?.json, { from: "openai", to: "cohere" })
      const [asked] = cohere.asked()
      const roles = asked?.body.messages.map(({ role }) => role)
      assert.deepStrictEqual(roles, ["user", "assistant", "user"])
    })
  })

  it("behind a tool call of it is cut, and never called whole", async () => {
    const tools = [{ type: "function", function: { name: "find.it", parameters: { type: "object" } } }]
    const events = [start, begin("text"), text("I look."), stop(), call(0, "c1", "find_it"), input(0, '{"q":')]
    await withWorld({ deeds: [{ does: "say", events }] }, async ({ openai, relay }) => {
      const body = { model: "m", messages, tools, stream: true }
      const { events } = await read(`${relay.url}/v1/chat/completions`, { method: "POST", body })
      assert.include(JSON.stringify(events.map(({ json }) => json)), '"name":"find.it"')
      assert.strictEqual(at(events.at(-1)?.json, "error", "code"), "stream_truncated")
      assert.lengthOf(openai.calls(), 0)
    })
  })
})

describe("what a client wants", () => {
  it("of tools is told by their own names, and ends as a call", async () => {
    const events = [start, call(0, "c1", "find_it"), input(0, '{"q":1}'), called(0), end("TOOL_CALL")]
    await withWorld({ deeds: [{ does: "say", events }] }, async ({ cohere, relay }) => {
      const tools = [{ name: "find.it", input_schema: { type: "object" } }]
      const body = { model: "m", max_tokens: 9, messages, tools, tool_choice: { type: "tool", name: "find.it" } }
      const { text } = await read(`${relay.url}/v1/messages`, { method: "POST", body })
      const answer: unknown = JSON.parse(text)
      assert.deepStrictEqual(at(answer, "content"), [{ type: "tool_use", id: "c1", name: "find.it", input: { q: 1 } }])
      assert.strictEqual(at(answer, "stop_reason"), "tool_use")
      assert.deepInclude(cohere.asked()[0]?.body, { tool_choice: "REQUIRED" })
    })
  })

  it("and the dialect has no words for, another channel is asked", async () => {
    await withWorld({}, async ({ cohere, relay }) => {
      const body = { model: "m", messages, logprobs: true }
      const answer = await read(`${relay.url}/v1/chat/completions`, { method: "POST", body })
      assert.strictEqual(answer.headers["x-attempts"], "openai=200")
      assert.lengthOf(cohere.asked(), 0)
    })
  })

  it("and is only a hint is dropped, and told", async () => {
    await withWorld({}, async ({ relay }) => {
      const body = { model: "m", messages, user: "u", temperature: 0.5, stream: true }
      const answer = await read(`${relay.url}/v1/chat/completions`, { method: "POST", body })
      assert.strictEqual(answer.headers["x-dropped"], "user")
    })
  })

  it("and a target refuses although nobody needs it, it is asked again at once without it", async () => {
    const deeds: ReadonlyArray<Deed> = [
      { does: "refuse", status: 400, message: "thinking is not supported by this model" },
      { does: "answer" }
    ]
    await withWorld({ deeds }, async ({ cohere, relay }) => {
      const body = { model: "m", messages, reasoning_effort: "low", stream: true }
      const answer = await read(`${relay.url}/v1/chat/completions`, { method: "POST", body })
      assert.strictEqual(streamed(answer.events), said)
      assert.strictEqual(answer.headers["x-dropped"], "reasoning_effort")
      assert.deepStrictEqual(
        cohere.asked().map((asked) => "thinking" in asked.body),
        [true, false]
      )
    })
  })
})

describe("an error of the vendor's", () => {
  it("with a status of its own is what the channel says that it means", async () => {
    const deeds: ReadonlyArray<Deed> = [{ does: "refuse", status: 498, message: "no" }, { does: "answer" }]
    await withWorld(
      { deeds, channel: { keys: ["k1", "k2"], statusMapping: { 498: 401 } } },
      async ({ cohere, relay }) => {
        const answer = await read(`${relay.url}/v1/chat/completions`, {
          method: "POST",
          body: { model: "m", messages }
        })
        assert.strictEqual(answer.headers["x-attempts"], "cohere=401,cohere=200")
        assert.deepStrictEqual(
          cohere.asked().map(({ authorization }) => authorization),
          ["Bearer k1", "Bearer k2"]
        )
      }
    )
  })
})

describe("what a dialect from outside has signed", () => {
  /** Cohere, with a signature on what it thinks. */
  const signs = (sent: Array<EncodeRequest>): UpstreamDialect => ({
    ...cohere,
    encode: (options) => {
      sent.push(options)
      return cohere.encode(options)
    },
    decoder: (encoded) => {
      const decoder = cohere.decoder(encoded)
      return {
        halt: () => decoder.halt(),
        step: (event, data): UpstreamEvent =>
          data.includes('"content-end"')
            ? { ...nothing, pieces: [{ _tag: "Signature", by: "signs", value: "c2ln", of: "reasoning" }] }
            : decoder.step(event, data)
      }
    }
  })

  it("travels through a client of another dialect, and back to it alone", async () => {
    const events = [start, begin("thinking"), thought("hm"), stop(), text("So.", 1), end("COMPLETE")]
    const sent: Array<EncodeRequest> = []
    const dialects = { signs: signs(sent) }
    const play: Play = { deeds: [{ does: "say", events }], dialects, channel: { dialect: "signs" } }
    await withWorld(play, async ({ relay }) => {
      const ask = async (more: ReadonlyArray<object>) => {
        const body = { model: "m", max_tokens: 99, messages: [...messages, ...more] }
        const { text } = await read(`${relay.url}/v1/messages`, { method: "POST", body })
        return (JSON.parse(text) as { readonly content: ReadonlyArray<object> }).content
      }
      const content = await ask([])
      assert.deepStrictEqual(content[0], { type: "thinking", thinking: "hm", signature: "er1.signs.c2ln" })
      await ask([
        { role: "assistant", content },
        { role: "user", content: "and?" }
      ])
    })
    const [, again] = sent
    const signed = { by: "signs", value: "c2ln", sealed: false }
    assert.deepStrictEqual(again?.request.asked().turns[1]?.parts[0], { _tag: "Reasoning", text: "hm", signed })
    for (const dialect of Object.values(upstreamDialects)) {
      const { body } = Result.getOrThrow(dialect.encode(again!))
      assert.include(body, "So.")
      assert.notInclude(body, "c2ln")
      assert.notInclude(body, '"hm"')
    }
  })
})

describe("an answer whose dialect is gone", () => {
  it("was begun over it, and goes on over another channel in a relay that has it no more", {
    timeout: 20_000
  }, async () => {
    const folder = temporaryFolder()
    const configuration = {
      server: { shutdownGrace: "50 millis" },
      store: { type: "sqlite", path: `${folder.path}/relay.db` },
      timeouts: { total: "20 seconds" }
    }
    try {
      await withWorld({ deeds: [{ does: "stall", after: 20 }], configuration }, async ({ openai, relay }) => {
        const live = await open(`${relay.url}/chat?message=hello&model=m`)
        const last = await live.until(({ id }) => id?.endsWith(".19") === true)
        await relay.shutdown()
        await relay.close()
        const shown = contentOf(live.events.slice(0, live.events.indexOf(last) + 1))
        const again = await startRelay({
          ...configuration,
          channels: [channelOf("openai", openai.url, { models: ["m"] })]
        })
        try {
          const headers = { "last-event-id": last.id ?? "" }
          const { events } = await read(`${again.url}/chat`, { headers })
          assert.strictEqual(shown + contentOf(events), said)
          assert.strictEqual(events.at(-1)?.event, "done")
        } finally {
          await again.close()
        }
      })
    } finally {
      folder.remove()
    }
  })
})
