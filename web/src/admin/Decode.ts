/**
 * What a relay says, read with care: a part that is missing or is something else is `undefined`, and nobody's page breaks
 * because a relay is older or newer than it.
 */

/** The fields of something. */
export type Fields = { readonly [name: string]: unknown }

/** The fields of a value; of what is no object, none. */
export const fieldsOf = (value: unknown): Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : {}

/** A text that says something. */
export const textOf = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? value : undefined

/** A number. */
export const numberOf = (value: unknown): number | undefined =>
  typeof value === "number" && Number.isFinite(value) ? value : undefined

/** A yes or a no; what is neither is `otherwise`. */
export const flagOf = (value: unknown, otherwise: boolean): boolean => (typeof value === "boolean" ? value : otherwise)

/** The items of a list; of what is none, none. */
export const listOf = <A>(value: unknown, of: (item: unknown) => A): ReadonlyArray<A> =>
  Array.isArray(value) ? value.map(of) : []

/** The texts of a list. */
export const textsOf = (value: unknown): ReadonlyArray<string> =>
  Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : []

/** A name or a number that something is known by. */
export const idOf = (value: unknown): string => (typeof value === "number" ? String(value) : (textOf(value) ?? ""))

/** A moment, in milliseconds since 1970; written as a date or as that number. */
export const momentOf = (value: unknown): number | undefined => {
  if (typeof value === "number") return numberOf(value)
  const at = typeof value === "string" ? Date.parse(value) : Number.NaN
  return Number.isNaN(at) ? undefined : at
}
