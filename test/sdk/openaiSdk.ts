/**
 * Chat completions by `openai` for Node: a whole answer by `create`, a stream by its helper, which judges more than a
 * plain loop does.
 */
import OpenAI, { APIError } from "openai"
import type {
  ChatCompletionContentPart,
  ChatCompletionCreateParams,
  ChatCompletionMessage,
  ChatCompletionMessageParam
} from "openai/resources/chat/completions"
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

const partOf = (piece: Piece): ReadonlyArray<ChatCompletionContentPart> => {
  if (typeof piece === "string") return [{ type: "text", text: piece }]
  if ("image" in piece && "mediaType" in piece) {
    return [{ type: "image_url", image_url: { url: `data:${piece.mediaType};base64,${piece.image}` } }]
  }
  if ("imageUrl" in piece) return [{ type: "image_url", image_url: { url: piece.imageUrl } }]
  if ("pdf" in piece) {
    return [{ type: "file", file: { filename: piece.name, file_data: `data:application/pdf;base64,${piece.pdf}` } }]
  }
  return []
}

const contentOf = (says: ReadonlyArray<Piece>): string | Array<ChatCompletionContentPart> => {
  const parts = says.flatMap(partOf)
  const [first] = parts
  return parts.length === 1 && first?.type === "text" ? first.text : parts
}

const textOf = (says: ReadonlyArray<Piece>): string => says.filter((piece) => typeof piece === "string").join("")

const messagesOf = ({ role, says }: Turn): ReadonlyArray<ChatCompletionMessageParam> => {
  if (role === "system") return [{ role, content: textOf(says) }]
  if (role === "assistant") {
    const calls = says.flatMap((piece) => (typeof piece === "object" && "call" in piece ? [piece] : []))
    return [
      {
        role,
        content: textOf(says) || null,
        ...(calls.length === 0
          ? {}
          : {
              tool_calls: calls.map(({ call, id, input }) => ({
                id,
                type: "function" as const,
                function: { name: call, arguments: JSON.stringify(input) }
              }))
            })
      }
    ]
  }
  const results = says.flatMap(
    (piece): ReadonlyArray<ChatCompletionMessageParam> =>
      typeof piece === "object" && "result" in piece
        ? [{ role: "tool", tool_call_id: piece.id, content: (piece.failed === true ? "Error: " : "") + piece.result }]
        : []
  )
  const rest = says.filter((piece) => typeof piece === "string" || !("result" in piece))
  return [...results, ...(rest.length === 0 ? [] : [{ role: "user" as const, content: contentOf(rest) }])]
}

const bodyOf = (question: Question): Omit<ChatCompletionCreateParams, "messages" | "model" | "stream"> => {
  const { effort, fields, maxTokens, oneCallAtATime, schema, seed, stop, temperature, toolChoice, tools, topP, user } =
    question
  return {
    ...(tools === undefined
      ? {}
      : {
          tools: tools.map(({ description, name, schema }) => ({
            type: "function",
            function: { name, description, parameters: schema }
          }))
        }),
    ...(toolChoice === undefined
      ? {}
      : {
          tool_choice:
            typeof toolChoice === "string" ? toolChoice : { type: "function", function: { name: toolChoice.name } }
        }),
    ...(oneCallAtATime === undefined ? {} : { parallel_tool_calls: !oneCallAtATime }),
    ...(maxTokens === undefined ? {} : { max_completion_tokens: maxTokens }),
    ...(stop === undefined ? {} : { stop: [...stop] }),
    ...(schema === undefined
      ? {}
      : { response_format: { type: "json_schema", json_schema: { name: "response", schema, strict: true } } }),
    ...(effort === undefined ? {} : { reasoning_effort: effort }),
    ...(temperature === undefined ? {} : { temperature }),
    ...(topP === undefined ? {} : { top_p: topP }),
    ...(seed === undefined ? {} : { seed }),
    ...(user === undefined ? {} : { user }),
    ...fields
  }
}

