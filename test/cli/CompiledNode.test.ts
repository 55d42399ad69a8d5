/**
 * Where the command keeps compiled code: only where nobody else could put any.
 */
import { afterAll, assert, describe, it } from "@effect/vitest"
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  realpathSync,
  statSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import { join } from "node:path"
import process from "node:process"
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

const me = process.getuid?.() ?? -1

describe("the folder for compiled code", () => {
  const { path, remove } = temporaryFolder()
  afterAll(remove)
  let homes = 0
  /** A home with what is in it, each with its mode. */
  const home = (mode = 0o755, cache = 0o755, own?: number) => {
    const HOME = join(realpathSync(path), `home-${homes++}`)
    for (const [folder, its] of [
      [HOME, mode],
      [join(HOME, ".cache"), cache],
      ...(own === undefined ? [] : [[join(HOME, ".cache/effect-resilience"), own] as const])
    ] as const) {
      mkdirSync(folder)
      chmodSync(folder, its)
    }
    return { HOME, cache: join(HOME, ".cache"), own: join(HOME, ".cache/effect-resilience") }
  }

  it("is made, the user's alone, and had again", () => {
    const HOME = join(realpathSync(path), "new")
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

  it("is none of another user, who is left nothing either", () => {
    const { HOME, own } = home(0o755, 0o755, 0o700)
    assert.strictEqual(compiledFolder({ HOME }), own)
    assert.isUndefined(compiledFolder({ HOME }, me + 1))
    const others = home()
    assert.isUndefined(compiledFolder({ HOME: others.HOME }, me + 1))
    assert.isFalse(existsSync(others.own))
  })

  it.each([0o777, 0o775, 0o757])("is none where others could put another in its place (%o)", (mode) => {
    assert.isUndefined(compiledFolder({ HOME: home(0o755, mode).HOME }))
    assert.isUndefined(compiledFolder({ HOME: home(mode).HOME }))
  })

  it("is one where others write too, but only its owner deletes", () => {
    const { HOME, own } = home(0o755, 0o1777)
    assert.strictEqual(compiledFolder({ HOME }), own)
  })

  it.each([0o770, 0o707, 0o755])("is none that others come into (%o)", (mode) => {
    assert.isUndefined(compiledFolder({ HOME: home(0o755, 0o755, mode).HOME }))
  })

  it("is where a link leads to, and looked at there", () => {
    const { HOME, own } = home()
    const there = home(0o755, 0o755, 0o700)
    symlinkSync(there.own, own)
    assert.strictEqual(compiledFolder({ HOME }), there.own)
    chmodSync(there.cache, 0o777)
    assert.isUndefined(compiledFolder({ HOME }))
  })

  // Only root may give something away.
  it.runIf(me === 0)("is none in what is another's, whatever he lets us do there", () => {
    for (const mode of [0o755, 0o1777]) {
      const { HOME, cache } = home(0o755, mode, 0o700)
      chownSync(cache, 12_001, 12_001)
      assert.isUndefined(compiledFolder({ HOME }))
    }
    const { HOME, own } = home(0o755, 0o755, 0o700)
    chownSync(own, 12_001, 12_001)
    assert.isUndefined(compiledFolder({ HOME }))
  })

  it("is none where something else is", () => {
    const { HOME, own } = home()
    writeFileSync(own, "")
    assert.isUndefined(compiledFolder({ HOME }))
    const gone = home()
    symlinkSync(join(path, "not-there"), gone.own)
    assert.isUndefined(compiledFolder({ HOME: gone.HOME }))
  })
})
