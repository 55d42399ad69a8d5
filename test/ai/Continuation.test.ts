import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { AiError, LanguageModel, type Prompt, type Response } from "effect/ai"
import { blameOf } from "effect-resilience/errors"
import { ResilientLanguageModel } from "effect-resilience/ai"
import * as fc from "fast-check"
import { aiError, broken, cut, finish, parts, read, type Scripted, streamed, text, textOf } from "./kit.ts"

const readOver = (models: readonly [Scripted, ...Array<Scripted>], policies?: ResilientLanguageModel.Policies) => {
  const [first, ...rest] = models
  return read("Tell me").pipe(
    Effect.provide(ResilientLanguageModel.layer([first.layer, ...rest.map(({ layer }) => layer)], policies))
  )
}

const lastMessages = (prompt: Prompt.Prompt) =>
  prompt.content.map(({ content, role }) => [
    role,
    typeof content === "string" ? content : content.map((part) => (part.type === "text" ? part.text : part.type)).join()
  ])

const said = "It was a bright cold day in April, and the clocks were striking thirteen."
const tool: Response.StreamPartEncoded = { type: "tool-params-start", id: "t", name: "Search" }

describe("a stream that breaks after its first content", () => {
  it.effect("goes on from the next model, and is one text to its reader", () =>
    Effect.gen(function* () {
      const primary = streamed(broken(cut, ...text([said.slice(0, 20), said.slice(20, 40)]).slice(0, -1)))
      const backup = streamed(parts({ type: "response-metadata", id: "b" }, ...text([said.slice(40)], "x"), finish))
      const { error, seen } = yield* readOver([primary, backup])
      assert.isUndefined(error)
      assert.strictEqual(textOf(seen), said)
      assert.deepStrictEqual(
        seen.map((part) => [part.type, "id" in part ? part.id : undefined]),
        [
          ["text-start", "0"],
          ["text-delta", "0"],
          ["text-delta", "0"],
          ["response-metadata", "b"],
          ["text-delta", "0"],
          ["text-end", "0"],
          ["finish", undefined]
        ]
      )
      assert.deepStrictEqual(seen.at(-1)?.metadata["effect-resilience"], {
        continuations: 1,
        seams: [{ dropped: 0, offset: 40, seam: "exact" }]
      })
      assert.deepStrictEqual(lastMessages(backup.asked[0]!.prompt).slice(0, 2), [
        ["user", "Tell me"],
        ["assistant", said.slice(0, 40)]
      ])
      assert.include(lastMessages(backup.asked[0]!.prompt)[2]![1], said.slice(0, 40))
    })
  )

  it.effect("drops what the next model repeats, where that is sure", () =>
    Effect.gen(function* () {
      const primary = streamed(broken(cut, ...text([said.slice(0, 40)]).slice(0, -1)))
      const backup = streamed(parts(...text([said.slice(10, 50), said.slice(50)]), finish))
      const { seen } = yield* readOver([primary, backup])
      assert.strictEqual(textOf(seen), said)
      assert.deepStrictEqual(seen.at(-1)?.metadata["effect-resilience"], {
        continuations: 1,
        seams: [{ dropped: 30, offset: 40, seam: "overlap" }]
      })
    })
  )

  it.effect("keeps half of a surrogate pair: for its other half, or where nothing more comes", () =>
    Effect.gen(function* () {
      const primary = () => streamed(broken(cut, ...text(["Well. "]).slice(0, -1)))
      const cutInTwo = yield* readOver([primary(), streamed(parts(...text(["Hi \ud83d", "\ude00 there"]), finish))])
      assert.strictEqual(textOf(cutInTwo.seen), "Well. Hi 😀 there")
      const ended = yield* readOver([primary(), streamed(parts(...text(["Hi \ud83d"]), finish))])
      assert.strictEqual(textOf(ended.seen), "Well. Hi \ud83d")
    })
  )

  it.effect("goes on from the same model, if there is no other", () =>
    Effect.gen(function* () {
      const only = streamed(
        broken(cut, ...text([said.slice(0, 40)]).slice(0, -1)),
        parts(...text([said.slice(40)]), finish)
      )
      const { error, seen } = yield* readOver([only])
      assert.isUndefined(error)
      assert.strictEqual(textOf(seen), said)
    })
  )

  it.effect("fails with what it broke with, when it has gone on as often as it may", () =>
    Effect.gen(function* () {
      const primary = streamed(broken(cut, ...text([said.slice(0, 40)]).slice(0, -1)))
      const backup = streamed(broken(cut, ...text([said.slice(40, 50)]).slice(0, -1)))
      const { error, seen } = yield* readOver([primary, backup], { continuation: { max: 1 } })
      assert.strictEqual(error, cut)
      assert.strictEqual(textOf(seen), said.slice(0, 50))
      const none = yield* readOver([streamed(broken(cut, ...text(["a"]))), backup], { continuation: false })
      assert.strictEqual(none.error, cut)
      assert.strictEqual(textOf(none.seen), "a")
    })
  )

  it.effect("is not joined once a tool call was begun", () =>
    Effect.gen(function* () {
      const primary = streamed(broken(cut, ...text(["Let me look."]), tool))
      const backup = streamed(parts(...text(["never"]), finish))
      const { error, seen } = yield* readOver([primary, backup])
      assert.strictEqual(error, cut)
      assert.strictEqual(textOf(seen), "Let me look.")
      assert.lengthOf(backup.asked, 0)
    })
  )

  it.effect("is not joined once reasoning was marked by its provider, and is where it was not", () =>
    Effect.gen(function* () {
      const thought = (metadata: Response.ProviderMetadata): ReadonlyArray<Response.StreamPartEncoded> => [
        { type: "reasoning-start", id: "0" },
        { type: "reasoning-delta", id: "0", delta: "Hm." },
        { type: "reasoning-end", id: "0", metadata }
      ]
      const start: ReadonlyArray<Response.StreamPartEncoded> = [
        { type: "text-start", id: "0" },
        { type: "text-delta", id: "0", delta: said.slice(0, 40) }
      ]
      const backup = streamed(parts(...thought({}), ...text([said.slice(40)]), finish))
      const signed = yield* readOver([
        streamed(broken(cut, ...thought({ anthropic: { signature: "EqQB" } }), ...start)),
        backup
      ])
      assert.strictEqual(signed.error, cut)
      assert.lengthOf(backup.asked, 0)
      const unsigned = yield* readOver([streamed(broken(cut, ...thought({}), ...start)), backup])
      assert.isUndefined(unsigned.error)
      assert.strictEqual(textOf(unsigned.seen), said)
      const thoughts = unsigned.seen.filter((part) => part.type.startsWith("reasoning"))
      assert.deepStrictEqual(
        thoughts.map((part) => ("id" in part ? part.id : "")),
        ["0", "0", "0", "1:0", "1:0", "1:0"]
      )
    })
  )

  it.effect("closes the reasoning that it broke in, and asks anew where no text was shown", () =>
    Effect.gen(function* () {
      const primary = streamed(
        broken(cut, { type: "reasoning-start", id: "r" }, { type: "reasoning-delta", id: "r", delta: "Hm" })
      )
      const backup = streamed(parts(...text([said]), finish))
      const { error, seen } = yield* readOver([primary, backup])
      assert.isUndefined(error)
      assert.deepStrictEqual(
        seen.map(({ type }) => type),
        ["reasoning-start", "reasoning-delta", "reasoning-end", "text-start", "text-delta", "text-end", "finish"]
      )
      assert.deepStrictEqual(lastMessages(backup.asked[0]!.prompt), [["user", "Tell me"]])
    })
  )

  it.effect("was cut where it ends without its finish, and where that says error", () =>
    Effect.gen(function* () {
      const ends: ReadonlyArray<ReadonlyArray<Response.StreamPartEncoded>> = [
        [],
        [{ ...finish, reason: "error" }],
        [{ type: "error", error: new Error("overloaded") }]
      ]
      for (const end of ends) {
        const primary = streamed(parts(...text([said.slice(0, 40)]), ...end))
        const backup = streamed(parts(...text([said.slice(40)]), finish))
        const { error, seen } = yield* readOver([primary, backup])
        assert.isUndefined(error)
        assert.strictEqual(textOf(seen), said)
      }
      const alone = yield* readOver([streamed(parts(...text(["half"])))], { continuation: false })
      assert.strictEqual(alone.error?.reason._tag, "InternalProviderError")
      assert.strictEqual(blameOf(alone.error), "upstream")
    })
  )

  it.effect("is not called whole because a continuation says no more", () =>
    Effect.gen(function* () {
      const primary = streamed(broken(cut, ...text([said.slice(0, 40)]).slice(0, -1)))
      const silent = streamed(parts(...text([" \n"]), finish))
      const third = streamed(parts(...text([said.slice(40)]), finish))
      const { error, seen } = yield* readOver([primary, silent, third])
      assert.isUndefined(error)
      assert.strictEqual(textOf(seen), said)
      const never = yield* readOver([primary, silent])
      assert.strictEqual(never.error, cut)
    })
  )

  it.effect("refuses a model that was given the beginning, and begins anew", () =>
    Effect.gen(function* () {
      const primary = streamed(broken(cut, ...text([said.slice(0, 40)]).slice(0, -1)))
      const anew = streamed(parts(...text([said]), finish))
      const third = streamed(parts(...text([said.slice(40)]), finish))
      const { error, seen } = yield* readOver([primary, anew, third], { continuation: { mode: "prefill" } })
      assert.isUndefined(error)
      assert.strictEqual(textOf(seen), said)
      assert.deepStrictEqual(lastMessages(third.asked[0]!.prompt), [
        ["user", "Tell me"],
        ["assistant", said.slice(0, 40)]
      ])
    })
  )

  it.effect("ends for what any model would say", () =>
    Effect.gen(function* () {
      const blocked = aiError(new AiError.ContentPolicyError({ description: "no" }))
      const backup = streamed(parts(...text(["never"]), finish))
      const { error } = yield* readOver([streamed(broken(blocked, ...text(["half"]))), backup])
      assert.strictEqual(error, blocked)
      assert.lengthOf(backup.asked, 0)
    })
  )
})

