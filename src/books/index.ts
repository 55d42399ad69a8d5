export * from "./Books.ts"
export * from "./BooksErrors.ts"
export * from "./Engine.ts"
export * from "./Sql.ts"
