/**
 * The relay's process is stopped for a while (SIGSTOP, as a debugger, a frozen container or a machine that sleeps does it):
 * what was said to it meanwhile is read, and no channel is blamed for its silence.
 */
import { assert, describe, it } from "@effect/vitest"
import { setTimeout as sleep } from "node:timers/promises"
import { channelOf } from "../support/relay.ts"
import { logOf, startRelayProcess, temporaryFolder, writeConfiguration } from "../support/relayProcess.ts"
import { contentOf, open } from "../support/sse.ts"
import { chunk, ending, startWireUpstream, streaming, type WireCall } from "../support/wireUpstream.ts"

const said = ["all ", "of ", "this ", "was ", "said."]

/** Says a word at a time; before one of them, or before its head, it is silent for longer. */
const speak = async ({ response }: WireCall, silentBefore: number, silentMillis: number): Promise<void> => {
  if (silentBefore === 0) await sleep(silentMillis)
  streaming(response)
  for (const [at, word] of said.entries()) {
    await sleep(at > 0 && at === silentBefore ? silentMillis : 300)
    response.write(chunk(word))
  }
  response.end(ending)
}

const stopMillis = 4000

const short = { headers: "2 seconds", firstContent: "2 seconds", idle: "2 seconds" }

/** Asks, stops the relay when that is due, and gives what came of it. */
const stopped = async (silentBefore: number, silentMillis: number, settings: object = { timeouts: short }) => {
  const folder = temporaryFolder()
  const wire = await startWireUpstream((call) => void speak(call, silentBefore, silentMillis))
  const other = await startWireUpstream((call) => void speak(call, 0, 0))
  const relay = await startRelayProcess(
    writeConfiguration(folder.path, {
      server: { port: 0 },
      store: { type: "memory" },
      ...settings,
      channels: [
        channelOf("wire", wire.url, { models: ["m"], priority: 1 }),
        channelOf("other", other.url, { models: ["m"] })
      ]
    })
  )
  try {
    const live = await open(`${relay.url}/chat?message=hello&model=m`)
    const words = () => live.events.filter(({ event }) => event === "message").length
    while (wire.calls.length === 0 || words() < silentBefore) await sleep(10)
    relay.kill("SIGSTOP")
    await sleep(stopMillis)
    relay.kill("SIGCONT")
    const { ended, events } = await live.done
    relay.kill("SIGTERM")
    const log = logOf(await relay.ended)
    return { ended, events, log, calls: wire.calls.length, others: other.calls.length }
  } finally {
    relay.kill("SIGKILL")
    await Promise.all([relay.ended, wire.close(), other.close()])
    folder.remove()
  }
}

describe("S19: a relay that was stopped for longer than its clocks", { timeout: 60_000 }, () => {
  it.each([
    ["just after it has asked; the answer came meanwhile", 0, 600],
    ["just after it has asked; the answer comes a moment later", 0, stopMillis + 400],
    ["between two words; the next one comes a moment later", 2, stopMillis + 400]
  ] as const)("S19: %s: it is whole, nobody else is asked, nobody is blamed", async (_, silentBefore, silentMillis) => {
    const { calls, ended, events, log, others } = await stopped(silentBefore, silentMillis)
    assert.strictEqual(ended, "complete")
    assert.strictEqual(contentOf(events), said.join(""))
    assert.deepStrictEqual([calls, others], [1, 0])
    assert.notInclude(
      log.map(({ event }) => event),
      "attempt_failed"
    )
  })

  it("S19, R28: its channel was not silent so long, and nobody is asked beside it", async () => {
    const { calls, ended, events, others } = await stopped(0, stopMillis + 400, { retry: { hedgeAfter: "2 seconds" } })
    assert.strictEqual(ended, "complete")
    assert.strictEqual(contentOf(events), said.join(""))
    assert.deepStrictEqual([calls, others], [1, 0])
  })
})
