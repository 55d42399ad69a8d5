/**
 * What every SDK raises when the only upstream fails before anything was shown: its class, our code, whether it would ask
 * again, and how often the upstream was asked.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Script } from "effect-resilience/testing"
import type { UpstreamDialectName } from "#src/dialect/index"
import type { Client, Raised } from "./question.ts"
import { part } from "./part.ts"
import { type Place, places } from "./sdks.ts"
import { withWorld } from "./world.ts"

interface Case {
  readonly name: string
  readonly plays: Script.Script | ((dialect: UpstreamDialectName) => Script.Script)
  /** The upstream does not listen at all. */
  readonly down?: true
  readonly code: string
  /** To clients of chat completions; to those of messages where it is another. */
  readonly status: number
  readonly anthropicStatus?: number
  /** The `type` in each dialect. */
  readonly types: ByDialect
  /** The class that each vendor's SDK raises. */
  readonly classes: ByDialect
  readonly asked: number
  readonly again: boolean
  /** Seconds. */
  readonly hint?: number
}

type ByDialect = { readonly [D in Client["dialect"]]: string }

// Google's SDK raises all in one class.
const by = (openai: string, anthropic: string, gemini = "ApiError"): ByDialect => ({
  openai,
  responses: openai,
  anthropic,
  gemini
})

const invalid = by("invalid_request_error", "invalid_request_error", "INVALID_ARGUMENT")
const server = by("server_error", "api_error", "INTERNAL")
const overload = by("server_error", "overloaded_error", "UNAVAILABLE")
const badRequest = by("BadRequestError", "BadRequestError")
const internal = by("InternalServerError", "InternalServerError")
const overloadedClass = by("InternalServerError", "OverloadedError")

/** An overload that is told inside a stream, as each vendor tells it. */
const overloaded: { readonly [D in UpstreamDialectName]: Script.Ending } = {
  anthropic: Script.errorFrame(),
  gemini: Script.errorFrame(),
  openai: Script.frame({
    event: undefined,
    data: '{"error":{"message":"Overloaded","type":"server_error","param":null,"code":"engine_overloaded"}}'
  }),
  responses: Script.frame({
    event: "error",
    data: '{"type":"error","sequence_number":1,"message":"Overloaded","param":null,"code":"engine_overloaded"}'
  })
}

