import { execFile } from "node:child_process"
import { promisify } from "node:util"
import { assert, describe, it } from "@effect/vitest"

describe("what a relay loads", () => {
  it("holds nothing of Node's own fetch, which costs 40 ms of each start", { timeout: 60_000 }, async () => {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [
        "--disable-warning=ExperimentalWarning",
        "--conditions=effect-resilience-source",
        "--input-type=module",
        "--eval",
        `await import("effect-resilience/relay")
         const loaded = process.moduleLoadList.map((one) => one.split(" ").at(-1))
         console.log(JSON.stringify([loaded.includes("_http_server"), loaded.filter((one) => one.includes("undici"))]))`
      ],
      { cwd: new URL("../..", import.meta.url).pathname, env: { ...process.env, NODE_OPTIONS: "" } }
    )
    assert.deepStrictEqual(JSON.parse(stdout), [true, []])
  })
})
