import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { interruptEverywhere } from "./interruptAt.ts"

const scenario = (use: (take: Effect.Effect<void>, give: Effect.Effect<void>) => Effect.Effect<unknown>) =>
  Effect.sync(() => {
    let held = 0
    const take = Effect.sync(() => void held++)
    const give = Effect.sync(() => void held--)
    return { program: use(take, give), check: () => Effect.sync(() => assert.strictEqual(held, 0)) }
  })

describe("the kit that interrupts everywhere", () => {
  it.effect("lets a program pass that gives back whatever happens", () =>
    Effect.gen(function* () {
      const report = yield* interruptEverywhere(
        scenario((take, give) =>
          Effect.acquireUseRelease(
            take,
            () => Effect.sleep("250 millis"),
            () => give
          )
        )
      )
      assert.isAbove(report.steps, 3)
      assert.strictEqual(report.waits, 3)
    })
  )

  it.effect("finds a leak between taking and protecting", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(
        interruptEverywhere(
          scenario((take, give) =>
            Effect.andThen(take, Effect.ensuring(Effect.andThen(Effect.void, Effect.void), give))
          )
        )
      )
      assert.strictEqual(exit._tag, "Failure")
    })
  )

  it.effect("finds a fiber and a timer that go on", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(
        interruptEverywhere(scenario(() => Effect.andThen(Effect.forkDetach(Effect.sleep("1 day")), Effect.void)))
      )
      assert.strictEqual(exit._tag, "Failure")
    })
  )

  it.effect("finds a leak during a wait", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(
        interruptEverywhere(
          scenario((take, give) => Effect.andThen(take, Effect.andThen(Effect.sleep("1 second"), give)))
        )
      )
      assert.strictEqual(exit._tag, "Failure")
    })
  )
})
