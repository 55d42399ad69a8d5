/**
 * What a batch of ends comes to: each stream once, what was reserved given back, balances row by row.
 */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { changesOf, finalRows, freshOf, type Taken } from "#src/account/FinalRows"
import type { Final } from "#src/account/index"

const final = (streamId: string, credits: number | "refund", token = "a"): Final => ({
  streamId,
  token,
  group: "default",
  credits,
  reason: null,
  model: "m",
  channel: "c",
  inputTokens: 1,
  outputTokens: 2,
  cachedTokens: 0
})
const reserved = (credits: number, token = "a") => ({
  token,
  token_group: "default",
  credits,
  of_token: credits,
  of_group: 0
})
const at = 1000
const rowsOf = (fresh: ReadonlyArray<Final>, taken: Taken, before: ReadonlyMap<string, number> = new Map()) =>
  finalRows(fresh, taken, before, { at, idOf: (now) => `id-${now}` })

describe("a batch of ends", () => {
  it("has each stream once, none that has its row, and no refund of what was never reserved", () => {
    const finals = [
      final("one", 5),
      final("one", 7),
      final("done", 3),
      final("two", "refund"),
      final("three", "refund")
    ]
    const fresh = freshOf(finals, new Map([["three", reserved(4)]]), new Set(["done"]))
    assert.deepStrictEqual(
      fresh.map(({ credits, streamId }) => [streamId, credits]),
      [
        ["one", 5],
        ["three", "refund"]
      ]
    )
  })

  it("belongs to who has reserved it", () => {
    const [only] = freshOf([final("one", 5, "said")], new Map([["one", reserved(9, "reserver")]]), new Set())
    assert.strictEqual(only?.token, "reserver")
  })

  it("charges a group that is limited, or of which something was reserved, and no other", () => {
    const keys = (isLimited: boolean, ofGroup: number) =>
      changesOf([final("one", 5)], new Map([["one", { ...reserved(9), of_group: ofGroup }]]), () => isLimited).map(
        ({ key }) => key
      )
    assert.deepStrictEqual(keys(false, 0), ["token:a"])
    assert.deepStrictEqual(keys(true, 0), ["token:a", "group:default"])
    assert.deepStrictEqual(keys(false, 2), ["token:a", "group:default"])
  })

  it("goes down row by row where there is a balance, and has none where there is not", () => {
    const fresh = [final("one", 5), final("two", "refund"), final("three", 2), final("four", 1, "unlimited")]
    const rows = rowsOf(fresh, new Map([["two", reserved(8)]]), new Map([["token:a", 10]]))
    assert.deepStrictEqual(
      rows.map(({ amount, balance, kind, tokenCharged }) => [kind, amount, balance, tokenCharged]),
      [
        ["settle", 5, 5, true],
        ["refund", 8, 5, false],
        ["settle", 2, 3, true],
        ["settle", 1, null, false]
      ]
    )
  })

  it("charges what its rows settle, and gives back all that was reserved, in one order of accounts", () => {
    const one = fc.record({
      stream: fc.integer({ min: 0, max: 9 }),
      credits: fc.oneof(fc.integer({ min: 0, max: 50 }), fc.constant("refund" as const)),
      token: fc.constantFrom("a", "b", "")
    })
    fc.assert(
      fc.property(fc.array(one), fc.uniqueArray(fc.integer({ min: 0, max: 9 })), (ends, held) => {
        const taken: Taken = new Map(held.map((stream) => [String(stream), reserved(3, "b")]))
        const finals = ends.map(({ credits, stream, token }) => final(String(stream), credits, token))
        const fresh = freshOf(finals, taken, new Set())
        const changes = changesOf(fresh, taken, () => false)
        const sum = (of: (change: (typeof changes)[number]) => number) => changes.reduce((all, one) => all + of(one), 0)
        const settled = rowsOf(fresh, taken).filter(({ kind }) => kind === "settle")
        assert.strictEqual(
          sum((change) => change.settled),
          settled.reduce((all, { amount }) => all + amount, 0)
        )
        const given = fresh.filter(({ streamId }) => taken.has(streamId))
        assert.strictEqual(
          sum((change) => change.released),
          3 * given.length
        )
        const keys = changes.map(({ key }) => key)
        assert.deepStrictEqual(keys, [...keys].sort().reverse())
      })
    )
  })
})
