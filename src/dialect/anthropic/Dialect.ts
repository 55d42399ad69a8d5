/**
 * Anthropic's Messages: as clients speak them to the relay, and as Anthropic, and who is like it, speaks them upstream.
 */
import { encodeEvent, eventsOf } from "../../sse/index.ts"
import type { ClientDialect, UpstreamDialect } from "../Dialect.ts"
import { endpointOf } from "../Endpoint.ts"
import { isObject, parseJson } from "../Json.ts"
import { sse } from "../upstream/Frames.ts"
import type { AnswerRequest } from "../Request.ts"
import { wholeMessage } from "./Assembly.ts"
import { anthropicEncoder } from "./Client.ts"
import { anthropicDecoder, decodeWholeAnthropic } from "./Decode.ts"
import { encodeAnthropic, refusableByAnthropic, refusableOnceByAnthropic, unsaidToAnthropic } from "./Encode.ts"
import { anthropicFailure } from "./Errors.ts"
import { anthropicContinuations, modelInfo, modelList } from "./Models.ts"
import { parseAnthropicRequest } from "./Request.ts"

/** The version of the API that is spoken where neither the client nor the channel names another. */
const defaultVersion = "2023-06-01"

/** What a client may say to Anthropic, and to nobody else. */
const passed = ["anthropic-version", "anthropic-beta"] as const

/** Parameters of the query that are the relay's own. */
const ours: ReadonlySet<string> = new Set(["last_event_id", "token", "key"])

const isOwn = ({ dialect }: AnswerRequest): boolean => dialect === "anthropic"

/** The client's query, `beta=true` say, without what it asks of the relay. */
const queryOf = (request: AnswerRequest): string =>
  isOwn(request)
    ? request.asking.query
        .split("&")
        .filter((parameter) => !ours.has(parameter.split("=", 1)[0]!))
        .join("&")
    : ""

const clientHeaders = (request: AnswerRequest): { readonly [name: string]: string } => {
  const headers: { [name: string]: string } = {}
  if (!isOwn(request)) return headers
  for (const name of passed) {
    const value = request.asking.headers[name]
    if (value !== undefined) headers[name] = value
  }
  return headers
}

/** Messages: `POST <base>/messages`, and `<base>/messages/count_tokens`, with the key in `x-api-key`. */
export const anthropic: UpstreamDialect = {
  endpoint: ({ baseUrl, request }) => {
    const query = queryOf(request)
    // A base URL may end in the path of the messages already, and the count's is behind it.
    return request.operation === "count"
      ? endpointOf(endpointOf(baseUrl, "/messages"), "/count_tokens", query)
      : endpointOf(baseUrl, "/messages", query)
  },
  headers: (key, request) => ({
    ...(key === undefined ? {} : { "x-api-key": key }),
    "anthropic-version": defaultVersion,
    ...clientHeaders(request)
  }),
  framing: sse,
  unsaid: unsaidToAnthropic,
  refusable: refusableByAnthropic,
  refusableOnce: refusableOnceByAnthropic,
  encode: encodeAnthropic,
  counted: (body) => {
    const counted = parseJson(body)
    return isObject(counted) && typeof counted["input_tokens"] === "number" ? counted["input_tokens"] : undefined
  },
  decoder: anthropicDecoder,
  decodeWhole: decodeWholeAnthropic,
  continuations: anthropicContinuations
}

/** Messages, as clients read them. */
export const anthropicClient: ClientDialect = {
  name: "anthropic",
  looksAt: passed,
  asksByQuery: () => false,
  parse: parseAnthropicRequest,
  encoder: anthropicEncoder,
  frames: eventsOf,
  // An event, as Anthropic's own is: its SDKs pass over it, and count on it.
  heartbeat: encodeEvent({ event: "ping", data: '{"type": "ping"}' }),
  views: { whole: wholeMessage, list: undefined },
  models: modelList,
  model: modelInfo,
  idHeader: "request-id",
  count: (inputTokens) => ({ input_tokens: inputTokens }),
  failure: anthropicFailure,
  head: "atFirstContent",
  leave: "cancel",
  lettable: false
}
