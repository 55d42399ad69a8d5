/**
 * The thread that copies the books; started by `SqliteBackupNode.ts`, and imported by nobody.
 */
import { DatabaseSync } from "node:sqlite"
import { workerData } from "node:worker_threads"
import { addressOf } from "../store/SqlitePlaceNode.ts"
import { copyInto } from "./SqliteCopyNode.ts"

/** What the thread is started with. */
export interface BackupData {
  readonly path: string
  readonly file: string
}

const { file, path } = workerData as BackupData
const database = new DatabaseSync(addressOf(path))
database.exec("PRAGMA busy_timeout = 5000")
copyInto(database, file)
database.close()
