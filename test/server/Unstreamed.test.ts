/**
 * Upstreams that refuse what the relay adds for itself: the stream that it reads every answer from, and the usage that it
 * asks for in it. No client had asked for either.
 */
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { afterAll, assert, beforeAll, beforeEach, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { checkLive } from "#src/cli/CheckLive"
import { decodeConfiguration } from "#src/cli/index"
import { keepLog, logLines } from "../support/log.ts"
import { channelOf, type RunningRelay, startRelay } from "../support/relay.ts"
import { contentOf, read } from "../support/sse.ts"
import { chunk, ending } from "../support/wireUpstream.ts"
import { completion, until } from "./kit.ts"

keepLog()

interface Asked {
  readonly path: string
  readonly accept: string | undefined
  readonly body: { readonly stream?: boolean; readonly stream_options?: object; readonly model: string }
}

type Refusal = { readonly status: number; readonly body: object }

/** What each path of the upstream refuses of a body that asks for a stream. */
const refusals: { readonly [name: string]: Refusal } = {
  // OpenAI, to an organisation that is not verified.
  unverified: {
    status: 400,
    body: {
      error: {
        message: "Your organization must be verified to stream this model. Please go to: https://platform.openai.com/",
        type: "invalid_request_error",
        param: "stream",
        code: "unsupported_value"
      }
    }
  },
  // OpenAI, of sound in a format that cannot be sent in parts.
  wav: {
    status: 400,
    body: {
      error: {
        message:
          "Unsupported value: 'audio.format' does not support 'wav' when stream=true. Supported values are: 'pcm16'.",
        type: "invalid_request_error",
        param: "audio.format",
        code: "unsupported_value"
      }
    }
  },
  words: { status: 422, body: { detail: "Streaming is not supported for this model." } }
}

/** FastAPI's validator, as vLLM of old and Mistral have it. */
const validator: ReadonlyArray<object> = [
  { detail: [{ type: "extra_forbidden", loc: ["body", "stream_options"], msg: "Extra inputs are not permitted" }] },
  {
    object: "error",
    message: { detail: [{ type: "extra_forbidden", loc: ["body", "stream_options"], msg: "Extra inputs" }] },
    type: "invalid_request_error"
  }
]

const whole = {
  object: "chat.completion",
  choices: [{ index: 0, message: { content: "whole" }, finish_reason: "stop" }]
}

const asked: Array<Asked> = []
/** Who refuses its key now. */
const dead = new Set<string>()
let server: Server
let url: string
let relay: RunningRelay
beforeAll(async () => {
  server = createServer((request, response) => {
    const parts: Array<Buffer> = []
    request.on("data", (part: Buffer) => void parts.push(part))
    request.on("end", () => {
      const body = JSON.parse(Buffer.concat(parts).toString()) as Asked["body"]
      const name = request.url!.split("/")[1]!
      asked.push({ path: name, accept: request.headers.accept, body })
      const json = (status: number, said: object) => {
        response.writeHead(status, { "content-type": "application/json" })
        response.end(JSON.stringify(said))
      }
      const refusal = refusals[name]
      const at = Number(name.slice("validator".length))
      if (dead.has(name)) json(401, { error: { message: "no such key", code: "invalid_api_key" } })
      else if (refusal !== undefined && body.stream === true) json(refusal.status, refusal.body)
      else if (name.startsWith("validator") && body.stream_options !== undefined) json(422, validator[at]!)
      else if (body.stream === true) {
        response.writeHead(200, { "content-type": "text/event-stream" })
        response.end(`${chunk("whole")}${ending}`)
      } else json(200, whole)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const names = [...Object.keys(refusals), ...validator.map((_, at) => `validator${at}`)]
  relay = await startRelay({
    channels: names.map((name) => channelOf(name, `${url}/${name}`, { models: [name] }))
  })
})
beforeEach(() => void asked.splice(0))
afterAll(async () => {
  await relay.close()
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

const ask = (model: string, more: object = {}) =>
  read(`${relay.url}/v1/chat/completions`, { method: "POST", body: completion({ model, stream: false, ...more }) })

/** What is refused for what else is asked: the next request may be streamed. */
const ofOneRequest = new Set(["wav"])

describe("R6: who may not stream", () => {
  it.each(Object.keys(refusals))("%s: is asked again for all at once, and remembered for all", async (name) => {
    const again = ofOneRequest.has(name) ? 2 : 1
    const { status, text } = await ask(name)
    assert.strictEqual(status, 200, text)
    assert.include(text, '"content":"whole"')
    assert.deepStrictEqual(
      asked.map(({ accept, body }) => [body.stream, body.stream_options !== undefined, accept]),
      [
        [true, true, "text/event-stream"],
        [undefined, false, "application/json"]
      ]
    )
    await ask(name)
    assert.lengthOf(asked, 2 + again)
    // The relay wanted the stream, and not who asks /chat: what there is comes as events.
    const chat = await read(`${relay.url}/chat?message=hello&model=${name}`)
    assert.strictEqual(contentOf(chat.events), "whole")
    assert.lengthOf(asked, 2 + 2 * again)
    const failed = logLines().filter(({ event, channel }) => event === "channel_cooling" && channel === name)
    assert.lengthOf(failed, 0)
  })

  it("is told to who asks for a stream in the same words", async () => {
    const other = await startRelay({ channels: [channelOf("a", `${url}/unverified`, { models: ["a"] })] })
    const { status, text } = await read(`${other.url}/v1/chat/completions`, {
      method: "POST",
      body: completion({ model: "a", stream: true })
    })
    assert.strictEqual(status, 400)
    assert.include(text, "must be verified to stream")
    assert.lengthOf(asked, 1)
    await other.close()
  })
})

describe("R6: who refuses stream_options in a validator's words", () => {
  it.each(validator.map((_, at) => at))("%d: is asked again without it, and remembered", async (at) => {
    for (const _ of [1, 2]) {
      const { status, text } = await ask(`validator${at}`, { stream: true })
      assert.strictEqual(status, 200, text)
    }
    assert.deepStrictEqual(
      asked.map(({ body }) => body.stream_options !== undefined),
      [true, false, false]
    )
  })
})

describe("R6: who refuses what no client had asked for, and is probed", () => {
  const names = [...Object.keys(refusals), ...validator.map((_, at) => `validator${at}`)]

  it.each(names)("%s: is found well by a test of its channel", async (name) => {
    const { text } = await read(`${relay.url}/admin/channels/${name}/test`, { method: "POST" })
    assert.strictEqual((JSON.parse(text) as { readonly ok: boolean }).ok, true, text)
  })

  it("is found well by check --live, which says what it does not give", async () => {
    const channels = names.map((name) => channelOf(name, `${url}/${name}`, { models: [name] }))
    const found = await Effect.runPromise(
      checkLive(Result.getOrThrow(decodeConfiguration({ channels, store: { type: "memory" } }, {}, "test")))
    )
    assert.deepStrictEqual(
      found.map(({ lines, ok }) => [ok, /stream: [^,]*/.exec(lines[0] ?? "")?.[0]]),
      names.map((name) => [true, name.startsWith("validator") ? "stream: yes" : "stream: no (set stream: false)"])
    )
  })

  it("comes back by a probe when its key is well again", async () => {
    const name = "unverified"
    const other = await startRelay({
      disable: { after: 1, trial: "100 millis", probe: "100 millis" },
      retry: { times: 0 },
      channels: [channelOf("a", `${url}/${name}`, { models: [name] })]
    })
    const keyState = async (): Promise<string | undefined> => {
      const { text } = await read(`${other.url}/admin/channels/a`)
      return (JSON.parse(text) as { readonly keys: ReadonlyArray<{ readonly state: string }> }).keys[0]?.state
    }
    try {
      dead.add(name)
      await read(`${other.url}/v1/chat/completions`, { method: "POST", body: completion({ model: name }) })
      assert.strictEqual(await keyState(), "disabled")
      dead.clear()
      await until(async () => (await keyState()) === "enabled", 10_000)
    } finally {
      dead.clear()
      await other.close()
    }
  })
})
