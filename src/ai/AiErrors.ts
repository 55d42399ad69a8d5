/**
 * Our errors as Effect's `AiError`, so that a program on `effect/ai` handles one class of error, whoever failed. What
 * that class has no words for (whose fault, which code, when to ask again) stands in its reason's metadata under
 * `effect-resilience`, where `blameOf` finds it, also after the error was encoded and decoded.
 */
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Fiber from "effect/Fiber"
import * as AiError from "effect/ai/AiError"
import {
  type Blame,
  blameOf,
  type ByBlame,
  type Code,
  codeOf,
  isResilienceError,
  lastOf,
  type ResilienceError,
  saidBy,
  type UpstreamSaid
} from "../errors/index.ts"
import { Failures } from "../policy/index.ts"
import { AnswerInterrupted } from "../stream/index.ts"

/** Where an error comes from, in the words of `AiError`. */
export interface Origin {
  /** The module that failed, such as `ResilientLanguageModel`. */
  readonly module: string
  /** The method that was called: `generateText`, `generateObject` or `streamText`. */
  readonly method: string
  /** What an error of ours was called by whoever sent it, where that knows it better. Default: as it is here. */
  readonly said?: ((error: ResilienceError) => { readonly code: Code; readonly blame: Blame } | undefined) | undefined
  /** The headers of the answer that failed, as far as they may be seen. Default: none. */
  readonly headers?: { readonly [name: string]: string } | undefined
}

/** The key in a reason's metadata, and in a part's, under which ours stands. */
export const metadataKey = "effect-resilience"

interface Said {
  readonly description: string
  readonly metadata: { readonly [metadataKey]: { [field: string]: string | number } }
  readonly status: number | undefined
  readonly param: string | undefined
  readonly hintMillis: number | undefined
  readonly http: { readonly http: typeof AiError.HttpContext.Type } | undefined
}

type Make = (said: Said) => AiError.AiErrorReason

// What `AiError` has no reason for. It is not retryable in Effect's eyes: nobody knows what it would do.
const unknown: Make = ({ description, http, metadata }) => new AiError.UnknownError({ description, metadata, ...http })
const internal: Make = ({ description, http, metadata }) =>
  new AiError.InternalProviderError({ description, metadata, ...http })

const now = (): number => Fiber.getCurrent()?.getRef(Clock.Clock).currentTimeMillisUnsafe() ?? Date.now()

const reasons: ByBlame<Make> = {
  caller: ({ description, http, metadata, param }) =>
    new AiError.InvalidRequestError({
      description,
      metadata,
      ...http,
      ...(param === undefined ? {} : { parameter: param })
    }),
  content: ({ description, http, metadata }) => new AiError.ContentPolicyError({ description, metadata, ...http }),
  credential: ({ description, http, metadata, status }) =>
    new AiError.AuthenticationError({
      kind: status === 403 ? "InsufficientPermissions" : status === 401 ? "InvalidKey" : "Unknown",
      description,
      metadata,
      ...http
    }),
  quota: ({ hintMillis, http, metadata }) =>
    new AiError.QuotaExhaustedError({
      metadata,
      ...http,
      ...(hintMillis === undefined ? {} : { resetAt: DateTime.makeUnsafe(now() + hintMillis) })
    }),
  rate: ({ hintMillis, http, metadata }) =>
    new AiError.RateLimitError({
      metadata,
      ...http,
      ...(hintMillis === undefined ? {} : { retryAfter: Duration.millis(hintMillis) })
    }),
  model: ({ description, http, metadata }) =>
    new AiError.InvalidRequestError({ parameter: "model", description, metadata, ...http }),
  channel: unknown,
  upstream: internal,
  timeout: internal,
  transport: internal,
  rejected: unknown,
  exhausted: unknown,
  storage: internal,
  cancelled: unknown,
  defect: unknown
}

/** What of a failed answer's headers is kept: what says when to ask again, and which request it was. */
const kept = /^(retry-after(-ms)?|x-should-retry|x-request-id|request-id|(x-)?ratelimit-|anthropic-ratelimit-)/

const keptHeaders = (headers: Origin["headers"]): { [name: string]: string } =>
  Object.fromEntries(Object.entries(headers ?? {}).filter(([name]) => kept.test(name)))

const saidOf = (
  error: unknown,
  ours: ResilienceError | undefined,
  blame: Blame,
  code: Code | undefined,
  { headers }: Origin
): Said => {
  const upstream: UpstreamSaid | undefined = ours?.upstream
  const hintMillis = Failures.retryAfterMillisOf(error)
  const status = upstream?.status
  return {
    description: saidBy(error),
    metadata: {
      [metadataKey]: {
        blame,
        ...(code === undefined ? {} : { code }),
        ...(hintMillis === undefined ? {} : { retryAfterMillis: hintMillis })
      }
    },
    status,
    param: upstream?.param ?? undefined,
    hintMillis,
    http: status === undefined ? undefined : { http: { response: { status, headers: keptHeaders(headers) } } }
  }
}

/**
 * Any error as an `AiError`: one that is one already stays itself; what wraps one (`RetriesExhausted`,
 * `AnswerInterrupted`) is opened; an error of ours, or of anybody, becomes the reason of its blame. `blameOf` gives the
 * same blame before and after.
 *
 * ```ts import.meta.vitest
 * import { toAiError } from "effect-resilience/ai"
 * import { blameOf, ChannelRateLimited, CircuitOpen } from "effect-resilience/errors"
 *
 * const origin = { module: "Example", method: "generateText" }
 * const limited = toAiError(new ChannelRateLimited({ retryAfterMillis: 2000 }), origin)
 *
 * limited.reason._tag // => "RateLimitError"
 * blameOf(limited) // => "rate"
 * blameOf(toAiError(new CircuitOpen({}), origin)) // => "rejected"
 * ```
 */
export const toAiError = (error: unknown, origin: Origin): AiError.AiError => {
  const leaf = leafOf(error)
  if (AiError.isAiError(leaf)) return leaf
  const { method, module } = origin
  if (AiError.isAiErrorReason(leaf)) return AiError.make({ module, method, reason: leaf })
  const ours = isResilienceError(leaf) ? leaf : undefined
  const said = ours === undefined ? undefined : origin.said?.(ours)
  const blame = said?.blame ?? blameOf(leaf) ?? "upstream"
  const code = said?.code ?? (ours === undefined ? undefined : codeOf(ours))
  return AiError.make({ module, method, reason: reasons[blame](saidOf(leaf, ours, blame, code, origin)) })
}

const leafOf = (error: unknown): unknown => {
  const last = lastOf(error)
  if (last !== error) return leafOf(last)
  return error instanceof AnswerInterrupted ? leafOf(error.reason) : error
}

/** The code of an error of ours that became an `AiError`; `undefined` of any other. */
export const codeIn = (error: unknown): unknown => {
  const { reason } = AiError.isAiError(error) ? error : { reason: undefined }
  const own = reason !== undefined && "metadata" in reason ? reason.metadata[metadataKey] : undefined
  return typeof own === "object" && own !== null && !Array.isArray(own) ? own["code"] : undefined
}
