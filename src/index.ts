export * from "./exports/errors.ts"
