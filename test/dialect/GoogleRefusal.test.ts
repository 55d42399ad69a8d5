/**
 * What Google's errors say of a field, in the words in which the users of the Gemini API and of Vertex have reported them.
 */
import { assert, describe, it } from "@effect/vitest"
import { classify, gemini, refusedField } from "#src/dialect/index"
import { asking } from "./gemini/kit.ts"

/** An error as Google sends it. */
const error = (message: string, ...violations: ReadonlyArray<{ field?: string; description?: string }>) => ({
  error: {
    code: 400,
    message,
    status: "INVALID_ARGUMENT",
    ...(violations.length === 0
      ? {}
      : { details: [{ "@type": "type.googleapis.com/google.rpc.BadRequest", fieldViolations: violations }] })
  }
})

const refusalOf = (body: object) => classify({ status: 400, headers: {}, body: JSON.stringify(body), now: 0 }).error

const request = asking({})
const refusable = [...(gemini.refusableOnce?.(request) ?? []), ...gemini.refusable(request)]

/** A body with all that may be refused. */
const sent = JSON.stringify(refusable.map((path) => ({ [path.slice(path.lastIndexOf(".") + 1)]: 1 })))

const found = (body: object, among = refusable, holding = sent) => refusedField(refusalOf(body), 400, among, holding)

const unknownId =
  "Invalid JSON payload received. Unknown name \"id\" at 'contents[7].parts[0].function_response': Cannot find field."
const unknownLevel =
  "Invalid JSON payload received. Unknown name \"thinkingLevel\" at 'generation_config.thinking_config': Cannot find field."
const category =
  "Invalid value at 'safety_settings[4].category' (type.googleapis.com/google.ai.generativelanguage.v1beta.HarmCategory), \"HARM_CATEGORY_IMAGE_HATE\""
const unable = (what: string) =>
  `Unable to submit request because ${what}. Learn more: https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/gemini`

const config = (name: string) => `generationConfig.${name}`

describe("a field that Google refuses", () => {
  it.each([
    [
      "an unknown name, at its place",
      error(unknownId, { field: "contents[7].parts[0].function_response", description: unknownId }),
      "contents[].parts[].functionResponse.id"
    ],
    ["the same without details", error(unknownId), "contents[].parts[].functionResponse.id"],
    [
      "the same as the first of a list",
      [error(unknownId, { field: "contents[7].parts[0].function_response", description: unknownId })],
      "contents[].parts[].functionResponse.id"
    ],
    [
      "an unknown name in what is another one's",
      error(unknownLevel, { field: "generation_config.thinking_config", description: unknownLevel }),
      config("thinkingConfig.thinkingLevel")
    ],
    [
      "an unknown name of an object",
      error(
        "Invalid JSON payload received. Unknown name \"thinkingConfig\" at 'generation_config': Cannot find field."
      ),
      config("thinkingConfig")
    ],
    [
      "a value that is none",
      error(category, { field: "safety_settings[4].category", description: category }),
      "safetySettings"
    ],
    [
      "a value of the wrong type",
      error("Invalid value at 'generation_config.seed' (TYPE_INT32), 12345678901"),
      config("seed")
    ],
    [
      "one that a predicate does not hold for",
      error(
        "* GenerateContentRequest.safety_settings[4]: element predicate failed: $.category in (HarmCategory.HARM_CATEGORY_HATE_SPEECH, HarmCategory.HARM_CATEGORY_HARASSMENT)\n"
      ),
      "safetySettings"
    ],
    ["a level", error("Thinking level is not supported for this model."), config("thinkingConfig.thinkingLevel")],
    [
      "a level, on Vertex",
      error(unable("thinking_level is not supported by this model.")),
      config("thinkingConfig.thinkingLevel")
    ],
    ["a budget", error("Thinking budget is not supported for this model."), config("thinkingConfig.thinkingBudget")],
    [
      "a budget that is out of range",
      error("The thinking budget (52428) is invalid."),
      config("thinkingConfig.thinkingBudget")
    ],
    [
      "a budget of nothing",
      error("Budget 0 is invalid. This model only works in thinking mode."),
      config("thinkingConfig.thinkingBudget")
    ],
    [
      "thinking at all",
      error(
        unable("thinking is not configurable in this model; please remove the thinking_config setting and try it again")
      ),
      config("thinkingConfig")
    ],
    ["a penalty", error("Penalty is not enabled for models/gemini-2.5-flash-preview-05-20"), config("presencePenalty")],
    [
      "a value out of range",
      error(unable("it has a topK value of 64 but the supported range is from 1 (inclusive) to 41 (exclusive)")),
      config("topK")
    ],
    ["a signature, once", error(unable("Thought signature is not valid.")), "contents[].parts[].thoughtSignature"],
    ["a signature that was changed", error("Corrupted thought signature."), "contents[].parts[].thoughtSignature"]
  ])("%s", (_, body, path) => {
    assert.strictEqual(found(body), path)
  })

  it("is the one that was sent", () => {
    const penalty = error("Penalty is not enabled for this model")
    assert.strictEqual(found(penalty, refusable, '{"frequencyPenalty":1}'), config("frequencyPenalty"))
    assert.strictEqual(found(penalty, refusable, '{"temperature":1}'), undefined)
  })

  it.each([
    [
      "a schema of the client's",
      "Invalid JSON payload received. Unknown name \"const\" at 'tools[0].function_declarations[5].parameters.properties[8].value.any_of[0]': Cannot find field."
    ],
    [
      "another one than its name says",
      "Invalid JSON payload received. Unknown name \"id\" at 'tools[0].function_declarations[0]': Cannot find field."
    ],
    [
      "a call that was not signed",
      "Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly, and missing thought_signature may lead to degraded model performance. Additional data, function call `default_api:update_todo_list` , position 2."
    ],
    ["nothing at all", "Request contains an invalid argument."],
    ["what is not there", "* GenerateContentRequest.contents: contents is not specified\n"]
  ])("is none: %s", (_, message) => {
    assert.strictEqual(found(error(message)), undefined)
  })

  it("is told by its path, as Google's JSON is written", () => {
    assert.strictEqual(refusalOf(error(unknownLevel)).upstream?.param, config("thinkingConfig.thinkingLevel"))
    assert.strictEqual(
      refusalOf(error('Invalid JSON payload received. Unknown name "generationConfig": Cannot find field.')).upstream
        ?.param,
      "generationConfig"
    )
    assert.strictEqual(refusalOf(error("Request contains an invalid argument.")).upstream?.param, undefined)
  })
})
