/**
 * Claude Code's kind of requests, by Anthropic's SDK as it has it: betas, a system prompt in blocks with marks of what is to
 * be cached, such a mark on the last block of the user's, thinking that is kept, tokens counted.
 */
import Anthropic from "@anthropic-ai/sdk"
import type { BetaContentBlock, BetaContentBlockParam, BetaTool } from "@anthropic-ai/sdk/resources/beta/messages"
import { headersOf } from "../question.ts"
import { longPrompt, type Program, type Session, sessionId, type Told, tools } from "./program.ts"

const cached = { cache_control: { type: "ephemeral" } } as const

const betas = [
  "claude-code-20250219",
  "interleaved-thinking-2025-05-14",
  "context-management-2025-06-27",
  "prompt-caching-scope-2026-01-05",
  "effort-2025-11-24"
]

const system = [
  { type: "text", text: "x-anthropic-billing-header: cc_version=2.1.280.b43; cc_entrypoint=cli; cch=00000;" },
  { type: "text", text: "You write code in a terminal.", ...cached },
  { type: "text", text: longPrompt, ...cached }
] as const

const declared: Array<BetaTool> = tools.map(({ description, name, schema }) => ({
  name,
  description,
  input_schema: { ...schema, type: "object" }
}))

interface Message {
  readonly role: "user" | "assistant"
  readonly content: Array<BetaContentBlockParam>
}

/** The last block of the conversation is marked, and no other. */
const marked = (messages: ReadonlyArray<Message>): Array<Message> =>
  messages.map(({ content, role }, i) => {
    if (i < messages.length - 1) return { role, content }
    return { role, content: [...content.slice(0, -1), { ...content.at(-1)!, ...cached } as BetaContentBlockParam] }
  })

const open = (url: string): Session => {
  let seen: Told["headers"] = {}
  const client = new Anthropic({
    baseURL: url,
    apiKey: "key-of-client",
    maxRetries: 0,
    defaultQuery: { beta: "true" },
    defaultHeaders: {
      "user-agent": "claude-cli/2.1.280 (external, cli)",
      "x-app": "cli",
      "anthropic-dangerous-direct-browser-access": "true"
    },
    fetch: async (...request) => {
      const response = await fetch(...request)
      seen = headersOf(response.headers)
      return response
    }
  })
  const messages: Array<Message> = []
  const asked = { model: "claude-sonnet-4-6", system: [...system], tools: declared, betas }

  const ask = async (content: Array<BetaContentBlockParam>): Promise<Told> => {
    messages.push({ role: "user", content })
    const stream = client.beta.messages.stream({
      ...asked,
      messages: marked(messages),
      max_tokens: 32_000,
      thinking: { type: "adaptive" },
      output_config: { effort: "medium" },
      context_management: { edits: [{ type: "clear_thinking_20251015", keep: "all" }] },
      metadata: { user_id: JSON.stringify({ device_id: "d41d8cd98f00b204", session_id: sessionId }) }
    })
    const message = await stream.finalMessage()
    messages.push({ role: "assistant", content: message.content as Array<BetaContentBlockParam> })
    return { ...read(message.content), headers: seen }
  }

  const read = (content: ReadonlyArray<BetaContentBlock>): Omit<Told, "headers"> => ({
    text: content.map((block) => (block.type === "text" ? block.text : "")).join(""),
    calls: content.flatMap((block) =>
      block.type === "tool_use" ? [{ id: block.id, name: block.name, input: block.input }] : []
    )
  })

  return {
    say: (text) =>
      ask([
        { type: "text", text: "<system-reminder>\nToday's date is 2026-11-27.\n</system-reminder>" },
        { type: "text", text }
      ]),
    give: (results) =>
      ask([
        ...results.map(({ call, output }) => ({
          type: "tool_result" as const,
          tool_use_id: call.id,
          content: [{ type: "text" as const, text: output }]
        })),
        { type: "text", text: "<system-reminder>\nThe task list is empty.\n</system-reminder>" }
      ]),
    count: async () => (await client.beta.messages.countTokens({ ...asked, messages })).input_tokens
  }
}

/** Claude Code. */
export const claudeCode: Program = {
  name: "Claude Code",
  dialect: "anthropic",
  open,
  unsaid: ["context_management"]
}
