/**
 * How much of the largest tables and properties is gone through: all that CI has time for, and a third of it where somebody waits
 * for `npm test`. What breaks, breaks for a value of one axis or for two that meet.
 */
import process from "node:process"

const { CI, MATRIX, UPDATE } = process.env
// What is written anew is written whole.
const all = CI === "true" || MATRIX === "all" || UPDATE === "1"
const third = 1 / 3

/** No axis of a table is as long as a multiple of it, so that each value of each axis is met, by a third of what there is. */
const golden = (Math.sqrt(5) - 1) / 2

/** A third of the rows of a table, and at least one: `nth` says which. */
export const share = <Row>(rows: ReadonlyArray<Row>, nth = 0): ReadonlyArray<Row> => {
  if (all) return rows
  const some = rows.filter((_, at) => ((at + nth) * golden) % 1 < third)
  return some.length > 0 ? some : rows.slice(0, 1)
}

/** So many runs of a property, or a third of them. */
export const shareOfRuns = (count: number): number => (all ? count : Math.ceil(count * third))

/** Whether everything is gone through. */
export const isAll = all
