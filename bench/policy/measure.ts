/**
 * Times a subject with mitata: nanoseconds for a call, as the median of samples of many calls each.
 *
 * All subjects are measured in turn, and that several times over: what the machine does meanwhile then falls on all of
 * them, and the median of the rounds leaves it out. The first round is not counted: after it every policy has been
 * called with every kind of leaf, so that no subject is faster only because it came first.
 */
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { measure } from "mitata"
import type { Calls } from "./loops.ts"
import type { Group, Subject } from "./subjects.ts"

setFlagsFromString("--expose-gc")
/** Collects all garbage. */
export const collect = runInNewContext("gc") as () => void

/** How a call is made. */
export const ways = ["sync", "promise", "each"] as const

/** How a call is made. */
export type Way = (typeof ways)[number]

/**
 * Nanoseconds for a call: the median of all rounds, and the lowest tenth of all samples, which is what it costs while
 * nobody else wants the processor.
 */
export interface Time {
  readonly median: number
  readonly undisturbed: number
}

const rounds = 3

const quantile = (values: ReadonlyArray<number>, q: number): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length * q)] ?? Number.NaN

/** What ran before left the run loop compiled for itself: so many milliseconds are enough to have it compiled for another. */
const warmUp = 40
/** After a collection, which takes compiled code with it. With 40 ms the first subject of a group seemed to take up to twice as long. */
const warmUpAnew = 250

const sample = async (
  calls: Calls,
  count: number,
  milliseconds: number,
  warm = warmUp
): Promise<ReadonlyArray<number>> => {
  const until = performance.now() + warm
  while (performance.now() < until) await calls(count)
  const { samples } = await measure(() => calls(count), {
    gc: false,
    min_cpu_time: milliseconds * 1e6,
    min_samples: 5,
    warmup_samples: 0
  })
  return samples.map((time) => time / count)
}

/** Nanoseconds of a loop that no library takes part in: what differs between two of them is the machine. */
export const control = async (): Promise<number> => {
  const promise = async () => {
    let sum = 0
    for (let n = 0; n < 1000; n++) sum += await Promise.resolve(n)
    return sum
  }
  return quantile(await sample(promise, 1000, 150), 0.5)
}

/** The times of a subject, by the way of calling. */
export type Times = Map<Subject, Map<Way, Time>>

/** Measures all subjects. `after` is called after each round. */
export const measureAll = async (groups: ReadonlyArray<Group>, after: () => Promise<void>): Promise<Times> => {
  const found = new Map<Subject, Map<Way, Array<ReadonlyArray<number>>>>()
  for (let round = 0; round <= rounds; round++) {
    for (const { subjects } of groups) {
      collect()
      let warm = warmUpAnew
      for (const subject of subjects) {
        let byWay = found.get(subject)
        if (byWay === undefined) found.set(subject, (byWay = new Map()))
        for (const way of ways) {
          const calls = subject[way]
          if (calls === undefined) continue
          const samples = await sample(calls, subject.calls ?? 1000, round === 0 ? 1 : 60, warm)
          warm = warmUp
          const times = byWay.get(way) ?? []
          if (round > 0) times.push(samples)
          byWay.set(way, times)
        }
      }
    }
    await after()
  }
  const timeOf = (times: ReadonlyArray<ReadonlyArray<number>>): Time => ({
    median: quantile(
      times.map((samples) => quantile(samples, 0.5)),
      0.5
    ),
    undisturbed: quantile(times.flat(), 0.1)
  })
  return new Map(
    [...found].map(([subject, byWay]) => [subject, new Map([...byWay].map(([way, times]) => [way, timeOf(times)]))])
  )
}
