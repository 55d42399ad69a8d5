/**
 * `effect-resilience/dialect`: what a dialect of upstreams is written with. A program that talks to a vendor whose wire
 * format is not built in writes one, and gives it to its relay by `Dialects.layer`; `docs/adding-a-dialect.md` shows how.
 */

// Where it is given to the relay
export { type AddedDialects, Dialects, type DialectsService, upstreamDialects } from "../dialect/index.ts"

// What it is
export type {
  Encoded,
  EncodeRequest,
  EndpointOptions,
  EventDecoder,
  Framing,
  HttpAnswer,
  UpstreamDialect
} from "../dialect/index.ts"

// What a client asks
export type {
  AnswerRequest,
  Asked,
  Asking,
  ContinuationAsked,
  ContinuationMode,
  Effort,
  Given,
  Hint,
  HintName,
  Meaning,
  Part,
  Tool,
  Turn
} from "../dialect/index.ts"

// What an upstream answers
export {
  type Delta,
  type Finish,
  type FinishReason,
  nothing,
  type Piece,
  type UpstreamEvent,
  type Usage
} from "../dialect/index.ts"

// Tools to put one into the other
export {
  classify,
  classifyInBand,
  endpointOf,
  estimateTokens,
  failedMark,
  type FitNames,
  headerOf,
  isObject,
  type JsonObject,
  makeFitNames,
  mergeDeep,
  type NameRule,
  parseJson,
  printJson,
  spentOn,
  sse,
  withoutRefused
} from "../dialect/index.ts"

/**
 * What else the relay's parts take of `src/dialect`.
 *
 * @deprecated Goes in 0.3. What a program needs of it is above, or in `effect-resilience/relay`.
 */
export * from "../dialect/index.ts"
