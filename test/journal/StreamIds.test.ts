import { assert, describe, it } from "@effect/vitest"
import { vi } from "vitest"
import { isStreamId, makeStreamId } from "#src/journal/Cursor"

describe("a fresh stream id", () => {
  it("is one by the grammar, and no two are the same", () => {
    const ids = Array.from({ length: 20_000 }, makeStreamId)
    assert.isTrue(ids.every(isStreamId))
    assert.strictEqual(new Set(ids).size, ids.length)
    // Behind the time stand 22 characters of chance: each of the 64 at each place.
    for (let at = 0; at < 22; at++) assert.strictEqual(new Set(ids.map((id) => id.at(-1 - at))).size, 64)
  })

  it("sorts by the moment in which it was drawn, as SQLite and PostgreSQL's C collation sort", () => {
    const clock = vi.spyOn(Date, "now")
    try {
      const moments = [0, 1, 63, 64, 4095, 4096, 1_795_794_521_000, 1_795_794_521_001, 2 ** 42 - 1]
      const ids = moments.map((at) => {
        clock.mockReturnValue(at)
        return makeStreamId()
      })
      assert.isTrue(ids.every(isStreamId))
      assert.deepStrictEqual(
        [...ids].sort((a, b) => (a < b ? -1 : 1)),
        ids
      )
      assert.isTrue(ids.every((id) => id.length === ids[0]!.length))
    } finally {
      clock.mockRestore()
    }
  })
})