/** Words of which no long piece comes twice. */
const words = Array.from({ length: 60 }, (_, at) => `w${at.toString(36)}${at * 7}`)

describe("properties", () => {
  const answer = `${words.join(" ")}.`

  it.effect("a stream that is cut anywhere, however often and however its pieces are cut, is whole once", () =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(
          fc.array(fc.integer({ min: 1, max: answer.length - 1 }), { minLength: 1, maxLength: 4 }),
          fc.integer({ min: 1, max: 40 }),
          fc.constantFrom(0, 30, 60),
          fc.boolean(),
          async (cuts, size, repeated, ended) => {
            const ends = [...new Set(cuts)].sort((one, other) => one - other)
            let asked = 0
            const pieces = (from: number, to: number): ReadonlyArray<string> => {
              const all: Array<string> = []
              for (let at = from; at < to; at += size) all.push(answer.slice(at, Math.min(to, at + size)))
              return all
            }
            const model = streamed(({ prompt }) => {
              const partial = prompt.content.find(({ role }) => role === "assistant")?.content
              const before = typeof partial === "object" && partial[0]?.type === "text" ? partial[0].text.length : 0
              // What repeats less than that is no sure repetition, and stays.
              const from = before >= 60 ? before - repeated : before
              const end = ends[asked++]
              if (end === undefined) return parts(...text(pieces(from, answer.length), `${asked}`), finish)
              const shown = text(pieces(from, Math.max(end, from)), `${asked}`)
              return broken(cut, ...(ended ? shown : shown.slice(0, -1)))
            })
            const { error, seen } = await Effect.runPromise(readOver([model], { continuation: { max: 10 }, retry: {} }))
            assert.isUndefined(error)
            assert.strictEqual(textOf(seen), answer)
            const open = new Set<string>()
            for (const part of seen) {
              if (part.type === "text-start") open.add(part.id)
              if (part.type === "text-delta") assert.isTrue(open.has(part.id))
              if (part.type === "text-end") assert.isTrue(open.delete(part.id))
            }
            assert.strictEqual(open.size, 0)
          }
        ),
        { numRuns: 300 }
      )
    )
  )

  it.effect("what was sealed is never followed by another model's parts", () =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(
          fc.constantFrom<Response.StreamPartEncoded>(
            tool,
            { type: "file", mediaType: "image/png", data: "aGk=" },
            { type: "reasoning-start", id: "r", metadata: { openai: { itemId: "rs_1" } } }
          ),
          fc.nat(3),
          async (seal, before) => {
            const shown = text(["a ", "b ", "c "].slice(0, before))
            const primary = streamed(broken(cut, ...shown, seal, ...text(["tail"], "t")))
            const backup = streamed(parts(...text(["never"]), finish))
            const { error, seen } = await Effect.runPromise(readOver([primary, backup]))
            assert.strictEqual(error, cut)
            assert.notInclude(textOf(seen), "never")
          }
        ),
        { numRuns: 50 }
      )
    )
  )
})

describe("a stream that its reader leaves", () => {
  it.effect("closes what it had opened", () =>
    Effect.gen(function* () {
      let closed = 0
      const endless = streamed(
        Stream.concat(parts(...text(["a", "b"]).slice(0, -1)), Stream.never).pipe(
          Stream.ensuring(Effect.sync(() => void closed++))
        )
      )
      yield* LanguageModel.streamText({ prompt: "Tell me" }).pipe(
        Stream.take(2),
        Stream.runDrain,
        Effect.provide(ResilientLanguageModel.layer([endless.layer]))
      )
      assert.strictEqual(closed, 1)
    })
  )
})
