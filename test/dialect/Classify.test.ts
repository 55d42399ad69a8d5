import { describe, expect, it } from "vitest"
import {
  anthropic,
  classify,
  classifyInBand,
  gemini,
  openai,
  responses,
  withoutQuotedBlame
} from "../../src/dialect/index.ts"
import { isErrorBody } from "../../src/dialect/upstream/Body.ts"
import { blameOf, codeOf, type ResilienceError } from "../../src/errors/index.ts"
import { withoutQuotationsOfAnyCase } from "../../src/relay/Quotation.ts"

const answer = (status: number, body: string | object = "", headers: { readonly [name: string]: string } = {}) => ({
  status,
  headers,
  body: typeof body === "string" ? body : JSON.stringify(body),
  now: 0
})

const named = (error: ResilienceError): string => `${blameOf(error)} ${codeOf(error)}`

const of = (status: number, body: string | object = "", headers: { readonly [name: string]: string } = {}): string =>
  named(classify(answer(status, body, headers)).error)

const inBand = (body: unknown): string => named(classifyInBand(body))

describe("a status that nothing explains", () => {
  const rows: ReadonlyArray<readonly [statuses: ReadonlyArray<number>, expected: string]> = [
    [[400, 405, 406, 409, 411, 415, 422, 431], "caller invalid_request"],
    [[413], "caller payload_too_large"],
    [[401, 403], "credential channel:invalid_key"],
    [[402], "quota channel:quota_exhausted"],
    [[404, 410], "model model_not_found"],
    [[408, 504, 524], "timeout channel:response_time_exceeded"],
    [[425, 429], "rate channel:rate_limited"],
    [[451], "content prompt_blocked"],
    [[503, 529], "upstream upstream_overloaded"],
    [
      [407, 412, 414, 416, 418, 421, 423, 424, 426, 428, 444, 499, 500, 501, 502, 505, 507, 520, 525, 530, 599],
      "upstream bad_response_status_code"
    ],
    [[100, 101, 103, 199], "upstream bad_response_status_code"],
    [[300, 301, 302, 303, 304, 307, 308, 399], "upstream bad_response_status_code"],
    [[0, 1, 99, 600, 799, 999], "upstream bad_response_status_code"]
  ]
  const bodies = ["", "{}", "<html><body>Bad</body></html>", "null", "oops", '{"error":{"message":"something"}}']
  for (const [statuses, expected] of rows) {
    for (const status of statuses) {
      it(`${status} is ${expected}`, () => {
        for (const body of bodies) {
          expect(of(status, body)).toBe(expected)
          expect(classify(answer(status, body)).byStatus).toBe(true)
        }
      })
    }
  }

  it("a time-out that the upstream reports has its phase", () => {
    expect(classify(answer(504)).error).toMatchObject({ phase: "upstream" })
  })
})

