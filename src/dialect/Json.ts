/**
 * JSON that others wrote: read without throwing, and looked at without believing it.
 */
import { parseExactly } from "./ExactNumbers.ts"

/** A JSON object. */
export interface JsonObject {
  [field: string]: unknown
}

const byteOrderMark = "\ufeff"

/** RFC 8259, 8.1: who reads JSON may overlook a mark before it. Few texts have one, so that it is looked for last. */
const parseMarked = (text: string): unknown => {
  try {
    return parseExactly(text.slice(byteOrderMark.length))
  } catch {
    return undefined
  }
}

/** Reads JSON, numbers to the digit (`printJson`). `undefined` is no JSON value, so it says that the text is none. */
export const parseJson = (text: string): unknown => {
  try {
    return parseExactly(text)
  } catch {
    return text.startsWith(byteOrderMark) ? parseMarked(text) : undefined
  }
}

/** Whether a JSON value is an object, and neither an array nor `null`. */
export const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** How deep a JSON value is nested: 0 for a plain one, 1 for `[]` and `{}`. Stops counting one level after `limit`. */
export const depthOf = (value: unknown, limit = Number.POSITIVE_INFINITY): number => {
  let level: Array<object> = typeof value === "object" && value !== null ? [value] : []
  let depth = 0
  while (level.length > 0 && depth <= limit) {
    depth += 1
    const next: Array<object> = []
    for (const node of level) {
      for (const child of Array.isArray(node) ? (node as ReadonlyArray<unknown>) : Object.values(node)) {
        if (typeof child === "object" && child !== null) next.push(child)
      }
    }
    level = next
  }
  return depth
}

/** How deep an event or an answer of an upstream may be nested: what is deeper than any answer cannot be written again. */
export const deepest = 256

/** Whether a value that was read from a text is nested deeper. Each level takes two signs, so that a short text cannot be. */
export const isTooDeep = (text: string, value: unknown): boolean =>
  text.length > 2 * deepest && depthOf(value, deepest) > deepest

/**
 * Merges `changes` into a copy of `base`, deeply: objects are merged, everything else is replaced, and `null` removes.
 * Neither argument is changed.
 */
export const mergeDeep = (base: Readonly<JsonObject>, changes: Readonly<JsonObject>): JsonObject => {
  const merged: JsonObject = { ...base }
  for (const [field, change] of Object.entries(changes)) {
    if (field === "__proto__") continue
    const old = merged[field]
    if (change === null) delete merged[field]
    else if (isObject(change)) merged[field] = mergeDeep(isObject(old) ? old : {}, change)
    else merged[field] = change
  }
  return merged
}
