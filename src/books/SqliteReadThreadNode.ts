/**
 * The thread that reads the books; started by `SqliteReadNode.ts`, and imported by nobody.
 */
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite"
import { parentPort, workerData } from "node:worker_threads"

/** What the thread is started with. */
export interface ReadData {
  readonly path: string
}

/** What it is asked. */
export interface ReadRequest {
  readonly id: number
  readonly text: string
  readonly params: ReadonlyArray<SQLInputValue>
}

/** What it answers: rows, or what SQLite said. */
export type ReadReply =
  | { readonly id: number; readonly rows: ReadonlyArray<{ readonly [column: string]: unknown }> }
  | { readonly id: number; readonly errcode: number | undefined; readonly message: string }

/** Statements that stay prepared. */
const kept = 100

const database = new DatabaseSync((workerData as ReadData).path, { readOnly: true })
// A lock is waited for here, where nobody else waits. 16 MB of pages: what is searched often stays.
database.exec("PRAGMA busy_timeout = 5000; PRAGMA cache_size = -16000")
const prepared = new Map<string, StatementSync>()

const statementOf = (text: string): StatementSync => {
  const known = prepared.get(text)
  if (known !== undefined) return known
  if (prepared.size >= kept) prepared.clear()
  const statement = database.prepare(text)
  prepared.set(text, statement)
  return statement
}

parentPort?.on("message", ({ id, params, text }: ReadRequest) => {
  const reply = (): ReadReply => {
    try {
      return { id, rows: statementOf(text).all(...params) }
    } catch (cause) {
      const { errcode } = cause as { readonly errcode?: number }
      return { id, errcode, message: cause instanceof Error ? cause.message : String(cause) }
    }
  }
  parentPort?.postMessage(reply(), [])
})
