/**
 * A steady load for a long time, with both stores: whether memory stays flat. Short answers one after the other, and long
 * ones beside them; what has ended is forgotten after a tenth of the time, so that a store's own growth is over early.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { setTimeout as sleep } from "node:timers/promises"
import { type Client, makeClient, now } from "./relay/client.ts"
import { type Inside, inside, insideFlags } from "./relay/inside.ts"
import { quantile } from "./relay/measures.ts"
import { cores, pin, ports, stopAll } from "./relay/process.ts"
import { startRelay, startUpstream, type Subject } from "./relay/subjects.ts"

const shortClients = 16
/** A short client's pause between two answers, in milliseconds. */
const pause = 100
const longClients = 50
/** How much more the last third may take than the middle one: what a heap sways by itself. */
const sway = 1.05

const mebibytes = (bytes: number): number => Number((bytes / 1024 ** 2).toFixed(1))

/** A shorter run is over before V8 has settled how large its heap is to be: it shows that all of this works, and no more. */
const judgedFrom = 300

/** The middle third and the last by what most of their samples (all but a share) are above. The first is the warming up. */
const thirds = (samples: ReadonlyArray<number>, share: number): { readonly middle: number; readonly last: number } => {
  const third = Math.floor(samples.length / 3)
  return { middle: quantile(samples.slice(third, 2 * third), share), last: quantile(samples.slice(2 * third), share) }
}

/** Runs the load until it is over, and says how many answers came. Fails at the first one that is not whole. */
const keepAsking = async (client: Client, seconds: number): Promise<number> => {
  const until = now() + seconds * 1000
  let answers = 0
  const ask = async (model: string): Promise<void> => {
    const { whole } = await client.ask(model)
    if (!whole) throw new Error(`half an answer of ${model}`)
    answers++
  }
  const short = async (): Promise<void> => {
    while (now() < until) {
      await ask("bench-10-0")
      await sleep(pause)
    }
  }
  // 30 s each in ten minutes, an event each 20 ms.
  const events = Math.max(1, Math.round((seconds * 1000) / 20 / 20))
  const long = async (): Promise<void> => {
    while (now() < until) await ask(`bench-${events}-20`)
  }
  await Promise.all([...Array.from({ length: shortClients }, short), ...Array.from({ length: longClients }, long)])
  return answers
}

/** Runs for `SOAK_SECONDS` (600) and prints a row each 30 s, then the verdict; exits with 1 when memory was not flat: said of five minutes and more. */
export const run = async (): Promise<void> => {
  const seconds = Number(process.env.SOAK_SECONDS ?? "600")
  const folder = mkdtempSync(join(tmpdir(), "effect-resilience-soak-"))
  const clients: Array<Client> = []
  pin(cores.load)
  try {
    await startUpstream()
    const more = { journal: { retention: `${Math.max(1, Math.round(seconds / 10))} seconds` } }
    const start = (store: "memory" | "sqlite", at: number): Promise<Subject> =>
      startRelay({ name: store, port: ports.first + at, folder, store, more, flags: insideFlags })
    const subjects = [await start("memory", 0), await start("sqlite", 1)]
    clients.push(...subjects.map(makeClient))
    const samples: ReadonlyArray<Array<Inside>> = subjects.map(() => [])
    const began = now()
    const state = { isOver: false }
    const load = Promise.all(clients.map((client) => keepAsking(client, seconds))).finally(() => (state.isOver = true))
    const watch = async (): Promise<void> => {
      let shown = 0
      while (!state.isOver) {
        await sleep(1_000)
        for (const [at, subject] of subjects.entries()) samples[at]!.push(await inside(subject))
        const passed = (now() - began) / 1000
        if (passed < shown + Math.min(30, seconds / 6)) continue
        shown = passed
        const figures = subjects.map(({ name }, at) => {
          const { heapUsed, rss } = samples[at]!.at(-1)!
          return `${name}: RSS ${mebibytes(rss)} MB, heap ${mebibytes(heapUsed)} MB`
        })
        console.log(`${passed.toFixed(0).padStart(5)} s  ${figures.join("   ")}`)
      }
    }
    const [answers] = await Promise.all([load, watch()])
    const rows = subjects.map(({ name }, at) => {
      const rss = thirds(
        samples[at]!.map((sample) => sample.rss),
        0.5
      )
      // What collections leave behind: between them a heap goes up and down.
      const heap = thirds(
        samples[at]!.map((sample) => sample.heapUsed),
        0.1
      )
      const isFlat = rss.last <= rss.middle * sway && heap.last <= heap.middle * sway
      return {
        store: name,
        answers: answers[at],
        "RSS MB, middle third": mebibytes(rss.middle),
        "last third": mebibytes(rss.last),
        "heap floor MB, middle third": mebibytes(heap.middle),
        "last third ": mebibytes(heap.last),
        flat: seconds < judgedFrom ? "too short to say" : isFlat ? "yes" : "no"
      }
    })
    console.table(rows)
    if (rows.some(({ flat }) => flat === "no")) process.exitCode = 1
  } finally {
    for (const client of clients) client.close()
    stopAll()
    rmSync(folder, { recursive: true, force: true })
  }
}
