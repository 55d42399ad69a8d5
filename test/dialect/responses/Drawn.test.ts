/**
 * An image that a Responses upstream has made: it is one for clients of every dialect that has words for it.
 */
import { assert, describe, it } from "@effect/vitest"
import { type ClientDialect, geminiClient, openaiClient, responsesClient } from "#src/dialect/index"
import type { JsonObject } from "#src/dialect/Json"
import { decodeAll, decodeWhole, play } from "./kit.ts"

const png = "iVBORw0KGgo="
const item = { type: "image_generation_call", id: "ig", status: "completed", result: png }
const completed = (output: ReadonlyArray<object>) => ({
  type: "response.completed",
  response: { id: "r", object: "response", status: "completed", output }
})
const place = { output_index: 0, item_id: "ig" }

const streamed = (more: object = {}) =>
  decodeAll([
    { type: "response.output_item.added", output_index: 0, item: { ...item, status: "in_progress", result: null } },
    { type: "response.image_generation_call.generating", ...place },
    { type: "response.image_generation_call.partial_image", ...place, partial_image_b64: "AAAA" },
    { type: "response.output_item.done", output_index: 0, item: { ...item, ...more } },
    completed([{ ...item, ...more }])
  ])

const toldTo = (client: ClientDialect, steps: ReturnType<typeof decodeAll>): string => {
  const view = client.views.whole.make()
  for (const frame of play(steps, client).payloads.map(client.frames("s"))) view.push(frame)
  return view.end()
}

describe.each([
  ["streamed", () => streamed()],
  ["at its end only", () => decodeAll([completed([item])])],
  ["whole", () => decodeWhole(completed([item]).response)]
] as const)("an image, %s", (_name, steps) => {
  it("is one for a client of chat completions", () => {
    assert.include(toldTo(openaiClient, steps()), `data:image/png;base64,${png}`)
  })

  it("is one for a Gemini client", () => {
    assert.include(toldTo(geminiClient, steps()), `{"inlineData":{"mimeType":"image/png","data":"${png}"}}`)
  })

  it("is told once to a client of responses", () => {
    const { output } = JSON.parse(toldTo(responsesClient, steps())) as { output: ReadonlyArray<JsonObject> }
    assert.deepStrictEqual(
      output.map(({ result, type }) => [type, result]),
      [["image_generation_call", png]]
    )
  })
})

it("an image is of the format that its upstream says, or that its bytes do", () => {
  assert.include(
    toldTo(openaiClient, streamed({ output_format: "webp", result: "AAAA" })),
    "data:image/webp;base64,AAAA"
  )
  assert.include(toldTo(openaiClient, streamed({ result: "/9j/4AAQ" })), "data:image/jpeg;base64,/9j/4AAQ")
})

it("an image that was not made is none", () => {
  assert.notInclude(toldTo(openaiClient, streamed({ status: "failed", result: null })), "images")
})
