import { assert, describe, it } from "@effect/vitest"
import { Redacted } from "effect"
import { type FileToken, mayUse } from "#src/account/index"
import { findToken } from "#src/account/FindTokenNode"

const token = (name: string, key: string, models: ReadonlyArray<string> = ["*"]): FileToken => ({
  name,
  key: Redacted.make(key),
  models,
  admin: false
})

describe("finding a token", () => {
  const tokens = [token("alice", "key-a"), token("bob", "key-b"), token("again", "key-a"), token("uni", "schlüssel")]
  const table: ReadonlyArray<readonly [string, string | undefined]> = [
    ["key-a", "alice"],
    ["key-b", "bob"],
    ["schlüssel", "uni"],
    ["key-", undefined],
    ["key-aa", undefined],
    ["KEY-A", undefined],
    ["", undefined],
    ["x".repeat(100_000), undefined]
  ]
  for (const [key, name] of table) {
    it(`${JSON.stringify(key.slice(0, 12))} is ${name ?? "nobody's"}`, () => {
      assert.strictEqual(findToken(tokens, Redacted.make(key))?.name, name)
    })
  }

  it("finds nobody among none", () => assert.isUndefined(findToken([], Redacted.make("key-a"))))
})

describe("what a token may use", () => {
  it("is the models that one of its patterns matches", () => {
    const some = token("a", "k", ["gpt-*", "o3"])
    assert.isTrue(mayUse(some, "gpt-5"))
    assert.isTrue(mayUse(some, "o3"))
    assert.isFalse(mayUse(some, "o3-mini"))
    assert.isFalse(mayUse(token("b", "k", []), "gpt-5"))
    assert.isTrue(mayUse(token("c", "k"), "anything"))
  })
})
