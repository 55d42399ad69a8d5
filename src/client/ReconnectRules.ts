/**
 * How often and after how long a client comes back: the numbers of the reconnect machine, with their defaults, and the
 * waits that follow from them.
 */

/** What is random of a wait `d`: nothing, all of it (`[0, d]`), or its later half (`[d/2, d]`). */
export type Jitter = "none" | "full" | "equal"

/** The numbers, all optional. Times are milliseconds. */
export interface ReconnectOptions {
  /** How often in a row it comes back without having read anything new. Default 5, so that 6 requests are made. */
  readonly maxRetries?: number | undefined
  /** The first wait. Default 1,000. A `retry:` of the stream takes its place. */
  readonly initialDelay?: number | undefined
  /** The longest wait that is not a hint. Default 30,000. */
  readonly maxDelay?: number | undefined
  /** What each wait is multiplied by for the next one. Default 2. */
  readonly backoffMultiplier?: number | undefined
  /** Default `"equal"`. */
  readonly jitter?: Jitter | undefined
  /** The longest hint (`retry-after`, `retry_after`) that is waited for. One over it is fatal. Default 120,000. */
  readonly maxHint?: number | undefined
}

/** The numbers, and what is random. */
export interface ReconnectRules extends ReconnectOptions {
  /** Gives [0, 1). Default: `Math.random`. */
  readonly random?: (() => number) | undefined
}

/** The wait before retry `attempt`, counted from 1, when the first one is `first`: whole milliseconds. */
export const backoffMillis = (
  { backoffMultiplier = 2, jitter, maxDelay = 30_000, random = Math.random }: ReconnectRules,
  first: number,
  attempt: number
): number => {
  const delay = Math.min(first * backoffMultiplier ** (attempt - 1), maxDelay)
  const free = jitter === "none" ? 0 : jitter === "full" ? 1 : 0.5
  // No wait is none, however often it is doubled: nothing times infinity is no number.
  return delay > 0 ? Math.round(delay * (1 - free * (1 - random()))) : 0
}

/**
 * What an answer's headers ask to wait, in milliseconds: `retry-after-ms`, else `retry-after` in seconds or as a date, of
 * which the past counts as now. What is neither counts as none.
 */
export const hintMillis = (
  header: (name: string) => string | null | undefined,
  nowMillis: () => number
): number | undefined => {
  for (const [name, unit] of [
    ["retry-after-ms", 1],
    ["retry-after", 1_000]
  ] as const) {
    const value = header(name)?.trim() ?? ""
    if (/^\d+(\.\d+)?$/.test(value)) return Number(value) * unit
    // `Date.parse` takes "-5" for a year.
    if (unit > 1 && /[a-z]/i.test(value) && Date.parse(value) >= 0) return Math.max(0, Date.parse(value) - nowMillis())
  }
  return undefined
}
