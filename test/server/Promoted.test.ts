/**
 * What a request made is gone with it: nothing of ours holds a finished answer until the old generation is collected
 * (decision 0025). Counted in bytes, so that the load of the machine does not matter.
 */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { commandFile, temporaryFolder, writeConfiguration } from "../support/relayProcess.ts"
import { startNode } from "../support/spawnNode.ts"

const requests = 6000
/** Of these, those while which the young generation is still growing, at which nearly all that is in it seems old. */
const first = 2000
const clients = 16

const frame = (delta: object, finish: string | null = null): string =>
  `data: ${JSON.stringify({ id: "1", object: "chat.completion.chunk", created: 1, model: "m", choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`
const answer = `${frame({ role: "assistant", content: "" })}${frame({ content: "one " }).repeat(10)}${frame({}, "stop")}data: [DONE]\n\n`

const startUpstream = async () => {
  const server = createServer((request, response) => {
    request.resume().on("end", () => response.writeHead(200, { "content-type": "text/event-stream" }).end(answer))
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    close: () => {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(resolve))
    }
  }
}

describe("a relay under load", () => {
  it("promotes less than 3 kB a request, and makes nothing in the old generation", { timeout: 120_000 }, async () => {
    const upstream = await startUpstream()
    const folder = temporaryFolder()
    const file = writeConfiguration(folder.path, {
      server: { port: 0 },
      store: { type: "sqlite", path: `${folder.path}/relay.db` },
      channels: [{ id: "a", dialect: "openai", baseUrl: upstream.url, keys: [], models: ["*"] }]
    })
    const relay = startNode(commandFile, ["relay", "--config", file], {}, undefined, [
      "--disable-warning=ExperimentalWarning",
      "--trace-gc-nvp",
      "--trace-pretenuring-statistics"
    ])
    let [listening, warm] = [0, 0]
    try {
      const banner = await relay.printed("curl -N")
      listening = banner.length
      const port = /listening on http:\/\/[^\s:]+:(\d+)/.exec(banner)?.[1]
      let left = 0
      const ask = async (): Promise<void> => {
        while (left-- > 0) {
          const response = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
            method: "POST",
            headers: { "content-type": "application/json" },
            body: JSON.stringify({ model: "m", stream: true, messages: [{ role: "user", content: "hello" }] })
          })
          assert.match(await response.text(), /\[DONE\]\n\n$/)
        }
      }
      const askFor = (count: number): Promise<unknown> => {
        left = count
        return Promise.all(Array.from({ length: clients }, ask))
      }
      await askFor(first)
      warm = (await relay.printed("")).length
      await askFor(requests - first)
    } finally {
      relay.kill("SIGTERM")
      const { stdout } = await relay.ended
      await upstream.close()
      folder.remove()
      // What V8 decides about where objects are made, it would say here.
      assert.deepStrictEqual(stdout.slice(listening).match(/pretenuring:.*/g), null)
      const scavenges = stdout
        .slice(warm)
        .split("\n")
        .filter((line) => / gc=s /.test(line))
      assert.isAtLeast(scavenges.length, 5)
      const promoted = scavenges.reduce((sum, line) => sum + Number(/ promoted=(\d+)/.exec(line)?.[1] ?? 0), 0)
      assert.isBelow(Math.round(promoted / (requests - first)), 3000)
    }
  })
})
