/**
 * What a breaker and a limiter with keys keep of keys that are seen once.
 */
import { Effect, Exit, Scope } from "effect"
import { CircuitBreaker as EffectBreaker, RateLimiter as EffectLimiter } from "effect/persistence"
import { CircuitBreaker, RateLimiter } from "effect-resilience/policy"
import { leaf } from "./loops.ts"
import { collect } from "./measure.ts"

/** One registry after its keys. */
export interface Row {
  readonly registry: string
  readonly "keys seen": number
  readonly "keys kept": number | string
  readonly "heap before, MB": number
  readonly "heap after, MB": number
  readonly "bytes per key seen": number
}

const heap = (): number => {
  collect()
  return process.memoryUsage().heapUsed
}

const megabytes = (bytes: number): number => Number((bytes / 1e6).toFixed(1))

const fill = async (
  registry: string,
  keys: number,
  call: (key: string) => Effect.Effect<unknown, unknown>,
  kept: () => number | string
): Promise<Row> => {
  let n = 0
  const before = heap()
  await Effect.runPromise(
    Effect.orDie(Effect.whileLoop({ while: () => n < keys, body: () => call(`key ${n++}`), step: () => {} }))
  )
  const after = heap()
  return {
    registry,
    "keys seen": keys,
    "keys kept": kept(),
    "heap before, MB": megabytes(before),
    "heap after, MB": megabytes(after),
    "bytes per key seen": Math.round((after - before) / keys)
  }
}

/** Fills registries with keys: ours with a million, Effect's breaker, which is slower, with fewer. */
export const measureMemory = async (): Promise<ReadonlyArray<Row>> => {
  const breakers = Effect.runSync(CircuitBreaker.makeKeyed())
  const limiters = Effect.runSync(RateLimiter.makeKeyed({ limit: 10, window: "1 second" }))
  const scope = Scope.makeUnsafe()
  const effectBreaker = await Effect.runPromise(
    EffectBreaker.make({ tripPolicy: EffectBreaker.consecutive(5), openDuration: "1 minute" }).pipe(
      Effect.provide(EffectBreaker.layerStoreMemory()),
      Effect.provideService(Scope.Scope, scope)
    )
  )
  const effectLimiter = await Effect.runPromise(EffectLimiter.make.pipe(Effect.provide(EffectLimiter.layerStoreMemory)))
  const rows = [
    await fill(
      "our breakers",
      1_000_000,
      (key) => CircuitBreaker.protect(leaf, breakers.get(key)),
      () => Effect.runSync(breakers.size)
    ),
    await fill(
      "our limiters",
      1_000_000,
      (key) => RateLimiter.protect(leaf, limiters.get(key)),
      () => Effect.runSync(limiters.size)
    ),
    await fill(
      "Effect's breaker",
      100_000,
      (key) => effectBreaker.execute(leaf, { key }),
      () => "for 1 hour"
    ),
    await fill(
      "Effect's limiter",
      1_000_000,
      (key) => effectLimiter.consume({ key, limit: 10, window: "1 second" }),
      () => "all"
    )
  ]
  await Effect.runPromise(Scope.close(scope, Exit.void))
  return rows
}
