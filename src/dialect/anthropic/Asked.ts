/**
 * The body of a Messages request in words that all dialects share: what another dialect's channel is asked.
 */
import { isObject, type JsonObject } from "../Json.ts"
import type { Asked, Effort, Hint, HintName, Meaning, Tool } from "../Request.ts"
import { isGiven, textsOf, turnsOf } from "./AskedMessages.ts"

const hintNames: { readonly [field: string]: HintName } = {
  temperature: "temperature",
  top_p: "topP",
  top_k: "topK",
  service_tier: "serviceTier",
  cache_control: "cacheControl",
  speed: "speed",
  inference_geo: "inferenceGeo"
}

/** What has words of its own, or is no part of what is asked. */
const carried: ReadonlySet<string> = new Set([
  "model",
  "messages",
  "system",
  "max_tokens",
  "stream",
  "stop_sequences",
  "tools",
  "tool_choice",
  "thinking",
  "output_config",
  "output_format",
  "metadata"
])

const levels: ReadonlySet<unknown> = new Set(["low", "medium", "high", "xhigh", "max"])

const effortOf = ({ output_config: output, thinking }: JsonObject): Asked["effort"] => {
  const kind = isObject(thinking) ? thinking["type"] : undefined
  if (kind === "disabled") return { path: "thinking", level: "none" }
  const said = isObject(output) ? output["effort"] : undefined
  if (levels.has(said)) return { path: "output_config.effort", level: said as Effort }
  if (!isObject(thinking)) return undefined
  const budget = thinking["budget_tokens"]
  if (kind !== "enabled" || typeof budget !== "number") return { path: "thinking", level: "medium" }
  return { path: "thinking", level: budget < 2048 ? "low" : budget < 8192 ? "medium" : "high" }
}

/** The schema of the output. Anthropic's beta had it at the top. */
const formatOf = ({ output_config: output, output_format: old }: JsonObject): Asked["format"] => {
  const inOutput = isObject(output) && isObject(output["format"])
  const format = inOutput ? (output["format"] as JsonObject) : old
  if (!isObject(format) || !isObject(format["schema"])) return { _tag: "Text" }
  const path = inOutput ? "output_config.format" : "output_format"
  return { _tag: "Json", path, schema: format["schema"], name: undefined, strict: undefined }
}

/** Whether a tool is a function of the client's, and not one that Anthropic brings with it. */
const isFunction = (tool: JsonObject): boolean => !isGiven(tool["type"]) || tool["type"] === "custom"

const callsItself = (callers: unknown): boolean =>
  !isGiven(callers) || (Array.isArray(callers) && callers.every((caller) => caller === "direct"))

interface Tools {
  readonly tools: ReadonlyArray<Tool>
  readonly hints: ReadonlyArray<Hint>
  readonly meanings: ReadonlyArray<Meaning>
}

const toolsOf = (value: unknown): Tools => {
  const tools: Array<Tool> = []
  const hints: Array<Hint> = []
  const meanings: Array<Meaning> = []
  for (const [i, tool] of (Array.isArray(value) ? (value as ReadonlyArray<unknown>) : []).entries()) {
    const path = `tools[${i}]`
    if (!isObject(tool) || !isFunction(tool)) {
      meanings.push({ path, value: tool })
      continue
    }
    const { description, input_schema: schema, name, strict } = tool
    tools.push({
      path,
      name: typeof name === "string" ? name : "",
      description: typeof description === "string" ? description : undefined,
      schema: isObject(schema) ? schema : {},
      strict: typeof strict === "boolean" ? strict : undefined
    })
    if (isGiven(tool["cache_control"])) {
      hints.push({ name: "cacheControl", path: `${path}.cache_control`, value: tool["cache_control"] })
    }
    if (tool["defer_loading"] === true) meanings.push({ path: `${path}.defer_loading`, value: true })
    if (isGiven(tool["input_examples"])) {
      meanings.push({ path: `${path}.input_examples`, value: tool["input_examples"] })
    }
    if (!callsItself(tool["allowed_callers"])) {
      meanings.push({ path: `${path}.allowed_callers`, value: tool["allowed_callers"] })
    }
  }
  return { tools, hints, meanings }
}

const toolChoiceOf = (choice: unknown): Asked["toolChoice"] => {
  if (!isObject(choice)) return undefined
  switch (choice["type"]) {
    case "auto":
      return "auto"
    case "none":
      return "none"
    case "any":
      return "required"
    case "tool":
      return { name: String(choice["name"]) }
    default:
      return undefined
  }
}

const metadataHints = (metadata: unknown): ReadonlyArray<Hint> => {
  if (!isObject(metadata)) return []
  const { user_id: user, ...rest } = metadata
  return [
    ...(isGiven(user) ? [{ name: "user", path: "metadata.user_id", value: user } as const] : []),
    ...(Object.keys(rest).length > 0 ? [{ name: "metadata", path: "metadata", value: rest } as const] : [])
  ]
}

/** Fields at the top that have no words of their own: hints, and meanings. */
const restOf = (
  body: JsonObject
): { readonly hints: ReadonlyArray<Hint>; readonly meanings: ReadonlyArray<Meaning> } => {
  const hints: Array<Hint> = []
  const meanings: Array<Meaning> = []
  for (const [path, value] of Object.entries(body)) {
    if (carried.has(path) || !isGiven(value)) continue
    if (Object.hasOwn(hintNames, path)) hints.push({ name: hintNames[path]!, path, value })
    else meanings.push({ path, value })
  }
  const output = body["output_config"]
  for (const [field, value] of Object.entries(isObject(output) ? output : {})) {
    if (field !== "effort" && field !== "format" && isGiven(value)) {
      meanings.push({ path: `output_config.${field}`, value })
    }
  }
  return { hints, meanings }
}

/** Reads a body that `parseAnthropicRequest` has accepted. */
export const askedOfAnthropic = (body: JsonObject): Asked => {
  const { max_tokens: most, stop_sequences: stop, tool_choice: choice } = body
  const system = textsOf(body["system"], "system")
  const conversation = turnsOf(body["messages"])
  const tools = toolsOf(body["tools"])
  const rest = restOf(body)
  return {
    system: system.parts,
    turns: conversation.turns,
    tools: tools.tools,
    toolChoice: toolChoiceOf(choice),
    oneCallAtATime: isObject(choice) && choice["disable_parallel_tool_use"] === true,
    maxTokens: typeof most === "number" ? most : undefined,
    effort: effortOf(body),
    stop:
      Array.isArray(stop) && stop.length > 0
        ? { path: "stop_sequences", sequences: stop as ReadonlyArray<string> }
        : undefined,
    format: formatOf(body),
    hints: [...rest.hints, ...metadataHints(body["metadata"]), ...system.hints, ...conversation.hints, ...tools.hints],
    meanings: [...rest.meanings, ...conversation.meanings, ...tools.meanings]
  }
}
