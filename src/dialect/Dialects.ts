/**
 * The registry: every dialect by its name. A new one is a folder, its names (`Names.ts`), and a row in each of these.
 */
import { anthropic, anthropicClient } from "./anthropic/index.ts"
import { chatClient } from "./chat/index.ts"
import type { ClientDialect, UpstreamDialect } from "./Dialect.ts"
import { gemini, geminiClient } from "./gemini/index.ts"
import type { ClientDialectName, UpstreamDialectName } from "./Names.ts"
import { openai, openaiClient } from "./openai/index.ts"
import { responses, responsesClient } from "./responses/index.ts"

/** What clients speak. */
export const clientDialects = {
  openai: openaiClient,
  responses: responsesClient,
  anthropic: anthropicClient,
  gemini: geminiClient,
  chat: chatClient
} satisfies {
  readonly [N in ClientDialectName]: ClientDialect
}

/** What upstreams speak. */
export const upstreamDialects = { openai, responses, anthropic, gemini } satisfies {
  readonly [N in UpstreamDialectName]: UpstreamDialect
}

/** The client dialect of a name that was stored: `undefined` for one that this version does not know. */
export const clientDialectNamed = (name: string): ClientDialect | undefined =>
  Object.hasOwn(clientDialects, name) ? clientDialects[name as ClientDialectName] : undefined

/** The dialect of a channel. */
export const upstreamDialectOf = (name: UpstreamDialectName): UpstreamDialect => upstreamDialects[name]
