/**
 * What SDKs ask beside answers: the models there are, and how many tokens a request is.
 */
import Anthropic, { NotFoundError as AnthropicNotFound } from "@anthropic-ai/sdk"
import { assert, describe, it } from "@effect/vitest"
import OpenAI, { NotFoundError as OpenAINotFound } from "openai"
import { Script } from "effect-resilience/testing"
import { bodiesOf, type Upstreams, withWorld } from "./world.ts"

const served = { models: ["large", "small"] }
const upstreams: Upstreams = {
  a: { dialect: "openai", plays: [Script.answer("yes")], channel: served }
}
const openai = (url: string) => new OpenAI({ baseURL: `${url}/v1`, apiKey: "key", maxRetries: 0 })
const anthropic = (url: string) => new Anthropic({ baseURL: url, apiKey: "key", maxRetries: 0 })

describe("the models", () => {
  it("are listed and found by openai", () =>
    withWorld(upstreams, {}, async ({ relay }) => {
      const { models } = openai(relay.url)
      const list = await models.list()
      assert.deepStrictEqual(
        list.data.map(({ id, object }) => [id, object]),
        [
          ["large", "model"],
          ["small", "model"]
        ]
      )
      assert.deepInclude(await models.retrieve("small"), { id: "small", object: "model" })
      const error: unknown = await models.retrieve("none").catch((raised: unknown) => raised)
      assert.instanceOf(error, OpenAINotFound)
      assert.propertyVal(error, "code", "model_not_found")
    }))

  it("are listed and found by @anthropic-ai/sdk", () =>
    withWorld(upstreams, {}, async ({ relay }) => {
      const { models } = anthropic(relay.url)
      const ids: Array<string> = []
      for await (const { id, type } of models.list()) ids.push(`${type} ${id}`)
      assert.deepStrictEqual(ids, ["model large", "model small"])
      assert.deepInclude(await models.retrieve("small"), { id: "small", type: "model", display_name: "small" })
      const error: unknown = await models.retrieve("none").catch((raised: unknown) => raised)
      assert.instanceOf(error, AnthropicNotFound)
      assert.propertyVal(error, "errorCode", "model_not_found")
    }))
})

describe("the tokens of a request", () => {
  const asked = { model: "claude-sonnet-4-6", messages: [{ role: "user" as const, content: "Hello, how are you?" }] }

  it("are counted by an Anthropic channel, where there is one", () => {
    const counts = Script.status(200, { body: { input_tokens: 42 } })
    return withWorld({ a: { dialect: "anthropic", plays: [counts] } }, {}, async ({ relay, upstreams: { a } }) => {
      const { data, response } = await anthropic(relay.url).messages.countTokens(asked).withResponse()
      assert.strictEqual(data.input_tokens, 42)
      assert.isNull(response.headers.get("x-estimated"))
      assert.match(a!.calls()[0]!.url, /\/v1\/messages\/count_tokens$/)
      assert.notProperty(bodiesOf(a!)[0], "max_tokens")
    })
  })

  it("are estimated where there is none, and nobody is asked", () =>
    withWorld({ a: { dialect: "openai", plays: [Script.answer("no")] } }, {}, async ({ relay, upstreams: { a } }) => {
      const { data, response } = await anthropic(relay.url).messages.countTokens(asked).withResponse()
      assert.isAbove(data.input_tokens, 3)
      assert.isBelow(data.input_tokens, 20)
      assert.strictEqual(response.headers.get("x-estimated"), "true")
      assert.lengthOf(a!.calls(), 0)
    }))
})
