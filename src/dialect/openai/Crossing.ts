/**
 * A request of another dialect's client in OpenAI's words.
 */
import { isObject, type JsonObject } from "../Json.ts"
import { objectSchema, spelledOut } from "../JsonSchema.ts"
import { jsonWord, lacksJsonWord } from "../JsonWord.ts"
import type { AnswerRequest, Asked, Hint, HintName, Part } from "../Request.ts"
import { generally } from "../upstream/RefusedField.ts"
import { messagesOf, unsaidPart } from "./CrossingMessages.ts"
import { fitName, type Fitting, makeFitting } from "../OpenAINames.ts"

/** The most stop sequences that there may be. */
const maxStop = 4

/** What is asked, put in OpenAI's words. */
export interface Crossed {
  readonly body: JsonObject
  readonly dropped: ReadonlyArray<string>
  readonly names: ReadonlyMap<string, string> | undefined
}

const isText = (value: unknown): boolean => typeof value === "string" && value !== ""
const isNumber = (value: unknown): boolean => typeof value === "number" && Number.isFinite(value)
const oneOf =
  (...words: ReadonlyArray<unknown>) =>
  (value: unknown): boolean =>
    words.includes(value)
const never = (): boolean => false

/** The field of each hint, and the values that it takes there; any other is dropped. */
const hints: { readonly [H in HintName]: readonly [field: string, takes: (value: unknown) => boolean] } = {
  temperature: ["temperature", isNumber],
  topP: ["top_p", isNumber],
  topK: ["top_k", never],
  presencePenalty: ["presence_penalty", isNumber],
  frequencyPenalty: ["frequency_penalty", isNumber],
  seed: ["seed", (value) => Number.isInteger(value)],
  user: ["user", isText],
  // Only together with `store`, which another client says of another place.
  metadata: ["metadata", never],
  serviceTier: ["service_tier", oneOf("auto", "default", "flex", "scale", "priority", "fast")],
  store: ["store", (value) => typeof value === "boolean"],
  cacheControl: ["cache_control", never],
  promptCacheKey: ["prompt_cache_key", isText],
  safetyIdentifier: ["safety_identifier", isText],
  safetySettings: ["safety_settings", never],
  verbosity: ["verbosity", oneOf("low", "medium", "high")],
  // Its tokens are numbers of one model's.
  logitBias: ["logit_bias", never],
  imageDetail: ["detail", never],
  streamOptions: ["stream_options", never],
  include: ["include", never],
  truncation: ["truncation", never],
  labels: ["labels", never],
  speed: ["speed", never],
  inferenceGeo: ["inference_geo", never]
}

// Said in no two places: the last one that a client wrote counts.
const putHints = (body: JsonObject, said: ReadonlyArray<Hint>, refused: ReadonlySet<string>): ReadonlyArray<string> => {
  const dropped: Array<string> = []
  for (const { name, path, value } of said) {
    const [field, takes] = hints[name]
    if (!takes(value) || refused.has(field)) dropped.push(path)
    else body[field] = value
  }
  return dropped
}

const toolsOf = ({ tools }: Asked, fitting: Fitting, refused: ReadonlySet<string>): ReadonlyArray<JsonObject> =>
  tools.map(({ description, name, schema, strict }) => ({
    type: "function",
    function: {
      name: fitting.fit(name),
      ...(description === undefined ? {} : { description }),
      parameters: spelledOut(objectSchema(schema)),
      ...(strict === undefined || refused.has("tools[].function.strict") ? {} : { strict })
    }
  }))

const choiceOf = ({ toolChoice }: Asked, fitting: Fitting): unknown =>
  typeof toolChoice === "object" ? { type: "function", function: { name: fitting.fit(toolChoice.name) } } : toolChoice

const formatOf = ({ format }: Asked): JsonObject | undefined => {
  if (format._tag === "Text") return undefined
  if (format.schema === undefined) return { type: "json_object" }
  const { name, schema, strict } = format
  const said = { name: name === undefined ? "response" : fitName(name), schema: spelledOut(schema) }
  return { type: "json_schema", json_schema: { ...said, ...(strict === undefined ? {} : { strict }) } }
}

// Who else may ask for any JSON has to say the word at home, too.
const withJsonWord = (asked: Asked, { dialect }: AnswerRequest): Asked =>
  dialect === "gemini" && lacksJsonWord(asked, asked.system) ? { ...asked, system: [...asked.system, jsonWord] } : asked

/**
 * The fields that a chat completion has no words for, by the client's paths: meanings, more stop sequences than it takes,
 * images of kinds or in places that it does not take, and kinds of files.
 */
export const unsaidByOpenAI = (request: AnswerRequest): ReadonlyArray<string> => {
  if (request.dialect === "openai") return []
  const { meanings, stop, system, turns } = request.asked()
  const parts = (list: ReadonlyArray<Part>, role: "user" | "assistant" | "system"): ReadonlyArray<string> =>
    list.flatMap((part) => unsaidPart(part, role))
  return [
    ...meanings.map(({ path }) => path),
    ...(stop !== undefined && stop.sequences.length > maxStop ? [stop.path] : []),
    ...parts(system, "system"),
    ...turns.flatMap((turn) => parts(turn.parts, turn.role))
  ]
}

const relaysOwn = ["stream_options", "stream_options.include_usage"]

const crossed = [
  ...Object.values(hints)
    .filter(([, takes]) => takes !== never)
    .map(([field]) => field),
  "max_completion_tokens",
  "messages[].reasoning_content",
  "parallel_tool_calls",
  "reasoning_effort",
  "tools[].function.strict",
  ...relaysOwn
]

/** What a target may refuse of the body. */
export const refusableByOpenAI = (request: AnswerRequest): ReadonlyArray<string> =>
  request.dialect !== "openai" ? crossed : isObject(request.body["stream_options"]) ? [] : relaysOwn

/** How a request is put in OpenAI's words. */
export interface CrossingOptions {
  readonly request: AnswerRequest
  readonly refused: ReadonlySet<string>
}

/**
 * The body of a chat completion that asks what another client asks, but for `model`, `stream` and a continuation. What
 * there are no words for is left out and told; whether it may be is decided before.
 */
export const crossToOpenAI = (options: CrossingOptions): Crossed => {
  const { request } = options
  const refused = new Set([...options.refused].map(generally))
  const asked = request.asked()
  const fitting = makeFitting()
  const tools = toolsOf(asked, fitting, refused)
  const { effort, maxTokens, oneCallAtATime, stop } = asked
  const dropped: Array<string> = [...unsaidByOpenAI(request)]
  const body: JsonObject = {
    // Messages that a client of `/chat` wrote as its system's stay as many as they are.
    messages: messagesOf(withJsonWord(asked, request), { fitting, refused, apart: request.dialect === "chat" })
  }
  const put = (field: string, value: unknown): void => {
    if (value !== undefined) body[field] = value
  }
  if (tools.length > 0) {
    put("tools", tools)
    put("tool_choice", choiceOf(asked, fitting))
    if (oneCallAtATime && !refused.has("parallel_tool_calls")) put("parallel_tool_calls", false)
  }
  put(refused.has("max_completion_tokens") ? "max_tokens" : "max_completion_tokens", maxTokens)
  if (stop !== undefined && stop.sequences.length <= maxStop) put("stop", stop.sequences)
  put("response_format", formatOf(asked))
  if (effort !== undefined) {
    if (refused.has("reasoning_effort")) dropped.push(effort.path)
    else put("reasoning_effort", effort.level)
  }
  dropped.push(...putHints(body, asked.hints, refused))
  return { body, dropped: [...new Set(dropped)], names: fitting.names() }
}
