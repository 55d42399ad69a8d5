/**
 * The client dialect of OpenAI's chat completions: what `stream: true` is answered with. Whole answers are put together
 * from the same frames by `assembleOpenAI`.
 */
import type { Delta, Usage } from "./Answer.ts"
import type { AnswerEncoder, AnswerIdentity, ClientDialect, Payload } from "./Dialect.ts"
import { isObject, type JsonObject, parseJson } from "./Json.ts"
import { textOfContent } from "./OpenAIChunk.ts"
import { chunkHead, rewriteChunk, textChoices } from "./OpenAIChunkText.ts"
import { openaiErrorBody } from "./OpenAIErrors.ts"

const terminator = "[DONE]"
const errorStart = '{"error":{'

const payload = (data: string): Payload => ({ event: undefined, data })

const isVoid = (value: unknown): boolean =>
  value === undefined || value === null || value === "" || (Array.isArray(value) && value.length === 0)

// A frame that says nothing new: `begin` has written the role of the first choice, `complete` writes the usage.
const saysNothing = (delta: Delta, raw: JsonObject): boolean => {
  if (delta.content || delta.sealed || delta.finish !== undefined) return false
  const list = raw["choices"]
  if (!Array.isArray(list)) return true
  if (list.length === 0) return delta.usage !== undefined
  return (list as ReadonlyArray<unknown>).every(
    (choice) =>
      isObject(choice) &&
      (choice["index"] ?? 0) === 0 &&
      isVoid(choice["finish_reason"]) &&
      isVoid(choice["logprobs"]) &&
      (!isObject(choice["delta"]) ||
        Object.entries(choice["delta"]).every(([field, value]) => field === "role" || isVoid(value)))
  )
}

// Clients need the role of each choice in its first delta; upstreams may have said it before anything was shown.
const introduce = (raw: JsonObject, introduced: Set<number>): void => {
  for (const choice of Array.isArray(raw["choices"]) ? (raw["choices"] as ReadonlyArray<unknown>) : []) {
    if (!isObject(choice) || typeof choice["index"] !== "number" || introduced.has(choice["index"])) continue
    introduced.add(choice["index"])
    if (isObject(choice["delta"])) choice["delta"] = { role: "assistant", ...choice["delta"] }
  }
}

/** Token counts as OpenAI's `usage`. */
export const openaiUsage = (usage: Usage): JsonObject => ({
  prompt_tokens: usage.inputTokens,
  completion_tokens: usage.outputTokens,
  total_tokens: usage.inputTokens + usage.outputTokens
})

const encoder = (identity: AnswerIdentity): AnswerEncoder => {
  const id = `chatcmpl-${identity.streamId}`
  const created = Math.floor(identity.createdAt / 1000)
  // With `include_usage` every chunk but the last has `usage: null`; without it none has a usage.
  const tail = identity.includeUsage ? ',"usage":null}' : "}"
  let head = chunkHead(id, created, "")
  let begun = false
  // The choices that have their role: `begin` writes the first one's.
  const introduced = new Set([0])
  // The upstream's own usage object: its details go to the client if its counts are the ones that are billed.
  let told: { readonly usage: Usage; readonly raw: JsonObject } | undefined

  const chunk = (choices: string, end = tail): Payload => payload(`${head},"choices":${choices}${end}`)

  const simple = (delta: JsonObject, finish: string | null): Payload =>
    chunk(JSON.stringify([{ index: 0, delta, logprobs: null, finish_reason: finish }]))

  const role = (): Payload => {
    begun = true
    return simple({ role: "assistant", content: "" }, null)
  }

  const usageOf = (usage: Usage): JsonObject => {
    const counts = openaiUsage(usage)
    return told !== undefined &&
      told.usage.inputTokens === usage.inputTokens &&
      told.usage.outputTokens === usage.outputTokens
      ? { ...told.raw, ...counts }
      : counts
  }

  const plain = (delta: Delta): ReadonlyArray<Payload> => {
    const payloads: Array<Payload> = []
    if (delta.reasoning !== "") payloads.push(simple({ reasoning_content: delta.reasoning }, null))
    if (delta.text !== "") payloads.push(chunk(textChoices(delta.text)))
    if (delta.finish !== undefined) payloads.push(simple({}, delta.finish))
    return payloads
  }

  return {
    open: (asked) => {
      head = chunkHead(id, created, asked)
      return []
    },
    attempt: () => [],
    begin: (asked) => {
      head = chunkHead(id, created, asked)
      return [role()]
    },
    delta: (delta) => {
      const raw = delta.raw
      if (raw === undefined) return plain(delta)
      if (delta.usage !== undefined && isObject(raw["usage"])) told = { usage: delta.usage, raw: raw["usage"] }
      if (!delta.content && saysNothing(delta, raw)) return []
      if (delta.sealed) introduce(raw, introduced)
      return [payload(rewriteChunk(head, raw, tail))]
    },
    text: (text) => (text === "" ? [] : [chunk(textChoices(text))]),
    failover: () => [],
    complete: ({ finish, usage }, finishShown) => {
      const payloads: Array<Payload> = []
      if (!begun && !finishShown) payloads.push(role())
      if (!finishShown) payloads.push(simple({}, finish))
      if (identity.includeUsage) payloads.push(chunk("[]", `,"usage":${JSON.stringify(usageOf(usage))}}`))
      payloads.push(payload(terminator))
      return payloads
    },
    fail: ({ error }) => [payload(JSON.stringify(openaiErrorBody(error, identity.requestId)))]
  }
}

const textOf = (data: string): string => {
  const chunk = parseJson(data)
  if (!isObject(chunk) || !Array.isArray(chunk["choices"])) return ""
  let text = ""
  for (const choice of chunk["choices"] as ReadonlyArray<unknown>) {
    if (!isObject(choice) || (choice["index"] ?? 0) !== 0 || !isObject(choice["delta"])) continue
    text += textOfContent(choice["delta"]["content"])
  }
  return text
}

/** Whether an event is an error frame of this dialect: no chunk begins like one. */
export const isOpenAIError = (event: Payload): boolean => event.data.startsWith(errorStart)

/** OpenAI's chat completions, as clients read them. */
export const openaiClient: ClientDialect = {
  name: "openai",
  encoder,
  isTerminal: (event) => event.data === terminator || isOpenAIError(event),
  partialOf: (payloads) => {
    let text = ""
    let tokenCount = 0
    for (const event of payloads) {
      if (event.data === terminator || isOpenAIError(event)) continue
      const part = textOf(event.data)
      if (part === "") continue
      text += part
      tokenCount += 1
    }
    return { text, tokenCount }
  }
}
