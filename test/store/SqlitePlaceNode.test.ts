/**
 * A database is opened where it is, and is not made by being looked at.
 */
import { assert, describe, it } from "@effect/vitest"
import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll } from "vitest"
import { addressOf } from "#src/store/SqlitePlaceNode"

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
