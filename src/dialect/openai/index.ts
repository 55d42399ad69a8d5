export { assembleOpenAI } from "./Assembly.ts"
export { openai, openaiClient } from "./Dialect.ts"
export { parseOpenAIRequest } from "./Request.ts"
export { withoutFinish } from "./WithoutFinish.ts"
