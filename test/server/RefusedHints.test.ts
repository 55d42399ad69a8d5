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
  (call: { readonly body: string }): Script.Script => {
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
      null
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
        const json_schema = { name: "n", schema: { type: "object" } }
        const answered = await completion(world, { response_format: { type: "json_schema", json_schema } })
        assert.strictEqual(answered.status, 400)
        assert.lengthOf(bodiesOf(world.upstreams["a"]!), 1)
      }
    ))
})
