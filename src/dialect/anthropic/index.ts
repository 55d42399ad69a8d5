export { anthropic, anthropicClient } from "./Dialect.ts"
export { type AnthropicErrorBody, anthropicErrorBody, anthropicErrorType } from "./Errors.ts"
export { countTokens, parseAnthropicRequest } from "./Request.ts"
