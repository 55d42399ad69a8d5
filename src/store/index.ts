export type * from "./Answer.ts"
export * as SqliteNode from "./SqliteNode.ts"