describe("a body that names it comes first", () => {
  const error = (message: string, code: unknown = null, type: unknown = "invalid_request_error") => ({
    error: { message, type, param: null, code }
  })
  const context = "caller context_length_exceeded"
  const policy = "content prompt_blocked"
  const quota = "quota channel:quota_exhausted"
  const key = "credential channel:invalid_key"
  const model = "model model_not_found"
  const rows: ReadonlyArray<readonly [vendor: string, status: number, body: string | object, expected: string]> = [
    ["OpenAI", 400, error("This model's maximum context length is 128000 tokens.", "context_length_exceeded"), context],
    [
      "vLLM",
      400,
      { object: "error", message: "This model's maximum context length is 4096 tokens. However…" },
      context
    ],
    [
      "Anthropic",
      400,
      {
        type: "error",
        error: { type: "invalid_request_error", message: "prompt is too long: 210000 tokens > 200000 maximum" }
      },
      context
    ],
    [
      "Anthropic",
      400,
      {
        type: "error",
        error: { message: "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000" }
      },
      context
    ],
    [
      "Gemini",
      400,
      {
        error: {
          code: 400,
          message: "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
          status: "INVALID_ARGUMENT"
        }
      },
      context
    ],
    [
      "llama.cpp",
      400,
      {
        error: {
          code: 400,
          message: "the request exceeds the available context size",
          type: "exceed_context_size_error"
        }
      },
      context
    ],
    ["Bedrock", 400, { message: "Input is too long for requested model." }, context],
    ["Groq", 413, error("Please reduce the length of the messages or completion."), context],
    ["a gateway that wraps it in 500", 500, error("boom", "context_length_exceeded"), context],

    [
      "Azure",
      400,
      {
        error: {
          code: "content_filter",
          message: "The response was filtered",
          innererror: { code: "ResponsibleAIPolicyViolation" }
        }
      },
      policy
    ],
    [
      "Azure",
      400,
      { error: { code: "400", message: "x", innererror: { code: "ResponsibleAIPolicyViolation" } } },
      policy
    ],
    [
      "OpenAI",
      400,
      error("Your request was rejected as a result of our safety system.", "content_policy_violation"),
      policy
    ],
    [
      "OpenAI",
      400,
      error("Invalid prompt: your prompt was flagged as potentially violating our usage policy.", "invalid_prompt"),
      policy
    ],
    ["Anthropic", 400, { type: "error", error: { message: "Output blocked by content filtering policy" } }, policy],
    [
      "OpenRouter",
      403,
      { error: { code: 403, message: 'm requires moderation on P. Your input was flagged for "x".' } },
      policy
    ],
    ["DeepSeek", 400, error("Content Exists Risk"), policy],
    [
      "Alibaba",
      400,
      { code: "DataInspectionFailed", message: "Input data may contain inappropriate content." },
      policy
    ],
    ["new-api", 400, error("x", "prompt_blocked", "new_api_error"), policy],

    [
      "OpenAI",
      429,
      error("You exceeded your current quota, please check your plan", "insufficient_quota", "insufficient_quota"),
      quota
    ],
    ["OpenAI", 400, error("Billing hard limit has been reached", "billing_hard_limit_reached"), quota],
    [
      "Anthropic",
      400,
      {
        type: "error",
        error: { type: "invalid_request_error", message: "Your credit balance is too low to access the Anthropic API." }
      },
      quota
    ],
    ["DeepSeek", 402, error("Insufficient Balance"), quota],
    ["OpenRouter", 402, { error: { code: 402, message: "Insufficient credits" } }, quota],
    [
      "Moonshot",
      429,
      error("Your account is suspended, please check your plan", null, "exceeded_current_quota_error"),
      quota
    ],
    ["new-api", 403, error("x", "insufficient_user_quota", "new_api_error"), quota],

    ["OpenAI", 401, error("Incorrect API key provided: sk-abc.", "invalid_api_key"), key],
    ["OpenAI", 429, error("x", "account_deactivated"), key],
    [
      "Gemini",
      400,
      {
        error: {
          code: 400,
          message: "API key not valid. Please pass a valid API key.",
          status: "INVALID_ARGUMENT",
          details: [{ "@type": "x", reason: "API_KEY_INVALID" }]
        }
      },
      key
    ],
    ["Gemini, a list", 400, [{ error: { code: 400, message: "x", details: [{ reason: "API_KEY_INVALID" }] } }], key],
    [
      "Anthropic",
      400,
      { type: "error", error: { type: "invalid_request_error", message: "This organization has been disabled." } },
      key
    ],
    ["Anthropic", 400, { type: "error", error: { type: "authentication_error", message: "invalid x-api-key" } }, key],
    ["AWS", 400, { message: "The security token included in the request is invalid." }, key],
    ["AWS", 400, { message: "Your account is not authorized to invoke this API operation." }, key],
    ["new-api's keywords", 400, { message: "Permission denied: consumer" }, key],
    ["new-api's keywords", 400, { message: "Operation not allowed" }, key],

    [
      "OpenAI",
      404,
      error("The model `gpt-9` does not exist or you do not have access to it.", "model_not_found"),
      model
    ],
    ["OpenAI", 403, error("Project `p` does not have access to model `m`", "model_not_found"), model],
    ["OpenAI-like", 400, error("The model `m-1` does not exist"), model],
    [
      "Azure",
      404,
      { error: { code: "DeploymentNotFound", message: "The API deployment for this resource does not exist." } },
      model
    ],
    [
      "Mistral",
      400,
      { object: "error", message: "Invalid model: foo", type: "invalid_model", param: null, code: "1500" },
      model
    ],
    ["OpenRouter", 400, { error: { code: 400, message: "foo/bar is not a valid model ID" } }, model],
    ["DeepSeek", 400, error("Model Not Exist"), model],
    ["Groq", 400, error("The model `x` has been decommissioned.", "model_decommissioned"), model],
    ["Ollama", 400, { error: 'model "x" not found, try pulling it first' }, model],
    ["new-api without a channel", 503, error("no channel", "model_not_found", "new_api_error"), model]
  ]
  for (const [vendor, status, body, expected] of rows) {
    it(`${vendor}: ${status} ${JSON.stringify(body).slice(0, 60)}… is ${expected}`, () => {
      expect(of(status, body)).toBe(expected)
      expect(classify(answer(status, body)).byStatus).toBe(false)
    })
  }

  it("with several names, the one that the table has first", () => {
    expect(of(400, error("You exceeded your current quota", "context_length_exceeded"))).toBe(context)
    expect(of(401, error("x", "invalid_api_key", "insufficient_quota"))).toBe(quota)
  })
})

