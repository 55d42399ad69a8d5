/**
 * What a request has tried, and what comes next: as tables.
 */
import { assert, describe, it } from "@effect/vitest"
import {
  type Code,
  codes,
  DeadlineExceeded,
  DoRequestFailed,
  InvalidRequest,
  PromptBlocked,
  RateLimited,
  type ResilienceError,
  StreamTruncated,
  UpstreamOverloaded
} from "effect-resilience/errors"
import * as fc from "fast-check"
import {
  again,
  anybody,
  askedOf,
  type Facts,
  type Failed,
  failedBeside,
  finalError,
  giveUp,
  joined,
  next,
  type Pursuit,
  takenOver,
  triedOf,
  untried
} from "#src/relay/Pursuit"
import { sample } from "../../errors/samples.ts"
import { anyError, pursuit } from "./notes.ts"

const failed = (error: ResilienceError, more: Partial<Failed> = {}): Failed => ({
  error,
  channel: "a",
  keyIndex: 0,
  keyCount: 1,
  pin: undefined,
  room: { model: "m", contextTokens: null },
  silentMillis: 0,
  continuing: false,
  refusal: undefined,
  statusForbids: false,
  ...more
})

const facts = (more: Partial<Facts> = {}): Facts => ({
  retry: { times: 3, keysPerChannel: 2, sameChannel: 1, waitUpTo: 3000 },
  recovery: { mode: "continue", maxContinuations: 2 },
  now: 10_000,
  remaining: 60_000,
  backoff: 150,
  phase: "unseen",
  called: false,
  otherwise: false,
  usable: () => true,
  fresh: () => 1,
  budget: () => true,
  ...more
})

const asked = (attempts = 1, more: Partial<Pursuit> = {}): Pursuit => pursuit({ attempts, ...more })
const reset = new DoRequestFailed({})
const busy = new UpstreamOverloaded({})

/** What comes next, in a line. */
const said = ([, step]: ReturnType<typeof next>): string =>
  step._tag === "GiveUp"
    ? `ends: ${step.error._tag}`
    : `asks ${step.only ?? "anybody"}${step.otherKey ? ", by another key" : ""}, after ${step.delayMillis}${step.announced ? ", announced" : ""}`

