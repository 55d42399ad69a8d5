export * from "./SseEncoder.ts"
export * from "./SseParser.ts"
export * as SseStream from "./SseStream.ts"
