import { assert, describe, it } from "@effect/vitest"
import type { Usage } from "#src/dialect/index"
import type { JsonObject } from "#src/dialect/Json"
import { begun, chunk, completion, decodeAll, decodeWhole } from "./kit.ts"

/** Counts as most vendors tell them. */
const counts = { prompt_tokens: 9, completion_tokens: 7, total_tokens: 16 }

const usageOf = (events: ReadonlyArray<unknown>): Usage | undefined =>
  decodeAll(events)
    .map((event) => (event._tag === "Delta" ? event.usage : undefined))
    .findLast((usage) => usage !== undefined)

const read = (usage: JsonObject): Usage => {
  const said = usageOf([{ ...chunk({}), choices: [], usage }])
  assert.isDefined(said)
  return said
}

const numbers = ({ estimated, inputTokens, outputTokens, reasoningTokens }: Usage) => [
  inputTokens,
  outputTokens,
  reasoningTokens,
  estimated
]

/** What a client of OpenAI's is given at the end. */
const written = (usage: Usage): JsonObject => {
  const [last] = begun({ includeUsage: true }).encoder.complete({ ...completion, usage }, true)
  return (JSON.parse(last!.data) as { usage: JsonObject }).usage
}

describe("B1: output that only the total has", () => {
  it.each<readonly [name: string, usage: JsonObject, expected: ReadonlyArray<unknown>]>([
    [
      "is what the details call reasoning",
      {
        prompt_tokens: 32,
        completion_tokens: 9,
        total_tokens: 135,
        completion_tokens_details: { reasoning_tokens: 94 }
      },
      [32, 103, 94, false]
    ],
    [
      "was thought where no details say so",
      { prompt_tokens: 8, completion_tokens: 10, total_tokens: 512 },
      [8, 504, 494, false]
    ],
    [
      "was not thought where the details say that nothing was",
      { prompt_tokens: 8, completion_tokens: 10, total_tokens: 20, completion_tokens_details: { reasoning_tokens: 0 } },
      [8, 12, 0, false]
    ],
    ["is none where the total is the sum", counts, [9, 7, undefined, false]],
    ["is none where the total is less", { ...counts, total_tokens: 3 }, [9, 7, undefined, false]],
    ["is none where there is no total", { prompt_tokens: 9, completion_tokens: 7 }, [9, 7, undefined, false]],
    ["is not known where a count is missing", { completion_tokens: 7, total_tokens: 16 }, [0, 7, undefined, true]]
  ])("%s", (_, usage, expected) => {
    const said = read(usage)
    assert.deepStrictEqual(numbers(said), expected)
    // A client of the same dialect is given all counts as they came.
    assert.deepInclude(written(said), usage)
  })

  it("is told to a client where its counts are not those of one answer alone", () => {
    const said = read({ prompt_tokens: 8, completion_tokens: 10, total_tokens: 512, extra: 1 })
    const both = { ...said, outputTokens: said.outputTokens + 3 }
    assert.deepStrictEqual(written(both), {
      prompt_tokens: 8,
      completion_tokens: 507,
      total_tokens: 515,
      extra: 1
    })
  })

  it("leaves no count out, and gives none that is no number", () => {
    for (const total of [null, "99", -1]) {
      const said = read({ ...counts, total_tokens: total })
      assert.deepStrictEqual(numbers(said), [9, 7, undefined, false])
      assert.deepStrictEqual(written(said), counts)
    }
    assert.deepStrictEqual(written(read({ completion_tokens: 7 })), {
      prompt_tokens: 0,
      completion_tokens: 7,
      total_tokens: 7
    })
  })
})

describe("what was read from a cache", () => {
  it.each<readonly [name: string, more: JsonObject, cached: number | undefined]>([
    ["in the details", { prompt_tokens_details: { cached_tokens: 4 } }, 4],
    ["beside the counts", { cached_tokens: 4 }, 4],
    ["in both places: by the details", { prompt_tokens_details: { cached_tokens: 0 }, cached_tokens: 4 }, 0],
    ["in details that do not say it", { prompt_tokens_details: { audio_tokens: 0 }, cached_tokens: 4 }, 4],
    ["as no number", { cached_tokens: "4" }, undefined],
    ["nowhere", {}, undefined]
  ])("is said %s", (_, more, cached) => {
    const said = read({ ...counts, ...more })
    assert.strictEqual(said.cacheReadTokens, cached)
    assert.deepInclude(written(said), more)
  })
})

describe("B1: a usage that is not at the top of its event", () => {
  const said = chunk({ content: "hi" })
  it.each([
    ["beside a vendor's id", [said, { ...chunk({}, "stop"), x_groq: { id: "r", usage: counts } }]],
    ["in a frame of its own", [said, chunk({}, "stop"), { ...chunk({}), choices: [], x_groq: { usage: counts } }]],
    ["in a frame without choices", [said, { object: "chat.completion.chunk", x_groq: { usage: counts } }]],
    ["in its choice", [said, chunk({}, "stop", { usage: counts })]],
    ["in its choice, with none at the top", [said, { ...chunk({}, "stop", { usage: counts }), usage: null }]]
  ])("is read %s", (_, events) => {
    assert.deepStrictEqual(numbers(usageOf(events)!), [9, 7, undefined, false])
  })

  it("counts for nothing beside one that is", () => {
    const other = { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 }
    const both = { ...chunk({}, "stop", { usage: other }), x_groq: { usage: other }, usage: counts }
    assert.deepStrictEqual(numbers(usageOf([said, both])!), [9, 7, undefined, false])
  })

  it("is read of a whole answer", () => {
    const message = { role: "assistant", content: "hi" }
    const choice = { index: 0, message, finish_reason: "stop" }
    for (const whole of [
      { choices: [choice], x_groq: { usage: counts } },
      { choices: [{ ...choice, usage: counts }] },
      { choices: [choice], usage: counts }
    ]) {
      const usages = decodeWhole(whole).flatMap((event) =>
        event._tag === "Delta" && event.usage !== undefined ? [numbers(event.usage)] : []
      )
      assert.deepStrictEqual(usages.at(-1), [9, 7, undefined, false])
    }
  })

  it("is none where nothing counts", () => {
    const events = [
      { ...said, x_groq: { id: "r" } },
      { ...said, x_groq: "r" },
      { ...chunk({}, "stop", { usage: 5 }), x_groq: { usage: [] } }
    ]
    assert.isUndefined(usageOf(events))
  })
})