describe("before anything was shown", () => {
  it.each<readonly [string, Failed, Pursuit, Partial<Facts>, string]>([
    ["a reset is asked again at once, once", failed(reset), asked(), {}, "asks a, after 0"],
    ["and then elsewhere", failed(reset), asked(2, { askedAgain: { a: 1 } }), {}, "asks anybody, after 0"],
    ["an overload is asked again after a backoff", failed(busy), asked(), {}, "asks a, after 150"],
    [
      "or after what it asks for, if that is longer",
      failed(new UpstreamOverloaded({ retryAfterMillis: 2000 })),
      asked(),
      {},
      "asks a, after 2000"
    ],
    [
      "but not if that is too long",
      failed(new UpstreamOverloaded({ retryAfterMillis: 3001 })),
      asked(),
      {},
      "asks anybody, after 0"
    ],
    ["nor if the request's time is over by then", failed(busy), asked(), { remaining: 150 }, "asks anybody, after 0"],
    ["what may not be asked again moves on", failed(reset), asked(), { usable: () => false }, "asks anybody, after 0"],
    [
      "unless it said itself when it may be",
      failed(new UpstreamOverloaded({ retryAfterMillis: 200 })),
      asked(),
      { usable: () => false },
      "asks a, after 200"
    ],
    ["without a budget it moves on", failed(reset), asked(), { budget: () => false }, "asks anybody, after 0"],
    [
      "a bad key is replaced by another",
      failed(sample("channel:invalid_key"), { keyCount: 2 }),
      asked(),
      {},
      "asks a, by another key, after 0"
    ],
    [
      "while there is one",
      failed(sample("channel:invalid_key"), { keyCount: 2 }),
      asked(2, { keys: ["a#1"] }),
      {},
      "asks anybody, after 0"
    ],
    ["a caller's fault ends it", failed(new InvalidRequest({})), asked(), {}, "ends: InvalidRequest"],
    ["a content's too", failed(new PromptBlocked({})), asked(), {}, "ends: PromptBlocked"],
    [
      "and a status that is not to be retried",
      failed(busy, { statusForbids: true }),
      asked(),
      {},
      "ends: UpstreamOverloaded"
    ],
    ["with the last attempt it ends", failed(reset), asked(4), {}, "ends: DoRequestFailed"],
    ["with what came first", failed(reset), asked(4, { first: busy }), {}, "ends: UpstreamOverloaded"],
    [
      "unless the caller was found at fault",
      failed(new InvalidRequest({})),
      asked(4, { first: busy }),
      {},
      "ends: InvalidRequest"
    ],
    [
      "out of time it ends as that, whatever was before",
      failed(new DeadlineExceeded({})),
      asked(2, { first: busy }),
      {},
      "ends: DeadlineExceeded"
    ],
    [
      "without time left it ends with what came first",
      failed(reset),
      asked(1, { first: busy }),
      { remaining: 0 },
      "ends: UpstreamOverloaded"
    ]
  ])("%s", (_, failure, before, more, expected) => {
    assert.strictEqual(said(next(before, failure, facts(more))), expected)
  })

  it("what was tried is remembered: channels that are out, that failed, keys, penalties, hints", () => {
    const [once] = next(asked(), failed(new RateLimited({ retryAfterMillis: 60_000 })), facts())
    assert.deepInclude(once, {
      penalised: ["a"],
      hints: { a: 70_000 },
      previous: { channel: "a", reason: "rate_limited" }
    })
    const [twice] = next(
      { ...once, attempts: 2 },
      failed(sample("channel:response_time_exceeded"), { channel: "b" }),
      facts()
    )
    assert.deepInclude(twice, { out: ["b"], penalised: ["a", "b"], hints: { a: 70_000 } })
    const tried = triedOf({ ...twice, failed: ["c"], keys: ["a#0"] })
    assert.deepStrictEqual([[...tried.out], [...tried.failed], [...tried.keys]], [["b"], ["c"], ["a#0"]])
  })

  it("a longer hint stays, a shorter one does not shorten it", () => {
    const long = next(asked(), failed(new RateLimited({ retryAfterMillis: 9000 })), facts())[0]
    assert.deepStrictEqual(next(long, failed(new RateLimited({ retryAfterMillis: 10 })), facts())[0].hints, {
      a: 19_000
    })
  })

  it("asked again for its own sake, a channel may use the same key again", () => {
    assert.deepStrictEqual(next(asked(), failed(reset), facts())[0].keys, [])
    assert.deepStrictEqual(next(asked(), failed(reset, { keyCount: 2 }), facts())[0].keys, ["a#0"])
  })
})

