/**
 * Statements that every database of the books understands, as plain values.
 *
 * A value in a template is always a parameter, never text, so nothing can be injected; a statement in a template is a
 * part of it. What may be written is what SQLite and PostgreSQL share:
 *
 * - types `TEXT`, `BIGINT` (also for times, in epoch milliseconds, and for yes and no, as 1 and 0) and
 *   `DOUBLE PRECISION`; JSON as `TEXT`; an integer is read as a number, and must be a safe one;
 * - `ON CONFLICT … DO NOTHING | DO UPDATE`, `RETURNING`, partial and unique indexes, row values, CTEs that only read;
 * - a sum is `CAST(sum(x) AS BIGINT)`: PostgreSQL's own sum of integers is a decimal;
 * - a parameter that stands where nothing says its type is cast: `CAST(${x} AS BIGINT)`;
 * - inside a transaction a statement that failed has spoiled it (PostgreSQL's rule): ask with `ON CONFLICT`, or nest a
 *   transaction around what may fail.
 *
 * What differs is named in `Engine.ts`.
 */

/** What a parameter or a column may be. */
export type SqlValue = string | number | null

/** A row: its columns by name. */
export interface Row {
  readonly [column: string]: SqlValue
}

/** A statement, or a part of one: its parameters stand between the texts. */
export interface Sql {
  readonly _tag: "Sql"
  /** One more than there are parameters. */
  readonly texts: ReadonlyArray<string>
  readonly params: ReadonlyArray<SqlValue>
}

/**
 * Writes a statement.
 *
 * ```ts
 * const active = sql`enabled = ${1}`
 * sql`SELECT name FROM relay_tokens WHERE ${active} AND token_group = ${group}`
 * ```
 */
export const sql = (strings: TemplateStringsArray, ...parts: ReadonlyArray<SqlValue | Sql>): Sql => {
  const texts: Array<string> = [strings[0] ?? ""]
  const params: Array<SqlValue> = []
  parts.forEach((part, index) => {
    const after = strings[index + 1] ?? ""
    if (typeof part === "object" && part !== null) {
      texts[texts.length - 1] += part.texts[0] ?? ""
      texts.push(...part.texts.slice(1))
      params.push(...part.params)
      texts[texts.length - 1] += after
    } else {
      params.push(part)
      texts.push(after)
    }
  })
  return { _tag: "Sql", texts, params }
}

/** Text that stands in a statement as it is: a script, or the name of a column. Never what a user has said. */
export const literally = (text: string): Sql => ({ _tag: "Sql", texts: [text], params: [] })

/** Parts one after the other, with a text between them. */
export const join = (parts: ReadonlyArray<Sql>, between: string): Sql =>
  parts.reduce(
    (joined, part, index) => (index === 0 ? part : sql`${joined}${literally(between)}${part}`),
    literally("")
  )

/**
 * A statement of so many parameters, with the same text between any two: HOT, its texts are made once for each number. Put
 * together of parts by `join`, a statement of 64 rows would copy its parameters for each of them.
 *
 * @param before - The text before the first parameter.
 * @param between - What stands before a parameter; it is given how many stand before that.
 * @param after - The text behind the last one.
 */
export const makeRepeated = (
  before: string,
  between: (parameter: number) => string,
  after: string
): ((params: ReadonlyArray<SqlValue>) => Sql) => {
  const known = new Map<number, ReadonlyArray<string>>()
  const textsFor = (count: number): ReadonlyArray<string> => {
    const made = known.get(count) ?? [
      before,
      ...Array.from({ length: count - 1 }, (_, index) => between(index + 1)),
      after
    ]
    known.set(count, made)
    return made
  }
  return (params) => ({ _tag: "Sql", texts: textsFor(params.length), params })
}

/** Adds rows of so many columns: `before` ends with `VALUES`, `after` begins behind the last row. */
export const makeInsert = (before: string, columns: number, after = ""): ((params: ReadonlyArray<SqlValue>) => Sql) =>
  makeRepeated(`${before} (`, (at) => (at % columns === 0 ? "), (" : ", "), `)${after}`)

/**
 * A list as pieces of 1, 2, 4, 8, … members, the longest first: so that what is prepared for a number of rows is found
 * again, and not made anew for each number that there may be. None is longer than `most`, a power of two.
 */
export const piecesOf = <A>(list: ReadonlyArray<A>, most: number): ReadonlyArray<ReadonlyArray<A>> => {
  const pieces: Array<ReadonlyArray<A>> = []
  for (let from = 0, length = most; from < list.length; ) {
    if (length <= list.length - from) {
      pieces.push(list.slice(from, from + length))
      from += length
    } else length /= 2
  }
  return pieces
}

/** The text of a statement, with a database's own mark for each parameter, which are counted from 1. */
export const textOf = (statement: Sql, mark: (parameter: number) => string): string =>
  statement.texts.reduce((text, next, index) => text + mark(index) + next)
