import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { loadConfiguration } from "effect-resilience/cli"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { answerTo } from "../examples/simulated/Answer.ts"
import { startNode } from "./support/spawnNode.ts"
import { contentOf, read } from "./support/sse.ts"

const example = (name: string): string => fileURLToPath(new URL(`../examples/${name}`, import.meta.url))

describe("relay.yaml", () => {
  it("is a configuration without fault", async () => {
    const names = ["OPENAI_API_KEY", "OPENAI_API_KEY_2", "OTHER_API_KEY", "TEAM_TOKEN", "OPS_TOKEN"]
    const environment = Object.fromEntries(names.map((name) => [name, `value-of-${name}`]))
    const { options } = await Effect.runPromise(loadConfiguration(example("relay.yaml"), environment))
    assert.deepStrictEqual(
      options.channels.map(({ id, modelMapping }) => [id, modelMapping.length]),
      [
        ["openai", 0],
        ["other", 2],
        ["local", 1]
      ]
    )
  })
})

describe("start.ts", () => {
  it("gives whole answers whatever its channels do, and ends by a signal with 0", { timeout: 60_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), "start-"))
    const start = startNode("examples/start.ts", [], { PORT: "0", PACE: "300" }, folder)
    const banner = await start.printed("Ctrl-C")
    const url = /'(http:\/\/localhost:\d+)\/chat\?message=hello'/.exec(banner)?.[1] ?? ""
    const failovers: Array<unknown> = []
    for (const question of ["hello", "Warum?", "hello", "ok", "ok", "ok", "ok", "last"]) {
      const { events } = await read(`${url}/chat?message=${encodeURIComponent(question)}`)
      assert.strictEqual(contentOf(events), answerTo(question))
      assert.strictEqual(events.at(-1)?.event, "done")
      failovers.push(events.find(({ event }) => event === "failover")?.json?.["from"])
    }
    // The first breaks off, the third falls silent; the rest is up to what the relay thinks of that channel by then.
    assert.deepStrictEqual(failovers.slice(0, 4), ["shaky", undefined, "shaky", undefined])
    const mock = await read(`${url}/chat?message=hello&model=aimock`)
    assert.strictEqual(contentOf(mock.events), answerTo("hello"))
    start.kill("SIGINT")
    assert.strictEqual((await start.ended).code, 0)
    rmSync(folder, { recursive: true, force: true })
  })
})
