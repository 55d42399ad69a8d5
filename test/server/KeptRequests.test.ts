/**
 * What of a request is in the store, and for how long: what its client said, until its answer is over; never who sent it.
 */
import { readdirSync, readFileSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { assert, describe, it } from "@effect/vitest"
import { answer } from "../support/behaviour.ts"
import { startFaultServer } from "../support/FaultServer.ts"
import { channelOf, startRelay } from "../support/relay.ts"
import { temporaryFolder } from "../support/relayProcess.ts"
import { open } from "../support/sse.ts"
import { completion } from "./kit.ts"

const prompt = "the-prompt-of-alice-and-nobody-else"
const key = "the-idempotency-key-of-alice"
const token = { name: "alice", key: "the-token-of-alice", models: ["*"] }
const upstreamKey = "sk-the-key-of-an-upstream"

/** What all rows of all tables say. */
const rowsOf = (path: string): string => {
  const database = new DatabaseSync(path, { readOnly: true })
  const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all()
  const rows = tables.flatMap(({ name }) => database.prepare(`SELECT * FROM "${String(name)}"`).all())
  database.close()
  return JSON.stringify(rows)
}

/** All bytes of the store, once it is closed. */
const bytesOf = (folder: string): string =>
  readdirSync(folder)
    .map((file) => readFileSync(`${folder}/${file}`, "latin1"))
    .join("")

const asking = async (
  journal: { readonly storeRequests?: boolean; readonly onRestart?: string },
  look: (path: string, when: "during" | "after") => void
): Promise<string> => {
  const folder = temporaryFolder()
  const path = `${folder.path}/relay.db`
  const server = await startFaultServer()
  server.setDefault(answer({ delay: 30 }))
  const relay = await startRelay({
    store: { type: "sqlite", path },
    journal,
    tokens: [token],
    timeouts: { headers: "10 seconds", firstContent: "10 seconds", idle: "10 seconds" },
    channels: [channelOf("a", server.url, { keys: [upstreamKey] })]
  })
  try {
    const live = await open(`${relay.url}/v1/chat/completions`, {
      body: completion({ messages: [{ role: "user", content: prompt }] }),
      headers: { authorization: `Bearer ${token.key}`, "idempotency-key": key }
    })
    await live.until(() => live.events.length >= 3)
    look(path, "during")
    assert.strictEqual((await live.done).status, 200)
    look(path, "after")
    await relay.close()
    return bytesOf(folder.path)
  } finally {
    await relay.close()
    await server.close()
    folder.remove()
  }
}

describe("what a client asked", () => {
  it("is in the store while its answer is written, and in no row and no byte when it is over", async () => {
    const seen: Array<boolean> = []
    const bytes = await asking({}, (path, when) => {
      const rows = rowsOf(path)
      seen.push(rows.includes(prompt))
      assert.include(rows, "alice", when)
      for (const secret of [key, token.key, upstreamKey]) assert.notInclude(rows, secret, when)
    })
    assert.deepStrictEqual(seen, [true, false])
    for (const secret of [prompt, key, token.key, upstreamKey]) assert.notInclude(bytes, secret)
  })

  it("is never in it with storeRequests: false", async () => {
    const bytes = await asking({ storeRequests: false, onRestart: "fail" }, (path, when) => {
      assert.notInclude(rowsOf(path), prompt, when)
    })
    assert.notInclude(bytes, prompt)
  })
})
