/**
 * A setting as it is typed, and as the relay is told of it. Pure.
 */
import type { Setting } from "./Setting.ts"

/** A change that is not saved yet. */
export interface Change {
  readonly path: string
  readonly before: unknown
  readonly after: unknown
}

/** A value as it is typed: words without quotes, all else as JSON. */
export const typedOf = (value: unknown): string =>
  typeof value === "string" ? value : value === undefined ? "" : JSON.stringify(value)

/** What was typed. Words, durations and ranges are words; numbers, yes and no, lists and objects are what they look like. */
export const valueOfTyped = (text: string, like: unknown): unknown => {
  const trimmed = text.trim()
  // What was a text stays one, also when it looks like a number: `"401"` are statuses.
  if (typeof like === "string" && trimmed !== "null") return trimmed
  try {
    return JSON.parse(trimmed)
  } catch {
    return trimmed
  }
}

/** Whether two values are the same to a relay. */
export const isSame = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)

/** What was typed and is not what is there. */
export const changesOf = (
  settings: ReadonlyArray<Setting>,
  typed: ReadonlyMap<string, string>
): ReadonlyArray<Change> =>
  settings.flatMap(({ default: otherwise, isSecret, path, value }) => {
    const text = typed.get(path)
    // What is not shown is not emptied by a look at it.
    if (text === undefined || (isSecret && text.trim() === "")) return []
    const after = valueOfTyped(text, isSecret ? "" : (value ?? otherwise))
    return isSame(after, value) ? [] : [{ path, before: value, after }]
  })

/** The section that a setting is in: what stands before the first dot; of a channel, the channel. */
export const sectionOf = (path: string): string => /^channels\.[^.]+/.exec(path)?.[0] ?? path.split(".")[0] ?? path
