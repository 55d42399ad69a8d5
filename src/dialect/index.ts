export * from "./Answer.ts"
export * from "./Dialect.ts"
