/**
 * The name that somebody most likely meant: for "did you mean" in the faults of the configuration and of the command
 * line.
 */
import { longestName } from "../errors/index.ts"

/**
 * The optimal string alignment distance of two names (Damerau and Levenshtein, without moves of moved letters), with
 * letter case ignored.
 */
const distance = (a: string, b: string): number => {
  const [left, right] = [a.toLowerCase(), b.toLowerCase()]
  let beforePrevious: Array<number> = []
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index)
  for (let row = 1; row <= left.length; row++) {
    const current = [row]
    for (let column = 1; column <= right.length; column++) {
      const same = left[row - 1] === right[column - 1]
      let best = Math.min(
        (previous[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (previous[column - 1] ?? 0) + (same ? 0 : 1)
      )
      const swapped =
        row > 1 && column > 1 && left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1]
      if (swapped) best = Math.min(best, (beforePrevious[column - 2] ?? 0) + 1)
      current.push(best)
    }
    beforePrevious = previous
    previous = current
  }
  return previous[right.length] ?? 0
}

/**
 * The candidate nearest to `name`, or `undefined` when none is near: at most one slip in three letters. The first wins
 * a tie.
 */
export const nearest = (name: string, candidates: ReadonlyArray<string>): string | undefined => {
  // No slip of a known word is so long, and each letter is compared with each.
  if (name.length > longestName) return undefined
  let best: string | undefined
  let bestDistance = Number.POSITIVE_INFINITY
  for (const candidate of candidates) {
    const slips = distance(name, candidate)
    if (slips < bestDistance && slips <= Math.max(1, Math.floor(candidate.length / 3))) {
      best = candidate
      bestDistance = slips
    }
  }
  return best
}
