/**
 * What an upstream's failure proves against a key, and what it does not.
 */
import { assert, describe, it } from "@effect/vitest"
import {
  BadResponse,
  BadResponseStatusCode,
  ChannelInvalidKey,
  ChannelParamOverrideInvalid,
  ChannelResponseTimeExceeded,
  ClientGone,
  DeadlineExceeded,
  DoRequestFailed,
  EmptyResponse,
  InternalError,
  type ResilienceError,
  StreamTruncated
} from "effect-resilience/errors"
import * as fc from "fast-check"
import { DisableSection } from "#src/channel/index"
import { evidenceIn, type EvidenceRules, lookedAt, rulesOf } from "#src/channel/Evidence"
import { classify } from "#src/dialect/index"
import { Settings, settingsFile } from "#src/settings/index"
import { Result } from "effect"

const rulesWith = (disable: object = {}): EvidenceRules =>
  rulesOf(
    Result.getOrThrow(Settings.make(settingsFile({ sections: [DisableSection] }), { disable })).of(DisableSection)
      .current
  )
const rules = rulesWith()

const body = (error: object) => JSON.stringify({ error })
const request = JSON.stringify({ model: "m", messages: [{ role: "user", content: "hello" }] })

/** What an upstream's answer proves. */
const proves = (status: number, text: string, sent = request, by = rules) => {
  const { byStatus, error, words } = classify({ status, headers: {}, body: text, now: 0 })
  const found = evidenceIn(by, { error, byStatus, words, sent })
  return found === undefined ? undefined : `${found.of}: ${found.seen}`
}

describe("an upstream's answer is evidence", () => {
  it.each([
    ["by its status", 401, "", "key: status 401"],
    ["by its status, whatever it says", 401, body({ message: "no such key" }), "key: status 401"],
    ["by its code", 403, body({ code: "Account_Deactivated", message: "bye" }), "key: code account_deactivated"],
    ["by its type", 403, body({ type: "authentication_error", message: "x" }), "key: code authentication_error"],
    ["by its code, with 402", 402, body({ code: "billing_not_active" }), "key: code billing_not_active"],
    [
      "by a keyword in any case",
      400,
      body({ message: "Your CREDIT balance is too low." }),
      "key: keyword credit balance is too low"
    ],
    [
      "by a keyword, with 429",
      429,
      body({ message: "You exceeded your current quota" }),
      "key: keyword exceeded your current quota"
    ],
    ["by a keyword in plain text", 403, "Your account is not authorized", "key: keyword account is not authorized"],
    ["inside a good answer", 200, body({ code: "invalid_api_key", message: "x" }), "key: code invalid_api_key"]
  ])("%s", (_, status, text, expected) => {
    assert.strictEqual(proves(status, text), expected)
  })

  it("also with a 400 that says no more than that: an operator's own words are more exact", () => {
    const own = rulesWith({ keywords: ["tenant is frozen"], codes: ["E1"] })
    assert.strictEqual(
      proves(400, body({ message: "the Tenant is frozen" }), request, own),
      "key: keyword tenant is frozen"
    )
    assert.strictEqual(proves(400, body({ code: "e1", message: "x" }), request, own), "key: code E1")
    assert.isUndefined(proves(400, "{}", request, rulesWith({ statuses: "400-499" })), "a status alone never is")
  })

  it("of the channel, by its class", () => {
    const found = evidenceIn(rules, { error: new ChannelParamOverrideInvalid({}), byStatus: false, sent: request })
    assert.deepStrictEqual(found, { of: "channel", reason: "channel:param_override_invalid", seen: "class channel" })
  })

  it("by a keyword in the first 4 KiB of its message, and no further", () => {
    const at = (before: number) => body({ message: `${"x".repeat(before)} exceeded your current quota` })
    assert.strictEqual(proves(429, at(4_000)), "key: keyword exceeded your current quota")
    assert.isUndefined(proves(429, at(lookedAt)))
  })
})

