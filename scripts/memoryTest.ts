/**
 * `npm run test:memory [-- STREAMS [STORE]]`: opens so many answers (5,000) whose readers are slow, on a store (sqlite), and
 * prints what they take, and what is left of them. Exits with 1 if that is too much. Two files for each must be allowed
 * (`ulimit -n`).
 */
import { faultsOf, runSlowReaders } from "../test/memory/slowReaders.ts"
import { bundleIfChanged } from "./bundleCommand.ts"

const [said = "5000", store = "sqlite"] = process.argv.slice(2)
const streams = Number(said)
if (!Number.isSafeInteger(streams) || streams < 1 || (store !== "sqlite" && store !== "memory")) {
  console.error("usage: npm run test:memory [-- STREAMS [sqlite|memory]]")
  process.exit(2)
}

await bundleIfChanged()
const options = { streams, store, say: (line: string) => console.log(line) } as const
const report = await runSlowReaders(options)
const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1)
console.table({
  "open answers": streams,
  "of them floods that nobody reads": report.floods,
  "resident before, MB": megabytes(report.before),
  "at most, MB": megabytes(report.most),
  "in use before, MB": megabytes(report.usedBefore),
  "in use with all open, MB": megabytes(report.usedOpen),
  "for each, kB": ((report.usedOpen - report.usedBefore) / streams / 1e3).toFixed(1),
  "in use after, MB": megabytes(report.usedAfter),
  "not whole": report.notWhole
})
const faults = faultsOf(options, report)
for (const fault of faults) console.log(fault)
process.exit(faults.length === 0 ? 0 : 1)
