/**
 * `effect-resilience/ai`: language models of Effect's `effect/ai` that stand in for one another, and that speak to a relay
 * and to vendors. It is built on `effect/ai`, which Effect 4.1 marks unstable.
 */
import * as DialectLanguageModel from "../ai/DialectLanguageModelHttp.ts"
import * as RelayLanguageModel from "../ai/RelayLanguageModelHttp.ts"
import * as ResilientLanguageModel from "../ai/ResilientLanguageModel.ts"

export {
  /** A `LanguageModel` over a vendor's own API: OpenAI, Anthropic, Gemini, and who is like one of them. */
  DialectLanguageModel,
  /** A `LanguageModel` over a relay, whose answers survive the connection to it. */
  RelayLanguageModel,
  /** One `LanguageModel` of several: retries, breakers, hedges, failover, and streams that go on where they broke. */
  ResilientLanguageModel
}

// Errors
export { type Origin, toAiError } from "../ai/AiErrors.ts"
