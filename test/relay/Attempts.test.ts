/**
 * Who is asked, in which order, and how often: the attempt loop over a real selection, on virtual time.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Random } from "effect"
import { TestClock } from "effect/testing"
import * as fc from "fast-check"
import { Script } from "effect-resilience/testing"
import { payloadsOf } from "#src/dialect/index"
import { type Channel, Selection } from "#src/channel/index"
import { askAndRead, channel, options, passUntil, type Scripts, virtualRelay, whole, wholeText } from "./virtual.ts"

interface Asked {
  /** The channels in the order in which they were asked. */
  readonly asked: ReadonlyArray<string>
  /** When each was, from the first one on, in milliseconds. */
  readonly at: ReadonlyArray<number>
  readonly end: { readonly event: string; readonly data: { readonly [field: string]: unknown } }
  /** How the channels do when it has. */
  readonly states: ReadonlyArray<string>
}

/** Asks one question, and tells who was asked and how it ended. */
const ask = (
  channels: ReadonlyArray<Channel>,
  scripts: Scripts,
  settings: { readonly [section: string]: unknown } = {}
): Promise<Asked> => {
  const { calls, layer } = virtualRelay(options(channels, settings), scripts)
  return Effect.gen(function* () {
    const { reader } = yield* askAndRead()
    yield* passUntil(() => reader.terminals() > 0)
    const last = payloadsOf([reader.text()]).at(-1)!
    return {
      asked: calls().map((call) => call.channel),
      at: calls().map(({ openedAt }) => openedAt - calls()[0]!.openedAt),
      end: { event: last.event ?? "message", data: JSON.parse(last.data) as Asked["end"]["data"] },
      states: (yield* (yield* Selection).states).map(({ state }) => state)
    }
  }).pipe(
    Effect.provide(layer),
    Random.withSeed("attempts"),
    Effect.scoped,
    Effect.provide(TestClock.layer()),
    Effect.runPromise
  )
}

const completes = ({ end }: Asked): void => {
  assert.strictEqual(end.event, "done", JSON.stringify(end.data))
  assert.strictEqual(end.data["full_content"], wholeText)
}

/** Channels in the order in which they are asked. */
const inTurn = (...ids: ReadonlyArray<string>): ReadonlyArray<Channel> =>
  ids.map((id, at) => channel(id, { priority: -at }))

const tooLong = Script.status(400, {
  body: { error: { message: "This model's maximum context length is 8192 tokens.", code: "context_length_exceeded" } }
})

