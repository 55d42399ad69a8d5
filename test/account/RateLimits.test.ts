/**
 * Buckets of requests and of tokens.
 */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { limitHeaders, RateLimits } from "#src/account/index"

const minute = { requests: 3, tokens: null, perMillis: 60_000 }

describe("a bucket of requests", () => {
  it("gives as many at once as it holds, and then one in each part of the time", () => {
    const limits = new RateLimits()
    const retries = [0, 0, 0, 0].map(() => limits.take("a", minute, 0).retryAfterMillis)
    assert.deepStrictEqual(retries, [undefined, undefined, undefined, 20_000])
    assert.strictEqual(limits.take("a", minute, 19_999).retryAfterMillis, 1)
    assert.strictEqual(limits.take("a", minute, 20_000).retryAfterMillis, undefined)
    assert.strictEqual(limits.take("b", minute, 0).retryAfterMillis, undefined)
  })

  it("a refusal takes nothing, and what is given back is there again", () => {
    const limits = new RateLimits()
    const one = { requests: 1, tokens: null, perMillis: 1_000 }
    limits.take("a", one, 0)
    for (let at = 0; at < 10; at++) assert.isDefined(limits.take("a", one, 0).retryAfterMillis)
    limits.giveBack("a", one, 0)
    limits.giveBack("a", one, 0)
    assert.isUndefined(limits.take("a", one, 0).retryAfterMillis)
    assert.isDefined(limits.take("a", one, 0).retryAfterMillis)
  })

  it("says how it stands as OpenAI does", () => {
    const limits = new RateLimits()
    assert.deepStrictEqual(limitHeaders(limits.take("a", { requests: 60, tokens: 100, perMillis: 60_000 }, 0)), {
      "x-ratelimit-limit-requests": "60",
      "x-ratelimit-remaining-requests": "59",
      "x-ratelimit-reset-requests": "1s",
      "x-ratelimit-limit-tokens": "100",
      "x-ratelimit-remaining-tokens": "100",
      "x-ratelimit-reset-tokens": "0s"
    })
  })

  it("a limit that has changed begins full", () => {
    const limits = new RateLimits()
    limits.take("a", { requests: 1, tokens: null, perMillis: 1_000 }, 0)
    assert.isUndefined(limits.take("a", { requests: 2, tokens: null, perMillis: 1_000 }, 0).retryAfterMillis)
  })

  it("in no time more are let through than the bucket and what has filled since, and no fewer are refused for nothing", () =>
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 5_000 }),
        fc.array(fc.nat(2_000), { minLength: 1, maxLength: 200 }),
        fc.constantFrom(0, 1_790_000_000_000),
        (requests, perMillis, gaps, start) => {
          const limits = new RateLimits()
          const limit = { requests, tokens: null, perMillis }
          let now = start
          const through: Array<number> = []
          for (const gap of gaps) {
            now += gap
            const { retryAfterMillis } = limits.take("a", limit, now)
            if (retryAfterMillis === undefined) through.push(now)
            else {
              // Who waits as long as it was told is let in.
              const later = new RateLimits()
              for (const at of through) later.take("a", limit, at)
              assert.isUndefined(later.take("a", limit, now + retryAfterMillis + 1e-6).retryAfterMillis)
            }
          }
          for (let from = 0; from < through.length; from++) {
            for (let to = from; to < through.length; to++) {
              const filled = ((through[to]! - through[from]!) * requests) / perMillis
              assert.isAtMost(to - from + 1, requests + filled + 1e-6)
            }
          }
        }
      )
    ))
})

describe("a bucket of tokens", () => {
  const limit = { requests: null, tokens: 100, perMillis: 60_000 }

  it("is charged when an answer has ended, and lets nothing through until it is above nothing again", () => {
    const limits = new RateLimits()
    assert.isUndefined(limits.take("a", limit, 0).retryAfterMillis)
    limits.charge("a", 150, 0)
    const { retryAfterMillis, tokens } = limits.take("a", limit, 0)
    assert.strictEqual(tokens?.remaining, 0)
    assert.isAtLeast(retryAfterMillis ?? 0, 30_000)
    assert.isDefined(limits.take("a", limit, 29_999).retryAfterMillis)
    assert.isUndefined(limits.take("a", limit, retryAfterMillis ?? 0).retryAfterMillis)
  })

  it("who was never let in is charged nothing", () => {
    const limits = new RateLimits()
    limits.charge("nobody", 1_000, 0)
    assert.strictEqual(limits.take("nobody", limit, 0).tokens?.remaining, 100)
  })
})

it("names that were full again are forgotten when there are very many", () => {
  const limits = new RateLimits()
  const one = { requests: 1, tokens: null, perMillis: 1_000 }
  for (let name = 0; name < 100_000; name++) limits.take(`address ${name}`, one, 0)
  limits.take("busy", one, 5_000)
  assert.isDefined(limits.take("busy", one, 5_000).retryAfterMillis)
  for (let name = 0; name < 10; name++) limits.take(`other ${name}`, one, 5_000)
  assert.isDefined(limits.take("busy", one, 5_000).retryAfterMillis)
  assert.isBelow(limits.size, 100)
})
