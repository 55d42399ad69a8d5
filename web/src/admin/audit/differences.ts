/**
 * What differs between two values, field by field. Pure.
 */

/** One field that differs; `""` where the values have no fields. */
export interface Difference {
  readonly path: string
  readonly before: unknown
  readonly after: unknown
}

const isObject = (value: unknown): value is { readonly [name: string]: unknown } =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** All that differs, in the order of the fields. */
export const differences = (before: unknown, after: unknown, path = "value"): ReadonlyArray<Difference> => {
  if (isObject(before) || isObject(after)) {
    const was = isObject(before) ? before : {}
    const is = isObject(after) ? after : {}
    const names = [...new Set([...Object.keys(was), ...Object.keys(is)])]
    if (names.length > 0) {
      return names.flatMap((name) => differences(was[name], is[name], path === "value" ? name : `${path}.${name}`))
    }
  }
  return JSON.stringify(before ?? null) === JSON.stringify(after ?? null) ? [] : [{ path, before, after }]
}
