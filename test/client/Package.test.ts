/**
 * The package for front ends, as npm would publish it.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { execFileSync } from "node:child_process"
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { buildClient } from "../../scripts/buildClient.ts"
import { temporaryFolder } from "../support/relayProcess.ts"

describe("effect-resilience-client, packed", () => {
  const folder = temporaryFolder()
  const unpacked = join(folder.path, "package")
  beforeAll(async () => {
    const built = join(folder.path, "built")
    await buildClient(built)
    const file = execFileSync("npm", ["pack", "--silent", "--pack-destination", folder.path], { cwd: built }).toString()
    execFileSync("tar", ["-xzf", join(folder.path, file.trim()), "-C", folder.path])
  }, 60_000)
  afterAll(folder.remove)

  it("has all that its entries import, and nothing that is no part of it", () => {
    const files = readdirSync(unpacked).sort()
    assert.includeMembers(files, ["LICENSE", "README.md", "index.js", "package.json", "react.js", "types"])
    for (const file of files) {
      if (!file.endsWith(".js")) continue
      const code = readFileSync(join(unpacked, file), "utf8")
      for (const [, other] of code.matchAll(/from"\.\/([^"]+)"/g)) assert.include(files, other, file)
      for (const [, other] of code.matchAll(/from"([^"./][^"]*)"/g))
        assert.include(["react", "react/jsx-runtime"], other)
    }
  })

  it("is imported by Node, with nothing else there", () => {
    const program = join(folder.path, "program.mjs")
    writeFileSync(
      program,
      `import { RetryStreamingClient } from "./package/index.js"
       const client = new RetryStreamingClient("http://127.0.0.1:9/chat", { maxRetries: 0 })
       client.on("fatal", (message) => console.log("fatal:", message))
       client.connect({ message: "hello" })`
    )
    assert.match(execFileSync(process.execPath, [program]).toString(), /^fatal: /)
  })
})
