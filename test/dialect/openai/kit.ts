/**
 * Requests, answers and events for the tests of OpenAI's dialect.
 */
import { Result } from "effect"
import {
  type AnswerIdentity,
  type AnswerRequest,
  type Asked,
  type Completion,
  type Delta,
  type EncodeRequest,
  nothing,
  openai,
  openaiClient,
  parseOpenAIRequest,
  type Payload,
  type Piece,
  type UpstreamEvent
} from "#src/dialect/index"
import { nothingAsked } from "#src/dialect/Request"
import type { JsonObject } from "#src/dialect/Json"

export const user = { role: "user", content: "hi" }

/** What a client of this dialect sends; text is sent as it is. */
export const parse = (body: JsonObject | string): AnswerRequest =>
  Result.getOrThrow(
    parseOpenAIRequest({
      parameter: "",
      query: "",
      headers: {},
      body: typeof body === "string" ? body : JSON.stringify({ model: "m", messages: [user], ...body })
    })
  )

/** A conversation in words that all dialects share; what is not said is empty. */
export const askedWith = (fields: Partial<Asked>): Asked => ({
  ...nothingAsked,
  turns: [{ role: "user", parts: [{ _tag: "Text", text: "hi" }] }],
  ...fields
})

/** A request of another dialect's client. */
export const foreign = (asked: Asked, dialect: AnswerRequest["dialect"] = "chat"): AnswerRequest => ({
  dialect,
  operation: "generate",
  model: "m",
  delivery: "stream",
  includeUsage: true,
  choices: 1,
  timeoutMillis: undefined,
  json: false,
  asking: { parameter: "", query: "", headers: {}, body: "" },
  body: {},
  messageLength: 0,
  inputEstimate: () => 0,
  asked: () => asked
})

export const encodeWith = (request: AnswerRequest, more: Partial<EncodeRequest> = {}) =>
  openai.encode({
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
export const encoded = (request: AnswerRequest, more: Partial<EncodeRequest> = {}) => {
  const { body, ...rest } = Result.getOrThrow(encodeWith(request, more))
  return { ...rest, text: body, body: JSON.parse(body) as JsonObject }
}

const plain = { body: "", dropped: [], names: undefined }

/** Reads events of one answer, one after the other. */
export const decodeAll = (
  events: ReadonlyArray<unknown>,
  names?: ReadonlyMap<string, string>
): ReadonlyArray<UpstreamEvent> => {
  const decoder = openai.decoder({ ...plain, names })
  return events.map((event) => decoder.step("message", typeof event === "string" ? event : JSON.stringify(event)))
}

export const decodeWhole = (body: unknown): ReadonlyArray<UpstreamEvent> =>
  openai.decodeWhole(
    {
      status: 200,
      headers: { "content-type": "application/json" },
      body: typeof body === "string" ? body : JSON.stringify(body),
      now: 0
    },
    plain
  )

export const chunk = (delta: unknown, finish: string | null = null, more: object = {}) => ({
  id: "c",
  object: "chat.completion.chunk",
  created: 1,
  model: "m",
  choices: [{ index: 0, delta, finish_reason: finish, ...more }]
})

export const identity: AnswerIdentity = {
  requestId: "req_1",
  streamId: "stream-1",
  createdAt: 1_700_000_000_999,
  includeUsage: false,
  debug: false
}

export const completion: Completion = {
  finish: { reason: "stop", native: "stop", from: undefined },
  usage: { inputTokens: 3, outputTokens: 4, estimated: false },
  fullContent: "",
  tokenCount: 0,
  attempts: 1
}

/** An encoder that has begun. */
export const begun = (more: Partial<AnswerIdentity> = {}) => {
  const encoder = openaiClient.encoder({ ...identity, ...more })
  encoder.open("m")
  return { encoder, opening: encoder.begin("m", { usage: completion.usage, deltas: [] }) }
}

/** A step of another dialect's answer. */
export const said = (
  fields: Partial<Pick<Delta, "text" | "reasoning" | "finish" | "usage">>,
  ...pieces: Array<Piece>
) => ({ ...nothing, ...fields, pieces: pieces.length === 0 ? undefined : pieces }) as Delta

/** The deltas of the first choice in what was written. */
export const deltasOf = (payloads: ReadonlyArray<Payload>): ReadonlyArray<unknown> =>
  payloads.flatMap(({ data }) => {
    if (data === "[DONE]") return []
    const { choices } = JSON.parse(data) as { choices?: ReadonlyArray<{ delta: unknown }> }
    return choices?.[0] === undefined ? [] : [choices[0].delta]
  })
