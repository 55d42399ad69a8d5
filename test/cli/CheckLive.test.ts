/**
 * `check --live`: what it says of channels that answer, and of those that do not.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { checkLive } from "../../src/cli/CheckLive.ts"
import { decodeConfiguration } from "#src/cli/index"
import { answer, prefillRefused, resetBeforeHeaders, status } from "../support/behaviour.ts"
import { type FaultServer, startFaultServer } from "../support/FaultServer.ts"
import { channelOf } from "../support/relay.ts"
import { commandFile, temporaryFolder, writeConfiguration } from "../support/relayProcess.ts"
import { runNode } from "../support/spawnNode.ts"

const withServer = async (run: (server: FaultServer) => Promise<void>): Promise<void> => {
  const server = await startFaultServer()
  try {
    await run(server)
  } finally {
    await server.close()
  }
}

/** What is said of channels, times left out. */
const checked = async (...channels: ReadonlyArray<object>) => {
  const found = await Effect.runPromise(
    checkLive(Result.getOrThrow(decodeConfiguration({ channels, store: { type: "memory" } }, {}, "test")))
  )
  return found.map(({ lines, ok }) => [ok, ...lines.map((line) => line.replace(/in \d+ ms/, "in N ms"))])
}

describe("check --live", () => {
  it("says what a channel can do", () =>
    withServer(async (server) => {
      assert.deepStrictEqual(await checked(channelOf("a", server.url)), [
        [true, "a: ok: m in N ms; stream: yes, usage: yes, prefill: yes, tools: yes"]
      ])
      assert.deepStrictEqual(
        server.requests.map(({ body }) => [
          body["max_tokens"],
          body["tools"] !== undefined,
          body.messages?.at(-1)?.role
        ]),
        [
          [1, false, "user"],
          [1, false, "assistant"],
          [1, true, "user"]
        ]
      )
    }))

  it("and what it cannot", () =>
    withServer(async (server) => {
      server.enqueue(answer({ usage: null }), prefillRefused, status(503))
      assert.deepStrictEqual(await checked(channelOf("a", server.url)), [
        [true, "a: ok: m in N ms; stream: yes, usage: no, prefill: no, tools: unknown (upstream_overloaded)"]
      ])
    }))

  it("says what is wrong with each key, and tells no secret", () =>
    withServer(async (server) => {
      const error = { message: "Incorrect API key provided: first-secret-key", code: "invalid_api_key" }
      server.enqueue(status(401, { body: { error } }))
      assert.deepStrictEqual(
        await checked(channelOf("a", server.url, { keys: ["first-secret-key", "second-secret-key"] })),
        [
          [
            false,
            "a: ok: m in N ms; stream: yes, usage: yes, prefill: yes, tools: yes",
            "a#0: channel:invalid_key (401): Incorrect API key provided: ***"
          ]
        ]
      )
    }))

  it("asks nothing of what has no exact model, or is off; and tells what cannot be reached", () =>
    withServer(async (server) => {
      server.enqueue(resetBeforeHeaders)
      const found = await checked(
        channelOf("a", server.url, { models: ["gpt-*"] }),
        channelOf("b", server.url, { enabled: false }),
        channelOf("c", server.url)
      )
      assert.deepStrictEqual(found.slice(0, 2), [
        [true, "a: not asked: it names no model exactly"],
        [true, "b: not asked: it is switched off (enabled: false)"]
      ])
      const [ok, line] = found[2]!
      assert.isFalse(ok)
      assert.match(String(line), /^c: do_request_failed: /)
    }))

  it("ends with 0 where all is well, 1 where a channel is not, 2 where the file is not", { timeout: 60_000 }, () =>
    withServer(async (server) => {
      const folder = temporaryFolder()
      try {
        const run = async (channel: object) => {
          const file = writeConfiguration(folder.path, { channels: [channel] })
          const { code, stderr, stdout } = await runNode(commandFile, ["check", "--live", file])
          return { code, stderr, lines: stdout.trimEnd().replaceAll(file, "FILE").split("\n") }
        }
        const well = await run(channelOf("a", server.url))
        assert.deepStrictEqual([well.code, well.stderr, well.lines[0]], [0, "", "FILE: ok"])
        assert.match(well.lines[1] ?? "", /^a: ok: m in \d+ ms; stream: yes,/)
        server.setDefault(status(401))
        const ill = await run(channelOf("a", server.url))
        assert.deepStrictEqual(
          [ill.code, ill.stderr, ...ill.lines],
          [1, "", "FILE: ok", "a: channel:invalid_key (401): status 401"]
        )
        const faulty = await run({ id: "a" })
        assert.deepStrictEqual([faulty.code, ...faulty.lines], [2, ""])
      } finally {
        folder.remove()
      }
    })
  )
})
