/**
 * OpenAI's chat completions: as clients speak them to the relay, and as everything upstream speaks that is like OpenAI.
 */
import { encodeComment, eventsOf } from "../../sse/index.ts"
import type { ClientDialect, UpstreamDialect } from "../Dialect.ts"
import { sse } from "../upstream/Frames.ts"
import { endpointOf } from "../Endpoint.ts"
import { wholeView } from "../WholeView.ts"
import { makeOpenAIAssembly } from "./Assembly.ts"
import { openaiEncoder } from "./Client.ts"
import { refusableByOpenAI, unsaidByOpenAI } from "./Crossing.ts"
import { decodeWholeOpenAI, openaiDecoder } from "./Decode.ts"
import { embeddingsEndpoint, holdsEmbeddings } from "./Embeddings.ts"
import { encodeOpenAI } from "./Encode.ts"
import { openaiFailure } from "../OpenAIErrors.ts"
import { openaiModel, openaiModels } from "../OpenAIModels.ts"
import { parseOpenAIRequest } from "./Request.ts"

/** Chat completions: `POST <base>/chat/completions`, and `<base>/embeddings`, with a bearer key. */
export const openai: UpstreamDialect = {
  endpoint: ({ baseUrl, request }) =>
    request.operation === "embed" ? embeddingsEndpoint(baseUrl) : endpointOf(baseUrl, "/chat/completions"),
  headers: (key) => (key === undefined ? {} : { authorization: `Bearer ${key}` }),
  framing: sse,
  unsaid: unsaidByOpenAI,
  refusable: refusableByOpenAI,
  encode: encodeOpenAI,
  embedded: holdsEmbeddings,
  decoder: openaiDecoder,
  decodeWhole: decodeWholeOpenAI,
  continuations: () => ["prefill", "message"]
}

const whole = wholeView(makeOpenAIAssembly)

/** Chat completions, as clients read them. */
export const openaiClient: ClientDialect = {
  name: "openai",
  looksAt: [],
  asksByQuery: () => false,
  parse: parseOpenAIRequest,
  encoder: openaiEncoder,
  frames: eventsOf,
  heartbeat: encodeComment("ping"),
  views: { whole, list: undefined },
  models: openaiModels,
  model: openaiModel,
  failure: openaiFailure,
  head: "atFirstContent",
  leave: "cancel",
  lettable: false
}
