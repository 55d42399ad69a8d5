/**
 * An outcome is read as it was written: by the process that has just written it, and from its text by any other.
 */
import { assert, describe, it } from "@effect/vitest"
import { plainPrice } from "#src/account/index"
import { StreamTruncated } from "#src/errors/index"
import { decodeOutcome, LateOutcome, type Outcome } from "#src/relay/Outcome"

const outcomeOf = (more: Partial<Outcome> = {}): Outcome => ({
  requestId: "req_1",
  owner: "mobile",
  group: "default",
  model: "gpt-4.1",
  status: "completed",
  error: undefined,
  usage: { inputTokens: 7, outputTokens: 3, estimated: false, native: { from: "openai", raw: { prompt_tokens: 7 } } },
  price: undefined,
  channel: "a",
  settlement: { _tag: "Settle", credits: 10 },
  attempts: 1,
  trail: [
    {
      attempt: 1,
      channel: "a",
      key: 0,
      model: "m",
      mode: undefined,
      durationMillis: 4.5,
      status: 200,
      blame: undefined,
      code: undefined
    }
  ],
  startedAt: 1_764_312_000_000,
  durationMillis: 12.25,
  ...more
})

const rows: ReadonlyArray<readonly [string, Outcome]> = [
  ["a whole answer", outcomeOf()],
  ["one with its price", outcomeOf({ requestId: "req_2", price: { ...plainPrice, output: 4 } })],
  [
    "one that broke, of nobody, when nobody was asked",
    outcomeOf({
      requestId: "req_3",
      owner: "",
      status: "error",
      error: new StreamTruncated({ message: "it ended" }),
      channel: undefined,
      settlement: { _tag: "Refund" }
    })
  ]
]

const asText = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

describe("an outcome", () => {
  it.each(rows)("%s: says the same to who has written it and to all others", (_, outcome) => {
    const late = new LateOutcome(outcome)
    const unprinted = decodeOutcome(late)
    const { text } = late
    const own = decodeOutcome(text)
    assert.isDefined(own)
    assert.strictEqual(own, unprinted)
    // What was read once is not kept.
    const others = decodeOutcome(text)
    assert.notStrictEqual(others, own)
    assert.deepStrictEqual(asText({ version: 1, ...own }), asText(others))
    assert.strictEqual(own?.code, outcome.error === undefined ? undefined : "stream_truncated")
    assert.deepStrictEqual(own?.price, outcome.price ?? plainPrice)
  })

  it("of which many were written since is read from its text", () => {
    const { text } = new LateOutcome(outcomeOf({ requestId: "req_first" }))
    for (let n = 0; n < 300; n++) assert.include(new LateOutcome(outcomeOf({ requestId: `req_${n}` })).text, `req_${n}`)
    assert.strictEqual(decodeOutcome(text)?.requestId, "req_first")
    assert.strictEqual(decodeOutcome("no JSON"), undefined)
  })

  it("whose trail goes on is as it was when it was written", () => {
    const trail = [...outcomeOf().trail]
    const late = new LateOutcome(outcomeOf({ requestId: "req_trail", trail }))
    trail.push(trail[0]!)
    assert.lengthOf(decodeOutcome(late)?.trail ?? [], 1)
    assert.lengthOf(decodeOutcome(late.text)?.trail ?? [], 1)
  })
})