describe("who was not asked yet", () => {
  const step = (failure: Failed, before: Pursuit, more: Partial<Facts>): string =>
    said(next(before, failure, facts(more)))
  const dead = sample("channel:invalid_key")
  const long = sample("context_length_exceeded")
  const slow = { silentMillis: 3001 }

  it.each<readonly [string, Failed, Pursuit, Partial<Facts>, string]>([
    ["R20: comes before a retry that would take its attempt", failed(reset), asked(2), { fresh: () => 2 }, "anybody"],
    ["R20: leaves retries to who has attempts to spare", failed(reset), asked(1), { fresh: () => 2 }, "a"],
    ["R20: comes before another key", failed(dead, { keyCount: 4 }), asked(2), { fresh: () => 2 }, "anybody"],
    ["R20: is nobody: the last attempt is the channel's", failed(reset), asked(3), { fresh: () => 0 }, "a"],
    ["R21: comes before a third key", failed(dead, { keyCount: 6 }), asked(2, { keys: ["a#1"] }), {}, "anybody"],
    [
      "R21: comes before a third key that a short hint would bring",
      failed(sample("channel:rate_limited", { retryAfterMillis: 100 }), { keyCount: 6 }),
      asked(2, { keys: ["a#1"] }),
      {},
      "anybody"
    ],
    [
      "R21: is nobody: all keys are asked",
      failed(dead, { keyCount: 6 }),
      asked(2, { keys: ["a#1"] }),
      { fresh: () => 0 },
      "a, by another key"
    ],
    ["R28: comes before who was silent", failed(reset, slow), asked(), {}, "anybody"],
    ["R28: is nobody: who was silent is asked again", failed(reset, slow), asked(), { fresh: () => 0 }, "a"],
    ["R29: is asked once for what is too long", failed(long), asked(), {}, "anybody"]
  ])("%s", (_, failure, before, more, expected) => {
    assert.strictEqual(step(failure, before, more), `asks ${expected}, after 0`)
  })

  it("R21: a channel whose keys are not all bad is not out", () => {
    const left = next(asked(2, { keys: ["a#1"] }), failed(dead, { keyCount: 3 }), facts())[0]
    assert.deepStrictEqual([left.failed, left.out], [["a"], []])
    const spent = next(asked(2, { keys: ["a#1"] }), failed(dead, { keyCount: 2 }), facts())[0]
    assert.deepStrictEqual([spent.failed, spent.out], [[], ["a"]])
    const continuing = next(asked(2), failed(dead, { keyCount: 2, continuing: true }), facts({ phase: "joining" }))[0]
    assert.deepStrictEqual([continuing.failed, continuing.out, continuing.keys], [["a"], [], ["a#0"]])
  })

  it("a pinned channel whose keys may not be asked again is out: the request would get one that rests", () => {
    const unpaid = sample("channel:quota_exhausted")
    const toKey = { keyCount: 2, pin: { channel: "a", key: 0 } }
    const toChannel = { keyCount: 2, pin: { channel: "a", key: undefined } }
    for (const error of [dead, unpaid]) {
      const [of, step] = next(asked(), failed(error, toKey), facts({ fresh: () => 0 }))
      assert.deepStrictEqual([of.failed, of.out, said([of, step])], [[], ["a"], "asks anybody, after 0"])
      const other = next(asked(), failed(error, toChannel), facts({ fresh: () => 0 }))
      assert.strictEqual(said(other), "asks a, by another key, after 0")
      const spent = next(asked(2, { keys: ["a#1"] }), failed(error, toChannel), facts({ fresh: () => 0 }))[0]
      assert.deepStrictEqual([spent.failed, spent.out], [[], ["a"]])
    }
    const keyless = next(asked(), failed(dead, { ...toKey, keyCount: 0, keyIndex: -1 }), facts({ fresh: () => 0 }))[0]
    assert.deepStrictEqual(keyless.out, ["a"])
    const free = next(asked(), failed(unpaid), facts({ fresh: () => 0 }))[0]
    assert.deepStrictEqual([free.failed, free.out], [["a"], []])
  })

  it("R28, R29: two side by side are too long for one model: the larger one is asked all the same", () => {
    const small = { model: "small", contextTokens: 8192 }
    const large = { model: "large", contextTokens: 128_000 }
    const one = failedBeside(asked(2), failed(long, { channel: "b", room: small }), 10_000)
    const [both, step] = next(one, failed(long, { room: small }), facts())
    assert.strictEqual(said([both, step]), "asks anybody, after 0")
    assert.deepStrictEqual(both.outgrown, small)
    assert.strictEqual(
      said(next(both, failed(long, { channel: "c", room: large }), facts())),
      "ends: ContextLengthExceeded"
    )
  })

  it("R20, R29: what was asked, and what it was too long for, is known to who takes the answer up", () => {
    const [before] = next(asked(), failed(long, { room: { model: "small", contextTokens: 8192 } }), facts())
    const after = takenOver(before, {
      shown: false,
      open: undefined,
      retry: { times: 3 },
      recovery: { mode: "continue", maxContinuations: 2 }
    })!
    assert.deepStrictEqual(after.outgrown, { model: "small", contextTokens: 8192 })
    assert.isTrue(askedOf(after, "b").failed.has("a"))
    assert.deepStrictEqual(next(after, failed(sample("context_length_exceeded")), facts())[1], {
      _tag: "GiveUp",
      error: long
    })
  })
})

