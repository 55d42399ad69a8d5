/**
 * Faults before anything was shown: the attempt is replaced unseen, or the error is clean.
 */
import { assert, describe } from "@effect/vitest"
import {
  contextTooLong,
  cut,
  garbage,
  headersOnly,
  rateLimited,
  resetBeforeHeaders,
  silence,
  status
} from "../support/behaviour.ts"
import { words } from "../support/upstreamText.ts"
import { type Case, type Clean, type Whole, play } from "./matrix.ts"

const fromA: Whole = { model: "model-a", outputTokens: words.length }
const fromB: Whole = { model: "model-b", outputTokens: words.length }

const refused = (code: number, message: string, more: object = {}) =>
  status(code, { body: { error: { message, type: "invalid_request_error", param: null, code: null, ...more } } })

const invalidKey = status(401, {
  body: { error: { message: "Incorrect API key provided", type: "invalid_request_error", code: "invalid_api_key" } }
})
const unpaid = status(402, { body: { error: { message: "Payment required", type: "billing", code: null } } })
const noModel = refused(404, "The model `model-a` does not exist", { code: "model_not_found", param: "model" })
const filtered = refused(400, "The response was filtered due to the prompt triggering content management policy.", {
  code: "content_filter",
  param: "prompt"
})

const limited: Clean = { error: "channel:rate_limited", status: 429, type: "rate_limit_error", recoverable: true }
const badStatus: Clean = { error: "bad_response_status_code", status: 502, type: "server_error", recoverable: true }
const overloaded: Clean = { error: "upstream_overloaded", status: 503, type: "server_error", recoverable: true }
const unreachable: Clean = { error: "do_request_failed", status: 502, type: "server_error", recoverable: true }
const late: Clean = {
  error: "channel:response_time_exceeded",
  status: 504,
  type: "timeout_error",
  recoverable: true
}

