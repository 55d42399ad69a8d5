/**
 * Many open answers with slow readers take a bounded room, and nothing of it is left. `npm run test:memory` does the same
 * with 5,000.
 */
import { assert, describe, it } from "@effect/vitest"
import { faultsOf, runSlowReaders } from "./slowReaders.ts"

// Side by side: most of it is waiting, and what is measured is in processes of their own.
describe("many open answers whose readers are slow", { concurrent: true }, () => {
  it.each(["sqlite", "memory"] as const)(
    "take a bounded room, come whole, and leave nothing behind (%s)",
    { timeout: 120_000 },
    async (store) => {
      const options = { streams: 300, store }
      assert.deepStrictEqual(faultsOf(options, await runSlowReaders(options)), [])
    }
  )
})
