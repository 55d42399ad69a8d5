import { assert, describe, it } from "@effect/vitest"
import { RetryHints } from "effect-resilience/policy"
import * as fc from "fast-check"

const now = Date.UTC(2026, 10, 22, 6, 0, 0)
const hour = 3_600_000

describe("RetryHints: retry-after", () => {
  const table: ReadonlyArray<[string, number | undefined]> = [
    ["0", 0],
    ["5", 5000],
    [" 5 ", 5000],
    ["1.5", 1500],
    ["1.1", 1100],
    ["0.0001", 1],
    ["86400", hour],
    ["999999999999999999999", hour],
    ["-1", undefined],
    ["+1", undefined],
    ["1e3", undefined],
    ["0x10", undefined],
    ["NaN", undefined],
    ["Infinity", undefined],
    ["", undefined],
    ["soon", undefined],
    ["5 seconds", undefined],
    // RFC 9110, 5.6.7: the three forms.
    ["Sun, 22 Nov 2026 06:00:10 GMT", 10_000],
    ["Sunday, 22-Nov-26 06:00:10 GMT", 10_000],
    ["Sun Nov 22 06:00:10 2026", 10_000],
    ["Sun, 22 Nov 2026 05:59:50 GMT", 0],
    ["Sun, 22 Nov 2027 05:59:50 GMT", hour],
    ["Sat, 31 Feb 2026 06:00:10 GMT", undefined],
    ["Sun, 22 Nov 2026 25:00:10 GMT", undefined],
    ["Sun, 22 Nov 2026 06:00:10 CET", undefined],
    ["22 Nov 2026", undefined],
    ["2026", 2026 * 1000]
  ]
  for (const [value, expected] of table) {
    it(JSON.stringify(value), () =>
      assert.strictEqual(
        RetryHints.parseRetryAfter(value, now),
        expected === undefined ? undefined : Math.min(expected, hour)
      )
    )
  }

  it("a two-digit year far ahead is in the past century", () => {
    assert.strictEqual(
      RetryHints.parseHttpDate("Sunday, 06-Nov-94 08:49:37 GMT", now),
      Date.UTC(1994, 10, 6, 8, 49, 37)
    )
  })
})

describe("RetryHints: durations and resets", () => {
  const durations: ReadonlyArray<[string, number | undefined]> = [
    ["1s", 1000],
    ["6m0s", 360_000],
    ["1h2m3s", hour],
    ["1m30.5s", 90_500],
    ["20ms", 20],
    ["500µs", 1],
    ["3.000000001s", 3000],
    ["1.5s", 1500],
    ["1d", hour],
    ["", undefined],
    ["5", undefined],
    ["-5s", undefined],
    ["5s later", undefined],
    ["s", undefined]
  ]
  for (const [value, expected] of durations) {
    it(`duration ${JSON.stringify(value)}`, () => assert.strictEqual(RetryHints.parseDuration(value), expected))
  }
  const resets: ReadonlyArray<[string, number | undefined]> = [
    ["30", 30_000],
    [String(now / 1000 + 20), 20_000],
    [String(now + 20_000), 20_000],
    ["2026-11-22T06:00:07Z", 7000],
    ["2026-11-22T07:00:07.5+01:00", 7500],
    ["2026-11-22T05:00:00Z", 0],
    ["2026-11-22", undefined],
    ["6m0s", 360_000],
    ["Sun, 22 Nov 2026 06:00:10 GMT", 10_000],
    ["2026-99-99T06:00:07Z", undefined]
  ]
  for (const [value, expected] of resets) {
    it(`reset ${JSON.stringify(value)}`, () => assert.strictEqual(RetryHints.parseReset(value, now), expected))
  }
})

