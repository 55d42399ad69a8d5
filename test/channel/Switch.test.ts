/**
 * What switches a key off and on again, by itself.
 */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import type { Evidence } from "#src/channel/Evidence"
import * as Switch from "#src/channel/Switch"

const rules: Switch.SwitchRules = { after: 2, within: 600_000, trial: 300_000, trialCap: 3_600_000 }
const ofKey: Evidence = { of: "key", reason: "channel:invalid_key", seen: "status 401" }
const counted: Switch.Said = { _tag: "Evidence", evidence: ofKey, counts: true }
const uncounted: Switch.Said = { ...counted, counts: false }
const success: Switch.Said = { _tag: "Success" }
const failure: Switch.Said = { _tag: "Failure" }
const nothing: Switch.Said = { _tag: "Nothing" }

const attempt = (one: Switch.Switch, said: Switch.Said, now: number) =>
  Switch.leave(one, Switch.enter(one, now, 30_000), said, rules, now)

/** Off since 0, for five minutes. */
const switchedOff = () => {
  const one = Switch.make()
  attempt(one, counted, 0)
  attempt(one, counted, 0)
  return one
}

describe("evidence", () => {
  it("switches off with the second piece within the time, and says what was seen", () => {
    const one = Switch.make()
    assert.isUndefined(attempt(one, counted, 0))
    assert.isFalse(Switch.isOff(one))
    assert.strictEqual(attempt(one, counted, 599_999), "off")
    assert.deepStrictEqual(one.why, { reason: "channel:invalid_key", evidence: "status 401 (2)" })
    assert.strictEqual(one.until, 599_999 + 300_000)
  })

  it("that is older than the time does not count", () => {
    const one = Switch.make()
    attempt(one, counted, 0)
    assert.isUndefined(attempt(one, counted, 600_000))
    assert.strictEqual(attempt(one, counted, 600_001), "off")
  })

  it("of a channel is enough alone", () => {
    const evidence: Evidence = { of: "channel", reason: "channel:param_override_invalid", seen: "class channel" }
    assert.strictEqual(attempt(Switch.make(), { _tag: "Evidence", evidence, counts: true }, 0), "off")
  })

  it("of a request that was heard already does not count", () => {
    const one = Switch.make()
    attempt(one, counted, 0)
    assert.isUndefined(attempt(one, uncounted, 1))
    assert.isUndefined(attempt(one, uncounted, 2))
  })
})

describe("a trial", () => {
  it("is one attempt when the rest is over, and its success forgets everything", () => {
    const one = switchedOff()
    assert.strictEqual(Switch.passage(one, 299_999).is, "shut")
    assert.strictEqual(Switch.passage(one, 300_000).is, "usable")
    const ticket = Switch.enter(one, 300_000, 30_000)
    assert.strictEqual(Switch.passage(one, 300_000).is, "probing")
    assert.strictEqual(Switch.leave(one, ticket, success, rules, 301_000), "on")
    assert.strictEqual(Switch.passage(one, 301_000).is, "usable")
    attempt(one, counted, 302_000)
    assert.strictEqual(attempt(one, counted, 302_000), "off")
    assert.strictEqual(one.until, 602_000, "from the beginning")
  })

  it("that fails doubles the rest, up to the cap", () => {
    const one = switchedOff()
    const rests: Array<number> = []
    for (let trial = 0; trial < 6; trial++) {
      const now = one.until
      assert.strictEqual(attempt(one, trial % 2 === 0 ? uncounted : failure, now), "off")
      rests.push((one.until - now) / 60_000)
    }
    assert.deepStrictEqual(rests, [10, 20, 40, 60, 60, 60])
  })

  it("that says nothing leaves it due, and one that never ends gives its place away", () => {
    const one = switchedOff()
    attempt(one, nothing, 300_000)
    assert.strictEqual(Switch.passage(one, 300_000).is, "usable")
    Switch.enter(one, 300_000, 30_000)
    assert.deepStrictEqual(Switch.passage(one, 329_999), { is: "probing", dueAt: 330_000 })
    assert.strictEqual(Switch.passage(one, 330_000).is, "usable")
  })

  it("is left to a prober for as long as it may take to come", () => {
    const one = switchedOff()
    one.leftToProber = 60_000
    assert.deepStrictEqual(Switch.passage(one, 300_000), { is: "shut", dueAt: 360_000 })
    assert.strictEqual(Switch.enter(one, 300_000, 1).as, "trial")
    assert.strictEqual(Switch.passage(one, 360_000).is, "usable")
  })

  it("before its time can only switch on", () => {
    const one = switchedOff()
    assert.isUndefined(attempt(one, counted, 1_000))
    assert.isUndefined(attempt(one, failure, 1_000))
    assert.strictEqual(one.until, 300_000)
    assert.strictEqual(attempt(one, success, 1_000), "on")
  })
})

describe("what began before a change", () => {
  it("neither switches on nor lengthens the rest", () => {
    const one = Switch.make()
    const late = [Switch.enter(one, 0, 1), Switch.enter(one, 0, 1)]
    attempt(one, counted, 1)
    attempt(one, counted, 1)
    assert.isUndefined(Switch.leave(one, late[0]!, success, rules, 2))
    assert.isUndefined(Switch.leave(one, late[1]!, counted, rules, 2))
    assert.strictEqual(one.until, 300_001)
  })
})

describe("by hand", () => {
  it("is off until a person switches it on, whatever evidence says", () => {
    const one = switchedOff()
    one.byHand = true
    Switch.learnOn(one, "evidence")
    assert.isTrue(Switch.isOff(one))
    assert.strictEqual(Switch.learnOn(one, "hand"), "on")
    assert.isFalse(Switch.isOff(one))
  })
})

describe("whatever comes", () => {
  const said = fc.constantFrom(counted, uncounted, success, failure, nothing)
  const steps = fc.array(
    fc.oneof(
      fc.record({ _tag: fc.constant("Enter" as const) }),
      fc.record({ _tag: fc.constant("Leave" as const), which: fc.nat(9), said }),
      fc.record({ _tag: fc.constant("Wait" as const), millis: fc.nat(400_000) })
    ),
    { maxLength: 80 }
  )

  it("it is off only after two counted pieces, rests no longer than the cap, and always comes to a trial", () => {
    fc.assert(
      fc.property(steps, (all) => {
        const one = Switch.make()
        const out: Array<Switch.SwitchTicket> = []
        let now = 0
        let pieces = 0
        for (const step of all) {
          if (step._tag === "Wait") now += step.millis
          else if (step._tag === "Enter") out.push(Switch.enter(one, now, 30_000))
          else {
            const [ticket] = out.splice(step.which % Math.max(out.length, 1), 1)
            if (ticket === undefined) continue
            const wasOff = Switch.isOffByEvidence(one)
            if (step.said === counted) pieces += 1
            const turn = Switch.leave(one, ticket, step.said, rules, now)
            if (turn === "off" && !wasOff) assert.isAtLeast(pieces, 2)
            if (turn !== undefined) pieces = 0
            if (turn === "on") assert.isFalse(Switch.isOffByEvidence(one))
            if (turn === "off") assert.isAbove(one.until, now)
          }
          assert.isAtMost(one.until, now + rules.trialCap)
          assert.isAtMost(one.pieces.length, 1)
        }
        // With nothing under way it is let through in the end.
        assert.strictEqual(Switch.passage(one, now + rules.trialCap + 30_000).is, "usable")
      })
    )
  })
})
