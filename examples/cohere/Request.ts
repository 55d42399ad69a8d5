/**
 * A request in the words of Cohere's chat, version 2: what is carried, what is only a hint, and what cannot be said.
 */
import { Result } from "effect"
import {
  type AnswerRequest,
  type Asked,
  type ContinuationAsked,
  type Effort,
  type Encoded,
  type EncodeRequest,
  estimateTokens,
  failedMark,
  type FitNames,
  type Hint,
  type HintName,
  type JsonObject,
  makeFitNames,
  mergeDeep,
  type Part,
  printJson,
  type Turn,
  withoutRefused
} from "effect-resilience/dialect"
import { ConvertRequestFailed } from "effect-resilience/errors"

type Of<T extends Part["_tag"]> = Extract<Part, { readonly _tag: T }>

const only = <T extends Part["_tag"]>(tag: T, parts: ReadonlyArray<Part>): ReadonlyArray<Of<T>> =>
  parts.filter((part): part is Of<T> => part._tag === tag)

/** The most stop sequences that it takes. */
const maxStop = 5

const imageUrl = ({ mediaType, source }: Of<"Image">): string | undefined => {
  if ("url" in source) return /^https:\/\//i.test(source.url) ? source.url : undefined
  return mediaType?.startsWith("image/") === true ? `data:${mediaType};base64,${source.base64}` : undefined
}

/** Only a user shows images, and nobody files. */
const unsaidPart = (part: Part, role: Turn["role"] | "tool"): ReadonlyArray<string> => {
  if (part._tag === "ToolResult") return part.parts.flatMap((inner) => unsaidPart(inner, "tool"))
  const isLost = part._tag === "File" || (part._tag === "Image" && (role !== "user" || imageUrl(part) === undefined))
  return isLost ? [part.path] : []
}

/** What Cohere cannot be told: its channels are not asked then. */
export const unsaid = (request: AnswerRequest): ReadonlyArray<string> => {
  const { meanings, stop, system, turns } = request.asked()
  return [
    ...meanings.map(({ path }) => path),
    ...(stop !== undefined && stop.sequences.length > maxStop ? [stop.path] : []),
    ...system.flatMap((part) => unsaidPart(part, "system")),
    ...turns.flatMap(({ parts, role }) => parts.flatMap((part) => unsaidPart(part, role)))
  ]
}

const textOf = (parts: ReadonlyArray<Part>): string =>
  parts.map((part) => (part._tag === "Text" || part._tag === "Refusal" ? part.text : "")).join("")

const toolMessage = ({ failed, id, parts }: Of<"ToolResult">): JsonObject => ({
  role: "tool",
  tool_call_id: id,
  content: (failed ? failedMark : "") + textOf(parts)
})

/** Results stand before what else a user says. */
const userMessages = (parts: ReadonlyArray<Part>): ReadonlyArray<JsonObject> => {
  const shown = parts.flatMap((part): ReadonlyArray<JsonObject> => {
    if (part._tag === "Text") return [{ type: "text", text: part.text }]
    const url = part._tag === "Image" ? imageUrl(part) : undefined
    return url === undefined ? [] : [{ type: "image_url", image_url: { url } }]
  })
  const isPlain = shown.every(({ type }) => type === "text")
  const said = shown.length === 0 ? [] : [{ role: "user", content: isPlain ? textOf(parts) : shown }]
  return [...only("ToolResult", parts).map(toolMessage), ...said]
}

/** What was thought stays where it is: Cohere signs nothing, and what others signed is for them. */
const assistantMessages = (parts: ReadonlyArray<Part>, names: FitNames): ReadonlyArray<JsonObject> => {
  const text = textOf(parts)
  const calls = only("ToolCall", parts).map(({ id, input, name }) => ({
    id,
    type: "function",
    function: { name: names.fit(name), arguments: input === "" ? "{}" : input }
  }))
  if (text === "" && calls.length === 0) return []
  const said = text === "" ? {} : { content: text }
  return [{ role: "assistant", ...said, ...(calls.length === 0 ? {} : { tool_calls: calls }) }]
}

const messagesOf = ({ system, turns }: Asked, names: FitNames): ReadonlyArray<JsonObject> => [
  ...(system.length === 0 ? [] : [{ role: "system", content: textOf(system) }]),
  ...turns.flatMap(({ parts, role }): ReadonlyArray<JsonObject> => {
    if (role === "system") return [{ role, content: textOf(parts) }]
    return role === "user" ? userMessages(parts) : assistantMessages(parts, names)
  })
]

/** It takes no beginning of its own answer: it is shown what was said, and asked for the rest. */
const continued = (continuation: ContinuationAsked | undefined): ReadonlyArray<JsonObject> =>
  continuation?.mode !== "message" || continuation.partial === ""
    ? []
    : [
        { role: "assistant", content: continuation.partial },
        { role: "user", content: continuation.prompt.replaceAll("{partial}", () => continuation.partial) }
      ]

const within =
  (least: number, most: number) =>
  (value: unknown): boolean =>
    typeof value === "number" && value >= least && value <= most

