/**
 * The lines in `docs/operations/reading-logs.md` are what a relay printed: three nights are played to one that runs in a
 * process of its own, and what it prints has the fields and the words of the page.
 *
 * `UPDATE=1 vitest run test/docs/readingLogs.test.ts` writes the lines anew.
 */
import { assert, describe, it } from "@effect/vitest"
import { execFileSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { answer, cut, headersOnly, status } from "../support/behaviour.ts"
import { type FaultServer, startFaultServer } from "../support/FaultServer.ts"
import type { LogLine } from "../support/log.ts"
import { channelOf } from "../support/relay.ts"
import { logOf, startRelayProcess, temporaryFolder, writeConfiguration } from "../support/relayProcess.ts"
import { read } from "../support/sse.ts"
import { completion } from "../server/kit.ts"

const page = new URL("../../docs/operations/reading-logs.md", import.meta.url)

/** What is another each time. */
const volatile: ReadonlySet<string> = new Set([
  "timestamp",
  "stream_id",
  "duration",
  "elapsed_ms",
  "first_content_ms",
  "tokens_per_second",
  "port"
])

/** A line without what is another each time: its fields, and the values of those that are not. */
const lasting = (line: LogLine): string =>
  JSON.stringify(line, (name, value: unknown) =>
    volatile.has(name) ? typeof value : typeof value === "string" ? value.replace(/ in [\d.]+ m?s,/, " in … s,") : value
  )

const canLimit = ((): boolean => {
  try {
    execFileSync("prlimit", ["--version"])
    return true
  } catch {
    return false
  }
})()

interface Night {
  readonly name: string
  readonly play: (world: World) => Promise<void>
}

interface World {
  readonly a: FaultServer
  readonly b: FaultServer
  readonly pid: number
  readonly url: string
  readonly ask: (id: string) => Promise<unknown>
}

const words = ["The", " relay", " goes", " on", " until", " the", " end."]

const nights: ReadonlyArray<Night> = [
  {
    name: "a key that died",
    play: async ({ a, ask }) => {
      a.enqueue(
        status(401, {
          headers: { "x-request-id": "req_7d31" },
          body: {
            error: {
              message: "Incorrect API key provided: key-of-primary. You can find your API key in your account.",
              type: "invalid_request_error",
              param: null,
              code: "invalid_api_key"
            }
          }
        })
      )
      await ask("ticket-4711")
      await ask("ticket-4712")
    }
  },
  {
    name: "an upstream that stalls",
    play: async ({ a, ask }) => {
      a.enqueue(headersOnly(), cut(3, "stall", { words }))
      await ask("ticket-4713")
      await ask("ticket-4714")
    }
  },
  {
    name: "a store that filled up",
    play: async ({ ask, pid, url }) => {
      execFileSync("prlimit", ["--pid", String(pid), "--fsize=1:unlimited"])
      await ask("ticket-4715")
      const { text } = await read(`${url}/health/ready`)
      assert.include(text, '"reason":"store"')
      execFileSync("prlimit", ["--pid", String(pid), "--fsize=unlimited"])
      await ask("ticket-4716")
      assert.strictEqual((await read(`${url}/health/ready`)).status, 200)
    }
  }
]

const playNight = async ({ play }: Night): Promise<ReadonlyArray<LogLine>> => {
  const folder = temporaryFolder()
  const [a, b] = await Promise.all([startFaultServer(), startFaultServer()])
  for (const server of [a, b]) server.setDefault(answer({ words }))
  const file = writeConfiguration(folder.path, {
    server: { port: 0, shutdownGrace: "2 seconds" },
    store: { type: "sqlite", path: `${folder.path}/relay.db` },
    // On the same disk they would fill up too, and say so when they are next written.
    books: { type: "memory" },
    timeouts: { firstContent: "1 second", idle: "1 second" },
    tokens: [{ name: "support-desk", key: "${TOKEN}" }],
    channels: [channelOf("primary", a.url, { priority: 1 }), channelOf("backup", b.url)]
  })
  const relay = await startRelayProcess(file, { TOKEN: "a-token-of-the-desk" })
  const ask = (id: string) =>
    read(`${relay.url}/v1/chat/completions`, {
      headers: { authorization: "Bearer a-token-of-the-desk", "x-request-id": id },
      body: completion()
    }).catch((error: unknown) => error)
  try {
    await play({ a, b, pid: relay.pid, url: relay.url, ask })
  } finally {
    relay.kill("SIGTERM")
  }
  const { stderr, ...end } = await relay.ended
  const lines = logOf({ ...end, stderr: stderr.replaceAll(folder.path, "/var/lib/relay") })
  await Promise.all([a.close(), b.close()])
  folder.remove()
  return lines.filter(({ event }) => !/^relay_(started|stopping|stopped)$/.test(event))
}

const block = (name: string): RegExp => new RegExp(`(<!-- night: ${name} -->\n\n\`\`\`json\n)([^]*?)(\`\`\`)`)

describe.runIf(canLimit).each(nights)("the night of $name", (night) => {
  it("went as the page tells it", async () => {
    const lines = await playNight(night)
    const text = readFileSync(page, "utf8")
    const found = block(night.name).exec(text)
    assert.isNotNull(found, "the page has a block for it")
    if (process.env["UPDATE"] === "1") {
      const printed = lines.map((line) => `${JSON.stringify(line)}\n`).join("")
      writeFileSync(
        page,
        text.replace(block(night.name), (_, before: string, _lines, after: string) => before + printed + after)
      )
      return
    }
    const told = found![2]!
      .trim()
      .split("\n")
      .map((line) => lasting(JSON.parse(line) as LogLine))
    assert.deepEqual(lines.map(lasting), told)
  })
})
