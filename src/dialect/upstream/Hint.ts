/**
 * How long a failed answer asks to wait: by its headers, by its body, or in words.
 */
import { RetryHints } from "../../policy/index.ts"
import type { HttpAnswer } from "../Dialect.ts"
import type { BodySaid } from "./Body.ts"

/** The headers of the vendors, beside everybody's. */
const vendors: RetryHints.HeaderNames = {
  // Azure's.
  millis: [...RetryHints.standard.millis, "x-ms-retry-after-ms"],
  buckets: [
    ...RetryHints.standard.buckets,
    // OpenAI's, and of who does as it does.
    ...["requests", "tokens"].map((what) => RetryHints.bucket(`x-ratelimit-*-${what}`)),
    ...["requests", "tokens", "input-tokens", "output-tokens"].map((what) =>
      RetryHints.bucket(`anthropic-ratelimit-${what}-*`)
    )
  ]
}

const withoutResets: RetryHints.HeaderNames = { millis: vendors.millis, buckets: [] }

const inWords = /\b(?:try again|retry) (?:in|after) (?:(\d+(?:\.\d+)?) ?seconds?\b|((?:\d+(?:\.\d+)?(?:ms|h|m|s))+))/i

const spoken = (message: string | undefined): number | undefined => {
  const found = message === undefined ? null : inWords.exec(message)
  return found === null ? undefined : RetryHints.parseDuration(found[2] ?? `${found[1]}s`)
}

/**
 * The hint of a failed answer, in milliseconds from `now`. Headers and body: the later of the two; OpenAI's and Azure's
 * "try again in 20s" only where they are silent. Rate limit resets come with every answer: they count only where `refused`
 * says that a limit was the reason.
 */
export const hintOf = (
  headers: HttpAnswer["headers"],
  said: BodySaid,
  now: number,
  refused: boolean
): number | undefined => {
  return (
    RetryHints.later(
      RetryHints.fromHeaders(headers, now, refused ? vendors : withoutResets),
      RetryHints.fromBody(said.json)
    ) ?? (refused ? spoken(said.message) : undefined)
  )
}
