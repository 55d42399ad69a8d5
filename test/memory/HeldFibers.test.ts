/**
 * Fibers beside those of requests: they run, are replaced by name, and end with their scope.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope } from "effect"
import { makeFibers } from "#src/memory/index"

/** An effect that never ends, and tells when it is interrupted: after a turn. */
const forever = (ended: Array<string>, name: string) =>
  Effect.onInterrupt(Effect.never, () =>
    Effect.andThen(
      Effect.yieldNow,
      Effect.sync(() => ended.push(name))
    )
  )

describe("fibers that are held", () => {
  it.live("run at once, and give what they are for", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const fibers = yield* makeFibers()
        assert.strictEqual(yield* Fiber.join(fibers.run(Effect.succeed(1))), 1)
        assert.strictEqual(yield* Fiber.join(fibers.run(Effect.as(Effect.sleep(1), 2))), 2)
      })
    )
  )

  it.live("are interrupted by another of their name, and by no other", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const ended: Array<string> = []
        const fibers = yield* makeFibers()
        const first = fibers.replace("a", forever(ended, "a"))
        fibers.replace("b", forever(ended, "b"))
        fibers.replace("a", forever(ended, "a again"))
        yield* Fiber.await(first)
        assert.deepStrictEqual(ended, ["a"])
      })
    )
  )

  it.live("are all over when they were cleared, and may be begun again", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const ended: Array<string> = []
        const fibers = yield* makeFibers()
        fibers.run(forever(ended, "a"))
        fibers.replace("b", forever(ended, "b"))
        yield* fibers.clear
        assert.sameMembers(ended, ["a", "b"])
        assert.strictEqual(yield* Fiber.join(fibers.run(Effect.succeed(1))), 1)
      })
    )
  )

  it.live("end with their scope, and none outlives it", () =>
    Effect.gen(function* () {
      const ended: Array<string> = []
      const scope = yield* Scope.make()
      const fibers = yield* Scope.provide(makeFibers(), scope)
      fibers.run(forever(ended, "a"))
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(ended, ["a"])
      yield* Fiber.await(fibers.run(forever(ended, "late")))
      assert.deepStrictEqual(ended, ["a", "late"])
    })
  )
})
