/**
 * A request of another dialect's client in the words of the Responses API: what is carried, what is only a hint, and what
 * cannot be said at all.
 */
import { isObject, type JsonObject } from "../Json.ts"
import { objectSchema, spelledOut } from "../JsonSchema.ts"
import { jsonWord, lacksJsonWord } from "../JsonWord.ts"
import { fitName, type Fitting, makeFitting } from "../OpenAINames.ts"
import type { AnswerRequest, Asked, Hint, HintName, Part, Turn } from "../Request.ts"
import { generally } from "../upstream/RefusedField.ts"
import { imageDetails, imageOfDetail, instructionsOf, itemsOf, unsaidPart } from "./CrossedItems.ts"

/** What is asked, put in the words of a response. */
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

// At most sixteen texts, each with a name.
const isMetadata = (value: unknown): boolean =>
  isObject(value) && Object.keys(value).length <= 16 && Object.values(value).every((one) => typeof one === "string")

/** The path of each hint in the body, and the values that it takes there; any other is dropped. */
const hints: { readonly [H in HintName]: readonly [path: string, takes: (value: unknown) => boolean] } = {
  temperature: ["temperature", isNumber],
  topP: ["top_p", isNumber],
  topK: ["top_k", never],
  presencePenalty: ["presence_penalty", never],
  frequencyPenalty: ["frequency_penalty", never],
  seed: ["seed", never],
  user: ["user", isText],
  metadata: ["metadata", isMetadata],
  serviceTier: ["service_tier", oneOf("auto", "default", "flex", "scale", "priority")],
  // What is kept upstream nobody could find again: it is the relay that keeps.
  store: ["store", never],
  cacheControl: ["cache_control", never],
  promptCacheKey: ["prompt_cache_key", isText],
  safetyIdentifier: ["safety_identifier", isText],
  safetySettings: ["safety_settings", never],
  verbosity: ["text.verbosity", oneOf("low", "medium", "high")],
  // Its tokens are numbers of one model's.
  logitBias: ["logit_bias", never],
  // Said with its image.
  imageDetail: ["detail", never],
  streamOptions: ["stream_options", never],
  include: ["include", never],
  truncation: ["truncation", oneOf("auto", "disabled")],
  labels: ["labels", never],
  speed: ["speed", never],
  inferenceGeo: ["inference_geo", never]
}

const put = (body: JsonObject, path: string, value: unknown): void => {
  const [field, inner] = path.split(".") as [string, string?]
  if (inner === undefined) body[field] = value
  else body[field] = { ...(isObject(body[field]) ? body[field] : {}), [inner]: value }
}

// Said in no two places: the last one that a client wrote counts.
const putHints = (body: JsonObject, said: ReadonlyArray<Hint>, refused: ReadonlySet<string>): ReadonlyArray<string> => {
  const details = imageDetails(said)
  const dropped: Array<string> = []
  for (const { name, path, value } of said) {
    const [field, takes] = hints[name]
    if (name === "imageDetail" && details.has(imageOfDetail(path))) continue
    if (!takes(value) || refused.has(field)) dropped.push(path)
    else put(body, field, value)
  }
  return dropped
}

// A function of a response is strict unless it says otherwise, and one of a chat completion is not.
const toolsOf = ({ tools }: Asked, fitting: Fitting, refused: ReadonlySet<string>): ReadonlyArray<JsonObject> =>
  tools.map(({ description, name, schema, strict }) => ({
    type: "function",
    name: fitting.fit(name),
    ...(description === undefined ? {} : { description }),
    parameters: spelledOut(objectSchema(schema)),
    ...(refused.has("tools[].strict") ? {} : { strict: strict ?? false })
  }))

const choiceOf = ({ toolChoice }: Asked, fitting: Fitting): unknown =>
  typeof toolChoice === "object" ? { type: "function", name: fitting.fit(toolChoice.name) } : toolChoice

