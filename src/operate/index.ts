// What other floors take.
export { Audit, type AuditPage, type AuditRow, type Change } from "./Audit.ts"
