export * from "./Channel.ts"
export * from "./Selection.ts"
export * from "./Upstream.ts"
