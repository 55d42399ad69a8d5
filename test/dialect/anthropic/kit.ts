/**
 * What the tests of the dialect share: fixtures, requests, and an answer played from an upstream to a client.
 */
import { readFileSync } from "node:fs"
import { Result } from "effect"
import {
  type AnswerIdentity,
  type AnswerRequest,
  anthropic,
  anthropicClient,
  type ClientDialect,
  type ContinuationAsked,
  type Encoded,
  type EncodeRequest,
  type Payload,
  type UpstreamDialect,
  type UpstreamEvent
} from "#src/dialect/index"
import { Machine } from "#src/relay/Machine"
import type { Verdict } from "#src/relay/Verdict"
import type { ResilienceError } from "effect-resilience/errors"

export const fixture = (name: string): string => readFileSync(new URL(`./fixtures/${name}`, import.meta.url), "utf8")

export const identity: AnswerIdentity = {
  requestId: "req_1",
  streamId: "abcdefghijklmnopqrstuv",
  createdAt: 1_700_000_000_999,
  includeUsage: true,
  debug: false
}

/** A request that changed nothing. */
export const plainly: Encoded = { body: "", dropped: [], names: undefined }

/** A request of an Anthropic client's. */
export const messages = (
  body: object,
  asking: {
    readonly query?: string
    readonly headers?: { readonly [name: string]: string }
    readonly parameter?: string
  } = {}
): AnswerRequest =>
  Result.getOrThrow(
    anthropicClient.parse(
      { parameter: "", query: "", headers: {}, ...asking, body: JSON.stringify(body) },
      { maxMessage: 2000, defaultModel: "" }
    )
  )

/** The least that is a request. */
export const least = { model: "m", max_tokens: 100, messages: [{ role: "user", content: "Hi" }] }

/** What a request is encoded with, unless the test says otherwise. */
export const encoding = (request: AnswerRequest, more: Partial<EncodeRequest> = {}): EncodeRequest => ({
  request,
  model: "claude-opus-4-5",
  stream: true,
  continuation: undefined,
  params: {},
  refused: new Set<string>(),
  drop: false,
  ...more
})

type Json = { readonly [field: string]: unknown }

/** The body that an Anthropic channel is sent, and what was told of it. */
export const encoded = (
  request: AnswerRequest,
  more: Partial<EncodeRequest> = {}
): Omit<Encoded, "body"> & { readonly body: Json } => {
  const made = Result.getOrThrow(anthropic.encode(encoding(request, more)))
  return { ...made, body: JSON.parse(made.body) as Json }
}

export const prefill = (partial: string): ContinuationAsked => ({ mode: "prefill", partial })

/** The events of a stream's text, as an upstream's decoder reads them. */
export const decoded = (text: string, upstream: UpstreamDialect = anthropic, as = plainly): Array<UpstreamEvent> => {
  const events: Array<UpstreamEvent> = []
  const decoder = upstream.decoder(as)
  const frames = upstream.framing.make({
    maxEventBytes: 1e6,
    onFrame: (event, data) => events.push(decoder.step(event, data))
  })
  frames.feed(new TextEncoder().encode(text))
  frames.end()
  const halted = decoder.halt()
  return halted === undefined ? events : [...events, halted]
}

/** What became of an answer. */
export interface Played {
  readonly payloads: ReadonlyArray<Payload>
  /** As they are written, with ids. */
  readonly text: string
  readonly verdict: Verdict["_tag"]
  readonly error: ResilienceError | undefined
  readonly machine: Machine
}

/** Plays events to a client of a dialect, as the relay does. */
export const playEvents = (
  events: ReadonlyArray<UpstreamEvent>,
  client: ClientDialect,
  model = "asked-model"
): Played => {
  const payloads: Array<Payload> = []
  const encoder = client.encoder(identity)
  payloads.push(...encoder.open("named-model"))
  const machine = new Machine({
    encoder,
    choices: 1,
    inputEstimate: () => 11,
    output: { show: (shown) => payloads.push(...shown), onCommit: () => {}, onSeam: () => {} }
  })
  machine.begin(model)
  let verdict: Verdict = { _tag: "Going" }
  for (const event of events) if (verdict._tag === "Going") verdict = machine.step(event)
  if (verdict._tag === "Going") verdict = machine.eof()
  const error = verdict._tag === "Broken" ? verdict.error : undefined
  if (verdict._tag === "Complete") machine.complete(1)
  if (error !== undefined) machine.fail(error, undefined)
  const text = payloads.map(client.frames("s")).join("")
  return { payloads, text, verdict: verdict._tag, error, machine }
}

/** Plays a stream's text to a client of a dialect. */
export const play = (text: string, client: ClientDialect, upstream: UpstreamDialect = anthropic): Played =>
  playEvents(decoded(text, upstream), client)

/** What the view of whole answers makes of frames. */
export const wholeOf = (client: ClientDialect, text: string): unknown => {
  const view = client.views.whole.make()
  view.push(text)
  return JSON.parse(view.end()) as unknown
}
