/**
 * The body of a request for a response in words that all dialects share: what another dialect's channel is asked.
 */
import { isObject, type JsonObject } from "../Json.ts"
import type { Asked, Effort, Hint, HintName, Meaning, Tool } from "../Request.ts"
import { type Aside, isGiven } from "./Aside.ts"
import { readInput } from "./AskedItems.ts"

const hints: { readonly [field: string]: HintName } = {
  temperature: "temperature",
  top_p: "topP",
  user: "user",
  metadata: "metadata",
  service_tier: "serviceTier",
  store: "store",
  prompt_cache_key: "promptCacheKey",
  prompt_cache_retention: "cacheControl",
  prompt_cache_options: "cacheControl",
  safety_identifier: "safetyIdentifier",
  include: "include",
  truncation: "truncation",
  stream_options: "streamOptions"
}

/** What has words of its own, or is the relay's to do. */
const carried: ReadonlySet<string> = new Set([
  "background",
  "input",
  "instructions",
  "max_output_tokens",
  "model",
  "parallel_tool_calls",
  "reasoning",
  "stream",
  "text",
  "tool_choice",
  "tools"
])

const efforts: ReadonlySet<unknown> = new Set<Effort>(["none", "minimal", "low", "medium", "high", "xhigh", "max"])

// How much of what is thought is shown is nobody else's to say: it is shown as its upstream shows it.
const shownOf: ReadonlySet<string> = new Set(["summary", "generate_summary", "context"])

const readEffort = ({ reasoning }: JsonObject, { meaning }: Aside): Asked["effort"] => {
  if (!isObject(reasoning)) return undefined
  for (const [field, value] of Object.entries(reasoning)) {
    if (field !== "effort" && isGiven(value) && !shownOf.has(field)) meaning(`reasoning.${field}`, value)
  }
  const { effort } = reasoning
  if (!isGiven(effort)) return undefined
  if (efforts.has(effort)) return { path: "reasoning.effort", level: effort as Effort }
  meaning("reasoning.effort", effort)
  return undefined
}

const readFormat = ({ text }: JsonObject, { hint, meaning }: Aside): Asked["format"] => {
  const plain = { _tag: "Text" } as const
  if (!isObject(text)) return plain
  const { format, verbosity, ...rest } = text
  if (isGiven(verbosity)) hint("verbosity", "text.verbosity", verbosity)
  for (const [field, value] of Object.entries(rest)) if (isGiven(value)) meaning(`text.${field}`, value)
  if (!isGiven(format) || (isObject(format) && format["type"] === "text")) return plain
  const json = { _tag: "Json", path: "text.format" } as const
  if (isObject(format) && format["type"] === "json_object") {
    return { ...json, schema: undefined, name: undefined, strict: undefined }
  }
  if (isObject(format) && format["type"] === "json_schema" && isObject(format["schema"])) {
    const { name, schema, strict } = format
    return {
      ...json,
      schema: schema as JsonObject,
      name: typeof name === "string" && name !== "" ? name : undefined,
      strict: typeof strict === "boolean" ? strict : undefined
    }
  }
  meaning("text.format", format)
  return plain
}

const anything: JsonObject = { type: "object", properties: {} }

const callsItself = (callers: unknown): boolean =>
  !isGiven(callers) || (Array.isArray(callers) && callers.every((caller) => caller === "direct"))

const readTools = ({ tools }: JsonObject, { meaning }: Aside): ReadonlyArray<Tool> =>
  (Array.isArray(tools) ? (tools as ReadonlyArray<unknown>) : []).flatMap((tool, i) => {
    const path = `tools[${i}]`
    if (!isObject(tool) || tool["type"] !== "function" || typeof tool["name"] !== "string" || tool["name"] === "") {
      meaning(path, tool)
      return []
    }
    const { allowed_callers: callers, defer_loading: deferred, description, name, parameters, strict } = tool
    if (deferred === true) meaning(`${path}.defer_loading`, true)
    if (tool["async"] === true) meaning(`${path}.async`, true)
    if (!callsItself(callers)) meaning(`${path}.allowed_callers`, callers)
    return [
      {
        path,
        name,
        description: typeof description === "string" ? description : undefined,
        schema: isObject(parameters) ? parameters : anything,
        strict: typeof strict === "boolean" ? strict : undefined
      }
    ]
  })

const readChoice = ({ tool_choice: choice }: JsonObject, { meaning }: Aside): Asked["toolChoice"] => {
  if (choice === "auto" || choice === "none" || choice === "required") return choice
  if (
    isObject(choice) &&
    choice["type"] === "function" &&
    typeof choice["name"] === "string" &&
    choice["name"] !== ""
  ) {
    return { name: choice["name"] }
  }
  if (isGiven(choice)) meaning("tool_choice", choice)
  return undefined
}

const readMaxTokens = ({ max_output_tokens: most }: JsonObject, { meaning }: Aside): number | undefined => {
  if (!isGiven(most)) return undefined
  if (typeof most === "number" && Number.isInteger(most) && most > 0) return most
  meaning("max_output_tokens", most)
  return undefined
}

const readAsides = (body: JsonObject, { hint, meaning }: Aside): void => {
  for (const [field, value] of Object.entries(body)) {
    if (carried.has(field) || !isGiven(value)) continue
    if (Object.hasOwn(hints, field)) hint(hints[field]!, field, value)
    else if (field !== "top_logprobs" || value !== 0) meaning(field, value)
  }
}

/** Reads a body that `parseResponsesRequest` has accepted. */
export const askedOfResponses = (body: JsonObject): Asked => {
  const hints: Array<Hint> = []
  const meanings: Array<Meaning> = []
  const aside: Aside = {
    hint: (name, path, value) => hints.push({ name, path, value }),
    meaning: (path, value) => meanings.push({ path, value })
  }
  const { system, turns } = readInput(body, aside)
  const asked = {
    system,
    turns,
    tools: readTools(body, aside),
    toolChoice: readChoice(body, aside),
    oneCallAtATime: body["parallel_tool_calls"] === false,
    maxTokens: readMaxTokens(body, aside),
    effort: readEffort(body, aside),
    stop: undefined,
    format: readFormat(body, aside)
  }
  readAsides(body, aside)
  return { ...asked, hints, meanings }
}
