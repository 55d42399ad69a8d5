/**
 * The figures in an error's own message: what was the limit, what had passed, when to come again. They are for whoever
 * reads the log at night; a client reads the catalogue's message.
 */
import { catalogue, type Code } from "./Catalogue.ts"

/** Milliseconds, as people read them: `250 ms`, `1.5 s`, `30 s`. */
export const inSeconds = (millis: number): string =>
  millis < 1000 ? `${Math.round(millis)} ms` : `${Math.round(millis / 10) / 100} s`

/** Which target, if there is more than one. */
export const keyed = (key: string | undefined): string | undefined =>
  key === undefined ? undefined : `key ${JSON.stringify(key)}`

/** When to come again, if that is known. */
export const hinted = (retryAfterMillis: number | undefined): string | undefined =>
  retryAfterMillis === undefined ? undefined : `again in ${inSeconds(retryAfterMillis)}`

/** The catalogue's message with the figures that are there: `The target is resting after failures: again in 5 s.` */
export const withFigures = (code: Code, figures: ReadonlyArray<string | undefined>): string => {
  const { message } = catalogue[code]
  const known = figures.filter((figure) => figure !== undefined)
  return known.length === 0 ? message : `${message.slice(0, -1)}: ${known.join(", ")}.`
}

/** What an error says, whatever it is. */
export const saidBy = (error: unknown): string => {
  if (typeof error !== "object" || error === null) return String(error)
  const { _tag, message, name } = error as { readonly [field: string]: unknown }
  for (const text of [message, _tag, name]) if (typeof text === "string" && text !== "") return text
  return "an error without a message"
}
