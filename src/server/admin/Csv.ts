/**
 * Tables as CSV (RFC 4180), for spreadsheets.
 */

/** What a cell may be. */
export type Cell = string | number | boolean | null

/**
 * A cell as text. What a spreadsheet would take for a formula gets an apostrophe before it: a name or a reason is somebody
 * else's text.
 */
const cell = (value: Cell): string => {
  if (typeof value !== "string") return value === null ? "" : String(value)
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/**
 * Rows under the names of their columns.
 *
 * ```ts import.meta.vitest
 * import { csvOf } from "#src/server/admin/Csv"
 *
 * csvOf(["token", "credits"], [{ token: 'al"ice', credits: 5 }]) // => 'token,credits\r\n"al""ice",5\r\n'
 * ```
 */
export const csvOf = <K extends string>(
  columns: ReadonlyArray<K>,
  rows: ReadonlyArray<{ readonly [C in K]: Cell }>
): string =>
  [columns.join(","), ...rows.map((row) => columns.map((column) => cell(row[column])).join(","))]
    .map((line) => `${line}\r\n`)
    .join("")
