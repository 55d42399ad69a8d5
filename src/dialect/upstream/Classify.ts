/**
 * Who is to blame for an upstream's answer: the one place where a status or a body becomes an error of ours. The body
 * names it first (`UpstreamNames`), then the status does.
 */
import {
  BadResponse,
  BadResponseBody,
  BadResponseStatusCode,
  ChannelInvalidKey,
  ChannelQuotaExhausted,
  ChannelRateLimited,
  ChannelResponseTimeExceeded,
  ContextLengthExceeded,
  EmptyResponse,
  InvalidRequest,
  ModelNotFound,
  PayloadTooLarge,
  PromptBlocked,
  redactText,
  type ResilienceError,
  stackless,
  type UpstreamSaid,
  UpstreamOverloaded
} from "../../errors/index.ts"
import type { Classified, HttpAnswer } from "../Dialect.ts"
import { parseJson } from "../Json.ts"
import { hintOf } from "./Hint.ts"
import { type BodySaid, isErrorBody, readBody, readSaid, saidOf } from "./Body.ts"
import { isNamed, type Name, nameOf, type Unquote } from "./Names.ts"

interface Fields {
  readonly message: string
  readonly upstream: UpstreamSaid
  readonly retryAfterMillis?: number
}

type Make = (fields: Fields) => ResilienceError

const invalidRequest: Make = (fields) => new InvalidRequest(fields)
const invalidKey: Make = (fields) => new ChannelInvalidKey(fields)
const quotaExhausted: Make = (fields) => new ChannelQuotaExhausted(fields)
const rateLimited: Make = (fields) => new ChannelRateLimited(fields)
const modelNotFound: Make = (fields) => new ModelNotFound(fields)
const promptBlocked: Make = (fields) => new PromptBlocked(fields)
const overloaded: Make = (fields) => new UpstreamOverloaded(fields)
const badStatus: Make = (fields) => new BadResponseStatusCode(fields)
const timedOut: Make = (fields) =>
  new ChannelResponseTimeExceeded({ ...fields, phase: "upstream", limitMillis: 0, elapsedMillis: 0 })

const contextLength: Make = (fields) => new ContextLengthExceeded(fields)
const tooLarge: Make = (fields) => new PayloadTooLarge(fields)

// Where asking again does not help, a hint means nothing.
const hopeless: ReadonlySet<Make> = new Set([invalidRequest, promptBlocked, contextLength, tooLarge])
// Where a limit was the reason, its reset is the hint.
const limited: ReadonlySet<Make> = new Set([rateLimited, quotaExhausted])

const byName: { readonly [N in Name]: Make } = {
  context: contextLength,
  policy: promptBlocked,
  quota: quotaExhausted,
  key: invalidKey,
  model: modelNotFound
}

const byStatus: ReadonlyMap<number, Make> = new Map<number, Make>([
  ...[400, 405, 406, 409, 411, 415, 422, 431].map((status) => [status, invalidRequest] as const),
  [413, tooLarge],
  [401, invalidKey],
  [403, invalidKey],
  [402, quotaExhausted],
  [404, modelNotFound],
  [410, modelNotFound],
  [408, timedOut],
  [504, timedOut],
  [524, timedOut],
  [425, rateLimited],
  [429, rateLimited],
  [451, promptBlocked],
  [503, overloaded],
  [529, overloaded]
])

/** The statuses with which an upstream's own words may blame a key. */
const keyStatuses: ReadonlySet<number> = new Set([400, 401, 402, 403, 429])

/** The status that an error inside a 2xx stands for, by its code, its type or Google's status word. */
const statusByWord: ReadonlyMap<string, number> = new Map([
  // OpenAI
  ["invalid_request_error", 400],
  ["invalid_request", 400],
  ["rate_limit_exceeded", 429],
  ["rate_limit_error", 429],
  ["requests", 429],
  ["tokens", 429],
  ["too_many_requests", 429],
  ["server_error", 500],
  ["internal_error", 500],
  ["internal_server_error", 500],
  ["service_unavailable", 503],
  ["service_unavailable_error", 503],
  ["engine_overloaded", 503],
  ["engine_overloaded_error", 503],
  ["server_overloaded", 503],
  ["overloaded", 503],
  ["timeout", 504],
  // Anthropic
  ["permission_error", 403],
  ["not_found_error", 404],
  ["conflict_error", 409],
  ["request_too_large", 413],
  ["timeout_error", 504],
  ["api_error", 500],
  ["overloaded_error", 529],
  // google.rpc
  ["invalid_argument", 400],
  ["failed_precondition", 400],
  ["out_of_range", 400],
  ["unauthenticated", 401],
  ["permission_denied", 403],
  ["not_found", 404],
  ["aborted", 409],
  ["resource_exhausted", 429],
  ["internal", 500],
  ["unimplemented", 501],
  ["unavailable", 503],
  ["deadline_exceeded", 504]
])

