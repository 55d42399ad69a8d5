/**
 * Parameters and headers of a channel: invalid ones are found before anything runs, refused ones are the channel's fault.
 */
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { decodeConfiguration } from "#src/cli/index"
import { status } from "../support/behaviour.ts"
import { channelOf } from "../support/relay.ts"
import { completion, withRelay, type World } from "./kit.ts"

const ask = async ({ relay }: World, path = "/v1/chat/completions", body: object = completion({ stream: false })) => {
  const init = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) }
  const answer = await fetch(relay.url + path, init)
  const { error } = JSON.parse(await answer.text()) as { error?: { code: string; message: string } }
  return {
    status: answer.status,
    code: error?.code,
    message: error?.message,
    attempts: answer.headers.get("x-attempts")
  }
}

const refused = (error: object) =>
  status(400, { body: { error: { type: "invalid_request_error", code: null, ...error } } })
const hot = refused({
  message: "Unsupported value: 'temperature' does not support 0.7 with this model.",
  param: "temperature"
})
const beta = refused({ message: "Unexpected value(s) `x` for the `x-beta` header", param: null })

describe("what an upstream refuses of what the channel adds", () => {
  it.each([
    ["a parameter", hot, { params: { temperature: 0.7 } }],
    ["a header", beta, { headers: { "x-beta": "x" } }]
  ])("%s: another channel answers, and this one is left alone at once", (_, refusal, channel) =>
    withRelay({ channels: { a: channel } }, async (world) => {
      world.a.setDefault(refusal)
      assert.deepInclude(await ask(world), { status: 200, attempts: "a=400,b=200" })
      assert.deepInclude(await ask(world), { status: 200, attempts: "b=200" })
      assert.lengthOf(world.a.requests, 1)
    })
  )

  it("where there is no other, the client is told of no mistake of its own", () =>
    withRelay({ channels: { a: { params: { temperature: 0.7 } }, b: { enabled: false } } }, async (world) => {
      world.a.setDefault(hot)
      const answer = await ask(world)
      assert.deepInclude(answer, { status: 502, code: "channel:param_override_invalid" })
      assert.notInclude(answer.message, "temperature")
    }))

  it("embeddings too", () =>
    withRelay({ channels: { a: { params: { dimensions: 7 } } } }, async (world) => {
      world.a.setDefault(refused({ message: "'dimensions' is not supported", param: "dimensions" }))
      world.b.setDefault(refused({ message: "bad input", param: "input" }))
      const answer = await ask(world, "/v1/embeddings", { model: "m", input: "x" })
      assert.lengthOf(world.b.requests, 1)
      assert.strictEqual(answer.code, "invalid_request")
    }))

  it("the client's own mistake is the client's, whatever the channel adds", () =>
    withRelay({ channels: { a: { params: { temperature: 0.7 } } } }, async (world) => {
      world.a.setDefault(refused({ message: "max_tokens is too large", param: "max_tokens" }))
      assert.deepInclude(await ask(world), { status: 400, code: "invalid_request" })
      assert.lengthOf(world.b.requests, 0)
    }))
})

describe("check finds", () => {
  it.each<[string, object, ReadonlyArray<string>]>([
    ["openai", { params: { temperature: "0.7" } }, ['channels[0].params.temperature: expected a number, got "0.7"']],
    [
      "openai",
      { params: { max_tokens: 0, n: 2, metadata: [] } },
      [
        "channels[0].params.max_tokens: expected an integer of at least 1, got 0",
        "channels[0].params.metadata: expected an object, got an empty list",
        "channels[0].params.n: expected 1, as how many answers there are is the client's to say, got 2"
      ]
    ],
    [
      "openai",
      { params: { messages: [] } },
      ["channels[0].params.messages: would be sent in place of what each client asks"]
    ],
    [
      "responses",
      { params: { input: "x" } },
      ["channels[0].params.input: would be sent in place of what each client asks"]
    ],
    [
      "anthropic",
      { params: { thinking: { budget_tokens: "many" } } },
      ['channels[0].params.thinking.budget_tokens: expected an integer of at least 1, got "many"']
    ],
    [
      "gemini",
      { params: { generationConfig: { topP: true } } },
      ["channels[0].params.generationConfig.topP: expected a number, got true"]
    ],
    [
      "openai",
      { headers: { "Content-Type": "text/plain" } },
      ["channels[0].headers.Content-Type: expected application/json, as every request is, got <redacted>"]
    ],
    [
      "openai",
      { headers: { "bad name": "x", Host: "x" } },
      [
        "channels[0].headers.Host: the key must be the name of a header other than authorization, accept-encoding, host, length and those of the connection",
        'channels[0].headers["bad name"]: the key must be the name of a header other than authorization, accept-encoding, host, length and those of the connection'
      ]
    ],
    [
      "openai",
      {
        params: { temperature: 0.7, max_tokens: null, n: 1, top_k: "whatever", metadata: { team: 1 } },
        headers: { "content-type": "application/json; charset=utf-8" }
      },
      []
    ]
  ])("%s %j", (dialect, channel, faults) => {
    const decoded = decodeConfiguration(
      { channels: [channelOf("a", "http://x.test", { dialect, ...channel })] },
      {},
      "test"
    )
    assert.deepStrictEqual(
      Result.isFailure(decoded) ? decoded.failure.lines : [],
      faults.map((fault) => `test: ${fault}`)
    )
  })
})