const passing: ReadonlyArray<Case> = [
  {
    name: "429 once with a short hint is waited out on the same channel",
    upstreams: { a: [rateLimited({ "retry-after-ms": "150" }), "good"], b: ["good"] },
    attempts: ["a=429", "a=200"],
    reasons: ["channel:rate_limited"],
    atLeast: 150,
    ends: fromA
  },
  {
    name: "429 once with a long hint moves to another channel at once",
    upstreams: { a: [rateLimited({ "retry-after": "60" }), "good"], b: ["good"] },
    attempts: ["a=429", "b=200"],
    reasons: ["channel:rate_limited"],
    ends: fromB
  },
  {
    name: "429 once without a hint moves to another channel",
    upstreams: { a: [rateLimited(), "good"], b: ["good"] },
    attempts: ["a=429", "b=200"],
    ends: fromB
  },
  {
    name: "429 once with a second key asks with that at once",
    upstreams: { a: [rateLimited({ "retry-after": "60" }), "good"], b: ["good"] },
    channels: { a: { keys: ["first-key", "second-key"] } },
    attempts: ["a=429", "a=200"],
    ends: fromA,
    also: ({ a }) =>
      assert.deepEqual(a?.requests.map(({ headers }) => headers.authorization).toSorted(), [
        "Bearer first-key",
        "Bearer second-key"
      ])
  },
  {
    name: "429 once on a single channel without a hint is asked again",
    upstreams: { a: [rateLimited(), "good"] },
    attempts: ["a=429", "a=200"],
    ends: fromA
  },
  {
    name: "429 for good with a short hint ends with the least wait",
    upstreams: { a: [rateLimited({ "retry-after-ms": "100" })], b: [rateLimited({ "retry-after-ms": "100" })] },
    attempts: ["a=429", "a=429", "b=429", "b=429"],
    ends: { ...limited, retryAfter: 1 }
  },
  {
    name: "429 for good with a long hint asks each channel once, and says when",
    upstreams: { a: [rateLimited({ "retry-after": "60" })], b: [rateLimited({ "retry-after": "30" })] },
    attempts: ["a=429", "b=429"],
    ends: { ...limited, retryAfter: 30 }
  },
  {
    name: "429 for good on a single channel with a long hint is asked once",
    upstreams: { a: [rateLimited({ "retry-after": "60" })] },
    attempts: ["a=429"],
    ends: { ...limited, retryAfter: 60 }
  },
  {
    name: "429 for good on a single channel without a hint ends with its attempts",
    upstreams: { a: [rateLimited()] },
    attempts: ["a=429", "a=429", "a=429", "a=429"],
    ends: limited
  },
  {
    name: "500 once is retried on the same channel",
    upstreams: { a: [status(500), "good"], b: ["good"] },
    attempts: ["a=500", "a=200"],
    reasons: ["bad_response_status_code"],
    ends: fromA
  },
  {
    name: "500 once on a single channel is retried",
    upstreams: { a: [status(500), "good"] },
    attempts: ["a=500", "a=200"],
    ends: fromA
  },
  {
    name: "500 for good moves to another channel after one retry",
    upstreams: { a: [status(500)], b: ["good"] },
    attempts: ["a=500", "a=500", "b=200"],
    reasons: ["bad_response_status_code", "bad_response_status_code"],
    ends: fromB
  },
  {
    name: "500 for good everywhere ends with the first attempt's error",
    upstreams: { a: [status(500)], b: [status(503)] },
    attempts: ["a=500", "a=500", "b=503", "b=503"],
    ends: badStatus
  },
  {
    name: "503 for good moves to another channel after one retry",
    upstreams: { a: [status(503)], b: ["good"] },
    attempts: ["a=503", "a=503", "b=200"],
    ends: fromB
  },
  {
    name: "503 for good everywhere says when to come back",
    upstreams: { a: [status(503)], b: [status(503)] },
    attempts: ["a=503", "a=503", "b=503", "b=503"],
    ends: overloaded
  },
  {
    name: "503 for good with a long hint is not asked twice",
    upstreams: { a: [status(503, { headers: { "retry-after": "20" } })] },
    attempts: ["a=503"],
    ends: { ...overloaded, retryAfter: 20 }
  },
  {
    name: "retry.times: 0 asks once",
    upstreams: { a: [status(500)], b: ["good"] },
    configuration: { retry: { times: 0 } },
    attempts: ["a=500"],
    ends: badStatus
  },
  {
    name: "retry.sameChannel: 0 moves at once",
    upstreams: { a: [status(500)], b: ["good"] },
    configuration: { retry: { sameChannel: 0 } },
    attempts: ["a=500", "b=200"],
    ends: fromB
  }
]

const connections: ReadonlyArray<Case> = [
  {
    name: "a reset before the headers is retried on the same channel",
    upstreams: { a: [resetBeforeHeaders, "good"], b: ["good"] },
    attempts: ["a=transport", "a=200"],
    reasons: ["do_request_failed"],
    ends: fromA
  },
  {
    name: "a reset before the headers on a single channel is retried",
    upstreams: { a: [resetBeforeHeaders, "good"] },
    attempts: ["a=transport", "a=200"],
    ends: fromA
  },
  {
    name: "resets before the headers for good move to another channel",
    upstreams: { a: [resetBeforeHeaders], b: ["good"] },
    attempts: ["a=transport", "a=transport", "b=200"],
    ends: fromB
  },
  {
    name: "resets before the headers everywhere end with an error",
    upstreams: { a: [resetBeforeHeaders], b: [resetBeforeHeaders] },
    attempts: ["a=transport", "a=transport", "b=transport", "b=transport"],
    ends: unreachable
  },
  {
    name: "silence for ever is left for another channel and never asked twice",
    upstreams: { a: [silence], b: ["good"] },
    attempts: ["a=timeout", "b=200"],
    reasons: ["channel:response_time_exceeded"],
    atLeast: 480,
    ends: fromB
  },
  {
    name: "silence for ever everywhere ends in time",
    upstreams: { a: [silence], b: [silence] },
    attempts: ["a=timeout", "b=timeout"],
    atLeast: 980,
    within: 2500,
    ends: late
  },
  {
    name: "silence for ever on a single channel is asked once",
    upstreams: { a: [silence] },
    attempts: ["a=timeout"],
    within: 2000,
    ends: late
  },
  {
    name: "headers and then no content are left for another channel",
    upstreams: { a: [headersOnly()], b: ["good"] },
    attempts: ["a=200", "b=200"],
    before: 2,
    reasons: ["channel:response_time_exceeded"],
    ends: fromB
  },
  {
    name: "headers and then nothing but comments are left for another channel",
    upstreams: { a: [headersOnly(20)], b: ["good"] },
    attempts: ["a=200", "b=200"],
    before: 2,
    ends: fromB
  },
  {
    name: "headers and then no content on a single channel, which is not cut, ends with the request's time",
    upstreams: { a: [headersOnly(20)] },
    configuration: { timeouts: { headers: "400 millis", firstContent: "400 millis", total: "1200 millis" } },
    attempts: ["a=200"],
    before: 1,
    atLeast: 1180,
    within: 2000,
    ends: { ...late, error: "deadline_exceeded" }
  },
  {
    name: "a role frame and then silence is no content",
    upstreams: { a: [cut(0, "stall")], b: ["good"] },
    attempts: ["a=200", "b=200"],
    before: 2,
    ends: fromB
  },
  {
    name: "bytes that are not HTTP count as a broken connection",
    upstreams: { a: [garbage()], b: ["good"] },
    attempts: ["a=transport", "a=transport", "b=200"],
    ends: fromB
  },
  {
    name: "a redirect is never followed",
    upstreams: { a: [status(302, { headers: { location: "http://127.0.0.1:9/steal" } })], b: ["good"] },
    attempts: ["a=302", "a=302", "b=200"],
    reasons: ["bad_response_status_code", "bad_response_status_code"],
    ends: fromB
  }
]

