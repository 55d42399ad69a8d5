/**
 * `generateContent` by `@google/genai`: a whole answer by `generateContent`, a stream chunk by chunk, as it has no helper
 * that puts chunks together. What goes back is what its chat keeps of them: every chunk's content, as it came.
 */
import {
  ApiError,
  type Content,
  FinishReason,
  FunctionCallingConfigMode,
  type GenerateContentConfig,
  type GenerateContentResponse,
  GoogleGenAI,
  type Part,
  ThinkingLevel
} from "@google/genai"
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

const partOf = (piece: Piece): Part => {
  if (typeof piece === "string") return { text: piece }
  if ("result" in piece) {
    const { failed, id, image, name, result } = piece
    return {
      functionResponse: {
        id,
        name,
        response: failed === true ? { error: result } : { output: result },
        ...(image === undefined ? {} : { parts: [{ inlineData: { mimeType: "image/png", data: image } }] })
      }
    }
  }
  if ("call" in piece) return { functionCall: { id: piece.id, name: piece.call, args: { ...piece.input } } }
  if ("imageUrl" in piece) return { fileData: { mimeType: "image/png", fileUri: piece.imageUrl } }
  // It has no name for what is inline.
  if ("pdf" in piece) return { inlineData: { mimeType: "application/pdf", data: piece.pdf } }
  return { inlineData: { mimeType: piece.mediaType, data: piece.image } }
}

const contentOf = ({ role, says }: Turn): Content => ({
  role: role === "assistant" ? "model" : "user",
  parts: says.map(partOf)
})

const modes = {
  auto: FunctionCallingConfigMode.AUTO,
  none: FunctionCallingConfigMode.NONE,
  required: FunctionCallingConfigMode.ANY
}

const levels = { low: ThinkingLevel.LOW, medium: ThinkingLevel.MEDIUM, high: ThinkingLevel.HIGH }

const configOf = (question: Question): GenerateContentConfig => {
  const { effort, fields, maxTokens, schema, seed, stop, system, temperature, toolChoice, tools, topK, topP } = question
  return {
    ...(system === undefined ? {} : { systemInstruction: { parts: system.map((text) => ({ text })) } }),
    ...(tools === undefined
      ? {}
      : {
          tools: [
            {
              functionDeclarations: tools.map(({ description, name, schema }) => ({
                name,
                description,
                parametersJsonSchema: schema
              }))
            }
          ]
        }),
    ...(toolChoice === undefined
      ? {}
      : {
          toolConfig: {
            functionCallingConfig:
              typeof toolChoice === "string"
                ? { mode: modes[toolChoice] }
                : { mode: FunctionCallingConfigMode.ANY, allowedFunctionNames: [toolChoice.name] }
          }
        }),
    ...(maxTokens === undefined ? {} : { maxOutputTokens: maxTokens }),
    ...(stop === undefined ? {} : { stopSequences: [...stop] }),
    ...(schema === undefined ? {} : { responseMimeType: "application/json", responseJsonSchema: schema }),
    ...(effort === undefined ? {} : { thinkingConfig: { thinkingLevel: levels[effort], includeThoughts: true } }),
    ...(temperature === undefined ? {} : { temperature }),
    ...(topP === undefined ? {} : { topP }),
    ...(topK === undefined ? {} : { topK }),
    ...(seed === undefined ? {} : { seed }),
    ...fields
  }
}

interface GoogleError {
  readonly status?: string
  readonly details?: ReadonlyArray<{
    readonly reason?: string
    readonly metadata?: { readonly request_id?: string }
  }>
}

// An error of a response is the body itself, one of a stream is the event behind a word of the SDK's.
const errorIn = (message: string): GoogleError => {
  const from = message.indexOf("{")
  if (from < 0) return {}
  return (JSON.parse(message.slice(from)) as { readonly error?: GoogleError }).error ?? {}
}

