/**
 * A relay that may open no more files: who is to blame for it, and who is told.
 */
import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { Agent, createServer, request } from "node:http"
import type { AddressInfo, Socket } from "node:net"
import { watchOpenFiles } from "../../src/server/OpenFilesNode.ts"
import { channelOf } from "../support/relay.ts"
import { logOf, startRelayProcess, temporaryFolder, writeConfiguration } from "../support/relayProcess.ts"
import { completion } from "./kit.ts"

const canLimit = process.platform === "linux" && spawnSync("prlimit", ["--version"]).error === undefined

/** How many files a process may open from now on. */
const limit = (pid: number, files: number): void => {
  const { status, stderr } = spawnSync("prlimit", ["--pid", String(pid), `--nofile=${files}:`], { encoding: "utf8" })
  assert.strictEqual(status, 0, stderr)
}

describe("a relay that may open no more files", () => {
  it.skipIf(!canLimit)(
    "blames no channel, says so, and asks it as soon as it can",
    async () => {
      const folder = temporaryFolder()
      // It closes each connection: each attempt needs another.
      const upstream = createServer((_, response) => {
        response.writeHead(200, { "content-type": "application/json", connection: "close" })
        response.end(JSON.stringify({ choices: [{ index: 0, message: { content: "hello" }, finish_reason: "stop" }] }))
      })
      await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve))
      const { port } = upstream.address() as AddressInfo
      const file = writeConfiguration(folder.path, {
        server: { port: 0 },
        store: { type: "memory" },
        retry: { times: 0 },
        channels: [channelOf("a", `http://127.0.0.1:${port}/v1`)]
      })
      const relay = await startRelayProcess(file)
      const agent = new Agent({ keepAlive: true, maxSockets: 1 })
      const ask = () =>
        new Promise<{ readonly status: number | undefined; readonly text: string }>((resolve, reject) => {
          const body = JSON.stringify(completion({ stream: false }))
          const asked = request(
            `${relay.url}/v1/chat/completions`,
            { method: "POST", agent, headers: { "content-type": "application/json" } },
            (response) => {
              let text = ""
              response.setEncoding("utf8")
              response.on("data", (chunk: string) => (text += chunk))
              response.on("end", () => resolve({ status: response.statusCode, text }))
            }
          )
          asked.once("error", reject)
          asked.end(body)
        })
      try {
        assert.strictEqual((await ask()).status, 200)
        limit(relay.pid, 8)
        // More than a breaker takes.
        for (let n = 0; n < 12; n++) {
          const { status, text } = await ask()
          assert.strictEqual(status, 503, text)
          assert.strictEqual(JSON.parse(text).error.code, "bulkhead_full")
        }
        limit(relay.pid, 1024)
        assert.strictEqual((await ask()).status, 200)
        relay.kill("SIGTERM")
        const lines = logOf(await relay.ended)
        const failed = lines.filter(({ event }) => event === "attempt_failed")
        assert.isAtLeast(failed.length, 12)
        for (const { class: blame, error } of failed) {
          assert.strictEqual(blame, "rejected")
          assert.include(error, "this process may open no more files (EMFILE)")
        }
        assert.notInclude(
          lines.map(({ event }) => event),
          "channel_open"
        )
      } finally {
        agent.destroy()
        relay.kill("SIGKILL")
        upstream.close()
        folder.remove()
      }
    },
    30_000
  )

  it("says that nearly all are in use, once a minute, by a limit that may be raised meanwhile", () => {
    const told: Array<readonly [number, number]> = []
    let most = 100
    const look = watchOpenFiles(
      (open, of) => told.push([open, of]),
      () => most
    )
    const socket = (fd: number | undefined) =>
      (fd === undefined ? { _handle: null } : { _handle: { fd } }) as unknown as Socket
    for (const fd of [20, undefined, 89]) look(socket(fd))
    assert.deepStrictEqual(told, [])
    most = 1_000
    look(socket(95))
    assert.deepStrictEqual(told, [])
    look(socket(900))
    look(socket(950))
    assert.deepStrictEqual(told, [[901, 1_000]])
  })
})
