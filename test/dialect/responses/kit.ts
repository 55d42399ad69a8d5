/**
 * What the tests of the dialect share: requests, and an answer played from an upstream to a client.
 */
import { ResponseStream } from "openai/lib/responses/ResponseStream"
import type { Response } from "openai/resources/responses/responses"
import { Result } from "effect"
import {
  type AnswerIdentity,
  type AnswerRequest,
  type Asked,
  type Asking,
  type ClientDialect,
  type EncodeRequest,
  isContent,
  type Payload,
  responses,
  responsesClient,
  type UpstreamDialect,
  type UpstreamEvent
} from "#src/dialect/index"
import { nothingAsked } from "#src/dialect/Request"
import type { JsonObject } from "#src/dialect/Json"
import { Machine } from "#src/relay/Machine"
import type { Verdict } from "#src/relay/Verdict"

export const streamId = "abcdefghijklmnopqrstuv"

export const identity: AnswerIdentity = {
  requestId: "req_1",
  streamId,
  createdAt: 1_700_000_000_999,
  includeUsage: true,
  debug: false
}

/** What a client of this dialect sends; text is sent as it is. */
export const ask = (body: JsonObject | string, asking: Partial<Asking> = {}): AnswerRequest =>
  Result.getOrThrow(tryAsk(body, asking))

export const tryAsk = (body: JsonObject | string, asking: Partial<Asking> = {}) =>
  responsesClient.parse(
    {
      parameter: "",
      query: "",
      headers: {},
      body: typeof body === "string" ? body : JSON.stringify({ model: "m", input: "hi", ...body }),
      ...asking
    },
    { maxMessage: 2000, defaultModel: "" }
  )

/** A conversation in words that all dialects share; what is not said is empty. */
export const askedWith = (fields: Partial<Asked>): Asked => ({
  ...nothingAsked,
  turns: [{ role: "user", parts: [{ _tag: "Text", text: "hi" }] }],
  ...fields
})

/** A request of another dialect's client. */
export const foreign = (asked: Asked, dialect: AnswerRequest["dialect"] = "openai"): AnswerRequest => ({
  ...ask({}),
  dialect,
  body: {},
  asked: () => asked
})

export const encodeWith = (
  request: AnswerRequest,
  more: Partial<EncodeRequest> = {},
  dialect: UpstreamDialect = responses
) =>
  dialect.encode({
    request,
    model: "mapped",
    stream: true,
    continuation: undefined,
    params: {},
    refused: new Set(),
    drop: false,
    ...more
  })

/** The body that an upstream is sent, and what goes with it. */
export const encoded = (request: AnswerRequest, more: Partial<EncodeRequest> = {}, dialect?: UpstreamDialect) => {
  const { body, ...rest } = Result.getOrThrow(encodeWith(request, more, dialect))
  return { ...rest, text: body, body: JSON.parse(body) as JsonObject }
}

const plain = { body: "", dropped: [], names: undefined }

/** Reads events of one answer, one after the other, and how it ends. */
export const decodeAll = (events: ReadonlyArray<unknown>): ReadonlyArray<UpstreamEvent> => {
  const decoder = responses.decoder(plain)
  const steps = events.map((event) =>
    decoder.step("message", typeof event === "string" ? event : JSON.stringify(event))
  )
  const halted = decoder.halt()
  return halted === undefined ? steps : [...steps, halted]
}

export const decodeWhole = (body: unknown, status = 200): ReadonlyArray<UpstreamEvent> =>
  responses.decodeWhole(
    { status, headers: {}, body: typeof body === "string" ? body : JSON.stringify(body), now: 0 },
    plain
  )

/** An answer as it was played through decoder, machine and encoder, as the relay does it. */
export interface Played {
  readonly payloads: ReadonlyArray<Payload>
  readonly verdict: Verdict
  readonly machine: Machine
}

/** Plays what an upstream says to a client; where it ends well, to its end. */
export const play = (
  steps: ReadonlyArray<UpstreamEvent>,
  client: ClientDialect = responsesClient,
  request?: AnswerRequest
): Played => {
  const payloads: Array<Payload> = []
  const encoder = client.encoder({ ...identity, request })
  const machine = new Machine({
    encoder,
    choices: 1,
    inputEstimate: () => 1,
    output: { show: (shown) => payloads.push(...shown), onCommit: () => {}, onSeam: () => {} }
  })
  encoder.open("m")
  machine.begin("m")
  let verdict: Verdict = { _tag: "Going" }
  for (const step of steps) {
    if (verdict._tag === "Going") verdict = machine.step(step)
  }
  if (verdict._tag === "Going") verdict = machine.eof()
  if (verdict._tag === "Complete") machine.complete(1)
  if (verdict._tag === "Broken" && steps.some((step) => step._tag === "Delta" && isContent(step))) {
    machine.fail(verdict.error, undefined)
  }
  return { payloads, verdict, machine }
}

export const jsonOf = (payloads: ReadonlyArray<Payload>): ReadonlyArray<JsonObject> =>
  payloads.map(({ data }) => JSON.parse(data) as JsonObject)

export const typesOf = (payloads: ReadonlyArray<Payload>): ReadonlyArray<unknown> =>
  jsonOf(payloads).map(({ type }) => type)

/** The response in the last event of its life. */
export const lastOf = (payloads: ReadonlyArray<Payload>): JsonObject =>
  jsonOf(payloads).findLast(({ response }) => response !== undefined)!["response"] as JsonObject

/** The whole answer as its client is given it. */
export const wholeOf = (payloads: ReadonlyArray<Payload>): JsonObject => {
  const view = responsesClient.views.whole.make()
  for (const frame of payloads.map(responsesClient.frames(streamId))) view.push(frame)
  return JSON.parse(view.end()) as JsonObject
}

/** What the helper of OpenAI's own SDK puts together; it refuses what is no lifecycle. */
export const sdkReads = async (payloads: ReadonlyArray<Payload>): Promise<Response> => {
  const lines = payloads.map(({ data }) => `${data}\n`).join("")
  const stream = ResponseStream.fromReadableStream(new Blob([lines]).stream() as ReadableStream)
  return (await stream.finalResponse()) as Response
}
