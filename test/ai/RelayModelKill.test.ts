/**
 * A relay that is killed under a model, and started again on its store: the model reads on.
 */
import { assert, describe, it } from "@effect/vitest"
import { type AddressInfo, connect, createServer, type Socket } from "node:net"
import { Effect, Layer, Stream } from "effect"
import { LanguageModel, type Response } from "effect/ai"
import { FetchHttpClient } from "effect/http"
import { RelayLanguageModel } from "effect-resilience/ai"
import { RetrySchedule } from "effect-resilience/policy"
import { answer } from "../support/behaviour.ts"
import { startFaultServer } from "../support/FaultServer.ts"
import { channelOf } from "../support/relay.ts"
import { startRelayProcess, temporaryFolder, writeConfiguration } from "../support/relayProcess.ts"
import { whole } from "../server/matrix.ts"
import { until } from "../server/kit.ts"
import { textOf } from "./kit.ts"

/** One address for whichever relay there is: refuses while there is none. */
const startAddress = async () => {
  let target: number | undefined
  const open = new Set<Socket>()
  const server = createServer((client) => {
    open.add(client)
    client.on("error", () => {})
    if (target === undefined) return void client.resetAndDestroy()
    const relay = connect(target, "127.0.0.1")
    relay.on("error", () => {})
    client.pipe(relay).pipe(client)
    relay.on("close", () => client.resetAndDestroy())
    client.on("close", () => relay.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    leadTo: (port: number | undefined) => {
      target = port
    },
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        for (const socket of open) socket.destroy()
      })
  }
}

describe("kill -9 of the relay in the middle of an answer, and a restart", { timeout: 90_000 }, () => {
  it.live("the model reads on, and has the whole answer once", () =>
    Effect.promise(async () => {
      const folder = temporaryFolder()
      const [upstream, address] = await Promise.all([startFaultServer(), startAddress()])
      const file = writeConfiguration(folder.path, {
        server: { port: 0 },
        store: { type: "sqlite", path: `${folder.path}/relay.db` },
        channels: [channelOf("a", upstream.url)]
      })
      upstream.setDefault(answer({ delay: 40 }))
      const first = await startRelayProcess(file)
      address.leadTo(first.port)
      const layer = RelayLanguageModel.layer({
        url: address.url,
        model: "m",
        reconnect: { attempts: 200, schedule: RetrySchedule.constant({ delay: "100 millis" }) }
      }).pipe(Layer.provide(FetchHttpClient.layer))
      const seen: Array<Response.AnyPart> = []
      const reading = Effect.runPromise(
        LanguageModel.streamText({ prompt: "hello" }).pipe(
          Stream.runForEach((part) => Effect.sync(() => void seen.push(part))),
          Effect.provide(layer)
        )
      )
      await until(() => textOf(seen).length > 20, 20_000)
      address.leadTo(undefined)
      first.kill("SIGKILL")
      await first.ended
      upstream.setDefault(answer())
      const second = await startRelayProcess(file)
      address.leadTo(second.port)
      await reading
      assert.strictEqual(textOf(seen), whole)
      assert.lengthOf(upstream.requests, 2)
      second.kill("SIGKILL")
      await Promise.all([second.ended, upstream.close(), address.close()])
      folder.remove()
    })
  )
})
