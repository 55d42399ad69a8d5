/**
 * Any interleaving of what owners of one place do leaves what the journal promises (`owners.ts`).
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as fc from "fast-check"
import { JournalStore, JournalStoreMemory, JournalStoreSqliteNode } from "#src/journal/index"
import { failable } from "./kit.ts"
import { type ModelPlace, runOwners, schedules, type Step } from "./owners.ts"

const memory: Effect.Effect<ModelPlace> = Effect.map(JournalStoreMemory.place, ({ owner }) => ({
  slots: 2,
  owner: Effect.map(owner, ({ die, lapse, store }) => ({ store, lapse, die: Effect.sync(die) }))
}))

const sqlite: Effect.Effect<ModelPlace, never, Scope.Scope> = Effect.gen(function* () {
  const folder = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "owners-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
  )
  const opened = Layer.build(Layer.fresh(JournalStoreSqliteNode.layer({ path: join(folder, "relay.db") })))
  return {
    slots: 1,
    owner: Effect.gen(function* () {
      const scope = yield* Scope.make()
      yield* Effect.addFinalizer(() => Scope.close(scope, Exit.void))
      const context = yield* Scope.provide(Effect.orDie(opened), scope)
      const mortal = failable(Context.get(context, JournalStore))
      return { store: mortal.store, die: Effect.andThen(Effect.sync(mortal.fail), Scope.close(scope, Exit.void)) }
    })
  }
})

/** The same schedules each time; `OWNERS_SEED` takes others. */
const seed = Number(process.env["OWNERS_SEED"] ?? 20_261_126)

/** A reader comes with more than its process has seen yet of a stream that another one writes. */
const ahead: ReadonlyArray<Step> = [
  { _tag: "Begin", owner: 0, key: 0, body: 0 },
  { _tag: "Lapse", owner: 9 },
  { _tag: "Lapse", owner: 0 },
  { _tag: "Claim", owner: 0, stream: 0 },
  { _tag: "Join", owner: 62, stream: 0, from: 0, takes: false },
  { _tag: "Append", owner: 0, lease: 0, frames: 1 },
  { _tag: "Turn", owner: 58, turns: 1 },
  { _tag: "Turn", owner: 0, turns: 1 },
  { _tag: "Join", owner: 22, stream: 0, from: 9, takes: false },
  { _tag: "Append", owner: 0, lease: 0, frames: 1 },
  { _tag: "Resume", reader: 0 },
  { _tag: "End", owner: 0, lease: 0, freesKey: false },
  { _tag: "Claim", owner: 0, stream: 0 },
  { _tag: "Cancel", owner: 0, stream: 0 },
  { _tag: "Create", owner: 0 },
  { _tag: "Append", owner: 0, lease: 0, frames: 1 },
  { _tag: "Lapse", owner: 0 },
  { _tag: "Resume", reader: 0 },
  { _tag: "Claim", owner: 0, stream: 0 }
]

const property = (place: Effect.Effect<ModelPlace, never, Scope.Scope>, lateness: number, numRuns: number) =>
  Effect.promise(() =>
    fc.assert(
      fc.asyncProperty(schedules, (steps) =>
        Effect.flatMap(place, (place) => runOwners(place, lateness, steps)).pipe(
          Effect.scoped,
          Effect.provide(TestClock.layer()),
          Effect.runPromise
        )
      ),
      { numRuns, seed, examples: [[[...ahead]]] }
    )
  )

describe("owners that share a place keep the journal's promises, whatever they do and in whatever order", () => {
  it.live("two in memory, whose store answers at once", () => property(memory, 0, 60), 120_000)
  it.live("two in memory, whose store answers late", () => property(memory, 2, 60), 120_000)
  it.live("one after the other in SQLite", () => property(sqlite, 1, 8), 120_000)
})
