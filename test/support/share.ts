/**
 * How much of the largest tables and properties is gone through: all that CI has time for, and a third of it where somebody waits
 * for `npm test`.
 */
import process from "node:process"

const { CI = "", MATRIX, UPDATE } = process.env

/** Whether this is CI. */
export const isCi = CI !== "" && CI !== "false"

/** Whether everything is gone through: what is written anew is written whole. */
export const isAll = isCi || MATRIX === "all" || UPDATE === "1"

const third = 1 / 3

/** Far from one another, whatever a table repeats itself by. */
const golden = (Math.sqrt(5) - 1) / 2

/** What a row has on each axis of its table: what as many rows have as there are rows is a name. */
const axesOf = <Row extends object>(rows: ReadonlyArray<Row>, most: number): ReadonlyArray<keyof Row> =>
  (Object.keys(rows[0] ?? {}) as Array<keyof Row>).filter((axis) => new Set(rows.map((row) => row[axis])).size <= most)

/**
 * A third of the rows of a table, in which every value of every axis is met, and at least one row: `nth` says which, so that cases
 * that follow each other meet others.
 */
export const thirdOf = <Row extends object>(rows: ReadonlyArray<Row>, nth = 0): ReadonlyArray<Row> => {
  const most = Math.ceil(rows.length * third)
  const axes = axesOf(rows, most)
  const place = new Map(rows.map((row, at) => [row, ((at + 7 * nth) * golden) % 1]))
  const order = Array.from(rows).sort((one, other) => place.get(one)! - place.get(other)!)
  const met = new Map(axes.map((axis) => [axis, new Set<unknown>()]))
  const taken = new Set<Row>()
  const take = (row: Row): void => {
    taken.add(row)
    for (const [axis, values] of met) values.add(row[axis])
  }
  for (const row of order) if (axes.some((axis) => !met.get(axis)!.has(row[axis]))) take(row)
  for (const row of order) if (taken.size < most && !taken.has(row)) take(row)
  return rows.filter((row) => taken.has(row))
}

/** What is gone through of a table. */
export const share = <Row extends object>(rows: ReadonlyArray<Row>, nth = 0): ReadonlyArray<Row> =>
  isAll ? rows : thirdOf(rows, nth)

/** So many runs of a property, or a third of them. */
export const shareOfRuns = (count: number): number => (isAll ? count : Math.ceil(count * third))