/** The fields that hints become, and what they take there. All others are dropped, and told. */
const hintFields: { readonly [H in HintName]?: readonly [field: string, takes: (value: unknown) => boolean] } = {
  temperature: ["temperature", within(0, 1)],
  topP: ["p", within(0.01, 0.99)],
  topK: ["k", within(0, 500)],
  frequencyPenalty: ["frequency_penalty", within(0, 1)],
  presencePenalty: ["presence_penalty", within(0, 1)],
  seed: ["seed", Number.isSafeInteger]
}

const hinted = (hints: ReadonlyArray<Hint>) => {
  const fields: JsonObject = {}
  const dropped: Array<string> = []
  const origins = new Map<string, string>()
  for (const { name, path, value } of hints) {
    const [field, takes] = hintFields[name] ?? []
    if (field === undefined || takes?.(value) !== true) dropped.push(path)
    else {
      fields[field] = value
      origins.set(field, path)
    }
  }
  return { fields, dropped, origins }
}

const thinking: { readonly [E in Effort]: JsonObject } = {
  none: { type: "disabled" },
  minimal: { type: "enabled", token_budget: 512 },
  low: { type: "enabled", token_budget: 1024 },
  medium: { type: "enabled", token_budget: 4096 },
  high: { type: "enabled" },
  xhigh: { type: "enabled" },
  max: { type: "enabled" }
}

/** One tool that must be called is the only one that there is. */
const toolFields = ({ toolChoice, tools }: Asked, names: FitNames): JsonObject => {
  const named = typeof toolChoice === "object" ? tools.filter(({ name }) => name === toolChoice.name) : tools
  if (named.length === 0) return {}
  const choice =
    toolChoice === "none" ? "NONE" : toolChoice === "auto" || toolChoice === undefined ? undefined : "REQUIRED"
  return {
    tools: named.map(({ description, name, schema }) => ({
      type: "function",
      function: { name: names.fit(name), description, parameters: schema }
    })),
    ...(choice === undefined ? {} : { tool_choice: choice }),
    ...(named.every(({ strict }) => strict === true) ? { strict_tools: true } : {})
  }
}

/** Of tools: one that is held to its schema among others that are not, and one call at a time. */
const hintsOfTools = ({ oneCallAtATime, tools }: Asked): ReadonlyArray<string> => {
  const strict = tools.filter((tool) => tool.strict === true)
  return [
    ...(strict.length === tools.length ? [] : strict.map(({ path }) => `${path}.strict`)),
    ...(oneCallAtATime ? ["parallel_tool_calls"] : [])
  ]
}

/** What a model or a deployment may refuse although no client needs it. */
export const refusable: ReadonlyArray<string> = [
  ...Object.values(hintFields).map(([field]) => field),
  "strict_tools",
  "thinking"
]

const unsayable = (paths: ReadonlyArray<string>): ConvertRequestFailed =>
  new ConvertRequestFailed({
    message: `Cohere has no words for ${paths.join(", ")}`,
    details: paths.map((field) => ({ field, message: "cannot be said to Cohere", code: "unsupported" }))
  })

/**
 * The body of a request. `params` come over everything but `stream`; what the target has refused is left out last, and what
 * is `undefined` by JSON itself.
 */
export const encode = (options: EncodeRequest): Result.Result<Encoded, ConvertRequestFailed> => {
  const { continuation, drop, model, params, refused, request, stream } = options
  const lost = unsaid(request)
  if (lost.length > 0 && !drop) return Result.fail(unsayable(lost))
  const asked = request.asked()
  const { effort, format, maxTokens, stop, tools, turns } = asked
  const called = turns.flatMap(({ parts }) => only("ToolCall", parts))
  const names = makeFitNames(
    [...tools, ...called].map(({ name }) => name),
    { longest: 256, unfit: /[^a-zA-Z0-9_]/g, unfitFirst: /^\d/ }
  )
  const hints = hinted(asked.hints)
  if (effort !== undefined) hints.origins.set("thinking", effort.path)
  const spent = continuation === undefined ? 0 : estimateTokens(continuation.partial)
  const body: JsonObject = {
    model,
    messages: [...messagesOf(asked, names), ...continued(continuation)],
    ...toolFields(asked, names),
    ...(maxTokens === undefined ? {} : { max_tokens: Math.max(1, maxTokens - spent) }),
    ...(stop === undefined ? {} : { stop_sequences: stop.sequences.slice(0, maxStop) }),
    ...(format._tag === "Text" ? {} : { response_format: { type: "json_object", json_schema: format.schema } }),
    ...(effort === undefined ? {} : { thinking: thinking[effort.level] }),
    ...hints.fields
  }
  const sent = withoutRefused(mergeDeep(body, params), refused, (path) => hints.origins.get(path))
  return Result.succeed({
    body: printJson({ ...sent.body, stream }, request.body),
    dropped: [...new Set([...hints.dropped, ...hintsOfTools(asked), ...lost, ...sent.dropped])],
    names: names.changed()
  })
}
