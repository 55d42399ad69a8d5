/**
 * OpenAI's Responses: as clients speak them to the relay, and as OpenAI, and who is like it, speaks them upstream.
 */
import { encodeComment, eventsOf } from "../../sse/index.ts"
import type { ClientDialect, UpstreamDialect } from "../Dialect.ts"
import { endpointOf } from "../Endpoint.ts"
import { sse } from "../upstream/Frames.ts"
import { openaiFailure } from "../OpenAIErrors.ts"
import { openaiModel, openaiModels } from "../OpenAIModels.ts"
import { responsesEncoder } from "./Client.ts"
import { refusableByResponses, unsaidByResponses } from "./Crossing.ts"
import { responsesDecoder } from "./Decode.ts"
import { decodeWholeResponses } from "./DecodeWhole.ts"
import { encodeResponses } from "./Encode.ts"
import { parseResponsesRequest } from "./Request.ts"
import { wholeResponse } from "./WholeResponse.ts"

/** Responses: `POST <base>/responses`, with a bearer key. A response takes no beginning of its own answer. */
export const responses: UpstreamDialect = {
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

/** Responses, as clients read them. */
export const responsesClient: ClientDialect = {
  name: "responses",
  looksAt: [],
  asksByQuery: () => false,
  parse: parseResponsesRequest,
  encoder: responsesEncoder,
  frames: eventsOf,
  heartbeat: encodeComment("ping"),
  views: { whole: wholeResponse, list: undefined },
  models: openaiModels,
  model: openaiModel,
  failure: openaiFailure,
  head: "atFirstContent",
  leave: "cancel",
  lettable: false
}
