/**
 * What is said of a number that is none.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { detailsOf } from "effect-resilience/http"

const Person = Schema.toCodecJson(Schema.Struct({ age: Schema.Number, height: Schema.optionalKey(Schema.Number) }))

describe("a number", () => {
  for (const [input, expected] of [
    [{ age: "x" }, [["age", "type", "Expected number"]]],
    [{ age: 1, height: null }, [["height", "type", "Expected number"]]],
    [
      { age: true, height: "tall" },
      [
        ["age", "type", "Expected number"],
        ["height", "type", "Expected number"]
      ]
    ],
    [{ age: 1.5, height: 2 }, []]
  ] as const) {
    it(`in ${JSON.stringify(input)}`, () => {
      const found = Schema.decodeUnknownEffect(Person, { errors: "all" })(input).pipe(
        Effect.match({ onFailure: ({ issue }) => detailsOf(issue), onSuccess: () => [] }),
        Effect.runSync
      )
      assert.deepStrictEqual(
        found.map(({ code, field, message }) => [field, code, message]),
        expected as unknown as Array<Array<string>>
      )
    })
  }
})
