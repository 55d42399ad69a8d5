/**
 * The figures in an error's own message: what was the limit, what had passed, when to come again. They are for whoever
 * reads the log at night; a client reads the catalogue's message.
 */
import { isUnknownError } from "effect/Cause"
import { catalogue, type Code } from "./Catalogue.ts"

/**
 * Milliseconds, as people read them: `250 ms`, `1.5 s`, `30 s`.
 *
 * HOT: of whole numbers only, which print in a fifth of the time of broken ones.
 */
export const inSeconds = (millis: number): string => {
  if (millis < 1000) return `${Math.round(millis)} ms`
  const hundredths = Math.round(millis / 10)
  const seconds = Math.floor(hundredths / 100)
  const rest = hundredths % 100
  if (rest === 0) return `${seconds} s`
  return rest % 10 === 0 ? `${seconds}.${rest / 10} s` : `${seconds}.${rest < 10 ? "0" : ""}${rest} s`
}

/** Which target, if there is more than one. */
export const keyed = (key: string | undefined): string | undefined => (key === undefined ? undefined : `key "${key}"`)

/** When to come again, if that is known. */
export const hinted = (retryAfterMillis: number | undefined): string | undefined =>
  retryAfterMillis === undefined ? undefined : `again in ${inSeconds(retryAfterMillis)}`

/**
 * The catalogue's message with the figures that are there: `The target is resting after failures: again in 5 s.`
 *
 * HOT: a breaker that is open makes one for each call. A list that is filtered and joined costs 0.7 µs more.
 */
export const withFigures = (
  code: Code,
  first: string | undefined,
  second: string | undefined,
  third?: string
): string => {
  const { message } = catalogue[code]
  let figures = first
  if (second !== undefined) figures = figures === undefined ? second : `${figures}, ${second}`
  if (third !== undefined) figures = figures === undefined ? third : `${figures}, ${third}`
  return figures === undefined ? message : `${message.slice(0, -1)}: ${figures}.`
}

/** What an error says, whatever it is. One that was caught says it behind the words of who caught it. */
export const saidBy = (error: unknown): string => {
  if (typeof error !== "object" || error === null) return String(error)
  const said = ownWords(error)
  return isUnknownError(error) && error.cause !== undefined ? `${said}: ${saidBy(error.cause)}` : said
}

const ownWords = (error: object): string => {
  const { _tag, message, name } = error as { readonly [field: string]: unknown }
  for (const text of [message, _tag, name]) if (typeof text === "string" && text !== "") return text
  return "an error without a message"
}
