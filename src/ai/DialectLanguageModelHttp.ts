/**
 * A `LanguageModel` of Effect's over a vendor's own API, in one of the wire formats that the relay speaks to vendors.
 *
 * **When to use**
 *
 * For OpenAI (chat completions or Responses), Anthropic, Gemini, and whoever is like one of them, without a package of
 * theirs. Inside of a `ResilientLanguageModel` for what fails: this one asks once.
 *
 * **Details**
 *
 * - Tools (the program's own), images, files, JSON by schema, reasoning and its signatures are carried, as the relay
 *   carries them. What a dialect has no words for (a provider's own tool, a file by its URL) is an `InvalidRequestError`
 *   that names it, and nothing is sent.
 * - What a vendor must be given back, such as signed reasoning, stands in the parts' metadata under `effect-resilience`;
 *   `Chat` and `Prompt.fromResponseParts` keep it. It goes back to the dialect that signed it, and to no other.
 * - How much may be said, how warm, how long is thought: `params`, in the words of the vendor's body.
 * - An answer without its end was cut, and fails. A failure is an `AiError` whose blame is known (`blameOf`), with the hint
 *   of when to ask again.
 * - A field that nobody needs (`stream_options`) and that a vendor refuses is left out from then on.
 *
 * ```ts import.meta.vitest
 * import { Effect, Layer } from "effect"
 * import { LanguageModel } from "effect/ai"
 * import { FetchHttpClient } from "effect/http"
 * import { DialectLanguageModel } from "effect-resilience/ai"
 * import { Script, ScriptedServer } from "effect-resilience/testing"
 *
 * const program = Effect.gen(function* () {
 *   const vendor = yield* ScriptedServer.make({ dialect: "anthropic", scripts: [Script.answer("Hello there")] })
 *   const model = DialectLanguageModel.layer({ dialect: "anthropic", baseUrl: vendor.url, model: "claude" })
 *   const response = yield* LanguageModel.generateText({ prompt: "Hello" }).pipe(
 *     Effect.provide(Layer.provide(model, FetchHttpClient.layer))
 *   )
 *   return response.text
 * })
 *
 * await Effect.runPromise(Effect.scoped(program)) // => "Hello there"
 * ```
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Model from "effect/ai/Model"
import * as HttpClient from "effect/http/HttpClient"
import type { UpstreamDialectName } from "../dialect/index.ts"
import { send } from "./AnswerHttp.ts"
import * as VendorModel from "./VendorModelHttp.ts"

/** Which model, where, and in which words. */
export interface Options {
  /** What the API speaks: `openai` is its chat completions, and whatever is like them. */
  readonly dialect: UpstreamDialectName
  /** Where the API is, such as `https://api.anthropic.com/v1`. A slash or the dialect's own path at its end is right too. */
  readonly baseUrl: string
  /** Default: none is sent. */
  readonly key?: Redacted.Redacted<string> | undefined
  /** The vendor's name of it. */
  readonly model: string
  /** More headers of each request. Default: none. */
  readonly headers?: { readonly [name: string]: string } | undefined
  /** Merged deeply into the body of each request, in the vendor's words; `null` removes a field. Default: nothing. */
  readonly params?: { readonly [field: string]: unknown } | undefined
}

/** Makes the model. `layer` provides it. */
export const make = ({
  baseUrl,
  dialect,
  headers = {},
  key,
  model,
  params = {}
}: Options): Effect.Effect<LanguageModel.LanguageModel, never, HttpClient.HttpClient> =>
  Effect.flatMap(HttpClient.HttpClient, (client) =>
    VendorModel.make({
      module: "DialectLanguageModel",
      client,
      dialect,
      baseUrl,
      key: key === undefined ? undefined : Redacted.value(key),
      model,
      headers,
      params,
      alwaysStreams: false,
      said: undefined,
      send,
      bytes: (request, response) => ({
        stream: response.stream,
        framing: request.dialect.framing,
        onOver: () => {}
      })
    })
  )

/** Provides the model, with its name (`Model.ModelName`) and its dialect as that of its provider. */
export const layer = (
  options: Options
): Model.Model<UpstreamDialectName, LanguageModel.LanguageModel, HttpClient.HttpClient> =>
  Model.make(options.dialect, options.model, Layer.effect(LanguageModel.LanguageModel, make(options)))
