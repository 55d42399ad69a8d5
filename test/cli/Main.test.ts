import { assert, describe, it } from "@effect/vitest"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import type { AddressInfo } from "node:net"
import { DatabaseSync } from "node:sqlite"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll } from "vitest"
import { cut } from "../support/behaviour.ts"
import { startFaultServer } from "../support/FaultServer.ts"
import { commandFile } from "../support/relayProcess.ts"
import { runNode, startNode } from "../support/spawnNode.ts"
import { contentOf, open, read } from "../support/sse.ts"
import { textOf, words } from "../support/upstreamText.ts"
import packageJson from "../../package.json" with { type: "json" }

const folder = mkdtempSync(join(tmpdir(), "cli-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const file = (name: string, content: unknown): string => {
  const path = join(folder, name)
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content))
  return path
}
const configuration = (baseUrl: string, rest: { readonly [key: string]: unknown } = {}) => ({
  server: { port: 0 },
  store: { type: "memory" },
  channels: [{ id: "primary", dialect: "openai", baseUrl, keys: ["${KEY}"], models: ["gpt-5", "${KEY}-*"] }],
  ...rest
})
const environment = { KEY: "sk-hunter2" }

describe("without running a relay", () => {
  it("a usage fault is one line, then the usage, on stderr", async () => {
    const { code, stdout, stderr } = await runNode(commandFile, ["relya"])
    assert.deepStrictEqual([code, stdout], [2, ""])
    assert.match(stderr, /^effect-resilience: unknown command relya, did you mean relay\?\n\nUsage:\n/)
  })

  it("what nobody caught is one log line, redacted, and exit code 1", async () => {
    const { code, stdout, stderr } = await runNode("test/cli/crash.ts")
    assert.deepStrictEqual([code, stdout], [1, ""])
    assert.deepInclude(JSON.parse(stderr), { level: "fatal", event: "relay_crashed", code: "internal_error" })
    assert.notInclude(stderr, "sk-hunter2")
    assert.notInclude(stderr, "quiet-river", "S5: what is known to be secret, whatever it looks like")
  })

  it("S19: what Node warns of is a log line, redacted, and that it finds a module experimental is none", async () => {
    const { code, stderr, stdout } = await startNode("test/cli/warns.ts", [], {}, undefined, []).ended
    assert.deepStrictEqual([code, stdout], [0, ""])
    const lines = stderr.trim().split("\n")
    assert.lengthOf(lines, 1)
    const line = JSON.parse(lines[0]!)
    assert.deepInclude(line, { level: "warning", event: "relay_log" })
    assert.match(line.error, /^MaxListenersExceededWarning: something of /)
    assert.notInclude(stderr, "hunter2")
    assert.notInclude(stderr, "quiet-river", "S5: what is known to be secret, whatever it looks like")
  })

  it("--help and --version print to stdout", async () => {
    const [help, version, inCommand] = await Promise.all([
      runNode(commandFile, ["--help"]),
      runNode(commandFile, ["--version"]),
      runNode(commandFile, ["relay", "--help"])
    ])
    assert.deepStrictEqual([help.code, version.code, inCommand.code], [0, 0, 0])
    assert.include(help.stdout, "effect-resilience relay --config FILE")
    assert.strictEqual(inCommand.stdout, help.stdout)
    assert.strictEqual(version.stdout, `${packageJson.version}\n`)
  })

  it("check says ok, or every fault, one a line", async () => {
    const good = file("good.json", configuration("http://localhost:1/v1"))
    const bad = file(
      "bad.yaml",
      `server: { prt: 1, host: 0.0.0.0 }
channels:
  - { id: A, dialect: openai, baseUrl: x, keys: ["\${NONE}"], models: [] }
`
    )
    const [fine, refused, relay, none] = await Promise.all([
      runNode(commandFile, ["check", good], environment),
      runNode(commandFile, ["check", bad], { PORT: "x" }),
      runNode(commandFile, ["relay", "--config", bad], { PORT: "x" }),
      runNode(commandFile, ["check", join(folder, "none.yaml")])
    ])
    assert.deepStrictEqual(fine, { code: 0, signal: null, stdout: `${good}: ok\n`, stderr: "" })
    assert.strictEqual(refused.code, 2)
    assert.strictEqual(refused.stdout, "")
    assert.deepStrictEqual(
      refused.stderr.split("\n"),
      [
        'PORT: expected an integer from 0 to 65535, got "x"',
        'channels[0].baseUrl: expected a URL, got "x"',
        'channels[0].id: expected an id of a-z, 0-9 and -, 1 to 64 characters, got "A"',
        "channels[0].keys[0]: the environment variable NONE is not set",
        "channels[0].models: expected a list of at least one model or pattern, got an empty list",
        'server.host: expected a loopback host (127.0.0.0/8, ::1, localhost), as there are no tokens, got "0.0.0.0"',
        'server.prt: unknown key, did you mean "port"?'
      ]
        .map((line) => `${bad}: ${line}`)
        .concat("")
    )
    assert.deepStrictEqual(relay, refused)
    assert.deepStrictEqual([none.code, none.stderr], [2, `${join(folder, "none.yaml")}: no such file\n`])
  })

  it("schema prints a JSON Schema", async () => {
    const { code, stdout, stderr } = await runNode(commandFile, ["schema"])
    assert.deepStrictEqual([code, stderr], [0, ""])
    assert.strictEqual(JSON.parse(stdout).$schema, "https://json-schema.org/draft/2020-12/schema")
  })
})

