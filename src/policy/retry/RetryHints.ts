/**
 * What servers say of when to ask again, read to milliseconds. Pure: the time is an argument.
 *
 * Servers say it in many ways: whole or broken seconds, milliseconds, three forms of HTTP date, RFC 3339, durations such
 * as `6m0s`, seconds since 1970. What cannot be read is no hint, a time in the past is 0, and nothing is longer than an
 * hour: a hint of a day has frozen whole pools of keys.
 */
import * as Duration from "effect/Duration"

/** No hint is longer than this: one hour. */
export const capMillis = 3_600_000

// Up to the next millisecond, since a hint is the least time to wait; but 1.1 s are 1,100 ms, not 1,101.
const capped = (millis: number): number | undefined =>
  Number.isNaN(millis) ? undefined : Math.min(Math.max(0, Math.ceil(Math.round(millis * 1000) / 1000)), capMillis)

const decimal = /^\d+(?:\.\d+)?$/
const unitMillis: { readonly [unit: string]: number } = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000
}
const part = /(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h|d)/gy

/**
 * A duration such as `20ms`, `1.5s` (Google's `retryDelay`), `6m0s` or `1h2m3s` (OpenAI's resets), in milliseconds.
 *
 * ```ts import.meta.vitest
 * import { RetryHints } from "effect-resilience/policy"
 *
 * RetryHints.parseDuration("6m0s") // => 360000
 * RetryHints.parseDuration("1.5s") // => 1500
 * RetryHints.parseDuration("soon") // => undefined
 * ```
 */
export const parseDuration = (text: string): number | undefined => {
  const trimmed = text.trim()
  if (trimmed === "") return undefined
  let millis = 0
  part.lastIndex = 0
  let end = 0
  for (let match = part.exec(trimmed); match !== null; match = part.exec(trimmed)) {
    millis += Number(match[1]) * unitMillis[match[2]!]!
    end = part.lastIndex
  }
  return end === trimmed.length ? capped(millis) : undefined
}

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
const time = "(\\d{2}):(\\d{2}):(\\d{2})"
const imfFixdate = new RegExp(`^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (\\d{2}) ([A-Z][a-z]{2}) (\\d{4}) ${time} GMT$`)
const rfc850 = new RegExp(`^[A-Z][a-z]+day, (\\d{2})-([A-Z][a-z]{2})-(\\d{2}) ${time} GMT$`)
const asctime = new RegExp(`^[A-Z][a-z]{2} ([A-Z][a-z]{2}) ([ \\d]\\d) ${time} (\\d{4})$`)

const utc = (year: number, month: string, day: number, clock: ReadonlyArray<string>): number | undefined => {
  const [hour, minute, second] = clock.map(Number) as [number, number, number]
  const monthIndex = months.indexOf(month)
  if (monthIndex < 0 || hour > 23 || minute > 59 || second > 60) return undefined
  const date = new Date(0)
  date.setUTCFullYear(year, monthIndex, day)
  // The 31st of February is no date.
  if (date.getUTCDate() !== day || date.getUTCMonth() !== monthIndex) return undefined
  return date.setUTCHours(hour, minute, second)
}

/**
 * An HTTP date (RFC 9110, 5.6.7, all three forms), in milliseconds since 1970. A two-digit year more than 50 years ahead
 * of `now` is in the past century, as the RFC says.
 */
export const parseHttpDate = (text: string, now: number): number | undefined => {
  let match = imfFixdate.exec(text)
  if (match !== null) return utc(Number(match[3]), match[2]!, Number(match[1]), match.slice(4, 7))
  match = rfc850.exec(text)
  if (match !== null) {
    const thisYear = new Date(now).getUTCFullYear()
    const year = Math.floor(thisYear / 100) * 100 + Number(match[3])
    return utc(year > thisYear + 50 ? year - 100 : year, match[2]!, Number(match[1]), match.slice(4, 7))
  }
  match = asctime.exec(text)
  return match === null ? undefined : utc(Number(match[6]), match[1]!, Number(match[2]), match.slice(3, 6))
}

const rfc3339 = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2})$/

/**
 * The value of `retry-after`: seconds, also broken ones, or an HTTP date. Milliseconds from `now`.
 *
 * ```ts import.meta.vitest
 * import { RetryHints } from "effect-resilience/policy"
 *
 * RetryHints.parseRetryAfter("2", 0) // => 2000
 * RetryHints.parseRetryAfter("Thu, 01 Jan 1970 00:00:05 GMT", 1000) // => 4000
 * RetryHints.parseRetryAfter("-1", 0) // => undefined
 * ```
 */
export const parseRetryAfter = (value: string, now: number): number | undefined => {
  const text = value.trim()
  if (decimal.test(text)) return capped(Number(text) * 1000)
  const date = parseHttpDate(text, now)
  return date === undefined ? undefined : capped(date - now)
}

