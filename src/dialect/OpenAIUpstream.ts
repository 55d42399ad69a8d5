/**
 * The upstream dialect of OpenAI's chat completions, and of everything that speaks like it.
 */
import { classify } from "./Classify.ts"
import type { UpstreamDialect } from "./Dialect.ts"
import { decodeWholeOpenAI, openaiDecoder } from "./OpenAIDecode.ts"
import { encodeOpenAI } from "./OpenAIEncode.ts"

/** Chat completions: `POST <base>/chat/completions`, with a bearer key. */
export const openai: UpstreamDialect = {
  name: "openai",
  path: "/chat/completions",
  auth: (key) => ({ authorization: `Bearer ${key}` }),
  encode: encodeOpenAI,
  decoder: openaiDecoder,
  classify,
  decodeWhole: decodeWholeOpenAI
}