describe("nothing is named by accident", () => {
  const rows: ReadonlyArray<readonly [why: string, status: number, body: string | object, expected: string]> = [
    [
      "a limit per minute",
      429,
      {
        error: {
          message: "Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 40000",
          type: "tokens",
          code: "rate_limit_exceeded"
        }
      },
      "rate channel:rate_limited"
    ],
    [
      "Bedrock's throttle",
      429,
      { message: "Too many tokens, please wait before trying again." },
      "rate channel:rate_limited"
    ],
    [
      "Gemini's limit per minute, in the words of a quota",
      429,
      {
        error: {
          code: 429,
          message: "You exceeded your current quota, please check your plan",
          status: "RESOURCE_EXHAUSTED",
          details: [
            {
              "@type": "type.googleapis.com/google.rpc.QuotaFailure",
              violations: [{ quotaId: "GenerateRequestsPerMinutePerProjectPerModel-FreeTier" }]
            }
          ]
        }
      },
      "rate channel:rate_limited"
    ],
    [
      "a parameter that the model does not take",
      400,
      {
        error: {
          message: "Unsupported parameter: 'max_tokens' is not supported with this model.",
          code: "unsupported_parameter"
        }
      },
      "caller invalid_request"
    ],
    [
      "a refused prefill",
      400,
      {
        error: {
          message:
            "This model does not support assistant message prefill. The conversation must end with a user message."
        }
      },
      "caller invalid_request"
    ],
    [
      "a tool that is not found",
      400,
      { error: { message: "tool_choice: the function 'x' was not found in the request to the model" } },
      "caller invalid_request"
    ],
    [
      "a quoted phrase",
      400,
      { error: { message: "Invalid 'messages[0]': got 'Permission denied'" } },
      "caller invalid_request"
    ],
    [
      "an upstream's failing filter",
      500,
      { error: { message: "blocked by content filter service failure" } },
      "upstream bad_response_status_code"
    ],
    ["words in a page", 400, "<html>Your credit balance is too low</html>", "caller invalid_request"],
    ["a body of a redirect", 302, { error: { code: "invalid_api_key" } }, "upstream bad_response_status_code"],
    ["a code of ours", 400, { error: { message: "x", code: "channel:invalid_key" } }, "caller invalid_request"]
  ]
  for (const [why, status, body, expected] of rows) {
    it(`${why}: ${expected}`, () => {
      expect(of(status, body)).toBe(expected)
    })
  }

  it("a status outside 400 to 403 and 429 blames no key", () => {
    for (const body of [
      { error: { message: "You exceeded your current quota", code: "insufficient_quota" } },
      { error: { message: "Incorrect API key provided", code: "invalid_api_key" } }
    ]) {
      for (const [status, expected] of [
        [404, "model model_not_found"],
        [408, "timeout channel:response_time_exceeded"],
        [422, "caller invalid_request"],
        [500, "upstream bad_response_status_code"],
        [503, "upstream upstream_overloaded"]
      ] as const) {
        expect(of(status, body)).toBe(expected)
      }
      for (const status of [400, 401, 402, 403, 429]) {
        expect(of(status, body)).toMatch(/^(quota|credential) /)
      }
    }
  })
})

