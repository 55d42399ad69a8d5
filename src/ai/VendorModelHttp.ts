/**
 * A `LanguageModel` over a wire format of this library's: what models of vendors and of a relay have in common.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as AiError from "effect/ai/AiError"
import { toCodecAnthropic } from "effect/ai/AnthropicStructuredOutput"
import * as LanguageModel from "effect/ai/LanguageModel"
import { toCodecOpenAI } from "effect/ai/OpenAiStructuredOutput"
import type * as Response from "effect/ai/Response"
import type * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import { refusedField, type UpstreamDialect, type UpstreamDialectName, upstreamDialectOf } from "../dialect/index.ts"
import { type Origin, toAiError } from "./AiErrors.ts"
import { type Bytes, question, Refused, type Request, type send, streamed, whole } from "./AnswerHttp.ts"
import { requestOf } from "./AskedOf.ts"
import { wholeParts } from "./WholeParts.ts"

/** What a model over a wire format is made of. */
export interface Options {
  /** What errors call it. */
  readonly module: string
  readonly client: HttpClient.HttpClient
  readonly dialect: UpstreamDialectName
  readonly baseUrl: string
  readonly key: string | undefined
  readonly model: string
  readonly headers: { readonly [name: string]: string }
  readonly params: { readonly [field: string]: unknown }
  /** Whether whole answers are read as streams, too. */
  readonly alwaysStreams: boolean
  /** What a failure says of itself that its status does not. */
  readonly said: Origin["said"]
  /** How a question is sent. */
  readonly send: typeof send
  /** Where a streamed answer's bytes come from, once it has begun. */
  readonly bytes: (request: Request, response: HttpClientResponse.HttpClientResponse) => Bytes
}

/** A request, and what it leaves out because the vendor has refused it. */
type Prepared = Effect.Effect<{ readonly ready: Request; readonly without: ReadonlySet<string> }, AiError.AiError>

// Vendors take less than JSON Schema in an answer's: Effect knows what, and reads the answers accordingly.
const codecs: { readonly [D in UpstreamDialectName]: LanguageModel.CodecTransformer } = {
  openai: toCodecOpenAI,
  responses: toCodecOpenAI,
  anthropic: toCodecAnthropic,
  gemini: LanguageModel.defaultCodecTransformer
}

/** Asks, and once more without what the vendor has refused although nobody needs it said. */
const asking =
  (options: Options, dialect: UpstreamDialect, refused: Set<string>) =>
  (
    asked: LanguageModel.ProviderOptions,
    stream: boolean,
    method: string
  ): Effect.Effect<
    readonly [request: Request, response: HttpClientResponse.HttpClientResponse],
    AiError.AiError,
    Scope.Scope
  > => {
    const { baseUrl, client, headers, key, model, module, params, said } = options
    const request = requestOf(asked, { model, stream, codec: codecs[options.dialect] })
    const origin = { module, method, said }
    const prepared: Prepared = Effect.suspend(() => {
      // As it is now: what another call learns meanwhile this one has not left out.
      const without = new Set(refused)
      return Effect.fromResult(
        dialect.encode({ request, model, stream, params, refused: without, continuation: undefined, drop: false })
      ).pipe(
        Effect.mapError((error) => toAiError(error, origin)),
        Effect.map((encoded) => ({
          without,
          ready: {
            client,
            dialect,
            encoded,
            url: dialect.endpoint({ baseUrl, model, stream, request }),
            headers: { ...dialect.headers(key, request), ...headers },
            secret: key,
            origin
          }
        }))
      )
    })
    const refusable = dialect.refusable(request)
    const ask: ReturnType<ReturnType<typeof asking>> = Effect.flatMap(prepared, ({ ready, without }) =>
      options.send(ready, question(ready, stream)).pipe(
        Effect.map((response) => [ready, response] as const),
        Effect.catchIf(
          (error) => error instanceof Refused,
          ({ error, status, told }) => {
            const field = refusedField(error, status, refusable, ready.encoded.body)
            if (field === undefined || without.has(field)) return Effect.fail(told)
            // For as long as the model lives: it would be refused again.
            refused.add(field)
            return ask
          }
        )
      )
    )
    return ask
  }

/** Makes the model. */
export const make = (options: Options): Effect.Effect<LanguageModel.LanguageModel> => {
  const dialect = upstreamDialectOf(options.dialect)
  const ask = asking(options, dialect, new Set())
  const streamText = (asked: LanguageModel.ProviderOptions, method: string) =>
    Stream.unwrap(
      Effect.map(ask(asked, true, method), ([request, response]) =>
        streamed(request, response, options.bytes(request, response))
      )
    )
  return LanguageModel.make({
    codecTransformer: codecs[options.dialect],
    generateText: (asked): Effect.Effect<Array<Response.PartEncoded>, AiError.AiError> => {
      const method = asked.responseFormat.type === "json" ? "generateObject" : "generateText"
      const parts = options.alwaysStreams
        ? Stream.runCollect(streamText(asked, method))
        : Effect.scoped(Effect.flatMap(ask(asked, false, method), ([request, response]) => whole(request, response)))
      return Effect.map(parts, wholeParts)
    },
    streamText: (asked): Stream.Stream<Response.StreamPartEncoded, AiError.AiError> => streamText(asked, "streamText")
  })
}
