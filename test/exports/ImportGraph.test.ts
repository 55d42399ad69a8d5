/**
 * What loads what, read from the sources: who retries a call loads no relay, and a browser loads no Node.
 */
import { assert, describe, it } from "@effect/vitest"
import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { floors, unstable } from "../../lint/floors.js"
import { type Imports, modules, wayTo } from "./imports.ts"
import { root } from "./packageJson.ts"

const folderOf = (module: string): string | undefined =>
  module.endsWith(".ts") && module.includes("/") ? module.slice(0, module.indexOf("/")) : undefined

/** What is for anybody's program, in Node or not. */
const library = ["errors", "policy", "sse", "stream", "http", "telemetry", "settings"]
const relay = ["dialect", "journal", "channel", "account", "relay", "operate", "server", "cli", "books"]

const filesOf = (folder: string): ReadonlyArray<string> =>
  [...modules.keys()].filter((module) => folderOf(module) === folder)

const print = (ways: ReadonlyArray<ReadonlyArray<string> | undefined>): ReadonlyArray<string> =>
  ways.flatMap((way) => (way === undefined ? [] : [way.join(" -> ")]))

describe("the library", () => {
  it("has modules, and they are found", () => {
    for (const folder of library) assert.isNotEmpty(filesOf(folder), folder)
    assert.deepStrictEqual(
      print([
        wayTo(
          "exports/index.ts",
          (module) => module === "policy/retry/RetryRun.ts",
          ({ atOnce }) => atOnce
        )
      ]),
      ["exports/index.ts -> policy/index.ts -> policy/retry/Retry.ts -> policy/retry/RetryRun.ts"]
    )
  })

  // The client is held to the same as soon as there is one.
  it.each([...library, "client"].filter((folder) => filesOf(folder).length > 0))(
    "%s never reaches the relay, nor what needs Node",
    (folder) => {
      // A module that says that it is for Node may need Node; nothing else loads it.
      const portable = filesOf(folder).filter((module) => !module.endsWith("Node.ts"))
      const isForeign = (module: string): boolean =>
        relay.includes(folderOf(module) ?? "") || module.endsWith("Node.ts") || module.startsWith("node:")
      assert.deepStrictEqual(print(portable.map((module) => wayTo(module, isForeign))), [])
    }
  )

  it("gives users one module that needs Node", () => {
    const faces = ["index", "errors", "policy", "sse", "stream", "http", "telemetry", "settings"]
    assert.deepStrictEqual(
      print(faces.map((face) => wayTo(`exports/${face}.ts`, (module) => module.endsWith("Node.ts")))),
      ["exports/telemetry.ts -> telemetry/EventLogNode.ts"]
    )
  })
})

describe("testing and exports", () => {
  it("are loaded by nothing else", () => {
    const beside = ["testing", "exports"]
    const inside = [...modules.keys()].filter((module) => !beside.includes(folderOf(module) ?? ""))
    const isBeside = (module: string): boolean => beside.includes(folderOf(module) ?? "")
    assert.deepStrictEqual(print(inside.map((module) => wayTo(module, isBeside))), [])
  })
})

describe("what is unstable in Effect", () => {
  it("is not loaded by the index of any folder", () => {
    const indices = [...modules.keys()].filter((module) => /^(?!exports\/)[^/]+\/index\.ts$/.test(module))
    assert.isAbove(indices.length, 10)
    const atOnce = (index: string) =>
      wayTo(
        index,
        (module) => unstable.test(module),
        (imports) => imports.atOnce
      )
    assert.deepStrictEqual(print(indices.map(atOnce)), [])
  })

  it("is loaded by the relay for HTTP by the admin API alone, and later: with the first request for that", () => {
    const ofHttp = /^(effect\/(http|http-api)|@effect\/platform)/
    const faces = ["exports/relay.ts", "cli/Main.ts"]
    const notAdmin = ({ atOnce, later }: Imports) => [
      ...atOnce,
      ...later.filter((module) => module !== "server/admin/AdminLiveHttp.ts")
    ]
    assert.deepStrictEqual(print(faces.map((face) => wayTo(face, (module) => ofHttp.test(module), notAdmin))), [])
  })

  it("is every folder of Effect in which nothing is marked stable", () => {
    const source = join(root, "node_modules/effect/src")
    const marks = new Map<string, Set<string>>()
    for (const file of globSync("*/**/*.ts", { cwd: source })) {
      const folder = file.slice(0, file.indexOf("/"))
      for (const [, mark] of readFileSync(join(source, file), "utf8").matchAll(/@stability (\w+)/g)) {
        marks.set(folder, (marks.get(folder) ?? new Set()).add(mark!))
      }
    }
    assert.isAbove(marks.size, 15)
    for (const [folder, said] of marks) {
      assert.strictEqual(unstable.test(`effect/${folder}`), !said.has("stable"), folder)
      assert.strictEqual(unstable.test(`effect/${folder}/Some`), !said.has("stable"), folder)
    }
    assert.isFalse(unstable.test("effect/Effect"))
  })
})

describe("floors", () => {
  it("are of all folders of src", () => {
    const folders = new Set([...modules.keys()].map(folderOf))
    assert.deepStrictEqual(
      [...folders].filter((folder) => folder === undefined || floors[folder] === undefined),
      []
    )
  })
})
