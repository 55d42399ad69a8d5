/**
 * Vercel's `ai` with the providers of all dialects: `generateText` and `streamText`.
 */
import { createAnthropic } from "@ai-sdk/anthropic"
import { createGoogleGenerativeAI } from "@ai-sdk/google"
import { createOpenAI } from "@ai-sdk/openai"
import {
  APICallError,
  type FilePart,
  generateText,
  type ImagePart,
  jsonSchema,
  type LanguageModel,
  type LanguageModelUsage,
  type ModelMessage,
  Output,
  streamText,
  type TextPart,
  tool,
  type ToolCallPart,
  type ToolResultPart,
  type ToolSet
} from "ai"
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

type Result = Extract<Piece, { readonly result: string }>

const resultOf = ({ failed, id, image, name, result }: Result): ToolResultPart => ({
  type: "tool-result",
  toolCallId: id,
  toolName: name,
  output:
    image !== undefined
      ? {
          type: "content",
          value: [
            { type: "text", text: result },
            { type: "image-data", data: image, mediaType: "image/png" }
          ]
        }
      : failed === true
        ? { type: "error-text", value: result }
        : { type: "text", value: result }
})

type UserPart = TextPart | ImagePart | FilePart

const userPart = (piece: Piece): ReadonlyArray<UserPart> => {
  if (typeof piece === "string") return [{ type: "text", text: piece }]
  if ("imageUrl" in piece) return [{ type: "image", image: new URL(piece.imageUrl) }]
  if ("pdf" in piece) {
    return [{ type: "file", data: piece.pdf, mediaType: "application/pdf", filename: piece.name }]
  }
  return "mediaType" in piece ? [{ type: "image", image: piece.image, mediaType: piece.mediaType }] : []
}

const assistantPart = (piece: Piece): ReadonlyArray<TextPart | ToolCallPart> => {
  if (typeof piece === "string") return [{ type: "text", text: piece }]
  return "call" in piece ? [{ type: "tool-call", toolCallId: piece.id, toolName: piece.call, input: piece.input }] : []
}

const isResult = (piece: Piece): piece is Result => typeof piece === "object" && "result" in piece

const messagesOf = ({ role, says }: Turn): ReadonlyArray<ModelMessage> => {
  if (role === "system") return [{ role, content: says.filter((piece) => typeof piece === "string").join("") }]
  if (role === "assistant") return [{ role, content: says.flatMap(assistantPart) }]
  const results = says.filter(isResult).map(resultOf)
  const rest = says.flatMap(userPart)
  return [
    ...(results.length === 0 ? [] : [{ role: "tool", content: results } satisfies ModelMessage]),
    ...(rest.length === 0 ? [] : [{ role: "user", content: rest } satisfies ModelMessage])
  ]
}

const toolsOf = ({ tools }: Question): ToolSet =>
  Object.fromEntries(
    (tools ?? []).map(({ description, name, schema }) => [
      name,
      tool({ description, inputSchema: jsonSchema(schema), outputSchema: jsonSchema({}) })
    ])
  )

const codeIn = (body: string | undefined): string | undefined => {
  if (body === undefined) return undefined
  const { error } = JSON.parse(body) as {
    readonly error?: {
      readonly code?: string | number
      readonly details?: { readonly error_code?: string } | readonly [{ readonly reason?: string }]
    }
  }
  const { code, details } = error ?? {}
  if (details !== undefined && 0 in details) return details[0].reason
  return typeof code === "string" ? code : details?.error_code
}

// Google's word is a status.
const typeIn = (error: unknown): string | undefined => {
  if (typeof error !== "object" || error === null) return undefined
  const { status, type } = error as { readonly type?: string; readonly status?: string }
  return type ?? status
}

