/**
 * The thread that keeps a SQLite store in order: it copies the write-ahead log back into the database, and runs the
 * deletions that it is sent, in small steps. It runs beside the writer, which therefore never waits for a disk: it has
 * a connection of its own, and waits where the writer would not.
 *
 * Started by `SqliteUpkeepNode.ts`; it imports nothing of Effect, so that it starts in a few milliseconds.
 */
import { DatabaseSync } from "node:sqlite"
import { setTimeout as sleep } from "node:timers/promises"
import { parentPort, workerData } from "node:worker_threads"
import { identityOf, sizeOf } from "./SqlitePlaceNode.ts"

/** What the thread is started with. */
export interface UpkeepData {
  readonly path: string
  /** How often the log is begun anew at least, in milliseconds, so that nothing that was deleted stays in it. */
  readonly renewEvery: number
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
  /** The file that was opened is at its place again, or is there no longer. */
  | { readonly _tag: "Place"; readonly there: boolean }

/** How often the log and the file are looked at, in milliseconds. */
const lookEvery = 500
/** From this size on the log is copied back; the writer goes on meanwhile. */
const copyFrom = 4 * 1024 * 1024
/** From this size on the log is also begun anew, for which the writer is held up for a moment: only under a load that never pauses. */
const restartFrom = 64 * 1024 * 1024
/** The pause between two steps of a deletion, in milliseconds. */
const pause = 2

const { path, renewEvery } = workerData as UpkeepData
const database = new DatabaseSync(path)
database.exec("PRAGMA busy_timeout = 2000; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0")
database.exec("PRAGMA secure_delete = ON")

const log = `${path}-wal`
let renewed = performance.now()

const copyBack = (): void => {
  const size = sizeOf(log)
  if (size < copyFrom) {
    if (size > 0 && performance.now() - renewed >= renewEvery) renew()
    return
  }
  database.exec("PRAGMA wal_checkpoint(PASSIVE)")
  if (sizeOf(log) >= restartFrom) renew()
}

/** Copies all of the log back and begins it anew. Tried again at the next look if somebody is in the way. */
const renew = (): void => {
  const busy = database.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get()?.["busy"]
  if (busy === 0) renewed = performance.now()
}

const identity = identityOf(path)
const logged = identityOf(log) !== undefined
let there = true

const lookAtPlace = (): void => {
  const found = identity !== undefined && identityOf(path) === identity && (!logged || identityOf(log) !== undefined)
  if (found === there) return
  there = found
  tell({ _tag: "Place", there })
}

const clean = async (steps: ReadonlyArray<Step>): Promise<void> => {
  for (const { sql, params } of steps) {
    const statement = database.prepare(sql)
    while (Number(statement.run(...params).changes) > 0) await sleep(pause)
  }
}

const tell = (message: UpkeepTell): void => parentPort?.postMessage(message, [])
const timer = setInterval(() => {
  lookAtPlace()
  if (there) copyBack()
}, lookEvery)

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
