/**
 * OpenAI's chat completions: as clients speak them to the relay, and as everything upstream speaks that is like OpenAI.
 */
import { describe } from "../../errors/index.ts"
import { retryHeaders, shouldRetryHeader } from "../../http/index.ts"
import { encodeComment, encodeJsonEvent } from "../../sse/index.ts"
import type { ClientDialect, Envelope, ModelsAbout, UpstreamDialect, View } from "../Dialect.ts"
import { makePayloadReader, sse } from "../Framing.ts"
import { endpointOf } from "../Endpoint.ts"
import { makeOpenAIAssembly } from "./Assembly.ts"
import { openaiEncoder } from "./Client.ts"
import { refusableByOpenAI, unsaidByOpenAI } from "./Crossing.ts"
import { decodeWholeOpenAI, openaiDecoder } from "./Decode.ts"
import { embeddingsEndpoint, holdsEmbeddings } from "./Embeddings.ts"
import { encodeOpenAI } from "./Encode.ts"
import { openaiErrorBody } from "../OpenAIErrors.ts"
import { parseOpenAIRequest } from "./Request.ts"

/** Chat completions: `POST <base>/chat/completions`, and `<base>/embeddings`, with a bearer key. */
export const openai: UpstreamDialect = {
  name: "openai",
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

const whole: View = {
  contentType: "application/json",
  make: () => {
    const assembly = makeOpenAIAssembly()
    const read = makePayloadReader(assembly.push)
    return {
      push: (frames) => {
        read(frames)
        return ""
      },
      end: assembly.print
    }
  }
}

const model = (id: string, { createdAt, owner }: ModelsAbout) => ({
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

/** Chat completions, as clients read them. */
export const openaiClient: ClientDialect = {
  name: "openai",
  looksAt: [],
  asksByQuery: () => false,
  parse: parseOpenAIRequest,
  encoder: openaiEncoder,
  frame: ({ data, event }, id) => encodeJsonEvent(event, id, data),
  heartbeat: encodeComment("ping"),
  views: { whole, list: undefined },
  models: (names, about) => ({ object: "list", data: names.map((name) => model(name, about)) }),
  model,
  failure,
  head: "atFirstContent",
  leave: "cancel",
  lettable: false
}
