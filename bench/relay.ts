/**
 * The relay beside a bare `node:http` relay that parses the same frames, in one run: requests per second, CPU per
 * request and per streamed event, delay added to an event, memory per open answer. bench/README.md keeps the method.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { Agent, request as ask } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { performance } from "node:perf_hooks"

const now = (): number => performance.timeOrigin + performance.now()
const sleep = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))
const here = (file: string): string => new URL(file, import.meta.url).pathname

interface Subject {
  readonly name: string
  readonly port: number
  readonly pid: number
}

/** Starts a script on a core of its own, and waits for its first line. */
const start = async (core: number, args: ReadonlyArray<string>): Promise<ChildProcess> => {
  const child = spawn(
    "taskset",
    [
      "-c",
      String(core),
      process.execPath,
      "--disable-warning=ExperimentalWarning",
      "--conditions=effect-resilience-source",
      ...args
    ],
    { stdio: ["ignore", "pipe", "ignore"] }
  )
  await new Promise<void>((resolve, reject) => {
    child.stdout!.once("data", () => resolve())
    child.once("exit", (code) => reject(new Error(`${args[0]} ended with ${code}`)))
  })
  child.stdout!.resume()
  return child
}

/** CPU time of a process so far, in microseconds. */
const cpuOf = (pid: number): number => {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ")
  return (Number(fields[11]) + Number(fields[12])) * 10_000
}

const rssOf = (pid: number): number =>
  Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]) * 1024

interface Streamed {
  readonly events: number
  readonly firstAfter: number
  readonly delays: ReadonlyArray<number>
  readonly whole: boolean
}

const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY })

const stream = (port: number, model: string, onOpen?: () => void): Promise<Streamed> =>
  new Promise((resolve, reject) => {
    const asked = now()
    let firstAfter = 0
    const delays: Array<number> = []
    let events = 0
    let text = ""
    const call = ask(
      {
        agent,
        host: "127.0.0.1",
        port,
        path: "/v1/chat/completions",
        method: "POST",
        headers: { "content-type": "application/json" }
      },
      (answer) => {
        onOpen?.()
        answer.setEncoding("utf8")
        answer.on("data", (chunk: string) => {
          const at = now()
          if (firstAfter === 0) firstAfter = at - asked
          for (const found of chunk.matchAll(/"content":"(\d+\.?\d*) "/g)) {
            events++
            delays.push(at - Number(found[1]))
          }
          text = (text + chunk).slice(-40)
        })
        answer.on("end", () => resolve({ events, firstAfter, delays, whole: text.includes("[DONE]") }))
        answer.on("error", reject)
      }
    )
    call.on("error", reject)
    call.end(JSON.stringify({ model, stream: true, messages: [{ role: "user", content: "bench" }] }))
  })

const quantile = (values: ReadonlyArray<number>, q: number): number =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * q))] ?? 0

/** As many answers as can be had with 32 clients. */
const throughput = async (subject: Subject, millis: number) => {
  const until = now() + millis
  let answers = 0
  const before = cpuOf(subject.pid)
  const client = async (): Promise<void> => {
    while (now() < until) {
      const { whole } = await stream(subject.port, "bench-10-0")
      if (!whole) throw new Error(`${subject.name} gave half an answer`)
      answers++
    }
  }
  const began = now()
  await Promise.all(Array.from({ length: 32 }, client))
  return { perSecond: (answers * 1000) / (now() - began), cpuPerRequest: (cpuOf(subject.pid) - before) / answers }
}

/** Events per second through eight answers at once whose upstream does not wait. */
const burst = async (subject: Subject): Promise<number> => {
  const began = now()
  const all = await Promise.all(Array.from({ length: 8 }, () => stream(subject.port, "bench-20000-0")))
  return (all.reduce((sum, one) => sum + one.events, 0) * 1000) / (now() - began)
}

/** The time to the first event of answers that are asked for one after the other, in milliseconds: the median. */
const firstEvent = async (subject: Subject, count: number): Promise<number> => {
  const all: Array<number> = []
  for (let i = 0; i < count; i++) all.push((await stream(subject.port, "bench-1-0")).firstAfter)
  return quantile(all, 0.5)
}

/** `connections` answers at once, one event every `every` ms each. */
const paced = async (subject: Subject, connections: number, every: number, events: number) => {
  const before = cpuOf(subject.pid)
  const all = await Promise.all(
    Array.from({ length: connections }, () => stream(subject.port, `bench-${events}-${every}`))
  )
  const total = all.reduce((sum, one) => sum + one.events, 0)
  const delays = all.flatMap((one) => one.delays)
  return {
    cpuPerEvent: (cpuOf(subject.pid) - before) / total,
    p50: quantile(delays, 0.5),
    p99: quantile(delays, 0.99)
  }
}