describe("after something was shown", () => {
  it.each<readonly [string, Failed, Pursuit, Partial<Facts>, string]>([
    ["it goes on", failed(reset), asked(), { phase: "shown" }, "asks anybody, after 0"],
    ["as often as it may", failed(reset), asked(3, { continuations: 1 }), { phase: "shown" }, "asks anybody, after 0"],
    ["and no oftener", failed(reset), asked(3, { continuations: 2 }), { phase: "shown" }, "ends: DoRequestFailed"],
    [
      "never with recovery off",
      failed(reset),
      asked(),
      { phase: "shown", recovery: { mode: "off", maxContinuations: 2 } },
      "ends: DoRequestFailed"
    ],
    ["never where it cannot be spliced", failed(reset), asked(), { phase: "final" }, "ends: DoRequestFailed"],
    [
      "a call that was cut is told so",
      failed(reset),
      asked(),
      { phase: "final", called: true },
      "ends: StreamTruncated"
    ],
    [
      "but not what its upstream says itself",
      failed(busy),
      asked(),
      { phase: "final", called: true },
      "ends: UpstreamOverloaded"
    ],
    ["a caller's fault ends it", failed(new InvalidRequest({})), asked(), { phase: "shown" }, "ends: InvalidRequest"],
    [
      "but not a continuation, which the caller did not ask for",
      failed(new InvalidRequest({}), { continuing: true }),
      asked(),
      { phase: "joining" },
      "asks anybody, after 0"
    ],
    [
      "a refused mode is no failure: the next mode",
      failed(reset, { continuing: true, refusal: { _tag: "Mode", mode: "prefill" } }),
      asked(),
      { phase: "joining", otherwise: true },
      "asks a, after 0, announced"
    ],
    [
      "or another channel, where there is none",
      failed(reset, { continuing: true, refusal: { _tag: "Mode", mode: "message" } }),
      asked(),
      { phase: "joining" },
      "asks anybody, after 0"
    ],
    [
      "out of time it ends as that",
      failed(new DeadlineExceeded({})),
      asked(),
      { phase: "shown" },
      "ends: DeadlineExceeded"
    ]
  ])("%s", (_, failure, before, more, expected) => {
    assert.strictEqual(said(next(before, failure, facts(more))), expected)
  })

  it("what broke it first is told in the end, and what broke last is gone on from", () => {
    const [first] = next(asked(), failed(reset), facts({ phase: "shown" }))
    assert.deepStrictEqual(first.broke, { error: reset, from: "a", reason: "do_request_failed" })
    // b has shown nothing of its own: a is still the one that did.
    const [unjoined] = next(first, failed(busy, { channel: "b", continuing: true }), facts({ phase: "joining" }))
    assert.deepStrictEqual(unjoined.broke, { error: reset, from: "a", reason: "do_request_failed" })
    const [second, step] = next(
      joined(first, "b"),
      failed(busy, { channel: "b", continuing: true }),
      facts({ phase: "shown", recovery: { mode: "continue", maxContinuations: 1 } })
    )
    assert.deepStrictEqual(second.broke, { error: reset, from: "b", reason: "upstream_overloaded" })
    assert.deepStrictEqual(step, { _tag: "GiveUp", error: reset })
    assert.strictEqual(finalError(second), reset)
  })

  it("an attempt that is made again without a field that its target refused counts as none", () => {
    const refusal = { _tag: "Field", path: "temperature" } as const
    const [after, step] = next(asked(2), failed(reset, { refusal }), facts({ phase: "unseen", otherwise: true }))
    assert.deepStrictEqual(after, asked(1))
    assert.deepStrictEqual(step, {
      _tag: "Ask",
      only: "a",
      otherKey: false,
      delayMillis: 0,
      announced: true
    })
  })

  describe("before anything was shown, of what was given with the request", () => {
    const refusal = { _tag: "Mode", mode: "message" } as const
    const declined = failed(busy, { continuing: true, refusal })

    it("a refused mode is no failure: the next mode", () => {
      const [after, step] = next(asked(1), declined, facts({ otherwise: true }))
      assert.deepStrictEqual(after, asked(1))
      assert.deepStrictEqual(step, { ...anybody, only: "a", announced: true })
    })

    it("where there is none the channel is out, and another one is found", () => {
      const [after, step] = next(asked(2), declined, facts())
      assert.deepInclude(after, { out: ["a"], first: busy, previous: { channel: "a", reason: "upstream_overloaded" } })
      assert.deepStrictEqual(step, anybody)
    })

    it("as long as attempts are left", () => {
      assert.deepStrictEqual(next(asked(4), declined, facts())[1], { _tag: "GiveUp", error: busy })
    })

    it("a refused token is none of it", () => {
      const token = failed(busy, { continuing: true, refusal: { _tag: "Mode", mode: "token" } })
      assert.deepStrictEqual(next(asked(1), token, facts()), [asked(1), anybody])
    })
  })

  it("a refused mode changes nothing of what was tried", () => {
    const before = asked(2, { continuations: 1 })
    assert.strictEqual(
      next(before, failed(reset, { refusal: { _tag: "Mode", mode: "prefill" } }), facts({ phase: "joining" }))[0],
      before
    )
  })
})

