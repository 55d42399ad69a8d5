/**
 * Embeddings, by OpenAI's own SDK: of channels that make them, through the loop of attempts, as they come.
 */
import { assert, describe, it } from "@effect/vitest"
import OpenAI, { BadRequestError, InternalServerError, NotFoundError, RateLimitError } from "openai"
import type { CreateEmbeddingResponse } from "openai/resources/embeddings"
import { Script } from "effect-resilience/testing"
import { type Upstreams, withWorld } from "../sdk/world.ts"
import { read } from "../support/sse.ts"
import { until } from "./kit.ts"

const made: CreateEmbeddingResponse & { readonly their_field: number } = {
  object: "list",
  data: [{ object: "embedding", index: 0, embedding: [0.1, 0.25] }],
  model: "text-embedding-3-small",
  usage: { prompt_tokens: 2, total_tokens: 2 },
  their_field: 7
}
const hundred = { ...made, data: Array.from({ length: 100 }, (_, index) => ({ ...made.data[0]!, index })) }
const makes = Script.status(200, { body: made })
const upstream = (...plays: ReadonlyArray<Script.Script>): Upstreams => ({ a: { dialect: "openai", plays } })

const ask = (url: string, more: object = {}) =>
  new OpenAI({ baseURL: `${url}/v1`, apiKey: "key", maxRetries: 0 }).embeddings.create({
    model: "text-embedding-3-small",
    input: "hello",
    encoding_format: "float",
    ...more
  })

const raisedBy = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(() => undefined).catch((error: unknown) => error)

