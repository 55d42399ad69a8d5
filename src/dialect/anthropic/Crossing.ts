/**
 * A request of another dialect's client in Anthropic's words: what is carried, what is only a hint, and what cannot be
 * said at all.
 */
import type { FitNames } from "../FitNames.ts"
import type { JsonObject } from "../Json.ts"
import { objectSchema } from "../JsonSchema.ts"
import type { AnswerRequest, Asked, Effort, Hint, Tool } from "../Request.ts"
import { strictPath } from "../StrictTools.ts"
import { closeParameters, closeSchema } from "./ClosedSchema.ts"
import { crossedMessages } from "./CrossedMessages.ts"

/** A request in Anthropic's words. */
export interface Crossed {
  readonly body: JsonObject
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

interface CrossedTools {
  readonly tools: ReadonlyArray<JsonObject>
  readonly unsaid: ReadonlyArray<string>
}

// A strict tool whose schema there are no words for is one that is not strict.
const toolsOf = ({ tools }: Asked, { dialect }: AnswerRequest, names: FitNames): CrossedTools => {
  const unsaid: Array<string> = []
  const strictOf = (tool: Tool): JsonObject | undefined => {
    const schema = tool.strict === true ? closeParameters(tool.schema) : undefined
    if (tool.strict === true && schema === undefined) unsaid.push(strictPath(tool, dialect))
    return schema && { input_schema: schema, strict: true }
  }
  return {
    tools: tools.map((tool) => ({
      name: names.fit(tool.name),
      ...(tool.description === undefined ? {} : { description: tool.description }),
      ...(strictOf(tool) ?? {
        input_schema: objectSchema(tool.schema),
        ...(tool.strict === false ? { strict: false } : {})
      })
    })),
    unsaid
  }
}

const toolChoiceOf = ({ oneCallAtATime, toolChoice }: Asked, names: FitNames): JsonObject | undefined => {
  const once = oneCallAtATime ? { disable_parallel_tool_use: true } : {}
  if (toolChoice === undefined) return oneCallAtATime ? { type: "auto", ...once } : undefined
  switch (toolChoice) {
    case "none":
      return { type: "none" }
    case "auto":
      return { type: "auto", ...once }
    case "required":
      return { type: "any", ...once }
    default:
      return { type: "tool", name: names.fit(toolChoice.name), ...once }
  }
}

type SaidEffort = "low" | "medium" | "high" | "xhigh" | "max"

const efforts: { readonly [E in Effort]: SaidEffort | undefined } = {
  none: undefined,
  minimal: "low",
  low: "low",
  medium: "medium",
  high: "high",
  xhigh: "xhigh",
  max: "max"
}

// A call that is forced leaves no room for thoughts: Anthropic refuses the two together.
const isForced = ({ toolChoice }: Asked): boolean => toolChoice === "required" || typeof toolChoice === "object"

const thinkingOf = (asked: Asked): JsonObject | undefined => {
  if (asked.effort === undefined) return undefined
  if (efforts[asked.effort.level] === undefined) return { type: "disabled" }
  return isForced(asked) ? undefined : { type: "adaptive", display: "summarized" }
}

/** The fields that a hint becomes; `undefined` where there are none for it. */
const sayHint = ({ name, value }: Hint, thinks: boolean): JsonObject | undefined => {
  switch (name) {
    // Beyond 1 there is nothing, and with thoughts there is 1 alone.
    case "temperature":
      return typeof value === "number" && value >= 0 && value <= 1 && (!thinks || value === 1)
        ? { temperature: value }
        : undefined
    case "topP":
      return typeof value === "number" && (!thinks || value >= 0.95) ? { top_p: value } : undefined
    case "topK":
      return typeof value === "number" && !thinks ? { top_k: value } : undefined
    case "user":
    case "safetyIdentifier":
      return typeof value === "string" ? { metadata: { user_id: value } } : undefined
    case "serviceTier":
      return value === "auto" ? { service_tier: "auto" } : undefined
    case "presencePenalty":
    case "frequencyPenalty":
    case "seed":
    case "metadata":
    case "store":
    case "cacheControl":
    case "promptCacheKey":
    case "safetySettings":
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
  readonly fields: JsonObject
  readonly dropped: Array<string>
  readonly origins: Map<string, string>
}

const hinted = (hints: ReadonlyArray<Hint>, thinks: boolean): Hinted => {
  const fields: JsonObject = {}
  const dropped: Array<string> = []
  const origins = new Map<string, string>()
  for (const hint of hints) {
    const said = sayHint(hint, thinks)
    const field = said === undefined ? undefined : Object.keys(said)[0]
    // Two names for one field: the first one counts.
    if (field === undefined || field in fields) dropped.push(hint.path)
    else {
      Object.assign(fields, said)
      origins.set(field, hint.path)
    }
  }
  return { fields, dropped, origins }
}

// Any JSON, and what a schema may be that cannot be closed, there are no words for.
const formatOf = ({ format }: Asked): JsonObject | undefined => {
  const schema = format._tag === "Json" ? closeSchema(format.schema) : undefined
  return schema && { type: "json_schema", schema }
}

const unsaidOf = ({ meanings, stop }: Asked): ReadonlyArray<string> => [
  ...meanings.map(({ path }) => path),
  // It refuses to stop at white space alone.
  ...(stop?.sequences.some((sequence) => sequence.trim() === "") === true ? [stop.path] : [])
]

/** Puts a request in Anthropic's words, as far as there are any; with the reasoning that it has signed, or without. */
export const crossed = (request: AnswerRequest, reasoning = true): Crossed => {
  const asked = request.asked()
  const { effort, maxTokens, stop } = asked
  const { dropped, exact, messages, names, system, unsaid } = crossedMessages(asked, reasoning)
  const thinking = thinkingOf(asked)
  const hints = hinted(asked.hints, thinking?.["type"] === "adaptive")
  const level = effort === undefined ? undefined : efforts[effort.level]
  const format = formatOf(asked)
  const output: JsonObject = {
    ...(level === undefined ? {} : { effort: level }),
    ...(format === undefined ? {} : { format })
  }
  if (effort !== undefined) {
    hints.origins.set("thinking", effort.path)
    hints.origins.set("output_config.effort", effort.path)
  }
  const sequences = stop?.sequences.filter((sequence) => sequence.trim() !== "") ?? []
  const { tools, unsaid: loose } = toolsOf(asked, request, names)
  const choice = tools.length === 0 ? undefined : toolChoiceOf(asked, names)
  return {
    body: {
      ...(maxTokens === undefined ? {} : { max_tokens: maxTokens }),
      ...(system.length === 0 ? {} : { system: system.length === 1 ? system[0]!["text"] : system }),
      messages,
      ...(tools.length === 0 ? {} : { tools }),
      ...(choice === undefined ? {} : { tool_choice: choice }),
      ...(sequences.length === 0 ? {} : { stop_sequences: sequences }),
      ...(thinking === undefined ? {} : { thinking }),
      ...(Object.keys(output).length === 0 ? {} : { output_config: output }),
      ...hints.fields
    },
    unsaid: [
      ...unsaidOf(asked),
      ...(asked.format._tag === "Json" && format === undefined ? [asked.format.path] : []),
      ...loose,
      ...unsaid
    ],
    dropped: [...hints.dropped, ...dropped],
    names: names.changed(),
    origins: hints.origins,
    exact
  }
}