describe("what an upstream only quotes of the request blames no key and no model", () => {
  const sent = (effort: string): string => JSON.stringify({ model: "gpt-4-turbo-preview", reasoning_effort: effort })
  const unquoted = (status: number, body: object, request: string): string => {
    const given = answer(status, body)
    const { byStatus, error } = withoutQuotedBlame(classify(given), given.body, (text) =>
      withoutQuotationsOfAnyCase(text, request)
    )
    return `${named(error)}${byStatus ? " by status" : ""}`
  }
  const refusing = (words: string): object => ({
    error: { message: `Invalid value: '${words}'. Supported values are: 'low'.`, code: "invalid_value" }
  })

  for (const words of [
    "you exceeded your current quota",
    "Your credit balance is too low",
    "reached your monthly spending limit",
    "used all available credits",
    "x. Your account balance is insufficient",
    "the security token included in the request is expired",
    "model `gpt-x` does not exist",
    'model "x" not found',
    "gpt-x is not a valid model",
    "no such tool; model 'gpt-x' not found; you exceeded your current quota"
  ]) {
    it(words, () => {
      expect(of(400, refusing(words))).toMatch(/^(quota|credential|model) /)
      expect(unquoted(400, refusing(words), sent(words))).toBe("caller invalid_request by status")
      expect(unquoted(400, refusing(words.toLowerCase()), sent(words.toUpperCase()))).toBe(
        "caller invalid_request by status"
      )
      expect(unquoted(429, refusing(words), sent(words))).toBe("rate channel:rate_limited by status")
      expect(unquoted(400, refusing(words), sent("high")), "not asked").toBe(of(400, refusing(words)))
    })
  }

  it("what it says itself still does: a code, a phrase that the request has a part of, a model by its name", () => {
    const quota = "quota channel:quota_exhausted"
    const words = "You exceeded your current quota"
    expect(unquoted(429, { error: { message: words, code: "insufficient_quota" } }, sent(words))).toBe(quota)
    const low = { error: { message: "Your credit balance is too low to access the API." } }
    expect(unquoted(400, low, sent("why is your credit balance so low?"))).toBe(quota)
    const google = { error: { message: "API key not valid.", details: [{ reason: "API_KEY_INVALID" }] } }
    expect(unquoted(400, google, sent("api key not valid. why?"))).toBe("credential channel:invalid_key")
    for (const quote of ['"', "'", "`"]) {
      const lacking = { error: { message: `The model ${quote}gpt-4-turbo-preview${quote} does not exist` } }
      expect(unquoted(400, lacking, sent("high"))).toBe("model model_not_found")
    }
  })

  it("and the request is read through a few times, however often a message quotes it", () => {
    const words = Array.from({ length: 60 }, (_, i) => `your credit balance is too low, model 'm${i}' not found`).join()
    const given = answer(400, refusing(words))
    const asked: Array<string> = []
    const { error } = withoutQuotedBlame(classify(given), given.body, (text) => {
      asked.push(text)
      return withoutQuotationsOfAnyCase(text, sent(words))
    })
    expect(named(error)).toBe("caller invalid_request")
    expect(asked.length).toBeLessThan(4)
    const one = "model 'm0' not found"
    expect(unquoted(400, { error: { message: `${one} ${one} model 'n' not found` } }, sent(one))).toBe(
      "model model_not_found"
    )
  })

  it("inside a good answer too: its own words stand for a status", () => {
    const words = "you exceeded your current quota"
    const body = { error: { message: `Invalid value: '${words}'`, type: "invalid_request_error" } }
    expect(unquoted(200, body, sent("high"))).toBe("quota channel:quota_exhausted")
    expect(unquoted(200, body, sent(words))).toBe("caller invalid_request by status")
  })
})

