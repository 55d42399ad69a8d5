/**
 * What operators see of a real relay beside the error log: the summary, the counts, and the tracker.
 */
import { assert, describe, it } from "@effect/vitest"
import { Layer } from "effect"
import { ErrorTracker, type TrackedError } from "#src/telemetry/index"
import { answer, status } from "../support/behaviour.ts"
import { startFaultServer } from "../support/FaultServer.ts"
import { channelOf, type RunningRelay, startRelay } from "../support/relay.ts"
import { read } from "../support/sse.ts"
import { completion, withRelay } from "./kit.ts"

const get = async (relay: RunningRelay, path: string) => {
  const { status: code, text } = await read(`${relay.url}/${path}`)
  return { code, body: JSON.parse(text) as { readonly [field: string]: unknown } }
}
const ask = (relay: RunningRelay, more: object = {}) =>
  read(`${relay.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(completion(more))
  })

describe("GET /admin/summary", () => {
  it("tells requests, success, rescues and the first content, in all, by channel and model, and by the minute", () =>
    withRelay({ retry: { times: 1 } }, async ({ a, b, relay }) => {
      a.enqueue(answer(), status(500), answer())
      await ask(relay)
      await ask(relay)
      await ask(relay, { model: "gpt-of-my-own" })
      a.enqueue(status(500), status(500))
      b.enqueue(status(500))
      await ask(relay)
      const { body } = await get(relay, "admin/summary?window=15m")
      assert.include(body, { window: 900_000, requests: 4 })
      const { failed, rescued, requests, success, successRate } = body as { readonly [field: string]: number }
      assert.strictEqual(success! + failed!, requests)
      assert.strictEqual(successRate, success! / requests!)
      assert.isAtMost(rescued!, success!)
      const { p50, p99 } = body["firstContentMs"] as { readonly p50: number; readonly p99: number }
      assert.isAtMost(p50, p99)
      const byModel = body["byModel"] as ReadonlyArray<{
        readonly model: string
        readonly requests: number
        readonly credits: number
      }>
      // Each answer costs its tokens, a credit each; who got none pays nothing.
      const credits = body["credits"] as number
      assert.isAbove(credits, 0)
      assert.strictEqual(
        byModel.reduce((sum, model) => sum + model.credits, 0),
        credits
      )
      assert.deepStrictEqual(
        byModel.map(({ model, requests }) => [model, requests]),
        [
          ["m", 3],
          ["other", 1]
        ]
      )
      const series = body["series"] as ReadonlyArray<{ readonly requests: number }>
      assert.lengthOf(series, 15)
      assert.strictEqual(
        series.reduce((sum, piece) => sum + piece.requests, 0),
        4
      )
      const byChannel = body["byChannel"] as ReadonlyArray<{ readonly requests: number }>
      assert.strictEqual(
        byChannel.reduce((sum, channel) => sum + channel.requests, 0),
        4
      )
      const longer = await get(relay, "admin/summary?window=24%20hours")
      assert.lengthOf(longer.body["series"] as ReadonlyArray<unknown>, 24)
      assert.strictEqual(longer.body["requests"], 4)
    }))

  it.each(["0m", "8d", "soon", "-1h"])("refuses a window of %s", (window) =>
    withRelay({}, async ({ relay }) => {
      assert.strictEqual((await get(relay, `admin/summary?window=${window}`)).code, 422)
    })
  )
})

describe("GET /metrics/errors", () => {
  it("counts what clients were told, by code, status and class", () =>
    withRelay({ retry: { times: 0 } }, async ({ a, relay }) => {
      a.enqueue(status(400))
      await ask(relay)
      await ask(relay, { model: "nobody-has-it" })
      const { body } = await get(relay, "metrics/errors")
      const { since, ...counts } = body
      assert.isNotNaN(Date.parse(String(since)))
      assert.deepStrictEqual(counts, {
        total: 2,
        byCode: { invalid_request: 1, model_not_found: 1 },
        byStatus: { "400": 1, "404": 1 },
        byClass: { caller: 1, model: 1 }
      })
    }))
})

describe("the tracker of a relay", () => {
  it("is told of a store that fails and of nothing that a client or an upstream did, once, without a prompt or a key", async () => {
    const told: Array<TrackedError> = []
    const a = await startFaultServer()
    const relay = await startRelay(
      { channels: [channelOf("a", a.url)], retry: { times: 0 } },
      {
        tracker: Layer.provideMerge(
          ErrorTracker.layerSend((error) => void told.push(error)),
          Layer.empty
        )
      }
    )
    try {
      a.enqueue(status(500), status(401), status(429))
      for (let n = 0; n < 3; n++) await ask(relay)
      await ask(relay, { model: "nobody-has-it" })
      assert.deepStrictEqual(told, [])
    } finally {
      await relay.close()
      await a.close()
    }
  })
})
