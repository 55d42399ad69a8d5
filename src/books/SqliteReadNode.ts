/**
 * Reading a SQLite database off the event loop. `node:sqlite` runs a statement where it is called, so that one which looks
 * through many rows would hold up every answer; in a thread with a connection of its own it holds up nobody.
 *
 * The thread is started by the first that is read (some 30 ms; from sources, whose types go first, 70), and ends when it
 * has had nothing to do for as long as somebody who searches may think.
 */
import type { Worker } from "node:worker_threads"
import { Effect, type Scope } from "effect"
import { startWorker } from "../store/WorkerNode.ts"
import { BooksAway, type BooksError } from "./BooksErrors.ts"
import { type Row, type Sql, textOf } from "./Sql.ts"
import type { ReadData, ReadReply, ReadRequest } from "./SqliteReadThreadNode.ts"
import { sqliteError } from "./SqliteWords.ts"

/** The module of the thread: TypeScript beside this file in a checkout, JavaScript in the package. */
const thread = new URL(`./SqliteReadThreadNode.${import.meta.url.endsWith(".ts") ? "ts" : "js"}`, import.meta.url)

/** How long a thread waits for more, in milliseconds. */
const idleFor = 300_000

type Reply = Effect.Effect<ReadonlyArray<Row>, BooksError>

/** A thread, and who waits for it. */
interface Reader {
  readonly worker: Worker
  readonly waiting: Map<number, (reply: Reply) => void>
  idle: NodeJS.Timeout | undefined
}

/** Makes what reads the file at `path`, for as long as the scope is open. `name` is what it is called in messages. */
export const makeSqliteRead = (options: {
  readonly path: string
  readonly name: string
}): Effect.Effect<(statement: Sql) => Effect.Effect<ReadonlyArray<Row>, BooksError>, never, Scope.Scope> => {
  const { name, path } = options
  let reader: Reader | undefined
  let asked = 0

  const end = (one: Reader, why: string): void => {
    if (reader === one) reader = undefined
    clearTimeout(one.idle)
    const { waiting } = one
    for (const reply of waiting.values()) reply(Effect.fail(new BooksAway({ message: `the books at ${name} ${why}` })))
    waiting.clear()
    void one.worker.terminate()
  }

  const start = (): Reader => {
    const worker = startWorker(thread, { path } satisfies ReadData)
    const one: Reader = { worker, waiting: new Map(), idle: undefined }
    worker.unref()
    worker.on("message", (reply: ReadReply) => {
      const waits = one.waiting.get(reply.id)
      one.waiting.delete(reply.id)
      if (one.waiting.size === 0) one.idle = setTimeout(() => end(one, "were closed"), idleFor).unref()
      // Columns of the books are what `Sql.ts` says that they may be.
      waits?.(
        "rows" in reply ? Effect.succeed(reply.rows as ReadonlyArray<Row>) : Effect.fail(sqliteError(name, reply))
      )
    })
    worker.on("error", (cause) => end(one, `cannot be read: ${cause.message}`))
    worker.on("exit", () => end(one, "were closed"))
    return one
  }

  const read = (statement: Sql): Effect.Effect<ReadonlyArray<Row>, BooksError> =>
    Effect.callback((resume) => {
      const one = (reader ??= start())
      const id = asked++
      clearTimeout(one.idle)
      one.waiting.set(id, resume)
      const request: ReadRequest = { id, text: textOf(statement, () => "?"), params: statement.params }
      one.worker.postMessage(request, [])
      return Effect.sync(() => void one.waiting.delete(id))
    })

  return Effect.acquireRelease(Effect.succeed(read), () =>
    Effect.sync(() => {
      if (reader !== undefined) end(reader, "were closed")
    })
  )
}
