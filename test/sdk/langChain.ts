/**
 * LangChain JS: its four chat models at the relay, each over an older SDK of the vendor's that it brings with it. A whole
 * answer by `invoke`, a stream by `stream`, whose chunks it puts together itself.
 */
import { ChatAnthropic } from "@langchain/anthropic"
import {
  AIMessage,
  type AIMessageChunk,
  type BaseMessage,
  HumanMessage,
  ToolMessage,
  type UsageMetadata
} from "@langchain/core/messages"
import { ChatGoogleGenerativeAI } from "@langchain/google-genai"
import { ChatOpenAI } from "@langchain/openai"
import {
  type Answer,
  type Ask,
  type Client,
  hello,
  nothingSaid,
  type Piece,
  type Question,
  type Raised,
  type Turn
} from "./question.ts"

/** How a model of LangChain's is made. */
interface Making {
  readonly url: string
  readonly question: Question
  /** How often it asks again. */
  readonly maxRetries: number
}

const openai =
  (responses: boolean) =>
  ({ maxRetries, question, url }: Making) =>
    new ChatOpenAI({
      model: question.effort === undefined ? "gpt-4.1" : "gpt-5",
      apiKey: "key-of-client",
      configuration: { baseURL: `${url}/v1` },
      maxRetries,
      useResponsesApi: responses,
      ...(question.effort === undefined ? {} : { reasoning: { effort: question.effort } })
    })

const anthropic = ({ maxRetries, question, url }: Making) =>
  new ChatAnthropic({
    model: "claude-sonnet-4-6",
    apiKey: "key-of-client",
    anthropicApiUrl: url,
    maxTokens: 1024,
    maxRetries,
    ...(question.effort === undefined ? {} : { thinking: { type: "adaptive" } })
  })

interface GoogleClient {
  client: {
    generateContentStream: (...asked: ReadonlyArray<unknown>) => Promise<{ readonly response: Promise<unknown> }>
  }
}

// Its SDK reads each stream twice, once for a whole answer that LangChain does not take: what that raises nobody hears.
const google = ({ maxRetries, url }: Making) => {
  const made = { model: "gemini-2.5-pro", apiKey: "key-of-client", baseUrl: url, maxRetries }
  const model = new ChatGoogleGenerativeAI(made)
  const { client } = model as unknown as GoogleClient
  const streamed = client.generateContentStream.bind(client)
  client.generateContentStream = async (...asked) => {
    const stream = await streamed(...asked)
    stream.response.catch(() => {})
    return stream
  }
  return model
}

const messagesOf = ({ role, says }: Turn): ReadonlyArray<BaseMessage> => {
  if (says.some((piece) => typeof piece !== "string" && "image" in piece && !("result" in piece))) {
    return [new HumanMessage({ content: says.flatMap<ContentBlock>(blockOf) })]
  }
  return says.flatMap((piece): ReadonlyArray<BaseMessage> => {
    if (typeof piece === "string") return [role === "assistant" ? new AIMessage(piece) : new HumanMessage(piece)]
    if ("result" in piece) return [new ToolMessage({ tool_call_id: piece.id, name: piece.name, content: piece.result })]
    return []
  })
}

type ContentBlock =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "image_url"; readonly image_url: { readonly url: string } }

const blockOf = (piece: Piece): ReadonlyArray<ContentBlock> => {
  if (typeof piece === "string") return [{ type: "text", text: piece }]
  if (!("image" in piece) || "result" in piece) return []
  return [{ type: "image_url", image_url: { url: `data:image/png;base64,${piece.image}` } }]
}

const toolsOf = ({ tools = [] }: Question) =>
  tools.map(({ description, name, schema }) => ({
    type: "function" as const,
    function: { name, description, parameters: { ...schema } }
  }))

interface Block {
  readonly type?: string
  readonly thinking?: string
  readonly reasoning?: string
  readonly summary?: ReadonlyArray<{ readonly text?: string }>
}

