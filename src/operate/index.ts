export { Audit, type Change, type ChangedBy } from "./Audit.ts"
export { type BooksOptions, BooksSection } from "./BooksSection.ts"
