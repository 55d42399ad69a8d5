/**
 * The body of a chat completion in words that all dialects share: what another dialect's channel is asked.
 */
import type { JsonObject } from "../Json.ts"
import type { Asked } from "../Request.ts"

/** Reads a body that `parseOpenAIRequest` has accepted. */
export const askedOfOpenAI = (body: JsonObject): Asked => ({
  system: [],
  turns: [],
  tools: [],
  toolChoice: undefined,
  oneCallAtATime: false,
  maxTokens: undefined,
  effort: undefined,
  stop: undefined,
  format: { _tag: "Text" },
  hints: [],
  meanings: Object.entries(body).map(([path, value]) => ({ path, value }))
})
