/**
 * A request in Anthropic's words: its own client's with every field, another's put into them.
 */
import { Result } from "effect"
import { ConvertRequestFailed, stackless } from "../../errors/index.ts"
import { spentOn } from "../Continuation.ts"
import type { Encoded, EncodeRequest } from "../Dialect.ts"
import { printJson } from "../ExactNumbers.ts"
import { isObject, type JsonObject, mergeDeep } from "../Json.ts"
import type { AnswerRequest } from "../Request.ts"
import { strictPaths } from "../StrictTools.ts"
import { estimateTokens } from "../Usage.ts"
import { withoutRefused } from "../upstream/WithoutRefused.ts"
import { continued, trimEnd, type Trimmed } from "./Continued.ts"
import { type Crossed, crossed } from "./Crossing.ts"
import type { Message } from "./CrossedMessages.ts"
import { ownMessages } from "./OwnMessages.ts"

/** The most tokens that are asked for where a client does not say: Anthropic wants a number. */
const defaultMaxTokens = 8192

/** What only the generation of an answer has words for. */
const generating = [
  "max_tokens",
  "metadata",
  "service_tier",
  "stop_sequences",
  "stream",
  "temperature",
  "top_k",
  "top_p"
] as const

const own = ({ body }: AnswerRequest): Crossed => ({
  body: { ...body, messages: ownMessages(body["messages"]) },
  unsaid: [],
  dropped: [],
  names: undefined,
  origins: new Map(),
  exact: []
})

const isOwn = (request: AnswerRequest): boolean => request.dialect === "anthropic"

/** The fields that Anthropic has no words for. Its own clients' requests have none. */
export const unsaidToAnthropic = (request: AnswerRequest): ReadonlyArray<string> =>
  isOwn(request) ? [] : crossed(request).unsaid

const strictTools = "tools[].strict"

const refusable = [
  "metadata",
  "output_config.effort",
  "service_tier",
  "temperature",
  "thinking",
  strictTools,
  "top_k",
  "top_p"
]

/** What a target may refuse of the body: hints of another dialect's client. */
export const refusableByAnthropic = (request: AnswerRequest): ReadonlyArray<string> => (isOwn(request) ? [] : refusable)

/** Reasoning that it has signed, and that its client has sent back otherwise than it was. */
const signedReasoning = "messages[].content[].thinking"

/** What it may refuse of a conversation that another dialect's client has kept. */
export const refusableOnceByAnthropic = (request: AnswerRequest): ReadonlyArray<string> =>
  isOwn(request) ? [] : [signedReasoning]

const budgetOf = (body: JsonObject): number => {
  const budget = isObject(body["thinking"]) ? body["thinking"]["budget_tokens"] : undefined
  return typeof budget === "number" && budget > 0 ? budget : 0
}

/** How many tokens may be spent: what was asked for, less what the answer has spent, and more than what is thought. */
const maxTokensOf = (body: JsonObject, spent: string): unknown => {
  const budget = budgetOf(body)
  const asked = body["max_tokens"] ?? defaultMaxTokens + budget
  if (spent === "" || typeof asked !== "number") return asked
  return Math.max(budget + 1, asked - estimateTokens(spent))
}

const withContinuation = ({ continuation, request }: EncodeRequest, messages: ReadonlyArray<Message>): Trimmed => {
  if (continuation !== undefined) return continued(messages, continuation)
  // What an Anthropic client sends is not touched.
  return isOwn(request) ? { messages, trimmed: "" } : trimEnd(messages)
}

/**
 * The body of a request. `params` come over everything but `stream`, which says what will be read; what the target has
 * refused is left out after them.
 *
 * A continuation may spend what the partial left of `max_tokens`, and never less than one token above a thinking budget.
 * One by prefill goes without `thinking`: Anthropic takes no text as the beginning of an answer that is to be thought out
 * first, and this one has been.
 */
export const encodeAnthropic = (options: EncodeRequest): Result.Result<Encoded, ConvertRequestFailed> => {
  const { continuation, drop, model, params, refused, request, stream } = options
  const said = isOwn(request) ? own(request) : crossed(request, !refused.has(signedReasoning))
  if (said.unsaid.length > 0 && !drop) return Result.fail(unsayable(said.unsaid))
  const { messages, ...body } = said.body
  const asked = withContinuation(options, messages as ReadonlyArray<Message>)
  const merged = mergeDeep({ ...body, model, messages: asked.messages }, params)
  const prefilled = continuation !== undefined && continuation.mode !== "message" && continuation.partial !== ""
  if (prefilled && isThinking(merged["thinking"])) delete merged["thinking"]
  const left = withoutRefused(merged, refused, (path) => (isOwn(request) ? path : said.origins.get(path)))
  const strict = !isOwn(request) && refused.has(strictTools) ? strictPaths(request.asked(), request.dialect) : []
  const sent = left.body
  if (request.operation === "count") for (const field of generating) delete sent[field]
  else {
    sent["max_tokens"] = maxTokensOf(sent, continuation === undefined ? "" : spentOn(continuation))
    if (stream) sent["stream"] = true
    else delete sent["stream"]
  }
  return Result.succeed({
    body: printJson(sent, said.exact[0] ?? request.body),
    dropped: [...new Set([...said.dropped, ...(drop ? said.unsaid : []), ...left.dropped, ...strict])],
    names: said.names,
    trimmed: asked.trimmed
  })
}

const isThinking = (thinking: unknown): boolean => isObject(thinking) && thinking["type"] !== "disabled"

const unsayable = (paths: ReadonlyArray<string>): ConvertRequestFailed =>
  stackless(
    () =>
      new ConvertRequestFailed({
        message: `an Anthropic channel has no words for ${paths.join(", ")}`,
        details: paths.map((field) => ({
          field,
          message: "cannot be said to an Anthropic channel",
          code: "unsupported"
        }))
      })
  )
