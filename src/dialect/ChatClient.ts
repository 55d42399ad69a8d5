/**
 * Our own dialect: the events of `/chat`, which tell a person all that happens to an answer.
 */
import { describe, redactText, type ResilienceError } from "../errors/index.ts"
import type { AnswerEncoder, AnswerIdentity, ClientDialect, Failure, Payload } from "./Dialect.ts"
import { isObject, type JsonObject, parseJson } from "./Json.ts"
import { publicMessage } from "../http/index.ts"
import { codePoints } from "./Text.ts"

const event = (name: string, data: JsonObject): Payload => ({ event: name, data: JSON.stringify(data) })

const content = (text: string): Payload => ({ event: undefined, data: `{"content":${JSON.stringify(text)}}` })

/** A hint in whole seconds, at least 1. */
export const retryAfterSeconds = (millis: number): number => Math.max(1, Math.ceil(millis / 1000))

const extras = (error: ResilienceError): JsonObject =>
  error._tag === "StreamCancelled" || error._tag === "StreamFault"
    ? { fault: error.fault }
    : error._tag === "BizError"
      ? { biz: { code: error.status, message: publicMessage(error), extra: error.extra ?? {} } }
      : {}

const failed = (identity: AnswerIdentity, { error, partial, retryAfterMillis }: Failure): Payload => {
  const { type, code, severity, recoverable } = describe(error)
  const hint = retryAfterMillis ?? error.retryAfterMillis
  return event("error", {
    request_id: identity.requestId,
    type,
    code,
    severity,
    message: publicMessage(error),
    recoverable,
    ...(hint === undefined ? {} : { retry_after: retryAfterSeconds(hint) }),
    partial_content: partial,
    partial_length: codePoints(partial),
    ...extras(error),
    ...(identity.debug
      ? { detail: redactText(error.message), traceback: redactText(error.stack ?? String(error)) }
      : {})
  })
}

const encoder = (identity: AnswerIdentity): AnswerEncoder => ({
  open: (model) => [
    event("init", { request_id: identity.requestId, stream_id: identity.streamId, status: "started", model })
  ],
  attempt: ({ attempt, maxAttempts, delayMillis, reason, from, to }) => [
    event("attempt", { attempt, max_attempts: maxAttempts, delay_ms: delayMillis, reason, from, to })
  ],
  begin: () => [],
  delta: ({ text, reasoning }) => {
    if (reasoning === "") return text === "" ? [] : [content(text)]
    const thought: Payload = { event: "reasoning", data: `{"content":${JSON.stringify(reasoning)}}` }
    return text === "" ? [thought] : [thought, content(text)]
  },
  text: (text) => (text === "" ? [] : [content(text)]),
  failover: ({ from, to, reason, offset, dropped, seam }) => [
    event("failover", { from, to, reason, offset, dropped, seam })
  ],
  complete: ({ finish, usage, fullContent, tokenCount, attempts }) => [
    event("done", {
      request_id: identity.requestId,
      status: "completed",
      token_count: tokenCount,
      full_content: fullContent,
      finish_reason: finish,
      usage: {
        input_tokens: usage.inputTokens,
        output_tokens: usage.outputTokens,
        total_tokens: usage.inputTokens + usage.outputTokens,
        estimated: usage.estimated
      },
      attempts
    })
  ],
  fail: (failure) => [failed(identity, failure)]
})

/** The dialect of `/chat`. */
export const chatClient: ClientDialect = {
  name: "chat",
  encoder,
  isTerminal: ({ event }) => event === "done" || event === "error",
  partialOf: (payloads) => {
    let text = ""
    let tokenCount = 0
    for (const { event, data } of payloads) {
      if (event !== undefined && event !== "message") continue
      const parsed = parseJson(data)
      if (!isObject(parsed) || typeof parsed["content"] !== "string") continue
      text += parsed["content"]
      tokenCount += 1
    }
    return { text, tokenCount }
  }
}
