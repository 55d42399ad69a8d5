/**
 * Where the command keeps compiled code: only where nobody else could put any.
 */
import { afterAll, assert, describe, it } from "@effect/vitest"
import { chmodSync, existsSync, mkdirSync, statSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { cacheFolder, compiledFolder } from "../../src/cli/CompiledNode.ts"
import { temporaryFolder } from "../support/relayProcess.ts"

describe("the folder for what users can do without", () => {
  it.each([
    [{ HOME: "/home/a" }, "/home/a/.cache"],
    [{ HOME: "/home/a", XDG_CACHE_HOME: "/var/cache/a" }, "/var/cache/a"],
    [{ XDG_CACHE_HOME: "/var/cache/a" }, "/var/cache/a"],
    [{ HOME: "/home/a", XDG_CACHE_HOME: "" }, "/home/a/.cache"],
    [{ HOME: "/home/a", XDG_CACHE_HOME: "cache" }, "/home/a/.cache"],
    [{ HOME: "a" }, undefined],
    [{ HOME: "" }, undefined],
    [{}, undefined]
  ])("of %j is %s", (environment, folder) => {
    assert.strictEqual(cacheFolder(environment), folder)
  })
})

describe("the folder for compiled code", () => {
  const { path, remove } = temporaryFolder()
  afterAll(remove)
  const home = (name: string, mode = 0o755): { readonly HOME: string; readonly own: string } => {
    const HOME = join(path, name)
    mkdirSync(join(HOME, ".cache"), { recursive: true })
    chmodSync(join(HOME, ".cache"), mode)
    return { HOME, own: join(HOME, ".cache/effect-resilience") }
  }

  it("is made, the user's alone, and had again", () => {
    const HOME = join(path, "new")
    mkdirSync(HOME)
    const own = join(HOME, ".cache/effect-resilience")
    assert.strictEqual(compiledFolder({ HOME }), own)
    assert.strictEqual(statSync(own).mode & 0o777, 0o700)
    assert.strictEqual(compiledFolder({ HOME }), own)
  })

  it("is none without a home, and none is made", () => {
    const HOME = join(path, "nowhere")
    assert.isUndefined(compiledFolder({ HOME }))
    assert.isFalse(existsSync(HOME))
  })

  it.each([0o777, 0o757])("is none where others could put another in its place (%o)", (mode) => {
    assert.isUndefined(compiledFolder({ HOME: home(`replaced-${mode}`, mode).HOME }))
  })

  it("is one where others write too, but only its owner deletes", () => {
    const { HOME, own } = home("shared", 0o1777)
    assert.strictEqual(compiledFolder({ HOME }), own)
  })

  it.each([0o770, 0o707])("is none that others write to (%o)", (mode) => {
    const { HOME, own } = home(`written-${mode}`)
    mkdirSync(own)
    chmodSync(own, mode)
    assert.isUndefined(compiledFolder({ HOME }))
  })

  it("is none where something else is", () => {
    const { HOME, own } = home("file")
    writeFileSync(own, "")
    assert.isUndefined(compiledFolder({ HOME }))
    const gone = home("gone")
    symlinkSync(join(path, "not-there"), gone.own)
    assert.isUndefined(compiledFolder({ HOME: gone.HOME }))
  })
})
