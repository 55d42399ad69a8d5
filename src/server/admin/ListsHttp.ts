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

/** A page of a list, and the cursor of the one behind it; `null` at the end. */
export const pageOf = <S extends Schema.Top>(item: S) =>
  Schema.Struct({ data: Schema.Array(item), next: Schema.NullOr(Schema.String) })
