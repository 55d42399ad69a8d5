/**
 * How often somebody may ask: token buckets by name. A bucket of `requests` is full at first and fills evenly over the
 * time; each request takes one. A bucket of `tokens` is charged when an answer has ended, for as much as it was, and may
 * be below nothing then: until it has filled again nothing more is let through.
 *
 * A token bucket as in RFC 2697's and Linux's `tbf`: what was not used is there later, up to one bucket.
 */
import { HeldMap } from "../memory/index.ts"

/** A limit: so many in a time. `null` is any number. */
export interface RateLimit {
  readonly requests: number | null
  readonly tokens: number | null
  readonly perMillis: number
}

/** How a bucket stands. */
export interface BucketState {
  readonly limit: number
  /** What is left, rounded down; nothing where it is below that. */
  readonly remaining: number
  /** Until it is full again, in milliseconds. */
  readonly resetMillis: number
}

/** What became of a request. `retryAfterMillis` is set where it was refused. */
export interface Taken {
  readonly requests: BucketState | undefined
  readonly tokens: BucketState | undefined
  readonly retryAfterMillis: number | undefined
}

interface Buckets {
  requests: number
  tokens: number
  /** When both were last brought up to date. */
  at: number
  readonly limit: RateLimit
}

/** So many names are kept, about. Of more, those go whose buckets are full: they are as if never used. */
const mostNames = 100_000

/** A bucket that is filled in many parts may lack as much of a whole request. */
const rounding = 1e-9

const isSame = (one: RateLimit, other: RateLimit): boolean =>
  one.requests === other.requests && one.tokens === other.tokens && one.perMillis === other.perMillis

const stateOf = (limit: number | null, level: number, perMillis: number): BucketState | undefined =>
  limit === null
    ? undefined
    : {
        limit,
        remaining: Math.max(0, Math.floor(level)),
        resetMillis: Math.ceil((Math.max(0, limit - level) * perMillis) / limit)
      }

/** The buckets of all names. Times are milliseconds of a clock that nobody sets. */
export class RateLimits {
  private readonly buckets = new HeldMap<string, Buckets>()
  /** How many names there may be before they are looked through again. */
  private next = mostNames

  /** How many names are known. */
  get size(): number {
    return this.buckets.size
  }

  /** Takes one request of a name, if there is one. A limit that has changed begins with full buckets. */
  take(name: string, limit: RateLimit, now: number): Taken {
    const one = this.of(name, limit, now)
    const { perMillis, requests, tokens } = limit
    const wait = Math.max(
      requests === null || one.requests >= 1 - rounding ? 0 : ((1 - one.requests) * perMillis) / requests,
      tokens === null || one.tokens > 0 ? 0 : (-one.tokens * perMillis) / tokens + 1
    )
    if (wait === 0 && requests !== null) one.requests -= 1
    return {
      requests: stateOf(requests, one.requests, perMillis),
      tokens: stateOf(tokens, one.tokens, perMillis),
      retryAfterMillis: wait === 0 ? undefined : Math.max(1, Math.ceil(wait - rounding * perMillis))
    }
  }

  /** Gives a request back: it was none after all. */
  giveBack(name: string, limit: RateLimit, now: number): void {
    if (limit.requests === null) return
    const one = this.of(name, limit, now)
    one.requests = Math.min(limit.requests, one.requests + 1)
  }

  /** Takes what an answer was, by the limit under which it was let in. */
  charge(name: string, tokens: number, now: number): void {
    const one = this.buckets.get(name)
    if (one === undefined || one.limit.tokens === null) return
    this.fill(one, now)
    one.tokens -= tokens
  }

  private of(name: string, limit: RateLimit, now: number): Buckets {
    let one = this.buckets.get(name)
    if (one === undefined || !isSame(one.limit, limit)) {
      this.makeRoom(now)
      one = { requests: limit.requests ?? 0, tokens: limit.tokens ?? 0, at: now, limit }
      this.buckets.set(name, one)
    } else this.fill(one, now)
    return one
  }

  private fill(one: Buckets, now: number): void {
    const { perMillis, requests, tokens } = one.limit
    const share = Math.max(0, now - one.at) / perMillis
    if (requests !== null) one.requests = Math.min(requests, one.requests + share * requests)
    if (tokens !== null) one.tokens = Math.min(tokens, one.tokens + share * tokens)
    one.at = now
  }

  private makeRoom(now: number): void {
    if (this.buckets.size < this.next) return
    for (const [name, one] of this.buckets.entries()) {
      this.fill(one, now)
      const { requests, tokens } = one.limit
      if ((requests === null || one.requests >= requests) && (tokens === null || one.tokens >= tokens)) {
        this.buckets.delete(name)
      }
    }
    // Where none is full those go that came first: a flood of names takes no room without bound.
    const surplus = this.buckets.size - mostNames
    if (surplus > 0)
      for (const [name] of this.buckets.entries().slice(0, surplus + mostNames / 10)) this.buckets.delete(name)
    // Where many are left, the look is not made again for each name that comes.
    this.next = this.buckets.size + mostNames / 10
  }
}

/**
 * A time as OpenAI writes it in `x-ratelimit-reset-…`: `1s`, `6m0s`, `1h0m0s`; under a second in milliseconds (`20ms`).
 *
 * ```ts import.meta.vitest
 * import { resetText } from "#src/account/RateLimits"
 *
 * resetText(20) // => "20ms"
 * resetText(1_000) // => "1s"
 * resetText(360_000) // => "6m0s"
 * resetText(3_600_000) // => "1h0m0s"
 * ```
 */
export const resetText = (millis: number): string => {
  if (millis < 1000) return millis === 0 ? "0s" : `${Math.ceil(millis)}ms`
  const seconds = Math.ceil(millis / 1000)
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60), seconds % 60]
  return h > 0 ? `${h}h${m}m${s}s` : m > 0 ? `${m}m${s}s` : `${s}s`
}

const bucketHeaders = (what: string, state: BucketState | undefined): { readonly [name: string]: string } =>
  state === undefined
    ? {}
    : {
        [`x-ratelimit-limit-${what}`]: String(state.limit),
        [`x-ratelimit-remaining-${what}`]: String(state.remaining),
        [`x-ratelimit-reset-${what}`]: resetText(state.resetMillis)
      }

/** What an answer says of its limits. */
export const limitHeaders = ({ requests, tokens }: Taken): { readonly [name: string]: string } => ({
  ...bucketHeaders("requests", requests),
  ...bucketHeaders("tokens", tokens)
})
