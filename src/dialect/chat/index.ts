export { chatClient } from "./Client.ts"
export { parseChatRequest } from "./Request.ts"