const cases: ReadonlyArray<Case> = [
  {
    name: "400: the request is wrong",
    plays: Script.status(400),
    code: "invalid_request",
    status: 400,
    types: invalid,
    classes: badRequest,
    asked: 1,
    again: false
  },
  {
    name: "401: the key is dead",
    plays: Script.status(401),
    code: "channel:invalid_key",
    status: 502,
    types: server,
    classes: internal,
    asked: 1,
    again: false
  },
  {
    name: "402: nobody has paid",
    plays: Script.status(402),
    code: "channel:quota_exhausted",
    status: 502,
    types: server,
    classes: internal,
    asked: 1,
    again: false
  },
  {
    name: "403: the key may not",
    plays: Script.status(403),
    code: "channel:invalid_key",
    status: 502,
    types: server,
    classes: internal,
    asked: 1,
    again: false
  },
  {
    name: "404: there is no such model",
    plays: Script.status(404),
    code: "model_not_found",
    status: 404,
    types: by("not_found_error", "not_found_error", "NOT_FOUND"),
    classes: by("NotFoundError", "NotFoundError"),
    asked: 1,
    again: false
  },
  {
    name: "413: the request is too large",
    plays: Script.status(413),
    code: "payload_too_large",
    status: 413,
    types: by("invalid_request_error", "request_too_large", "INVALID_ARGUMENT"),
    classes: by("APIError", "ContentTooLargeError"),
    asked: 1,
    again: false
  },
  {
    name: "429 with a hint: too fast",
    plays: Script.status(429, { headers: { "retry-after": "7" } }),
    code: "channel:rate_limited",
    status: 429,
    types: by("rate_limit_error", "rate_limit_error", "RESOURCE_EXHAUSTED"),
    classes: by("RateLimitError", "RateLimitError"),
    asked: 1,
    again: true,
    hint: 7
  },
  {
    name: "500: it is broken",
    plays: Script.status(500),
    code: "bad_response_status_code",
    status: 502,
    types: server,
    classes: internal,
    asked: 4,
    again: true
  },
  {
    name: "503 with a hint: it is overloaded",
    plays: Script.status(503, { headers: { "retry-after": "9" } }),
    code: "upstream_overloaded",
    status: 503,
    anthropicStatus: 529,
    types: overload,
    classes: overloadedClass,
    asked: 1,
    again: true,
    hint: 9
  },
  {
    name: "529: it is overloaded",
    plays: Script.status(529),
    code: "upstream_overloaded",
    status: 503,
    anthropicStatus: 529,
    types: overload,
    classes: overloadedClass,
    asked: 4,
    again: true
  },
  {
    name: "no headers in time",
    plays: Script.silence,
    code: "channel:response_time_exceeded",
    status: 504,
    types: by("timeout_error", "timeout_error", "DEADLINE_EXCEEDED"),
    classes: by("InternalServerError", "GatewayTimeoutError"),
    asked: 1,
    again: true
  },
  {
    name: "a refused connection",
    plays: Script.refused,
    down: true,
    code: "do_request_failed",
    status: 502,
    types: server,
    classes: internal,
    asked: 0,
    again: true
  },
  {
    name: "what is not HTTP",
    plays: Script.notHttp(),
    code: "do_request_failed",
    status: 502,
    types: server,
    classes: internal,
    asked: 4,
    again: true
  },
  {
    name: "an error in a stream that has said nothing",
    plays: (dialect) => Script.answer([]).pipe(Script.ending(overloaded[dialect])),
    code: "upstream_overloaded",
    status: 503,
    anthropicStatus: 529,
    types: overload,
    classes: overloadedClass,
    asked: 4,
    again: true
  },
  {
    name: "an answer with nothing in it",
    plays: Script.answer([]),
    code: "empty_response",
    status: 502,
    types: server,
    classes: internal,
    asked: 4,
    again: true
  }
]

const checkRaised = (raised: Raised | undefined, place: Place, row: Case): void => {
  const { again, classes, code, types } = row
  const { client } = place
  const status = (client.dialect === "anthropic" ? row.anthropicStatus : undefined) ?? row.status
  assert.deepInclude(raised, {
    name: client.name.startsWith("ai ") ? "AI_APICallError" : classes[client.dialect],
    code,
    status,
    type: types[client.dialect]
  })
  assert.match(raised?.message ?? "", /\(request id: req_\w{24}\)/)
  assert.match(raised?.requestId ?? "", /^req_\w{24}$/)
  assert.notMatch(raised?.message ?? "", /127\.0\.0\.1|key-of/)
  assert.strictEqual(raised?.headers["x-should-retry"], String(again))
  assert.strictEqual(raised?.headers["request-id"] !== undefined, client.dialect === "anthropic")
}

describe.each(cases.map((row, nth) => ({ ...row, nth })))("$name", ({ nth, ...row }) => {
  const rows = part(nth, places)
  // Those that wait for a clock wait together.
  const each = row.plays === Script.silence ? it.concurrent.each(rows) : it.each(rows)
  each("$where", (place) => {
    const { client, delivery, dialect } = place
    const script = typeof row.plays === "function" ? row.plays(dialect) : row.plays
    return withWorld({ a: { dialect, plays: [script] } }, {}, async ({ relay, upstreams }) => {
      const upstream = upstreams["a"]!
      if (row.down === true) await Effect.runPromise(upstream.down)
      const { headers, raised, text } = await client.ask({ url: relay.url, delivery, question: {} })
      assert.strictEqual(text, "")
      checkRaised(raised, place, row)
      assert.strictEqual(upstream.calls().length, row.asked)
      const after = headers["retry-after"]
      if (row.hint === undefined) {
        if (row.status !== 429 && row.status !== 503) assert.isUndefined(after)
        else assert.match(after ?? "", /^[1-9]\d*$/)
      } else {
        assert.strictEqual(after, String(row.hint))
        assert.isAtMost(Number(headers["retry-after-ms"]), row.hint * 1000)
      }
    })
  })
})