const formatOf = ({ format }: Asked): JsonObject | undefined => {
  if (format._tag === "Text") return undefined
  if (format.schema === undefined) return { type: "json_object" }
  const { name, schema, strict } = format
  const named = name === undefined ? "response" : fitName(name)
  return { type: "json_schema", name: named, schema: spelledOut(schema), ...(strict === undefined ? {} : { strict }) }
}

// What its instructions say does not count: its input has to say it.
const withJsonWord = (asked: Asked): Asked =>
  lacksJsonWord(asked, instructionsOf(asked).rest)
    ? { ...asked, turns: [{ role: "system", parts: [jsonWord] }, ...asked.turns] }
    : asked

/**
 * The fields that a response has no words for, by the client's paths: meanings, stop sequences, images of kinds or in places
 * that it does not take, and kinds of files.
 */
export const unsaidByResponses = (request: AnswerRequest): ReadonlyArray<string> => {
  if (request.dialect === "responses") return []
  const { meanings, stop, system, turns } = request.asked()
  const parts = (list: ReadonlyArray<Part>, role: Turn["role"]): ReadonlyArray<string> =>
    list.flatMap((part) => unsaidPart(part, role))
  return [
    ...meanings.map(({ path }) => path),
    ...(stop === undefined ? [] : [stop.path]),
    ...parts(system, "system"),
    ...turns.flatMap((turn) => parts(turn.parts, turn.role))
  ]
}

/** What the relay asks for beside an effort: that what is thought can be shown, and sent back. */
export const encryptedReasoning = "reasoning.encrypted_content"

/** What the relay itself adds. Not `store`: who is not told that nothing is to be stored may store it. */
const relaysOwn = ["background", "include", "reasoning.summary"]

const crossed = [
  ...Object.values(hints)
    .filter(([, takes]) => takes !== never)
    .map(([path]) => path),
  "parallel_tool_calls",
  "reasoning.effort",
  "tools[].strict",
  ...relaysOwn
]

/** What a target may refuse of the body. */
export const refusableByResponses = (request: AnswerRequest): ReadonlyArray<string> =>
  request.dialect !== "responses"
    ? crossed
    : request.body["include"] === undefined
      ? ["background", "include"]
      : ["background"]

/** The least that may be asked for: less is refused. */
export const leastTokens = 16

/** How a request is put in these words. */
export interface CrossingOptions {
  readonly request: AnswerRequest
  readonly refused: ReadonlySet<string>
}

/**
 * The body of a response that asks what another client asks, but for `model`, `stream` and a continuation. What there are no
 * words for is left out and told; whether it may be is decided before.
 */
export const crossToResponses = (options: CrossingOptions): Crossed => {
  const { request } = options
  const refused = new Set([...options.refused].map(generally))
  const asked = request.asked()
  const fitting = makeFitting()
  const { effort, hints: said, maxTokens, oneCallAtATime } = asked
  const dropped: Array<string> = [...unsaidByResponses(request)]
  const body: JsonObject = {}
  const set = (field: string, value: unknown): void => {
    if (value !== undefined) body[field] = value
  }
  set("instructions", instructionsOf(asked).first)
  set("input", itemsOf(withJsonWord(asked), { fitting, details: imageDetails(said) }))
  if (asked.tools.length > 0) {
    set("tools", toolsOf(asked, fitting, refused))
    set("tool_choice", choiceOf(asked, fitting))
    if (oneCallAtATime && !refused.has("parallel_tool_calls")) set("parallel_tool_calls", false)
  }
  set("max_output_tokens", maxTokens === undefined ? undefined : Math.max(leastTokens, maxTokens))
  const format = formatOf(asked)
  if (format !== undefined) put(body, "text.format", format)
  if (effort !== undefined) {
    if (refused.has("reasoning.effort")) dropped.push(effort.path)
    else {
      put(body, "reasoning.effort", effort.level)
      if (effort.level !== "none") {
        if (!refused.has("reasoning.summary")) put(body, "reasoning.summary", "auto")
        if (!refused.has("include")) set("include", [encryptedReasoning])
      }
    }
  }
  dropped.push(...putHints(body, said, refused))
  return { body, dropped: [...new Set(dropped)], names: fitting.names() }
}
