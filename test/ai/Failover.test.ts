import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { LanguageModel } from "effect/ai"
import { ResilientLanguageModel } from "effect-resilience/ai"
import { badRequest, broken, down, finish, parts, read, says, streamed, text, textOf, whole } from "./kit.ts"

describe("a model that fails is left for the next one", () => {
  it.effect("with its own fault, at once and asked once", () =>
    Effect.gen(function* () {
      const primary = whole(Effect.fail(down))
      const backup = whole(says("backup"))
      const answer = yield* LanguageModel.generateText({ prompt: "Hello" }).pipe(
        Effect.provide(ResilientLanguageModel.layer([primary.layer, backup.layer]))
      )
      assert.strictEqual(answer.text, "backup")
      assert.strictEqual(answer.usage.outputTokens.total, 5)
      assert.deepStrictEqual([primary.asked.length, backup.asked.length], [1, 1])
    })
  )

  it.effect("but not for what any model would say", () =>
    Effect.gen(function* () {
      const primary = whole(Effect.fail(badRequest))
      const backup = whole(says("backup"))
      const error = yield* Effect.flip(
        LanguageModel.generateText({ prompt: "Hello" }).pipe(
          Effect.provide(ResilientLanguageModel.layer([primary.layer, backup.layer]))
        )
      )
      assert.strictEqual(error, badRequest)
      assert.lengthOf(backup.asked, 0)
    })
  )

  it.effect("and a stream before its first content, unseen", () =>
    Effect.gen(function* () {
      const primary = streamed(broken(down, { type: "response-metadata", id: "p" }, { type: "text-start", id: "0" }))
      const backup = streamed(parts({ type: "response-metadata", id: "b" }, ...text(["Hi", " there"]), finish))
      const { error, seen } = yield* read("Hello").pipe(
        Effect.provide(ResilientLanguageModel.layer([primary.layer, backup.layer]))
      )
      assert.isUndefined(error)
      assert.deepStrictEqual(
        seen.map((part) => part.type),
        ["response-metadata", "text-start", "text-delta", "text-delta", "text-end", "finish"]
      )
      assert.strictEqual(textOf(seen), "Hi there")
    })
  )
})
