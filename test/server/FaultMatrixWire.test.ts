/**
 * Upstreams that speak the dialect in ways of their own, byte by byte; and each passing fault where there is but one
 * channel.
 */
import { describe } from "@effect/vitest"
import { type Behaviour, cut, garbage, status } from "../support/behaviour.ts"
import { words } from "../support/upstreamText.ts"
import { type Case, firstWords, play, whole } from "./matrix.ts"

/** An answer of these bytes, which ends with the connection. */
const raw = (body: string, headers = "content-type: text/event-stream"): Behaviour =>
  garbage(`HTTP/1.1 200 OK\r\n${headers}\r\nconnection: close\r\n\r\n${body}`)

const chunk = (delta: object, finish: string | null = null, more: object = {}): string =>
  JSON.stringify({
    id: "x",
    object: "chat.completion.chunk",
    choices: [{ index: 0, delta, finish_reason: finish }],
    ...more
  })

const frames = (all: ReadonlyArray<string>, end = "\n"): string =>
  all.map((data) => `data: ${data}${end}${end}`).join("")

const said = words.map((content) => chunk({ content }))
const usage = { usage: { prompt_tokens: 3, completion_tokens: 99, total_tokens: 102 } }
const fromA = { model: "model-a", estimated: true } as const

const tooLongInStream = raw(
  `event: error\n${frames([
    JSON.stringify({ error: { message: "maximum context length is 10", code: "context_length_exceeded" } })
  ])}`
)

const rows: ReadonlyArray<Case> = [
  {
    name: "lines that end with CRLF, a byte order mark, comments and fields of one's own",
    upstreams: {
      a: [
        raw(
          "\uFEFF: welcome\r\n\r\nretry: 10\r\nid: 7\r\nfoo: bar\r\n" +
            frames([...said, chunk({}, "stop"), "[DONE]"], "\r\n")
        )
      ]
    },
    attempts: ["a=200"],
    ends: fromA
  },
  {
    name: "lines that end with CR, and no space after the colon",
    upstreams: { a: [raw([...said, chunk({}, "stop"), "[DONE]"].map((data) => `data:${data}\r\r`).join(""))] },
    attempts: ["a=200"],
    ends: fromA
  },
  {
    name: "an event of several data lines",
    upstreams: {
      a: [raw(frames([...said, chunk({}, "stop")].map((data) => data.replace(',"choices"', '\ndata: ,"choices"'))))]
    },
    attempts: ["a=200"],
    ends: fromA
  },
  {
    name: "a finish together with the last words, and a usage with every event",
    upstreams: {
      a: [
        raw(
          frames([
            ...words
              .slice(0, -1)
              .map((content, at) =>
                chunk({ content }, null, { usage: { prompt_tokens: 3, completion_tokens: at, total_tokens: at + 3 } })
              ),
            chunk({ content: words.at(-1) }, "stop", usage),
            "[DONE]"
          ])
        )
      ]
    },
    attempts: ["a=200"],
    ends: { model: "model-a", outputTokens: 99 }
  },
  {
    name: "a whole answer where a stream was asked for",
    upstreams: {
      a: [
        status(200, {
          body: {
            id: "x",
            object: "chat.completion",
            choices: [{ index: 0, message: { role: "assistant", content: whole }, finish_reason: "stop" }],
            ...usage
          }
        })
      ]
    },
    attempts: ["a=200"],
    ends: { model: "model-a", outputTokens: 99 }
  },
  {
    name: "R8: no content type at all",
    upstreams: { a: [raw(frames([...said, chunk({}, "stop"), "[DONE]"]), "x-nothing: 1")], b: ["good"] },
    attempts: ["a=200"],
    ends: fromA
  },
  {
    name: "an end of the connection is no end of the answer",
    upstreams: { a: [raw(frames(said.slice(0, 7)))], b: ["good"] },
    attempts: ["a=200", "b=200"],
    ends: {
      model: "model-a",
      estimated: true,
      seams: [{ from: "a", to: "b", reason: "stream_truncated", offset: Array.from(firstWords(7)).length }]
    }
  },
  {
    name: "a limit that is told in the stream before any content",
    upstreams: {
      a: [raw(frames([JSON.stringify({ error: { message: "Slow down", code: "rate_limit_exceeded" } })]))],
      b: ["good"]
    },
    attempts: ["a=200", "b=200"],
    before: 2,
    reasons: ["channel:rate_limited"],
    ends: { model: "model-b" }
  },
  {
    name: "R29: a context that is too long, told in the stream before any content, is asked of another model",
    upstreams: { a: [tooLongInStream], b: ["good"] },
    attempts: ["a=200", "b=200"],
    before: 2,
    reasons: ["context_length_exceeded"],
    ends: { model: "model-b" }
  },
  {
    name: "a fault of the caller's that is told in the stream before any content",
    upstreams: { a: [tooLongInStream], b: ["good"] },
    channels: { b: { modelMapping: { m: "model-a" } } },
    attempts: ["a=200"],
    before: 1,
    ends: {
      error: "context_length_exceeded",
      status: 400,
      type: "invalid_request_error",
      recoverable: false,
      message: /maximum context length/
    }
  },
  {
    name: "an overload that is told in the stream after some content",
    upstreams: {
      a: [
        raw(
          frames([
            ...said.slice(0, 7),
            JSON.stringify({ error: { message: "Overloaded", type: "overloaded_error", code: null } })
          ])
        )
      ],
      b: ["good"]
    },
    attempts: ["a=200", "b=200"],
    ends: {
      model: "model-a",
      estimated: true,
      seams: [{ from: "a", to: "b", reason: "upstream_overloaded", offset: Array.from(firstWords(7)).length }]
    }
  },
  {
    name: "a head that is too large",
    upstreams: { a: [raw("", `x-large: ${"y".repeat(100_000)}`)], b: ["good"] },
    attempts: ["a=transport", "a=transport", "b=200"],
    ends: { model: "model-b" }
  },
  {
    name: "an event that is too large",
    upstreams: { a: [raw(`data: ${"z".repeat(9 * 1024 * 1024)}\n\n`)], b: ["good"] },
    configuration: { timeouts: { headers: "10 seconds", firstContent: "10 seconds" } },
    attempts: ["a=200", "a=200", "b=200"],
    before: 3,
    within: 15_000,
    ends: { model: "model-b" }
  }
]

