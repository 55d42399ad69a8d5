/**
 * What `/v1/messages` and `/v1/messages/count_tokens` are asked. Checked is what the relay reads, and what Anthropic
 * itself takes in no other form; the rest is the upstream's to judge, and unknown fields pass.
 */
import { Result } from "effect"
import type { BadRequestBody, InvalidRequest } from "../../errors/index.ts"
import { isObject, type JsonObject } from "../Json.ts"
import { type AnswerRequest, type Asking, lazily, measure } from "../Request.ts"
import {
  checked,
  checkField,
  checkModelName,
  checkName,
  checkOptionalFields,
  type Complain,
  type Kind,
  makeComplaints,
  readObject
} from "../RequestCheck.ts"
import { askedOfAnthropic } from "./Asked.ts"
import { checkThread } from "./Thread.ts"
import { messageTokens } from "./TokenEstimate.ts"

/** What `Asking.parameter` is on the route that counts tokens; it is empty on the one that answers. */
export const countTokens = "count_tokens"

const optional: { readonly [field: string]: Kind } = {
  system: "textOrArray",
  stream: "boolean",
  temperature: "number",
  top_p: "number",
  top_k: "integer",
  stop_sequences: "array",
  tools: "array",
  tool_choice: "object",
  thinking: "object",
  output_config: "object",
  metadata: "object",
  service_tier: "string"
}

/** The fields without which a block is none, by its type. A type that is not here is the upstream's to judge. */
const blockFields: { readonly [type: string]: { readonly [field: string]: Kind } } = {
  text: { text: "string" },
  image: { source: "object" },
  document: { source: "object" },
  thinking: { thinking: "string", signature: "string" },
  redacted_thinking: { data: "string" },
  tool_use: { id: "string", name: "string", input: "object" },
  tool_result: { tool_use_id: "string" }
}

const checkBlock = (block: unknown, path: string, complain: Complain): void => {
  if (!checkField(block, path, "object", complain) || !isObject(block)) return
  if (!checkField(block["type"], `${path}.type`, "string", complain)) return
  const type = block["type"] as string
  for (const [field, kind] of Object.entries(Object.hasOwn(blockFields, type) ? blockFields[type]! : {})) {
    checkField(block[field], `${path}.${field}`, kind, complain)
  }
  if (type === "tool_use") checkName(block["name"], `${path}.name`, complain)
  if (type !== "tool_result") return
  const { content } = block
  if (content !== undefined && content !== null) checkContent(content, `${path}.content`, complain)
}

const checkContent = (content: unknown, path: string, complain: Complain): void => {
  if (!checkField(content, path, "textOrArray", complain) || !Array.isArray(content)) return
  for (const [i, block] of (content as ReadonlyArray<unknown>).entries()) checkBlock(block, `${path}[${i}]`, complain)
}

const roles: ReadonlySet<unknown> = new Set(["user", "assistant", "system"])

const checkMessages = (messages: unknown, complain: Complain): void => {
  if (!checkField(messages, "messages", "array", complain)) return
  const list = messages as ReadonlyArray<unknown>
  if (list.length === 0) complain("messages", "must not be empty", "too_short")
  for (const [i, message] of list.entries()) {
    const path = `messages[${i}]`
    if (!checkField(message, path, "object", complain) || !isObject(message)) continue
    const { content, role } = message
    if (checkField(role, `${path}.role`, "string", complain) && !roles.has(role)) {
      complain(`${path}.role`, "expected user, assistant or system", "invalid_value")
    }
    checkContent(content, `${path}.content`, complain)
  }
}

const checkTools = (tools: unknown, complain: Complain): void => {
  for (const [i, tool] of (Array.isArray(tools) ? (tools as ReadonlyArray<unknown>) : []).entries()) {
    const path = `tools[${i}]`
    if (!checkField(tool, path, "object", complain) || !isObject(tool)) continue
    checkName(tool["name"], `${path}.name`, complain)
    // A tool with a type of its own is one of Anthropic's.
    if (tool["type"] !== undefined && tool["type"] !== null && tool["type"] !== "custom") continue
    checkField(tool["name"], `${path}.name`, "string", complain)
    checkField(tool["input_schema"], `${path}.input_schema`, "object", complain)
  }
}

const checkSequences = (sequences: unknown, complain: Complain): void => {
  for (const [i, sequence] of (Array.isArray(sequences) ? (sequences as ReadonlyArray<unknown>) : []).entries()) {
    checkField(sequence, `stop_sequences[${i}]`, "string", complain)
  }
}

const checkThinking = (thinking: unknown, complain: Complain): void => {
  if (!isObject(thinking)) return
  if (!checkField(thinking["type"], "thinking.type", "string", complain)) return
  if (thinking["type"] === "enabled")
    checkField(thinking["budget_tokens"], "thinking.budget_tokens", "integer", complain)
}

const checkToolChoice = (choice: unknown, complain: Complain): void => {
  if (!isObject(choice)) return
  if (!checkField(choice["type"], "tool_choice.type", "string", complain)) return
  if (choice["type"] === "tool") checkField(choice["name"], "tool_choice.name", "string", complain)
  checkName(choice["name"], "tool_choice.name", complain)
}

const check = (body: JsonObject, counting: boolean, complain: Complain): void => {
  const { max_tokens: most, model, system } = body
  if (checkField(model, "model", "string", complain)) checkModelName(model as string, complain)
  if (!counting && checkField(most, "max_tokens", "integer", complain) && (most as number) < 0) {
    complain("max_tokens", "must not be negative", "too_small")
  }
  checkMessages(body["messages"], complain)
  checkOptionalFields(body, optional, "", complain)
  if (Array.isArray(system)) checkContent(system, "system", complain)
  checkTools(body["tools"], complain)
  checkToolChoice(body["tool_choice"], complain)
  checkSequences(body["stop_sequences"], complain)
  checkThinking(body["thinking"], complain)
  checkThread(body, complain)
  const output = body["output_config"]
  if (isObject(output)) {
    checkOptionalFields(output, { effort: "string", format: "object" }, "output_config.", complain)
  }
}

const wantsJson = ({ output_config: output, output_format: old }: JsonObject): boolean =>
  isObject(old) || (isObject(output) && isObject(output["format"]))

/**
 * Checks a request for a message, or, where `asking.parameter` is `count_tokens`, to count its tokens. All that is wrong
 * is told at once; every fault is a 400.
 */
export const parseAnthropicRequest = (asking: Asking): Result.Result<AnswerRequest, InvalidRequest | BadRequestBody> =>
  Result.flatMap(readObject(asking.body ?? ""), (body) => {
    const { complain, details } = makeComplaints()
    const counting = asking.parameter === countTokens
    check(body, counting, complain)
    return checked(details, () => {
      const contents = (body["messages"] as ReadonlyArray<JsonObject>).map(({ content }) => content)
      return {
        dialect: "anthropic",
        operation: counting ? "count" : "generate",
        model: body["model"] as string,
        delivery: body["stream"] === true && !counting ? "stream" : "whole",
        includeUsage: true,
        choices: 1,
        timeoutMillis: undefined,
        json: wantsJson(body),
        asking,
        body,
        messageLength: measure(contents).messageLength,
        inputEstimate: lazily(() => messageTokens(body)),
        asked: lazily(() => askedOfAnthropic(body))
      }
    })
  })
