/**
 * `doctor`, and what a process does with what nobody caught.
 */
import { assert, describe, it } from "@effect/vitest"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll } from "vitest"
import { answer, status } from "../support/behaviour.ts"
import { startFaultServer } from "../support/FaultServer.ts"
import { channelOf } from "../support/relay.ts"
import { commandFile, startRelayProcess } from "../support/relayProcess.ts"
import { runNode } from "../support/spawnNode.ts"
import { read } from "../support/sse.ts"
import { completion, until } from "../server/kit.ts"

const folder = mkdtempSync(join(tmpdir(), "doctor-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const configuration = (name: string, channels: ReadonlyArray<object>, rest: object = {}): string => {
  const path = join(folder, name)
  writeFileSync(
    path,
    JSON.stringify({
      server: { port: 0 },
      store: { type: "sqlite", path: join(folder, "relay.db") },
      retry: { times: 1, base: "10 millis" },
      channels,
      ...rest
    })
  )
  return path
}

// Each starts several processes.
describe("doctor", { timeout: 90_000 }, () => {
  it("tells a request's story while the relay runs, and 1 of what nobody knows", async () => {
    const [a, b] = await Promise.all([startFaultServer(), startFaultServer()])
    const file = configuration("relay.json", [
      channelOf("primary", a.url, { priority: 1 }),
      channelOf("backup", b.url, { priority: 0 })
    ])
    const relay = await startRelayProcess(file)
    try {
      a.enqueue(
        status(401, {
          headers: { "x-request-id": "req_up" },
          body: { error: { message: "Incorrect API key", type: "invalid_request_error", code: "invalid_api_key" } }
        })
      )
      b.enqueue(status(503), answer())
      for (const id of ["ticket-1", "ticket-2"]) {
        await read(`${relay.url}/v1/chat/completions`, {
          method: "POST",
          headers: { "content-type": "application/json", "x-request-id": id },
          body: JSON.stringify(completion())
        })
      }
      await until(async () => {
        const { text } = await read(`${relay.url}/admin/errors?request_id=ticket-1&kind=request`)
        return text.includes("ticket-1")
      })
      const told = await runNode(commandFile, ["doctor", "ticket-1", "--config", file])
      assert.strictEqual(told.code, 0, told.stderr)
      for (const part of [
        /^request ticket-1, \d{4}-/,
        /attempt 1: primary, key 0, as m\n.*failed after .*: credential, channel:invalid_key \(answered 401 invalid_api_key\)/,
        /it said: Incorrect API key/,
        /its id of the request: req_up/,
        /attempt 2: backup, key 0, as m/,
        /ended after .*the client was told \d{3}/,
        /nothing was shown/,
        /What to do: /
      ]) {
        assert.match(told.stdout, part)
      }
      const unknown = await runNode(commandFile, ["doctor", "ticket-9", "--config", file])
      assert.deepStrictEqual([unknown.code, unknown.stdout], [1, ""])
      assert.match(unknown.stderr, /^nothing is known of the request ticket-9\n/)
    } finally {
      relay.kill("SIGTERM")
      await relay.ended
      await Promise.all([a.close(), b.close()])
    }
  })

  it("makes no books where there are none, and says where the others are", async () => {
    const channels = [channelOf("primary", "http://127.0.0.1:9")]
    const none = await runNode(commandFile, [
      "doctor",
      "r",
      "--config",
      configuration("none.json", channels, { books: { path: join(folder, "nowhere", "books.db") } })
    ])
    assert.strictEqual(none.code, 1)
    assert.match(none.stderr, /there are no books at .*nowhere/)
    const memory = await runNode(commandFile, [
      "doctor",
      "r",
      "--config",
      configuration("memory.json", channels, { books: { type: "memory" } })
    ])
    assert.strictEqual(memory.code, 1)
    assert.match(memory.stderr, /GET \/admin\/requests\/REQUEST_ID/)
  })

  it("a tracker whose package is not installed is a fault with its path", async () => {
    const file = configuration("sentry.json", [channelOf("primary", "http://127.0.0.1:9")], {
      tracker: { type: "sentry", dsn: "https://key@sentry.example/1" }
    })
    const { code, stderr } = await runNode(commandFile, ["check", file])
    assert.strictEqual(code, 2)
    assert.strictEqual(
      stderr,
      `${file}: tracker.type: sentry needs the package @sentry/node, which is not installed: npm install @sentry/node\n`
    )
  })
})

describe("what nobody caught", () => {
  it("is a line of the log: a process lives on after a rejection, and ends in order after an exception", async () => {
    const { code, stderr, stdout } = await runNode("test/cli/uncaught.ts")
    assert.strictEqual(stdout, "it lives on\nand ends in order\n")
    assert.strictEqual(code, 1)
    const lines = stderr
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { readonly level: string; readonly event: string })
    assert.deepStrictEqual(
      lines.map(({ event, level }) => [level, event]),
      [
        ["error", "relay_error"],
        ["fatal", "relay_crashed"]
      ]
    )
    assert.notInclude(stderr, "sk-hunter2")
  })
})
