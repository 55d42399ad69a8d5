/**
 * Every reservation is settled or refunded, once, whatever is interrupted. `npm run test:ledger` does the same for longer.
 */
import { assert, describe, it } from "@effect/vitest"
import { runInterrupts } from "./interrupting.ts"

const seed = Number(process.env["LEDGER_SEED"] ?? Date.now() % 1_000_000)

/** What a change is looked at by; more where there is time. */
const requests = Number(process.env["LEDGER_REQUESTS"] ?? 200)

describe("requests interrupted by kills, cuts, cancels, timeouts, replays and books that are away", () => {
  it(`${requests} of them: each reservation has one end, the drift is 0 (seed ${seed})`, async () => {
    const { complaints, kills, refunded, reserved, settled, sum } = await runInterrupts({ requests, seed })
    assert.deepStrictEqual(complaints, [])
    assert.deepInclude(sum, { drift: 0, open: 0 })
    // Otherwise nothing is shown by all this.
    assert.isAtLeast(kills, 3)
    assert.isAtLeast(reserved, requests / 6)
    assert.isAtLeast(settled, requests / 12)
    assert.isAtLeast(refunded, requests / 50)
  }, 300_000)
})
