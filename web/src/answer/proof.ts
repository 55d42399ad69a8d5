/**
 * Whether what was read is what was to be read: how many characters are missing, and how many are there that should not
 * be. Characters are code points. Pure.
 */

/** The comparison of two texts. */
export interface Proof {
  readonly expected: number
  readonly received: number
  readonly lost: number
  readonly doubled: number
}

/** The length of the longest text that is in both, in this order, with anything between. */
const inBoth = (one: ReadonlyArray<string>, other: ReadonlyArray<string>): number => {
  let above = new Uint32Array(other.length + 1)
  for (const letter of one) {
    const row = new Uint32Array(other.length + 1)
    for (let at = 0; at < other.length; at++) {
      row[at + 1] = letter === other[at] ? above[at]! + 1 : Math.max(above[at + 1]!, row[at]!)
    }
    above = row
  }
  return above[other.length]!
}

/** What of `expected` is missing in `received`, and what is in it beside that. */
export const compare = (expected: string, received: string): Proof => {
  const wanted = Array.from(expected)
  const got = Array.from(received)
  const common = expected === received ? wanted.length : inBoth(wanted, got)
  return {
    expected: wanted.length,
    received: got.length,
    lost: wanted.length - common,
    doubled: got.length - common
  }
}

/** Whether nothing is lost and nothing doubled. */
export const isWhole = ({ doubled, lost }: Proof): boolean => lost === 0 && doubled === 0
