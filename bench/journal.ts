/**
 * The journal alone: appends a second, CPU per append, and how long a commit takes, with every stream appending one
 * frame a turn and one reader following each.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Layer } from "effect"
import { Journal, type JournalStore, JournalStoreMemory, JournalStoreSqliteNode } from "#src/journal/index"

const frames = 300
const frame = (id: string, seq: number): string =>
  `id: ${id}.${seq}\ndata: {"choices":[{"index":0,"delta":{"content":"${"word ".repeat(4)}"}}],"object":"chat.completion.chunk"}\n\n`

const quantile = (sorted: ReadonlyArray<number>, q: number): number => sorted[Math.floor(sorted.length * q)] ?? 0

interface Row {
  readonly store: string
  readonly streams: number
  readonly "appends/s": number
  readonly "CPU us/append": number
  readonly "commit p50 ms": number
  readonly "commit p99 ms": number
}

/** Keeps a number of streams open, each with one frame a turn, until so many frames are shown. */
const measure = (name: string, streams: number, total: number) =>
  Effect.gen(function* () {
    const journal = yield* Journal
    const latencies: Array<number> = []
    let shown = 0
    let appended = 0
    let bytes = 0
    const begin = (): { append: () => boolean } => {
      const lease = journal.create({ dialect: "openai", owner: "", request: "{}", note: "" })
      journal.follow(lease.id, -1, {
        onFrames: (text) => {
          shown++
          bytes += text.length
          return true
        },
        // The journal closes while the last streams are still open.
        onFault: () => {}
      })
      return {
        append: () => {
          const seq = lease.nextSeq()
          lease.append(frame(lease.id, seq))
          if (seq + 1 < frames) return true
          lease.end({ outcome: "completed", freesKey: false })
          return false
        }
      }
    }
    const row = yield* Effect.callback<Row>((resume) => {
      const open = Array.from({ length: streams }, begin)
      const started = performance.now()
      const cpu = process.cpuUsage()
      const round = (): void => {
        if (appended >= total) {
          if (shown < appended) return void setImmediate(round)
          const { user, system } = process.cpuUsage(cpu)
          latencies.sort((a, b) => a - b)
          return resume(
            Effect.succeed({
              store: name,
              streams,
              "appends/s": Math.round((appended / (performance.now() - started)) * 1000),
              "CPU us/append": Number(((user + system) / appended).toFixed(2)),
              "commit p50 ms": Number(quantile(latencies, 0.5).toFixed(3)),
              "commit p99 ms": Number(quantile(latencies, 0.99).toFixed(3))
            })
          )
        }
        const at = shown + streams
        for (let n = 0; n < streams; n++) if (open[n]?.append() !== true) open[n] = begin()
        appended += streams
        const begun = performance.now()
        const wait = (): void => {
          if (shown < at) return void setImmediate(wait)
          latencies.push(performance.now() - begun)
          round()
        }
        setImmediate(wait)
      }
      round()
    })
    return bytes > 0 ? row : yield* Effect.die(new Error("nothing was shown"))
  })

const stores: ReadonlyArray<readonly [string, (folder: string) => Layer.Layer<JournalStore, unknown>]> = [
  ["memory", () => Layer.fresh(JournalStoreMemory.layer)],
  ["SQLite", (folder) => JournalStoreSqliteNode.layer({ path: join(folder, `${Math.random()}.db`) })]
]

/**
 * Prints a table: memory and SQLite, with 1, 64 and 512 streams. A commit's time is from the append to the reader, and
 * includes the turn of the event loop that gathers it. The CPU is the whole process's, with the thread that copies the
 * log back.
 */
export const run = async (): Promise<void> => {
  const folder = mkdtempSync(join(tmpdir(), "bench-journal-"))
  const rows: Array<Row> = []
  for (const [name, store] of stores) {
    for (const streams of [1, 64, 512]) {
      const total = streams === 1 ? 20_000 : 200_000
      const journal = () => Journal.layer({ retention: "10 minutes" }).pipe(Layer.provide(store(folder)))
      const once = (total: number) =>
        Effect.runPromise(measure(name, streams, total).pipe(Effect.provide(journal()), Effect.orDie))
      await once(total / 10)
      rows.push(await once(total))
    }
  }
  rmSync(folder, { recursive: true, force: true })
  console.table(rows)
}
