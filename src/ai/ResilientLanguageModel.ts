/**
 * One `LanguageModel` of several: they stand in for one another.
 *
 * **When to use**
 *
 * For a program on `effect/ai` that shall answer although a provider does not. In place of `Effect.retry` around
 * `generateText`, which runs tools again, and of `Stream.withExecutionPlan`, which repeats text that was shown.
 *
 * **Details**
 *
 * - The models are asked in their order. Whose fault a failure is decides what follows (`blameOf`): what any model would
 *   say (a wrong request, blocked content) ends the call; a model whose key, quota or configuration is refused is left
 *   for the rest of the call; every other failure leaves it for the next one at once.
 * - Tools run after the answer has come, once, whatever was asked again.
 * - A stream that breaks before its first content is asked of another model, and nobody sees it. One that breaks later
 *   goes on from another model (or the same, if it is the only one): the text is joined where that is sure. A stream that
 *   has begun a tool call, or shown reasoning that its provider has marked, is never joined: it fails.
 * - A stream without its `finish` part was cut, and so was one that ends with `reason: "error"`.
 * - `generateObject` reads each answer by its model's own form of the schema: one that does not fit is a failure of that
 *   model.
 * - The error is the last model's own `AiError`, if it was one; policies say theirs as an `AiError` too. `blameOf` finds
 *   the blame of each.
 * - Failovers are told as `OnFallback` (`PolicyTelemetry`), continuations as span events `resilience.continuation`, and
 *   in the `finish` part's metadata under `effect-resilience`.
 *
 * **Gotchas**
 *
 * - Models that stand in for one another take the same tools: a provider's own tools are known to that provider only.
 * - What a conversation of one provider holds for itself (`previousResponseId`) is not used: each model is sent the whole
 *   prompt.
 * - The usage is that of the attempt that ended the answer: what a cut one has cost its provider did not say.
 *
 * ```ts import.meta.vitest
 * import { Effect, Layer, Stream } from "effect"
 * import { AiError, LanguageModel } from "effect/ai"
 * import { ResilientLanguageModel } from "effect-resilience/ai"
 *
 * const usage = { inputTokens: {}, outputTokens: {} }
 * const scripted = (generateText: Effect.Effect<string, AiError.AiError>) =>
 *   Layer.effect(
 *     LanguageModel.LanguageModel,
 *     LanguageModel.make({
 *       generateText: () =>
 *         Effect.map(generateText, (text) => [{ type: "text", text }, { type: "finish", reason: "stop", usage }]),
 *       streamText: () => Stream.empty
 *     })
 *   )
 * const reason = new AiError.InternalProviderError({ description: "down" })
 * const primary = scripted(Effect.fail(AiError.make({ module: "Primary", method: "generateText", reason })))
 * const backup = scripted(Effect.succeed("the backup's answer"))
 *
 * const program = LanguageModel.generateText({ prompt: "Hello" }).pipe(
 *   Effect.map((response) => response.text),
 *   Effect.provide(ResilientLanguageModel.layer([primary, backup], { breaker: {} }))
 * )
 *
 * await Effect.runPromise(program) // => "the backup's answer"
 * ```
 */
import type * as Arr from "effect/Array"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as AiError from "effect/ai/AiError"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Model from "effect/ai/Model"
import type * as Response from "effect/ai/Response"
import { CircuitBreaker, Deadline } from "../policy/index.ts"
import { StreamClocks } from "../stream/index.ts"
import { toAiError } from "./AiErrors.ts"
import { Turns } from "./Failover.ts"
import * as Inner from "./Inner.ts"
import { type Made, makePolicies, type Policies } from "./Policies.ts"
import { resilientStream, type StreamOne } from "./ResilientStream.ts"
import { ask, type Member } from "./Round.ts"
import { isContent } from "./Splice.ts"

export type { ContinuationOptions, Policies } from "./Policies.ts"
export type { ContinuationMode } from "./ContinuedPrompt.ts"
export type { Member } from "./Round.ts"

const module = "ResilientLanguageModel"

/** At least one of them. */
type Several<A> = Arr.NonEmptyReadonlyArray<A>

const around =
  ({ attempt, breaker }: Made, method: string) =>
  <A, R>(self: Effect.Effect<A, AiError.AiError, R>, { name }: Member): Effect.Effect<A, AiError.AiError, R> => {
    const bounded = attempt === undefined ? self : Deadline.attempt(self, attempt)
    const guarded = breaker === undefined ? bounded : CircuitBreaker.protect(bounded, breaker.get(name))
    return Effect.mapError(guarded, (error) => toAiError(error, { module, method }))
  }

