import { assert, describe, it } from "@effect/vitest"
import { ClockState } from "effect-resilience/stream"
import * as fc from "fast-check"

const { answered, checkClocks, clockError, content, hold, release, startClocks } = ClockState
type Clock = ClockState.Clock
type ClockExpired = ClockState.ClockExpired
type ClockLimits = ClockState.ClockLimits

const limits = { headersMillis: 100, firstContentMillis: 300, idleMillis: 50, totalMillis: 1000 }
const expired = (clock: Clock, limitMillis: number, elapsedMillis = limitMillis): ClockExpired => ({
  _tag: "Expired",
  clock,
  limitMillis,
  elapsedMillis
})

describe("ClockState", () => {
  it("runs headers until anything is answered, and firstContent from the same start until content", () => {
    const state = startClocks(0)
    assert.deepStrictEqual(checkClocks(limits, state, 99), { _tag: "Running", checkAt: 100 })
    assert.deepStrictEqual(checkClocks(limits, state, 100), expired("headers", 100))
    answered(state)
    assert.deepStrictEqual(checkClocks(limits, state, 100), { _tag: "Running", checkAt: 150 })
    assert.deepStrictEqual(checkClocks(limits, state, 299), { _tag: "Running", checkAt: 300 })
    assert.deepStrictEqual(checkClocks(limits, state, 310), expired("firstContent", 300, 310))
  })

  it("runs idle from the last content", () => {
    const state = startClocks(0)
    content(state, 290)
    answered(state)
    assert.deepStrictEqual(checkClocks(limits, state, 310), { _tag: "Running", checkAt: 340 })
    content(state, 320)
    assert.deepStrictEqual(checkClocks(limits, state, 340), { _tag: "Running", checkAt: 370 })
    assert.deepStrictEqual(checkClocks(limits, state, 370), expired("idle", 50))
  })

  it("runs total from where the whole began, whatever comes", () => {
    const state = startClocks(600, 0)
    content(state, 980)
    assert.deepStrictEqual(checkClocks(limits, state, 999), { _tag: "Running", checkAt: 1000 })
    assert.deepStrictEqual(checkClocks(limits, state, 1000), expired("total", 1000))
  })

  it("names the clock that ran out first, and total where two did at once", () => {
    assert.deepStrictEqual(checkClocks(limits, startClocks(0), 5000), expired("headers", 100, 5000))
    assert.deepStrictEqual(
      checkClocks({ headersMillis: 10, totalMillis: 10 }, startClocks(0), 10),
      expired("total", 10)
    )
    assert.deepStrictEqual(
      checkClocks({ headersMillis: 10, firstContentMillis: 10 }, startClocks(0), 10),
      expired("headers", 10)
    )
  })

  it("stands still while the consumer is waited for, all but total", () => {
    const state = startClocks(0)
    content(state, 10)
    hold(state, 20)
    hold(state, 30)
    assert.deepStrictEqual(checkClocks(limits, state, 500), { _tag: "Running", checkAt: 540 })
    assert.deepStrictEqual(checkClocks(limits, state, 1000), expired("total", 1000))
    release(state, 500)
    release(state, 510)
    assert.deepStrictEqual(checkClocks(limits, state, 539), { _tag: "Running", checkAt: 540 })
    assert.deepStrictEqual(checkClocks(limits, state, 540), expired("idle", 50))
    const early = startClocks(0)
    hold(early, 90)
    release(early, 190)
    assert.deepStrictEqual(checkClocks(limits, early, 200), expired("headers", 100))
  })

  it("never runs out without limits", () =>
    assert.deepStrictEqual(checkClocks({}, startClocks(0), 1e12), { _tag: "Running", checkAt: Infinity }))

  it("becomes the error of its clock", () => {
    const timeout = clockError({ _tag: "Expired", clock: "idle", limitMillis: 5, elapsedMillis: 6 })
    assert.strictEqual(timeout._tag, "ChannelResponseTimeExceeded")
    assert.deepInclude({ ...timeout }, { phase: "idle", limitMillis: 5, elapsedMillis: 6 })
    assert.strictEqual(
      clockError({ _tag: "Expired", clock: "total", limitMillis: 5, elapsedMillis: 6 })._tag,
      "DeadlineExceeded"
    )
  })

  it("needs to be looked at only when it says so: whoever does finds each expiry at its very moment", () => {
    const limit = fc.option(fc.integer({ min: 1, max: 60 }), { nil: undefined })
    const step = fc.record({
      after: fc.integer({ min: 0, max: 40 }),
      what: fc.constantFrom("answered", "content", "hold", "release")
    })
    fc.assert(
      fc.property(
        fc.record({ headersMillis: limit, firstContentMillis: limit, idleMillis: limit, totalMillis: limit }),
        fc.array(step, { maxLength: 20 }),
        (limits: ClockLimits, steps) => {
          /** When the clocks run out, looked at each millisecond, or only when they say so. */
          const run = (everyMilli: boolean) => {
            const state = startClocks(0)
            let at = 0
            let next = 0
            let checkAt = 0
            for (const { after, what } of [...steps, { after: 1000, what: "end" }]) {
              next += after
              for (; at < next; at++) {
                if (!everyMilli && at < checkAt) continue
                const found = checkClocks(limits, state, at)
                if (found._tag === "Expired") return [at, found.clock]
                checkAt = found.checkAt
              }
              if (what === "answered") answered(state)
              if (what === "content") content(state, at)
              if (what === "hold") hold(state, at)
              if (what === "release") release(state, at)
            }
            return undefined
          }
          assert.deepStrictEqual(run(false), run(true))
        }
      ),
      { numRuns: 5000 }
    )
  })
})
