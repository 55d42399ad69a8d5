/**
 * A process that works for three seconds and then rests, and says so: for the test of what it gives back.
 */
import { Effect } from "effect"
import { giveBackAtRest } from "#src/cli/CollectorNode"

const every = 200
const looks = 15
let kept: Array<{ readonly text: string }> = []

const work = (until: number): void => {
  for (let at = 0; at < 20_000; at++) kept.push({ text: `${at} of ${until}` })
  if (kept.length > 200_000) kept = []
  if (performance.now() < until) return void setImmediate(work, until)
  kept = []
  console.log("worked")
  let rested = 0
  const timer = setInterval(() => {
    console.log(`rested ${++rested}`)
    if (rested === 100) clearInterval(timer)
  }, every)
}

Effect.runFork(Effect.scoped(Effect.andThen(giveBackAtRest({ every, looks }), Effect.never)))
setImmediate(work, performance.now() + 3_000)
