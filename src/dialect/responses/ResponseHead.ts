/**
 * What a response says beside its output: of what was asked, and how it does.
 */
import type { AnswerIdentity } from "../Dialect.ts"
import { isObject, type JsonObject } from "../Json.ts"
import { previousOf, responseIdOf } from "./Ids.ts"

/**
 * How much of what a client wrote is told to it again, in characters of JSON: a conversation's instructions and tools are
 * often larger than its answer, and stand in three events of it.
 */
const maxEcho = 16_384

const isGiven = (value: unknown): boolean => value !== undefined && value !== null

/** Fields that are told again where they were said. */
const optional = [
  "max_output_tokens",
  "max_tool_calls",
  "prompt_cache_key",
  "safety_identifier",
  "service_tier",
  "top_logprobs",
  "user"
] as const

const small = (value: unknown): unknown =>
  value !== undefined && JSON.stringify(value).length <= maxEcho ? value : undefined

const numberOr = (value: unknown): number | null => (typeof value === "number" ? value : null)

/** What is the relay's to say, whoever answers: its upstream was told otherwise, or knows other ids. */
export const ownFields = ({ createdAt, request, streamId }: AnswerIdentity, model: string): JsonObject => {
  const { background, store } = request?.body ?? {}
  const previous = previousOf(request?.asking.parameter ?? "") ?? request?.body["previous_response_id"]
  return {
    id: responseIdOf(streamId),
    object: "response",
    created_at: Math.floor(createdAt / 1000),
    model,
    background: background === true,
    store: store !== false,
    previous_response_id: typeof previous === "string" ? previous : null
  }
}

/** The head of a response whose upstream speaks another dialect. */
export const headOf = (identity: AnswerIdentity, model: string): JsonObject => {
  const body: JsonObject = identity.request?.body ?? {}
  const { instructions, metadata, reasoning, text, tool_choice: choice, tools, truncation } = body
  const said: JsonObject = {}
  for (const field of optional) if (isGiven(small(body[field]))) said[field] = body[field]
  return {
    ...ownFields(identity, model),
    access_programs: null,
    error: null,
    incomplete_details: null,
    instructions: small(instructions) ?? null,
    metadata: isObject(metadata) ? (small(metadata) ?? {}) : {},
    parallel_tool_calls: body["parallel_tool_calls"] !== false,
    reasoning: isObject(reasoning) ? reasoning : { effort: null, summary: null },
    temperature: numberOr(body["temperature"]),
    text: isObject(text) && small(text) !== undefined ? text : { format: { type: "text" } },
    tool_choice: choice ?? "auto",
    tools: Array.isArray(tools) ? (small(tools) ?? []) : [],
    top_p: numberOr(body["top_p"]),
    truncation: truncation ?? "disabled",
    ...said
  }
}
