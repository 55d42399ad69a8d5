/**
 * Gemini's `generateContent`: as clients speak it to the relay, and as Google, and who is like it, speaks it upstream.
 */
import { encodeComment } from "../../sse/index.ts"
import type { ClientDialect, EndpointOptions, UpstreamDialect } from "../Dialect.ts"
import { endpointOf } from "../Endpoint.ts"
import { sse } from "../upstream/Frames.ts"
import { isObject, parseJson } from "../Json.ts"
import { apiClient } from "./ApiClient.ts"
import { contentList, wholeContent } from "./Assembly.ts"
import { bareEvents } from "./BareEvents.ts"
import { geminiEncoder } from "./Client.ts"
import { decodeWholeGemini, geminiDecoder } from "./Decode.ts"
import { encodeGemini, refusableByGemini, refusableOnceByGemini, unsaidToGemini } from "./Encode.ts"
import { geminiFailure } from "./Errors.ts"
import { geminiContinuations, geminiModel, geminiModels } from "./Models.ts"
import { parseGeminiRequest } from "./Request.ts"

const endpoint = ({ baseUrl, model, request, stream }: EndpointOptions): string => {
  // A base URL may end in the path of the models already. A model's name is one step of the path, whatever is in it.
  const path = (method: string): string => `/${encodeURIComponent(model)}:${method}`
  const models = endpointOf(baseUrl, "/models")
  return request.operation === "count"
    ? endpointOf(models, path("countTokens"))
    : stream
      ? endpointOf(models, path("streamGenerateContent"), "alt=sse")
      : endpointOf(models, path("generateContent"))
}

/** Gemini: `POST <base>/models/{model}:streamGenerateContent?alt=sse`, with the key in `x-goog-api-key`. */
export const gemini: UpstreamDialect = {
  endpoint,
  headers: (key) => (key === undefined ? {} : { "x-goog-api-key": key }),
  framing: sse,
  unsaid: unsaidToGemini,
  refusable: refusableByGemini,
  refusableOnce: refusableOnceByGemini,
  encode: encodeGemini,
  counted: (body) => {
    const counted = parseJson(body)
    return isObject(counted) && typeof counted["totalTokens"] === "number" ? counted["totalTokens"] : undefined
  },
  decoder: geminiDecoder,
  decodeWhole: decodeWholeGemini,
  continuations: geminiContinuations
}

/**
 * Gemini, as clients read it. Google's SDK drops a block that begins with another field than `data:`, and cannot read one
 * that has any other: so an id stands in a block of its own, behind its data, and so does the heartbeat. Other SDKs of
 * Google's can read neither, and are sent neither.
 */
export const geminiClient: ClientDialect = {
  name: "gemini",
  looksAt: [apiClient],
  asksByQuery: () => false,
  parse: parseGeminiRequest,
  encoder: geminiEncoder,
  frames:
    (stream) =>
    ({ data }, seq) =>
      `data: ${data}\n\nid: ${stream}.${seq}\n\n`,
  heartbeat: `${encodeComment("ping")}\n`,
  bare: bareEvents,
  wholeCalls: true,
  views: { whole: wholeContent, list: contentList },
  models: geminiModels,
  model: geminiModel,
  count: (inputTokens) => ({ totalTokens: inputTokens }),
  failure: geminiFailure,
  head: "atFirstContent",
  leave: "cancel",
  lettable: false
}