// An error inside a stream comes as the frame's object.
const raisedOf = (error: unknown): Raised => {
  if (APICallError.isInstance(error)) {
    // Of an error in a stream of Google's, `data` is the error itself.
    const data = error.data as { readonly error?: unknown } | undefined
    const body = data?.error ?? data
    return {
      name: error.name,
      message: error.message,
      code: codeIn(error.responseBody),
      status: error.statusCode,
      type: typeIn(body),
      requestId: error.responseHeaders?.["x-request-id"],
      headers: error.responseHeaders ?? {}
    }
  }
  const object = (typeof error === "object" && error !== null ? error : {}) as {
    readonly name?: string
    readonly message?: string
    readonly code?: string
  }
  return {
    name: object.name ?? "",
    message: object.message ?? String(error),
    code: object.code,
    status: undefined,
    type: typeIn(error),
    requestId: undefined,
    headers: {}
  }
}

const usageOf = (usage: LanguageModelUsage): Answer["usage"] => ({
  input: usage.inputTokens,
  output: usage.outputTokens,
  cacheRead: usage.inputTokenDetails.cacheReadTokens,
  reasoning: usage.outputTokenDetails.reasoningTokens
})

/** How a provider is made, and the options that only it has. */
interface Provider {
  readonly dialect: Client["dialect"]
  /** What stands before its paths. */
  readonly version: "v1" | "v1beta"
  /** How its options are called. */
  readonly named: "anthropic" | "google" | "openai"
  readonly model: (options: { baseURL: string; fetch: typeof fetch }, question: Question) => LanguageModel
  readonly options: (question: Question) => { readonly [field: string]: string | boolean | object }
}

const anthropic: Provider = {
  dialect: "anthropic",
  version: "v1",
  named: "anthropic",
  model: (options) => createAnthropic({ ...options, apiKey: "key-of-client" })("claude-sonnet-4-6"),
  options: ({ effort, oneCallAtATime, user }) => ({
    ...(effort === undefined ? {} : { effort, thinking: { type: "adaptive" } }),
    ...(oneCallAtATime === undefined ? {} : { disableParallelToolUse: oneCallAtATime }),
    ...(user === undefined ? {} : { metadata: { userId: user } })
  })
}

const google: Provider = {
  dialect: "gemini",
  version: "v1beta",
  named: "google",
  model: (options) => createGoogleGenerativeAI({ ...options, apiKey: "key-of-client" })("gemini-2.5-pro"),
  options: ({ effort }) =>
    effort === undefined ? {} : { thinkingConfig: { thinkingLevel: effort, includeThoughts: true } }
}

const openai: Provider = {
  dialect: "openai",
  version: "v1",
  named: "openai",
  model: (options, { effort }) =>
    createOpenAI({ ...options, apiKey: "key-of-client" }).chat(effort === undefined ? "gpt-4.1" : "gpt-5"),
  options: ({ effort, oneCallAtATime, user }) => ({
    ...(effort === undefined ? {} : { reasoningEffort: effort }),
    ...(oneCallAtATime === undefined ? {} : { parallelToolCalls: !oneCallAtATime }),
    ...(user === undefined ? {} : { user })
  })
}

/** Its default: what `openai("gpt-5")` is. What is kept by whom is each program's to say. */
const responses = (store: boolean): Provider => ({
  dialect: "responses",
  version: "v1",
  named: "openai",
  model: (options, { effort }) =>
    createOpenAI({ ...options, apiKey: "key-of-client" }).responses(effort === undefined ? "gpt-4.1" : "gpt-5"),
  options: ({ effort, oneCallAtATime, user }) => ({
    ...(store ? {} : { store: false, include: ["reasoning.encrypted_content"] }),
    ...(effort === undefined ? {} : { reasoningEffort: effort }),
    ...(oneCallAtATime === undefined ? {} : { parallelToolCalls: !oneCallAtATime }),
    ...(user === undefined ? {} : { user })
  })
})