const bodies: ReadonlyArray<Case> = [
  {
    name: "a frame that is not JSON before any content is retried",
    upstreams: { a: [cut(0, "badFrame"), "good"], b: ["good"] },
    attempts: ["a=200", "a=200"],
    before: 2,
    reasons: ["bad_response_body"],
    ends: fromA
  },
  {
    name: "an error frame before any content is retried",
    upstreams: { a: [cut(0, "errorFrame"), "good"], b: ["good"] },
    attempts: ["a=200", "a=200"],
    before: 2,
    ends: fromA
  },
  {
    name: "a stream that ends before any content is an empty answer",
    upstreams: { a: [cut(0, "close")], b: ["good"] },
    attempts: ["a=200", "a=200", "b=200"],
    before: 3,
    reasons: ["empty_response", "empty_response"],
    ends: fromB
  },
  {
    name: "a page of HTML with status 200 is no answer",
    upstreams: { a: [status(200, { body: "<html>hi</html>", headers: { "content-type": "text/html" } })], b: ["good"] },
    attempts: ["a=200", "a=200", "b=200"],
    before: 3,
    reasons: ["bad_response", "bad_response"],
    ends: fromB
  },
  {
    name: "an error inside a 200 is that error",
    upstreams: {
      a: [status(200, { body: { error: { message: "Slow down", code: "rate_limit_exceeded" } } })],
      b: ["good"]
    },
    attempts: ["a=200", "b=200"],
    before: 2,
    reasons: ["channel:rate_limited"],
    ends: fromB
  },
  {
    name: "an empty 200 everywhere ends with an error",
    upstreams: { a: [status(200, { body: " " })] },
    attempts: ["a=200", "a=200", "a=200", "a=200"],
    before: 4,
    ends: { error: "empty_response", status: 502, type: "server_error", recoverable: true }
  }
]