describe("fresh channels", () => {
  it("R20: two channels are down, the third is asked within the attempts", async () => {
    for (const down of [Script.refused, Script.status(500), Script.status(503)]) {
      const seen = await ask(inTurn("a", "b", "c"), { a: [down], b: [down], c: [whole] })
      assert.deepStrictEqual(seen.asked, ["a", "a", "b", "c"])
      completes(seen)
    }
  })

  it("R20: with as many channels as attempts each is asked once", async () => {
    const bad = [Script.status(500)]
    const seen = await ask(inTurn("a", "b", "c", "d"), { a: bad, b: bad, c: bad, d: [whole] })
    assert.deepStrictEqual(seen.asked, ["a", "b", "c", "d"])
    completes(seen)
  })

  it("R20: a short hint is not waited out while as many wait as attempts are left", async () => {
    const busy = [Script.status(429, { headers: { "retry-after": "1" } })]
    const seen = await ask(inTurn("a", "b", "c"), { a: busy, b: busy, c: [whole] }, { retry: { times: 2 } })
    assert.deepStrictEqual(seen.asked, ["a", "b", "c"])
    assert.isBelow(seen.at.at(-1)!, 1000)
    completes(seen)
  })

  it("R20: nor is another key asked", async () => {
    const dead = [Script.status(401)]
    const keys = { keyCount: 3 }
    const seen = await ask(
      [channel("a", { priority: 2, ...keys }), channel("b", { priority: 1, ...keys }), channel("c")],
      { a: dead, b: dead, c: [whole] },
      { retry: { times: 2 } }
    )
    assert.deepStrictEqual(seen.asked, ["a", "b", "c"])
    completes(seen)
  })

  it("R20: none is asked twice before every one was asked, within times + 1 attempts", () => {
    const fault: fc.Arbitrary<Script.Script> = fc.oneof(
      fc.constant(Script.refused),
      fc.constant(Script.headersOnly(1000)),
      fc.constantFrom(401, 402, 404, 429, 500, 503).map((code) => Script.status(code)),
      fc
        .integer({ min: 1, max: 4 })
        .map((seconds) => Script.status(429, { headers: { "retry-after": String(seconds) } }))
    )
    const faults = fc.array(fault, { minLength: 1, maxLength: 4 })
    return fc.assert(
      fc.asyncProperty(
        fc.record({ a: faults, b: faults, c: faults, d: faults }),
        fc.integer({ min: 0, max: 6 }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 4 }),
        async (scripts, times, howMany, keyCount) => {
          const channels = ["a", "b", "c", "d"]
            .slice(0, howMany)
            .map((id, at) => channel(id, { priority: -at, keyCount }))
          const { asked } = await ask(channels, scripts, { retry: { times } })
          assert.isAtMost(asked.length, times + 1)
          const distinct = new Set(asked).size
          // Whoever was never asked had an attempt left for it, had another not been asked twice.
          if (distinct < howMany) assert.strictEqual(asked.length, Math.min(distinct, times + 1), asked.join(" "))
        }
      ),
      { numRuns: 150 }
    )
  })
})

describe("keys", () => {
  it("R21: six bad keys, and another channel: two of them, then the channel", async () => {
    for (const code of [401, 402, 429]) {
      const seen = await ask([channel("a", { priority: 1, keyCount: 6 }), channel("b")], {
        a: [Script.status(code)],
        b: [whole]
      })
      assert.deepStrictEqual(seen.asked, ["a", "a", "b"], String(code))
      completes(seen)
    }
  })

  it("R21: retry.keysPerChannel says how many", async () => {
    const scripts = { a: [Script.status(401)], b: [whole] }
    const channels = [channel("a", { priority: 1, keyCount: 6 }), channel("b")]
    for (const [keysPerChannel, asked] of [
      [1, ["a", "b"]],
      [3, ["a", "a", "a", "b"]]
    ] as const) {
      const seen = await ask(channels, scripts, { retry: { keysPerChannel } })
      assert.deepStrictEqual(seen.asked, asked)
    }
  })

  it("R21: with nobody else to ask all keys are", async () => {
    const dead = Script.status(401)
    const seen = await ask([channel("a", { keyCount: 4 })], { a: [dead, dead, dead, whole] })
    assert.deepStrictEqual(seen.asked, ["a", "a", "a", "a"])
    completes(seen)
  })

  it("R21: when the others have failed too, its other keys are asked", async () => {
    const dead = Script.status(401)
    const seen = await ask(
      [channel("a", { priority: 1, keyCount: 3 }), channel("b")],
      { a: [dead, dead, whole], b: [Script.status(404)] },
      { retry: { times: 5 } }
    )
    assert.deepStrictEqual(seen.asked, ["a", "a", "b", "a"])
    completes(seen)
  })

  it("R21: a continuation that found a bad key may come back for a good one", async () => {
    const cut = whole.pipe(Script.cutAfter(10, "reset"))
    const seen = await ask([channel("a", { priority: 1, continuation: "none" }), channel("b", { keyCount: 2 })], {
      a: [cut],
      b: [Script.status(401), whole]
    })
    assert.deepStrictEqual(seen.asked, ["a", "b", "b"])
    completes(seen)
  })
})