const streamOne =
  ({ breaker, clocks }: Made): StreamOne =>
  (member, options) => {
    const self = Inner.streamText(member.model, options)
    const watched = clocks === undefined ? self : StreamClocks.watch(self, { ...clocks, isContent })
    const guarded = breaker === undefined ? watched : CircuitBreaker.protectStream(watched, breaker.get(member.name))
    return Stream.mapError(guarded, (error) => toAiError(error, { module, method: "streamText" }))
  }

/** Whether all of them take messages of the system's in the history; unknown where one does not say. */
const supportsSystem = (members: ReadonlyArray<Member>): Effect.Effect<boolean> | undefined => {
  const said = members.map(({ model }) => model.supportsSystemMessagesInHistory)
  const known = said.filter((one) => one !== undefined)
  return known.length < said.length ? undefined : Effect.map(Effect.all(known), (all) => all.every((one) => one))
}

const generateText =
  (members: Several<Member>, policies: Made) =>
  (options: LanguageModel.ProviderOptions): Effect.Effect<Array<Response.PartEncoded>, AiError.AiError> => {
    const { responseFormat } = options
    const method = responseFormat.type === "json" ? "generateObject" : "generateText"
    const guarded = around(policies, method)
    const call = ({ model }: Member) =>
      responseFormat.type === "json"
        ? Inner.generateObject(model, options, responseFormat)
        : Inner.generateText(model, options)
    const asked = Effect.suspend(() => ask(policies, new Turns(members), (member) => guarded(call(member), member)))
    return policies.deadline === undefined
      ? asked
      : Effect.mapError(Deadline.total(asked, policies.deadline), (error) => toAiError(error, { module, method }))
  }

const streamText =
  (members: Several<Member>, policies: Made) =>
  (options: LanguageModel.ProviderOptions): Stream.Stream<Response.StreamPartEncoded, AiError.AiError> => {
    const answer = resilientStream(members, policies, streamOne(policies), options)
    return policies.deadline === undefined
      ? answer
      : Stream.mapError(Deadline.totalStream(answer, policies.deadline), (error) =>
          toAiError(error, { module, method: "streamText" })
        )
  }

/**
 * Makes one model of several that are at hand, asked in this order. Throws `InvalidPolicyOption` for options that make no
 * sense. `layer` does the same for Layers, which is what providers give.
 */
export const make = (members: Several<Member>, policies: Policies = {}): Effect.Effect<LanguageModel.LanguageModel> =>
  Effect.flatMap(makePolicies(policies), (made) =>
    LanguageModel.make({
      generateText: generateText(members, made),
      streamText: streamText(members, made),
      supportsSystemMessagesInHistory: supportsSystem(members)
    })
  )

const nameOf = (context: Context.Context<never>, at: number): string => {
  const name = Option.getOrUndefined(Context.getOption(context, Model.ModelName))
  const provider = Option.getOrUndefined(Context.getOption(context, Model.ProviderName))
  return name === undefined ? `model ${at + 1}` : provider === undefined ? name : `${provider}/${name}`
}

/** The same model by two keys is two members: what one key does says nothing of the other. */
const unlike = (members: ReadonlyArray<Member>, name: string): string =>
  members.some((member) => member.name === name) ? `${name} (${members.length + 1})` : name

/** Layers of models, such as a provider's `model(…)`. What they need and fail with, the resilient one does too. */
export type Models = Several<Layer.Layer<LanguageModel.LanguageModel, unknown, unknown>>

/**
 * Provides one `LanguageModel` of several, asked in this order. A member's name, for breakers and events, is what
 * `Model.make` says of it (`openai/gpt-5`), else its place (`model 2`). Throws `InvalidPolicyOption` as `make` does.
 */
export const layer = <const M extends Models>(
  models: M,
  policies: Policies = {}
): Layer.Layer<LanguageModel.LanguageModel, Layer.Error<M[number]>, Layer.Services<M[number]>> => {
  const built = (model: M[number]) =>
    Layer.build(model) as Effect.Effect<
      Context.Context<LanguageModel.LanguageModel>,
      Layer.Error<M[number]>,
      Layer.Services<M[number]> | Scope.Scope
    >
  return Layer.effect(
    LanguageModel.LanguageModel,
    Effect.gen(function* () {
      const [first, ...rest] = yield* Effect.forEach(models, built)
      const members: [Member, ...Array<Member>] = [{ name: nameOf(first!, 0), model: modelOf(first!) }]
      for (const [at, context] of rest.entries()) {
        members.push({ name: unlike(members, nameOf(context, at + 1)), model: modelOf(context) })
      }
      return yield* make(members, policies)
    })
  )
}

const modelOf = (context: Context.Context<LanguageModel.LanguageModel>): LanguageModel.LanguageModel =>
  Context.get(context, LanguageModel.LanguageModel)
