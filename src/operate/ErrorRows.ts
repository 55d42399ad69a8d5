/**
 * How rows of the error log stand in the books: a column for each field, and a key that grows with time (`ErrorSlots`).
 * How they are found is another matter, in which the databases differ: `ErrorFind.ts`.
 */
import { Effect, Schema } from "effect"
import { BooksBroken, literally, makeInsert, type Row, type Sql, type SqlValue } from "../books/index.ts"
import { ErrorRow } from "./ErrorRow.ts"

/** The table of the rows. */
export const errorsTable = "relay_errors"

type Field = keyof ErrorRow

/** The column of each field: what is a word of SQL has another name. */
const columns: { readonly [F in Field]: readonly [name: string, type: "TEXT" | "BIGINT"] } = {
  id: ["id", "TEXT"],
  at: ["at", "BIGINT"],
  kind: ["kind", "TEXT"],
  request_id: ["request_id", "TEXT"],
  stream_id: ["stream_id", "TEXT"],
  trace_id: ["trace_id", "TEXT"],
  token: ["token", "TEXT"],
  group: ["token_group", "TEXT"],
  model: ["model", "TEXT"],
  channel: ["channel", "TEXT"],
  channel_model: ["channel_model", "TEXT"],
  key: ["key_index", "BIGINT"],
  attempt: ["attempt", "BIGINT"],
  stream: ["streamed", "BIGINT"],
  class: ["class", "TEXT"],
  code: ["code", "TEXT"],
  error_type: ["error_type", "TEXT"],
  status_code: ["status_code", "BIGINT"],
  upstream_status: ["upstream_status", "BIGINT"],
  upstream_code: ["upstream_code", "TEXT"],
  upstream_request_id: ["upstream_request_id", "TEXT"],
  message: ["message", "TEXT"],
  retry_after_ms: ["retry_after_ms", "BIGINT"],
  first_content_ms: ["first_content_ms", "BIGINT"],
  duration_ms: ["duration_ms", "BIGINT"],
  input_tokens: ["input_tokens", "BIGINT"],
  output_tokens: ["output_tokens", "BIGINT"],
  credits: ["credits", "BIGINT"],
  seam: ["seam", "TEXT"],
  continuation: ["continuation", "TEXT"],
  ip: ["ip", "TEXT"],
  trail: ["trail", "TEXT"]
}

/** The fields, in the order in which they are shown. */
export const errorFields = Object.keys(columns) as ReadonlyArray<Field>

/** The name of a field's column. */
export const columnOf = (field: Field): Sql => literally(columns[field][0])

/** The columns as a table declares them, without its key. */
export const declaredColumns = errorFields.map((field) => columns[field].join(" ")).join(",\n")

/** A row, and where it stands. */
export interface PlacedRow {
  readonly seq: number
  readonly row: ErrorRow
}

const written = (value: ErrorRow[Field]): SqlValue =>
  value === undefined || value === null
    ? null
    : typeof value === "boolean"
      ? Number(value)
      : typeof value === "object"
        ? JSON.stringify(value)
        : value

const names = ["seq", ...errorFields.map((field) => columns[field][0])].join(", ")

const insert = makeInsert(
  `INSERT INTO ${errorsTable} (${names}) VALUES`,
  errorFields.length + 1,
  " ON CONFLICT DO NOTHING RETURNING id"
)

/** Adds rows; gives the ids of those that were not there. */
export const insertRows = (rows: ReadonlyArray<PlacedRow>): Sql => {
  const params: Array<SqlValue> = []
  for (const { row, seq } of rows) {
    params.push(seq)
    for (const field of errorFields) params.push(written(row[field]))
  }
  return insert(params)
}

const Columns = Schema.Struct({
  ...ErrorRow.fields,
  stream: Schema.NullOr(Schema.Literals([0, 1])),
  trail: Schema.optionalKey(Schema.fromJsonString(ErrorRow.fields.trail.schema))
})
const decode = Schema.decodeUnknownEffect(Columns)
const optional: ReadonlySet<Field> = new Set(["trace_id", "seam", "continuation", "ip", "trail"])

/** Reads a row; of one that is not as it was written it says so, and shows nothing of it. */
export const readRow = (row: Row): Effect.Effect<PlacedRow, BooksBroken> => {
  const found: { [field: string]: unknown } = {}
  for (const field of errorFields) {
    const value = row[columns[field][0]] ?? null
    if (value !== null || !optional.has(field)) found[field] = value
  }
  return decode(found).pipe(
    Effect.mapBoth({
      onFailure: () =>
        new BooksBroken({ message: `the error ${JSON.stringify(row["id"])} in the books cannot be read` }),
      onSuccess: ({ stream, ...read }) => ({
        seq: Number(row["seq"]),
        row: { ...read, stream: stream === null ? null : stream === 1 }
      })
    })
  )
}
