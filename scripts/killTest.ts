/**
 * `npm run test:kill [-- RUNS [SEED]]`: kills a relay so often (1,000), or cuts its clients' connections, while they read from it, and
 * prints what became of their answers. Exits with 1 if anything of any of them was lost, doubled or wrong.
 */
import { type KillReport, quantile, runKills } from "../test/kill/killing.ts"
import { bundleIfChanged } from "./bundleCommand.ts"

const [runs = 1000, seed = Date.now() % 1_000_000] = process.argv.slice(2).map(Number)
if (!Number.isSafeInteger(runs) || !Number.isSafeInteger(seed) || runs < 1) {
  console.error("usage: npm run test:kill [-- RUNS [SEED]]: whole numbers")
  process.exit(2)
}

const millis = (values: ReadonlyArray<number>): string =>
  `median ${quantile(values, 0.5).toFixed(0)} ms, p99 ${quantile(values, 0.99).toFixed(0)} ms`

const bad = ({ doubled, errors, generations, lost, otherwise, terminals, wrongTexts }: KillReport) => ({
  lost,
  doubled,
  "not one terminal event": terminals,
  "ended with an error": errors,
  "wrong texts": wrongTexts,
  "other when read again": otherwise,
  "asked too often": generations
})

await bundleIfChanged()
const began = performance.now()
let told = 0
console.log(`${runs} kills and rounds of cuts, seed ${seed}`)
const report = await runKills({
  runs,
  seed,
  worlds: 2,
  onRound: (soFar) => {
    for (const complaint of soFar.complaints.slice(told)) console.log(complaint)
    told = soFar.complaints.length
    const faults = Object.values(bad(soFar)).reduce((sum, count) => sum + count, 0)
    const seconds = ((performance.now() - began) / 1000).toFixed(0)
    console.log(
      `${seconds} s: ${soFar.kills} kills, ${soFar.cuts} cuts, ${soFar.answers} answers, ${soFar.hits} hit, ${faults} faults`
    )
  }
})

for (const complaint of report.complaints.slice(told)) console.log(complaint)
console.table({
  kills: report.kills,
  answers: report.answers,
  "under way when killed": report.hits,
  "connections cut": report.cuts,
  "asked anew, without an id": report.askedAnew,
  "whole, and told as broken": report.undecided,
  ...bad(report)
})
console.log(`from listening to the first new event: ${millis(report.toGoOn)} (${report.toGoOn.length})`)
console.log(`from the kill to the terminal event:   ${millis(report.toEnd)} (${report.toEnd.length})`)
process.exit(report.complaints.length === 0 ? 0 : 1)
