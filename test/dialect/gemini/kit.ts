/**
 * What the tests of the dialect share: fixtures, requests, and an answer played from an upstream to a client.
 */
import { readFileSync } from "node:fs"
import { Result } from "effect"
import {
  type AnswerIdentity,
  type AnswerRequest,
  type Asked,
  type ClientDialect,
  clientDialects,
  type Encoded,
  type EncodeRequest,
  gemini,
  geminiClient,
  type Payload,
  type UpstreamDialect,
  type UpstreamEvent
} from "#src/dialect/index"
import { nothingAsked } from "#src/dialect/Request"
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

const rules = { maxMessage: 2000, defaultModel: "" }

/** What a Gemini client is told of a body. */
export const parsed = (body: object, parameter = "m:generateContent", query = "") =>
  geminiClient.parse({ parameter, query, headers: {}, body: JSON.stringify(body) }, rules)

/** A request of a Gemini client's. */
export const contents = (body: object, parameter?: string, query?: string): AnswerRequest =>
  Result.getOrThrow(parsed(body, parameter, query))

/** The least that is a request. */
export const least = { contents: [{ role: "user", parts: [{ text: "Hi" }] }] }

const hi: Asked = {
  ...nothingAsked,
  turns: [{ role: "user", parts: [{ _tag: "Text", text: "Hi" }] }]
}

/** What a client of another dialect asks. */
export const asking = (more: Partial<Asked>, dialect: AnswerRequest["dialect"] = "openai"): AnswerRequest => ({
  dialect,
  operation: "generate",
  model: "m",
  delivery: "stream",
  includeUsage: false,
  choices: 1,
  timeoutMillis: undefined,
  json: false,
  asking: { parameter: "", query: "", headers: {}, body: "" },
  body: {},
  messageLength: 0,
  inputEstimate: () => 0,
  asked: () => ({ ...hi, ...more })
})

/** What a request is encoded with, unless the test says otherwise. */
export const encoding = (request: AnswerRequest, more: Partial<EncodeRequest> = {}): EncodeRequest => ({
  request,
  model: "gemini-3-pro",
  stream: true,
  continuation: undefined,
  params: {},
  refused: new Set<string>(),
  drop: false,
  ...more
})

type Json = { readonly [field: string]: unknown }

/** The body that a Gemini channel is sent, and what was told of it. */
export const encoded = (
  request: AnswerRequest,
  more: Partial<EncodeRequest> = {}
): Omit<Encoded, "body"> & { readonly body: Json } => {
  const made = Result.getOrThrow(gemini.encode(encoding(request, more)))
  return { ...made, body: JSON.parse(made.body) as Json }
}

/** The events of a stream's text, as an upstream's decoder reads them. */
export const decoded = (text: string, upstream: UpstreamDialect = gemini, as = plainly): Array<UpstreamEvent> => {
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

/** A stream of these events. */
export const streamOf = (...events: ReadonlyArray<object>): string =>
  events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join("")

/** An event of one candidate with these parts. */
export const event = (parts: ReadonlyArray<object>, more: object = {}): object => ({
  candidates: [{ content: { role: "model", parts }, index: 0, ...more }]
})

/** A part, as a client reads it. */
export interface ToldPart {
  readonly text?: string
  readonly thought?: boolean
  readonly thoughtSignature?: string
  readonly functionCall?: { readonly id: string; readonly name: string; readonly args: object }
  readonly functionResponse?: { readonly id: string; readonly name: string }
  readonly inlineData?: object
}

/** A content, as it is read. */
export interface ToldContent {
  readonly role: string
  readonly parts: ReadonlyArray<ToldPart>
}

/** An event, or an answer, as a client reads it. */
export interface Told {
  readonly candidates: ReadonlyArray<{
    readonly content: ToldContent
    readonly finishReason?: string
    readonly index: number
  }>
  readonly usageMetadata: object
  readonly modelVersion: string
  readonly responseId: string
  readonly error: { readonly code: number }
}

/** What became of an answer. */
export interface Played {
  readonly payloads: ReadonlyArray<Payload>
  /** Their data, read. */
  readonly data: ReadonlyArray<Told>
  /** As they are written, with ids. */
  readonly text: string
  readonly verdict: Verdict["_tag"]
  readonly error: ResilienceError | undefined
}

/** Plays events to a client of a dialect, as the relay does. */
export const playEvents = (
  events: ReadonlyArray<UpstreamEvent>,
  client: ClientDialect = geminiClient,
  choices = 1
): Played => {
  const payloads: Array<Payload> = []
  const encoder = client.encoder(identity)
  payloads.push(...encoder.open("named-model"))
  const machine = new Machine({
    encoder,
    choices,
    inputEstimate: () => 11,
    output: { show: (shown) => payloads.push(...shown), onCommit: () => {}, onSeam: () => {} }
  })
  machine.begin("asked-model")
  let verdict: Verdict = { _tag: "Going" }
  for (const event of events) if (verdict._tag === "Going") verdict = machine.step(event)
  if (verdict._tag === "Going") verdict = machine.eof()
  const error = verdict._tag === "Broken" ? verdict.error : undefined
  if (verdict._tag === "Complete") machine.complete(1)
  if (error !== undefined) machine.fail(error, undefined)
  return {
    payloads,
    data: payloads.flatMap(({ data }) => (data.startsWith("{") ? [JSON.parse(data) as Told] : [])),
    text: payloads.map(client.frames("s")).join(""),
    verdict: verdict._tag,
    error
  }
}

/** Plays a stream's text to a client of a dialect. */
export const play = (text: string, client: ClientDialect = geminiClient, upstream: UpstreamDialect = gemini): Played =>
  playEvents(decoded(text, upstream), client)

/** What the view of whole answers makes of frames. */
export const wholeOf = (text: string, client: ClientDialect = geminiClient): Told => {
  const view = client.views.whole.make()
  view.push(text)
  return JSON.parse(view.end()) as Told
}

/** What an OpenAI client is told. */
export const openaiClient: ClientDialect = clientDialects.openai
