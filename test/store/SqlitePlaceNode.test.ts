/**
 * A database is opened where it is, and is not made by being looked at.
 */
import { assert, describe, it } from "@effect/vitest"
import { existsSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { spawnSync } from "node:child_process"
import { afterAll } from "vitest"
import { addressOf, makeFolder } from "#src/store/SqlitePlaceNode"

describe("the address of a database", () => {
  const folder = mkdtempSync(join(tmpdir(), "place-"))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  for (const name of ["relay.db", "with space.db", "100%20 #1?mode=rwc&x.db", "é😀.db"]) {
    it(`${name}: makes none that is not there, and finds the one that is`, () => {
      const path = join(folder, name)
      assert.throws(() => new DatabaseSync(addressOf(path)), /unable to open/)
      assert.isFalse(existsSync(path))
      const made = new DatabaseSync(path)
      made.exec("CREATE TABLE item (value TEXT) STRICT; INSERT INTO item VALUES ('one')")
      made.close()
      const found = new DatabaseSync(addressOf(path))
      assert.strictEqual(found.prepare("SELECT value FROM item").get()?.["value"], "one")
      found.exec("INSERT INTO item VALUES ('two')")
      found.close()
    })
  }
})

describe("makeFolder", () => {
  const folder = mkdtempSync(join(tmpdir(), "place-"))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it("makes it and those that it lies in, each for its owner alone, and leaves what is there as it is", () => {
    const inner = join(folder, "one", "two")
    makeFolder(inner)
    for (const made of [join(folder, "one"), inner]) assert.strictEqual(statSync(made).mode & 0o777, 0o700)
    makeFolder(inner)
    symlinkSync(inner, join(folder, "link"))
    makeFolder(join(folder, "link", "three"))
    assert.isTrue(statSync(join(inner, "three")).isDirectory())
  })

  it("says what stands in its way", () => {
    writeFileSync(join(folder, "file"), "")
    symlinkSync(join(folder, "nowhere"), join(folder, "dangling"))
    assert.throws(() => makeFolder(join(folder, "file")), /EEXIST/)
    assert.throws(() => makeFolder(join(folder, "file", "inner")), /EEXIST/)
    assert.throws(() => makeFolder(join(folder, "dangling", "inner")), /EEXIST/)
  })

  // Where it does not end it is another process that hangs.
  it.skipIf(process.platform !== "linux")("ends where the system lets nobody make one", () => {
    const place = JSON.stringify(new URL("../../src/store/SqlitePlaceNode.ts", import.meta.url).href)
    const { status, stdout } = spawnSync(
      process.execPath,
      [
        "-e",
        `import(${place}).then(({ makeFolder }) => makeFolder("/proc/nothere/deep")).catch(({ code }) => console.log(code))`
      ],
      { timeout: 10_000, encoding: "utf8" }
    )
    assert.deepStrictEqual([status, stdout], [0, "ENOENT\n"])
  })
})