describe("relay", () => {
  it("shows a banner without secrets, serves, and ends by SIGTERM with 0", async () => {
    const upstream = await startFaultServer()
    const path = file("relay.json", configuration(upstream.url))
    const relay = startNode(commandFile, ["relay", "--config", path], environment)
    const banner = await relay.printed("curl -N")
    assert.include(banner, `effect-resilience ${packageJson.version}`)
    assert.match(banner, /primary {2}openai {2}gpt-5, <redacted>-\*/)
    assert.notInclude(banner, "hunter2")
    const url = /'(http:\/\/localhost:\d+\/chat\?message=hello)'/.exec(banner)?.[1] ?? ""
    assert.strictEqual(contentOf((await read(url)).events), textOf(words))
    assert.strictEqual(upstream.requests[0]?.headers.authorization, "Bearer sk-hunter2")
    relay.kill("SIGTERM")
    const { code, stderr, stdout } = await relay.ended
    assert.strictEqual(code, 0)
    assert.strictEqual(stdout, banner)
    for (const line of stderr.trim().split("\n")) assert.isString(JSON.parse(line).event)
    assert.notInclude(stderr, "hunter2")
    await upstream.close()
  })

  it("says that a port is taken", async () => {
    const taken = createServer()
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve))
    const { port } = taken.address() as AddressInfo
    const path = file("taken.json", configuration("http://localhost:1"))
    const { code, stderr, stdout } = await runNode(commandFile, ["relay", "--config", path], {
      ...environment,
      PORT: String(port)
    })
    assert.deepStrictEqual([code, stdout], [1, ""])
    assert.strictEqual(stderr, `port ${port} on 127.0.0.1 is taken\n`)
    taken.close()
  })

  it("says that a store cannot be opened", async () => {
    const path = file("store.json", configuration("http://localhost:1", { store: { path: folder } }))
    const { code, stderr, stdout } = await runNode(commandFile, ["relay", "--config", path], environment)
    assert.deepStrictEqual([code, stdout], [1, ""])
    assert.include(stderr, folder)
  })

  it.each([
    ["another program's", "CREATE TABLE bookmark (url TEXT)", /is the database of another program/],
    ["without tables", "PRAGMA user_version = 1", /has a version and no tables/],
    [
      "ours without tables",
      "PRAGMA application_id = 0x45524a31; PRAGMA user_version = 2",
      /has a version and no tables/
    ],
    [
      "ours without one of them",
      "CREATE TABLE stream (key INTEGER); PRAGMA application_id = 0x45524a31; PRAGMA user_version = 2",
      /is damaged \(no such .*\): restore it/
    ],
    ["no database", undefined, /is not a (SQLite )?database/]
  ])("S16: says so in a sentence where the store is %s", async (name, sql, said) => {
    const store = join(folder, `${name.replace(/\W/g, "-")}.db`)
    if (sql === undefined) writeFileSync(store, "hunter2 ".repeat(1000))
    else {
      const database = new DatabaseSync(store)
      database.exec(sql)
      database.close()
    }
    const path = file("wrong-store.json", configuration("http://localhost:1", { store: { path: store } }))
    const { code, stderr, stdout } = await runNode(commandFile, ["relay", "--config", path], environment)
    assert.deepStrictEqual([code, stdout], [1, ""])
    assert.match(stderr, said)
    assert.include(stderr, store)
    assert.lengthOf(stderr.trim().split("\n"), 1)
    assert.notInclude(stderr, "hunter2")
  })

  it("S16: says so in a sentence where the store's folder is a file", async () => {
    writeFileSync(join(folder, "no-folder"), "")
    const store = join(folder, "no-folder", "relay.db")
    const path = file("no-folder.json", configuration("http://localhost:1", { store: { path: store } }))
    const { code, stderr } = await runNode(commandFile, ["relay", "--config", path], environment)
    assert.strictEqual(code, 1)
    assert.strictEqual(
      stderr.trim(),
      `the store at ${store} cannot be opened: its folder or file may not be used, or is none`
    )
  })

  const stalled = async (name: string, shutdownGrace: string) => {
    const upstream = await startFaultServer({ default: cut(3, "stall") })
    const path = file(name, configuration(upstream.url, { server: { port: 0, shutdownGrace } }))
    const relay = startNode(commandFile, ["relay", "--config", path], environment)
    const banner = await relay.printed("curl -N")
    const live = await open(/'(http:.*)'/.exec(banner)?.[1] ?? "")
    await live.until(({ event }) => event === "message")
    return { relay, upstream, live }
  }

  it("ends with 1 when its grace has run out", async () => {
    const { relay, upstream } = await stalled("grace.json", "300 millis")
    relay.kill("SIGINT")
    assert.strictEqual((await relay.ended).code, 1)
    await upstream.close()
  })

  it("ends at once by a second signal", async () => {
    const { relay, upstream, live } = await stalled("second.json", "10 minutes")
    relay.kill("SIGTERM")
    // The first signal is taken in when the reader is let go; the same one at once would be its echo.
    await live.done
    relay.kill("SIGINT")
    assert.strictEqual((await relay.ended).code, 1)
    await upstream.close()
  })
})
