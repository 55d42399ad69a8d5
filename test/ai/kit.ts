/**
 * Scripted `LanguageModel`s: each call plays the next script, and the last one again.
 */
import { Effect, Layer, Stream } from "effect"
import { AiError, LanguageModel, type Prompt, type Response } from "effect/ai"

export const usage = { inputTokens: { total: 3 }, outputTokens: { total: 5 } }
export const finish: Response.FinishPartEncoded = { type: "finish", reason: "stop", usage }

export const aiError = (reason: AiError.AiErrorReason, method = "scripted"): AiError.AiError =>
  AiError.make({ module: "Scripted", method, reason })

export const down = aiError(new AiError.InternalProviderError({ description: "down" }))
export const cut = aiError(
  new AiError.NetworkError({ reason: "TransportError", method: "POST", url: "https://a.test/" })
)
export const badKey = aiError(new AiError.AuthenticationError({ kind: "InvalidKey" }))
export const badRequest = aiError(new AiError.InvalidRequestError({ description: "no" }))

type Whole = Effect.Effect<ReadonlyArray<Response.PartEncoded>, AiError.AiError>
type Streamed = Stream.Stream<Response.StreamPartEncoded, AiError.AiError>

/** What a scripted model was asked, in order. */
export interface Scripted {
  readonly layer: Layer.Layer<LanguageModel.LanguageModel>
  readonly asked: Array<LanguageModel.ProviderOptions>
}

const playing = <A>(scripts: ReadonlyArray<A>) => {
  let played = 0
  return () => scripts[Math.min(played++, scripts.length - 1)]!
}

export const whole = (...scripts: ReadonlyArray<Whole>): Scripted => scripted(scripts, [Stream.empty])
export const streamed = (
  ...scripts: ReadonlyArray<Streamed | ((options: LanguageModel.ProviderOptions) => Streamed)>
) => scripted([Effect.succeed([])], scripts)

const scripted = (
  wholes: ReadonlyArray<Whole>,
  streams: ReadonlyArray<Streamed | ((options: LanguageModel.ProviderOptions) => Streamed)>
): Scripted => {
  const asked: Array<LanguageModel.ProviderOptions> = []
  const nextWhole = playing(wholes)
  const nextStream = playing(streams)
  const layer = Layer.effect(
    LanguageModel.LanguageModel,
    LanguageModel.make({
      generateText: (options) =>
        Effect.suspend(() => {
          asked.push(options)
          return Effect.map(nextWhole(), (parts) => [...parts])
        }),
      streamText: (options) =>
        Stream.suspend(() => {
          asked.push(options)
          const script = nextStream()
          return typeof script === "function" ? script(options) : script
        })
    })
  )
  return { layer, asked }
}

/** A whole answer of text. */
export const says = (text: string): Whole => Effect.succeed([{ type: "text", text }, finish])

/** The parts of a streamed text, one for each piece. */
export const text = (pieces: ReadonlyArray<string>, id = "0"): ReadonlyArray<Response.StreamPartEncoded> => [
  { type: "text-start", id },
  ...pieces.map((delta): Response.StreamPartEncoded => ({ type: "text-delta", id, delta })),
  { type: "text-end", id }
]

/** Parts, each pulled by itself. */
export const parts = (...all: ReadonlyArray<Response.StreamPartEncoded>): Stream.Stream<Response.StreamPartEncoded> =>
  Stream.rechunk(Stream.fromIterable(all), 1)

/** Parts, and then a failure. */
export const broken = (error: AiError.AiError, ...all: ReadonlyArray<Response.StreamPartEncoded>): Streamed =>
  Stream.concat(parts(...all), Stream.fail(error))

/** The text of the parts that a reader has got. */
export const textOf = (all: ReadonlyArray<Response.AnyPart>): string =>
  all.map((part) => (part.type === "text-delta" ? part.delta : "")).join("")

/** Reads a streamed answer to its end: what came, and the error, if there was one. */
export const read = (prompt: Prompt.RawInput) =>
  Effect.suspend(() => {
    const seen: Array<Response.AnyPart> = []
    return LanguageModel.streamText({ prompt }).pipe(
      Stream.runForEach((part) => Effect.sync(() => void seen.push(part))),
      Effect.match({
        onFailure: (error): { readonly seen: typeof seen; readonly error: AiError.AiError | undefined } => ({
          seen,
          error
        }),
        onSuccess: () => ({ seen, error: undefined })
      })
    )
  })
