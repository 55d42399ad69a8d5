/**
 * Many open answers in one process, with an event each second each: how late its event loop is, and what an answer takes.
 */
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { setTimeout as sleep } from "node:timers/promises"
import { makeClient } from "./relay/client.ts"
import { inside, insideFlags } from "./relay/inside.ts"
import { quantile } from "./relay/measures.ts"
import { cores, cpuOf, pin, ports, rssOf, stopAll } from "./relay/process.ts"
import { startRelay, startUpstream } from "./relay/subjects.ts"

/** The event loop may be this late in one of a hundred looks, in milliseconds. */
const goal = 50
/** Files that a relay has open beside its answers' connections. */
const spare = 100

/** How many files a process may have open: Node takes all that the system gives it. */
const mostFiles = (): number => {
  const said = spawnSync("sh", ["-c", "ulimit -Hn"], { encoding: "utf8" }).stdout.trim()
  return said === "unlimited" ? Number.POSITIVE_INFINITY : Number(said)
}

/**
 * Opens `OPEN_STREAMS` (10,000) answers, or as many as the system's limit of open files allows (two for each), and watches
 * them for `OPEN_SECONDS` (30); `OPEN_STORE` is memory (default) or sqlite.
 */
export const run = async (): Promise<void> => {
  const seconds = Number(process.env.OPEN_SECONDS ?? "30")
  const wanted = Number(process.env.OPEN_STREAMS ?? "10000")
  const store = process.env.OPEN_STORE === "sqlite" ? "sqlite" : "memory"
  const streams = Math.min(wanted, Math.floor((mostFiles() - spare) / 2))
  if (streams < wanted) console.log(`${streams} answers and not ${wanted}: a process may open ${mostFiles()} files`)
  const folder = mkdtempSync(join(tmpdir(), "effect-resilience-open-"))
  pin(cores.load)
  try {
    await startUpstream()
    const options = { name: "relay", port: ports.first, folder, store, flags: insideFlags } as const
    // Each answer lasts for the whole run, and no clock of the relay ends it.
    const relay = await startRelay({ ...options, more: { timeouts: { total: "1 hour" } } })
    const client = makeClient(relay)
    const before = rssOf(relay.pid)
    // Slowly: what is measured is open answers, and not a storm of requests.
    const perSecond = 400
    const events = Math.ceil((streams / perSecond) * 2 + seconds + 10)
    const delays: Array<number> = []
    const failures: Array<string> = []
    let isWatched = false
    let open = 0
    const ask = (): void => {
      let isOpen = false
      client
        .ask(`bench-${events}-1000`, (delay) => {
          if (!isOpen) open++
          isOpen = true
          if (isWatched) delays.push(delay)
        })
        .catch((error: unknown) => void failures.push(String(error)))
    }
    for (let asked = 0; asked < streams; asked += perSecond / 20) {
      for (let i = asked; i < Math.min(streams, asked + perSecond / 20); i++) ask()
      await sleep(50)
    }
    while (open + failures.length < streams) await sleep(100)
    await sleep(1_000)
    if (failures.length > 0) console.log(`${failures.length} answers failed, the first one with: ${failures[0]}`)
    await inside(relay)
    isWatched = true
    const cpu = cpuOf(relay.pid)
    await sleep(seconds * 1000)
    isWatched = false
    const used = cpuOf(relay.pid) - cpu
    const { heapUsed, max, p50, p99, rss } = await inside(relay)
    console.table([
      {
        store,
        answers: open,
        "loop p50 ms": p50.toFixed(1),
        "loop p99 ms": p99.toFixed(1),
        "loop max ms": max.toFixed(1),
        "events/s": Math.round(delays.length / seconds),
        "CPU us/event": (used / delays.length).toFixed(1),
        "delay p50 ms": quantile(delays, 0.5).toFixed(1),
        "delay p99 ms": quantile(delays, 0.99).toFixed(1),
        "RSS MB": Math.round(rss / 1024 ** 2),
        "heap MB": Math.round(heapUsed / 1024 ** 2),
        "kB/answer": ((rss - before) / open / 1024).toFixed(1)
      }
    ])
    console.log(`Goal, p99 of the event loop's delay under ${goal} ms: ${p99 < goal ? "yes" : "no"}`)
    client.close()
  } finally {
    stopAll()
    rmSync(folder, { recursive: true, force: true })
  }
}
