/**
 * What a resilient model asks of one of its models: what a provider would be asked, one floor above it. Tools are not run
 * there but by the resilient model, when the answer has come: whatever is asked again, a tool runs once.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as AiError from "effect/ai/AiError"
import type * as LanguageModel from "effect/ai/LanguageModel"
import type * as Prompt from "effect/ai/Prompt"
import type * as Response from "effect/ai/Response"
import { ResponseIdTracker } from "effect/ai/ResponseIdTracker"
import * as Toolkit from "effect/ai/Toolkit"
import { toAiError } from "./AiErrors.ts"
import { type Decoded, encoded } from "./EncodedParts.ts"

const module = "ResilientLanguageModel"

/** What is asked of an inner model, whatever is expected back. */
interface Options {
  readonly prompt: Prompt.Prompt
  readonly toolkit: Toolkit.Toolkit<{ readonly [name: string]: never }>
  readonly toolChoice: LanguageModel.ToolChoice<string>
  readonly disableToolCallResolution: true
  /** Names are looked at here, and parameters where the tool is run, which may answer a wrong one to the model. */
  readonly toolCallValidation: "deferred"
}

/** A `LanguageModel` whose tools are known at run time only. */
interface Untyped {
  readonly generateText: (
    options: Options
  ) => Effect.Effect<{ readonly content: ReadonlyArray<Decoded> }, AiError.AiError>
  readonly generateObject: (
    options: Options & { readonly schema: Schema.Top; readonly objectName: string }
  ) => Effect.Effect<{ readonly content: ReadonlyArray<Decoded>; readonly value: unknown }, AiError.AiError>
  readonly streamText: (options: Options) => Stream.Stream<Decoded, AiError.AiError>
}

const untyped = (model: LanguageModel.LanguageModel): Untyped => model as unknown as Untyped

const optionsOf = ({ prompt, toolChoice, tools }: LanguageModel.ProviderOptions): Options => ({
  prompt,
  toolkit: Toolkit.make(...tools) as unknown as Options["toolkit"],
  toolChoice: toolChoice as Options["toolChoice"],
  disableToolCallResolution: true,
  toolCallValidation: "deferred"
})

// An id of one model's answer means nothing to another: each is given the whole prompt.
const withoutTracker = Context.omit(ResponseIdTracker)

const untracked = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.updateContext(self, (context: Context.Context<R>) => withoutTracker(context) as Context.Context<R>)

/**
 * What is wrong with a part, so that its answer has failed: an error that came as a part, an end for an error's sake, a
 * call of a tool that nobody has declared.
 */
export const faultOf = (
  part: Response.AnyPartEncoded,
  options: LanguageModel.ProviderOptions,
  method: string
): AiError.AiError | undefined => {
  switch (part.type) {
    case "error":
      return toAiError(part.error, { module, method })
    case "finish":
      return part.reason === "error"
        ? failure(method, new AiError.InternalProviderError({ description: "the answer ended with an error" }))
        : undefined
    case "tool-call":
      return isDeclared(part, options)
        ? undefined
        : failure(
            method,
            new AiError.ToolNotFoundError({
              toolName: part.name,
              availableTools: options.tools.map((tool) => tool.name)
            })
          )
    default:
      return undefined
  }
}

const isDeclared = (part: Response.ToolCallPartEncoded, { toolCallValidation, tools }: LanguageModel.ProviderOptions) =>
  toolCallValidation === "deferred" || part.providerExecuted === true || tools.some(({ name }) => name === part.name)

/** An error of ours about an answer. */
export const failure = (method: string, reason: AiError.AiErrorReason): AiError.AiError =>
  AiError.make({ module, method, reason })

const sound = (
  content: ReadonlyArray<Decoded>,
  options: LanguageModel.ProviderOptions,
  method: string
): Effect.Effect<Array<Response.PartEncoded>, AiError.AiError> => {
  // A whole answer holds none of a stream's parts.
  const parts = content.map(encoded) as Array<Response.PartEncoded>
  for (const part of parts) {
    const fault = faultOf(part, options, method)
    if (fault !== undefined) return Effect.fail(fault)
  }
  return Effect.succeed(parts)
}

/** A whole answer of text. */
export const generateText = (
  model: LanguageModel.LanguageModel,
  options: LanguageModel.ProviderOptions
): Effect.Effect<Array<Response.PartEncoded>, AiError.AiError> =>
  untracked(untyped(model).generateText(optionsOf(options))).pipe(
    Effect.flatMap(({ content }) => sound(content, options, "generateText"))
  )

/**
 * A whole answer of JSON. The inner model reads it by its own provider's form of the schema, so that one that does not fit
 * is a failure like any other; it is given on in the schema's own form.
 */
export const generateObject = (
  model: LanguageModel.LanguageModel,
  options: LanguageModel.ProviderOptions,
  format: Extract<LanguageModel.ProviderOptions["responseFormat"], { readonly type: "json" }>
): Effect.Effect<Array<Response.PartEncoded>, AiError.AiError> => {
  const { objectName, schema } = format
  // What the schema needs to encode and decode is in the caller's context, as his types have asked for it.
  const encode = Schema.encodeUnknownEffect(Schema.fromJsonString(schema)) as (
    value: unknown
  ) => Effect.Effect<string, Schema.SchemaError>
  return untracked(untyped(model).generateObject({ ...optionsOf(options), schema, objectName })).pipe(
    Effect.flatMap(({ content, value }) =>
      Effect.flatMap(
        Effect.mapError(encode(value), (error) =>
          failure("generateObject", AiError.StructuredOutputError.fromSchemaError(error, ""))
        ),
        (text) => sound(withText(content, text), options, "generateObject")
      )
    )
  )
}

/** The content with this text in place of all of its own. */
const withText = (content: ReadonlyArray<Decoded>, text: string): ReadonlyArray<Decoded> => {
  let put = false
  return content.flatMap((part): ReadonlyArray<Decoded> => {
    if (part.type !== "text") return [part]
    if (put) return []
    put = true
    return [{ ...part, text }]
  })
}

/** A streamed answer. */
export const streamText = (
  model: LanguageModel.LanguageModel,
  options: LanguageModel.ProviderOptions
): Stream.Stream<Response.StreamPartEncoded, AiError.AiError> =>
  untyped(model)
    .streamText(optionsOf(options))
    .pipe(
      Stream.map((part) => encoded(part) as Response.StreamPartEncoded),
      Stream.updateContext((context: Context.Context<never>) => withoutTracker(context) as Context.Context<never>)
    )