const faults: ReadonlyArray<Case> = [
  {
    name: "R29: a context that is too long for one model is asked of another",
    upstreams: { a: [contextTooLong], b: ["good"] },
    attempts: ["a=400", "b=200"],
    reasons: ["context_length_exceeded"],
    ends: fromB
  },
  {
    name: "R29: a context that is too long for one model, and for the other: the first refusal is told",
    upstreams: {
      a: [contextTooLong],
      b: [refused(400, "maximum context length is 16384 tokens", { code: "context_length_exceeded" })],
      c: ["good"]
    },
    attempts: ["a=400", "b=400"],
    ends: {
      error: "context_length_exceeded",
      status: 400,
      type: "invalid_request_error",
      recoverable: false,
      message: /maximum context length is 8192 tokens/
    }
  },
  {
    name: "a context that is too long is the caller's, and ends the request where the others have the same model",
    upstreams: { a: [contextTooLong], b: ["good"] },
    channels: { b: { modelMapping: { m: "model-a" } } },
    attempts: ["a=400"],
    ends: {
      error: "context_length_exceeded",
      status: 400,
      type: "invalid_request_error",
      recoverable: false,
      message: /maximum context length is 8192 tokens/,
      param: "messages",
      upstreamCode: "context_length_exceeded"
    }
  },
  {
    name: "a fault of the caller's that a later attempt finds is what is shown",
    upstreams: { a: [rateLimited({ "retry-after": "60" })], b: [contextTooLong] },
    attempts: ["a=429", "b=400"],
    ends: {
      error: "context_length_exceeded",
      status: 400,
      type: "invalid_request_error",
      recoverable: false,
      message: /maximum context length/
    }
  },
  {
    name: "a prompt that is refused for what it says ends the request",
    upstreams: { a: [filtered], b: ["good"] },
    attempts: ["a=400"],
    ends: {
      error: "prompt_blocked",
      status: 400,
      type: "invalid_request_error",
      recoverable: false,
      message: /content management policy/,
      upstreamCode: "content_filter"
    }
  },
  {
    name: "401 with a second key asks with that",
    upstreams: { a: [invalidKey, "good"], b: ["good"] },
    channels: { a: { keys: ["first-key", "second-key"] } },
    attempts: ["a=401", "a=200"],
    reasons: ["channel:invalid_key"],
    ends: fromA,
    also: ({ a }) =>
      assert.deepEqual(
        a?.requests.map(({ headers }) => headers.authorization),
        ["Bearer first-key", "Bearer second-key"]
      )
  },
  {
    name: "401 for every key moves to another channel",
    upstreams: { a: [invalidKey], b: ["good"] },
    channels: { a: { keys: ["first-key", "second-key"] } },
    attempts: ["a=401", "a=401", "b=200"],
    ends: fromB
  },
  {
    name: "401 everywhere ends with an error that asking again does not help",
    upstreams: { a: [invalidKey], b: [invalidKey] },
    attempts: ["a=401", "b=401"],
    ends: { error: "channel:invalid_key", status: 502, type: "server_error", recoverable: false }
  },
  {
    name: "402 moves to another channel",
    upstreams: { a: [unpaid], b: ["good"] },
    attempts: ["a=402", "b=200"],
    reasons: ["channel:quota_exhausted"],
    ends: fromB
  },
  {
    name: "404 of a model on one channel moves to another",
    upstreams: { a: [noModel], b: ["good"] },
    attempts: ["a=404", "b=200"],
    reasons: ["model_not_found"],
    ends: fromB
  },
  {
    name: "404 of a model everywhere is asked of each once",
    upstreams: { a: [noModel], b: [noModel] },
    attempts: ["a=404", "b=404"],
    ends: { error: "model_not_found", status: 404, type: "not_found_error", recoverable: false }
  },
  {
    name: "504 by its status is not retried",
    upstreams: { a: [status(504)], b: ["good"] },
    attempts: ["a=504"],
    ends: late
  },
  {
    name: "408 by its status is not retried",
    upstreams: { a: [status(408)], b: ["good"] },
    attempts: ["a=408"],
    ends: late
  },
  {
    name: "504 is retried elsewhere where retry.statuses says so",
    upstreams: { a: [status(504)], b: ["good"] },
    configuration: { retry: { statuses: "500-599" } },
    attempts: ["a=504", "b=200"],
    ends: fromB
  },
  {
    name: "statusMapping changes the status first",
    upstreams: { a: [status(504)], b: ["good"] },
    channels: { a: { statusMapping: { "504": 503 } } },
    attempts: ["a=503", "a=503", "b=200"],
    reasons: ["upstream_overloaded", "upstream_overloaded"],
    ends: fromB
  }
]

describe("failures that pass", () => passing.forEach(play))
describe("connections", () => connections.forEach(play))
describe("bodies", () => bodies.forEach(play))
describe("faults of callers, keys and models", () => faults.forEach(play))
