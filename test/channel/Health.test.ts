import { assert, describe, it } from "@effect/vitest"
import {
  BadResponse,
  ChannelInvalidKey,
  ChannelParamOverrideInvalid,
  ChannelQuotaExhausted,
  ChannelRateLimited,
  ChannelResponseTimeExceeded,
  CircuitOpen,
  ClientGone,
  DeadlineExceeded,
  DoRequestFailed,
  InternalError,
  InvalidRequest,
  ModelNotFound,
  PromptBlocked,
  QueryDataError,
  type ResilienceError
} from "effect-resilience/errors"
import { Result } from "effect"
import { BreakerSection } from "#src/channel/index"
import { Settings, settingsFile } from "#src/settings/index"
import * as Health from "../../src/channel/Health.ts"
import { breaker } from "./kit/channels.ts"

const spot = { channel: "a", key: 0, model: "m" }
const otherKey = { ...spot, key: 1 }
const otherModel = { ...spot, model: "n" }
const otherKeyAndModel = { ...otherKey, model: "n" }
const otherChannel = { ...spot, channel: "b" }

const fail = (health: Health.Health, error: ResilienceError, now: number, at: Health.Spot = spot) =>
  Health.settle(health, Health.begin(health, at, now), Health.verdictOf(error), now)

const succeed = (health: Health.Health, now: number, at: Health.Spot = spot) =>
  Health.settle(health, Health.begin(health, at, now), Health.success, now)

const is = (health: Health.Health, at: Health.Spot, now: number) => Health.fitness(health, at, now).is

describe("what rests after a failure", () => {
  type Rests = "none" | "keyAndModel" | "key" | "model" | "channel"
  const table: ReadonlyArray<readonly [string, ResilienceError, Rests, millis?: number]> = [
    ["rate, without a hint", new ChannelRateLimited({}), "keyAndModel", 1_000],
    ["rate, with a hint", new ChannelRateLimited({ retryAfterMillis: 7_000 }), "keyAndModel", 7_000],
    ["rate, with a hint of a day", new ChannelRateLimited({ retryAfterMillis: 86_400_000 }), "keyAndModel", 3_600_000],
    ["credential", new ChannelInvalidKey({}), "key", 30_000],
    ["quota, without a hint", new ChannelQuotaExhausted({}), "key", 30_000],
    ["quota, with a hint", new ChannelQuotaExhausted({ retryAfterMillis: 2_000 }), "key", 2_000],
    ["model", new ModelNotFound({}), "model", 30_000],
    ["channel", new ChannelParamOverrideInvalid({}), "channel", 30_000],
    ["upstream, once", new BadResponse({}), "none"],
    ["upstream, with a hint", new BadResponse({ retryAfterMillis: 4_000 }), "keyAndModel", 4_000],
    ["transport, once", new DoRequestFailed({}), "none"],
    ["timeout, once", new ChannelResponseTimeExceeded({ phase: "headers", limitMillis: 1, elapsedMillis: 1 }), "none"],
    ["caller", new InvalidRequest({ retryAfterMillis: 5_000 }), "none"],
    ["content", new PromptBlocked({}), "none"],
    ["rejected", new CircuitOpen({ retryAfterMillis: 5_000 }), "none"],
    ["exhausted", new DeadlineExceeded({}), "none"],
    ["storage", new QueryDataError({}), "none"],
    ["cancelled", new ClientGone({}), "none"],
    ["defect", new InternalError({}), "none"]
  ]
  const resting: { readonly [R in Rests]: ReadonlyArray<Health.Spot> } = {
    none: [],
    keyAndModel: [spot],
    key: [spot, otherModel],
    model: [spot, otherKey],
    channel: [spot, otherKey, otherModel, otherKeyAndModel]
  }
  for (const [name, error, rests, millis] of table) {
    it(`${name}: ${rests === "none" ? "nothing" : `${rests}, for ${millis} ms`}`, () => {
      const health = Health.make(breaker)
      fail(health, error, 0)
      for (const at of [spot, otherKey, otherModel, otherKeyAndModel, otherChannel]) {
        const rested = resting[rests].includes(at)
        assert.strictEqual(is(health, at, 0) !== "usable", rested, JSON.stringify(at))
        if (millis === undefined || !rested) continue
        assert.notStrictEqual(is(health, at, millis - 1), "usable")
        assert.strictEqual(is(health, at, millis), "usable")
      }
    })
  }
})