describe("again: when all was tried", () => {
  it.each<readonly [string, Pursuit, Partial<Facts>, string]>([
    ["the best of what failed is asked after a backoff", asked(2, { first: busy }), {}, "asks b, after 150"],
    ["or when it said that it may be", asked(2, { first: busy, hints: { b: 12_000 } }), {}, "asks b, after 2000"],
    ["not if that is too far", asked(2, { first: busy, hints: { b: 13_001 } }), {}, "ends: UpstreamOverloaded"],
    [
      "not if the request's time is over by then",
      asked(2, { first: busy }),
      { remaining: 150 },
      "ends: UpstreamOverloaded"
    ],
    ["not without a budget", asked(2, { first: busy }), { budget: () => false }, "ends: UpstreamOverloaded"],
    ["and where nothing came first, as a cut", asked(2), { budget: () => false }, "ends: StreamTruncated"]
  ])("%s", (_, before, more, expected) => {
    assert.strictEqual(said([before, again(before, "b", facts(more))]), expected)
  })
})

describe("giveUp", () => {
  it.each<readonly [string, ResilienceError, Pursuit["hints"], number | undefined]>([
    ["tells the least wait of those that were asked", busy, { a: 19_000, b: 15_000 }, 5000],
    ["not one that is over", busy, { a: 9000 }, undefined],
    ["nothing where nobody said any", busy, {}, undefined],
    ["nothing where asking again does not help", new InvalidRequest({}), { a: 19_000 }, undefined]
  ])("%s", (_, error, hints, expected) => {
    const step = giveUp(pursuit({ hints }), error, 10_000)
    if (step._tag !== "GiveUp") return assert.fail("it does not give up")
    assert.strictEqual(step.error._tag, error._tag)
    assert.strictEqual(step.error.retryAfterMillis, expected)
  })
})

