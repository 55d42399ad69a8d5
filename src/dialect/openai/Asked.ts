/**
 * The body of a chat completion in words that all dialects share: what another dialect's channel is asked. Nothing of it
 * throws: what cannot be read is a meaning, by its path.
 */
import { isObject, type JsonObject } from "../Json.ts"
import type { Asked, Effort, Hint, HintName, Meaning, Part, Tool } from "../Request.ts"
import { readMessages } from "./AskedMessages.ts"

/** Collects what is no part of the conversation. */
export interface Aside {
  readonly hint: (name: HintName, path: string, value: unknown) => void
  readonly meaning: (path: string, value: unknown) => void
}

const isVoid = (value: unknown): boolean => value === undefined || value === null

const hints: { readonly [field: string]: HintName } = {
  temperature: "temperature",
  top_p: "topP",
  top_k: "topK",
  presence_penalty: "presencePenalty",
  frequency_penalty: "frequencyPenalty",
  seed: "seed",
  user: "user",
  metadata: "metadata",
  service_tier: "serviceTier",
  store: "store",
  cache_control: "cacheControl",
  prompt_cache_key: "promptCacheKey",
  // How long and how a prompt is cached says as little of what is meant as that it is.
  prompt_cache_retention: "cacheControl",
  prompt_cache_options: "cacheControl",
  safety_identifier: "safetyIdentifier",
  safety_settings: "safetySettings",
  verbosity: "verbosity",
  logit_bias: "logitBias",
  include: "include",
  truncation: "truncation",
  labels: "labels",
  speed: "speed",
  inference_geo: "inferenceGeo"
}

/** Fields that say nothing with these values, and are a meaning with any other. */
const silent: { readonly [field: string]: (value: unknown) => boolean } = {
  n: (value) => value === 1,
  logprobs: (value) => value === false,
  top_logprobs: (value) => value === 0,
  modalities: (value) => Array.isArray(value) && value.length === 1 && value[0] === "text"
}

/** Fields that are read elsewhere. */
const carried: ReadonlySet<string> = new Set([
  "model",
  "messages",
  "stream",
  "stream_options",
  "tools",
  "functions",
  "tool_choice",
  "function_call",
  "parallel_tool_calls",
  "max_tokens",
  "max_completion_tokens",
  "stop",
  "response_format",
  "reasoning_effort"
])

const readAsides = (body: JsonObject, { hint, meaning }: Aside): void => {
  for (const [field, value] of Object.entries(body)) {
    if (carried.has(field) || isVoid(value)) continue
    if (Object.hasOwn(hints, field)) hint(hints[field]!, field, value)
    else if (!Object.hasOwn(silent, field) || !silent[field]!(value)) meaning(field, value)
  }
  const options = body["stream_options"]
  for (const [field, value] of Object.entries(isObject(options) ? options : {})) {
    if (field !== "include_usage" && !isVoid(value)) hint("streamOptions", `stream_options.${field}`, value)
  }
}

const anything: JsonObject = { type: "object", properties: {} }

const readFunction = (value: unknown, path: string, { meaning }: Aside): Tool | undefined => {
  const { description, name, parameters, strict } = isObject(value) ? value : {}
  if (typeof name !== "string" || name === "" || !(isVoid(parameters) || isObject(parameters))) {
    meaning(path, value)
    return undefined
  }
  return {
    path,
    name,
    description: typeof description === "string" ? description : undefined,
    schema: isObject(parameters) ? parameters : anything,
    strict: typeof strict === "boolean" ? strict : undefined
  }
}

const readTools = (body: JsonObject, aside: Aside): ReadonlyArray<Tool> => {
  const tools: Array<Tool> = []
  const add = (tool: Tool | undefined): void => {
    if (tool !== undefined) tools.push(tool)
  }
  const each = (field: string, read: (item: unknown, path: string) => void): void => {
    const list = body[field]
    if (Array.isArray(list)) (list as ReadonlyArray<unknown>).forEach((item, i) => read(item, `${field}[${i}]`))
    else if (!isVoid(list)) aside.meaning(field, list)
  }
  each("tools", (item, path) => {
    if (!isObject(item) || item["type"] !== "function") return aside.meaning(path, item)
    if (!isVoid(item["cache_control"])) aside.hint("cacheControl", `${path}.cache_control`, item["cache_control"])
    add(readFunction(item["function"], path, aside))
  })
  each("functions", (item, path) => add(readFunction(item, path, aside)))
  return tools
}