describe("POST /v1/embeddings", () => {
  it("is asked under the channel's name of the model, and never as a stream", () =>
    withWorld(
      { a: { dialect: "openai", plays: [makes], channel: { params: { temperature: 0.1, dimensions: 2 } } } },
      {},
      async ({ relay, upstreams: { a } }) => {
        assert.deepInclude(await ask(relay.url, { user: "u1", x_new: 9007199254740991 }), made)
        const [call] = a!.calls()
        assert.strictEqual(new URL(call!.url).pathname, "/v1/embeddings")
        assert.deepStrictEqual(JSON.parse(call!.body), {
          model: "gpt-4.1",
          input: "hello",
          encoding_format: "float",
          user: "u1",
          x_new: 9007199254740991,
          dimensions: 2
        })
        assert.strictEqual(call!.headers["authorization"], "Bearer key-of-a")
      }
    ))

  it("goes to the next channel where one fails, and is told which were asked", () =>
    withWorld(
      { ...upstream(Script.status(500)), b: { dialect: "openai", plays: [makes] } },
      {},
      async ({ relay, upstreams }) => {
        const { response } = await ask(relay.url).withResponse()
        assert.strictEqual(response.headers.get("x-attempts"), "a=500,a=500,b=200")
        assert.lengthOf(upstreams["b"]!.calls(), 1)
      }
    ))

  it("is asked again where a good status comes with an error, or with something else", () =>
    withWorld(
      {
        ...upstream(Script.status(200, { body: { error: { message: "busy", code: "engine_overloaded" } } })),
        b: { dialect: "openai", plays: [Script.status(200, { body: { choices: [] } })] },
        c: { dialect: "openai", plays: [makes] }
      },
      {},
      async ({ relay }) => assert.deepInclude(await ask(relay.url), made)
    ))

  it.each<readonly [string, string, unknown]>([
    ["a number that is none", '{"data":[{"index":0,"embedding":[0.1,NaN]}]}', "hello"],
    ["one that is beyond all", '{"data":[{"index":0,"embedding":[0.1, -Infinity]}]}', "hello"],
    ["nothing for one", '{"data":[{"index":0,"embedding":null}]}', "hello"],
    ["no numbers", '{"data":[{"index":0,"embedding":[]}]}', "hello"],
    ["an empty text", '{"data":[{"index":0,"embedding":""}]}', "hello"],
    ["fewer than were asked for", JSON.stringify(made), ["hello", "world"]],
    ["fewer, of tokens", JSON.stringify(made), [[1, 2], [3]]]
  ])("that has %s is none: the next channel is asked", (_, body, input) => {
    const two = { ...made, data: [...made.data, { object: "embedding" as const, index: 1, embedding: [0.5] }] }
    return withWorld(
      {
        ...upstream(Script.status(200, { body })),
        b: { dialect: "openai", plays: [Script.status(200, { body: two })] }
      },
      {},
      async ({ relay }) => assert.deepInclude(await ask(relay.url, { input }), two)
    )
  })

  it("of the tokens of one text is one, and as base64 may have any letters", () => {
    const body = { ...made, data: [{ object: "embedding", index: 0, embedding: "AANaNInfinity" }] }
    return withWorld(upstream(Script.status(200, { body })), {}, async ({ relay, upstreams }) => {
      const response = await fetch(`${relay.url}/v1/embeddings`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ model: "text-embedding-3-small", input: [1, 2, 3], encoding_format: "base64" })
      })
      assert.deepInclude(await response.json(), body)
      assert.lengthOf(upstreams["a"]!.calls(), 1)
    })
  })

  it.each([
    ["a wrong request", Script.status(400), BadRequestError, "invalid_request"],
    ["a dead key", Script.status(401), InternalServerError, "channel:invalid_key"],
    ["no such model", Script.status(404), NotFoundError, "model_not_found"],
    ["too fast", Script.status(429), RateLimitError, "channel:rate_limited"]
  ] as const)("raises what its only channel says: %s", (_name, plays, type, code) =>
    withWorld(upstream(plays), {}, async ({ relay }) => {
      const raised = await raisedBy(ask(relay.url))
      assert.instanceOf(raised, type)
      assert.deepInclude(raised, { code })
    })
  )

  it("rests a key that its upstream refuses, as an answer would", () =>
    withWorld(upstream(Script.status(401)), {}, async ({ relay, upstreams }) => {
      await raisedBy(ask(relay.url))
      const ready = await fetch(`${relay.url}/health/ready`)
      assert.deepInclude(await ready.json(), { ready: true, degraded: ["channels"] })
      assert.lengthOf(upstreams["a"]!.calls(), 1)
    }))

  it.each(["anthropic", "responses"] as const)("asks no channel that makes none: %s", (dialect) =>
    withWorld(
      { a: { dialect, plays: [makes], channel: { onUnsupported: "drop" } } },
      {},
      async ({ relay, upstreams }) => {
        const raised = await raisedBy(ask(relay.url))
        assert.instanceOf(raised, BadRequestError)
        assert.deepInclude(raised, { code: "convert_request_failed", param: "input" })
        assert.lengthOf(upstreams["a"]!.calls(), 0)
      }
    )
  )

  it("rests none for what an upstream quotes of the request when it refuses it", () =>
    withWorld(
      upstream(Script.status(400, { body: { error: { message: "bad user 'you exceeded your current quota'" } } })),
      {},
      async ({ relay, upstreams: { a } }) => {
        for (let times = 0; times < 2; times++) {
          const raised = await raisedBy(ask(relay.url, { user: "you exceeded your current quota" }))
          assert.instanceOf(raised, BadRequestError)
        }
        assert.lengthOf(a!.calls(), 2)
      }
    ))

  it("takes texts as the numbers of their tokens, more than a conversation may have values", () =>
    withWorld(upstream(Script.status(200, { body: hundred })), {}, async ({ relay, upstreams }) => {
      const input = Array.from({ length: 100 }, () => Array.from({ length: 1500 }, (_, n) => n))
      assert.deepInclude(await ask(relay.url, { input }), hundred)
      assert.deepStrictEqual((JSON.parse(upstreams["a"]!.calls()[0]!.body) as { input: unknown }).input, input)
    }))

  it.each([
    [{ input: [] }, "input"],
    [{ input: 7 }, "input"],
    [{ dimensions: "many" }, "dimensions"]
  ])("says what is wrong: %j", (more, param) =>
    withWorld(upstream(makes), {}, async ({ relay, upstreams }) => {
      const raised = await raisedBy(ask(relay.url, more))
      assert.instanceOf(raised, BadRequestError)
      assert.deepInclude(raised, { param })
      assert.lengthOf(upstreams["a"]!.calls(), 0)
    })
  )

  it("is in the error log where that is to have what went well, and in the summary, well or not", () =>
    withWorld(
      {
        ...upstream(Script.status(500), makes, Script.status(400)),
        b: { dialect: "openai", plays: [makes] }
      },
      {
        errorLog: { successes: true },
        retry: { times: 1, sameChannel: 0 },
        prices: { "text-*": { input: 3, output: 1 } }
      },
      async ({ relay }) => {
        const get = async (path: string) => JSON.parse((await read(`${relay.url}/admin/${path}`)).text)
        for (const times of [1, 2, 3]) assert.strictEqual((await raisedBy(ask(relay.url))) === undefined, times < 3)
        let rows: ReadonlyArray<{ readonly [field: string]: unknown }> = []
        await until(async () => (rows = (await get("errors?kind=request")).data).length >= 3)
        assert.deepStrictEqual(
          rows.map(({ code }) => code),
          ["invalid_request", null, null]
        )
        const row = rows[2]
        assert.deepInclude(row, {
          stream_id: null,
          token: null,
          model: "text-embedding-3-small",
          channel: "b",
          channel_model: "gpt-4.1",
          stream: false,
          class: null,
          code: null,
          status_code: 200,
          attempt: 2,
          input_tokens: 2,
          output_tokens: 0,
          credits: 6
        })
        const story = (await get(`requests/${String(row!["request_id"])}`)).data
        assert.deepStrictEqual(
          story.map((one: { kind: string; code: string | null }) => [one.kind, one.code]),
          [
            ["attempt", "bad_response_status_code"],
            ["request", null]
          ]
        )
        const summary = await get("summary")
        assert.deepInclude(summary, { requests: 3, success: 2, failed: 1, rescued: 1, credits: 12 })
        assert.deepInclude(
          summary.byChannel.map(({ channel, requests }: { channel: string; requests: number }) => [channel, requests]),
          ["b", 1]
        )
      }
    ))
})
