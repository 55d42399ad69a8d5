/**
 * One consistent copy of an open SQLite database. It imports nothing of Effect: a thread starts with it in a few
 * milliseconds.
 */
import { closeSync, openSync, rmSync } from "node:fs"
import type { DatabaseSync } from "node:sqlite"

/** Copies a database into a file that is readable by its owner only. What is there is replaced. */
export const copyInto = (database: DatabaseSync, file: string): void => {
  rmSync(file, { force: true })
  // `VACUUM INTO` takes an empty file, and keeps its mode.
  closeSync(openSync(file, "wx", 0o600))
  database.prepare("VACUUM INTO ?").run(file)
}
