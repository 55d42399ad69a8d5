import type { Effect } from "effect"
import type { DoRequestFailed } from "effect-resilience/errors"
import { Hedge } from "effect-resilience/policy"
import { describe, expect, test } from "tstyche"

declare const hedge: Hedge.Hedge
declare const call: Effect.Effect<string, DoRequestFailed, "Network">

describe("Hedge", () => {
  test("adds nothing to the errors", () => {
    expect(call.pipe(Hedge.hedged(hedge))).type.toBe<Effect.Effect<string, DoRequestFailed, "Network">>()
    expect(Hedge.hedged(call, hedge)).type.toBe<Effect.Effect<string, DoRequestFailed, "Network">>()
    expect(Hedge.run(hedge, () => call)).type.toBe<Effect.Effect<string, DoRequestFailed, "Network">>()
  })

  test("is made only for what is declared idempotent", () => {
    expect(Hedge.make).type.toBeCallableWith({ idempotent: true })
    expect(Hedge.make).type.not.toBeCallableWith({})
    expect(Hedge.make).type.not.toBeCallableWith({ idempotent: false })
    expect(Hedge.make).type.not.toBeCallableWith()
  })

  test("ways that exclude one another do not compile together", () => {
    expect(Hedge.make).type.toBeCallableWith({ idempotent: true, when: "parallel" })
    expect(Hedge.make).type.toBeCallableWith({ idempotent: true, when: { quantile: 0.95, until: "1 second" } })
    expect(Hedge.make).type.not.toBeCallableWith({ idempotent: true, when: "sometimes" })
    expect(Hedge.make).type.not.toBeCallableWith({ idempotent: true, delay: "1 second", when: "parallel" })
  })
})
