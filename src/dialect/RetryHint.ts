/**
 * How long a failed answer asks to wait: by its headers, by its body, or in words.
 */
import { RetryHints } from "../policy/index.ts"
import type { HttpAnswer } from "./Dialect.ts"
import type { BodySaid } from "./UpstreamBody.ts"

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
  const asked = refused
    ? headers
    : {
        "retry-after-ms": headers["retry-after-ms"],
        "x-ms-retry-after-ms": headers["x-ms-retry-after-ms"],
        "retry-after": headers["retry-after"]
      }
  return (
    RetryHints.later(RetryHints.fromHeaders(asked, now), RetryHints.fromBody(said.json)) ??
    (refused ? spoken(said.message) : undefined)
  )
}
