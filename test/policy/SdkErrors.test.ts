/**
 * Errors of vendors' SDKs and of fetch libraries under our policies: what they say of when to come back is heeded, wherever
 * they keep it.
 */
import { APICallError } from "ai"
import { APIError as AnthropicError } from "@anthropic-ai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { blameOf } from "effect-resilience/errors"
import { Failures, Retry } from "effect-resilience/policy"
import { APIConnectionError, APIError as OpenAIError } from "openai"

const headers = { "retry-after-ms": "4000" }

/** An error of each, of an answer with this status and these headers. */
const errors = (status: number, of: { readonly [name: string]: string } = headers) => ({
  openai: OpenAIError.generate(status, { error: { message: "busy" } }, undefined, new Headers(of)),
  "@anthropic-ai/sdk": AnthropicError.generate(status, { error: { message: "busy" } }, undefined, new Headers(of)),
  ai: new APICallError({
    message: "busy",
    url: "http://a",
    requestBodyValues: {},
    statusCode: status,
    responseHeaders: of
  }),
  "a fetch library that keeps its response": Object.assign(new Error("busy"), {
    response: new Response("", { status, headers: of })
  })
})

describe("P12: an SDK's error", () => {
  for (const [name, error] of Object.entries(errors(429))) {
    it.effect(`of ${name} is asked again when it says`, () =>
      Effect.gen(function* () {
        assert.strictEqual(blameOf(error), "rate")
        assert.strictEqual(Failures.retryAfterMillisOf(error), 4000)
        let asked = 0
        const call = Effect.suspend(() => (++asked < 2 ? Effect.fail(error) : Effect.succeed("answer")))
        const fiber = yield* Effect.forkChild(Retry.retry(call, Retry.make({ attempts: 2 })))
        yield* TestClock.adjust("3999 millis")
        assert.strictEqual(asked, 1)
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* Fiber.join(fiber), "answer")
      })
    )
  }

  it("that was no refusal has no hint, nor one whose headers say nothing", () => {
    for (const error of Object.values(errors(200))) assert.isUndefined(Failures.retryAfterMillisOf(error))
    for (const error of Object.values(errors(429, {}))) assert.isUndefined(Failures.retryAfterMillisOf(error))
    // A connection that was never made has neither status nor headers.
    assert.isUndefined(Failures.retryAfterMillisOf(new APIConnectionError({ message: "refused" })))
  })

  it("with a reset of a limit is held back by it only where a limit was the reason", () => {
    const reset = { "x-ratelimit-reset": "9" }
    for (const error of Object.values(errors(429, reset))) assert.isDefined(Failures.retryAfterMillisOf(error))
    for (const error of Object.values(errors(503, reset))) assert.isUndefined(Failures.retryAfterMillisOf(error))
  })

  it("with headers that are no headers is no hint, and no defect", () => {
    for (const odd of [null, 5, "retry-after: 5", [], new Date(), { get: 5 }, { get: () => 5 }, new Set([1])]) {
      assert.isUndefined(Failures.retryAfterMillisOf({ status: 429, headers: odd }))
    }
  })
})
