/**
 * An upstream that gives two calls of an answer one id: results are told apart by ids, so that the second one has another,
 * the same in the stream and in the whole answer.
 */
import { describe, expect, it } from "vitest"
import { type ClientDialect, clientDialects, type UpstreamDialectName, upstreamDialects } from "#src/dialect/index"
import { play, wholeOf } from "./gemini/kit.ts"

const sse = (...events: ReadonlyArray<object>): string =>
  events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join("")

const inputs = ['{"q":1}', '{"q":2}']

const streams: { readonly [N in UpstreamDialectName]: string } = {
  openai: `${sse(
    ...inputs.map((input, index) => ({
      choices: [
        {
          index: 0,
          delta: {
            tool_calls: [{ index, id: "find:3", type: "function", function: { name: "find", arguments: input } }]
          }
        }
      ]
    })),
    { choices: [{ index: 0, delta: {}, finish_reason: "tool_calls" }] }
  )}data: [DONE]\n\n`,
  responses: sse(
    ...inputs.flatMap((input, output_index) => {
      const item = { type: "function_call", id: `fc${output_index}`, call_id: "find:3", name: "find", arguments: input }
      return [
        { type: "response.output_item.added", output_index, item: { ...item, arguments: "" } },
        { type: "response.function_call_arguments.delta", output_index, item_id: item.id, delta: input },
        { type: "response.output_item.done", output_index, item }
      ]
    }),
    { type: "response.completed", response: { status: "completed", output: [] } }
  ),
  anthropic: sse(
    ...inputs.flatMap((input, index) => [
      {
        type: "content_block_start",
        index,
        content_block: { type: "tool_use", id: "find:3", name: "find", input: {} }
      },
      { type: "content_block_delta", index, delta: { type: "input_json_delta", partial_json: input } },
      { type: "content_block_stop", index }
    ]),
    { type: "message_delta", delta: { stop_reason: "tool_use" } },
    { type: "message_stop" }
  ),
  gemini: sse({
    candidates: [
      {
        content: {
          role: "model",
          parts: inputs.map((input) => ({
            functionCall: { id: "find:3", name: "find", args: JSON.parse(input) as object }
          }))
        },
        finishReason: "STOP"
      }
    ]
  })
}

/** The ids of the calls in what a client is told, each once. */
const idsIn = (told: string): ReadonlyArray<string> => [
  ...new Set([...told.matchAll(/"(?:id|call_id)":"(find:3|call_[^"]+)"/g)].map(([, id]) => id!))
]

const clients: ReadonlyArray<ClientDialect> = Object.values(clientDialects).filter(({ name }) => name !== "chat")
const ways = Object.values(upstreamDialects).flatMap((upstream, i) =>
  clients.map((client) => [Object.keys(upstreamDialects)[i] as UpstreamDialectName, upstream, client] as const)
)

describe("two calls of one id", () => {
  it.each(ways.map(([name, upstream, client]) => [name, client.name, upstream, client] as const))(
    "of an upstream of %s are two for a client of %s",
    (name, _client, upstream, client) => {
      const { text } = play(streams[name], client, upstream)
      const ids = idsIn(text)
      expect(ids).toHaveLength(2)
      expect(ids[0]).toBe("find:3")
      expect(ids[1]).toMatch(/^call_[a-zA-Z0-9]{24}$/)
      expect(idsIn(JSON.stringify(wholeOf(text, client)))).toEqual(ids)
    }
  )
})

it.each(clients.map((client) => [client.name, client] as const))(
  "two calls of one id whose inputs come in parts are two for a client of %s",
  (_, client) => {
    const part = (functionCall: object) => ({ candidates: [{ content: { role: "model", parts: [{ functionCall }] } }] })
    const parts = ["1", "2"].flatMap((stringValue) => [
      part({ id: "find:3", name: "find", willContinue: true }),
      part({ id: "find:3", partialArgs: [{ jsonPath: "$.q", stringValue }] })
    ])
    const end = { candidates: [{ content: { role: "model", parts: [{ text: "" }] }, finishReason: "STOP" }] }
    const ids = idsIn(play(sse(...parts, end), client, upstreamDialects.gemini).text)
    expect(ids).toEqual(["find:3", expect.stringMatching(/^call_[a-zA-Z0-9]{24}$/)])
  }
)
