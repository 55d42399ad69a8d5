/**
 * What a scripted upstream does with a request: plain values, made by the functions below.
 */

/** How a streamed answer ends. */
export type Ending =
  /** Finish reason, usage if asked for, `[DONE]`. */
  | "done"
  /** A reset of the connection. */
  | "reset"
  /** A clean end of the body, with neither finish reason nor `[DONE]`. */
  | "close"
  /** An `{"error": …}` frame, then a clean end. */
  | "errorFrame"
  /** Nothing more, with the connection open. */
  | "stall"
  /** A frame that is not JSON, then the rest and a good end. */
  | "badFrame"
  /** The finish reason, then a clean end without `[DONE]`. */
  | "finishWithoutDone"
  /** The finish reason, then nothing more, with the connection open. */
  | "finishThenStall"
  /** The finish reason, then a reset of the connection. */
  | "finishThenReset"
  /** `[DONE]` without a finish reason. */
  | "doneWithoutFinish"
  /** A clean end in the middle of an SSE event. */
  | "insideEvent"
  /** The connection is closed in the middle of a chunk of the transfer encoding. */
  | "insideChunk"

/** How a request to go on from a partial answer is taken. */
export type Continuing = "honour" | "restart" | "refuse"

/** A streamed answer (or a whole one, for a request without `stream`). */
export interface Answer {
  readonly kind: "answer"
  /** The text, by chunk. Absent: the server's. */
  readonly words?: ReadonlyArray<string> | undefined
  /** Sent first, as `reasoning_content`. */
  readonly reasoning?: ReadonlyArray<string> | undefined
  /** Sent after the words, as the parts of one tool call's arguments; the finish reason is then `tool_calls`. */
  readonly toolCall?: { readonly name: string; readonly parts: ReadonlyArray<string> } | undefined
  /** Milliseconds before the headers. */
  readonly headersAfter?: number | undefined
  /** Milliseconds before each chunk. */
  readonly delay?: number | undefined
  /** Chunks (of reasoning, words and tool call together) before `ending`. Absent: all. */
  readonly after?: number | undefined
  readonly ending?: Ending | undefined
  readonly finish?: string | undefined
  /** The tokens reported. `null`: none even if asked for. Absent: counted, if asked for. */
  readonly usage?: { readonly prompt_tokens: number; readonly completion_tokens: number } | null | undefined
  /** The error of an `errorFrame`. */
  readonly error?: { readonly [field: string]: unknown } | undefined
  readonly prefill?: Continuing | undefined
  readonly message?: Continuing | undefined
  readonly headers?: { readonly [name: string]: string } | undefined
}

/** One thing that a scripted upstream does. */
export type Behaviour =
  | Answer
  | {
      readonly kind: "status"
      readonly status: number
      readonly body: string
      readonly headers: { readonly [name: string]: string }
      readonly delay: number
    }
  /** Takes the request and says nothing. */
  | { readonly kind: "silence" }
  /** Headers of a stream, then no content: nothing at all, or a comment every so many milliseconds. */
  | { readonly kind: "headersOnly"; readonly commentEvery: number | undefined }
  /** Resets the connection before the headers. */
  | { readonly kind: "resetBeforeHeaders" }
  /** Bytes that are not HTTP. */
  | { readonly kind: "garbage"; readonly bytes: string }

/** A good answer, or one that ends badly. */
export const answer = (options: Omit<Answer, "kind"> = {}): Behaviour => ({ kind: "answer", ...options })

/** An answer that ends badly after so many chunks. */
export const cut = (
  after: number,
  ending: Ending,
  options: Omit<Answer, "kind" | "after" | "ending"> = {}
): Behaviour => ({
  kind: "answer",
  after,
  ending,
  ...options
})

/** A response with a status; the body is an OpenAI error by default. */
export const status = (
  code: number,
  options: {
    readonly body?: unknown
    readonly headers?: { readonly [name: string]: string }
    readonly delay?: number
  } = {}
): Behaviour => {
  const body = options.body ?? { error: { message: `status ${code}`, type: "server_error", param: null, code: null } }
  return {
    kind: "status",
    status: code,
    body: typeof body === "string" ? body : JSON.stringify(body),
    headers: { "content-type": "application/json", ...options.headers },
    delay: options.delay ?? 0
  }
}

/** 429, with the hints given. */
export const rateLimited = (headers: { readonly [name: string]: string } = {}): Behaviour =>
  status(429, {
    headers,
    body: {
      error: { message: "Rate limit reached", type: "rate_limit_error", param: null, code: "rate_limit_exceeded" }
    }
  })

/** The 400 of models that do not take a prefill. */
export const prefillRefused: Behaviour = status(400, {
  body: {
    error: {
      message: "This model does not support assistant message prefill. The conversation must end with a user message.",
      type: "invalid_request_error",
      param: "messages",
      code: null
    }
  }
})

/** The 400 of a conversation that is too long. */
export const contextTooLong: Behaviour = status(400, {
  body: {
    error: {
      message: "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens.",
      type: "invalid_request_error",
      param: "messages",
      code: "context_length_exceeded"
    }
  }
})

/** Never answers. */
export const silence: Behaviour = { kind: "silence" }

/** Answers with headers and then no content. */
export const headersOnly = (commentEvery?: number): Behaviour => ({ kind: "headersOnly", commentEvery })

/** Resets before it answers. */
export const resetBeforeHeaders: Behaviour = { kind: "resetBeforeHeaders" }

/** Answers with something that is not HTTP. */
export const garbage = (bytes = "\u0000\u0001not http at all\r\n\r\n"): Behaviour => ({ kind: "garbage", bytes })
