export type * from "./Reply.ts"
export * as SqliteNode from "./SqliteNode.ts"
