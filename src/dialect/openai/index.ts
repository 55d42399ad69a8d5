export { assembleOpenAI } from "./Assembly.ts"
export { openai, openaiClient } from "./Dialect.ts"
export { embeddings, embeddingTokens } from "./Embeddings.ts"
export { parseOpenAIRequest } from "./Request.ts"
