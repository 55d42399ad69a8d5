/**
 * What it costs that the store is full: a relay that has to forget an answer for each that ends, in turn with one that has
 * room for all of them.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Client, makeClient } from "./relay/client.ts"
import { median, throughput } from "./relay/measures.ts"
import { cores, pin, ports, stopAll } from "./relay/process.ts"
import { startRelay, startUpstream, type Subject } from "./relay/subjects.ts"

/** Bytes that ended answers may take: the default, and more than there will be. */
const rooms = { full: 256 * 1024 ** 2, roomy: 8 * 1024 ** 3 }
/** So many short answers are in each relay before it is measured: the default has room for 85,000. */
const filled = Number(process.env.FULL_ANSWERS ?? "100000")

interface Loaded {
  readonly subject: Subject
  readonly client: Client
  readonly rows: Array<Awaited<ReturnType<typeof throughput>>>
}

/** `FULL_ROUNDS` (5) rounds of `FULL_SECONDS` (4) each, after `FULL_ANSWERS` (100,000). */
export const run = async (): Promise<void> => {
  const seconds = Number(process.env.FULL_SECONDS ?? "4")
  const rounds = Number(process.env.FULL_ROUNDS ?? "5")
  const folder = mkdtempSync(join(tmpdir(), "effect-resilience-full-"))
  const loaded: Array<Loaded> = []
  pin(cores.load)
  try {
    await startUpstream()
    for (const store of ["memory", "sqlite"] as const) {
      for (const [room, maxBytes] of Object.entries(rooms)) {
        const name = `${store}, ${room}`
        const own = join(folder, name)
        mkdirSync(own)
        const port = ports.first + loaded.length
        const subject = await startRelay({ name, port, folder: own, store, more: { journal: { maxBytes } } })
        const client = makeClient(subject)
        for (let answers = 0; answers < filled; ) {
          answers += (await throughput(subject, client, 2_000)).perSecond * 2
        }
        loaded.push({ subject, client, rows: [] })
      }
    }
    for (let round = 0; round < rounds; round++) {
      for (const { client, rows, subject } of round % 2 === 0 ? loaded : loaded.toReversed()) {
        rows.push(await throughput(subject, client, seconds * 1000))
      }
    }
    const of = ({ rows }: Loaded, figure: keyof Loaded["rows"][number]): number =>
      median(rows.map((row) => row[figure]))
    console.table(
      loaded.map((one, at) => {
        // The two of a store stand one after the other.
        const roomy = loaded[at - (at % 2) + 1]!
        return {
          store: one.subject.name,
          "requests/s": of(one, "perSecond").toFixed(0),
          "of roomy": (of(one, "perSecond") / of(roomy, "perSecond")).toFixed(2),
          "p99 ms": of(one, "p99").toFixed(1),
          "x roomy": (of(one, "p99") / of(roomy, "p99")).toFixed(2),
          "CPU us/request": of(one, "cpuPerRequest").toFixed(0)
        }
      })
    )
  } finally {
    for (const { client } of loaded) client.close()
    stopAll()
    rmSync(folder, { recursive: true, force: true })
  }
}
