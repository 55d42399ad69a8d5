/**
 * Our own dialect: the events of `/chat`, which tell a person all that happens to an answer.
 */
import { encodeComment, eventsOf } from "../../sse/index.ts"
import type {
  AnswerEncoder,
  AnswerIdentity,
  ClientDialect,
  Failure,
  ModelsAbout,
  Payload,
  Replayed
} from "../Dialect.ts"
import { endedOf } from "../Ended.ts"
import type { Finish, FinishReason } from "../Event.ts"
import { wholeView } from "../WholeView.ts"
import { isObject, type JsonObject, parseJson } from "../Json.ts"
import { errorAnswer, errorEvent } from "../../http/index.ts"
import { parseChatRequest } from "./Request.ts"

const event = (name: string, data: JsonObject): Payload => ({ event: name, data: JSON.stringify(data) })

const content = (text: string): Payload => ({ event: undefined, data: `{"content":${JSON.stringify(text)}}` })

const failed = ({ debug, requestId }: AnswerIdentity, { error, partial, retryAfterMillis }: Failure): Payload => ({
  event: "error",
  data: JSON.stringify(errorEvent(error, { requestId, partial, retryAfterMillis, debug }))
})

const words: { readonly [R in FinishReason]: string | undefined } = {
  stop: "stop",
  length: "length",
  "tool-calls": "tool_calls",
  "content-filter": "content_filter",
  error: undefined,
  pause: "stop",
  other: undefined,
  unknown: undefined
}

/** The reason as `done` tells it; the upstream's own word where there is none of ours. */
const finishWord = ({ native, reason }: Finish): string => words[reason] ?? native

const contentIn = (data: string): string => {
  const parsed = parseJson(data)
  return isObject(parsed) && typeof parsed["content"] === "string" ? parsed["content"] : ""
}

const nothingShown: Replayed = {
  text: "",
  tokenCount: 0,
  beside: 0,
  reasoning: 0,
  begun: false,
  sealed: false,
  called: false,
  finish: undefined,
  ended: false
}

const replay = (before: Replayed, payloads: Iterable<Payload>): Replayed => {
  let { beside, begun, ended, text, tokenCount } = before
  for (const { data, event } of payloads) {
    if (event === "done" || event === "error") ended = true
    else if (event === "reasoning") {
      beside += contentIn(data).length
      begun = true
    } else if (event === undefined || event === "message") {
      text += contentIn(data)
      tokenCount += 1
      begun = true
    }
  }
  return { ...before, text, tokenCount, beside, reasoning: beside, begun, ended }
}

const makeResume = (): AnswerEncoder["resume"] => {
  let shown = nothingShown
  return (payloads) => (shown = replay(shown, payloads))
}

const encoder = (identity: AnswerIdentity): AnswerEncoder => ({
  // Nothing of what is written depends on what was.
  resume: makeResume(),
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
      finish_reason: finishWord(finish),
      ended: endedOf(finish, usage),
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

/** A whole answer is its last event's data. */
const whole = wholeView(() => {
  let last = ""
  return {
    push: ({ data }) => {
      last = data
    },
    print: () => last
  }
})

const model = (name: string, { owner }: ModelsAbout): JsonObject => ({ id: name, owned_by: owner })

/** The dialect of `/chat`. */
export const chatClient: ClientDialect = {
  name: "chat",
  looksAt: [],
  asksByQuery: (query) => query.has("message"),
  parse: parseChatRequest,
  encoder,
  frames: eventsOf,
  heartbeat: encodeComment("ping"),
  views: { whole, list: undefined },
  models: (names, about) => ({ data: names.map((name) => model(name, about)) }),
  model,
  failure: (error, { accept, ...about }) => errorAnswer(error, about, accept),
  head: "atOnce",
  leave: "asConfigured",
  lettable: true
}