const alone: ReadonlyArray<Case> = (
  [
    ["503", status(503), "a=503", 2],
    ["bytes that are not HTTP", garbage(), "a=transport", 2],
    ["a redirect", status(302, { headers: { location: "http://127.0.0.1:9/" } }), "a=302", 2],
    ["a frame that is not JSON", cut(0, "badFrame"), "a=200", 2],
    ["an error frame", cut(0, "errorFrame"), "a=200", 2],
    ["an empty answer", cut(0, "close"), "a=200", 2]
  ] as const
).map(
  ([what, behaviour, entry, before]): Case => ({
    name: `${what}, once, on a single channel is retried`,
    upstreams: { a: [behaviour, "good"] },
    attempts: [entry, "a=200"],
    before,
    ends: { model: "model-a" }
  })
)

const cutAlone: ReadonlyArray<Case> = (["close", "errorFrame", "badFrame", "insideChunk"] as const).map(
  (ending): Case => ({
    name: `an answer that is cut (${ending}) on a single channel goes on from it`,
    upstreams: { a: [cut(7, ending), "good"] },
    attempts: ["a=200", "a=200"],
    ends: {
      model: "model-a",
      estimated: true,
      seams: [
        {
          from: "a",
          to: "a",
          reason: {
            close: "stream_truncated",
            errorFrame: "bad_response_status_code",
            badFrame: "bad_response_body",
            insideChunk: "do_request_failed"
          }[ending],
          offset: Array.from(firstWords(7)).length
        }
      ]
    }
  })
)

describe("on the wire", () => rows.forEach(play))
describe("a single channel", () => [...alone, ...cutAlone].forEach(play))
