/**
 * Embeddings: asked of a channel whose dialect makes them, in the words of the client's own, and given as they come.
 */
import type { Effect } from "effect"
import type { Upstream } from "../channel/index.ts"
import type { AnswerRequest } from "../dialect/index.ts"
import { type Asker, type Errand, type ErrandContext, type ErrandKind, runErrand } from "./Errand.ts"

/** Two thousand inputs of three thousand numbers each, as base64, are as much. */
const maxBody = 64 * 1024 * 1024

const embedding: ErrandKind = {
  maxBody,
  suits: () => true,
  // Whatever is done about what cannot be said: there is nothing else in the request.
  unsaid: (_, { embedded }) => (embedded === undefined ? ["input"] : []),
  isAnswer: (dialect, body, request) => dialect.embedded?.(body, request) === true,
  hasNone: () => false,
  reports: true
}

/**
 * Asks for embeddings.
 *
 * @param timeoutMillis How long all of it may take.
 */
export const embed = (
  request: AnswerRequest,
  timeoutMillis: number,
  asker: Asker,
  context: ErrandContext
): Effect.Effect<Errand, never, Upstream> => runErrand(embedding, request, timeoutMillis, asker, context)
