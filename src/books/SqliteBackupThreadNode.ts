/**
 * The thread that copies the books. It imports nothing of Effect, so that it starts in a few milliseconds.
 */
import { closeSync, openSync, rmSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { isMainThread, workerData } from "node:worker_threads"

/** What the thread is started with. */
export interface BackupData {
  readonly path: string
  readonly file: string
}

/** Copies a database into a file that is readable by its owner only. What is there is replaced. */
export const copyInto = (database: DatabaseSync, file: string): void => {
  rmSync(file, { force: true })
  // `VACUUM INTO` takes an empty file, and keeps its mode.
  closeSync(openSync(file, "wx", 0o600))
  database.prepare("VACUUM INTO ?").run(file)
}

if (!isMainThread) {
  const { file, path } = workerData as BackupData
  const database = new DatabaseSync(path)
  database.exec("PRAGMA busy_timeout = 5000")
  copyInto(database, file)
  database.close()
}
