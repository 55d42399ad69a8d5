/**
 * What an upstream refuses of what a channel adds is the channel's fault, and no client's.
 */
import { assert, describe, it } from "@effect/vitest"
import { ChannelInvalidKey, codeOf, InvalidRequest, UpstreamOverloaded } from "effect-resilience/errors"
import { overrideOf } from "#src/relay/Override"

const params = { temperature: 0.7, top_k: null, reasoning: { effort: "high", budget: null }, stop: ["x"], user: "team" }
const headers = { "Anthropic-Beta": "made-up", team: "blue" }
const sent = JSON.stringify({ temperature: 0.7, reasoning: { effort: "high" }, stop: ["x"], user: "team", n: 3 })

const blame = (
  said: { readonly param?: string; readonly message?: string },
  Class = InvalidRequest as typeof InvalidRequest | typeof ChannelInvalidKey | typeof UpstreamOverloaded
) => codeOf(overrideOf(new Class({ upstream: { status: 400, ...said } }), { headers, params }, sent))

describe("overrideOf", () => {
  it.each([
    [{ param: "temperature" }],
    [{ message: "Unsupported parameter: 'temperature' is not supported with this model." }],
    [{ param: "reasoning.effort" }],
    [{ param: "stop[0]" }],
    [{ param: "user" }],
    [{ message: "reasoning.budget: Field required" }],
    [{ param: "top_k", message: "Missing required parameter: 'top_k'." }]
  ])("%j is of its params", (said) => assert.strictEqual(blame(said), "channel:param_override_invalid"))

  it.each([
    [{ param: "n" }],
    [{ param: "messages[0].content" }],
    [{ param: "reasoning" }],
    [{ message: "messages: must end with a user message" }],
    [{ message: "the team that asks is unknown" }],
    [{}]
  ])("%j is not", (said) => assert.strictEqual(blame(said), "invalid_request"))

  it.each([
    [{ message: "Unexpected value(s) `made-up` for the `anthropic-beta` header." }],
    [{ message: "anthropic-beta: unknown" }],
    [{ message: "the header 'team' is not allowed" }]
  ])("%j is of its headers", (said) => {
    assert.strictEqual(blame(said), "channel:header_override_invalid")
    assert.strictEqual(blame(said, ChannelInvalidKey), "channel:header_override_invalid")
  })

  it("what is no refusal stays what it is, and a refused key says nothing of the body", () => {
    assert.strictEqual(blame({ message: "temperature: too hot today" }, UpstreamOverloaded), "upstream_overloaded")
    assert.strictEqual(blame({ param: "temperature" }, ChannelInvalidKey), "channel:invalid_key")
    const error = new InvalidRequest({ upstream: { status: 400, param: "n" } })
    assert.strictEqual(overrideOf(error, { headers, params }, sent), error)
    assert.strictEqual(overrideOf(error, { headers: {}, params: {} }, sent), error)
  })
})
