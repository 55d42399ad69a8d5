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
  /** Which file it is (`identityOf`). */
  readonly identity: string | undefined
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

const { identity, path, renewEvery } = workerData as UpkeepData
const log = `${path}-wal`
const tell = (message: UpkeepTell): void => parentPort?.postMessage(message, [])

/** The connection, once the file has been seen: opening what is not there would make it. */
let database: DatabaseSync | undefined
/** The log was there once, and has to be from then on. */
let logged = false
let there: boolean | undefined

const lookAtPlace = (): void => {
  const hasLog = identityOf(log) !== undefined
  const found = identityOf(path) === identity && (hasLog || !logged)
  logged ||= found && hasLog
  if (found !== there) tell({ _tag: "Place", there: found })
  there = found
}

const open = (): DatabaseSync => {
  const opened = new DatabaseSync(path)
  opened.exec("PRAGMA busy_timeout = 2000; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0")
  opened.exec("PRAGMA secure_delete = ON")
  // A connection that cannot read is none: the thread dies of it, which is told.
  opened.prepare("PRAGMA user_version").get()
  tell({ _tag: "Ready" })
  return opened
}

let renewed = performance.now()

const copyBack = (database: DatabaseSync): void => {
  const size = sizeOf(log)
  const due = performance.now() - renewed >= renewEvery
  if (size === 0 || (size < copyFrom && !due)) return
  // First beside the writer: what is left after it is little.
  database.exec("PRAGMA wal_checkpoint(PASSIVE)")
  if (due || sizeOf(log) >= restartFrom) renew(database)
}

/** Copies all of the log back and begins it anew. Tried again at the next look if somebody is in the way. */
const renew = (database: DatabaseSync): void => {
  const busy = database.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get()?.["busy"]
  if (busy === 0) renewed = performance.now()
}

const look = (): void => {
  lookAtPlace()
  if (there !== true) return
  if (database === undefined) database = open()
  else copyBack(database)
}

const clean = async (steps: ReadonlyArray<Step>): Promise<void> => {
  for (const { sql, params } of steps) {
    if (database === undefined) throw new Error("the file is not there")
    const statement = database.prepare(sql)
    while (Number(statement.run(...params).changes) > 0) await sleep(pause)
  }
}

look()
const timer = setInterval(look, lookEvery)

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
  database?.close()
  parentPort?.close()
})