describe("a rest that ends with a trial", () => {
  it("R25: doubles from half a minute to ten, whatever the circuit's own, and begins again after a success", () => {
    const health = Health.make(breaker)
    const lengths: Array<number> = []
    let now = 0
    const next = () => {
      fail(health, new ChannelInvalidKey({}), now)
      const { dueAt } = Health.fitness(health, spot, now)
      lengths.push(dueAt - now)
      now = dueAt
    }
    for (let trial = 0; trial < 7; trial++) next()
    assert.deepStrictEqual(
      lengths.map((millis) => millis / 1000),
      [30, 60, 120, 240, 480, 600, 600]
    )
    succeed(health, now)
    now += 1
    next()
    assert.strictEqual(lengths[7], 30_000)
  })

  it("lets one attempt through when it is over", () => {
    const health = Health.make(breaker)
    fail(health, new ChannelInvalidKey({}), 0)
    const trial = Health.begin(health, spot, 30_000)
    assert.strictEqual(is(health, otherModel, 30_000), "probing")
    Health.settle(health, trial, Health.success, 31_000)
    assert.strictEqual(is(health, otherModel, 31_000), "usable")
  })

  it("is neither lengthened nor ended by attempts that began before it", () => {
    const health = Health.make(breaker)
    const late = [0, 1, 2, 3].map(() => Health.begin(health, spot, 0))
    fail(health, new ChannelInvalidKey({}), 1_000)
    const verdict = Health.verdictOf(new ChannelInvalidKey({}))
    Health.settle(health, late[0]!, verdict, 2_000)
    Health.settle(health, late[1]!, verdict, 3_000)
    Health.settle(health, late[2]!, Health.success, 4_000)
    assert.deepStrictEqual(Health.fitness(health, spot, 5_000), { is: "resting", dueAt: 31_000 })
  })
})

describe("the circuit of a key and model", () => {
  const down = new DoRequestFailed({})

  it("opens at the rate, once there are enough attempts, and grows from opening to opening", () => {
    const health = Health.make(breaker)
    for (let attempt = 1; attempt <= 4; attempt++) fail(health, down, attempt)
    assert.strictEqual(is(health, spot, 4), "usable")
    fail(health, down, 5)
    assert.deepStrictEqual(Health.fitness(health, spot, 5), { is: "resting", dueAt: 10_005 })
    assert.strictEqual(is(health, otherModel, 5), "usable")
    assert.strictEqual(is(health, otherKey, 5), "usable")
    fail(health, down, 10_005)
    assert.strictEqual(Health.fitness(health, spot, 10_005).dueAt, 30_005)
  })

  it("R25: by default rests 5 seconds, and never longer than 30: an outage of a minute is over soon after", () => {
    const file = settingsFile({ sections: [BreakerSection] })
    const health = Health.make(Result.getOrThrow(Settings.make(file, {})).of(BreakerSection).current)
    for (let attempt = 0; attempt < 4; attempt++) fail(health, down, 0)
    const lengths: Array<number> = []
    let now = 0
    for (let opening = 0; opening < 5; opening++) {
      fail(health, down, now)
      const { dueAt } = Health.fitness(health, spot, now)
      lengths.push((dueAt - now) / 1000)
      now = dueAt
    }
    assert.deepStrictEqual(lengths, [5, 10, 20, 30, 30])
  })

  it("counts the successes that came before the first failure", () => {
    const health = Health.make(breaker)
    for (let at = 0; at < 10; at++) succeed(health, at)
    for (let at = 10; at < 19; at++) fail(health, down, at)
    assert.strictEqual(is(health, spot, 19), "usable")
    fail(health, down, 19)
    assert.strictEqual(is(health, spot, 19), "resting")
  })

  it("changes nothing for results that are late", () => {
    const health = Health.make(breaker)
    const late = Array.from({ length: 8 }, () => Health.begin(health, spot, 0))
    for (let at = 0; at < 5; at++) fail(health, down, at)
    const before = Health.fitness(health, spot, 10)
    for (const attempt of late) Health.settle(health, attempt, Health.success, 10)
    assert.deepStrictEqual(Health.fitness(health, spot, 10), before)
    // And in the next life: a success of the first does not close what is being probed.
    const later = Health.begin(health, spot, 10_004)
    assert.isTrue(later.tickets.circuit.probe)
    assert.strictEqual(is(health, spot, 10_005), "probing")
  })
})

