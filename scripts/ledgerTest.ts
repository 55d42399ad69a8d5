/**
 * `npm run test:ledger [-- REQUESTS [SEED]]`: sends so many requests (10,000) to a relay and interrupts them at every kind of
 * moment, and prints what became of their credits. Exits with 1 if one was lost, doubled or left open.
 */
import { runInterrupts } from "../test/kill/interrupting.ts"
import { bundleIfChanged } from "./bundleCommand.ts"

const [requests = 10_000, seed = Date.now() % 1_000_000] = process.argv.slice(2).map(Number)
if (!Number.isSafeInteger(requests) || !Number.isSafeInteger(seed) || requests < 1) {
  console.error("usage: npm run test:ledger [-- REQUESTS [SEED]]: whole numbers")
  process.exit(2)
}

console.log(`${requests} requests, seed ${seed}`)
await bundleIfChanged()
const began = performance.now()
const { complaints, sum, ...counts } = await runInterrupts({
  requests,
  seed,
  onRound: (soFar) => {
    const seconds = ((performance.now() - began) / 1000).toFixed(0)
    console.log(`${seconds} s: ${soFar.requests} requests, ${soFar.kills} kills, ${soFar.locks} locks`)
  }
})
for (const complaint of complaints) console.log(complaint)
console.table(counts)
console.table(sum)
process.exit(complaints.length === 0 ? 0 : 1)
