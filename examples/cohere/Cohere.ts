/**
 * Cohere's chat, version 2, as a dialect of upstreams: `Dialects.layer({ cohere })`, and `dialect: cohere` in a channel
 * whose `baseUrl` is `https://api.cohere.com/v2`.
 *
 * A token that is wrong is a 498 there: `statusMapping: { 498: 401 }` in the channel says so to the relay.
 */
import { endpointOf, sse, type UpstreamDialect } from "effect-resilience/dialect"
import { decoder, decodeWhole } from "./Answer.ts"
import { encode, refusable, unsaid } from "./Request.ts"

/** `POST <base>/chat`, with a bearer key. A part of an answer is gone on with in words. */
export const cohere: UpstreamDialect = {
  endpoint: ({ baseUrl }) => endpointOf(baseUrl, "/chat"),
  headers: (key) => (key === undefined ? {} : { authorization: `Bearer ${key}` }),
  framing: sse,
  unsaid,
  refusable: () => refusable,
  encode,
  decoder,
  decodeWhole,
  continuations: () => ["message"]
}
