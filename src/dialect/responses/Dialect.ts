/**
 * OpenAI's Responses: as clients speak them to the relay, and as OpenAI, and who is like it, speaks them upstream.
 */
import { describe } from "../../errors/index.ts"
import { retryHeaders, shouldRetryHeader } from "../../http/index.ts"
import { encodeComment, encodeJsonEvent } from "../../sse/index.ts"
import type { ClientDialect, Envelope, ModelsAbout, UpstreamDialect } from "../Dialect.ts"
import { endpointOf } from "../Endpoint.ts"
import { sse } from "../Framing.ts"
import type { JsonObject } from "../Json.ts"
import { openaiErrorBody } from "../OpenAIErrors.ts"
import { responsesEncoder } from "./Client.ts"
import { refusableByResponses, unsaidByResponses } from "./Crossing.ts"
import { decodeWholeResponses, responsesDecoder } from "./Decode.ts"
import { encodeResponses } from "./Encode.ts"
import { parseResponsesRequest } from "./Request.ts"
import { wholeResponse } from "./WholeResponse.ts"

/** Responses: `POST <base>/responses`, with a bearer key. A response takes no beginning of its own answer. */
export const responses: UpstreamDialect = {
  name: "responses",
  endpoint: ({ baseUrl }) => endpointOf(baseUrl, "/responses"),
  headers: (key) => (key === undefined ? {} : { authorization: `Bearer ${key}` }),
  framing: sse,
  unsaid: unsaidByResponses,
  refusable: refusableByResponses,
  encode: encodeResponses,
  decoder: responsesDecoder,
  decodeWhole: decodeWholeResponses,
  continuations: () => ["message"]
}

const model = (id: string, { createdAt, owner }: ModelsAbout): JsonObject => ({
  id,
  object: "model",
  created: Math.floor(createdAt / 1000),
  owned_by: owner
})

const failure: Envelope = (error, { requestId }) => ({
  status: describe(error).status,
  headers: {
    "content-type": "application/json",
    "cache-control": "no-store",
    ...(error._tag === "MethodNotAllowed" && error.allow !== undefined ? { allow: error.allow.join(", ") } : {}),
    ...retryHeaders(error),
    ...shouldRetryHeader(error)
  },
  body: JSON.stringify(openaiErrorBody(error, requestId))
})

/** Responses, as clients read them. */
export const responsesClient: ClientDialect = {
  name: "responses",
  looksAt: [],
  asksByQuery: () => false,
  parse: parseResponsesRequest,
  encoder: responsesEncoder,
  frame: ({ data, event }, id) => encodeJsonEvent(event, id, data),
  heartbeat: encodeComment("ping"),
  views: { whole: wholeResponse, list: undefined },
  models: (names, about) => ({ object: "list", data: names.map((name) => model(name, about)) }),
  model,
  failure,
  head: "atFirstContent",
  leave: "cancel",
  lettable: false
}