describe("what is remembered", () => {
  it("is bounded, whatever names clients invent, and forgets the ones that were asked longest ago", () => {
    const health = Health.make(breaker)
    const hint = new ChannelRateLimited({ retryAfterMillis: 60_000 })
    fail(health, hint, 0, { ...spot, model: "old" })
    fail(health, hint, 0, { ...spot, model: "kept" })
    for (let name = 0; name < 998; name++) fail(health, hint, 0, { ...spot, model: `x${name}` })
    Health.begin(health, { ...spot, model: "kept" }, 0)
    fail(health, hint, 0, { ...spot, model: "one more" })
    assert.strictEqual(health.channels.get("a")!.models.size, 1000)
    assert.strictEqual(is(health, { ...spot, model: "old" }, 1), "usable")
    assert.strictEqual(is(health, { ...spot, model: "kept" }, 1), "resting")
  })
})

describe("the state of a channel", () => {
  const state = (health: Health.Health, now: number, keys = 2) => Health.stateOf(health, "a", keys, now)

  it("is enabled while a key is well", () => {
    const health = Health.make(breaker)
    assert.strictEqual(state(health, 0), "enabled")
    fail(health, new ChannelInvalidKey({}), 0)
    assert.strictEqual(state(health, 0), "enabled")
    fail(health, new ChannelRateLimited({ retryAfterMillis: 5_000 }), 0, otherKey)
    assert.strictEqual(state(health, 0), "cooling")
    assert.strictEqual(state(health, 5_000), "enabled")
  })

  it("is open when no key is well for a model because of a circuit", () => {
    const health = Health.make(breaker)
    for (let at = 0; at < 5; at++) fail(health, new DoRequestFailed({}), at)
    assert.strictEqual(state(health, 5, 1), "open")
    assert.strictEqual(state(health, 5, 2), "enabled")
    assert.strictEqual(state(health, 60_000, 1), "open", "until a probe has closed it")
  })

  it("does not change for a model that the channel lacks: a client may ask for any", () => {
    const health = Health.make(breaker)
    fail(health, new ModelNotFound({}), 0)
    assert.strictEqual(state(health, 0, 1), "enabled")
  })
})

describe("whether a channel has a usable key", () => {
  const usable = (health: Health.Health, keys: number, now: number) => Health.hasUsableKey(health, "a", keys, now)

  it("it has until each of its keys was refused, and again when the first trial is due", () => {
    const health = Health.make(breaker)
    assert.isTrue(usable(health, 2, 0))
    fail(health, new ChannelInvalidKey({}), 0)
    assert.isTrue(usable(health, 2, 0))
    fail(health, new ChannelQuotaExhausted({}), 1_000, otherKey)
    assert.isFalse(usable(health, 2, 1_000))
    assert.isFalse(usable(health, 2, 29_999))
    assert.isTrue(usable(health, 2, 30_000), "or nobody would ever be sent here to try it")
    const probe = Health.begin(health, spot, 30_000)
    assert.isFalse(usable(health, 2, 30_000), "its trial is under way")
    Health.settle(health, probe, Health.success, 30_100)
    assert.isTrue(usable(health, 2, 30_100))
  })
  it("a channel that is misconfigured has none", () => {
    const health = Health.make(breaker)
    fail(health, new ChannelParamOverrideInvalid({}), 0)
    assert.isFalse(usable(health, 2, 1))
  })
  it("one that lacks a model, is too fast for one, or whose circuit is open, has", () => {
    for (const error of [new ModelNotFound({}), new ChannelRateLimited({ retryAfterMillis: 60_000 })]) {
      const health = Health.make(breaker)
      fail(health, error, 0)
      assert.isTrue(usable(health, 1, 1))
    }
    const health = Health.make(breaker)
    for (let at = 0; at < 100; at++) fail(health, new DoRequestFailed({}), at)
    assert.notStrictEqual(is(health, spot, 100), "usable")
    assert.isTrue(usable(health, 1, 100))
  })
})
