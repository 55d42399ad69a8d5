/**
 * `npm run test:load [-- SECONDS [PER_SECOND [SEED]]]`: sends a relay so many requests a second (500) of clients of every
 * dialect for so long (60 seconds) while a tenth of all calls to upstreams go wrong, and prints what became of the answers,
 * of the ledger and of the relay's memory. Exits with 1 if an answer was lost, a credit is off or something was kept.
 *
 * Upstreams and clients are in this process, the relay has one of its own: two cores are the least on which the rate says
 * something. What the machine could not do is told beside what was asked.
 */
import { faultsOf, runLoad } from "../test/load/load.ts"
import { bundleIfChanged } from "./bundleCommand.ts"

const [seconds = 60, perSecond = 500, seed = Date.now() % 1_000_000] = process.argv.slice(2).map(Number)
if (![seconds, perSecond, seed].every(Number.isSafeInteger) || seconds < 1 || perSecond < 1) {
  console.error("usage: npm run test:load [-- SECONDS [PER_SECOND [SEED]]]: whole numbers")
  process.exit(2)
}

console.log(`${perSecond} requests a second for ${seconds} s, seed ${seed}`)
await bundleIfChanged()
const report = await runLoad({ seconds, perSecond, seed, say: console.log })
const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1)
const { errors, faults: wrong, files, latest, ledger, p50, p99, resident, sent, tookMillis, unsent, whole } = report
console.table({
  "asked for": seconds * perSecond,
  sent,
  "never sent (1,000 were open)": unsent,
  "a second, as it went": (sent / (tookMillis / 1000)).toFixed(0),
  "sent at most so late, ms": latest.toFixed(0),
  "calls to upstreams": report.calls,
  "of them wrong": wrong,
  "answers that were whole": whole,
  "that ended in an error": JSON.stringify(errors),
  "that were lost": report.lost.length,
  "whole answer, p50 ms": p50.toFixed(1),
  "whole answer, p99 ms": p99.toFixed(1),
  "resident before, midway, after, MB": resident.map(megabytes).join(", "),
  "files and sockets before, after": files.join(", "),
  "ledger: drift, open": `${ledger["drift"]}, ${ledger["open"]}`
})
if (unsent > 0 || tookMillis > seconds * 1100) {
  console.log(`this machine did not do ${perSecond} a second: what is said above is of what it did`)
}
const faults = faultsOf(report)
for (const fault of faults) console.log(fault)
process.exit(faults.length === 0 ? 0 : 1)
