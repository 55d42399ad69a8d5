/**
 * An answer of a token whose relay is gone: what the token may is what the next relay's configuration says.
 */
import { DatabaseSync } from "node:sqlite"
import { assert, describe, it } from "@effect/vitest"
import { answer } from "../support/behaviour.ts"
import { startFaultServer } from "../support/FaultServer.ts"
import { channelOf, startRelay } from "../support/relay.ts"
import { temporaryFolder } from "../support/relayProcess.ts"
import { contentOf, open, read } from "../support/sse.ts"
import { streamIdOf, until } from "./kit.ts"
import { whole } from "./matrix.ts"

const alice = { name: "alice", key: "key-of-alice", models: ["m"] }
const asAlice = { authorization: "Bearer key-of-alice" }

/** A relay that alice has asked is gone, and another starts with other tokens. */
const withTokens = async (
  tokens: ReadonlyArray<object>,
  run: (world: {
    readonly url: string
    readonly id: string
    readonly shown: string
    readonly path: string
  }) => Promise<void>
): Promise<void> => {
  const folder = temporaryFolder()
  const path = `${folder.path}/relay.db`
  const server = await startFaultServer()
  const configuration = { store: { type: "sqlite", path }, channels: [channelOf("a", server.url)] }
  try {
    server.setDefault(answer({ delay: 40 }))
    const first = await startRelay({ ...configuration, tokens: [alice] })
    const live = await open(`${first.url}/chat?message=hello`, { headers: asAlice })
    await live.until(() => live.events.length >= 5)
    await first.close()
    const { events } = await live.done
    server.setDefault(answer())
    const second = await startRelay({ ...configuration, tokens })
    try {
      await run({ url: second.url, id: streamIdOf(events), shown: contentOf(events), path })
    } finally {
      await second.close()
    }
  } finally {
    await server.close()
    folder.remove()
  }
}

describe("an answer whose relay is gone goes on", () => {
  it("where its token may still ask for its model", () =>
    withTokens([alice], async ({ id, url }) => {
      const { events } = await read(`${url}/streams/${id}`, { headers: asAlice })
      assert.strictEqual(events.at(-1)?.event, "done")
      assert.strictEqual(contentOf(events), whole)
    }))

  it("and not where it may not any more: it ends as truncated, with what was shown", () =>
    withTokens([{ ...alice, models: ["gpt-5"] }], async ({ id, shown, url }) => {
      const { events } = await read(`${url}/streams/${id}`, { headers: asAlice })
      assert.deepInclude(events.at(-1)?.json, { code: "stream_truncated", recoverable: true, partial_content: shown })
    }))

  it("nor where it is gone: nobody can read it, and nothing of what it asked is kept", () =>
    withTokens([{ name: "bob", key: "key-of-bob", models: ["*"] }], async ({ id, path, url }) => {
      assert.strictEqual((await read(`${url}/streams/${id}`, { headers: asAlice })).status, 401)
      const asBob = await read(`${url}/streams/${id}`, { headers: { authorization: "Bearer key-of-bob" } })
      assert.strictEqual(asBob.status, 404)
      await until(() => {
        const database = new DatabaseSync(path, { readOnly: true })
        const { live } = database.prepare("SELECT count(*) AS live FROM live").get() as { readonly live: number }
        database.close()
        return live === 0
      })
    }))

  it("nor where there are no tokens any more: it was somebody's", () =>
    withTokens([], async ({ id, path, url }) => {
      assert.strictEqual((await read(`${url}/streams/${id}`)).status, 404)
      await until(() => {
        const database = new DatabaseSync(path, { readOnly: true })
        const { live } = database.prepare("SELECT count(*) AS live FROM live").get() as { readonly live: number }
        database.close()
        return live === 0
      })
    }))
})
