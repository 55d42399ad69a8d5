export * from "./FindTokenNode.ts"
export * from "./Tokens.ts"
export * from "./TokensSection.ts"
