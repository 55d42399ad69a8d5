/**
 * A few seconds of load, as `npm run test:load` does it for a minute.
 */
import { assert, describe, it } from "@effect/vitest"
import { faultsOf, runLoad } from "./load.ts"

const seed = Number(process.env["LOAD_SEED"] ?? Date.now() % 1_000_000)

describe("clients of every dialect, and a tenth of all calls going wrong", () => {
  it(`no answer is lost, nothing is kept, the ledger is exact (seed ${seed})`, async () => {
    const report = await runLoad({ seconds: 3, perSecond: 50, seed })
    assert.deepStrictEqual(faultsOf(report), [])
    // Otherwise nothing is shown by all this.
    assert.isAtLeast(report.sent + report.unsent, 150)
    assert.isAtLeast(report.whole, 140)
    assert.isAtLeast(report.faults, 10)
    assert.isAbove(report.ledger["granted"] ?? 0, 0)
  }, 120_000)
})
