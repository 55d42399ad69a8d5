/**
 * The loops that are measured: so many calls, one after the other, each with an effect that is built anew, as it is where
 * a call has arguments. A leaf does nothing, so that what is measured is the policy.
 */
import { Effect, Fiber } from "effect"

/** Runs so many calls. */
export type Calls = (calls: number) => Promise<unknown>

type AnyEffect = Effect.Effect<unknown, unknown>

/** The same error for all, made once: what an error costs is not the policies' doing. */
export const down = new Error("down")

export const leaf = Effect.sync(() => 1)
export const promiseLeaf = Effect.promise(() => asyncLeaf())
export const plainLeaf = (): number => 1
export const asyncLeaf = async (): Promise<number> => 1

/** All calls in one fiber. */
export const inFiber =
  (make: () => AnyEffect): Calls =>
  (calls) => {
    let n = 0
    return Effect.runPromise(
      Effect.whileLoop({ while: () => n++ < calls, body: make, step: () => {} }) as Effect.Effect<void>
    )
  }

/** One `runPromise` for each call. */
export const each =
  (make: () => AnyEffect): Calls =>
  async (calls) => {
    for (let n = 0; n < calls; n++) await Effect.runPromise(make() as Effect.Effect<unknown>)
  }

/** All calls at once, each in a fiber of its own. */
export const atOnce =
  (make: () => AnyEffect): Calls =>
  async (calls) => {
    const fibers = Array.from({ length: calls }, () => Effect.runFork(make()))
    await Effect.runPromise(Fiber.awaitAll(fibers))
  }

/** An `await` for each call; a rejection is caught. */
export const awaited =
  (call: () => unknown): Calls =>
  async (calls) => {
    for (let n = 0; n < calls; n++) {
      try {
        await call()
      } catch {}
    }
  }

/** All promises at once; rejections are caught. */
export const awaitedAtOnce =
  (call: () => Promise<unknown>): Calls =>
  async (calls) => {
    await Promise.all(Array.from({ length: calls }, () => call().catch(() => {})))
  }

/** Two failures, then a success, and so on. */
export const thirdTime = (): (() => boolean) => {
  let n = 0
  return () => ++n % 3 === 0
}