/** Whether a code or a type is one of a vendor's own, by which errors are told apart. */
export const isKnownName = (name: string): boolean => {
  const word = name.toLowerCase()
  return statusByWord.has(word) || isNamed(word)
}

const give = (
  make: Make,
  said: BodySaid,
  status: number | undefined,
  summary: string,
  answer: Pick<HttpAnswer, "headers" | "now">
): ResilienceError => {
  const upstream = saidOf(said, status, redactText)
  const hint = hopeless.has(make) ? undefined : hintOf(answer.headers, said, answer.now, limited.has(make))
  return stackless(() =>
    make({
      message: upstream.message === undefined ? summary : `${summary}: ${upstream.message}`,
      upstream,
      ...(hint === undefined ? {} : { retryAfterMillis: hint })
    })
  )
}

/** Whether what came with a status may blame a key; inside a good answer there may be none. */
const mayBlameKey = (status: number | undefined): boolean => status === undefined || keyStatuses.has(status)

/** The status that words of a body stand for. */
const statusIn = ({ code, type, words }: BodySaid): number =>
  [code, type, ...words]
    .map((word) => (word === undefined ? undefined : statusByWord.get(word.toLowerCase())))
    .find(Boolean) ?? 500

const makeOf = (name: Name | undefined, status: number): Make =>
  name === undefined ? (byStatus.get(status) ?? badStatus) : byName[name]

const inBand = (said: BodySaid, answer: Pick<HttpAnswer, "headers" | "now">): ResilienceError => {
  const { status } = said
  const name = nameOf(said, { phrases: true, blamesKey: mayBlameKey(status) })
  return give(makeOf(name, status ?? statusIn(said)), said, status, "the upstream's answer is an error", answer)
}

/**
 * Gives an error inside a stream its error, as though it had come with a status: the one in its body, or the one that its
 * code or type stands for, or 500. `body` is the parsed event, or its text where it is not JSON.
 */
export const classifyInBand = (body: unknown): ResilienceError => inBand(readSaid(body), { headers: {}, now: 0 })

const classifySuccess = (answer: HttpAnswer): Classified => {
  const upstream = { status: answer.status }
  const unnamed = (error: ResilienceError): Classified => ({ error, byStatus: false })
  if (answer.body.trim() === "") return unnamed(stackless(() => new EmptyResponse({ upstream })))
  const json = parseJson(answer.body)
  if (isErrorBody(json, false)) {
    const said = readSaid(json)
    return { ...unnamed(inBand(said, answer)), words: said.message }
  }
  return unnamed(
    json === undefined
      ? stackless(() => new BadResponse({ message: "the upstream's answer is neither a stream nor JSON", upstream }))
      : stackless(() => new BadResponseBody({ message: "the upstream's answer has an unknown shape", upstream }))
  )
}

/**
 * Gives a failed HTTP answer its error. `byStatus` when its body named nothing. A 2xx that is here is no answer: the error
 * inside it, or `empty_response`, `bad_response`, `bad_response_body`.
 */
export const classify = (answer: HttpAnswer): Classified => {
  const { status } = answer
  if (status >= 200 && status <= 299) return classifySuccess(answer)
  const isError = status >= 400 && status <= 599
  const said = readBody(answer.body)
  const name = isError ? nameOf(said, { phrases: status < 500, blamesKey: keyStatuses.has(status) }) : undefined
  return {
    error: give(makeOf(name, status), said, status, `the upstream answered ${status}`, answer),
    byStatus: name === undefined,
    words: said.message
  }
}

/** What blames a key or a model. */
const blaming: ReadonlySet<ResilienceError["_tag"]> = new Set([
  "ChannelInvalidKey",
  "ChannelQuotaExhausted",
  "ModelNotFound"
])

/**
 * A classified failure without what it says only because it quotes the request: who writes an upstream's own words into a
 * field that it refuses must not have its keys and models rest. What nothing else names goes by its status. `told` is the
 * body, or the event, that it came in.
 */
export const withoutQuotedBlame = (classified: Classified, told: string, unquote: Unquote): Classified => {
  const { error } = classified
  const { upstream } = error
  if (upstream?.message === undefined || !blaming.has(error._tag)) return classified
  const body = readBody(told)
  const said = { ...body, message: body.message ?? upstream.message }
  const options = { phrases: true, blamesKey: mayBlameKey(upstream.status) }
  const name = nameOf(said, { ...options, unquote })
  if (name === nameOf(said, options)) return classified
  const make = makeOf(name, upstream.status ?? statusIn(said))
  const { message, retryAfterMillis } = error
  const hint = retryAfterMillis === undefined || hopeless.has(make) ? {} : { retryAfterMillis }
  return { ...classified, error: stackless(() => make({ message, upstream, ...hint })), byStatus: name === undefined }
}
