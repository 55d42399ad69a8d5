/**
 * Fibers that are begun outside of any other, one or two for each request, and end with a scope: as Effect's `FiberSet`
 * and `FiberMap`, of which no finished fiber is held (see `HeldMap`).
 */
import { Effect, Fiber, type Scope } from "effect"
import { HeldMap } from "./HeldMap.ts"
import { Slots, type Slotted } from "./Slots.ts"

/** Begins fibers, and ends those that run. */
export interface HeldFibers<R> {
  /** Begins one. After the scope was closed it is interrupted at once. */
  readonly run: <A, E>(effect: Effect.Effect<A, E, R>) => Fiber.Fiber<A, E>
  /** Begins one in place of the one of that name, which is interrupted if it still runs. */
  readonly replace: <A, E>(name: string, effect: Effect.Effect<A, E, R>) => Fiber.Fiber<A, E>
  /** Interrupts all that run, and waits for their ends. */
  readonly clear: Effect.Effect<void>
}

/** A fiber that runs. */
interface Held extends Slotted {
  readonly fiber: Fiber.Fiber<unknown, unknown>
}

/** Fibers that are interrupted when the scope is closed. */
export const makeFibers = <R = never>(): Effect.Effect<HeldFibers<R>, never, R | Scope.Scope> =>
  Effect.gen(function* () {
    const fork = Effect.runForkWith(yield* Effect.context<R>())
    const running = new Slots<Held>()
    let closed = false
    const clear = Effect.suspend(() => Fiber.interruptAll(running.all().map(({ fiber }) => fiber)))
    yield* Effect.addFinalizer(() => {
      closed = true
      return clear
    })
    const run: HeldFibers<R>["run"] = (effect) => {
      const fiber = fork(effect)
      // Many have ended by now, and were never held.
      if (fiber.pollUnsafe() !== undefined) return fiber
      if (closed) fiber.interruptUnsafe()
      const held: Held = { fiber, slot: undefined }
      running.add(held)
      fiber.addObserver(() => running.delete(held))
      return fiber
    }
    const named = new HeldMap<string, Fiber.Fiber<unknown, unknown>>()
    return {
      clear,
      run,
      replace: (name, effect) => {
        named.get(name)?.interruptUnsafe()
        const fiber = run(effect)
        if (fiber.pollUnsafe() !== undefined) return fiber
        named.set(name, fiber)
        fiber.addObserver(() => {
          if (named.get(name) === fiber) named.delete(name)
        })
        return fiber
      }
    }
  })
