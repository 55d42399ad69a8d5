/**
 * Rarer faults, and answers that are not just text: finishes without an end, reasoning, tool calls, choices, channels
 * that cannot stream, hints beyond reason, and the request's own time.
 */
import { assert, describe, it } from "@effect/vitest"
import OpenAI from "openai"
import { answer, cut, rateLimited, resetBeforeHeaders, silence, status } from "../support/behaviour.ts"
import { open, contentOf, read } from "../support/sse.ts"
import { words } from "../support/upstreamText.ts"
import { completion, until, withRelay } from "./kit.ts"
import { type Case, type Clean, firstWords, play, whole } from "./matrix.ts"

const shown = firstWords(7)

const late: Clean = { error: "deadline_exceeded", status: 504, type: "timeout_error", recoverable: true }

const rows: ReadonlyArray<Case> = [
  {
    name: "a reset after the finish loses nothing",
    upstreams: { a: [cut(99, "finishThenReset")], b: ["good"] },
    attempts: ["a=200"],
    ends: { model: "model-a", estimated: true }
  },
  {
    name: "silence after the finish is waited for no longer than it is worth",
    upstreams: { a: [cut(99, "finishThenStall")], b: ["good"] },
    attempts: ["a=200"],
    within: 2500,
    ends: { model: "model-a", estimated: true }
  },
  {
    name: "a hint of more than an hour is an hour",
    upstreams: { a: [rateLimited({ "retry-after": "999999" })] },
    attempts: ["a=429"],
    ends: { error: "channel:rate_limited", status: 429, type: "rate_limit_error", recoverable: true, retryAfter: 3600 }
  },
  {
    name: "a hint that is none counts as none",
    upstreams: { a: [rateLimited({ "retry-after": "soon" }), "good"], b: ["good"] },
    attempts: ["a=429", "b=200"],
    ends: { model: "model-b" }
  },
  {
    name: "a date that is over counts as none",
    upstreams: {
      a: [rateLimited({ "retry-after": new Date(Date.now() - 60_000).toUTCString() }), "good"],
      b: ["good"]
    },
    attempts: ["a=429", "b=200"],
    ends: { model: "model-b" }
  },
  {
    name: "a hint of nothing counts as none",
    upstreams: { a: [rateLimited({ "retry-after": "0" }), "good"], b: ["good"] },
    attempts: ["a=429", "b=200"],
    ends: { model: "model-b" }
  },
  {
    name: "a channel whose circuit opens with the failure is left at once, and announced once",
    upstreams: { a: [resetBeforeHeaders, "good"], b: ["good"] },
    configuration: { breaker: { minimum: 1 } },
    attempts: ["a=transport", "b=200"],
    ends: { model: "model-b" }
  },
  {
    name: "a channel whose circuit opens with the failure is not waited for",
    upstreams: { a: [status(500), "good"], b: ["good"] },
    // Far longer than a busy machine is late.
    configuration: { breaker: { minimum: 1 }, retry: { base: "10 seconds", cap: "10 seconds", jitter: "none" } },
    attempts: ["a=500", "b=200"],
    ends: { model: "model-b" }
  },
  {
    name: "a channel that cannot stream answers whole",
    upstreams: { a: ["good"], b: ["good"] },
    channels: { a: { stream: false } },
    attempts: ["a=200"],
    ends: { model: "model-a", outputTokens: words.length },
    also: ({ a }) => assert.notStrictEqual(a?.requests[0]?.body.stream, true)
  },
  {
    name: "a channel that cannot stream is retried when it is reset",
    upstreams: { a: [cut(0, "reset"), "good"], b: ["good"] },
    channels: { a: { stream: false } },
    attempts: ["a=200", "a=200"],
    before: 2,
    ends: { model: "model-a" }
  },
  {
    name: "a channel that cannot stream does not go on from another's answer",
    upstreams: { a: [cut(7, "close"), status(500)], b: ["good"] },
    channels: { b: { stream: false } },
    attempts: ["a=200", "a=500", "a=500"],
    ends: { error: "stream_truncated", status: 502, type: "server_error", recoverable: true, partial: shown }
  },
  {
    name: "the request's own time ends an answer that is silent",
    upstreams: { a: [silence] },
    configuration: { timeouts: { headers: "700 millis", total: "700 millis" } },
    attempts: ["a=exhausted"],
    atLeast: 680,
    ends: late
  },
  {
    name: "the request's own time ends an answer under way",
    upstreams: { a: [answer({ words: words.slice(0, 3), delay: 50, after: 3, ending: "stall" })], b: ["good"] },
    configuration: { timeouts: { idle: "700 millis", total: "700 millis" } },
    attempts: ["a=200"],
    atLeast: 680,
    ends: { ...late, partial: firstWords(3) }
  },
  {
    name: "a backoff that is longer than what is left is not begun",
    upstreams: { a: [rateLimited({ "retry-after-ms": "12500" })] },
    configuration: { timeouts: { total: "8 seconds" } },
    attempts: ["a=429"],
    ends: { error: "channel:rate_limited", status: 429, type: "rate_limit_error", recoverable: true, retryAfter: 13 }
  },
  {
    name: "a failed answer whose body never ends is not waited for",
    upstreams: { a: [status(429, { body: "x".repeat(200_000) })], b: ["good"] },
    attempts: ["a=429", "b=200"],
    ends: { model: "model-b" }
  },
  {
    name: "what an upstream says of the caller's fault is shown without keys and hosts",
    upstreams: {
      a: [
        status(400, {
          body: {
            error: {
              message: "Bad temperature. Used key sk-abcdef123456 at https://internal.example.com/v1?x=1 (10.1.2.3)",
              type: "invalid_request_error",
              param: "temperature",
              code: "invalid_value"
            }
          }
        })
      ]
    },
    attempts: ["a=400"],
    ends: {
      error: "invalid_request",
      status: 400,
      type: "invalid_request_error",
      recoverable: false,
      param: "temperature",
      upstreamCode: "invalid_value",
      message: /^(?:400 )?Bad temperature\. (?!.*(?:abcdef|internal\.example|10\.1\.2\.3))/
    }
  }
]