describe("takenOver: the process that wrote the answer is gone", () => {
  const rules = { retry: { times: 3 }, recovery: { mode: "continue", maxContinuations: 2 } } as const
  const unseen = { shown: false, open: "a", ...rules }
  const seen = { shown: true, open: "a", ...rules }

  it("nothing was shown: the attempt that was lost counts as it did, and comes first", () => {
    assert.deepInclude(takenOver(asked(1), unseen), {
      attempts: 1,
      continuations: 0,
      previous: { channel: "a", reason: "writer_lost" },
      broke: undefined
    })
    assert.strictEqual(takenOver(asked(1), unseen)?.first?._tag, "StreamTruncated")
    assert.strictEqual(takenOver(asked(2, { first: busy }), unseen)?.first, busy)
  })

  it("nothing was shown and nobody was asked: it counts all the same", () => {
    assert.deepInclude(takenOver(untried, { ...unseen, open: undefined }), {
      attempts: 1,
      previous: { channel: "", reason: "writer_lost" }
    })
    const between = asked(2, { previous: { channel: "b", reason: "rate_limited" } })
    assert.deepInclude(takenOver(between, { ...unseen, open: undefined }), {
      attempts: 3,
      previous: { channel: "b", reason: "writer_lost" }
    })
  })

  it.each([
    [0, 3, true],
    [3, 3, true],
    [4, 3, false],
    [1, 0, false],
    [1, 1, true]
  ])("nothing was shown, %i attempts of %i further ones: goes on %s", (attempts, times, goes) => {
    const pursuit = takenOver(asked(attempts), { ...unseen, retry: { times } })
    assert.strictEqual(pursuit !== undefined, goes)
  })

  it.each([
    [0, 2, true],
    [1, 2, true],
    [2, 2, false],
    [0, 0, false]
  ])("shown, %i continuations of %i: goes on %s, and counts one more", (continuations, maxContinuations, goes) => {
    const taken = takenOver(asked(1, { continuations }), { ...seen, recovery: { mode: "continue", maxContinuations } })
    assert.strictEqual(taken?.continuations, goes ? continuations + 1 : undefined)
  })

  it("shown, with recovery off: never", () => {
    assert.strictEqual(takenOver(asked(1), { ...seen, recovery: { mode: "off", maxContinuations: 2 } }), undefined)
  })

  it("shown: it goes on from the channel that showed it last, and ends with what broke it first", () => {
    const taken = takenOver(asked(1), seen)
    assert.deepInclude(taken?.broke, { from: "a", reason: "writer_lost" })
    assert.instanceOf(taken?.broke?.error, StreamTruncated)
    // b was asked to go on, and had shown nothing of its own.
    const broke = { error: reset, from: "a", reason: "do_request_failed" } as const
    const joining = takenOver(asked(2, { continuations: 1, broke }), { ...seen, open: "b" })
    assert.deepStrictEqual(joining?.broke, { error: reset, from: "a", reason: "writer_lost" })
    assert.deepStrictEqual(joining?.previous, { channel: "b", reason: "writer_lost" })
    // b had been joined.
    const after = takenOver(joined(asked(2, { continuations: 1, broke }), "b"), { ...seen, open: "b" })
    assert.deepInclude(after?.broke, { from: "b", reason: "writer_lost" })
  })

  it("a request that kills whoever serves it is served so often and no oftener", () => {
    for (const shown of [false, true]) {
      let lives = 0
      let pursuit: Pursuit | undefined = untried
      while (pursuit !== undefined && lives < 50) {
        lives++
        pursuit = takenOver({ ...pursuit, attempts: pursuit.attempts + 1 }, { ...rules, shown, open: "a" })
      }
      assert.strictEqual(lives, shown ? 1 + 2 : 1 + 3)
    }
  })
})

describe("next, for any failures", () => {
  it("ends within its budgets, penalises nobody twice, and asks nobody who is out", () =>
    fc.assert(
      fc.property(
        fc.array(fc.tuple(anyError, fc.constantFrom("a", "b", "c"), fc.boolean()), { minLength: 40, maxLength: 40 }),
        fc.nat({ max: 3 }),
        fc.nat({ max: 3 }),
        (failures, times, maxContinuations) => {
          let now = untried
          let shown = false
          for (const [error, wanted, commits] of failures) {
            // Who is out is not picked.
            const channel = [wanted, "a", "b", "c"].find((id) => !now.out.includes(id))
            if (channel === undefined) return
            now = { ...now, attempts: now.attempts + 1 }
            shown ||= commits
            const [after, step] = next(
              now,
              failed(error, { channel, continuing: now.broke !== undefined }),
              facts({
                retry: { times, keysPerChannel: 2, sameChannel: 1, waitUpTo: 3000 },
                recovery: { mode: "continue", maxContinuations },
                phase: shown ? "shown" : "unseen"
              })
            )
            assert.strictEqual(new Set(after.penalised).size, after.penalised.length)
            if (step._tag === "GiveUp") return
            if (step.only !== undefined) assert.notInclude(after.out, step.only, "who is out is asked")
            assert.isAtMost(after.continuations, maxContinuations)
            now = after
          }
          assert.fail("it never ends")
        }
      )
    ))

  it.each(codes)("%s is a step, whatever was shown", (code: Code) => {
    for (const phase of ["unseen", "shown", "joining", "final"] as const) {
      const [after, step] = next(asked(), failed(sample(code)), facts({ phase }))
      assert.include(["GiveUp", "Ask"], step._tag)
      if (step._tag === "Ask" && step.only === undefined) assert.deepStrictEqual(step, anybody)
      assert.isAtMost(after.penalised.length, 1)
    }
  })
})
