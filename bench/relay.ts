/**
 * The relay beside a bare `node:http` relay that parses the same frames, nginx where it is installed, and Portkey where
 * `PORTKEY` names a folder with it: all in one run, in turns. bench/README.md keeps the method.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { loadavg, tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { type Client, makeClient } from "./relay/client.ts"
import { goals } from "./relay/goals.ts"
import { burst, firstEvent, paced, perOpenAnswer, throughput, warmUp } from "./relay/measures.ts"
import { cores, pin, ports, stopAll } from "./relay/process.ts"
import { against, type Measured, over, type Round } from "./relay/rounds.ts"
import { startBare, startNginx, startPortkey, startRelay, startUpstream, type Subject } from "./relay/subjects.ts"

const measureRound = async (subject: Subject, client: Client, millis: number): Promise<Round> => {
  await warmUp(subject, client, millis)
  const { cpuPerRequest, p50, p99, perSecond } = await throughput(subject, client, millis)
  const { p50: delay } = await paced(subject, client, 20, 20, millis / 2)
  const { cpuPerEvent } = await paced(subject, client, 100, 5, millis)
  const first = await firstEvent(client, Math.round(millis / 12))
  return { perSecond, p50, p99, cpuPerRequest, cpuPerEvent, delay, first, eventsPerSecond: await burst(client) }
}

const difference = (own: number, bare: number): number => own - bare

const row = (measured: Measured, bare: Measured) => {
  const ratio = (of: (round: Round) => number): string => against(measured, bare, of).toFixed(2)
  const value = (of: (round: Round) => number, digits: number): string => over(measured, of).toFixed(digits)
  return {
    "": measured.subject.name,
    "req/s": value((round) => round.perSecond, 0),
    "of bare": ratio((round) => round.perSecond),
    "p50 ms": value((round) => round.p50, 1),
    "p99 ms": value((round) => round.p99, 1),
    "x bare": ratio((round) => round.p99),
    "CPU us/req": value((round) => round.cpuPerRequest, 0),
    "x bare ": ratio((round) => round.cpuPerRequest),
    "CPU us/event": value((round) => round.cpuPerEvent, 1),
    "x bare  ": ratio((round) => round.cpuPerEvent),
    "burst, events/s": value((round) => round.eventsPerSecond, 0),
    "of bare ": ratio((round) => round.eventsPerSecond),
    "delay p50 ms": value((round) => round.delay, 3),
    added: against(measured, bare, (round) => round.delay, difference).toFixed(3),
    "first event ms": value((round) => round.first, 2),
    "added ": against(measured, bare, (round) => round.first, difference).toFixed(2),
    "kB/open answer": (measured.bytes / 1024).toFixed(1)
  }
}

const spread = (values: ReadonlyArray<number>): string => {
  const [least, most] = [Math.min(...values), Math.max(...values)]
  return `${least.toFixed(0)} to ${most.toFixed(0)} (${Math.round((most / least - 1) * 100)} %)`
}

const load = (): string =>
  loadavg()
    .map((value) => value.toFixed(1))
    .join(" ")

/**
 * Runs the benchmark and prints its tables. `BENCH_ROUNDS` (5) and `BENCH_SECONDS` (4, of each longer measure) scale it;
 * `BENCH_SUBJECTS` names those to measure beside the bare relay, by parts of their names (default: all that there are).
 */
export const run = async (): Promise<void> => {
  const millis = Number(process.env.BENCH_SECONDS ?? "4") * 1000
  const rounds = Number(process.env.BENCH_ROUNDS ?? "5")
  const wanted = process.env.BENCH_SUBJECTS?.split(",") ?? [""]
  const folder = mkdtempSync(join(tmpdir(), "effect-resilience-bench-"))
  const clients: Array<Client> = []
  console.log(`Node ${process.version}, load ${load()} at the start; ${rounds} rounds of ${millis / 1000} s a measure`)
  pin(cores.load)
  try {
    await startUpstream()
    const makers: ReadonlyArray<readonly [string, (port: number) => Promise<Subject | undefined>]> = [
      ["bare node:http", startBare],
      ["nginx", (port) => startNginx(port, folder)],
      ["relay, memory", (port) => startRelay({ name: "relay, memory", port, folder, store: "memory" })],
      ["relay, SQLite", (port) => startRelay({ name: "relay, SQLite", port, folder, store: "sqlite" })],
      ["Portkey", startPortkey]
    ]
    const subjects: Array<{ subject: Subject; client: Client; bytes: number; rounds: Array<Round> }> = []
    for (const [at, [name, make]] of makers.entries()) {
      if (at > 0 && !wanted.some((part) => name.includes(part))) continue
      const subject = await make(ports.first + at)
      if (subject === undefined) continue
      const client = makeClient(subject)
      clients.push(client)
      // On one core, which its compiler has to share, a large program takes some fifteen seconds until its code is compiled.
      await throughput(subject, client, millis * 4)
      subjects.push({ subject, client, bytes: await perOpenAnswer(subject, client), rounds: [] })
    }
    for (let round = 0; round < rounds; round++) {
      // There and back: who comes first is not always the same.
      for (const one of round % 2 === 0 ? subjects : [...subjects].reverse()) {
        one.rounds.push(await measureRound(one.subject, one.client, millis))
      }
    }
    const [bare] = subjects
    console.table(subjects.map((measured) => row(measured, bare!)))
    console.table(goals(subjects, bare!))
    console.log(
      `Noise: bare's requests/s ${spread(bare!.rounds.map((round) => round.perSecond))}, ` +
        `its CPU us/request ${spread(bare!.rounds.map((round) => round.cpuPerRequest))}; load ${load()} at the end`
    )
  } finally {
    for (const client of clients) client.close()
    stopAll()
    rmSync(folder, { recursive: true, force: true })
  }
}
