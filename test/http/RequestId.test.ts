import { assert, describe, it } from "@effect/vitest"
import { Effect, Random, Redacted } from "effect"
import { bearerToken, callersRequestId, makeRequestId, requestId } from "effect-resilience/http"

describe("a request's id", () => {
  const table: ReadonlyArray<readonly [string | undefined, boolean]> = [
    ["a", true],
    ["req-1_2.3:4", true],
    ["a".repeat(128), true],
    ["a".repeat(129), false],
    ["", false],
    [undefined, false],
    ["a b", false],
    ["a,b", false],
    ["a\n", false],
    ["ä", false],
    ["a/b", false]
  ]
  for (const [header, taken] of table) {
    it(`${JSON.stringify(header)?.slice(0, 20)} is ${taken ? "" : "not "}taken over`, () => {
      assert.strictEqual(callersRequestId(header), taken ? header : undefined)
    })
  }

  it("is `req_` and 24 characters, of the whole alphabet", () => {
    const seen = new Set<string>()
    for (let at = 0; at < 200; at++) {
      const id = makeRequestId(Math.random)
      assert.match(id, /^req_[A-Za-z0-9]{24}$/)
      assert.strictEqual(callersRequestId(id), id)
      for (const letter of id.slice(4)) seen.add(letter)
    }
    assert.strictEqual(seen.size, 62)
    assert.match(
      makeRequestId(() => 1 - Number.EPSILON),
      /^req_9{24}$/
    )
  })

  it.effect("is drawn from the fiber's chance", () =>
    Effect.gen(function* () {
      const draw = requestId("not one").pipe(Random.withSeed("seed"))
      assert.strictEqual(yield* draw, yield* draw)
      assert.notStrictEqual(yield* requestId(undefined), yield* requestId(undefined))
      assert.strictEqual(yield* requestId("mine"), "mine")
    })
  )
})

describe("a bearer token", () => {
  const table: ReadonlyArray<readonly [string | undefined, string | undefined]> = [
    ["Bearer abc", "abc"],
    ["bearer abc", "abc"],
    ["BEARER   abc  ", "abc"],
    ["Bearer sk-a_b.c~d+e/f==", "sk-a_b.c~d+e/f=="],
    ["Bearer", undefined],
    ["Bearer ", undefined],
    ["Bearer a b", undefined],
    ["Bearerabc", undefined],
    ["Basic abc", undefined],
    ["abc", undefined],
    ["Bearer ä", undefined],
    ["", undefined],
    [undefined, undefined]
  ]
  for (const [header, token] of table) {
    it(JSON.stringify(header) ?? "absent", () => {
      const found = bearerToken(header)
      assert.strictEqual(found === undefined ? undefined : Redacted.value(found), token)
      assert.notInclude(String(found), token ?? "!")
    })
  }
})