interface Kept {
  readonly reasoning_content?: string
  readonly reasoning?: { readonly summary?: ReadonlyArray<{ readonly text?: string }> }
}

const reasoningIn = ({ additional_kwargs: kept, content }: AIMessageChunk): string => {
  const blocks = typeof content === "string" ? [] : (content as ReadonlyArray<Block>)
  const said = blocks.map(({ thinking }) => thinking ?? "").join("")
  const { reasoning, reasoning_content: plain } = kept as Kept
  return said || plain || (reasoning?.summary ?? []).map(({ text }) => text ?? "").join("")
}

const read = (message: AIMessageChunk): Omit<Answer, "headers" | "raised" | "history"> => {
  // Its types make never of it, where no message of a program's own says what it has.
  const usage = message.usage_metadata as UsageMetadata | undefined
  return {
    text: message.text,
    reasoning: reasoningIn(message),
    calls: (message.tool_calls ?? []).map(({ args, id, name }) => ({ id: id ?? "", name, input: args })),
    finish: undefined,
    usage: {
      input: usage?.input_tokens,
      output: usage?.output_tokens,
      cacheRead: usage?.input_token_details?.cache_read,
      reasoning: usage?.output_token_details?.reasoning
    },
    model: undefined
  }
}

const raisedOf = (error: unknown): Raised => {
  if (!(error instanceof Error)) throw error
  const { code, errorCode, status, type } = error as Error & {
    readonly code?: string
    readonly errorCode?: string
    readonly status?: number
    readonly type?: string
  }
  return {
    name: error.constructor.name,
    message: error.message,
    code: errorCode ?? code,
    status,
    type,
    requestId: undefined,
    headers: {}
  }
}

/** A client, and how often it asks again by itself. */
export interface LangChain extends Client {
  readonly asking: (maxRetries: number) => Client
}

const langChain = (
  name: string,
  dialect: Client["dialect"],
  make: (making: Making) => ChatOpenAI | ChatAnthropic | ChatGoogleGenerativeAI
): LangChain => {
  const asking = (maxRetries: number): Client => ({
    name,
    dialect,
    ask: async ({ delivery, history, question, url }: Ask): Promise<Answer> => {
      const model = make({ url, question, maxRetries })
      const messages = [
        ...((history ?? []) as ReadonlyArray<BaseMessage>),
        ...(question.turns ?? hello).flatMap(messagesOf)
      ]
      const options = question.tools === undefined ? {} : { tools: toolsOf(question) }
      let said: AIMessageChunk | undefined
      try {
        if (question.schema !== undefined) {
          // All of them have it; the types of their own schemas differ.
          const structured = (model as ChatOpenAI).withStructuredOutput<object>(
            { ...question.schema },
            { name: "answer", method: "jsonSchema" }
          )
          const value = await structured.invoke(messages)
          return { ...nothingSaid, text: JSON.stringify(value), history: messages }
        }
        if (delivery === "whole") {
          const message = await model.invoke(messages, options)
          return { ...nothingSaid, ...read(message), history: [...messages, message] }
        }
        for await (const chunk of await model.stream(messages, options)) said = said?.concat(chunk) ?? chunk
        if (said === undefined) return { ...nothingSaid, history: messages }
        return { ...nothingSaid, ...read(said), history: [...messages, said] }
      } catch (error) {
        const shown =
          said === undefined ? { text: "", reasoning: "" } : { text: said.text, reasoning: reasoningIn(said) }
        return { ...nothingSaid, ...shown, raised: raisedOf(error), history: messages }
      }
    }
  })
  return { ...asking(0), asking }
}

/** The models of LangChain JS. */
export const langChains: ReadonlyArray<LangChain> = [
  langChain("@langchain/openai", "openai", openai(false)),
  langChain("@langchain/openai, responses", "responses", openai(true)),
  langChain("@langchain/anthropic", "anthropic", anthropic),
  langChain("@langchain/google-genai", "gemini", google)
]
