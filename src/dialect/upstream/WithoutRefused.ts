/**
 * What a target has refused is left out of the body that it is sent, by its path there.
 */
import { isObject, type JsonObject } from "../Json.ts"

/** A body without one of its fields. An object that was left with nothing in it goes too. */
const without = (body: JsonObject, [field, ...rest]: ReadonlyArray<string>): JsonObject => {
  if (field === undefined || !(field in body)) return body
  const { [field]: value, ...others } = body
  if (rest.length === 0) return others
  if (!isObject(value)) return body
  const left = without(value, rest)
  if (left === value) return body
  return Object.keys(left).length === 0 ? others : { ...body, [field]: left }
}

/** Leaves out what the target has refused, and tells of what a client had written. */
export const withoutRefused = (
  body: JsonObject,
  refused: ReadonlySet<string>,
  told: (path: string) => string | undefined
): { readonly body: JsonObject; readonly dropped: ReadonlyArray<string> } => {
  let left = body
  const dropped: Array<string> = []
  for (const path of refused) {
    const smaller = without(left, path.split("."))
    const written = smaller === left ? undefined : told(path)
    if (written !== undefined) dropped.push(written)
    left = smaller
  }
  return { body: left, dropped }
}
