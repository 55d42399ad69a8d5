/**
 * A request in the words of OpenAI's chat completions.
 */
import { Result } from "effect"
import type { ConvertRequestFailed } from "../../errors/index.ts"
import type { ContinuationAsked } from "../Continuation.ts"
import type { Encoded, EncodeRequest } from "../Dialect.ts"
import { isObject, type JsonObject, mergeDeep } from "../Json.ts"
import { estimateTokens } from "../Usage.ts"
import { messagesOf } from "./Crossing.ts"

/** A message of a conversation. `content` is text, or a list of parts. */
export interface Message {
  readonly role: string
  readonly content?: unknown
  readonly [field: string]: unknown
}

const joinContent = (content: unknown, partial: string): unknown => {
  if (typeof content === "string") return content + partial
  if (!Array.isArray(content)) return partial
  const parts = content as ReadonlyArray<unknown>
  const last = parts.at(-1)
  return isObject(last) && last["type"] === "text" && typeof last["text"] === "string"
    ? [...parts.slice(0, -1), { ...last, text: last["text"] + partial }]
    : [...parts, { type: "text", text: partial }]
}

// Two assistant messages in a row are refused by many templates: the partial goes on the request's own last one.
const withPartial = (messages: ReadonlyArray<Message>, partial: string): ReadonlyArray<Message> => {
  const last = messages.at(-1)
  return last?.role === "assistant"
    ? [...messages.slice(0, -1), { ...last, content: joinContent(last.content, partial) }]
    : [...messages, { role: "assistant", content: partial }]
}

const continued = (messages: ReadonlyArray<Message>, continuation: ContinuationAsked): ReadonlyArray<Message> => {
  // Nothing was shown: there is nothing to go on from.
  if (continuation.partial === "") return messages
  const joined = withPartial(messages, continuation.partial)
  return continuation.mode === "message"
    ? [...joined, { role: "user", content: continuation.prompt.replaceAll("{partial}", () => continuation.partial) }]
    : joined
}

const limits = ["max_tokens", "max_completion_tokens"] as const

/**
 * The body of a request. What an OpenAI client sent passes with all its fields; another client's request is put in
 * OpenAI's words. `params` come over everything but `stream`, which says what will be read.
 *
 * A continuation may spend what the partial left: `max_tokens` and `max_completion_tokens` are reduced by
 * `estimateTokens` of it, never below 1.
 */
export const encodeOpenAI = (options: EncodeRequest): Result.Result<Encoded, ConvertRequestFailed> => {
  const { continuation, model, params, request, stream } = options
  const own = request.dialect === "openai"
  const { stream: _, stream_options: streamOptions, messages, ...body } = own ? request.body : crossed(options)
  const asked: JsonObject = {
    ...body,
    model,
    messages: continuation === undefined ? messages : continued(messages as ReadonlyArray<Message>, continuation)
  }
  if (stream) asked["stream_options"] = { ...(isObject(streamOptions) ? streamOptions : {}), include_usage: true }
  const merged = mergeDeep(asked, params)
  if (stream) merged["stream"] = true
  else {
    delete merged["stream"]
    delete merged["stream_options"]
  }
  if (continuation !== undefined) {
    const used = estimateTokens(continuation.partial)
    for (const limit of limits) {
      const value = merged[limit]
      if (typeof value === "number" && value > 0) merged[limit] = Math.max(1, value - used)
    }
  }
  return Result.succeed({ body: JSON.stringify(merged), dropped: [], names: undefined })
}

const crossed = ({ request }: EncodeRequest): JsonObject => ({ messages: messagesOf(request.asked()) })