describe("false positives", () => {
  it("16: an error that says nothing of a key switches nothing off", () => {
    assert.isUndefined(proves(500, body({ code: "invalid_api_key", message: "Your credit balance is too low" })))
    assert.isUndefined(proves(503, "authentication_error"))
    assert.isUndefined(proves(404, body({ type: "authentication_error", message: "x" })))
    assert.isUndefined(proves(429, body({ code: "rate_limit_exceeded", message: "slow down" })))
    assert.isUndefined(proves(403, body({ message: "this region is not supported" })), "an unknown 403")
  })

  it("17: what the request says itself proves nothing, however it is written", () => {
    const said = 'my CREDIT balance is too low "and" my\nquota'
    const quoting = JSON.stringify({ model: "m", messages: [{ role: "user", content: said }] })
    assert.isUndefined(proves(400, body({ message: `cannot parse: ${said}` }), quoting))
    assert.strictEqual(
      proves(400, body({ message: `cannot parse: ${said}` })),
      "key: keyword credit balance is too low",
      "which another request does not say"
    )
    const odd = rulesWith({ keywords: ['say "no"\nmore'] })
    const sent = JSON.stringify({ content: 'please Say "No"\nMore of it' })
    assert.isUndefined(proves(403, body({ message: 'refused: say "no"\nmore' }), sent, odd))
    assert.isDefined(proves(403, body({ message: 'refused: say "no"\nmore' }), request, odd))
    // Of two words the one counts that is the upstream's own.
    const two = rulesWith({ keywords: ["frozen", "tenant is frozen"] })
    assert.strictEqual(
      proves(403, body({ message: "the tenant is frozen" }), JSON.stringify({ content: "frozen pizza" }), two),
      "key: keyword tenant is frozen"
    )
  })

  it("20: a caller's or content's fault never is, whatever its status and its words", () => {
    const faults: ReadonlyArray<readonly [number, object]> = [
      [400, { code: "context_length_exceeded", type: "authentication_error", message: "credit balance is too low" }],
      [401, { code: "content_filter", message: "x" }],
      [403, { message: "blocked by our content filter; your account is not authorized" }],
      [422, { code: "invalid_api_key", message: "x" }],
      [413, { type: "authentication_error" }]
    ]
    for (const [status, error] of faults) assert.isUndefined(proves(status, body(error)), JSON.stringify(error))
  })

  it("20: nothing that our own clocks or the client did is", () => {
    const upstream = { status: 401, code: "invalid_api_key", message: "Your credit balance is too low" }
    const ours: ReadonlyArray<ResilienceError> = [
      new ChannelResponseTimeExceeded({ phase: "firstContent", limitMillis: 1, elapsedMillis: 1, upstream }),
      new ChannelResponseTimeExceeded({ phase: "idle", limitMillis: 1, elapsedMillis: 1 }),
      new DeadlineExceeded({ upstream }),
      new ClientGone({ upstream }),
      new InternalError({ upstream }),
      new DoRequestFailed({ upstream }),
      new DoRequestFailed({})
    ]
    for (const error of ours) {
      assert.isUndefined(evidenceIn(rules, { error, byStatus: false, sent: request }), error._tag)
    }
  })

  it("no upstream that said nothing is blamed", () => {
    for (const error of [
      new EmptyResponse({}),
      new StreamTruncated({}),
      new BadResponse({}),
      new ChannelInvalidKey({})
    ]) {
      assert.isUndefined(evidenceIn(rules, { error, byStatus: true, sent: request }), error._tag)
    }
  })
})

describe("21: what other gateways overlook", () => {
  it("a spent balance with a 400 is evidence", () => {
    const text = body({ type: "invalid_request_error", message: "Your credit balance is too low to access the API." })
    assert.strictEqual(proves(400, text), "key: keyword credit balance is too low")
  })

  it("a status that the operator names is, if it is no caller's", () => {
    const by = rulesWith({ statuses: "401,403,500-503" })
    assert.strictEqual(proves(502, "", request, by), "key: status 502")
    assert.strictEqual(proves(403, "", request, by), "key: status 403")
  })
})

describe("whatever an upstream answers", () => {
  it("it is judged without a throw, and only by what the rules name", () => {
    const text = fc.oneof(
      fc.string({ maxLength: 200 }),
      fc
        .record({
          code: fc.constantFrom("invalid_api_key", "context_length_exceeded", "x", null),
          type: fc.constantFrom("authentication_error", "invalid_request_error", undefined),
          message: fc.constantFrom("exceeded your current quota", "maximum context length is 5", "hello", undefined)
        })
        .map(body)
    )
    fc.assert(
      fc.property(fc.integer({ min: 100, max: 599 }), text, fc.boolean(), (status, said, quoted) => {
        const found = proves(status, said, quoted ? JSON.stringify({ content: said }) : request)
        if (found === undefined) return
        assert.match(
          found,
          /^key: (status 401|code (invalid_api_key|authentication_error)|keyword exceeded your current quota)$/
        )
        if (!found.startsWith("key: status") && status > 299) {
          assert.include([400, 401, 402, 403, 429], status)
        }
      }),
      { numRuns: 2_000 }
    )
  })

  it("a failure of no upstream status counts by its class alone", () => {
    const error = new BadResponseStatusCode({ upstream: { code: "invalid_api_key" } })
    assert.isUndefined(evidenceIn(rules, { error, byStatus: false, sent: request }))
  })
})
