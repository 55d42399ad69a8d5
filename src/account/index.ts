export * from "./Tokens.ts"
