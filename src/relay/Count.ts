/**
 * How many tokens a request would be: asked of a channel of the request's own dialect. Where there is none, or none that
 * counts, it is estimated.
 */
import { Effect } from "effect"
import type { Upstream } from "../channel/index.ts"
import type { AnswerRequest } from "../dialect/index.ts"
import type { ResilienceError } from "../errors/index.ts"
import { type Asker, type ErrandContext, type ErrandKind, runErrand } from "./Errand.ts"
import type { TrailEntry } from "./Trail.ts"

/** A count, and who was asked for it. */
export type Counted =
  /** `body` is the upstream's answer as it came. */
  | { readonly _tag: "Counted"; readonly body: string; readonly trail: ReadonlyArray<TrailEntry> }
  | { readonly _tag: "Estimated"; readonly inputTokens: number; readonly trail: ReadonlyArray<TrailEntry> }
  | { readonly _tag: "Failed"; readonly error: ResilienceError; readonly trail: ReadonlyArray<TrailEntry> }

/** What a server answers that serves the model, and counts nothing. */
const countsNothing: ReadonlySet<number | undefined> = new Set([404, 405, 501])

const counting: ErrandKind = {
  // A count is a few bytes.
  maxBody: 64 * 1024,
  suits: ({ channel }, { dialect }) => channel.dialect === dialect,
  isAnswer: (dialect, body) => dialect.counted?.(body) !== undefined,
  hasNone: (status) => countsNothing.has(status),
  // A server that cannot count may still answer.
  reports: false
}

/**
 * Counts.
 *
 * @param timeoutMillis How long all of it may take.
 */
export const count = (
  request: AnswerRequest,
  timeoutMillis: number,
  asker: Asker,
  context: ErrandContext
): Effect.Effect<Counted, never, Upstream> =>
  Effect.map(runErrand(counting, request, timeoutMillis, asker, context), (errand): Counted => {
    switch (errand._tag) {
      case "Got":
        return { ...errand, _tag: "Counted" }
      case "Nobody":
        return { _tag: "Estimated", inputTokens: request.inputEstimate(), trail: errand.trail }
      case "Failed":
        return errand
    }
  })
