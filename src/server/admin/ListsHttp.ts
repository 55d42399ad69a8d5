/**
 * What all lists of the admin API share: how many, from where on, and where it goes on.
 */
import { Schema } from "effect"
import * as SchemaIssue from "effect/SchemaIssue"
import { integer, naturalFor } from "./Integers.ts"

/**
 * The query of what asks for none. A word that nobody knows is refused there too: `?grace=` of a rotation, or `?token=` of a
 * sum, that counts for nothing would pass for one that counts.
 */
export const noQuery = Schema.Struct({}).check(
  Schema.makeFilter((asked, ast) =>
    Object.keys(asked).map((name) => ({ path: [name], issue: new SchemaIssue.UnexpectedKey(ast, undefined) }))
  )
)

/** How many are asked for, 1 to 1,000. */
export const limit = Schema.optionalKey(integer.check(Schema.isBetween({ minimum: 1, maximum: 1000 })))

/** How many there are where nobody said it. */
export const defaultLimit = 100

const expected = "the `next` of another page"

/**
 * The `next` of the page before, as a list writes it. Any other text is refused as every field is: a list that began anew, or
 * ended, because of a garbled cursor would pass for a whole one.
 */
const cursorAs = (pattern: RegExp) =>
  Schema.optionalKey(
    Schema.String.annotate({ expected }).check(
      Schema.makeFilter((text) => pattern.test(text), {
        expected,
        toJsonSchema: () => ({ pattern: pattern.source })
      })
    )
  )

/** Of rows of the books that sort by their ids. */
export const afterId = cursorAs(/^[0-9a-f]{26}$/)

/** Of rows of the error log: their number, and their id. */
export const afterRow = cursorAs(/^\d{1,16}\.[\w.-]{1,80}$/)

/** Of tokens: where one is kept, and its name. */
export const afterToken = cursorAs(/^(file|books):./s)

/** Of streams: when one began, and its id. */
export const afterStream = cursorAs(/^\d{1,16}\.[\w-]{1,64}$/)

/** Of what has a name and an order of its own: the place that one had, and its name. */
export const afterName = cursorAs(/^\d{1,9}\../s)

/** Of a list that is made anew for each page: where in it the page begins. */
export const offset = Schema.optionalKey(naturalFor(expected))

/** The part of such a list that is asked for. */
export const pageIn = <A>(
  rows: ReadonlyArray<A>,
  { cursor = 0, limit = defaultLimit }: { readonly cursor?: number; readonly limit?: number }
): { readonly data: ReadonlyArray<A>; readonly next: string | null } => ({
  data: rows.slice(cursor, cursor + limit),
  next: cursor + limit < rows.length ? String(cursor + limit) : null
})

/**
 * The part of a list with names that is asked for. Where the one at which the page before ended is away, what stands in its
 * place follows.
 */
export const pageBehind = <A>(
  rows: ReadonlyArray<A>,
  nameOf: (row: A) => string,
  { cursor, limit }: { readonly cursor: string | undefined; readonly limit: number }
): { readonly data: ReadonlyArray<A>; readonly next: string | null } => {
  const dot = cursor?.indexOf(".") ?? -1
  const at = cursor === undefined ? -1 : rows.findIndex((row) => nameOf(row) === cursor.slice(dot + 1))
  const from = cursor === undefined ? 0 : at < 0 ? Number(cursor.slice(0, dot)) : at + 1
  const data = rows.slice(from, from + limit)
  const last = data.at(-1)
  return {
    data,
    next: last !== undefined && from + limit < rows.length ? `${from + limit - 1}.${nameOf(last)}` : null
  }
}

/** A page of a list, and the cursor of the one behind it; `null` at the end. */
export const pageOf = <S extends Schema.Top>(item: S) =>
  Schema.Struct({ data: Schema.Array(item), next: Schema.NullOr(Schema.String) })
