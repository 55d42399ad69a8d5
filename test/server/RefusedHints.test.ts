/**
 * What a target refuses of a request that another dialect's client wrote, in the vendors' own words: it is left out, told,
 * and remembered as far as it holds for everybody.
 */
import { assert, describe, it } from "@effect/vitest"
import { Script } from "effect-resilience/testing"
import { bodiesOf, type Body, type World, withWorld } from "../sdk/world.ts"

/** A 400, or whatever status, where a body is as it says. */
type Refusal = readonly [is: (body: Body) => boolean, said: object, status?: number]

const refusing =
  (...refusals: ReadonlyArray<Refusal>) =>
  (call: { readonly body: string }): Script.Answer | Script.Status => {
    const body = JSON.parse(call.body) as Body
    const [, said, status] = refusals.find(([is]) => is(body)) ?? []
    return said === undefined ? Script.answer("yes") : Script.status(status ?? 400, { body: said })
  }

/** Anthropic's error. */
const anthropic = (message: string) => ({ type: "error", error: { type: "invalid_request_error", message } })
/** OpenAI's. */
const openai = (message: string, param: string | null = null, code: string | null = null) => ({
  error: { message, type: "invalid_request_error", param, code }
})

const post = ({ relay }: World, path: string, body: object) =>
  fetch(`${relay.url}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", "anthropic-version": "2023-06-01" },
    body: JSON.stringify({ model: "m", messages: [{ role: "user", content: "Well?" }], ...body })
  })
const completion = (world: World, body: object) => post(world, "/v1/chat/completions", body)
const message = (world: World, body: object) => post(world, "/v1/messages", { max_tokens: 1000, ...body })

/** A conversation whose answer was thought about. */
const thought = {
  messages: [
    { role: "user", content: "a" },
    {
      role: "assistant",
      content: [
        { type: "thinking", thinking: "hm", signature: "er1.openai." },
        { type: "text", text: "b" }
      ]
    },
    { role: "user", content: "c" }
  ]
}

const sendsThoughts = ({ messages }: Body): boolean => JSON.stringify(messages).includes('"reasoning_content"')
const noAdaptive: Refusal = [
  ({ thinking }) => JSON.stringify(thinking)?.includes("adaptive") === true,
  anthropic("adaptive thinking is not supported on this model")
]
const noConfig = ({ output_config }: Body): boolean => output_config !== undefined
const tool = { type: "function", function: { name: "f", parameters: { type: "object" }, strict: true } }

describe("R6: a hint that a target refuses in its own words", () => {
  const cases: ReadonlyArray<
    readonly [
      name: string,
      dialect: "anthropic" | "openai",
      ask: (world: World) => Promise<Response>,
      refusals: ReadonlyArray<Refusal>,
      dropped: string | null
    ]
  > = [
    [
      "Anthropic: no effort",
      "anthropic",
      (world) => completion(world, { reasoning_effort: "high" }),
      [noAdaptive, [noConfig, anthropic("This model does not support the effort parameter.")]],
      "reasoning_effort"
    ],
    [
      "Anthropic of old: no output_config",
      "anthropic",
      (world) => completion(world, { reasoning_effort: "high" }),
      [noAdaptive, [noConfig, anthropic("output_config: Extra inputs are not permitted")]],
      "reasoning_effort"
    ],
    [
      "Anthropic: always thinks",
      "anthropic",
      (world) => completion(world, { reasoning_effort: "none" }),
      [
        [
          ({ thinking }) => thinking !== undefined,
          anthropic('"thinking.type.disabled" is not supported for this model.')
        ]
      ],
      "reasoning_effort"
    ],
    [
      "Anthropic of old: no strict tools",
      "anthropic",
      (world) => completion(world, { tools: [tool] }),
      [
        [
          ({ tools }) => JSON.stringify(tools)?.includes('"strict"') === true,
          anthropic("tools.0.custom.strict: Extra inputs are not permitted")
        ]
      ],
      "tools[0].function.strict"
    ],
    [
      "Ollama: does not think",
      "openai",
      (world) => message(world, { thinking: { type: "enabled", budget_tokens: 1024 } }),
      [[(body) => body["reasoning_effort"] !== undefined, openai('"llama3.2" does not support thinking')]],
      "thinking"
    ],
    [
      "Groq: no thoughts",
      "openai",
      (world) => message(world, thought),
      [
        [
          sendsThoughts,
          openai(
            "'messages.1' : for 'role:assistant' the following must be satisfied[('messages.1' : property 'reasoning_content' is unsupported)]"
          )
        ]
      ],
      null
    ],
    [
      "Mistral: no thoughts",
      "openai",
      (world) => message(world, thought),
      [
        [
          sendsThoughts,
          {
            detail: [
              {
                type: "extra_forbidden",
                loc: ["body", "messages", 1, "assistant", "reasoning_content"],
                msg: "Extra inputs are not permitted",
                input: "hm"
              }
            ]
          },
          422
        ]
      ],
      null
    ],
    [
      "Cerebras: no thoughts",
      "openai",
      (world) => message(world, thought),
      [
        [
          sendsThoughts,
          {
            message:
              "body.messages.1.assistant.reasoning_content: property 'body.messages.1.assistant.reasoning_content' is unsupported",
            type: "invalid_request_error",
            param: "validation_error",
            code: "wrong_api_format"
          }
        ]
      ],
      null
    ]
  ]

  it.each(cases)("%s", (_, dialect, ask, refusals, dropped) =>
    withWorld({ a: { dialect, plays: refusing(...refusals) } }, {}, async (world) => {
      const answered = await ask(world)
      assert.strictEqual(answered.status, 200, await answered.clone().text())
      assert.strictEqual(answered.headers.get("x-dropped"), dropped)
      const asked = bodiesOf(world.upstreams["a"]!).length
      assert.strictEqual(asked, refusals.length + 1)
      // And it is remembered.
      assert.strictEqual((await ask(world)).status, 200)
      assert.lengthOf(bodiesOf(world.upstreams["a"]!), asked + 1)
    })
  )

  it("what a client wrote in the target's own words is told as it is", () =>
    withWorld(
      { a: { dialect: "anthropic", plays: refusing([noConfig, anthropic("output_config: Extra inputs")]) } },
      {},
      async (world) => {
        const answered = await message(world, { output_config: { effort: "high" } })
        assert.strictEqual(answered.status, 400)
        assert.include(await answered.text(), "output_config: Extra inputs")
        assert.lengthOf(bodiesOf(world.upstreams["a"]!), 1)
      }
    ))

  it("a format that is refused is the client's meaning", () =>
    withWorld(
      { a: { dialect: "anthropic", plays: refusing([noConfig, anthropic("output_config: Extra inputs")]) } },
      {},
      async (world) => {
        const json_schema = { name: "n", schema: { type: "object", properties: { a: { type: "string" } } } }
        const answered = await completion(world, { response_format: { type: "json_schema", json_schema } })
        assert.strictEqual(answered.status, 400)
        assert.lengthOf(bodiesOf(world.upstreams["a"]!), 1)
      }
    ))
})

describe("R6: what is refused of one client's request is not taken from another's", () => {
  const over = (
    refusals: ReadonlyArray<Refusal>,
    run: (world: World, sent: () => ReadonlyArray<Body>) => Promise<void>
  ) =>
    withWorld({ a: { dialect: "openai", plays: refusing(...refusals) } }, {}, (world) =>
      run(world, () => bodiesOf(world.upstreams["a"]!))
    )

  const values: ReadonlyArray<
    readonly [field: string, refusal: Refusal, wrong: object, right: object, value: unknown, dropped: string]
  > = [
    [
      "temperature",
      [
        ({ temperature }) => Number(temperature) > 2,
        openai(
          "Invalid 'temperature': decimal above maximum value. Expected a value <= 2, but got 3 instead.",
          "temperature",
          "decimal_above_max_value"
        )
      ],
      { temperature: 3 },
      { temperature: 0.2 },
      0.2,
      "temperature"
    ],
    [
      "user",
      [
        ({ user }) => String(user).length > 64,
        openai(
          "Invalid 'user': string too long. Expected a string with maximum length 64, but got a string with length 142 instead.",
          "user",
          "string_above_max_length"
        )
      ],
      { metadata: { user_id: "x".repeat(142) } },
      { metadata: { user_id: "bob" } },
      "bob",
      "metadata.user_id"
    ],
    [
      "reasoning_effort",
      [
        ({ reasoning_effort }) => reasoning_effort === "max",
        openai(
          "Unsupported value: 'reasoning_effort' does not support 'max' with this model. Supported values are: 'low', 'medium', and 'high'.",
          "reasoning_effort",
          "unsupported_value"
        )
      ],
      { output_config: { effort: "max" } },
      { output_config: { effort: "low" } },
      "low",
      "output_config.effort"
    ]
  ]

  it.each(values)("a value: %s", (field, refusal, wrong, right, value, dropped) =>
    over([refusal], async (world, sent) => {
      const one = await message(world, wrong)
      assert.deepStrictEqual([one.status, one.headers.get("x-dropped")], [200, dropped])
      const other = await message(world, right)
      assert.deepStrictEqual([other.status, other.headers.get("x-dropped")], [200, null])
      assert.deepStrictEqual(
        sent().map((body) => field in body),
        [true, false, true]
      )
      assert.strictEqual(sent().at(-1)?.[field], value)
    })
  )

  it("but a field of which no value is taken is remembered", () =>
    over(
      [
        [
          ({ temperature }) => temperature !== undefined,
          openai(
            "Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) value is supported.",
            "temperature",
            "unsupported_value"
          )
        ]
      ],
      async (world, sent) => {
        for (const _ of [1, 2]) assert.strictEqual((await message(world, { temperature: 0.2 })).status, 200)
        assert.lengthOf(sent(), 3)
      }
    ))

  it("a value is left out for the target that has refused it, and no other", () =>
    withWorld(
      {
        a: { dialect: "openai", plays: refusing(values[0]![1], [() => true, { error: { message: "down" } }, 503]) },
        b: { dialect: "openai", plays: [Script.answer("yes")] }
      },
      { retry: { times: 3 } },
      async (world) => {
        const answered = await message(world, { temperature: 3 })
        assert.deepStrictEqual([answered.status, answered.headers.get("x-dropped")], [200, null])
        assert.strictEqual(bodiesOf(world.upstreams["b"]!)[0]?.["temperature"], 3)
      }
    ))

  const noMaxTokens: Refusal = [
    ({ max_tokens }) => max_tokens !== undefined,
    openai(
      "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
      "max_tokens",
      "unsupported_parameter"
    )
  ]

  it.each(["max_completion_tokens", "max_tokens"])("too many tokens are the client's, told of %s", (param) =>
    over(
      [
        noMaxTokens,
        [
          (body) => Number(body["max_completion_tokens"]) > 100_000,
          openai(
            "max_tokens is too large: 200000. This model supports at most 100000 completion tokens.",
            param,
            "invalid_value"
          )
        ]
      ],
      async (world, sent) => {
        const one = await message(world, { max_tokens: 200_000 })
        assert.strictEqual(one.status, 400)
        assert.include(await one.text(), "too large")
        assert.strictEqual((await message(world, {})).status, 200)
        assert.deepStrictEqual(
          sent().map((body) => body["max_completion_tokens"]),
          [200_000, 1000]
        )
      }
    )
  )

  it("who takes max_tokens alone is asked so, until it takes that no more", () => {
    let old = true
    const refusals: ReadonlyArray<Refusal> = [
      [
        (body) => old && body["max_completion_tokens"] !== undefined,
        openai("Unknown parameter: 'max_completion_tokens'.", "max_completion_tokens", "unknown_parameter")
      ],
      [(body) => !old && noMaxTokens[0](body), noMaxTokens[1]]
    ]
    return over(refusals, async (world, sent) => {
      for (const _ of [1, 2]) assert.strictEqual((await message(world, {})).status, 200)
      old = false
      for (const _ of [1, 2]) assert.strictEqual((await message(world, {})).status, 200)
      assert.deepStrictEqual(
        sent().map((body) => (body["max_tokens"] === undefined ? "new" : "old")),
        ["new", "old", "old", "old", "new", "new"]
      )
    })
  })

  it("who takes neither is asked by both names once, and what it says is told", () =>
    over(
      [
        noMaxTokens,
        [
          (body) => body["max_completion_tokens"] !== undefined,
          openai("Unknown parameter: 'max_completion_tokens'.", "max_completion_tokens", "unknown_parameter")
        ]
      ],
      async (world, sent) => {
        const answered = await message(world, {})
        assert.strictEqual(answered.status, 400)
        assert.include(await answered.text(), "max_completion_tokens")
        assert.lengthOf(sent(), 3)
      }
    ))

  it("a stream: sound that cannot be sent in parts", () =>
    over(
      [
        [
          ({ audio, stream }) => stream === true && JSON.stringify(audio)?.includes("wav") === true,
          openai(
            "Unsupported value: 'audio.format' does not support 'wav' when stream=true. Supported values are: 'pcm16'.",
            "audio.format",
            "unsupported_value"
          )
        ]
      ],
      async (world, sent) => {
        const audio = { voice: "alloy", format: "wav" }
        assert.strictEqual((await completion(world, { modalities: ["text", "audio"], audio })).status, 200)
        assert.strictEqual((await completion(world, {})).status, 200)
        assert.deepStrictEqual(
          sent().map(({ stream }) => stream === true),
          [true, false, true]
        )
      }
    ))

  it.each([
    ["a field", "temperature", openai("Unsupported parameter: 'temperature' is not supported.", "temperature")],
    ["a stream", "stream", openai("This model does not support streaming.", "stream")]
  ])("%s: each of those who ask at once is asked again without", (_, field, said) =>
    withWorld(
      {
        a: {
          dialect: "openai",
          plays: (call) => {
            const script = refusing([(body) => body[field] !== undefined, said])(call)
            return call.number === 0 ? script : Script.startsAfter(150)(script)
          }
        }
      },
      {},
      async (world) => {
        const all = await Promise.all([1, 2, 3].map(() => message(world, { temperature: 0.5 })))
        assert.deepStrictEqual(
          all.map(({ status }) => status),
          [200, 200, 200]
        )
      }
    )
  )

  it("what another attempt beside it was refused meanwhile is not what it was asked without", () => {
    const both: Refusal = [
      ({ temperature, top_p: topP }) => temperature !== undefined && topP !== undefined,
      anthropic("`temperature` and `top_p` cannot both be specified for this model. Please use only one.")
    ]
    const slowly = (first: number, later: number) => (call: { readonly body: string; readonly number: number }) =>
      Script.startsAfter(call.number === 0 ? first : later)(refusing(both)(call))
    return withWorld(
      {
        a: { dialect: "anthropic", plays: slowly(100, 400) },
        b: { dialect: "anthropic", plays: slowly(200, 0) }
      },
      { retry: { hedgeAfter: "30 millis" } },
      async (world) => {
        const sampling = { temperature: 0.5, top_p: 0.5 }
        assert.strictEqual((await completion(world, sampling)).status, 200)
        const pinned = await fetch(`${world.relay.url}/v1/chat/completions`, {
          method: "POST",
          headers: { "content-type": "application/json", "x-channel": "b" },
          body: JSON.stringify({ model: "m", messages: [{ role: "user", content: "Well?" }], top_p: 0.5 })
        })
        assert.strictEqual(pinned.status, 200)
        const sent = bodiesOf(world.upstreams["b"]!).map(({ temperature, top_p: topP }) => [temperature, topP])
        assert.deepStrictEqual(
          [sent[0], sent.at(-1)],
          [
            [0.5, 0.5],
            [undefined, 0.5]
          ]
        )
        assert.notDeepInclude(sent, [undefined, undefined])
      }
    )
  })
})
