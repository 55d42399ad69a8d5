/**
 * A request in the words of OpenAI's chat completions.
 */
import type { Message } from "./Answer.ts"
import type { EncodeRequest } from "./Dialect.ts"
import { isObject, type JsonObject, mergeDeep } from "./Json.ts"
import { estimateTokens } from "./Text.ts"

type Continuation = NonNullable<EncodeRequest["continuation"]>

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

const continued = (messages: ReadonlyArray<Message>, continuation: Continuation): ReadonlyArray<Message> => {
  // Nothing was shown: there is nothing to go on from.
  if (continuation.partial === "") return messages
  const joined = withPartial(messages, continuation.partial)
  return continuation.mode === "prefill"
    ? joined
    : [...joined, { role: "user", content: continuation.prompt.replaceAll("{partial}", () => continuation.partial) }]
}

const limits = ["max_tokens", "max_completion_tokens"] as const

/**
 * The body of a request. What an OpenAI client sent passes with all its fields; of a `chat` request only model and
 * messages do. `params` come over everything but `stream`, which says what will be read.
 *
 * A continuation may spend what the partial left: `max_tokens` and `max_completion_tokens` are reduced by
 * `estimateTokens` of it, never below 1.
 */
export const encodeOpenAI = ({ request, model, stream, continuation, params }: EncodeRequest): string => {
  const { stream: _, stream_options: streamOptions, ...body } = request.dialect === "openai" ? request.body : {}
  const asked: JsonObject = {
    ...body,
    model,
    messages: continuation === undefined ? request.messages : continued(request.messages, continuation)
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
  return JSON.stringify(merged)
}
