/**
 * A request of another dialect's client in Gemini's words: what is carried, what is only a hint, and what cannot be said at
 * all.
 */
import type { JsonObject } from "../Json.ts"
import type { AnswerRequest, Asked, Effort, Hint, Tool } from "../Request.ts"
import { type Content, crossedContents } from "./CrossedContents.ts"
import type { FitNames } from "../FitNames.ts"
import { strictPaths } from "../StrictTools.ts"

/** The most stop sequences that there may be. */
const maxStop = 5

/** A request in Gemini's words. */
export interface Crossed {
  readonly body: JsonObject
  readonly contents: ReadonlyArray<Content>
  /** Paths of the client's body for which there are no words. */
  readonly unsaid: ReadonlyArray<string>
  /** Paths of hints that were left out. */
  readonly dropped: ReadonlyArray<string>
  readonly names: ReadonlyMap<string, string> | undefined
  /** Where a field of the body came from: its path, and the client's. */
  readonly origins: ReadonlyMap<string, string>
  /** What holds numbers that are to be printed as they were written. */
  readonly exact: ReadonlyArray<JsonObject>
}

const declarationOf = (tool: Tool, names: FitNames): JsonObject => ({
  name: names.fit(tool.name),
  ...(tool.description === undefined ? {} : { description: tool.description }),
  parametersJsonSchema: tool.schema
})

const choiceOf = ({ toolChoice }: Asked, names: FitNames): JsonObject | undefined => {
  switch (toolChoice) {
    case undefined:
      return undefined
    case "auto":
      return { mode: "AUTO" }
    case "none":
      return { mode: "NONE" }
    case "required":
      return { mode: "ANY" }
    default:
      return { mode: "ANY", allowedFunctionNames: [names.fit(toolChoice.name)] }
  }
}

const levels: { readonly [E in Effort]: string | undefined } = {
  none: undefined,
  minimal: "MINIMAL",
  low: "LOW",
  medium: "MEDIUM",
  high: "HIGH",
  xhigh: "HIGH",
  max: "HIGH"
}

const thinkingOf = ({ effort }: Asked): JsonObject | undefined => {
  if (effort === undefined) return undefined
  const level = levels[effort.level]
  return level === undefined ? { thinkingBudget: 0 } : { thinkingLevel: level, includeThoughts: true }
}

const isNumber = (value: unknown): boolean => typeof value === "number" && Number.isFinite(value)

/** The field of the body that a hint becomes, as its path; `undefined` where there is none for it. */
const fieldOfHint = ({ name, value }: Hint): string | undefined => {
  switch (name) {
    case "temperature":
      return isNumber(value) && (value as number) >= 0 && (value as number) <= 2
        ? "generationConfig.temperature"
        : undefined
    case "topP":
      return isNumber(value) ? "generationConfig.topP" : undefined
    case "topK":
      return isNumber(value) ? "generationConfig.topK" : undefined
    case "presencePenalty":
      return isNumber(value) ? "generationConfig.presencePenalty" : undefined
    case "frequencyPenalty":
      return isNumber(value) ? "generationConfig.frequencyPenalty" : undefined
    case "seed":
      // 32 bits wide.
      return Number.isInteger(value) && Math.abs(value as number) <= 2_147_483_647 ? "generationConfig.seed" : undefined
    case "safetySettings":
      return Array.isArray(value) ? "safetySettings" : undefined
    case "user":
    case "metadata":
    case "serviceTier":
    case "store":
    case "cacheControl":
    case "promptCacheKey":
    case "safetyIdentifier":
    case "verbosity":
    case "logitBias":
    case "imageDetail":
    case "streamOptions":
    case "include":
    case "truncation":
    case "labels":
    case "speed":
    case "inferenceGeo":
      return undefined
  }
}

interface Hinted {
  readonly top: JsonObject
  readonly config: JsonObject
  readonly dropped: Array<string>
  readonly origins: Map<string, string>
}

const inConfig = "generationConfig."

