/**
 * What is measured of a subject. Each gives plain figures; times are in milliseconds, CPU in microseconds.
 */
import { type Client, now } from "./client.ts"
import { cpuOf, rssOf } from "./process.ts"
import type { Subject } from "./subjects.ts"

/** The value below which a share of all is. */
export const quantile = (values: ReadonlyArray<number>, q: number): number =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * q))] ?? Number.NaN

/** The middle one. */
export const median = (values: ReadonlyArray<number>): number => quantile(values, 0.5)

/** As many short answers as can be had with 32 clients. */
export const throughput = async (subject: Subject, client: Client, millis: number) => {
  const until = now() + millis
  const took: Array<number> = []
  const before = cpuOf(subject.pid)
  const one = async (): Promise<void> => {
    while (now() < until) {
      const answer = await client.ask("bench-10-0")
      if (!answer.whole || answer.events !== 10) throw new Error(`${subject.name} gave ${answer.events} events of 10`)
      took.push(answer.took)
    }
  }
  const began = now()
  await Promise.all(Array.from({ length: 32 }, one))
  return {
    perSecond: (took.length * 1000) / (now() - began),
    p50: quantile(took, 0.5),
    p99: quantile(took, 0.99),
    cpuPerRequest: (cpuOf(subject.pid) - before) / took.length
  }
}

/**
 * Asks until a request costs as much as in the slice before: at least three slices of half of `millis`, at most eight.
 *
 * Who has rested while the others were measured is slower at first, by half or more and for seconds: ours has lost compiled code
 * then (decision 0057), and the bare relay was seen to be slower, too.
 */
export const warmUp = async (subject: Subject, client: Client, millis: number): Promise<void> => {
  let before = Number.POSITIVE_INFINITY
  for (let slice = 1; slice <= 8; slice++) {
    const { cpuPerRequest } = await throughput(subject, client, millis / 2)
    if (slice >= 3 && cpuPerRequest > before * 0.95) return
    before = cpuPerRequest
  }
}

/** Events per second through eight answers at once whose upstream does not wait. */
export const burst = async (client: Client): Promise<number> => {
  const began = now()
  const all = await Promise.all(Array.from({ length: 8 }, () => client.ask("bench-20000-0")))
  return (all.reduce((sum, one) => sum + one.events, 0) * 1000) / (now() - began)
}

/** The time to the first event of answers that are asked for one after the other: the median. */
export const firstEvent = async (client: Client, count: number): Promise<number> => {
  const all: Array<number> = []
  for (let i = 0; i < count; i++) all.push((await client.ask("bench-1-0")).firstAfter)
  return median(all)
}

/** `streams` answers at once, one event every `every` ms each, for so many milliseconds. */
export const paced = async (subject: Subject, client: Client, streams: number, every: number, millis: number) => {
  const before = cpuOf(subject.pid)
  const delays: Array<number> = []
  const all = await Promise.all(
    Array.from({ length: streams }, () =>
      client.ask(`bench-${Math.round(millis / every)}-${every}`, (delay) => void delays.push(delay))
    )
  )
  const events = all.reduce((sum, one) => sum + one.events, 0)
  return { cpuPerEvent: (cpuOf(subject.pid) - before) / events, p50: quantile(delays, 0.5) }
}

/**
 * Bytes of resident memory for each open and silent answer: what 2,000 of them add to 500, which have filled the room that
 * the heap had left.
 */
export const perOpenAnswer = async (subject: Subject, client: Client): Promise<number> => {
  const open = (answers: number) => Array.from({ length: answers }, () => client.ask("bench-1-6000"))
  const settled = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis))
  const first = open(500)
  await settled(1_500)
  const before = rssOf(subject.pid)
  const more = open(2_000)
  await settled(2_500)
  const after = rssOf(subject.pid)
  await Promise.all([...first, ...more])
  return (after - before) / more.length
}
