/**
 * What a target has refused is left out of the body that it is sent, by its path there.
 */
import { isObject, type JsonObject } from "../Json.ts"

/** A list without a field of each object in it. */
const withoutEach = (list: ReadonlyArray<unknown>, path: ReadonlyArray<string>): ReadonlyArray<unknown> => {
  const left = list.map((one) => (isObject(one) ? without(one, path) : one))
  return left.some((one, at) => one !== list[at]) ? left : list
}

/** A body without one of its fields. An object that was left with nothing in it goes too, but for one of a list. */
const without = (body: JsonObject, [field, ...rest]: ReadonlyArray<string>): JsonObject => {
  if (field?.endsWith("[]") === true) {
    const name = field.slice(0, -2)
    const list = body[name]
    const left = Array.isArray(list) ? withoutEach(list, rest) : list
    return left === list ? body : { ...body, [name]: left }
  }
  if (field === undefined || !(field in body)) return body
  const { [field]: value, ...others } = body
  if (rest.length === 0) return others
  if (!isObject(value)) return body
  const left = without(value, rest)
  if (left === value) return body
  return Object.keys(left).length === 0 ? others : { ...body, [field]: left }
}

/**
 * Leaves out what the target has refused, and tells of what a client had written.
 *
 * @param refused Paths in the body: `thinking`, `output.effort`, `tools[].strict` of each in a list.
 * @param told The client's path of such a one; `undefined` where no client had written it.
 */
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
