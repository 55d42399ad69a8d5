/**
 * A process that writes a journal until it is killed. It prints each frame when a reader is shown it:
 * `<stream id> <seq> <frame>`, after a first line `ready`. Used by `JournalKill.test.ts`: `node killed.ts PATH`.
 */
import { writeSync } from "node:fs"
import { Effect, Layer } from "effect"
import { Journal, JournalStoreSqliteNode } from "#src/journal/index"

const path = process.argv[2] ?? ""

const program = Effect.gen(function* () {
  const journal = yield* Journal
  const begin = (): void => {
    const lease = journal.create({ dialect: "chat", owner: "", request: "{}", note: "" })
    const ends = 50 + Math.floor(Math.random() * 200)
    journal.follow(lease.id, -1, {
      onFrames: (frames) => {
        writeSync(1, frames)
        return true
      },
      onFault: () => process.exit(3)
    })
    const write = (): void => {
      for (let n = Math.floor(Math.random() * 4); n >= 0; n--) {
        const seq = lease.nextSeq()
        lease.append(`${lease.id} ${seq} ${"x".repeat(Math.floor(Math.random() * 300))}\n`)
        if (seq === ends) {
          lease.end({ outcome: "completed", freesKey: false })
          return begin()
        }
      }
      setImmediate(write)
    }
    write()
  }
  writeSync(1, "ready\n")
  for (let n = 0; n < 8; n++) begin()
  return yield* Effect.never
})

const journal = Journal.layer({ retention: "10 minutes" }).pipe(Layer.provide(JournalStoreSqliteNode.layer({ path })))
await Effect.runPromise(program.pipe(Effect.provide(journal)))
