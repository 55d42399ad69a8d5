/**
 * What `/v1/chat/completions` is asked. Checked is what the relay reads, and what no upstream takes otherwise; the rest
 * is the upstream's to judge, and unknown fields pass.
 */
import { Result } from "effect"
import type { BadRequestBody, InvalidRequest } from "../../errors/index.ts"
import { isObject, type JsonObject } from "../Json.ts"
import { askedOfOpenAI } from "./Asked.ts"
import { embeddings, parseEmbeddings } from "./Embeddings.ts"
import { type AnswerRequest, type Asking, lazily, measure } from "../Request.ts"
import {
  checked,
  checkModelName,
  checkName,
  type Complain,
  kindOf,
  makeComplaints,
  readObject
} from "../RequestCheck.ts"

type Kind = "boolean" | "number" | "integer" | "string" | "object" | "array" | "textOrArray"

const isKind: { readonly [K in Kind]: (value: unknown) => boolean } = {
  boolean: (value) => typeof value === "boolean",
  number: (value) => typeof value === "number" && Number.isFinite(value),
  integer: (value) => Number.isInteger(value),
  string: (value) => typeof value === "string",
  object: isObject,
  array: Array.isArray,
  textOrArray: (value) => typeof value === "string" || Array.isArray(value)
}

const kindNames: { readonly [K in Kind]: string } = {
  boolean: "a boolean",
  number: "a number",
  integer: "an integer",
  string: "a string",
  object: "an object",
  array: "an array",
  textOrArray: "a string or an array"
}

/** The type of each field that has only one. Each may also be `null` or absent. */
const optional: { readonly [field: string]: Kind } = {
  stream: "boolean",
  stream_options: "object",
  n: "integer",
  max_tokens: "integer",
  max_completion_tokens: "integer",
  temperature: "number",
  top_p: "number",
  presence_penalty: "number",
  frequency_penalty: "number",
  seed: "integer",
  logprobs: "boolean",
  top_logprobs: "integer",
  logit_bias: "object",
  stop: "textOrArray",
  tools: "array",
  parallel_tool_calls: "boolean",
  response_format: "object",
  metadata: "object",
  user: "string"
}

const optionalFields = Object.entries(optional)
const optionalKinds: ReadonlyMap<string, Kind> = new Map(optionalFields)

const isRight = (value: unknown, kind: Kind): boolean => value === undefined || value === null || isKind[kind](value)

/** HOT: a request has few of the fields, and nearly always they are right. */
const areRight = (body: JsonObject): boolean => {
  for (const field in body) {
    const kind = optionalKinds.get(field)
    if (kind !== undefined && !isRight(body[field], kind)) return false
  }
  return true
}

const checkOptional = (body: JsonObject, complain: Complain): void => {
  if (!areRight(body)) {
    for (const [field, kind] of optionalFields) {
      const value = body[field]
      if (isRight(value, kind)) continue
      complain(field, `expected ${kindNames[kind]}, got ${kindOf(value)}`, "type")
    }
  }
  const { n, stream_options: streamOptions } = body
  if (typeof n === "number" && Number.isInteger(n) && (n < 1 || n > 128)) {
    complain("n", "must be from 1 to 128", n < 1 ? "too_small" : "too_large")
  }
  const include = isObject(streamOptions) ? streamOptions["include_usage"] : undefined
  if (include !== undefined && include !== null && typeof include !== "boolean") {
    complain("stream_options.include_usage", `expected a boolean, got ${kindOf(include)}`, "type")
  }
}

// An assistant that called a tool, refused or spoke has no text; nor has, in old clients, a function.
const mayBeSilent = (message: JsonObject): boolean => message["role"] === "assistant" || message["role"] === "function"

const checkContent = (message: JsonObject, path: string, complain: Complain): void => {
  const content = message["content"]
  if (typeof content === "string") return
  if (content === undefined || content === null) {
    if (!mayBeSilent(message)) complain(path, `expected a string or an array, got ${kindOf(content)}`, "required")
    return
  }
  if (!Array.isArray(content)) {
    complain(path, `expected a string or an array, got ${kindOf(content)}`, "type")
    return
  }
  for (const [i, part] of (content as ReadonlyArray<unknown>).entries()) {
    if (!isObject(part)) complain(`${path}[${i}]`, `expected an object, got ${kindOf(part)}`, "type")
    else if (typeof part["type"] !== "string") {
      complain(`${path}[${i}].type`, `expected a string, got ${kindOf(part["type"])}`, "type")
    } else if (part["type"] === "text" && typeof part["text"] !== "string") {
      complain(`${path}[${i}].text`, `expected a string, got ${kindOf(part["text"])}`, "type")
    }
  }
}

