/**
 * The relay's routes in somebody else's HTTP server, on Effect's router, beside routes of its own.
 */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { gzipSync } from "node:zlib"
import { NodeHttpServer } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Metric, Result } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { decodeConfiguration } from "#src/cli/index"
import { defaultParts, layerFrom } from "#src/server/index"
import * as RelayRouter from "#src/server/RelayRouterHttp"
import { Settings } from "#src/settings/index"
import { answer, cut } from "../support/behaviour.ts"
import { startFaultServer } from "../support/FaultServer.ts"
import { channelOf } from "../support/relay.ts"
import { contentOf, open, read } from "../support/sse.ts"
import { completion, until } from "./kit.ts"
import { whole } from "./matrix.ts"

const withRouter = async (
  body: (world: { url: string; server: Awaited<ReturnType<typeof startFaultServer>> }) => Promise<void>
) => {
  const server = await startFaultServer()
  const decoded = decodeConfiguration(
    {
      store: { type: "memory" },
      chat: { model: "m" },
      channels: [channelOf("a", server.url, { priority: 2 }), channelOf("b", server.url)]
    },
    {},
    "test"
  )
  if (Result.isFailure(decoded)) throw decoded.failure
  const http = createServer()
  const own = HttpRouter.add("GET", "/mine", HttpServerResponse.text("mine"))
  const served = HttpRouter.serve(Layer.merge(own, RelayRouter.layer({ serves: ({ path }) => path !== "/" })), {
    disableLogger: true,
    disableListenLog: true
  }).pipe(
    Layer.provide(layerFrom(defaultParts)),
    Layer.provide(Layer.succeed(Settings, decoded.success.settings)),
    Layer.provide(NodeHttpServer.layer(() => http, { port: 0, host: "127.0.0.1" }))
  )
  await Effect.runPromise(
    Effect.scoped(
      Effect.gen(function* () {
        yield* Layer.build(served)
        const { port } = http.address() as AddressInfo
        yield* Effect.promise(() => body({ url: `http://127.0.0.1:${port}`, server }))
      })
    ).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
  )
  await server.close()
}

describe("RelayRouter", () => {
  it("serves the relay beside other routes: streams, whole answers, errors, what is not its own", () =>
    withRouter(async ({ server, url }) => {
      assert.strictEqual((await read(`${url}/mine`)).text, "mine")
      server.enqueue(cut(9, "reset"))
      const chat = await read(`${url}/chat?message=hello`)
      assert.strictEqual(contentOf(chat.events), whole)
      assert.include(
        chat.events.map(({ event }) => event),
        "failover"
      )
      assert.strictEqual(chat.headers["x-stream-id"], chat.events[0]?.json?.["stream_id"])
      const again = await read(`${url}/streams/${String(chat.headers["x-stream-id"])}`)
      assert.strictEqual(again.text, chat.text)
      const wholly = await read(`${url}/v1/chat/completions`, { body: completion({ stream: false }) })
      assert.include(wholly.text, JSON.stringify(whole))
      const models = await read(`${url}/v1/models/gpt-5`)
      assert.strictEqual((JSON.parse(models.text) as { readonly id: string }).id, "gpt-5")
      const wrong = await read(`${url}/v1/chat/completions`, { body: { model: "m" } })
      assert.strictEqual(wrong.status, 400)
      assert.include(wrong.text, '"code":"invalid_request"')
      assert.strictEqual((await read(`${url}/chat`, { method: "PUT" })).status, 405)
      const embedded = { headers: { "sec-fetch-site": "cross-site", "sec-fetch-dest": "image" } }
      assert.strictEqual((await read(`${url}/chat?message=hello`, embedded)).status, 403)
      const packed = (body: Uint8Array<ArrayBuffer>) =>
        fetch(`${url}/v1/chat/completions`, {
          method: "POST",
          body,
          headers: { "content-type": "application/json", "content-encoding": "gzip" }
        })
      const json = JSON.stringify(completion({ stream: false }))
      assert.include(await (await packed(gzipSync(json))).text(), JSON.stringify(whole))
      assert.strictEqual((await packed(Buffer.from(json))).status, 400)
      assert.strictEqual((await packed(gzipSync(Buffer.alloc(11_000_000)))).status, 413)
      for (const body of [Buffer.alloc(30_000_000), new Blob([Buffer.alloc(30_000_000)]).stream()]) {
        const large = { method: "POST", body, headers: { "content-type": "application/json" }, duplex: "half" }
        assert.strictEqual((await fetch(`${url}/chat`, large as RequestInit)).status, 413)
      }
      assert.strictEqual((await read(`${url}/`)).status, 404)
      assert.strictEqual((await read(`${url}/health/ready`)).status, 200)
    }))

  it("a client that leaves is noticed: its upstream is closed", () =>
    withRouter(async ({ server, url }) => {
      server.setDefault(answer({ delay: 30 }))
      const live = await open(`${url}/v1/chat/completions`, { body: completion() })
      await live.until(() => live.events.length >= 3)
      live.cut()
      await server.requests[0]!.closed
      await until(async () => (await read(`${url}/metrics`)).text.includes("active_streams 0"))
    }))
})
