/**
 * A request in the words of the Responses API.
 */
import { Result } from "effect"
import { ConvertRequestFailed, stackless } from "../../errors/index.ts"
import { type ContinuationAsked, spentOn } from "../Continuation.ts"
import type { Encoded, EncodeRequest } from "../Dialect.ts"
import { printJson } from "../ExactNumbers.ts"
import { type JsonObject, mergeDeep } from "../Json.ts"
import { estimateTokens } from "../Usage.ts"
import { type Crossed, crossToResponses, leastTokens, unsaidByResponses } from "./Crossing.ts"
import { ownBody } from "./OwnBody.ts"

const itemsOf = (input: unknown): ReadonlyArray<unknown> =>
  Array.isArray(input)
    ? (input as ReadonlyArray<unknown>)
    : typeof input === "string"
      ? [{ role: "user", content: input }]
      : []

/** What was shown, and what is asked of it: a response takes no beginning of its own answer. */
const continued = (input: unknown, continuation: ContinuationAsked): unknown => {
  const { partial } = continuation
  // Nothing was shown: there is nothing to go on from.
  if (partial === "") return input
  const shown = [...itemsOf(input), { role: "assistant", content: partial }]
  return continuation.mode === "message"
    ? [...shown, { role: "user", content: continuation.prompt.replaceAll("{partial}", () => partial) }]
    : shown
}

/**
 * The body of a request. What a Responses client sent passes with all its fields; another client's request is put in these
 * words. `params` come over everything but `stream`, which says what will be read.
 *
 * Nothing is asked in the background, since the relay waits itself, and nothing is stored, unless a Responses client says so.
 * A continuation may spend what the partial left of `max_output_tokens`, and never less than is taken.
 */
export const encodeResponses = (options: EncodeRequest): Result.Result<Encoded, ConvertRequestFailed> => {
  const { drop, refused, request } = options
  const unsaid = drop ? [] : unsaidByResponses(request)
  if (unsaid.length > 0) return Result.fail(notSaid(unsaid))
  const { body, dropped, names }: Crossed =
    request.dialect === "responses"
      ? { body: ownBody(request.body, refused), dropped: [], names: undefined }
      : crossToResponses(options)
  return Result.succeed({ body: printJson(completed(body, options), request.body), dropped, names })
}

const notSaid = (fields: ReadonlyArray<string>): ConvertRequestFailed =>
  stackless(
    () =>
      new ConvertRequestFailed({
        message: `a response has no words for ${fields.join(", ")}`,
        details: fields.map((field) => ({
          field,
          message: "cannot be said to a Responses channel",
          code: "unsupported"
        }))
      })
  )

const completed = (
  body: JsonObject,
  { continuation, model, params, refused, request, stream }: EncodeRequest
): JsonObject => {
  const { background: _, input, stream: _stream, stream_options: streamOptions, ...rest } = body
  const own = request.dialect === "responses"
  const merged = mergeDeep(
    {
      ...rest,
      model,
      ...(input === undefined && continuation === undefined
        ? {}
        : { input: continuation === undefined ? input : continued(input, continuation) }),
      ...(stream && streamOptions !== undefined ? { stream_options: streamOptions } : {}),
      ...(refused.has("background") ? {} : { background: false }),
      store: own && typeof body["store"] === "boolean" ? body["store"] : false
    },
    params
  )
  if (stream) merged["stream"] = true
  else delete merged["stream"]
  const most = merged["max_output_tokens"]
  if (continuation !== undefined && typeof most === "number" && most > 0) {
    merged["max_output_tokens"] = Math.max(leastTokens, most - estimateTokens(spentOn(continuation)))
  }
  return merged
}
