export { assembleOpenAI } from "./Assembly.ts"
export { openai, openaiClient } from "./Dialect.ts"
export { type OpenAIErrorBody, openaiErrorBody, openaiErrorType } from "./Errors.ts"
export { parseOpenAIRequest } from "./Request.ts"
