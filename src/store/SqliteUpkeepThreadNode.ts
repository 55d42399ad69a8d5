/**
 * The thread that keeps a SQLite store in order: it copies the write-ahead log back into the database, and runs the
 * deletions that it is sent, in small steps. It runs beside the writer, which therefore never waits for a disk: it has
 * a connection of its own, and waits where the writer would not.
 *
 * Started by `SqliteUpkeepNode.ts`; it imports nothing of Effect, so that it starts in a few milliseconds.
 */
import { statSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { setTimeout as sleep } from "node:timers/promises"
import { parentPort, workerData } from "node:worker_threads"

/** What the thread is started with. */
export interface UpkeepData {
  readonly path: string
}

/** A deletion, or another statement that does a bounded piece of work: repeated until it changes nothing. */
export interface Step {
  readonly sql: string
  readonly params: ReadonlyArray<string | number | null>
}

/** What the thread is told. */
export type UpkeepAsk =
  | { readonly _tag: "Clean"; readonly id: number; readonly steps: ReadonlyArray<Step> }
  | { readonly _tag: "Close" }

/** What the thread tells. */
export type UpkeepTell =
  | { readonly _tag: "Ready" }
  | { readonly _tag: "Cleaned"; readonly id: number; readonly fault: string | undefined }

/** How often the log is looked at, in milliseconds. */
const lookEvery = 500
/** From this size on the log is copied back; the writer goes on meanwhile. */
const copyFrom = 4 * 1024 * 1024
/** From this size on the log is also begun anew, for which the writer is held up for a moment: only under a load that never pauses. */
const restartFrom = 64 * 1024 * 1024
/** The pause between two steps of a deletion, in milliseconds. */
const pause = 2

const { path } = workerData as UpkeepData
const database = new DatabaseSync(path)
database.exec("PRAGMA busy_timeout = 2000; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0")

const logSize = (): number => statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0

const copyBack = (): void => {
  if (logSize() < copyFrom) return
  database.exec("PRAGMA wal_checkpoint(PASSIVE)")
  if (logSize() >= restartFrom) database.exec("PRAGMA wal_checkpoint(TRUNCATE)")
}

const clean = async (steps: ReadonlyArray<Step>): Promise<void> => {
  for (const { sql, params } of steps) {
    const statement = database.prepare(sql)
    while (Number(statement.run(...params).changes) > 0) await sleep(pause)
  }
}

const tell = (message: UpkeepTell): void => parentPort?.postMessage(message, [])
const timer = setInterval(copyBack, lookEvery)

/** One deletion at a time. */
let last: Promise<void> = Promise.resolve()

parentPort?.on("message", (ask: UpkeepAsk) => {
  if (ask._tag === "Clean") {
    last = last
      .then(() => clean(ask.steps))
      .then(
        () => tell({ _tag: "Cleaned", id: ask.id, fault: undefined }),
        (cause: unknown) => tell({ _tag: "Cleaned", id: ask.id, fault: String(cause) })
      )
    return
  }
  clearInterval(timer)
  database.close()
  parentPort?.close()
})
tell({ _tag: "Ready" })
