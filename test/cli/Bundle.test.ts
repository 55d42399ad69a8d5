/**
 * The command as it is published: in few files, with all that it needs in them.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { bundleCommand, withBuiltinsCalled } from "../../scripts/bundleCommand.ts"
import { root } from "../exports/packageJson.ts"
import { temporaryFolder, writeConfiguration } from "../support/relayProcess.ts"
import { startFile } from "../support/spawnNode.ts"

describe("the command in one piece", () => {
  const folder = temporaryFolder()
  const bin = join(folder.path, "dist/bin")
  // No package can be found from there: what is not in the bundle is missing.
  const startWith = (environment: { readonly [name: string]: string }, ...args: ReadonlyArray<string>) =>
    startFile(join(bin, "effect-resilience.js"), args, environment, folder.path)
  const start = (...args: ReadonlyArray<string>) => startWith({}, ...args)
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

  it("keeps what it has compiled where the user's programs do, also when it is killed, and does the same without", async () => {
    const home = join(folder.path, "home")
    mkdirSync(home)
    const environment = { HOME: home, NODE_COMPILE_CACHE: "" }
    const kept = join(home, ".cache/effect-resilience")
    // In a folder of the version of Node, which is there before anything is in it.
    const files = (): ReadonlyArray<string> =>
      existsSync(kept)
        ? readdirSync(kept, { recursive: true }).flatMap((file) =>
            dirname(String(file)) === "." ? [] : [String(file)]
          )
        : []
    const relay = startWith(environment, "relay", "--config", configuration())
    await relay.printed("curl -N")
    // At its first rest, some two seconds after.
    for (let waited = 0; files().length === 0 && waited < 30_000; waited += 100) await sleep(100)
    relay.kill("SIGKILL")
    await relay.ended
    assert.isNotEmpty(files())
    const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { readonly version: string }
    const elsewhere = join(folder.path, "elsewhere")
    mkdirSync(elsewhere)
    for (const one of [
      environment,
      { HOME: elsewhere, NODE_COMPILE_CACHE: "", NODE_DISABLE_COMPILE_CACHE: "1" },
      { HOME: join(folder.path, "none"), NODE_COMPILE_CACHE: "" }
    ])
      assert.deepInclude(await startWith(one, "--version").ended, { code: 0, stdout: `${version}\n`, stderr: "" })
    assert.isEmpty(readdirSync(elsewhere))
    assert.isFalse(existsSync(join(folder.path, "none")))
  })

  it("loads of Node and of undici what it uses, and the threads nothing of the relay", () => {
    const text = (file: string): string => readFileSync(join(bin, file), "utf8")
    const files = readdirSync(bin).filter((file) => file.endsWith(".js"))
    for (const file of files) {
      assert.notMatch(text(file), /^import .*"node:/m, file)
      assert.notInclude(text(file), '__require("node:http2")', file)
    }
    const threads = files.filter((file) => file.endsWith("ThreadNode.js"))
    assert.lengthOf(threads, 3)
    for (const file of threads)
      for (const [, loaded] of text(file).matchAll(/^import .*"\.\/(.*)";$/gm))
        assert.strictEqual(loaded, "threads.js", file)
  })
})

describe("imports of Node's modules as calls", () => {
  it("name the same things", () => {
    const call = (module: string): string => `globalThis.process.getBuiltinModule("${module}")`
    assert.strictEqual(
      withBuiltinsCalled(
        "some.js",
        [
          'import { a, b as b$1 } from "node:fs/promises";',
          'import path from "node:path";',
          'import * as Net from "node:net";',
          'import process$1 from "node:process";',
          'import { c } from "./other.js";',
          'const text = `import x from "node:fs";`;'
        ].join("\n")
      ),
      [
        `const { a, b: b$1 } = ${call("node:fs/promises")};`,
        `const path = ${call("node:path")};`,
        `const Net = ${call("node:net")};`,
        "const process$1 = globalThis.process;",
        'import { c } from "./other.js";',
        'const text = `import x from "node:fs";`;'
      ].join("\n")
    )
  })

  it("are all there: another form is told", () => {
    assert.throws(() => withBuiltinsCalled("some.js", 'export * from "node:fs";'), /some\.js.*export \* from "node:fs"/)
    assert.throws(() => withBuiltinsCalled("some.js", 'import fs, { a } from "node:fs";'), /import fs, \{ a \}/)
    assert.throws(() => withBuiltinsCalled("some.js", 'import { default as os } from "node:os";'), /default/)
  })
})
