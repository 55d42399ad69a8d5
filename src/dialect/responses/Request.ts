/**
 * What `POST /v1/responses` is asked. Checked is what the relay reads, and what no upstream takes otherwise; the rest is the
 * upstream's to judge, and unknown fields pass.
 */
import { Result } from "effect"
import type { BadRequestBody, InvalidRequest } from "../../errors/index.ts"
import { isObject, type JsonObject } from "../Json.ts"
import { type AnswerRequest, type Asking, lazily, measure } from "../Request.ts"
import {
  checked,
  checkField,
  checkModelName,
  checkName,
  checkOptionalFields,
  type Complain,
  type Kind,
  makeComplaints,
  readObject
} from "../RequestCheck.ts"
import { isGiven, typeOfItem } from "./Aside.ts"
import { askedOfResponses } from "./Asked.ts"

const optional: { readonly [field: string]: Kind } = {
  background: "boolean",
  include: "array",
  instructions: "textOrArray",
  max_output_tokens: "integer",
  max_tool_calls: "integer",
  metadata: "object",
  parallel_tool_calls: "boolean",
  previous_response_id: "string",
  prompt_cache_key: "string",
  reasoning: "object",
  safety_identifier: "string",
  service_tier: "string",
  store: "boolean",
  stream: "boolean",
  stream_options: "object",
  temperature: "number",
  text: "object",
  tool_choice: "textOrObject",
  tools: "array",
  top_logprobs: "integer",
  top_p: "number",
  truncation: "string",
  user: "string"
}

/** The fields without which an item is none, by its type. A type that is not here is the upstream's to judge. */
const itemFields: { readonly [type: string]: { readonly [field: string]: Kind } } = {
  message: { role: "string", content: "textOrArray" },
  function_call: { call_id: "string", name: "string", arguments: "string" },
  function_call_output: { call_id: "string", output: "textOrArray" },
  reasoning: { summary: "array" },
  item_reference: { id: "string" }
}

/** The fields without which a part is none, by its type. */
const partFields: { readonly [type: string]: { readonly [field: string]: Kind } } = {
  input_text: { text: "string" },
  output_text: { text: "string" },
  refusal: { refusal: "string" }
}

const checkFields = (
  object: JsonObject,
  type: string,
  fields: { readonly [type: string]: { readonly [field: string]: Kind } },
  path: string,
  complain: Complain
): void => {
  for (const [field, kind] of Object.entries(Object.hasOwn(fields, type) ? fields[type]! : {})) {
    checkField(object[field], `${path}.${field}`, kind, complain)
  }
}

const checkParts = (content: unknown, path: string, complain: Complain): void => {
  for (const [i, part] of (Array.isArray(content) ? (content as ReadonlyArray<unknown>) : []).entries()) {
    const place = `${path}[${i}]`
    if (!checkField(part, place, "object", complain) || !isObject(part)) continue
    if (checkField(part["type"], `${place}.type`, "string", complain)) {
      checkFields(part, part["type"] as string, partFields, place, complain)
    }
  }
}

const checkItem = (item: unknown, path: string, complain: Complain): void => {
  if (!checkField(item, path, "object", complain) || !isObject(item)) return
  const type = typeOfItem(item)
  if (!checkField(type, `${path}.type`, "string", complain)) return
  checkFields(item, type as string, itemFields, path, complain)
  if (type === "message") checkParts(item["content"], `${path}.content`, complain)
  if (type === "function_call_output") checkParts(item["output"], `${path}.output`, complain)
  checkName(item["name"], `${path}.name`, complain)
}

const checkInput = (
  { conversation, input, previous_response_id: previous, prompt }: JsonObject,
  complain: Complain
) => {
  if (!isGiven(input)) {
    // What is held elsewhere may be all that is asked.
    if (!isGiven(conversation) && !isGiven(previous) && !isGiven(prompt)) complain("input", "is required", "required")
    return
  }
  if (!checkField(input, "input", "textOrArray", complain) || !Array.isArray(input)) return
  for (const [i, item] of (input as ReadonlyArray<unknown>).entries()) checkItem(item, `input[${i}]`, complain)
}

const checkTools = ({ tool_choice: choice, tools }: JsonObject, complain: Complain): void => {
  for (const [i, tool] of (Array.isArray(tools) ? (tools as ReadonlyArray<unknown>) : []).entries()) {
    const path = `tools[${i}]`
    if (!checkField(tool, path, "object", complain) || !isObject(tool)) continue
    if (!checkField(tool["type"], `${path}.type`, "string", complain)) continue
    if (tool["type"] === "function") checkField(tool["name"], `${path}.name`, "string", complain)
    checkName(tool["name"], `${path}.name`, complain)
  }
  if (isObject(choice)) checkName(choice["name"], "tool_choice.name", complain)
}

const check = (body: JsonObject, complain: Complain): void => {
  const { background, model, store } = body
  if (checkField(model, "model", "string", complain)) checkModelName(model as string, complain)
  checkInput(body, complain)
  checkOptionalFields(body, optional, "", complain)
  checkTools(body, complain)
  if (background === true && store === false) {
    complain("background", "an answer in the background is found by its id, which `store: false` forbids", "exclusive")
  }
}

const wantsJson = ({ text }: JsonObject): boolean => {
  const type = isObject(text) && isObject(text["format"]) ? text["format"]["type"] : undefined
  return type === "json_object" || type === "json_schema"
}

/** What is measured of the input: the texts of its messages, of calls and of their results. */
const contentsOf = ({ input, instructions }: JsonObject): ReadonlyArray<unknown> => {
  const items = Array.isArray(input) ? (input as ReadonlyArray<JsonObject>) : [input ?? ""]
  return [
    ...(isGiven(instructions) ? [instructions] : []),
    ...items.map((item) => (isObject(item) ? (item["content"] ?? item["output"] ?? item["arguments"] ?? "") : item))
  ]
}

/**
 * Checks a request for a response. All that is wrong is told at once; every fault is a 400. What is asked for in the
 * background is never waited for: it is kept as a stream, whoever reads it.
 */
export const parseResponsesRequest = (asking: Asking): Result.Result<AnswerRequest, InvalidRequest | BadRequestBody> =>
  Result.flatMap(readObject(asking.body ?? ""), (body) => {
    const { complain, details } = makeComplaints()
    check(body, complain)
    return checked(details, () => ({
      dialect: "responses",
      operation: "generate",
      model: body["model"] as string,
      delivery: body["stream"] === true || body["background"] === true ? "stream" : "whole",
      includeUsage: true,
      choices: 1,
      timeoutMillis: undefined,
      json: wantsJson(body),
      asking,
      body,
      ...measure(contentsOf(body)),
      asked: lazily(() => askedOfResponses(body))
    }))
  })
