/**
 * A relay that dies behind a finish that was not the last: an answer is completed without an upstream only where its end is
 * known.
 */
import { assert, describe, it } from "@effect/vitest"
import { channelOf, startRelay } from "../support/relay.ts"
import { temporaryFolder } from "../support/relayProcess.ts"
import { contentOf, open, read } from "../support/sse.ts"
import { chunk, ending, finished, startWireUpstream, streaming } from "../support/wireUpstream.ts"
import { sleep, streamIdOf } from "./kit.ts"

/** What some proxies write: a finish on every chunk. */
const finishing = (content: string): string => chunk(content).replace('"finish_reason":null', '"finish_reason":"stop"')

/** Kills a relay when its client has so many events, and reads the answer from the one after it. */
const dying = async (first: ReadonlyArray<string>, events: number) => {
  const folder = temporaryFolder()
  const upstream = await startWireUpstream(async ({ response }, number) => {
    streaming(response)
    if (number > 0) return void response.end(`${chunk(" a time.")}${ending}`)
    for (const text of first) {
      response.write(text)
      await sleep(30)
    }
  })
  const configuration = {
    store: { type: "sqlite", path: `${folder.path}/relay.db` },
    channels: [channelOf("a", upstream.url)],
    timeouts: { headers: "5 seconds", firstContent: "5 seconds", idle: "5 seconds", total: "30 seconds" }
  }
  try {
    const before = await startRelay(configuration)
    const live = await open(`${before.url}/chat?message=hello`)
    await live.until(() => live.events.length >= events)
    await sleep(60)
    await before.close()
    const shown = await live.done
    const after = await startRelay(configuration)
    const rest = await read(`${after.url}/streams/${streamIdOf(shown.events)}`)
    await after.close()
    return { rest, calls: upstream.calls.length }
  } finally {
    await upstream.close()
    folder.remove()
  }
}

describe("a relay that dies behind a finish", () => {
  it("that came alone: the answer is completed, and nobody is asked", async () => {
    const { calls, rest } = await dying([chunk("Once upon"), finished], 2)
    assert.strictEqual(calls, 1)
    assert.strictEqual(contentOf(rest.events), "Once upon")
    assert.deepInclude(rest.events.at(-1)?.json, { full_content: "Once upon", finish_reason: "stop" })
  })

  it("that content has followed: it goes on, and is not taken for whole", async () => {
    const { calls, rest } = await dying([chunk("Once"), finished, chunk(" upon")], 3)
    assert.strictEqual(calls, 2)
    assert.strictEqual(contentOf(rest.events), "Once upon a time.")
    assert.strictEqual(rest.events.at(-1)?.event, "done")
  })

  it("that stands on every chunk: it goes on, and is not taken for whole", async () => {
    const { calls, rest } = await dying([finishing("Once"), finishing(" upon")], 3)
    assert.strictEqual(calls, 2)
    assert.strictEqual(contentOf(rest.events), "Once upon a time.")
    assert.strictEqual(rest.events.at(-1)?.event, "done")
  })
})