describe("an error inside a 2xx is as though it had come with its status", () => {
  const rows: ReadonlyArray<readonly [body: unknown, expected: string]> = [
    [{ error: { message: "x", code: 429 } }, "rate channel:rate_limited"],
    [{ error: { message: "x", code: "503" } }, "upstream upstream_overloaded"],
    [{ error: { message: "x", code: 400 } }, "caller invalid_request"],
    [{ error: { message: "x", code: 504 } }, "timeout channel:response_time_exceeded"],
    [{ error: { message: "x", status: 401 } }, "credential channel:invalid_key"],
    [{ error: { message: "x", type: "server_error", code: null } }, "upstream bad_response_status_code"],
    [{ error: { message: "x", type: "rate_limit_error" } }, "rate channel:rate_limited"],
    [{ error: { message: "x", code: "rate_limit_exceeded", type: "tokens" } }, "rate channel:rate_limited"],
    [{ error: { message: "x", type: "invalid_request_error" } }, "caller invalid_request"],
    [{ type: "error", error: { type: "overloaded_error", message: "Overloaded" } }, "upstream upstream_overloaded"],
    [{ error: { code: 8, status: "RESOURCE_EXHAUSTED", message: "x" } }, "rate channel:rate_limited"],
    [{ error: { status: "UNAVAILABLE", message: "x" } }, "upstream upstream_overloaded"],
    [{ error: { message: "x", code: "insufficient_quota" } }, "quota channel:quota_exhausted"],
    [{ error: { message: "x", code: "invalid_api_key" } }, "credential channel:invalid_key"],
    [{ error: { message: "x", code: "context_length_exceeded" } }, "caller context_length_exceeded"],
    [{ error: { message: "x", code: "content_filter" } }, "content prompt_blocked"],
    [{ error: { message: "x", code: "insufficient_quota", status: 500 } }, "upstream bad_response_status_code"],
    [{ error: { message: "boom" } }, "upstream bad_response_status_code"],
    [{ error: "boom" }, "upstream bad_response_status_code"],
    [{ error: true }, "upstream bad_response_status_code"],
    [{ error: {} }, "upstream bad_response_status_code"],
    [{ message: "boom" }, "upstream bad_response_status_code"],
    ["boom", "upstream bad_response_status_code"],
    [null, "upstream bad_response_status_code"],
    [undefined, "upstream bad_response_status_code"],
    [[], "upstream bad_response_status_code"],
    [7, "upstream bad_response_status_code"]
  ]
  for (const [body, expected] of rows) {
    it(`${JSON.stringify(body)} is ${expected}`, () => {
      expect(inBand(body)).toBe(expected)
    })
  }

  it("R7: an error that says nothing is no error, and no message", () => {
    for (const error of [{}, { message: "", type: "", param: "", code: null }, { code: 0, message: "success" }]) {
      expect(isErrorBody({ error }, true), JSON.stringify(error)).toBe(false)
      expect(isErrorBody({ error }, false), JSON.stringify(error)).toBe(
        "message" in error && error.message === "success"
      )
    }
    expect(isErrorBody({ error: { code: 0, message: "went wrong" } }, true)).toBe(true)
  })

  it("as a whole answer too", () => {
    expect(of(200, { error: { message: "x", code: "rate_limit_exceeded" } })).toBe("rate channel:rate_limited")
    expect(of(200, "")).toBe("upstream empty_response")
    expect(of(200, "<html>")).toBe("upstream bad_response")
    expect(of(200, { error: null })).toBe("upstream bad_response_body")
    expect(of(200, [])).toBe("upstream bad_response_body")
    expect(classify(answer(200, { error: { code: 500 } })).byStatus).toBe(false)
  })
})

