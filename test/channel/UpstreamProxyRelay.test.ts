/**
 * A relay behind a proxy: its answers come through it, and what the proxy refuses is no fault of a key.
 */
import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import * as Http from "node:http"
import * as Net from "node:net"
import * as Tls from "node:tls"
import { EventLog } from "#src/telemetry/index"
import { startFaultServer } from "../support/FaultServer.ts"
import { channelOf, startRelay } from "../support/relay.ts"
import { contentOf, read } from "../support/sse.ts"
import { textOf, words } from "../support/upstreamText.ts"

const fixture = (name: string): string => readFileSync(new URL(`../fixtures/tls/${name}.pem`, import.meta.url), "utf8")

const listen = async (server: Net.Server): Promise<number> => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return (server.address() as Net.AddressInfo).port
}

/** A relay, its upstream over TLS, and a proxy between them that answers or connects. */
const behindProxy = async <A>(
  answer: string | undefined,
  body: (world: {
    readonly url: string
    readonly asked: ReadonlyArray<string>
    readonly lines: ReadonlyArray<string>
  }) => Promise<A>
): Promise<A> => {
  const upstream = await startFaultServer()
  const backup = await startFaultServer()
  const secure = Tls.createServer({ cert: fixture("server"), key: fixture("server-key") }, (socket) => {
    const plain = Net.connect(Number(new URL(upstream.url).port), "127.0.0.1")
    socket
      .on("error", () => plain.destroy())
      .pipe(plain)
      .on("error", () => socket.destroy())
      .pipe(socket)
  })
  const port = await listen(secure)
  const asked: Array<string> = []
  const proxy = Http.createServer().on("connect", (request, socket: Net.Socket) => {
    asked.push(String(request.url))
    if (answer !== undefined) return void socket.end(answer)
    const onward = Net.connect(port, "127.0.0.1", () => socket.write("HTTP/1.1 200 OK\r\n\r\n"))
    socket
      .on("error", () => onward.destroy())
      .pipe(onward)
      .on("error", () => socket.destroy())
      .pipe(socket)
  })
  const proxyPort = await listen(proxy)
  const lines: Array<string> = []
  const relay = await startRelay(
    {
      channels: [
        channelOf("a", `https://upstream.example${new URL(upstream.url).pathname}`, {
          priority: 1,
          proxy: `http://user:hunter2@127.0.0.1:${proxyPort}`,
          tls: { ca: fixture("ca") }
        }),
        channelOf("b", backup.url)
      ]
    },
    { log: EventLog.layerLines((line) => void lines.push(line)) }
  )
  try {
    return await body({ url: relay.url, asked, lines })
  } finally {
    await relay.close()
    proxy.closeAllConnections()
    await Promise.all([upstream.close(), backup.close()])
    for (const server of [secure, proxy]) server.close()
  }
}

describe("R16: a relay behind a proxy", () => {
  it("answers through it", () =>
    behindProxy(undefined, async ({ asked, lines, url }) => {
      for (const _ of [1, 2]) {
        assert.strictEqual(contentOf((await read(`${url}/chat?message=x`)).events), textOf(words))
      }
      assert.deepStrictEqual(asked, ["upstream.example:443"])
      assert.notInclude(lines.join("\n"), "hunter2")
    }))

  it("asks another channel where the proxy wants other credentials, and blames no key", () =>
    behindProxy("HTTP/1.1 407 No\r\ncontent-length: 0\r\n\r\n", async ({ lines, url }) => {
      const { events } = await read(`${url}/chat?message=x`)
      assert.strictEqual(contentOf(events), textOf(words))
      const failed = lines.map((line) => JSON.parse(line)).filter(({ event }) => event === "attempt_failed")
      assert.isNotEmpty(failed)
      for (const line of failed) {
        assert.deepInclude(line, { channel: "a", class: "transport", code: "do_request_failed" })
        assert.include(line.error, "the proxy wants other credentials (407)")
      }
      assert.notInclude(lines.join("\n"), "hunter2")
    }))
})