describe("rarer faults", () => rows.forEach(play))

describe("what is not just text", () => {
  const sdk = (url: string) => new OpenAI({ baseURL: `${url}/v1`, apiKey: "anything", maxRetries: 0 })
  const hello = { model: "m", messages: [{ role: "user" as const, content: "hello" }] }

  it.concurrent("a tool call comes whole, streaming and not", () =>
    withRelay({}, async ({ relay, a }) => {
      a.setDefault(answer({ words: ["I look. "], toolCall: { name: "weather", parts: ['{"city":', '"Os', 'lo"}'] } }))
      const streamed = await sdk(relay.url).chat.completions.stream(hello).finalChatCompletion()
      const asked = await sdk(relay.url).chat.completions.create(hello)
      for (const { choices } of [streamed, asked]) {
        const [choice] = choices
        assert.strictEqual(choice?.finish_reason, "tool_calls")
        assert.strictEqual(choice?.message.content, "I look. ")
        const [call] = choice?.message.tool_calls ?? []
        assert.deepInclude(call, { id: "call_1", type: "function" })
        assert.deepEqual(call?.type === "function" ? { ...call.function } : undefined, {
          name: "weather",
          arguments: '{"city":"Oslo"}'
        } as never)
      }
    }))

  it.concurrent("without include_usage there is no usage, with it the last chunk has it", () =>
    withRelay({}, async ({ relay }) => {
      const chunks = async (more: object) => {
        const { events } = await read(`${relay.url}/v1/chat/completions`, { body: completion(more) })
        return events.slice(0, -1).map(({ json }) => json!)
      }
      for (const chunk of await chunks({})) assert.notProperty(chunk, "usage")
      const counted = await chunks({ stream_options: { include_usage: true } })
      assert.deepEqual(
        counted.slice(0, -1).map((chunk) => chunk["usage"]),
        counted.slice(0, -1).map(() => null)
      )
      const last = counted.at(-1)
      assert.deepEqual(last?.["choices"], [])
      assert.deepInclude(last?.["usage"] as object, { prompt_tokens: 1, completion_tokens: words.length })
    }))

  it.concurrent("reasoning that is cut before the first words begins again elsewhere", () =>
    withRelay({}, async ({ relay, a, b }) => {
      a.setDefault(cut(2, "reset", { reasoning: ["Let me", " think"] }))
      b.setDefault(answer({ reasoning: ["Easily"] }))
      const { events } = await read(`${relay.url}/chat?message=hello`)
      assert.strictEqual(events.at(-1)?.event, "done")
      assert.strictEqual(contentOf(events), whole)
      const thoughts = events.filter(({ event }) => event === "reasoning").map(({ json }) => json?.["content"])
      assert.deepEqual(thoughts.slice(0, 2), ["Let me", " think"])
      const failovers = events.filter(({ event }) => event === "failover").map(({ json }) => json)
      assert.lengthOf(failovers, 1)
      assert.deepInclude(failovers[0], { from: "a", to: "b", offset: 0, dropped: 0 })
      assert.lengthOf(b.requests[0]?.body.messages ?? [], 1)
    }))

  it.concurrent("unknown fields reach the upstream as they were sent", () =>
    withRelay({ channels: { a: { params: { top_k: 5, seed: null } } } }, async ({ relay, a }) => {
      await read(`${relay.url}/v1/chat/completions`, {
        body: completion({ vendor_field: { deep: [1, "two"] }, temperature: 0.3, seed: 7 })
      })
      const body = a.requests[0]?.body
      assert.deepInclude(body, { vendor_field: { deep: [1, "two"] }, temperature: 0.3, top_k: 5, model: "m" })
      assert.notProperty(body, "seed")
    }))

  it.concurrent("a last message of the assistant's is continued on /chat: only what is new is shown", () =>
    withRelay({}, async ({ relay, a, b }) => {
      const partial = firstWords(5)
      a.setDefault(cut(4, "reset"))
      const { events } = await read(`${relay.url}/chat`, {
        body: {
          messages: [
            { role: "user", content: "hello" },
            { role: "assistant", content: partial }
          ]
        }
      })
      assert.strictEqual(events.at(-1)?.event, "done", events.at(-1)?.data)
      assert.strictEqual(partial + contentOf(events), whole)
      assert.strictEqual(events.at(-1)?.json?.["full_content"], contentOf(events))
      // The continuation goes on from both.
      assert.deepEqual(b.requests[0]?.body.messages?.at(-1), { role: "assistant", content: firstWords(9) })
    }))

  it.concurrent("/chat?timeout= is the whole answer's time, and the upstream is left", () =>
    withRelay({ timeouts: { idle: "5 seconds" } }, async ({ relay, a }) => {
      a.setDefault(cut(4, "stall", { delay: 10 }))
      const began = performance.now()
      const { events } = await read(`${relay.url}/chat?message=hello&timeout=1`)
      const over = performance.now()
      // Some fifty others begin beside it; the clock that is not heeded would be five seconds.
      assert.isAtLeast(over - began, 950)
      assert.isBelow(over - began, 3000)
      assert.deepInclude(events.at(-1)?.json, {
        type: "timeout",
        code: "deadline_exceeded",
        recoverable: true,
        partial_content: firstWords(4)
      })
      assert.isBelow((await a.requests[0]!.closed) - over, 200)
    }))

  it.concurrent("with server.debug errors say more, and without it they do not", () =>
    withRelay({ server: { debug: true } }, async ({ relay, a, b }) => {
      a.setDefault(cut(3, "close"))
      b.setDefault(cut(0, "close"))
      const { events } = await read(`${relay.url}/chat?message=hello`)
      const last = events.at(-1)
      assert.strictEqual(last?.event, "error")
      assert.isString(last?.json?.["detail"])
      assert.isString(last?.json?.["traceback"])
      assert.notMatch(last?.data ?? "", /127\.0\.0\.1|key-of/)
    }))

  it.concurrent("a heartbeat goes to readers who wait, and to nobody else", () =>
    withRelay({ server: { heartbeat: "50 millis" }, timeouts: { headers: "5 seconds" } }, async ({ relay, a }) => {
      a.setDefault(answer({ headersAfter: 1000 }))
      const { comments, events } = await read(`${relay.url}/chat?message=hello`)
      assert.isAtLeast(comments.length, 3)
      assert.strictEqual(events.at(-1)?.event, "done")
      const waiting = await read(`${relay.url}/v1/chat/completions`, { body: completion({ stream: false }) })
      assert.strictEqual(waiting.headers["content-type"], "application/json")
      assert.doesNotThrow(() => JSON.parse(waiting.text) as unknown)
    }))

  it.concurrent("a reader that does not read holds up nobody, and gets all when it does", () =>
    withRelay({}, async ({ relay, a }) => {
      const long = Array.from({ length: 400 }, (_, at) => `${at}:${"x".repeat(4000)} `)
      a.setDefault(answer({ words: long }))
      const slow = await open(`${relay.url}/chat?message=hello`)
      slow.pause()
      const id = String(
        (await slow.until(() => true).catch(() => undefined))?.json?.["stream_id"] ?? slow.headers["x-stream-id"]
      )
      const quick = await read(`${relay.url}/streams/${id}`)
      assert.strictEqual(contentOf(quick.events), long.join(""))
      assert.isBelow(slow.events.length, quick.events.length)
      slow.resume()
      const late = await slow.done
      assert.strictEqual(late.text, quick.text)
      await until(async () => /^active_streams 0$/m.test((await read(`${relay.url}/metrics`)).text))
    }))
})
