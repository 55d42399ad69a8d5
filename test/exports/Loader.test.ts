/**
 * An unstable module of Effect breaks the subpath that is built on it, and no other: each subpath is loaded in a process
 * whose loader refuses all that Effect 4.1 marks unstable. From the sources, and as it is published.
 */
import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { afterAll, beforeAll } from "vitest"
import { root, subpaths } from "./packageJson.ts"

/** The subpaths that are built on something unstable, and on what. All others load without. */
const builtOn: { readonly [subpath: string]: ReadonlyArray<string> } = {
  "./policy": ["effect/http/HttpClient", "effect/http/HttpClientError"],
  "./client": ["effect/http"],
  "./http": [
    "effect/http-api/HttpApiMiddleware",
    "effect/http-api/HttpApiSchema",
    "effect/http/FindMyWay",
    "effect/http/HttpRouter",
    "effect/http/HttpServerRequest",
    "effect/http/HttpServerRespondable",
    "effect/http/HttpServerResponse"
  ],
  "./router": ["effect/http"],
  "./rpc": ["effect/rpc"],
  "./ai": [
    "effect/ai/AiError",
    "effect/ai/AnthropicStructuredOutput",
    "effect/ai/LanguageModel",
    "effect/ai/Model",
    "effect/ai/OpenAiStructuredOutput",
    "effect/ai/Prompt",
    "effect/ai/ResponseIdTracker",
    "effect/ai/Tool",
    "effect/ai/Toolkit",
    "effect/http/FetchHttpClient",
    "effect/http/HttpClient",
    "effect/http/HttpClientRequest"
  ],
  "./books": ["effect/reactivity", "effect/sql"]
}

const steady = [...subpaths.keys()].filter((subpath) => builtOn[subpath] === undefined)

type Told = { readonly [url: string]: { readonly asked: ReadonlyArray<string>; readonly failure?: string } }

/** Loads files one after the other in a process of their own. */
const load = (mode: "refuse" | "watch", files: ReadonlyArray<string>, ...flags: ReadonlyArray<string>) => {
  const script = join(import.meta.dirname, "load.ts")
  const urls = files.map((file) => pathToFileURL(file).href)
  const { stderr, stdout } = spawnSync(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", ...flags, script, mode, ...urls],
    {
      cwd: root,
      encoding: "utf8",
      env: { PATH: process.env["PATH"], NODE_COMPILE_CACHE: join(root, "node_modules/.cache/node") }
    }
  )
  assert.notStrictEqual(stdout, "", stderr)
  const told = JSON.parse(stdout) as Told
  return urls.map((url) => told[url]!)
}

const promises = (fileOf: (subpath: string) => string, ...flags: ReadonlyArray<string>) => {
  it("every subpath loads without what is unstable, but for those that are built on it", { timeout: 60_000 }, () => {
    const told = load("refuse", steady.map(fileOf), ...flags)
    assert.deepStrictEqual(
      steady.map((subpath, index) => ({ subpath, ...told[index]! })),
      steady.map((subpath) => ({ subpath, asked: [] }))
    )
  })

  it.each(Object.keys(builtOn))(
    "%s is built on what is said here, and breaks with it",
    { timeout: 60_000 },
    (subpath) => {
      assert.deepStrictEqual(load("watch", [fileOf(subpath)], ...flags), [{ asked: builtOn[subpath]! }])
      const [{ failure } = {}] = load("refuse", [fileOf(subpath)], ...flags)
      assert.match(failure ?? "", /^Error: refused: effect\//)
    }
  )
}

describe("from the sources", () => {
  promises(
    (subpath) => join(root, subpaths.get(subpath)!["effect-resilience-source"]),
    "--conditions=effect-resilience-source"
  )
})

describe("from what is built", () => {
  // Inside the package, where its imports are found; not under node_modules.
  mkdirSync(join(root, ".scratch"), { recursive: true })
  const built = mkdtempSync(join(root, ".scratch/dist-"))
  afterAll(() => rmSync(built, { recursive: true, force: true }))

  beforeAll(() => {
    const tsc = join(root, "node_modules/typescript/bin/tsc")
    // What is loaded, and no types: to check them and to write them down takes four times as long as all the rest.
    const without = ["--noCheck", "--declaration", "false", "--declarationMap", "false", "--sourceMap", "false"]
    const { status, stdout } = spawnSync(
      process.execPath,
      [tsc, "-p", "tsconfig.build.json", "--outDir", built, ...without],
      { cwd: root, encoding: "utf8" }
    )
    assert.strictEqual(status, 0, stdout)
  }, 180_000)

  promises((subpath) => subpaths.get(subpath)!.default.replace("./dist", built))
})
