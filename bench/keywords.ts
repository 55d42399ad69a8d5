/**
 * Keywords in an upstream's message: what it costs to make the automaton of 10,000, and to read a message of 4 KiB that
 * holds none of them, beside a search for each.
 */
import { foldCase, makeWordFinder } from "#src/dialect/index"

const samples = 11
const unmeasured = 3

const letters = "abcdefghijklmnopqrstuvwxyz     "

/** Text that is the same in each run. */
const makeText = (seed: number) => {
  let state = seed
  return (length: number): string => {
    let text = ""
    while (text.length < length) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      text += letters[(state >>> 16) % letters.length]!
    }
    return text
  }
}

/** The median of samples, of so many runs each, in milliseconds of this process's own: others have the processor too. */
const median = (runs: number, run: () => unknown): number => {
  const times: Array<number> = []
  for (let at = 0; at < samples + unmeasured; at++) {
    const before = process.cpuUsage()
    for (let time = 0; time < runs; time++) run()
    const { system, user } = process.cpuUsage(before)
    if (at >= unmeasured) times.push((user + system) / 1000 / runs)
  }
  return times.sort((a, b) => a - b)[Math.floor(times.length / 2)]!
}

const micros = (millis: number): string => `${(millis * 1000).toFixed(1)} µs`

/** Prints a table. */
export const run = async (): Promise<void> => {
  const text = makeText(7)
  const message = text(4096)
  const rows = [4, 100, 1_000, 10_000].map((count) => {
    const words = Array.from({ length: count }, (_, at) => `${text(20)} ${at} is disabled`)
    const made = median(1, () => makeWordFinder(words))
    const finder = makeWordFinder(words)
    const folded = words.map(foldCase)
    return {
      keywords: count,
      "make, ms": made.toFixed(1),
      "one pass": micros(median(50, () => finder.allIn(message))),
      "one after the other": micros(
        median(1, () => {
          const read = foldCase(message)
          return folded.filter((word) => read.includes(word))
        })
      )
    }
  })
  console.table(rows)
  await Promise.resolve()
}
