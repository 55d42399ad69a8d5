/**
 * Responses by `openai` for Node: a whole answer by `create`, a stream by its helper, which judges more than a plain loop
 * does.
 */
import OpenAI, { APIError } from "openai"
import type {
  Response,
  ResponseCreateParams,
  ResponseInputContent,
  ResponseInputItem
} from "openai/resources/responses/responses"
import {
  type Answer,
  type Ask,
  type Client,
  headersOf,
  hello,
  nothingSaid,
  type Piece,
  type Question,
  type Raised,
  type Turn
} from "./question.ts"

const partOf = (piece: Piece): ReadonlyArray<ResponseInputContent> => {
  if (typeof piece === "string") return [{ type: "input_text", text: piece }]
  if ("image" in piece && "mediaType" in piece) {
    return [{ type: "input_image", detail: "auto", image_url: `data:${piece.mediaType};base64,${piece.image}` }]
  }
  if ("imageUrl" in piece) return [{ type: "input_image", detail: "auto", image_url: piece.imageUrl }]
  if ("pdf" in piece) {
    return [{ type: "input_file", filename: piece.name, file_data: `data:application/pdf;base64,${piece.pdf}` }]
  }
  return []
}

const contentOf = (says: ReadonlyArray<Piece>): string | Array<ResponseInputContent> => {
  const [first, ...more] = says
  return typeof first === "string" && more.length === 0 ? first : says.flatMap(partOf)
}

const itemsOf = ({ role, says }: Turn): ReadonlyArray<ResponseInputItem> => {
  if (role === "system") return [{ role, content: contentOf(says) }]
  if (role === "assistant") {
    return says.flatMap((piece): ReadonlyArray<ResponseInputItem> => {
      if (typeof piece === "string") return [{ role, content: piece }]
      if (!("call" in piece)) return []
      const { call, id, input } = piece
      return [{ type: "function_call", call_id: id, name: call, arguments: JSON.stringify(input) }]
    })
  }
  const results = says.flatMap((piece): ReadonlyArray<ResponseInputItem> => {
    if (typeof piece !== "object" || !("result" in piece)) return []
    const output = (piece.failed === true ? "Error: " : "") + piece.result
    if (piece.image === undefined) return [{ type: "function_call_output", call_id: piece.id, output }]
    return [
      {
        type: "function_call_output",
        call_id: piece.id,
        output: [
          { type: "input_text", text: output },
          { type: "input_image", detail: "auto", image_url: `data:image/png;base64,${piece.image}` }
        ]
      }
    ]
  })
  const rest = says.filter((piece) => typeof piece === "string" || !("result" in piece))
  return [...results, ...(rest.length === 0 ? [] : [{ role: "user" as const, content: contentOf(rest) }])]
}

const bodyOf = (question: Question): Omit<ResponseCreateParams, "input" | "model" | "stream"> => {
  const { effort, fields, maxTokens, oneCallAtATime, schema, system, temperature, toolChoice, tools, topP, user } =
    question
  return {
    ...(system === undefined ? {} : { instructions: system.join("\n\n") }),
    ...(tools === undefined
      ? {}
      : {
          tools: tools.map(({ description, name, schema }) => ({
            type: "function" as const,
            name,
            description,
            parameters: schema,
            strict: false
          }))
        }),
    ...(toolChoice === undefined
      ? {}
      : {
          tool_choice:
            typeof toolChoice === "string" ? toolChoice : { type: "function" as const, name: toolChoice.name }
        }),
    ...(oneCallAtATime === undefined ? {} : { parallel_tool_calls: !oneCallAtATime }),
    ...(maxTokens === undefined ? {} : { max_output_tokens: maxTokens }),
    ...(schema === undefined
      ? {}
      : { text: { format: { type: "json_schema" as const, name: "response", schema, strict: true } } }),
    ...(effort === undefined ? {} : { reasoning: { effort } }),
    ...(temperature === undefined ? {} : { temperature }),
    ...(topP === undefined ? {} : { top_p: topP }),
    ...(user === undefined ? {} : { user }),
    ...fields
  }
}

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

const finishOf = ({ incomplete_details: incomplete, output }: Response): Answer["finish"] => {
  switch (incomplete?.reason) {
    case "max_output_tokens":
      return "length"
    case "content_filter":
      return "content-filter"
    case undefined:
      return output.some(({ type }) => type === "function_call") ? "tool-calls" : "stop"
    default:
      return incomplete?.reason
  }
}

const read = (response: Response): Pick<Answer, "text" | "reasoning" | "calls" | "finish" | "usage" | "model"> => ({
  text: response.output_text,
  reasoning: response.output
    .flatMap((item) => (item.type === "reasoning" ? item.summary : []))
    .map(({ text }) => text)
    .join(""),
  calls: response.output.flatMap((item) =>
    item.type === "function_call"
      ? [{ id: item.call_id, name: item.name, input: JSON.parse(item.arguments) as unknown }]
      : []
  ),
  finish: finishOf(response),
  usage: {
    input: response.usage?.input_tokens,
    output: response.usage?.output_tokens,
    cacheRead: response.usage?.input_tokens_details.cached_tokens || undefined,
    reasoning: response.usage?.output_tokens_details.reasoning_tokens || undefined
  },
  model: response.model
})

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
  const input = [
    ...((history ?? []) as ReadonlyArray<ResponseInputItem>),
    ...(question.turns ?? hello).flatMap(itemsOf)
  ]
  const model = question.effort === undefined ? "gpt-4.1" : "gpt-5"
  const body = { model, ...bodyOf(question), input }
  const options = { headers: { ...question.headers, ...headers } }
  let text = ""
  let reasoning = ""
  try {
    const response =
      delivery === "whole"
        ? await client.responses.create({ ...body, stream: false }, options)
        : await (async () => {
            const stream = client.responses.stream({ ...body, stream: true }, options)
            for await (const event of stream) {
              if (event.type === "response.output_text.delta") text += event.delta
              else if (event.type === "response.reasoning_summary_text.delta") reasoning += event.delta
            }
            return (await stream.finalResponse()) as Response
          })()
    return { ...nothingSaid, ...read(response), headers: seen, history: [...input, ...response.output] }
  } catch (error) {
    return { ...nothingSaid, text, reasoning, headers: seen, raised: raisedOf(error), history: input }
  }
}

/** `openai` for Node, as responses. What was said it sends again itself. */
export const responsesSdk: Client = { name: "openai, responses", dialect: "responses", ask }
