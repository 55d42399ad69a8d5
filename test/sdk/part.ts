/**
 * The part of a matrix that `npm test` goes to. All of it (`npm run test:matrix`) is thousands of places, and takes a quarter
 * of an hour of processor; what breaks, breaks for a value of one axis or for two that meet. Where `CI` is not set it is a share of
 * that part (`../support/share.ts`).
 */

import { share } from "../support/share.ts"

const all = process.env["MATRIX"] === "all"

/** A quarter. */
const oneIn = 4

/** What has a place on each axis of a matrix: the sum of its numbers there. */
export interface Placed {
  readonly at: number
}

/**
 * Every fourth place of each diagonal; the case is one axis more. So each case meets every value of each axis, and over four
 * cases that follow each other every two values of different axes meet (in CI).
 */
export const part = <Row extends Placed>(nth: number, rows: ReadonlyArray<Row>): ReadonlyArray<Row> =>
  all
    ? rows
    : share(
        rows.filter(({ at }) => (nth + at) % oneIn === 0),
        nth
      )
