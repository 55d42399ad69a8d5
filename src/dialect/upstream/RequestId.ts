/**
 * An upstream's own id of a request: what its support asks for. Each vendor has a header of its own.
 */
import { headerOf } from "../HttpAnswer.ts"
import type { HttpAnswer } from "../Dialect.ts"

/** The headers in which ids come, the vendor's own before those of what stands before it. */
const names: ReadonlyArray<string> = [
  "x-request-id", // OpenAI, Mistral, Groq, Together, xAI, vLLM and most others
  "request-id", // Anthropic
  "apim-request-id", // Azure OpenAI; the next one is the gateway's
  "x-ms-request-id",
  "x-amzn-requestid", // Bedrock
  "x-goog-request-id", // Google
  "mistral-correlation-id",
  "x-ds-trace-id", // DeepSeek
  "x-siliconcloud-trace-id",
  "msh-request-id", // Moonshot
  "x-tt-logid", // Volcengine
  "x-log-id", // Zhipu
  "trace-id", // MiniMax
  "x-oneapi-request-id", // One API, New API
  "x-litellm-call-id",
  "x-vercel-id",
  "x-amz-cf-id",
  "cf-ray" // Cloudflare: only where the upstream itself never answered
]

const ranks: ReadonlyMap<string, number> = new Map(names.map((name, rank) => [name, rank]))

const isId = (text: string): boolean => /^[\x21-\x7e]{1,128}$/.test(text)

/**
 * The id in an answer's headers; `undefined` where none is one: at most 128 characters, none of them a space.
 */
export const upstreamRequestId = (headers: HttpAnswer["headers"]): string | undefined => {
  let found: string | undefined
  let best = names.length
  // HOT: an answer has some five headers, and most of the vendors' are not among them.
  for (const name in headers) {
    const rank = ranks.get(name)
    if (rank === undefined || rank >= best) continue
    const id = headerOf(headers, name)
    if (id === undefined || !isId(id)) continue
    found = id
    best = rank
  }
  return found
}
