/**
 * `/health/ready`: whether a balancer should send requests here, and if not, why.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { answer, status } from "../support/behaviour.ts"
import { read } from "../support/sse.ts"
import { completion, withRelay, type World } from "./kit.ts"

const unauthorized = status(401, { body: { error: { message: "no", code: "invalid_api_key" } } })

const ready = async ({ relay }: World): Promise<readonly [number, unknown, unknown]> => {
  const { status, text } = await read(`${relay.url}/health/ready`)
  const body = JSON.parse(text) as { readonly [field: string]: unknown }
  return [status, body["ready"], body["degraded"]]
}

const ask = ({ relay }: World) => read(`${relay.url}/v1/chat/completions`, { body: completion() })

const isReady = [200, true, undefined] as const
/** It takes requests all the same: one of them is the trial. */
const hasNobody = [200, true, ["channels"]] as const

describe("a relay is ready", () => {
  it("while a channel has a usable key, and says so when each was refused", () =>
    withRelay({ retry: { times: 0 } }, async (world) => {
      const { a, b, relay } = world
      assert.deepEqual(await ready(world), isReady)
      a.setDefault(unauthorized)
      b.setDefault(unauthorized)
      await ask(world)
      assert.deepEqual(await ready(world), isReady, "one is left")
      await ask(world)
      assert.deepEqual(await ready(world), hasNobody)
      const { text } = await read(`${relay.url}/health/ready`)
      assert.notMatch(text, /key-of|127\.0\.0\.1|"a"/)
      assert.strictEqual((await read(`${relay.url}/health/live`)).status, 200)
    }))

  it("when all channels are switched off too, which it says until one is switched on", () =>
    withRelay({ channels: { a: { enabled: false }, b: { enabled: false } } }, async (world) => {
      assert.deepEqual(await ready(world), hasNobody)
      await Effect.runPromise(world.relay.settings.change({ "channels.b.enabled": true }))
      assert.deepEqual(await ready(world), isReady)
    }))

  it("while upstreams are merely down, slow or busy: that passes, and the next request may find it over", () =>
    withRelay({ retry: { times: 0 }, breaker: { minimum: 1, window: "10 seconds" } }, async (world) => {
      for (const server of [world.a, world.b]) server.setDefault(status(503))
      await ask(world)
      await ask(world)
      assert.deepEqual(await ready(world), isReady)
      for (const server of [world.a, world.b]) server.setDefault(status(429, { headers: { "retry-after": "60" } }))
      await ask(world)
      assert.deepEqual(await ready(world), isReady)
    }))

  it("with one of several keys", () =>
    withRelay(
      { channels: { a: { keys: ["one", "two"] }, b: { enabled: false } }, retry: { times: 0 } },
      async (world) => {
        world.a.enqueue(unauthorized)
        await ask(world)
        assert.deepEqual(await ready(world), isReady)
        world.a.setDefault(answer())
        assert.strictEqual((await ask(world)).status, 200)
      }
    ))
})
