/**
 * A request in the words of OpenAI's chat completions.
 */
import { Result } from "effect"
import { ConvertRequestFailed, stackless } from "../../errors/index.ts"
import { type ContinuationAsked, spentOn } from "../Continuation.ts"
import type { Encoded, EncodeRequest } from "../Dialect.ts"
import { printJson } from "../ExactNumbers.ts"
import { isObject, type JsonObject, mergeDeep } from "../Json.ts"
import { estimateTokens } from "../Usage.ts"
import { encodeEmbeddings } from "./Embeddings.ts"
import { type Crossed, crossToOpenAI, unsaidByOpenAI } from "./Crossing.ts"

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
  const { drop, request } = options
  if (request.operation === "embed") return Result.succeed(encodeEmbeddings(options))
  const unsaid = drop ? [] : unsaidByOpenAI(request)
  if (unsaid.length > 0) return Result.fail(notSaid(unsaid))
  const { body, dropped, names } =
    request.dialect === "openai" ? own(request.body, options.model) : crossToOpenAI(options)
  return Result.succeed({ body: printJson(completed(body, options), request.body), dropped, names })
}

const notSaid = (fields: ReadonlyArray<string>): ConvertRequestFailed =>
  stackless(
    () =>
      new ConvertRequestFailed({
        message: `a chat completion has no words for ${fields.join(", ")}`,
        details: fields.map((field) => ({ field, message: "cannot be said in a chat completion", code: "unsupported" }))
      })
  )

// What the relay gave the client to send back is for another dialect's upstreams, and so is what that one had thought: all
// that is under `relay`. What Gemini has signed stands where Google's own chat completions sign, too, which refuse the next
// turn without it; OpenAI refuses a turn with it, and is told by its models.
const isOpenAIs = (model: string): boolean => /(^|\/)(gpt-|chatgpt|codex|o\d)/i.test(model)

interface Foreign {
  readonly is: (value: unknown) => boolean
  readonly without: (value: JsonObject) => JsonObject
}

const foreignFields = (...fields: ReadonlyArray<string>): Foreign => ({
  is: (value) => {
    const extra = isObject(value) ? value["extra_content"] : undefined
    return isObject(extra) && fields.some((field) => extra[field] !== undefined)
  },
  without: (value) => {
    const { extra_content: extra, ...rest } = value
    if (!isObject(extra)) return value
    const left = Object.entries(extra).filter(([field]) => !fields.includes(field))
    return left.length === 0 ? rest : { ...rest, extra_content: Object.fromEntries(left) }
  }
})

const ofRelay = foreignFields("relay")
const ofOthers = foreignFields("relay", "google")

const unmarkedMessage =
  ({ is, without }: Foreign) =>
  (message: unknown): unknown => {
    if (!isObject(message)) return message
    const calls = Array.isArray(message["tool_calls"]) ? (message["tool_calls"] as ReadonlyArray<unknown>) : []
    const callsMarked = calls.some(is)
    if (!callsMarked && !is(message)) return message
    const { reasoning_content: _, ...rest } = without(message)
    return callsMarked ? { ...rest, tool_calls: calls.map((call) => (isObject(call) ? without(call) : call)) } : rest
  }

/** A body of this dialect's own client: all of it. */
const own = (body: JsonObject, model: string): Crossed => {
  const messages = body["messages"]
  const unmarked = unmarkedMessage(isOpenAIs(model) ? ofOthers : ofRelay)
  return {
    body: Array.isArray(messages) ? { ...body, messages: (messages as ReadonlyArray<unknown>).map(unmarked) } : body,
    dropped: [],
    names: undefined
  }
}

const asksForUsage = (streamOptions: unknown, refused: ReadonlySet<string>): JsonObject | undefined => {
  if (isObject(streamOptions)) return { ...streamOptions, include_usage: true }
  return refused.has("stream_options") || refused.has("stream_options.include_usage")
    ? undefined
    : { include_usage: true }
}

const completed = (body: JsonObject, { continuation, model, params, refused, stream }: EncodeRequest): JsonObject => {
  const { stream: _, stream_options: streamOptions, messages, ...rest } = body
  const asked: JsonObject = {
    ...rest,
    model,
    messages: continuation === undefined ? messages : continued(messages as ReadonlyArray<Message>, continuation)
  }
  const options = stream ? asksForUsage(streamOptions, refused) : undefined
  if (options !== undefined) asked["stream_options"] = options
  const merged = mergeDeep(asked, params)
  if (stream) merged["stream"] = true
  else {
    delete merged["stream"]
    delete merged["stream_options"]
  }
  if (continuation !== undefined) {
    const used = estimateTokens(spentOn(continuation))
    for (const limit of limits) {
      const value = merged[limit]
      if (typeof value === "number" && value > 0) merged[limit] = Math.max(1, value - used)
    }
  }
  return merged
}
