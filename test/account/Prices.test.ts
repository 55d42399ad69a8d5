/**
 * What answers cost, what is reserved for them, and who pays: tables and properties of the pure parts.
 */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import {
  allowanceOf,
  costOf,
  type EndedAnswer,
  plainPrice,
  priceOf,
  settlementOf,
  tokensToReserve
} from "#src/account/index"
import { type AnswerRequest, clientDialects, type Usage } from "#src/dialect/index"
import { type Blame, blames } from "#src/errors/index"
import { sumUsage } from "#src/relay/UsageSum"

const usage = (inputTokens: number, outputTokens: number, more: Partial<Usage> = {}): Usage => ({
  inputTokens,
  outputTokens,
  estimated: false,
  ...more
})

describe("costOf", () => {
  it.each([
    ["exact in the third decimal", { input: 0.07 }, usage(100, 0), 7],
    ["rounded up once, not for each part", { input: 0.4, output: 0.4 }, usage(1, 1), 1],
    [
      "what came from the cache at its own price",
      { input: 2, cachedInput: 0.5 },
      usage(10, 0, { cacheReadTokens: 4 }),
      14
    ],
    [
      "more from the cache than there was is all of it",
      { input: 2, cachedInput: 1 },
      usage(3, 0, { cacheReadTokens: 9 }),
      3
    ],
    ["a request has a price of its own", { input: 0, output: 0, request: 5 }, usage(100, 100), 5],
    ["nothing is nothing", {}, usage(0, 0), 0]
  ])("%s", (_, price, used, credits) => {
    assert.strictEqual(costOf({ ...plainPrice, output: 0, ...price }, used), credits)
  })

  it("is never less than the exact cost, and less than one credit more", () => {
    const price = fc.integer({ min: 0, max: 1_000_000_000 })
    fc.assert(
      fc.property(price, price, fc.nat(2_000_000), fc.nat(2_000_000), (input, output, prompt, answer) => {
        const cost = costOf({ ...plainPrice, input: input / 1e6, output: output / 1e6 }, usage(prompt, answer))
        const exact = BigInt(prompt) * BigInt(input) + BigInt(answer) * BigInt(output)
        const over = BigInt(cost) * 1_000_000n - exact
        assert.isTrue(over >= 0n && over < 1_000_000n)
      })
    )
  })

  it("the first pattern counts, in the order of the file; without one a token is a credit", () => {
    const dear = { ...plainPrice, input: 9 }
    const prices = [
      ["gpt-5*", dear],
      ["gpt-*", plainPrice]
    ] as const
    assert.strictEqual(priceOf(prices, "gpt-5-mini"), dear)
    assert.strictEqual(priceOf(prices, "o3"), plainPrice)
  })
})

const parsed = (body: object): AnswerRequest => {
  const result = clientDialects.openai.parse(
    { parameter: "", query: "", headers: {}, body: JSON.stringify({ model: "m", ...body }) },
    { maxMessage: 1e9, defaultModel: "" }
  )
  if (result._tag === "Failure") throw result.failure
  return result.success
}

describe("tokensToReserve", () => {
  it.each([
    ["a quarter of the bytes, not of the characters", { messages: [{ role: "user", content: "日本" }] }, 2, 1024],
    [
      "all texts together, rounded once",
      {
        messages: [
          { role: "system", content: "a" },
          { role: "user", content: "b" }
        ]
      },
      1,
      1024
    ],
    [
      "an image is 1,000",
      { messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: "https://x/y" } }] }] },
      1000,
      1024
    ],
    [
      "as much as was asked for, for each choice",
      { max_tokens: 10, n: 3, messages: [{ role: "user", content: "abcd" }] },
      1,
      30
    ],
    [
      "tools too",
      {
        messages: [{ role: "user", content: "" }],
        tools: [{ type: "function", function: { name: "ab", description: "cd", parameters: {} } }]
      },
      2,
      1024
    ]
  ])("%s", (_, body, inputTokens, outputTokens) => {
    assert.deepStrictEqual(tokensToReserve(parsed(body)), { inputTokens, outputTokens })
  })
})

describe("settlementOf", () => {
  const settled = (blame: Blame | undefined, more: Partial<EndedAnswer> = {}) => {
    const settlement = settlementOf(plainPrice, { blame, usage: usage(3, 4), delivered: true, ...more })
    return settlement._tag === "Settle" ? settlement.credits : "refund"
  }

  it("pays by the class: what was delivered, or nobody", () => {
    const paid = blames.filter((blame) => settled(blame) === 7)
    assert.sameMembers(paid, ["content", "upstream", "timeout", "transport", "exhausted", "cancelled"])
    assert.strictEqual(settled(undefined), 7)
  })

  it("where nothing was delivered a bad end costs nothing; what an upstream has billed for its refusal does", () => {
    const paid = blames.filter((blame) => settled(blame, { delivered: false }) !== "refund")
    assert.sameMembers(paid, ["content"])
    assert.strictEqual(settled("content", { usage: usage(3, 0, { estimated: true }) }), "refund")
  })
})

describe("sumUsage", () => {
  it("the caller pays one prompt, and of a continuation's output what was new", () => {
    const parts = [
      { quarters: 40, usage: usage(100, 10) },
      // It has said the first ten tokens again, and ten more.
      { quarters: 40, repeated: 40, usage: usage(110, 20, { reasoningTokens: 0 }) }
    ]
    assert.deepInclude(
      sumUsage(parts, () => 0),
      { inputTokens: 100, outputTokens: 20 }
    )
  })

  it("what a continuation thought anew, and one that showed nothing, is the operator's", () => {
    const parts = [
      { quarters: 40, usage: usage(100, 10, { reasoningTokens: 2 }) },
      { quarters: 40, repeated: 0, usage: usage(110, 60, { reasoningTokens: 50 }) },
      { quarters: 0, repeated: 0, usage: usage(110, 5) }
    ]
    assert.deepInclude(
      sumUsage(parts, () => 0),
      { inputTokens: 100, outputTokens: 20, reasoningTokens: 2 }
    )
  })
})

describe("allowanceOf", () => {
  const account = { balance: 100, reserved: 40, settledToday: 10, settledMonth: 30 }
  it.each([
    ["what is left of a balance, without what is reserved", account, undefined, 60, null, 60],
    ["not a credit more", account, undefined, 61, null, "TooLittle"],
    ["a balance that is trusted reserves nothing", account, undefined, 61, 100, 0],
    [
      "a budget of a day counts what is settled and what is reserved",
      account,
      { amount: 60, per: "day" },
      10,
      null,
      10
    ],
    ["not a credit more of it", account, { amount: 60, per: "day" }, 11, null, "OverBudget"],
    ["a budget of a month counts the month", account, { amount: 60, per: "month" }, 0, null, "OverBudget"],
    ["a budget is reserved for, whoever is trusted", account, { amount: 1000, per: "day" }, 61, 100, 61],
    ["what is unlimited reserves nothing", { ...account, balance: null }, undefined, 1e9, null, 0],
    [
      "a balance below nothing lets nothing through",
      { ...account, balance: -1, reserved: 0 },
      undefined,
      0,
      null,
      "TooLittle"
    ]
  ] as const)("%s", (_, found, budget, credits, trustAbove, expected) => {
    const allowed = allowanceOf(found, budget, credits, trustAbove)
    assert.strictEqual(allowed._tag === "Allowed" ? allowed.reserve : allowed._tag, expected)
  })
})