describe("a long silence", () => {
  const late = <S extends Exclude<Script.Script, Script.Silence>>(script: S): S => Script.startsAfter(script, 15_000)
  const faults = [Script.refused, Script.status(500), Script.status(502), Script.status(200, { body: " " })]

  it("R28: what fails after it is not asked again at once: another channel comes first", async () => {
    for (const fault of faults) {
      const seen = await ask(inTurn("a", "b"), { a: [late(fault)], b: [whole] })
      assert.deepStrictEqual(seen.asked, ["a", "b"])
      assert.isBelow(seen.at[1]!, 15_600)
      completes(seen)
    }
  })

  it("R28: nor with another key, nor after a short hint", async () => {
    const busy = Script.status(429, { headers: { "retry-after": "1" } })
    for (const fault of [Script.status(401), busy]) {
      const channels = [channel("a", { priority: 1, keyCount: 3 }), channel("b")]
      const seen = await ask(channels, { a: [late(fault)], b: [whole] })
      assert.deepStrictEqual(seen.asked, ["a", "b"])
    }
  })

  it("R28: what fails soon is asked again, and so is what fails late where nobody else is", async () => {
    for (const fault of faults) {
      const soon = await ask(inTurn("a", "b"), { a: [fault, whole], b: [whole] })
      assert.deepStrictEqual(soon.asked, ["a", "a"])
      const alone = await ask(inTurn("a"), { a: [late(fault), whole] })
      assert.deepStrictEqual(alone.asked, ["a", "a"])
    }
  })
})

describe("a request that is too long for a model", () => {
  const small = channel("small", { priority: 3, modelMapping: [["m", "small-1"]] })
  const twin = channel("twin", { priority: 2, modelMapping: [["m", "small-1"]] })
  const large = channel("large", { priority: 1, modelMapping: [["m", "large-1"]] })
  const larger = channel("larger", { modelMapping: [["m", "large-2"]] })
  const all = { small: [tooLong], twin: [whole], large: [whole], larger: [whole] }

  it("R29: is asked of one other model, and nobody is penalised", async () => {
    const seen = await ask([small, twin, large, larger], all, { breaker: { minimum: 1 } })
    assert.deepStrictEqual(seen.asked, ["small", "large"])
    assert.deepStrictEqual([...new Set(seen.states)], ["enabled"])
    completes(seen)
  })

  it("R29: if that one refuses it too, the first refusal is told", async () => {
    const other = Script.status(400, {
      body: { error: { message: "maximum context length is 9999 tokens", code: "context_length_exceeded" } }
    })
    const seen = await ask([small, twin, large, larger], { ...all, large: [other] })
    assert.deepStrictEqual(seen.asked, ["small", "large"])
    assert.strictEqual(seen.end.data["code"], "context_length_exceeded")
    assert.include(String(seen.end.data["message"]), "8192")
  })

  it("R29: with the same model everywhere it is told at once", async () => {
    const seen = await ask([small, twin], { small: [tooLong], twin: [whole] })
    assert.deepStrictEqual(seen.asked, ["small"])
    assert.strictEqual(seen.end.data["code"], "context_length_exceeded")
  })

  it("R29: where channels say how many tokens they take, that counts and not the name", async () => {
    const channels = [
      channel("small", { priority: 3, contextTokens: 8192 }),
      channel("smaller", { priority: 2, modelMapping: [["m", "small-2"]], contextTokens: 4096 }),
      channel("large", { priority: 1, contextTokens: 200_000 })
    ]
    const seen = await ask(channels, { small: [tooLong], smaller: [whole], large: [whole] })
    assert.deepStrictEqual(seen.asked, ["small", "large"])
    completes(seen)
  })

  it("R29: a larger model that breaks the connection is asked like any other", async () => {
    const seen = await ask([small, twin, large], { ...all, large: [Script.refused, whole] })
    assert.deepStrictEqual(seen.asked, ["small", "large", "large"])
    completes(seen)
  })

  it("R29: without attempts left it is told at once", async () => {
    const seen = await ask([small, large], all, { retry: { times: 0 } })
    assert.deepStrictEqual(seen.asked, ["small"])
  })
})
