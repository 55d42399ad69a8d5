// What other floors take.
export { Audit, type AuditPage, type AuditRow, type Change, type ChangedBy } from "./Audit.ts"
export { type AuditOptions, AuditSection } from "./AuditSection.ts"
export { type ErrorFilter } from "./ErrorFind.ts"
export { ErrorLog, type ErrorPage, type ErrorQuery } from "./ErrorLog.ts"
export { type ErrorLogOptions, ErrorLogSection } from "./ErrorLogSection.ts"
export { ErrorRow, type TrailStep } from "./ErrorRow.ts"
export { errorFields } from "./ErrorRows.ts"
export { type BooksOptions, BooksSection } from "./BooksSection.ts"