/**
 * The value of a `…-reset` header: a duration, RFC 3339, an HTTP date, or a number, which means seconds since 1970 if it
 * is that large (milliseconds if it is larger still) and seconds from now if it is not. Milliseconds from `now`.
 */
export const parseReset = (value: string, now: number): number | undefined => {
  const text = value.trim()
  if (decimal.test(text)) {
    const number = Number(text)
    if (number >= 1e11) return capped(number - now)
    return number >= 1e9 ? capped(number * 1000 - now) : capped(number * 1000)
  }
  if (rfc3339.test(text)) return capped(Date.parse(text.replace(" ", "T").toUpperCase()) - now)
  return parseDuration(text) ?? parseRetryAfter(text, now)
}

/** Headers by lower-case name, as Effect, Node and undici give them. */
export interface HeaderFields {
  readonly [name: string]: string | ReadonlyArray<string> | undefined
}

const first = (headers: HeaderFields, name: string): string | undefined => {
  const value = headers[name]
  return typeof value === "string" || value === undefined ? value : value[0]
}

/** The later of two hints; a missing one does not count. */
export const later = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined ? b : b === undefined ? a : Math.max(a, b)

/** A rate limit that headers tell of: when it is reset, and what is left until then. */
export interface Bucket {
  readonly reset: string
  readonly remaining: string
}

/** The headers of a limit, by a pattern: `x-ratelimit-*` is `x-ratelimit-reset` and `x-ratelimit-remaining`. */
export const bucket = (pattern: string): Bucket => ({
  reset: pattern.replace("*", "reset"),
  remaining: pattern.replace("*", "remaining")
})

/** Which headers hold hints, beside `retry-after`. A vendor's are rows beside these. */
export interface HeaderNames {
  /** Whole or broken milliseconds; the first that can be read counts. */
  readonly millis: ReadonlyArray<string>
  readonly buckets: ReadonlyArray<Bucket>
}

/** The headers that are nobody's own: `retry-after-ms`, `x-ratelimit-reset`, `ratelimit-reset`. */
export const standard: HeaderNames = {
  millis: ["retry-after-ms"],
  buckets: [/*#__PURE__*/ bucket("x-ratelimit-*"), /*#__PURE__*/ bucket("ratelimit-*")]
}

// A limit's reset comes with every answer, and means nothing where no limit was the reason.
const withoutResets: HeaderNames = { millis: standard.millis, buckets: [] }

/** The latest reset of the buckets that are empty; of all, if none says that it is. */
const latestReset = (headers: HeaderFields, now: number, buckets: ReadonlyArray<Bucket>): number | undefined => {
  let ofEmpty: number | undefined
  let ofAll: number | undefined
  for (const bucket of buckets) {
    const value = first(headers, bucket.reset)
    const reset = value === undefined ? undefined : parseReset(value, now)
    if (reset === undefined) continue
    ofAll = later(ofAll, reset)
    if (Number(first(headers, bucket.remaining) ?? Number.NaN) <= 0) ofEmpty = later(ofEmpty, reset)
  }
  return ofEmpty ?? ofAll
}

/**
 * How long a response's headers ask to wait, in milliseconds from `now`; `undefined` if they say nothing.
 *
 * The first that can be read: the headers of milliseconds (`retry-after-ms`), `retry-after`, then the resets of rate limits
 * (`x-ratelimit-reset`, `ratelimit-reset`), of which the latest one counts whose bucket is empty. `names` says which
 * headers these are. Default: `standard`.
 *
 * Resets come with good responses too: ask this of refusals only.
 *
 * ```ts import.meta.vitest
 * import { RetryHints } from "effect-resilience/policy"
 *
 * RetryHints.fromHeaders({ "retry-after-ms": "120", "retry-after": "5" }, 0) // => 120
 *
 * const names = { millis: [], buckets: ["requests", "tokens"].map((what) => RetryHints.bucket(`x-ratelimit-*-${what}`)) }
 * const headers = { "x-ratelimit-reset-requests": "1s", "x-ratelimit-reset-tokens": "6m0s" }
 *
 * RetryHints.fromHeaders(headers, 0, names) // => 360000
 * RetryHints.fromHeaders(headers, 0) // => undefined
 * ```
 */
export const fromHeaders = (headers: HeaderFields, now: number, names: HeaderNames = standard): number | undefined => {
  for (const name of names.millis) {
    const text = first(headers, name)?.trim()
    if (text !== undefined && decimal.test(text)) return capped(Number(text))
  }
  const retryAfter = first(headers, "retry-after")
  const hint = retryAfter === undefined ? undefined : parseRetryAfter(retryAfter, now)
  return hint ?? latestReset(headers, now, names.buckets)
}

