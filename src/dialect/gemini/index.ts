export { gemini, geminiClient } from "./Dialect.ts"
export { type GeminiErrorBody, geminiErrorBody, geminiErrorStatus } from "./Errors.ts"
export { geminiMethods, type GeminiMethod, readMethod } from "./Method.ts"
export { parseGeminiRequest } from "./Request.ts"