describe("what the upstream said is kept", () => {
  const said = (body: string | object) => classify(answer(400, body)).error.upstream

  it("a message in each of the eight places, in their order", () => {
    const places: ReadonlyArray<object> = [
      { error: { message: "m" } },
      { error: "m" },
      { message: "m" },
      { msg: "m" },
      { err: "m" },
      { error_msg: "m" },
      { detail: "m" },
      { header: { message: "m" } },
      { response: { error: { message: "m" } } }
    ]
    for (const body of places) expect(said(body)?.message).toBe("m")
    // The first two are one place, in two forms.
    for (let i = 1; i < places.length - 1; i++) {
      const later = JSON.parse(JSON.stringify(places[i + 1]).replace('"m"', '"later"')) as object
      expect(said({ ...later, ...places[i] })?.message).toBe("m")
    }
    expect(said("plain text")?.message).toBe("plain text")
    expect(said('"a string"')?.message).toBe("a string")
    expect(said({ detail: [{ loc: ["body"], msg: "field required" }] })?.message).toContain("field required")
    expect(said({ error: { code: "x" } })?.message).toBe('{"code":"x"}')
    expect(said({ error: 7 })?.message).toBe("7")
  })

  it("nothing of a page, an empty body, or a body without a message", () => {
    for (const body of ["", "   ", "<!DOCTYPE html><html>", "<html>", "  <div>", "{}", "null", "[]", '{"error":{}}']) {
      expect(said(body)).toEqual({ status: 400 })
    }
  })

  it("its code, type and param, apart from ours", () => {
    expect(said({ error: { message: "m", code: "c", type: "t", param: "messages[0]" } })).toEqual({
      status: 400,
      code: "c",
      type: "t",
      param: "messages[0]",
      message: "m"
    })
    expect(said({ error: { message: "m", code: 7, param: null } })).toEqual({
      status: 400,
      code: "7",
      param: null,
      message: "m"
    })
  })

  it("bounded, and without secrets", () => {
    const error = classify(
      answer(400, {
        error: { message: `key sk-proj-abcdefghijklmnop at https://internal.example.com/v1?x=1 ${"a".repeat(5000)}` }
      })
    ).error
    expect(error.upstream?.message?.length).toBeLessThanOrEqual(2048)
    for (const text of [error.upstream?.message, error.message]) {
      expect(text).not.toContain("abcdefghijklmnop")
      expect(text).not.toContain("internal")
    }
    expect(classify(answer(400, `${"😀".repeat(2000)}`)).error.upstream?.message?.isWellFormed()).toBe(true)
  })
})

