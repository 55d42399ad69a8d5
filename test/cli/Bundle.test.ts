/**
 * The command as it is published: in few files, with all that it needs in them.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { bundleCommand } from "../../scripts/bundleCommand.ts"
import { root } from "../exports/packageJson.ts"
import { temporaryFolder, writeConfiguration } from "../support/relayProcess.ts"
import { startFile } from "../support/spawnNode.ts"

describe("the command in one piece", () => {
  const folder = temporaryFolder()
  const bin = join(folder.path, "dist/bin")
  // No package can be found from there: what is not in the bundle is missing.
  const start = (...args: ReadonlyArray<string>) => startFile(join(bin, "effect-resilience.js"), args, {}, folder.path)
  const configuration = (port = 0): string =>
    writeConfiguration(folder.path, {
      server: { port },
      store: { type: "sqlite", path: join(folder.path, "relay.db") },
      channels: [{ id: "one", dialect: "openai", baseUrl: "http://127.0.0.1:9/v1", keys: [], models: ["*"] }]
    })

  beforeAll(async () => {
    await bundleCommand(bin)
    copyFileSync(join(root, "package.json"), join(folder.path, "package.json"))
  })
  afterAll(folder.remove)

  it("starts a relay with SQLite and its thread, and stops it, where no package is installed", async () => {
    const relay = start("relay", "--config", configuration())
    const banner = await relay.printed("curl -N")
    const port = /^listening on http:\/\/[^\s:]+:(\d+)/m.exec(banner)?.[1]
    // The page says what the store lacks.
    const ready = await fetch(`http://127.0.0.1:${port}/health/ready`)
    assert.strictEqual(ready.status, 200)
    const page = await fetch(`http://127.0.0.1:${port}/`)
    assert.match(await page.text(), /<html/)
    assert.match(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text(), /^# TYPE /m)
    relay.kill("SIGTERM")
    const { code, stderr } = await relay.ended
    assert.strictEqual(code, 0, stderr)
    assert.notMatch(stderr, /"level":"(warning|error|fatal)"/)
  })

  it("says what is wrong with a configuration, by its path, and the version of the package", async () => {
    writeFileSync(join(folder.path, "bad.yaml"), "channels:\n  - id: one\n    dialect: wrong\n")
    const { code, stderr } = await start("check", "bad.yaml").ended
    assert.strictEqual(code, 2)
    assert.match(stderr, /channels\[0\]\.dialect/)
    const { stdout } = await start("--version").ended
    const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { readonly version: string }
    assert.strictEqual(stdout, `${version}\n`)
  })

  it("passes on the licenses of what is in it, and is ASCII, which takes half of the memory", () => {
    const notices = readFileSync(join(bin, "THIRD-PARTY.txt"), "utf8")
    for (const name of ["effect", "yaml"]) assert.match(notices, new RegExp(`^${name} \\d`, "m"))
    for (const file of readdirSync(bin)) {
      if (file.endsWith(".js")) assert.notMatch(readFileSync(join(bin, file), "utf8"), /[^\0-\x7f]/, file)
    }
  })
})
