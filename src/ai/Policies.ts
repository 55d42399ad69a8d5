/**
 * What stands around the models of a resilient one.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as AiError from "effect/ai/AiError"
import { CircuitBreaker, Hedge, InvalidPolicyOption, Retry } from "../policy/index.ts"
import type { StreamClocks } from "../stream/index.ts"
import { type ContinuationMode, defaultContinuation } from "./ContinuedPrompt.ts"

/** How a streamed answer goes on that broke off. */
export interface ContinuationOptions {
  /** How the rest is asked for. Default: `message`. */
  readonly mode?: ContinuationMode | undefined
  /** What asks for it in mode `message`; `{partial}` is replaced by the end of the answer. Default: an English sentence. */
  readonly prompt?: string | undefined
  /** How often one answer may go on. Default: 2. */
  readonly max?: number | undefined
}

/**
 * The policies of a resilient model, each of them optional. Failing over and going on need none: they are what the model
 * is. From the outside in: `deadline`, `retry`, `hedge`, failing over, `breaker`, `attempt` or `clocks`, the model.
 */
export interface Policies {
  /** Bounds a whole call: all its models, attempts and waits; of a stream, up to its end. Default: none. */
  readonly deadline?: Duration.Input | undefined
  /**
   * How often all models are asked anew, once each of them has failed, and how long to wait before. A model whose own key
   * or quota is refused is not asked again in the same call. Default: they are asked once.
   */
  readonly retry?: Retry.Options<unknown, AiError.AiError> | undefined
  /**
   * A second model beside the first, when that is late: whichever answers first is taken, of streams whichever shows its
   * first content. Default: none.
   */
  readonly hedge?: Hedge.Options | undefined
  /** A circuit breaker for each model, by its name. A stream counts by its end. Default: none. */
  readonly breaker?: CircuitBreaker.KeyedOptions | CircuitBreaker.Keyed | undefined
  /** Bounds one attempt of `generateText` and `generateObject`. Default: none. */
  readonly attempt?: Duration.Input | undefined
  /** Bounds the silences of one attempt of `streamText`: a model that falls silent has failed. Default: none. */
  readonly clocks?: Pick<StreamClocks.Options<never>, "headers" | "firstContent" | "idle"> | undefined
  /** How a streamed answer goes on that broke off; `false`: it does not. Default: by a message, twice at most. */
  readonly continuation?: ContinuationOptions | false | undefined
}

/** The policies, made. */
export interface Made {
  readonly deadline: Duration.Input | undefined
  readonly retry: Retry.Retry<unknown, AiError.AiError> | undefined
  readonly hedge: Hedge.Hedge | undefined
  readonly breaker: CircuitBreaker.Keyed | undefined
  readonly attempt: Duration.Input | undefined
  readonly clocks: Policies["clocks"]
  readonly continuation: { readonly mode: ContinuationMode; readonly prompt: string; readonly max: number }
}

const where = "ResilientLanguageModel.make"

const checked = (name: "attempt" | "deadline", value: Duration.Input | undefined): Duration.Input | undefined => {
  if (value !== undefined) InvalidPolicyOption.positiveMillis(where, name, value)
  return value
}

const continuationOf = (options: Policies["continuation"]): Made["continuation"] => {
  if (options === false) return { mode: "message", prompt: "", max: 0 }
  const { max = 2, mode = "message", prompt = defaultContinuation } = options ?? {}
  return { mode, prompt, max: InvalidPolicyOption.nonNegativeInt(where, "continuation.max", max) }
}

const breakerOf = (breaker: Policies["breaker"]): Effect.Effect<CircuitBreaker.Keyed | undefined> =>
  breaker === undefined || "get" in breaker ? Effect.succeed(breaker) : CircuitBreaker.makeKeyed(breaker)

/** Makes the policies. Throws `InvalidPolicyOption` for options that make no sense. */
export const makePolicies = (policies: Policies): Effect.Effect<Made> => {
  const made = {
    deadline: checked("deadline", policies.deadline),
    attempt: checked("attempt", policies.attempt),
    clocks: policies.clocks,
    retry: policies.retry === undefined ? undefined : Retry.make(policies.retry),
    continuation: continuationOf(policies.continuation)
  }
  const hedge = policies.hedge === undefined ? Effect.undefined : Hedge.make(policies.hedge)
  return Effect.zipWith(breakerOf(policies.breaker), hedge, (breaker, hedge) => ({ ...made, breaker, hedge }))
}
