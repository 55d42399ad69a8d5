/**
 * Lines of the log, written straight from their fields.
 *
 * HOT: a request has three lines of some ten fields, and nearly all of these are words, ids and numbers under names that
 * never change. So the beginning of a line and of each field are remembered, and a plain word is quoted as it is: half of
 * what it takes to redact a copy of the fields and to give that to `JSON.stringify`. What is not plain goes that way, field
 * by field or line by line, and the text is the same.
 */
import { excerpt, isPlainName, isPlainWord, isSecretName, type RedactOptions, redactValue } from "../errors/index.ts"
import type { EventFields, EventLevel, LoggedEvent } from "./EventLog.ts"

/** The longest text of a field, and the longest line, in UTF-16 units: a log is read by people. */
export const longestText = 4096
const longestLine = 16_384

/** The edge to values and sinks that are not ours: a getter or a closed pipe may throw, and nobody could be told of it. */
export const quietly = <A>(run: () => A): A | undefined => {
  try {
    return run()
  } catch {
    return undefined
  }
}

/** The fields that are known, redacted. */
export const redacted = (fields: EventFields, options: RedactOptions): EventFields =>
  quietly(() => {
    // HOT: what is taken out of an object makes it a slow one, so what is not known is not put in.
    const known: { [field: string]: unknown } = {}
    for (const field of Object.keys(fields)) if (fields[field] !== undefined) known[field] = fields[field]
    return redactValue(known, options) as EventFields
  }) ?? {}

/** An event as one line of JSON: `timestamp`, `level`, `event`, then its fields. A field cannot stand in for those three. */
export const lineOf = ({ event, fields, level, timestamp }: LoggedEvent): string => {
  const own = { timestamp, level, event }
  const whole = printed({ ...own, ...fields, ...own })
  return whole.length <= longestLine ? whole : printed({ ...own, ...shortened(fields), ...own })
}

/** Each field by its beginning, whatever it holds. */
const shortened = (fields: EventFields): EventFields =>
  Object.fromEntries(
    Object.entries(fields)
      .slice(0, 32)
      .map(([name, value]) => [
        excerpt(name, 64),
        typeof value === "string" || (typeof value === "object" && value !== null)
          ? excerpt(typeof value === "string" ? value : printed(value), 256)
          : value
      ])
  )

// A replacer makes a line four times as dear, and only a bigint needs it: without one `stringify` throws.
const printed = (value: unknown): string =>
  quietly(() => JSON.stringify(value)) ??
  JSON.stringify(value, (_, inner: unknown) => (typeof inner === "bigint" ? String(inner) : inner))

/** A field's name as it stands in a line, before its value. */
interface Beginning {
  readonly text: string
  readonly secret: boolean
}

/** Names that mean something else in an object, or at the beginning of a line. */
const taken = new Set(["timestamp", "level", "event", "__proto__"])

/** `undefined`: such a field is not written from its name and value alone. */
const beginningOf = (name: string): Beginning | undefined =>
  !isPlainName(name) || taken.has(name) ? undefined : { text: `,"${name}":`, secret: isSecretName(name) }

/** Names are ours, and few; a program that makes them up pays for each anew. */
const mostRemembered = 1_000

const remembered = <A>(make: (text: string) => A): ((text: string) => A) => {
  const known = new Map<string, A>()
  return (text) => {
    const found = known.get(text)
    if (found !== undefined || known.has(text)) return found as A
    const made = make(text)
    if (known.size < mostRemembered && text.length <= 64) known.set(text, made)
    return made
  }
}

/** The depth of a field's value in the fields, of which the default of `redactValue` is one more. */
const depthOfValue = 7

/** Writes lines of what is emitted, redacted: what `lineOf` gives of the `redacted` fields. */
export const makeLineWriter = (options: {
  readonly mask: (text: string) => string
  readonly maxText: number
}): ((timestamp: string, level: EventLevel, event: string, fields: EventFields) => string) => {
  const beginning = remembered(beginningOf)
  const kinds: { readonly [L in EventLevel]: (event: string) => string } = {
    debug: remembered((event) => `","level":"debug","event":${JSON.stringify(event)}`),
    info: remembered((event) => `","level":"info","event":${JSON.stringify(event)}`),
    warning: remembered((event) => `","level":"warning","event":${JSON.stringify(event)}`),
    error: remembered((event) => `","level":"error","event":${JSON.stringify(event)}`),
    fatal: remembered((event) => `","level":"fatal","event":${JSON.stringify(event)}`)
  }
  const inside: RedactOptions = { ...options, maxDepth: depthOfValue }

  const valueText = (value: unknown): string => {
    switch (typeof value) {
      case "string":
        return isPlainWord(value, options.mask) ? `"${value}"` : JSON.stringify(redactValue(value, inside))
      case "number":
        return Number.isFinite(value) ? String(value) : "null"
      case "boolean":
        return value ? "true" : "false"
      default:
        return value === null ? "null" : printed(redactValue(value, inside))
    }
  }

  /** `undefined`: some name is to be looked at, and the line is put together as an object. */
  const fieldsText = (fields: EventFields): string | undefined => {
    let text = ""
    for (const name of Object.keys(fields)) {
      const value = fields[name]
      if (value === undefined) continue
      const known = beginning(name)
      if (known === undefined) return undefined
      text += known.text + (known.secret && value !== null ? '"<redacted>"' : valueText(value))
    }
    return text
  }

  return (timestamp, level, event, fields) => {
    const text = quietly(() => fieldsText(fields))
    if (text !== undefined) {
      const line = `{"timestamp":"${timestamp}${kinds[level](event)}${text}}`
      if (line.length <= longestLine) return line
    }
    return lineOf({ timestamp, level, event, fields: redacted(fields, options) })
  }
}