const isObject = (value: unknown): value is { readonly [key: string]: unknown } =>
  typeof value === "object" && value !== null

const retryDelayOf = (detail: unknown): number | undefined => {
  if (!isObject(detail)) return undefined
  const delay = detail["retryDelay"] ?? detail["retry_delay"]
  if (typeof delay === "string") return parseDuration(delay)
  if (!isObject(delay)) return undefined
  const millis = Number(delay["seconds"] ?? 0) * 1000 + Number(delay["nanos"] ?? 0) / 1e6
  return millis >= 0 ? capped(millis) : undefined
}

/**
 * How long an error's body asks to wait, in milliseconds: `retryDelay` of Google's `RetryInfo` (`"1.5s"`, or seconds and
 * nanos), in `error.details` or in the first element of a list of errors.
 *
 * ```ts import.meta.vitest
 * import { RetryHints } from "effect-resilience/policy"
 *
 * const info = { "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "1.5s" }
 *
 * RetryHints.fromBody({ error: { code: 429, details: [info] } }) // => 1500
 * ```
 */
export const fromBody = (body: unknown): number | undefined => {
  const top: unknown = Array.isArray(body) ? body[0] : body
  if (!isObject(top)) return undefined
  const error = isObject(top["error"]) ? top["error"] : top
  const details = error["details"]
  if (!Array.isArray(details)) return undefined
  let hint: number | undefined
  for (const detail of details) hint = later(hint, retryDelayOf(detail))
  return hint
}

const objectAt = (value: unknown, name: string): { readonly [key: string]: unknown } | undefined => {
  const found = isObject(value) ? value[name] : undefined
  return isObject(found) ? found : undefined
}

/** Headers as fields, also those that are read by a method, as in the Fetch standard. */
const fieldsOf = (headers: { readonly [key: string]: unknown }): HeaderFields => {
  const { get } = headers
  if (typeof get !== "function") return headers as HeaderFields
  const names = [
    "retry-after",
    ...standard.millis,
    ...standard.buckets.flatMap(({ remaining, reset }) => [reset, remaining])
  ]
  return Object.fromEntries(
    names.map((name) => {
      const value: unknown = get.call(headers, name)
      return [name, typeof value === "string" ? value : undefined]
    })
  )
}

const fromAnswer = (status: unknown, headers: unknown, now: () => number): number | undefined =>
  typeof status === "number" && status >= 400 && isObject(headers)
    ? fromHeaders(fieldsOf(headers), now(), status === 429 ? standard : withoutResets)
    : undefined

const fromResponse = (response: { readonly [key: string]: unknown } | undefined, now: () => number) =>
  fromAnswer(response?.["status"], response?.["headers"], now)

/** The hint of an error of ours that became an `AiError` (`toAiError` of `effect-resilience/ai`): it stands where its blame does. */
const ownHint = (reason: unknown): unknown =>
  objectAt(objectAt(reason, "metadata"), "effect-resilience")?.["retryAfterMillis"]

/**
 * How long somebody's error asks to wait, in milliseconds: `retryAfter` or `resetAt` of its reason (Effect's `AiError`, also
 * one that was an error of ours, and `RateLimiterError`), or the headers of the failed answer, wherever it keeps them: in its response (`HttpClientError`, also
 * inside an `RpcClientError`; fetch libraries), beside its `status` (the SDKs of OpenAI and Anthropic) or its `statusCode`
 * (`ai`).
 *
 * ```ts import.meta.vitest
 * import { RetryHints } from "effect-resilience/policy"
 *
 * const busy = { status: 429, headers: new Headers({ "retry-after": "2" }) }
 *
 * RetryHints.fromError(busy, () => 0) // => 2000
 * ```
 */
export const fromError = (error: unknown, now: () => number): number | undefined => {
  const reason = objectAt(error, "reason") ?? error
  if (!isObject(reason)) return undefined
  const own = ownHint(reason)
  if (typeof own === "number") return capped(own)
  const { resetAt, retryAfter } = reason
  if (Duration.isDuration(retryAfter)) return capped(Duration.toMillis(retryAfter))
  // A `DateTime`, which is much to load for one field.
  if (isObject(resetAt) && typeof resetAt["epochMilliseconds"] === "number") {
    return capped(resetAt["epochMilliseconds"] - now())
  }
  return (
    fromResponse(objectAt(reason, "response"), now) ??
    fromResponse(objectAt(objectAt(reason, "http"), "response"), now) ??
    fromResponse(objectAt(objectAt(reason, "cause"), "response"), now) ??
    fromAnswer(reason["status"], reason["headers"], now) ??
    fromAnswer(reason["statusCode"], reason["responseHeaders"], now)
  )
}
