export * from "./FindTokenNode.ts"
export * from "./Tokens.ts"