const choices: { readonly [word: string]: "auto" | "none" | "required" } = {
  auto: "auto",
  none: "none",
  required: "required",
  // Mistral's word.
  any: "required"
}

const readChoice = (body: JsonObject, { meaning }: Aside): Asked["toolChoice"] => {
  const { function_call: old, tool_choice: choice } = body
  if (typeof choice === "string" && Object.hasOwn(choices, choice)) return choices[choice]
  if (isObject(choice)) {
    const named = choice["type"] === "function" && isObject(choice["function"]) ? choice["function"]["name"] : undefined
    if (typeof named === "string" && named !== "") return { name: named }
  }
  if (!isVoid(choice)) meaning("tool_choice", choice)
  else if (old === "auto" || old === "none") return old
  else if (isObject(old) && typeof old["name"] === "string" && old["name"] !== "") return { name: old["name"] }
  else if (!isVoid(old)) meaning("function_call", old)
  return undefined
}

const readMaxTokens = (body: JsonObject, { meaning }: Aside): number | undefined => {
  let most: number | undefined
  for (const field of ["max_completion_tokens", "max_tokens"]) {
    const value = body[field]
    if (isVoid(value)) continue
    if (typeof value === "number" && Number.isInteger(value) && value > 0) most ??= value
    // llama.cpp's word for no limit.
    else if (value !== -1) meaning(field, value)
  }
  return most
}

const readStop = ({ stop }: JsonObject, { meaning }: Aside): Asked["stop"] => {
  if (isVoid(stop)) return undefined
  const sequences: ReadonlyArray<unknown> = Array.isArray(stop) ? stop : [stop]
  if (!sequences.every((sequence) => typeof sequence === "string")) {
    meaning("stop", stop)
    return undefined
  }
  return sequences.length === 0 ? undefined : { path: "stop", sequences }
}

const readFormat = ({ response_format: format }: JsonObject, { meaning }: Aside): Asked["format"] => {
  const text = { _tag: "Text" } as const
  if (isVoid(format) || (isObject(format) && format["type"] === "text")) return text
  const json = { _tag: "Json", path: "response_format" } as const
  if (isObject(format) && format["type"] === "json_object") {
    return { ...json, schema: undefined, name: undefined, strict: undefined }
  }
  const said = isObject(format) && format["type"] === "json_schema" ? format["json_schema"] : undefined
  if (isObject(said) && isObject(said["schema"])) {
    const { name, schema, strict } = said
    return {
      ...json,
      schema: schema as JsonObject,
      name: typeof name === "string" && name !== "" ? name : undefined,
      strict: typeof strict === "boolean" ? strict : undefined
    }
  }
  meaning("response_format", format)
  return text
}

const efforts: ReadonlySet<unknown> = new Set<Effort>(["none", "minimal", "low", "medium", "high", "xhigh", "max"])

const readEffort = ({ reasoning_effort: effort }: JsonObject, { meaning }: Aside): Asked["effort"] => {
  if (isVoid(effort)) return undefined
  if (efforts.has(effort)) return { path: "reasoning_effort", level: effort as Effort }
  meaning("reasoning_effort", effort)
  return undefined
}

/** Reads a body that `parseOpenAIRequest` has accepted. */
export const askedOfOpenAI = (body: JsonObject): Asked => {
  const hints: Array<Hint> = []
  const meanings: Array<Meaning> = []
  const aside: Aside = {
    hint: (name, path, value) => hints.push({ name, path, value }),
    meaning: (path, value) => meanings.push({ path, value })
  }
  const { system, turns } = readMessages(body["messages"], aside)
  const asked = {
    system: system as ReadonlyArray<Part>,
    turns,
    tools: readTools(body, aside),
    toolChoice: readChoice(body, aside),
    oneCallAtATime: body["parallel_tool_calls"] === false,
    maxTokens: readMaxTokens(body, aside),
    effort: readEffort(body, aside),
    stop: readStop(body, aside),
    format: readFormat(body, aside)
  }
  readAsides(body, aside)
  return { ...asked, hints, meanings }
}
