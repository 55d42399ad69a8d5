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
      "is what is called reasoning beside the counts",
      { prompt_tokens: 2181, completion_tokens: 57, total_tokens: 2518, reasoning_tokens: 280 },
      [2181, 337, 280, false]
    ],
    [
      "is what was thought, where that is more than all of the output",
      { prompt_tokens: 8, completion_tokens: 3, total_tokens: 25, completion_tokens_details: { reasoning_tokens: 10 } },
      [12, 13, 10, false]
    ],
    [
      "was read where the details say that nothing was thought",
      { prompt_tokens: 8, completion_tokens: 10, total_tokens: 20, completion_tokens_details: { reasoning_tokens: 0 } },
      [10, 10, 0, false]
    ],
    [
      "was read where what was thought is inside the output",
      {
        prompt_tokens: 8,
        completion_tokens: 60,
        total_tokens: 99,
        completion_tokens_details: { reasoning_tokens: 40 }
      },
      [39, 60, 40, false]
    ],
    [
      "is what a cache held, which the prompt is told without",
      { prompt_tokens: 8, completion_tokens: 10, total_tokens: 118, prompt_tokens_details: { cached_tokens: 100 } },
      [108, 10, undefined, false]
    ],
    [
      "is what was read from a cache and written to it",
      {
        prompt_tokens: 8,
        completion_tokens: 10,
        total_tokens: 148,
        cache_read_input_tokens: 100,
        cache_creation_input_tokens: 30
      },
      [138, 10, undefined, false]
    ],
    [
      "was thought where a cache held something else",
      { prompt_tokens: 8, completion_tokens: 10, total_tokens: 512, prompt_tokens_details: { cached_tokens: 4 } },
      [8, 504, 494, false]
    ],
    [
      "is none of what was thought elsewhere",
      { prompt_tokens: 33, completion_tokens: 7163, total_tokens: 7196, reasoning_tokens: 73997 },
      [33, 7163, undefined, false]
    ],
    ["is none where the total is the sum", counts, [9, 7, undefined, false]],
    ["is none where the total is less", { ...counts, total_tokens: 3 }, [9, 7, undefined, false]],
    ["is none where there is no total", { prompt_tokens: 9, completion_tokens: 7 }, [9, 7, undefined, false]],
    [
      "is none where the prompt is missing: it is that",
      { completion_tokens: 7, total_tokens: 16 },
      [9, 7, undefined, false]
    ],
    ["is all of it where no output is said", { prompt_tokens: 9, total_tokens: 16 }, [9, 7, undefined, false]],
    ["is not known where the total is the prompt", { prompt_tokens: 9, total_tokens: 9 }, [9, 0, undefined, true]],
    ["is not known where nothing else is said", { prompt_tokens: 9 }, [9, 0, undefined, true]]
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
    ["as what was hit", { prompt_cache_hit_tokens: 4, prompt_cache_miss_tokens: 5 }, 4],
    ["in another vendor's words", { cache_read_input_tokens: 4 }, 4],
    ["as no number", { cached_tokens: "4" }, undefined],
    ["nowhere", {}, undefined]
  ])("is said %s", (_, more, cached) => {
    const said = read({ ...counts, ...more })
    assert.strictEqual(said.cacheReadTokens, cached)
    assert.deepInclude(written(said), more)
  })
})

describe("what a cache holds", () => {
  it.each<readonly [name: string, more: JsonObject]>([
    ["in the details", { prompt_tokens_details: { cached_tokens: 0, cache_write_tokens: 5 } }],
    ["in the details by another name", { prompt_tokens_details: { cache_creation_tokens: 5 } }],
    ["in the details in another vendor's words", { prompt_tokens_details: { cache_creation_input_tokens: 5 } }],
    ["beside the counts", { cache_creation_input_tokens: 5 }]
  ])("is said to have been written %s", (_, more) => {
    const said = read({ ...counts, ...more })
    assert.deepStrictEqual(numbers(said), [9, 7, undefined, false])
    assert.strictEqual(said.cacheWriteTokens, 5)
    assert.deepInclude(written(said), more)
  })

  it("is no part of a prompt that is less", () => {
    const said = read({ ...counts, prompt_tokens_details: { cached_tokens: 100 } })
    assert.deepStrictEqual(numbers(said), [109, 7, undefined, false])
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