const settingsOf = (question: Question) => {
  const { maxTokens, schema, seed, stop, temperature, toolChoice, tools, topK, topP } = question
  return {
    ...(tools === undefined ? {} : { tools: toolsOf(question) }),
    ...(toolChoice === undefined
      ? {}
      : {
          toolChoice: typeof toolChoice === "object" ? { type: "tool" as const, toolName: toolChoice.name } : toolChoice
        }),
    ...(maxTokens === undefined ? {} : { maxOutputTokens: maxTokens }),
    ...(stop === undefined ? {} : { stopSequences: [...stop] }),
    ...(schema === undefined ? {} : { output: Output.object({ schema: jsonSchema(schema) }) }),
    ...(temperature === undefined ? {} : { temperature }),
    ...(topP === undefined ? {} : { topP }),
    ...(topK === undefined ? {} : { topK }),
    ...(seed === undefined ? {} : { seed })
  }
}

const askBy =
  (provider: Provider) =>
  async ({ delivery, headers, history, question, url }: Ask): Promise<Answer> => {
    let seen: { readonly [name: string]: string } = {}
    const model = provider.model(
      {
        baseURL: `${url}/${provider.version}`,
        fetch: async (...request) => {
          const response = await fetch(...request)
          seen = headersOf(response.headers)
          return response
        }
      },
      question
    )
    const past = [...((history ?? []) as ReadonlyArray<ModelMessage>), ...(question.turns ?? hello).flatMap(messagesOf)]
    const options = {
      model,
      messages: [...past],
      maxRetries: 0,
      ...(question.system === undefined
        ? {}
        : { system: question.system.map((content) => ({ role: "system" as const, content })) }),
      headers: { ...question.headers, ...headers },
      providerOptions: { [provider.named]: provider.options(question) as Record<string, string> },
      ...settingsOf(question)
    }
    let text = ""
    let reasoning = ""
    let failure: unknown
    const historyOf = (messages: ReadonlyArray<ModelMessage>) => [...past, ...messages]
    try {
      if (delivery === "whole") {
        const result = await generateText(options)
        return {
          text: result.text,
          reasoning: result.reasoningText ?? "",
          calls: result.toolCalls.map(({ input, toolCallId, toolName }) => ({ id: toolCallId, name: toolName, input })),
          finish: result.finishReason satisfies Finish | string,
          usage: usageOf(result.usage),
          model: result.response.modelId,
          headers: seen,
          raised: undefined,
          history: historyOf(result.response.messages)
        }
      }
      const result = streamText({ ...options, onError: () => {} })
      for await (const part of result.fullStream) {
        if (part.type === "text-delta") text += part.text
        else if (part.type === "reasoning-delta") reasoning += part.text
        else if (part.type === "error") failure ??= part.error
      }
      if (failure !== undefined) throw failure
      const calls = await result.toolCalls
      const response = await result.response
      return {
        text,
        reasoning,
        calls: calls.map(({ input, toolCallId, toolName }) => ({ id: toolCallId, name: toolName, input })),
        finish: await result.finishReason,
        usage: usageOf(await result.usage),
        model: response.modelId,
        headers: seen,
        raised: undefined,
        history: historyOf(response.messages)
      }
    } catch (error) {
      return { ...nothingSaid, text, reasoning, headers: seen, raised: raisedOf(error), history: past }
    }
  }

/** `ai` with `@ai-sdk/anthropic`. */
export const aiAnthropic: Client = { name: "ai + @ai-sdk/anthropic", dialect: "anthropic", ask: askBy(anthropic) }

/** `ai` with `@ai-sdk/google`. */
export const aiGoogle: Client = { name: "ai + @ai-sdk/google", dialect: "gemini", ask: askBy(google) }

/** `ai` with `@ai-sdk/openai`, as chat completions. */
export const aiOpenai: Client = { name: "ai + @ai-sdk/openai", dialect: "openai", ask: askBy(openai) }

/** `ai` with `@ai-sdk/openai` as it is by default: responses, of which the server keeps what was said. */
export const aiResponses: Client = {
  name: "ai + @ai-sdk/openai, responses",
  dialect: "responses",
  ask: askBy(responses(true))
}