const finishes: { readonly [word: string]: Finish } = {
  stop: "stop",
  length: "length",
  tool_calls: "tool-calls",
  content_filter: "content-filter"
}

type Thinking = { readonly reasoning_content?: string | null }

const raisedOf = (error: unknown): Raised => {
  if (!(error instanceof Error)) throw error
  const api = error instanceof APIError ? error : undefined
  return {
    name: error.constructor.name,
    message: error.message,
    code: api?.code ?? undefined,
    status: api?.status,
    type: api?.type,
    requestId: api?.requestID ?? undefined,
    headers: headersOf(api?.headers)
  }
}

const usageOf = (usage: OpenAI.CompletionUsage | null | undefined): Answer["usage"] => ({
  input: usage?.prompt_tokens,
  output: usage?.completion_tokens,
  cacheRead: usage?.prompt_tokens_details?.cached_tokens ?? undefined,
  reasoning: usage?.completion_tokens_details?.reasoning_tokens ?? undefined
})

const read = (
  completion: OpenAI.ChatCompletion
): Pick<Answer, "text" | "reasoning" | "calls" | "finish" | "usage" | "model"> => {
  const [choice] = completion.choices
  return {
    text: choice?.message.content ?? "",
    reasoning: (choice?.message as Thinking | undefined)?.reasoning_content ?? "",
    calls: (choice?.message.tool_calls ?? []).flatMap((call) =>
      call.type === "function"
        ? [{ id: call.id, name: call.function.name, input: JSON.parse(call.function.arguments) as unknown }]
        : []
    ),
    finish: choice === undefined ? undefined : (finishes[choice.finish_reason] ?? choice.finish_reason),
    usage: usageOf(completion.usage),
    model: completion.model
  }
}

// What its helper has no words for it does not put together: programs that show reasoning do it from the chunks.
const ask = async ({ delivery, headers, history, question, url }: Ask): Promise<Answer> => {
  let seen: { readonly [name: string]: string } = {}
  const client = new OpenAI({
    baseURL: `${url}/v1`,
    apiKey: "key-of-client",
    maxRetries: 0,
    timeout: 15_000,
    fetch: async (...request) => {
      const response = await fetch(...request)
      seen = headersOf(response.headers)
      return response
    }
  })
  const messages = [
    ...(question.system ?? []).map((content) => ({ role: "system" as const, content })),
    ...((history ?? []) as ReadonlyArray<ChatCompletionMessageParam>),
    ...(question.turns ?? hello).flatMap(messagesOf)
  ]
  const body = { model: question.effort === undefined ? "gpt-4.1" : "gpt-5", ...bodyOf(question), messages }
  const options = { headers: { ...question.headers, ...headers } }
  const past = messages.slice(question.system?.length ?? 0)
  const historyOf = (message: ChatCompletionMessage | undefined) => (message === undefined ? past : [...past, message])
  let text = ""
  let reasoning = ""
  try {
    if (delivery === "whole") {
      const completion = await client.chat.completions.create({ ...body, stream: false }, options)
      const history = historyOf(completion.choices[0]?.message)
      return { ...nothingSaid, ...read(completion), headers: seen, history }
    }
    const stream = client.chat.completions.stream(
      { ...body, stream: true, stream_options: { include_usage: true } },
      options
    )
    for await (const { choices } of stream) {
      text += choices[0]?.delta.content ?? ""
      reasoning += (choices[0]?.delta as Thinking | undefined)?.reasoning_content ?? ""
    }
    const completion = await stream.finalChatCompletion()
    return {
      ...nothingSaid,
      ...read(completion),
      reasoning,
      headers: seen,
      history: historyOf(completion.choices[0]?.message)
    }
  } catch (error) {
    return { ...nothingSaid, text, reasoning, headers: seen, raised: raisedOf(error), history: past }
  }
}

/** `openai` for Node. */
export const openaiSdk: Client = { name: "openai", dialect: "openai", ask }
