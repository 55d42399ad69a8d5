/**
 * Whose fault an HTTP status is, of a dependency that is called over plain HTTP. (What an upstream of the relay answers is
 * read more finely, by its body too: `dialect`.)
 */
import type { Blame } from "./Blame.ts"

const byStatus: { readonly [status: number]: Blame } = {
  401: "credential",
  402: "quota",
  403: "credential",
  408: "timeout",
  // Too early: the same request may be sent again.
  425: "rate",
  429: "rate",
  451: "content",
  504: "timeout",
  // Cloudflare's own time-out.
  524: "timeout"
}

/**
 * Whose fault a failed answer is. 401 and 403 are the credential's, 402 its quota's, 429 and 425 say too fast, 408, 504
 * and 524 too late, 451 is for what was said; every other 4xx is the caller's, and everything else the upstream's.
 *
 * ```ts import.meta.vitest
 * import { blameOfStatus } from "effect-resilience/errors"
 *
 * blameOfStatus(404) // => "caller"
 * blameOfStatus(429) // => "rate"
 * blameOfStatus(503) // => "upstream"
 * ```
 */
export const blameOfStatus = (status: number): Blame =>
  byStatus[status] ?? (status >= 400 && status < 500 ? "caller" : "upstream")
