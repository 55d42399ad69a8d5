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
export const join = (parts: ReadonlyArray<Sql>, between: string): Sql => {
  const texts: Array<string> = [""]
  const params: Array<SqlValue> = []
  parts.forEach((part, index) => {
    texts[texts.length - 1] += (index === 0 ? "" : between) + (part.texts[0] ?? "")
    for (let at = 1; at < part.texts.length; at++) texts.push(part.texts[at] ?? "")
    for (const param of part.params) params.push(param)
  })
  return { _tag: "Sql", texts, params }
}

/** The text of a statement, with a database's own mark for each parameter, which are counted from 1. */
export const textOf = (statement: Sql, mark: (parameter: number) => string): string =>
  statement.texts.reduce((text, next, index) => text + mark(index) + next)
