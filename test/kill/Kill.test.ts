/**
 * Answers outlive the process that writes them, whenever it is killed. `npm run test:kill` does the same for longer.
 */
import { assert, describe, it } from "@effect/vitest"
import { isCi } from "../support/share.ts"
import { quantile, runKills } from "./killing.ts"

const seed = Number(process.env["KILL_SEED"] ?? Date.now() % 1_000_000)

/** What a change is looked at by, and what CI has time for; `npm run test:kill` has 1,000. */
const runs = isCi ? 100 : 12

describe("kill -9 at any moment, a restart, cut connections, and clients that come back by an id or by a key", () => {
  it(`${runs} runs: nothing lost, nothing doubled, one end, the whole text, one generation a life (seed ${seed})`, async () => {
    const report = await runKills({ runs, seed, worlds: 2 })
    const { complaints, toEnd, toGoOn, ...counts } = report
    assert.deepEqual(complaints, [])
    assert.deepInclude(counts, {
      lost: 0,
      doubled: 0,
      terminals: 0,
      errors: 0,
      wrongTexts: 0,
      otherwise: 0,
      generations: 0
    })
    assert.isAtLeast(counts.kills, runs * 0.7)
    // What was killed, and cut, was under way: otherwise nothing is shown by all this.
    assert.isAtLeast(counts.hits, 2 * runs)
    assert.isAtLeast(counts.cuts, runs)
    assert.isAtLeast(toGoOn.length, runs)
    console.info(
      `seed ${seed}: ${counts.kills} kills, ${counts.cuts} cuts, ${counts.answers} answers; first new event after listening: median ` +
        `${quantile(toGoOn, 0.5).toFixed(0)} ms, p99 ${quantile(toGoOn, 0.99).toFixed(0)} ms; from kill to end: ` +
        `median ${quantile(toEnd, 0.5).toFixed(0)} ms, p99 ${quantile(toEnd, 0.99).toFixed(0)} ms`
    )
  }, 900_000)
})
