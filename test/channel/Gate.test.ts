import { assert, describe, it } from "@effect/vitest"
import * as Gate from "../../src/channel/Gate.ts"
import * as BreakerState from "#src/policy/breaker/BreakerState"

const make = (forgives = false) =>
  Gate.make(
    {
      ...BreakerState.settings({
        window: { _tag: "Consecutive", failures: 1 },
        openMillis: BreakerState.growing({ initialMillis: 10_000, factor: 2 }),
        maxOpenMillis: 300_000
      }),
      probeMillis: Number.MAX_VALUE
    },
    forgives
  )

const fail = (gate: Gate.Gate, now: number) => Gate.leave(gate, Gate.enter(gate, now, 10_000), "failure", now)

describe("a gate", () => {
  it("that is absent can be gone through", () => {
    assert.strictEqual(Gate.passage(undefined, 0).is, "usable")
    assert.isTrue(Gate.isWell(undefined))
  })

  it("is shut by a failure, is due after its time, and lends one place to a probe", () => {
    const gate = make()
    fail(gate, 0)
    assert.deepStrictEqual(Gate.passage(gate, 4_000), { is: "shut", dueAt: 10_000 })
    assert.strictEqual(Gate.passage(gate, 10_000).is, "usable")
    Gate.enter(gate, 10_000, 5_000)
    assert.deepStrictEqual(Gate.passage(gate, 11_000), { is: "probing", dueAt: 15_000 })
    assert.isFalse(Gate.isWell(gate))
  })

  it("is opened by the success of a probe, however long it took and whoever was let in beside it", () => {
    const gate = make()
    fail(gate, 0)
    const slow = Gate.enter(gate, 10_000, 5_000)
    assert.strictEqual(Gate.passage(gate, 15_000).is, "usable")
    const second = Gate.enter(gate, 15_000, 5_000)
    assert.strictEqual(Gate.passage(gate, 16_000).is, "probing")
    Gate.leave(gate, slow, "success", 17_000)
    assert.isTrue(Gate.isWell(gate))
    Gate.leave(gate, second, "failure", 18_000)
    assert.isTrue(Gate.isWell(gate), "the second began before the gate opened: it is late")
  })

  it("gives an overdue place back once, not twice", () => {
    const gate = make()
    fail(gate, 0)
    const lost = Gate.enter(gate, 10_000, 5_000)
    assert.strictEqual(Gate.passage(gate, 20_000).is, "usable")
    Gate.enter(gate, 20_000, 5_000)
    Gate.leave(gate, lost, "ignored", 21_000)
    assert.strictEqual(Gate.passage(gate, 21_000).is, "probing")
  })

  it("takes a place back that was ignored", () => {
    const gate = make()
    fail(gate, 0)
    Gate.leave(gate, Gate.enter(gate, 10_000, 5_000), "ignored", 11_000)
    assert.strictEqual(Gate.passage(gate, 11_000).is, "usable")
  })

  it("is opened by the success of one who forced it, and not shut longer by its failure", () => {
    const gate = make()
    fail(gate, 0)
    const forced = Gate.enter(gate, 1_000, 5_000)
    assert.isTrue(forced.forced)
    Gate.leave(gate, forced, "failure", 2_000)
    assert.deepStrictEqual(Gate.passage(gate, 2_000), { is: "shut", dueAt: 10_000 })
    Gate.leave(gate, Gate.enter(gate, 3_000, 5_000), "success", 4_000)
    assert.isTrue(Gate.isWell(gate))
  })

  it("that forgives begins again after a success, and doubles without one", () => {
    const gate = make(true)
    fail(gate, 0)
    fail(gate, 10_000)
    assert.strictEqual(Gate.passage(gate, 10_000).dueAt, 30_000)
    Gate.leave(gate, Gate.enter(gate, 30_000, 5_000), "success", 31_000)
    fail(gate, 32_000)
    assert.strictEqual(Gate.passage(gate, 32_000).dueAt, 42_000)
  })
})
