import { describe, expect, it } from "vitest"
import { type AnswerIdentity, chatClient, type Delta, nothing, type Payload } from "../../src/dialect/index.ts"
import {
  BizError,
  ChannelQuotaExhausted,
  ContextLengthExceeded,
  DoRequestFailed,
  type ResilienceError,
  streamFault,
  StreamCancelled,
  StreamFault
} from "../../src/errors/index.ts"

const identity: AnswerIdentity = {
  requestId: "req_1",
  streamId: "s1",
  createdAt: 0,
  includeUsage: true,
  debug: false
}

const encoder = chatClient.encoder(identity)

const parsed = (payloads: ReadonlyArray<Payload>): ReadonlyArray<readonly [string | undefined, unknown]> =>
  payloads.map(({ event, data }) => {
    expect(data).not.toMatch(/[\r\n]/)
    return [event, JSON.parse(data) as unknown]
  })

const stop = { reason: "stop", native: "stop", from: undefined } as const
const isTerminal = (payload: Payload): boolean => chatClient.encoder(identity).resume([payload]).ended

const delta = (fields: { readonly text?: string; readonly reasoning?: string; readonly finish?: Delta["finish"] }) => ({
  ...nothing,
  ...fields
})

const failed = (
  error: ResilienceError,
  more: { partial?: string; retryAfterMillis?: number; debug?: boolean } = {}
) => {
  const [payload, ...rest] = chatClient
    .encoder({ ...identity, debug: more.debug ?? false })
    .fail({ error, partial: more.partial ?? "", retryAfterMillis: more.retryAfterMillis })
  expect(rest).toEqual([])
  expect(payload?.event).toBe("error")
  return JSON.parse(payload!.data) as { readonly [field: string]: unknown }
}

describe("chatClient", () => {
  it("init", () => {
    expect(parsed(encoder.open("m"))).toEqual([
      ["init", { request_id: "req_1", stream_id: "s1", status: "started", model: "m" }]
    ])
    expect(encoder.begin("m", { usage: { inputTokens: 1, outputTokens: 0, estimated: true }, deltas: [] })).toEqual([])
  })

  it("messages, never empty, and reasoning", () => {
    expect(parsed(encoder.delta(delta({ text: "a\n\u2028" })))).toEqual([[undefined, { content: "a\n\u2028" }]])
    expect(parsed(encoder.delta(delta({ reasoning: "hm" })))).toEqual([["reasoning", { content: "hm" }]])
    expect(parsed(encoder.delta(delta({ text: "a", reasoning: "hm" })))).toEqual([
      ["reasoning", { content: "hm" }],
      [undefined, { content: "a" }]
    ])
    expect(encoder.delta(delta({ finish: stop }))).toEqual([])
    expect(encoder.text("")).toEqual([])
    expect(parsed(encoder.text("b"))).toEqual([[undefined, { content: "b" }]])
  })

  it("attempt and failover", () => {
    expect(
      parsed(
        encoder.attempt({
          attempt: 2,
          maxAttempts: 4,
          delayMillis: 250,
          reason: "do_request_failed",
          from: "a",
          to: "b"
        })
      )
    ).toEqual([
      ["attempt", { attempt: 2, max_attempts: 4, delay_ms: 250, reason: "do_request_failed", from: "a", to: "b" }]
    ])
    expect(
      parsed(
        encoder.failover({ from: "a", to: "b", reason: "stream_truncated", offset: 7, dropped: 2, seam: "overlap" })
      )
    ).toEqual([
      ["failover", { from: "a", to: "b", reason: "stream_truncated", offset: 7, dropped: 2, seam: "overlap" }]
    ])
  })

  it("done", () => {
    const done = encoder.complete(
      {
        finish: stop,
        usage: { inputTokens: 3, outputTokens: 4, estimated: true },
        fullContent: "hi",
        tokenCount: 2,
        attempts: 3
      },
      true
    )
    expect(parsed(done)).toEqual([
      [
        "done",
        {
          request_id: "req_1",
          status: "completed",
          token_count: 2,
          full_content: "hi",
          finish_reason: "stop",
          ended: "estimated",
          usage: { input_tokens: 3, output_tokens: 4, total_tokens: 7, estimated: true },
          attempts: 3
        }
      ]
    ])
    expect(isTerminal(done[0]!)).toBe(true)
  })

  it("error", () => {
    expect(failed(new DoRequestFailed({ message: "secret" }), { partial: "a😀" })).toEqual({
      request_id: "req_1",
      type: "llm_error",
      code: "do_request_failed",
      severity: "error",
      message: "The upstream could not be reached.",
      recoverable: true,
      partial_content: "a😀",
      partial_length: 2
    })
  })

  it("the hint of an error is in whole seconds, at least 1", () => {
    const error = new ChannelQuotaExhausted({})
    expect(failed(error)).not.toHaveProperty("retry_after")
    expect(failed(error, { retryAfterMillis: 0 })["retry_after"]).toBe(1)
    expect(failed(error, { retryAfterMillis: 1001 })["retry_after"]).toBe(2)
    expect(failed(new ChannelQuotaExhausted({ retryAfterMillis: 3000 }))).toMatchObject({
      retry_after: 3,
      recoverable: true,
      type: "rate_limit"
    })
  })

  it("a caller's fault in the upstream's words, redacted", () => {
    const error = new ContextLengthExceeded({ upstream: { message: "too long for sk-proj-abcdefghijkl" } })
    expect(failed(error)).toMatchObject({ message: "too long for ***", type: "validation", recoverable: false })
  })

  it("the fault of a stream, and of a business", () => {
    const fault = streamFault({ code: 12008, side: "server", path: ["A", "B"], message: "enough" })
    expect(failed(new StreamCancelled({ fault }))).toMatchObject({ code: "stream_cancelled", fault })
    expect(failed(new StreamFault({ fault }))).toMatchObject({ code: "stream_fault", fault })
    expect(failed(new BizError({ status: 7, message: "no", extra: { a: "b" } }))).toMatchObject({
      code: "biz_error",
      biz: { code: 7, message: "no", extra: { a: "b" } }
    })
    expect(failed(new BizError({ status: 7, message: "no" }))["biz"]).toEqual({ code: 7, message: "no", extra: {} })
  })

  it("the detail only for debugging, and then without secrets", () => {
    const error = new DoRequestFailed({ message: "refused by https://internal.example.com with sk-proj-abcdefghijkl" })
    expect(failed(error)).not.toHaveProperty("detail")
    expect(failed(error)).not.toHaveProperty("traceback")
    const told = failed(error, { debug: true })
    expect(told["detail"]).toContain("refused by")
    expect(typeof told["traceback"]).toBe("string")
    expect(JSON.stringify(told)).not.toMatch(/abcdefghijkl|internal/)
  })

  it("knows its last event, and reads its text back", () => {
    const payloads = [
      ...encoder.open("m"),
      ...encoder.delta(delta({ text: "Hel", reasoning: "hm" })),
      ...encoder.text("lo"),
      ...encoder.failover({ from: "a", to: "b", reason: "x", offset: 0, dropped: 0, seam: "exact" })
    ]
    expect(payloads.some((payload) => isTerminal(payload))).toBe(false)
    expect(encoder.resume(payloads)).toMatchObject({
      text: "Hello",
      tokenCount: 2,
      beside: 2,
      reasoning: 2,
      begun: true,
      ended: false
    })
    expect(isTerminal({ event: "error", data: "{}" })).toBe(true)
  })
})