const raisedOf = (raised: unknown, headers: Raised["headers"]): Raised => {
  if (!(raised instanceof Error)) throw raised
  const error = raised instanceof ApiError ? errorIn(raised.message) : {}
  const [info] = error.details ?? []
  return {
    name: raised.name,
    message: raised.message,
    code: info?.reason,
    // Inside a stream, too: its errors have a number of their own.
    status: raised instanceof ApiError ? raised.status : undefined,
    type: error.status,
    requestId: info?.metadata?.request_id,
    headers
  }
}

const finishes: { readonly [R in FinishReason]?: Finish } = {
  [FinishReason.STOP]: "stop",
  [FinishReason.MAX_TOKENS]: "length",
  [FinishReason.SAFETY]: "content-filter"
}

const partsOf = (chunks: ReadonlyArray<GenerateContentResponse>): ReadonlyArray<Part> =>
  chunks.flatMap(({ candidates }) => candidates?.[0]?.content?.parts ?? [])

const textIn = (parts: ReadonlyArray<Part>, thought: boolean): string =>
  parts.map((part) => ((part.thought ?? false) === thought ? (part.text ?? "") : "")).join("")

type Read = Pick<Answer, "text" | "reasoning" | "calls" | "finish" | "usage" | "model">

const read = (chunks: ReadonlyArray<GenerateContentResponse>): Read => {
  const parts = partsOf(chunks)
  const calls = parts.flatMap(({ functionCall: call }) =>
    call === undefined ? [] : [{ id: call.id ?? "", name: call.name ?? "", input: call.args }]
  )
  const reason = chunks.map(({ candidates }) => candidates?.[0]?.finishReason).findLast((one) => one !== undefined)
  const finish = reason === undefined ? undefined : (finishes[reason] ?? reason)
  const usage = chunks.map(({ usageMetadata }) => usageMetadata).findLast((one) => one !== undefined)
  return {
    text: textIn(parts, false),
    reasoning: textIn(parts, true),
    calls,
    finish: finish === "stop" && calls.length > 0 ? "tool-calls" : finish,
    usage: {
      input: usage === undefined ? undefined : (usage.promptTokenCount ?? 0) + (usage.toolUsePromptTokenCount ?? 0),
      output: usage === undefined ? undefined : (usage.candidatesTokenCount ?? 0) + (usage.thoughtsTokenCount ?? 0),
      cacheRead: usage?.cachedContentTokenCount,
      reasoning: usage?.thoughtsTokenCount
    },
    model: chunks.at(-1)?.modelVersion
  }
}

const contentsOf = (chunks: ReadonlyArray<GenerateContentResponse>): ReadonlyArray<Content> =>
  chunks.flatMap(({ candidates }) => candidates?.[0]?.content ?? [])

const ask = async ({ delivery, headers, history, question, url }: Ask): Promise<Answer> => {
  let seen: { readonly [name: string]: string } = {}
  const { models } = new GoogleGenAI({ apiKey: "key-of-client" })
  const contents = [...((history ?? []) as ReadonlyArray<Content>), ...(question.turns ?? hello).map(contentOf)]
  const request = {
    model: "gemini-2.5-pro",
    contents,
    config: {
      ...configOf(question),
      httpOptions: {
        baseUrl: url,
        timeout: 15_000,
        headers: { ...question.headers, ...headers },
        fetch: async (...request: Parameters<typeof fetch>) => {
          const response = await fetch(...request)
          seen = headersOf(response.headers)
          return response
        }
      }
    }
  }
  const chunks: Array<GenerateContentResponse> = []
  try {
    if (delivery === "whole") chunks.push(await models.generateContent(request))
    else for await (const chunk of await models.generateContentStream(request)) chunks.push(chunk)
    return { ...nothingSaid, ...read(chunks), headers: seen, history: [...contents, ...contentsOf(chunks)] }
  } catch (error) {
    const { reasoning, text } = read(chunks)
    return { ...nothingSaid, text, reasoning, headers: seen, raised: raisedOf(error, seen), history: contents }
  }
}

/** `@google/genai`. */
export const googleSdk: Client = { name: "@google/genai", dialect: "gemini", ask }
