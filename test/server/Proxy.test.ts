/**
 * The relay behind nginx with its defaults: events are not held back, and a client that is cut off resumes.
 *
 * `NGINX` names the binary. Where there is none this is skipped; with `CI=true` that is a failure.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { type ChildProcess, spawn } from "node:child_process"
import { existsSync, writeFileSync } from "node:fs"
import { createServer, type AddressInfo } from "node:net"
import { join } from "node:path"
import { answer } from "../support/behaviour.ts"
import { type FaultServer, startFaultServer } from "../support/FaultServer.ts"
import { channelOf, type RunningRelay, startRelay } from "../support/relay.ts"
import { temporaryFolder } from "../support/relayProcess.ts"
import { contentOf, open, read } from "../support/sse.ts"
import { completion, streamIdOf, until } from "./kit.ts"
import { whole } from "./matrix.ts"

const findNginx = (): string | undefined => {
  const path = process.env["NGINX"] ?? "/usr/sbin/nginx"
  if (existsSync(path)) return path
  if (process.env["CI"] === "true") throw new Error(`no nginx (${path}): set NGINX to run the tests that need it`)
  console.warn(`skipped: no nginx (${path}): set NGINX to run the tests that need it`)
  return undefined
}

const nginx = findNginx()

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer()
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })

describe.skipIf(nginx === undefined)("behind nginx", () => {
  const folder = temporaryFolder()
  let server: FaultServer
  let relay: RunningRelay
  let proxy: ChildProcess
  let url: string

  beforeAll(async () => {
    server = await startFaultServer()
    relay = await startRelay({ channels: [channelOf("a", server.url)], server: { heartbeat: "100 millis" } })
    const port = await freePort()
    url = `http://127.0.0.1:${port}`
    const file = join(folder.path, "nginx.conf")
    const places = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
      .map((name) => `${name}_temp_path ${folder.path}/${name};`)
      .join(" ")
    writeFileSync(
      file,
      `daemon off; master_process off; pid ${folder.path}/nginx.pid; error_log ${folder.path}/error.log;
       events {}
       http {
         access_log off; ${places}
         server { listen 127.0.0.1:${port}; location / { proxy_pass http://127.0.0.1:${relay.port}; } }
       }`
    )
    proxy = spawn(nginx!, ["-p", folder.path, "-e", `${folder.path}/error.log`, "-c", file], { stdio: "ignore" })
    await until(() =>
      read(`${url}/health/live`).then(
        ({ status }) => status === 200,
        () => false
      )
    )
  })
  afterAll(async () => {
    const gone = new Promise((resolve) => proxy.once("close", resolve))
    proxy.kill("SIGTERM")
    await gone
    await relay.close()
    await server.close()
    folder.remove()
  })

  it.each([
    ["/chat", "/chat?message=hello", undefined],
    ["the dialect", "/v1/chat/completions", completion()]
  ] as const)("the events of %s come as they are made", async (_, path, body) => {
    server.setDefault(answer({ delay: 30 }))
    const began = performance.now()
    const live = await open(`${url}${path}`, body === undefined ? {} : { body })
    await live.until(() => live.events.length >= 5)
    const early = performance.now() - began
    const { events } = await live.done
    const took = performance.now() - began
    assert.isBelow(early, took / 2)
    // Held back, they would come in heaps.
    const gaps = events.slice(1).map(({ at }, index) => at - events[index]!.at)
    assert.isAbove(gaps.filter((gap) => gap > 10).length, 20)
  })

  it("the beginning and the comments of an answer that says nothing yet come at once", async () => {
    server.setDefault({ kind: "headersOnly", commentEvery: undefined })
    const began = performance.now()
    const live = await open(`${url}/chat?message=hello`)
    await live.until(({ event }) => event === "init")
    assert.isBelow(performance.now() - began, 300)
    await new Promise((resolve) => setTimeout(resolve, 250))
    live.cut()
    assert.isAtLeast((await live.done).comments.length, 1)
  })

  it("a client that is cut off resumes, by header and by query", async () => {
    server.setDefault(answer({ delay: 10 }))
    const first = await read(`${url}/chat?message=hello`, { cutAfter: 6 })
    const id = streamIdOf(first.events)
    const rest = await read(`${url}/chat?message=hello`, { headers: { "last-event-id": first.events.at(-1)!.id! } })
    assert.strictEqual(contentOf([...first.events, ...rest.events]), whole)
    const again = await read(`${url}/streams/${id}?last_event_id=${first.events.at(-1)!.id!}`)
    assert.strictEqual(contentOf(again.events), contentOf(rest.events))
    const end = await read(`${url}/chat?message=hello`, { headers: { "last-event-id": rest.events.at(-1)!.id! } })
    assert.strictEqual(end.status, 204)
  })

  it("a client that leaves is noticed through it", async () => {
    server.reset()
    server.setDefault(answer({ delay: 30 }))
    const live = await open(`${url}/v1/chat/completions`, { body: completion() })
    await live.until(() => live.events.length >= 4)
    const left = performance.now()
    live.cut()
    const closed = await server.requests[0]!.closed
    assert.isFalse(server.requests[0]!.finished)
    assert.isBelow(closed - left, 200)
  })
})
