/**
 * What is left of a table where somebody waits: less than half of it, and every value of every axis.
 */
import { assert, describe, it } from "@effect/vitest"
import { isAll, share, shareOfRuns, thirdOf } from "./share.ts"

const table = (...lengths: ReadonlyArray<number>) =>
  lengths
    .reduce<ReadonlyArray<ReadonlyArray<number>>>(
      (rows, length) => rows.flatMap((row) => Array.from({ length }, (_, value) => [...row, value])),
      [[]]
    )
    .map(([client = 0, dialect = 0, delivery = 0]) => ({
      client,
      dialect,
      delivery,
      name: `${client} ${dialect} ${delivery}`
    }))

describe("a third of a table", () => {
  it.each([
    [8, 4, 2],
    [8, 4, 3],
    [4, 4, 2],
    [13, 5, 3],
    [3, 3, 3]
  ])("of %d clients, %d dialects, %d deliveries meets each, whichever it is", (...lengths) => {
    const rows = table(...lengths)
    for (let nth = 0; nth < 20; nth++) {
      const some = thirdOf(rows, nth)
      assert.isBelow(some.length, rows.length / 2)
      for (const axis of ["client", "dialect", "delivery"] as const)
        assert.strictEqual(new Set(some.map((row) => row[axis])).size, new Set(rows.map((row) => row[axis])).size, axis)
    }
  })

  it("is another for another case, at least one row, and none of none", () => {
    const rows = table(8, 4, 2)
    assert.notDeepEqual(thirdOf(rows, 0), thirdOf(rows, 1))
    assert.lengthOf(thirdOf([{ name: "one" }]), 1)
    assert.lengthOf(thirdOf([]), 0)
    // In CI it is all of it.
    assert.deepEqual(share(rows), isAll ? rows : thirdOf(rows))
    assert.strictEqual(shareOfRuns(10), isAll ? 10 : 4)
  })
})