const checkMessages = (messages: unknown, complain: Complain): void => {
  if (messages === undefined) return complain("messages", "is required", "required")
  if (!Array.isArray(messages)) return complain("messages", `expected an array, got ${kindOf(messages)}`, "type")
  if (messages.length === 0) complain("messages", "must not be empty", "too_short")
  for (const [i, message] of (messages as ReadonlyArray<unknown>).entries()) {
    const path = `messages[${i}]`
    if (!isObject(message)) {
      complain(path, `expected an object, got ${kindOf(message)}`, "type")
      continue
    }
    const role = message["role"]
    if (typeof role !== "string") complain(`${path}.role`, `expected a string, got ${kindOf(role)}`, "type")
    else if (role === "") complain(`${path}.role`, "must not be empty", "too_short")
    checkContent(message, `${path}.content`, complain)
  }
}

const checkModel = (model: unknown, complain: Complain): void => {
  if (model === undefined) complain("model", "is required", "required")
  else if (typeof model !== "string") complain("model", `expected a string, got ${kindOf(model)}`, "type")
  else checkModelName(model, complain)
}

const nameOf = (value: unknown): unknown => (isObject(value) ? value["name"] : undefined)

/** The names of functions, wherever one stands: they are told again, also where a target must be told others. */
const checkFunctions = (body: JsonObject, complain: Complain): void => {
  const each = (list: unknown, check: (item: JsonObject, i: number) => void): void => {
    if (!Array.isArray(list)) return
    for (const [i, item] of (list as ReadonlyArray<unknown>).entries()) if (isObject(item)) check(item, i)
  }
  const checkTool = (tool: JsonObject, path: string): void => {
    checkName(nameOf(tool["function"]), `${path}.function.name`, complain)
    checkName(nameOf(tool["custom"]), `${path}.custom.name`, complain)
  }
  each(body["tools"], (tool, i) => checkTool(tool, `tools[${i}]`))
  each(body["functions"], ({ name }, i) => checkName(name, `functions[${i}].name`, complain))
  each(body["messages"], (message, i) => {
    each(message["tool_calls"], (call, j) => checkTool(call, `messages[${i}].tool_calls[${j}]`))
    checkName(nameOf(message["function_call"]), `messages[${i}].function_call.name`, complain)
  })
  if (isObject(body["tool_choice"])) checkTool(body["tool_choice"], "tool_choice")
  checkName(nameOf(body["function_call"]), "function_call.name", complain)
}

// A schema is asked for as OpenAI does, or as vLLM and its kin do.
const asksForJson = ({
  guided_json: guided,
  response_format: format,
  structured_outputs: outputs
}: JsonObject): boolean =>
  (isObject(format) && (format["type"] === "json_object" || format["type"] === "json_schema")) ||
  isSaid(guided) ||
  (isObject(outputs) && (isSaid(outputs["json"]) || outputs["json_object"] === true))

const isSaid = (value: unknown): boolean => value !== undefined && value !== null

/**
 * Checks the body of a request for a chat completion, or for embeddings where `asking.parameter` says so. All that is wrong is told at once; every fault is a 400. A whole
 * answer always has its usage, so it is asked for.
 */
export const parseOpenAIRequest = (asking: Asking): Result.Result<AnswerRequest, InvalidRequest | BadRequestBody> =>
  asking.parameter === embeddings ? parseEmbeddings(asking) : parseCompletion(asking)

const parseCompletion = (asking: Asking): Result.Result<AnswerRequest, InvalidRequest | BadRequestBody> =>
  Result.flatMap(readObject(asking.body ?? ""), (object) => {
    const { complain, details } = makeComplaints()
    const { model, messages, stream, n, stream_options: streamOptions } = object
    checkModel(model, complain)
    checkMessages(messages, complain)
    checkOptional(object, complain)
    checkFunctions(object, complain)
    return checked(details, () => ({
      dialect: "openai",
      operation: "generate",
      model: model as string,
      delivery: stream === true ? "stream" : "whole",
      includeUsage: stream !== true || (isObject(streamOptions) && streamOptions["include_usage"] === true),
      choices: typeof n === "number" ? n : 1,
      timeoutMillis: undefined,
      json: asksForJson(object),
      asking,
      body: object,
      ...measure((messages as ReadonlyArray<JsonObject>).map(({ content }) => content)),
      asked: lazily(() => askedOfOpenAI(object))
    }))
  })