/** Memory for answers that are open and silent for a while. */
const memory = async (subject: Subject, connections: number) => {
  const before = rssOf(subject.pid)
  const opened: Array<Promise<void>> = []
  const all = Array.from({ length: connections }, () => {
    let done = (): void => {}
    opened.push(new Promise((resolve) => (done = resolve)))
    return stream(subject.port, "bench-2-4000", done).catch(() => undefined)
  })
  await Promise.race([Promise.all(opened), sleep(20_000)])
  const after = rssOf(subject.pid)
  await Promise.all(all)
  return (after - before) / connections
}

const table = (rows: ReadonlyArray<ReadonlyArray<string>>): void => {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  for (const row of rows)
    console.log(row.map((cell, at) => (at === 0 ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!))).join("  "))
}

/** Runs the benchmark and prints its table. `BENCH_SECONDS` scales it; default 4 seconds a measure. */
export const run = async (): Promise<void> => {
  const millis = Number(process.env.BENCH_SECONDS ?? "4") * 1000
  const folder = mkdtempSync(join(tmpdir(), "effect-resilience-bench-"))
  const children: Array<ChildProcess> = []
  const config = (name: string, port: number, store: object): string => {
    const file = join(folder, `${name}.json`)
    writeFileSync(
      file,
      JSON.stringify({
        server: { port },
        store,
        channels: [{ id: "bench", dialect: "openai", baseUrl: "http://127.0.0.1:4801/v1", keys: [], models: ["*"] }]
      })
    )
    return file
  }
  const relay = (name: string, port: number, store: object) =>
    start(1, [here("../src/cli/Main.ts"), "relay", "--config", config(name, port, store)])
  const subject = (name: string, port: number, child: ChildProcess): Subject => {
    children.push(child)
    return { name, port, pid: child.pid! }
  }
  try {
    children.push(await start(0, [here("upstream.ts"), "4801"]))
    const subjects = [
      subject("bare node:http", 4802, await start(1, [here("bare.ts"), "4802", "4801"])),
      subject("relay, memory", 4803, await relay("memory", 4803, { type: "memory" })),
      subject("relay, sqlite", 4804, await relay("sqlite", 4804, { type: "sqlite", path: join(folder, "relay.db") }))
    ]
    for (const one of subjects) await throughput(one, 1000)
    const results = []
    for (const one of subjects) {
      const rate = await throughput(one, millis)
      const events = Math.round(millis / 20)
      const light = await paced(one, 20, 20, events)
      const full = await paced(one, 100, 5, Math.round(millis / 5))
      results.push({
        one,
        rate,
        light,
        full,
        first: await firstEvent(one, 300),
        chunks: await burst(one),
        bytes: await memory(one, 1000)
      })
    }
    const [bare] = results
    const ratio = (value: number, base: number) => `${(value / base).toFixed(2)}x`
    table([
      [
        "",
        "req/s",
        "of bare",
        "CPU us/req",
        "of bare",
        "events/s",
        "of bare",
        "CPU us/event (100 x 5 ms)",
        "of bare",
        "delay p50 ms (20 x 20 ms)",
        "added",
        "p99",
        "first event ms",
        "added",
        "RSS/open answer"
      ],
      ...results.map(({ bytes, chunks, first, full, light, one, rate }) => [
        one.name,
        rate.perSecond.toFixed(0),
        ratio(rate.perSecond, bare!.rate.perSecond),
        rate.cpuPerRequest.toFixed(0),
        ratio(rate.cpuPerRequest, bare!.rate.cpuPerRequest),
        chunks.toFixed(0),
        ratio(chunks, bare!.chunks),
        full.cpuPerEvent.toFixed(1),
        ratio(full.cpuPerEvent, bare!.full.cpuPerEvent),
        light.p50.toFixed(3),
        (light.p50 - bare!.light.p50).toFixed(3),
        light.p99.toFixed(3),
        first.toFixed(2),
        (first - bare!.first).toFixed(2),
        `${(bytes / 1024).toFixed(1)} kB`
      ])
    ])
  } finally {
    for (const child of children) child.kill("SIGKILL")
    rmSync(folder, { recursive: true, force: true })
    agent.destroy()
  }
}
