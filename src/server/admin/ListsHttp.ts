/**
 * What all lists of the admin API share: how many, from where on, and where it goes on.
 */
import { Schema } from "effect"

/** How many are asked for, 1 to 1,000. */
export const limit = Schema.optionalKey(
  Schema.NumberFromString.check(Schema.isInt(), Schema.isBetween({ minimum: 1, maximum: 1000 }))
)

/** How many there are where nobody said it. */
export const defaultLimit = 100

/** The `next` of the page before. */
export const cursor = Schema.optionalKey(Schema.NonEmptyString)

/** The `next` of the page before, where a list is made anew for each page: where in it that began. */
export const offset = Schema.optionalKey(
  Schema.NumberFromString.check(Schema.isInt(), Schema.isBetween({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }))
)

/** The part of such a list that is asked for. */
export const pageIn = <A>(
  rows: ReadonlyArray<A>,
  { cursor = 0, limit = defaultLimit }: { readonly cursor?: number; readonly limit?: number }
): { readonly data: ReadonlyArray<A>; readonly next: string | null } => ({
  data: rows.slice(cursor, cursor + limit),
  next: cursor + limit < rows.length ? String(cursor + limit) : null
})

/** A page of a list, and the cursor of the one behind it; `null` at the end. */
export const pageOf = <S extends Schema.Top>(item: S) =>
  Schema.Struct({ data: Schema.Array(item), next: Schema.NullOr(Schema.String) })