const hinted = (hints: ReadonlyArray<Hint>): Hinted => {
  const made: Hinted = { top: {}, config: {}, dropped: [], origins: new Map() }
  for (const hint of hints) {
    const field = fieldOfHint(hint)
    // Two names for one field: the first one counts.
    if (field === undefined || made.origins.has(field)) {
      made.dropped.push(hint.path)
      continue
    }
    if (field.startsWith(inConfig)) made.config[field.slice(inConfig.length)] = hint.value
    else made.top[field] = hint.value
    made.origins.set(field, hint.path)
  }
  return made
}

/** What Gemini has no words for although it changes little: held to its schema, one call at a time. */
const hintsOfTools = (asked: Asked, { dialect }: AnswerRequest): ReadonlyArray<string> => [
  ...strictPaths(asked, dialect),
  ...(asked.oneCallAtATime
    ? [dialect === "anthropic" ? "tool_choice.disable_parallel_tool_use" : "parallel_tool_calls"]
    : [])
]

const unsaidOf = ({ meanings, stop }: Asked): ReadonlyArray<string> => [
  ...meanings.map(({ path }) => path),
  ...(stop !== undefined && stop.sequences.length > maxStop ? [stop.path] : [])
]

const formatOf = ({ format }: Asked): JsonObject =>
  format._tag === "Text"
    ? {}
    : {
        responseMimeType: "application/json",
        ...(format.schema === undefined ? {} : { responseJsonSchema: format.schema })
      }

/** Paths of what a target may refuse of a conversation that another dialect's client has kept. */
export const signedParts = "contents[].parts[].thoughtSignature"
const callIds = "contents[].parts[].functionCall.id"
const responseIds = "contents[].parts[].functionResponse.id"

/** Paths of what a target may refuse: hints of another dialect's client, and ids, which Vertex does not know. */
export const refusable: ReadonlyArray<string> = [
  callIds,
  responseIds,
  "generationConfig.temperature",
  "generationConfig.topP",
  "generationConfig.topK",
  "generationConfig.seed",
  "generationConfig.presencePenalty",
  "generationConfig.frequencyPenalty",
  "generationConfig.thinkingConfig.includeThoughts",
  "generationConfig.thinkingConfig.thinkingBudget",
  "generationConfig.thinkingConfig.thinkingLevel",
  "generationConfig.thinkingConfig",
  "safetySettings"
]

/** Puts a request in Gemini's words, as far as there are any. */
export const crossed = (request: AnswerRequest, model: string, refused: ReadonlySet<string>): Crossed => {
  const asked = request.asked()
  const { effort, maxTokens, stop, tools } = asked
  const said = crossedContents(asked, {
    model,
    ids: !refused.has(callIds) && !refused.has(responseIds),
    signatures: !refused.has(signedParts)
  })
  const thinking = thinkingOf(asked)
  const hints = hinted(asked.hints)
  if (effort !== undefined) {
    for (const field of ["", ".thinkingLevel", ".thinkingBudget"]) {
      hints.origins.set(`generationConfig.thinkingConfig${field}`, effort.path)
    }
  }
  const choice = tools.length === 0 ? undefined : choiceOf(asked, said.names)
  const config: JsonObject = {
    ...(maxTokens === undefined ? {} : { maxOutputTokens: maxTokens }),
    ...(stop === undefined ? {} : { stopSequences: stop.sequences.slice(0, maxStop) }),
    ...hints.config,
    ...formatOf(asked),
    ...(thinking === undefined ? {} : { thinkingConfig: thinking })
  }
  return {
    body: {
      ...(said.system.length === 0 ? {} : { systemInstruction: { parts: said.system } }),
      ...(tools.length === 0
        ? {}
        : { tools: [{ functionDeclarations: tools.map((tool) => declarationOf(tool, said.names)) }] }),
      ...(choice === undefined ? {} : { toolConfig: { functionCallingConfig: choice } }),
      ...(Object.keys(config).length === 0 ? {} : { generationConfig: config }),
      ...hints.top
    },
    contents: said.contents,
    unsaid: [...unsaidOf(asked), ...said.unsaid],
    dropped: [...hints.dropped, ...hintsOfTools(asked, request), ...said.dropped],
    names: said.names.changed(),
    origins: hints.origins,
    exact: said.exact
  }
}