describe("RetryHints: headers", () => {
  // A vendor's own, as rows beside everybody's.
  const names: RetryHints.HeaderNames = {
    millis: [...RetryHints.standard.millis, "x-ms-retry-after-ms"],
    buckets: [
      ...RetryHints.standard.buckets,
      ...["x-ratelimit-*-requests", "x-ratelimit-*-tokens", "anthropic-ratelimit-requests-*"].map(RetryHints.bucket)
    ]
  }
  const table: ReadonlyArray<[string, RetryHints.HeaderFields, number | undefined]> = [
    ["nothing", {}, undefined],
    ["milliseconds win", { "retry-after-ms": "120", "retry-after": "5" }, 120],
    ["Azure's milliseconds", { "x-ms-retry-after-ms": "250" }, 250],
    ["garbled milliseconds do not", { "retry-after-ms": "later", "retry-after": "5" }, 5000],
    ["retry-after before resets", { "retry-after": "2", "x-ratelimit-reset-requests": "30s" }, 2000],
    ["garbled retry-after leaves the resets", { "retry-after": "soon", "x-ratelimit-reset-requests": "30s" }, 30_000],
    ["the latest reset", { "x-ratelimit-reset-requests": "1s", "x-ratelimit-reset-tokens": "6m0s" }, 360_000],
    [
      "the reset of the empty bucket",
      {
        "x-ratelimit-reset-requests": "1s",
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-tokens": "6m0s",
        "x-ratelimit-remaining-tokens": "100"
      },
      1000
    ],
    [
      "Anthropic",
      { "anthropic-ratelimit-requests-reset": "2026-11-22T06:00:07Z", "anthropic-ratelimit-requests-remaining": "0" },
      7000
    ],
    ["several values: the first", { "retry-after": ["3", "9"] }, 3000],
    ["GitHub", { "x-ratelimit-reset": String(now / 1000 + 20), "x-ratelimit-remaining": "0" }, 20_000]
  ]
  for (const [name, headers, expected] of table) {
    it(name, () => assert.strictEqual(RetryHints.fromHeaders(headers, now, names), expected))
  }

  it("knows no vendor's headers, unless it is told", () => {
    for (const headers of [
      { "x-ms-retry-after-ms": "250" },
      { "x-ratelimit-reset-requests": "1s" },
      { "anthropic-ratelimit-requests-reset": "2026-11-22T06:00:07Z" }
    ]) {
      assert.isUndefined(RetryHints.fromHeaders(headers, now))
    }
    assert.strictEqual(RetryHints.fromHeaders({ "x-ratelimit-reset": "7" }, now), 7000)
  })

  it("whatever a server sends, a hint is a whole number from 0 to an hour, or none", () =>
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.constantFrom("retry-after", "retry-after-ms", "x-ratelimit-reset", "x-ratelimit-reset-tokens"),
          fc.oneof(
            fc.string(),
            fc.double().map(String),
            fc.integer().map((n) => `${n}s`),
            fc.date({ noInvalidDate: true }).map((d) => d.toUTCString())
          )
        ),
        (headers) => {
          const hint = RetryHints.fromHeaders(headers, now, names)
          return hint === undefined || (Number.isInteger(hint) && hint >= 0 && hint <= hour)
        }
      ),
      { numRuns: 1000 }
    ))
})

describe("RetryHints: bodies", () => {
  const info = (retryDelay: unknown) => ({ "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay })
  const table: ReadonlyArray<[string, unknown, number | undefined]> = [
    ["Google", { error: { details: [{ "@type": "other" }, info("1.5s")] } }, 1500],
    ["Google, a list of errors", [{ error: { details: [info("34s")] } }], 34_000],
    ["seconds and nanos", { error: { details: [info({ seconds: 2, nanos: 500_000_000 })] } }, 2500],
    ["seconds as a string", { details: [info({ seconds: "2" })] }, 2000],
    ["capped", { error: { details: [info("86400s")] } }, hour],
    ["garbled", { error: { details: [info("soon"), info(null), info(5), null, 3] } }, undefined],
    ["no details", { error: { message: "no" } }, undefined],
    ["a text", "retryDelay: 5s", undefined],
    ["null", null, undefined],
    ["an empty list", [], undefined]
  ]
  for (const [name, body, expected] of table) {
    it(name, () => assert.strictEqual(RetryHints.fromBody(body), expected))
  }
})
