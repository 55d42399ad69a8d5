/**
 * Copying a SQLite database while it is used: `VACUUM INTO` reads one consistent state, compact, and holds up no writer.
 * It takes as long as the disk does, so a thread with a connection of its own does it.
 */
import { existsSync, renameSync, rmSync } from "node:fs"
import { resolve } from "node:path"
import type { DatabaseSync } from "node:sqlite"
import { Effect } from "effect"
import { startWorker } from "../store/WorkerNode.ts"
import { BackupRefused, type BooksError } from "./BooksErrors.ts"
import type { BackupData } from "./SqliteBackupThreadNode.ts"
import { copyInto } from "./SqliteCopyNode.ts"
import type { SqlitePlace } from "./SqliteFileNode.ts"

/** The module of the thread: TypeScript beside this file in a checkout, JavaScript in the package. */
const thread = new URL(`./SqliteBackupThreadNode.${import.meta.url.endsWith(".ts") ? "ts" : "js"}`, import.meta.url)

/** Copies a database into a new file, which is there whole or not at all. */
export const backUp = (options: {
  readonly database: DatabaseSync
  readonly place: SqlitePlace
  readonly name: string
  readonly file: string
}): Effect.Effect<void, BackupRefused | BooksError> => {
  const file = resolve(options.file)
  const partial = `${file}.partial`
  const refused = (cause: unknown): BackupRefused =>
    new BackupRefused({
      message: `the books at ${options.name} could not be copied to ${file}: ${cause instanceof Error ? cause.message : String(cause)}`
    })

  const copy =
    options.place._tag === "Memory"
      ? Effect.try({ try: () => copyInto(options.database, partial), catch: refused })
      : copyInThread(options.place.path, partial, refused)

  return Effect.suspend(() =>
    existsSync(file)
      ? Effect.fail(new BackupRefused({ message: `there is a file at ${file} already: a backup is a new one` }))
      : copy.pipe(
          Effect.andThen(Effect.try({ try: () => renameSync(partial, file), catch: refused })),
          Effect.onError(() => Effect.sync(() => rmSync(partial, { force: true })))
        )
  )
}

const copyInThread = (
  path: string,
  partial: string,
  refused: (cause: unknown) => BackupRefused
): Effect.Effect<void, BackupRefused> =>
  Effect.callback((resume) => {
    const worker = startWorker(thread, { path, file: partial } satisfies BackupData)
    let fault: unknown
    worker.once("error", (error) => {
      fault = error
    })
    worker.once("exit", () => resume(fault === undefined ? Effect.void : Effect.fail(refused(fault))))
    return Effect.promise(() => worker.terminate())
  })
