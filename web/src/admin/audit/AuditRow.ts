/**
 * A row of the audit, as the page has it. Pure.
 */
import { fieldsOf, idOf, momentOf, textOf } from "../Decode.ts"

/** A row of `GET /admin/audit`. */
export interface AuditRow {
  readonly id: string
  readonly at: number | undefined
  readonly who: string
  readonly what: string
  readonly path: string
  readonly before: unknown
  readonly after: unknown
  readonly requestId: string | undefined
}

/** Reads one. */
export const auditRowOf = (value: unknown): AuditRow => {
  const row = fieldsOf(value)
  return {
    id: idOf(row["id"]),
    at: momentOf(row["at"]),
    who: idOf(row["who"]),
    what: idOf(row["what"]),
    path: idOf(row["path"]),
    before: row["before"],
    after: row["after"],
    requestId: textOf(row["request_id"])
  }
}
