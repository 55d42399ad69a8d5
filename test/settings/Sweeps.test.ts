/**
 * When to look for what is too old.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { type Cell, untilNextSweep } from "#src/settings/index"

const hour = 3_600_000

const changing = (retention: number) => {
  const listeners = new Set<(value: { readonly retention: number }) => void>()
  let current = { retention }
  return {
    cell: {
      get current() {
        return current
      },
      subscribe: (listener) => {
        listeners.add(listener)
        return () => void listeners.delete(listener)
      }
    } satisfies Cell<{ readonly retention: number }>,
    set: (next: number) => {
      current = { retention: next }
      for (const listener of listeners) listener(current)
    },
    listeners
  }
}

describe("the next sweep", () => {
  for (const [retention, wait] of [
    [10_000, 2_500],
    [1, 1_000],
    [400 * 24 * hour, hour]
  ] as const) {
    it.effect(`of what is kept for ${retention} ms is after ${wait} ms`, () =>
      Effect.gen(function* () {
        const { cell, listeners } = changing(retention)
        const fiber = yield* Effect.forkChild(untilNextSweep(cell))
        yield* TestClock.adjust(wait - 1)
        assert.isUndefined(fiber.pollUnsafe())
        yield* TestClock.adjust(1)
        yield* Fiber.join(fiber)
        assert.strictEqual(listeners.size, 0)
      })
    )
  }

  it.effect("is at once when the retention is another, and not when something else has changed", () =>
    Effect.gen(function* () {
      const { cell, listeners, set } = changing(400 * 24 * hour)
      const fiber = yield* Effect.forkChild(untilNextSweep(cell))
      yield* TestClock.adjust(1)
      set(400 * 24 * hour)
      yield* TestClock.adjust(1)
      assert.isUndefined(fiber.pollUnsafe())
      set(10_000)
      yield* Fiber.join(fiber)
      assert.strictEqual(listeners.size, 0)
    })
  )

  it.effect("is no later than whoever asks can bear", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(untilNextSweep(changing(400 * 24 * hour).cell, 60_000))
      yield* TestClock.adjust(60_000)
      yield* Fiber.join(fiber)
    })
  )
})
