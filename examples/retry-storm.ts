/**
 * A retry storm, with and without a budget. A server that can answer 130 calls a second gets 100, and for ten seconds it
 * is ill and can answer 50. The time is virtual and the chance is seeded: each run gives the same numbers.
 *
 *   node --conditions=effect-resilience-source examples/retry-storm.ts
 */
import { Effect, Random } from "effect"
import { UpstreamOverloaded } from "effect-resilience/errors"
import { Retry, RetryBudget, RetrySchedule } from "effect-resilience/policy"
import { TestClock } from "effect/testing"

const callsPerSecond = 100
const capacityOf = (second: number): number => (second >= 10 && second < 20 ? 50 : 130)
const lasts = 60

interface Second {
  readonly asked: number
  readonly answered: number
}

const overloaded = new UpstreamOverloaded({})

/** What the server sees each second, and how many calls ended well. */
const simulate = (budget: Effect.Effect<RetryBudget.RetryBudget | undefined>) =>
  Effect.gen(function* () {
    const retry = Retry.make({
      attempts: 4,
      schedule: RetrySchedule.exponential({ base: "1 second", cap: "4 seconds" }),
      budget: yield* budget
    })
    let queue: Array<(answer: Effect.Effect<void, UpstreamOverloaded>) => void> = []
    const attempt = Effect.callback<void, UpstreamOverloaded>((resume) => void queue.push(resume))
    let well = 0
    const call = attempt.pipe(Retry.retry(retry), Effect.match({ onSuccess: () => void well++, onFailure: () => {} }))
    const seconds: Array<Second> = []
    for (let second = 0; second < lasts; second++) {
      for (let n = 0; n < callsPerSecond; n++) yield* Effect.forkChild(call)
      // Those who try again come in the course of the second; at its end the server has decided.
      yield* TestClock.adjust("1 second")
      const asking = queue
      queue = []
      const capacity = capacityOf(second)
      const asked = asking.length
      // Too much to do makes it slower, not only full: at twice its capacity it answers half of that.
      const answered = asked <= capacity ? asked : Math.floor((capacity * capacity) / asked)
      seconds.push({ asked, answered })
      for (let left = asked, more = answered; left > 0; left--) {
        const chosen = (yield* Random.next) * left < more
        if (chosen) more--
        asking[left - 1]?.(chosen ? Effect.void : Effect.fail(overloaded))
      }
    }
    return { seconds, well }
  }).pipe(Effect.scoped, Effect.provide(TestClock.layer()), Random.withSeed("retry storm"))

const span = 5
const average = (seconds: ReadonlyArray<Second>, from: number, what: keyof Second): number =>
  Math.round(seconds.slice(from, from + span).reduce((sum, second) => sum + second[what], 0) / span)
const bar = (value: number): string => "#".repeat(Math.round(value / 10))

const program = Effect.gen(function* () {
  const none = yield* simulate(Effect.undefined)
  const some = yield* simulate(RetryBudget.window({ ratio: 0.2, minPerSecond: 1 }))

  console.log(`${callsPerSecond} calls a second, each with up to 4 attempts. From second 10 to 19 the server is ill.\n`)
  console.log("               without a budget                     with a budget of one retry in five calls")
  console.log("  seconds     asked/s  answered/s                  asked/s  answered/s")
  for (let from = 0; from < lasts; from += span) {
    const column = ({ seconds }: typeof none): string => {
      const answered = average(seconds, from, "answered")
      return `${String(average(seconds, from, "asked")).padStart(7)}  ${String(answered).padStart(10)}  ${bar(answered).padEnd(14)}`
    }
    const label = `${String(from).padStart(2)} to ${String(from + span - 1).padStart(2)}`
    console.log(`  ${label}    ${column(none)}  ${column(some)}`.trimEnd())
  }

  const total = lasts * callsPerSecond
  const share = (well: number): string => `${Math.round((well / total) * 100)} %`
  const asked = (seconds: ReadonlyArray<Second>): number => seconds.reduce((sum, second) => sum + second.asked, 0)
  console.log(
    `\nOf ${total} calls ${share(none.well)} were answered without a budget, and ${share(some.well)} with one;`
  )
  console.log(`the server was asked ${asked(none.seconds)} times without, and ${asked(some.seconds)} times with it.`)
  console.log("Without one the retries alone are more than the server can take: it stays ill when its illness is over.")
})

await Effect.runPromise(program)