describe("hints", () => {
  const hint = (status: number, headers: { readonly [name: string]: string }, body: string | object = "") =>
    classify(answer(status, body, headers)).error.retryAfterMillis

  it("from the headers, the body, or the message", () => {
    expect(hint(429, { "retry-after": "3" })).toBe(3000)
    expect(hint(429, { "retry-after-ms": "120", "retry-after": "5" })).toBe(120)
    expect(hint(503, { "retry-after": "3" })).toBe(3000)
    expect(hint(429, { "x-ratelimit-reset-requests": "1m" })).toBe(60_000)
    expect(hint(429, {}, { error: { details: [{ retryDelay: "1.5s" }] } })).toBe(1500)
    expect(hint(429, { "retry-after": "1" }, { error: { details: [{ retryDelay: "7s" }] } })).toBe(7000)
    expect(hint(429, {}, { error: { message: "Rate limit reached. Please try again in 1m2.5s." } })).toBe(62_500)
    expect(hint(429, {}, { error: { message: "Please retry after 20 seconds." } })).toBe(20_000)
    expect(hint(429, { "retry-after": "1" }, { error: { message: "Please try again in 20s." } })).toBe(1000)
    expect(hint(429, {})).toBe(undefined)
  })

  it("a reset counts only where a limit was the reason", () => {
    expect(hint(500, { "x-ratelimit-reset-requests": "1m" })).toBe(undefined)
    expect(hint(503, { "x-ratelimit-reset-requests": "1m" })).toBe(undefined)
  })

  it("none where asking again does not help", () => {
    expect(hint(400, { "retry-after": "3" })).toBe(undefined)
    expect(hint(451, { "retry-after": "3" })).toBe(undefined)
  })

  it("at most an hour", () => {
    expect(hint(429, { "retry-after": "86400" })).toBe(3_600_000)
  })
})

describe("garbage", () => {
  it("never throws, whatever the body", () => {
    let seed = 7
    const random = (n: number): number => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0
      return Math.floor((seed / 2 ** 32) * n)
    }
    const names = [
      "error",
      "message",
      "code",
      "type",
      "details",
      "response",
      "header",
      "param",
      "status",
      "choices",
      "__proto__"
    ]
    const value = (depth: number): unknown => {
      switch (random(depth > 4 ? 6 : 8)) {
        case 0:
          return null
        case 1:
          return random(700)
        case 2:
          return "text \ud800 <html>"
        case 3:
          return true
        case 4:
          return ""
        case 5:
          return "insufficient_quota"
        case 6:
          return Array.from({ length: random(4) }, () => value(depth + 1))
        default:
          return Object.fromEntries(
            Array.from({ length: random(5) }, () => [names[random(names.length)], value(depth + 1)])
          )
      }
    }
    for (let i = 0; i < 4000; i++) {
      const json = JSON.stringify(value(0)) ?? ""
      const body = random(5) === 0 ? json.slice(random(json.length + 1)) : json
      const status = random(1000)
      const { error } = classify({ status, headers: {}, body, now: 0 })
      expect(typeof codeOf(error)).toBe("string")
      const encoded = { body: "", dropped: [], names: undefined }
      for (const event of ["", "error", "ping"]) openai.decoder(encoded).step(event, body)
      openai.decodeWhole({ status: 200, headers: {}, body, now: 0 }, encoded)
    }
  })

  it("nor however deep it is: what no stack can print says nothing", () => {
    const deep = `${"[".repeat(20_000)}${"]".repeat(20_000)}`
    for (const body of [
      `{"error":${deep}}`,
      `{"error":{"message":${deep},"code":${deep}}}`,
      `{"message":${deep}}`,
      `{"base_resp":{"status_code":1,"status_msg":${deep}}}`,
      `{"detail":[{"loc":["body",${deep}],"msg":"x"}]}`
    ]) {
      for (const status of [200, 422, 500]) {
        expect(typeof codeOf(classify({ status, headers: {}, body, now: 0 }).error)).toBe("string")
      }
      const encoded = { body: "", dropped: [], names: undefined }
      for (const dialect of [openai, responses, anthropic, gemini]) {
        expect(dialect.decoder(encoded).step("error", body)._tag).toBe("Fault")
      }
    }
  })

  it("is read in linear time", () => {
    const start = performance.now()
    for (const body of [
      "model ".repeat(200_000),
      `${"a/".repeat(500_000)} is`,
      `{"message":"${"`a".repeat(300_000)}"}`,
      "[".repeat(100_000)
    ]) {
      classify({ status: 400, headers: {}, body, now: 0 })
    }
    expect(performance.now() - start).toBeLessThan(1000)
  })
})
