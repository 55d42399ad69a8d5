/**
 * Messages by `@anthropic-ai/sdk`: a whole answer by `create`, a stream by its helper.
 */
import Anthropic, { APIError } from "@anthropic-ai/sdk"
import type { ContentBlockParam, Message, MessageParam, Tool, Usage } from "@anthropic-ai/sdk/resources/messages"
import {
  type Answer,
  type Ask,
  type Client,
  type Finish,
  headersOf,
  hello,
  nothingSaid,
  type Piece,
  type Question,
  type Raised,
  type Turn
} from "./question.ts"

const blockOf = (piece: Piece): ContentBlockParam => {
  if (typeof piece === "string") return { type: "text", text: piece }
  if ("result" in piece) {
    return {
      type: "tool_result",
      tool_use_id: piece.id,
      content:
        piece.image === undefined
          ? piece.result
          : [
              { type: "text", text: piece.result },
              { type: "image", source: { type: "base64", media_type: "image/png", data: piece.image } }
            ],
      ...(piece.failed === undefined ? {} : { is_error: piece.failed })
    }
  }
  if ("call" in piece) return { type: "tool_use", id: piece.id, name: piece.call, input: piece.input }
  if ("imageUrl" in piece) return { type: "image", source: { type: "url", url: piece.imageUrl } }
  if ("pdf" in piece) {
    return {
      type: "document",
      source: { type: "base64", media_type: "application/pdf", data: piece.pdf },
      title: piece.name
    }
  }
  return { type: "image", source: { type: "base64", media_type: piece.mediaType, data: piece.image } }
}

const messageOf = ({ role, says }: Turn): MessageParam => {
  const [first] = says
  return { role, content: says.length === 1 && typeof first === "string" ? first : says.map(blockOf) } as MessageParam
}

const choiceOf = ({ oneCallAtATime, toolChoice }: Question): object => {
  const once = oneCallAtATime === true ? { disable_parallel_tool_use: true } : {}
  if (toolChoice === undefined) return oneCallAtATime === true ? { tool_choice: { type: "auto", ...once } } : {}
  if (typeof toolChoice === "object") return { tool_choice: { type: "tool", name: toolChoice.name, ...once } }
  return { tool_choice: { type: toolChoice === "required" ? "any" : toolChoice, ...once } }
}

const bodyOf = (question: Question) => {
  const { effort, fields, maxTokens, schema, stop, system, temperature, tools, topK, topP, user } = question
  return {
    max_tokens: maxTokens ?? 1024,
    ...(system === undefined
      ? {}
      : { system: system.length === 1 ? system[0]! : system.map((text) => ({ type: "text" as const, text })) }),
    ...(tools === undefined
      ? {}
      : {
          tools: tools.map(({ description, name, schema }) => ({ name, description, input_schema: schema }) as Tool)
        }),
    ...choiceOf(question),
    ...(stop === undefined ? {} : { stop_sequences: [...stop] }),
    ...(schema === undefined && effort === undefined
      ? {}
      : {
          output_config: {
            ...(effort === undefined ? {} : { effort }),
            ...(schema === undefined ? {} : { format: { type: "json_schema" as const, schema } })
          }
        }),
    ...(effort === undefined ? {} : { thinking: { type: "adaptive" as const } }),
    ...(temperature === undefined ? {} : { temperature }),
    ...(topP === undefined ? {} : { top_p: topP }),
    ...(topK === undefined ? {} : { top_k: topK }),
    ...(user === undefined ? {} : { metadata: { user_id: user } }),
    ...fields
  }
}

const finishes: { readonly [word: string]: Finish } = {
  end_turn: "stop",
  stop_sequence: "stop",
  max_tokens: "length",
  tool_use: "tool-calls",
  refusal: "content-filter"
}

const raisedOf = (error: unknown): Raised => {
  if (!(error instanceof Error)) throw error
  const api = error instanceof APIError ? error : undefined
  const body = api?.error as { readonly request_id?: string } | undefined
  return {
    name: error.constructor.name,
    message: error.message,
    code: api?.errorCode ?? undefined,
    status: api?.status,
    type: api?.type ?? undefined,
    requestId: api?.requestID ?? body?.request_id,
    headers: headersOf(api?.headers)
  }
}

const total = (usage: Usage | undefined): number | undefined =>
  usage === undefined
    ? undefined
    : usage.input_tokens + (usage.cache_read_input_tokens ?? 0) + (usage.cache_creation_input_tokens ?? 0)

const read = (message: Message): Omit<Answer, "headers" | "raised" | "history"> => ({
  text: message.content.map((block) => (block.type === "text" ? block.text : "")).join(""),
  reasoning: message.content.map((block) => (block.type === "thinking" ? block.thinking : "")).join(""),
  calls: message.content.flatMap((block) =>
    block.type === "tool_use" ? [{ id: block.id, name: block.name, input: block.input }] : []
  ),
  finish: message.stop_reason === null ? undefined : (finishes[message.stop_reason] ?? message.stop_reason),
  usage: {
    input: total(message.usage),
    output: message.usage.output_tokens,
    cacheRead: message.usage.cache_read_input_tokens ?? undefined,
    reasoning: message.usage.output_tokens_details?.thinking_tokens ?? undefined
  },
  model: message.model
})

const ask = async ({ delivery, headers, history, question, url }: Ask): Promise<Answer> => {
  let seen: { readonly [name: string]: string } = {}
  const client = new Anthropic({
    baseURL: url,
    apiKey: "key-of-client",
    maxRetries: 0,
    timeout: 15_000,
    fetch: async (...request) => {
      const response = await fetch(...request)
      seen = headersOf(response.headers)
      return response
    }
  })
  const past = [...((history ?? []) as ReadonlyArray<MessageParam>), ...(question.turns ?? hello).map(messageOf)]
  const body = { model: "claude-sonnet-4-6", ...bodyOf(question), messages: past }
  const options = { headers: { ...question.headers, ...headers } }
  const historyOf = ({ content }: Message) => [...past, { role: "assistant", content }]
  let text = ""
  let reasoning = ""
  try {
    if (delivery === "whole") {
      const message = await client.messages.create({ ...body, stream: false }, options)
      return { ...nothingSaid, ...read(message), headers: seen, history: historyOf(message) }
    }
    const stream = client.messages.stream(body, options)
    stream.on("text", (delta) => (text += delta))
    stream.on("thinking", (delta) => (reasoning += delta))
    const message = await stream.finalMessage()
    return { ...nothingSaid, ...read(message), headers: seen, history: historyOf(message) }
  } catch (error) {
    return { ...nothingSaid, text, reasoning, headers: seen, raised: raisedOf(error), history: past }
  }
}

/** `@anthropic-ai/sdk`. */
export const anthropicSdk: Client = { name: "@anthropic-ai/sdk", dialect: "anthropic", ask }
