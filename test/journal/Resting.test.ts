/**
 * A stream is begun in the store with its first frame, and not before, unless that takes long or somebody needs it there.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import { JournalStore, JournalStoreMemory, type Share } from "#src/journal/index"
import { ended, journalOn, makeTold, makeTurns, stream, until } from "./kit.ts"

const partsOf = ({ begins, end, frames, note }: Share): string =>
  [begins && "begins", frames && `${frames.lengths.length} frames`, note, end && "end"].filter(Boolean).join()

/** A store in memory, and the shares that were committed to it. */
const counting = Effect.gen(function* () {
  const { store } = yield* Effect.flatMap(JournalStoreMemory.place, ({ owner }) => owner)
  const shares: Array<string> = []
  const counted = JournalStore.of({
    ...store,
    commit: (all, done) => {
      for (const share of all) shares.push(partsOf(share))
      store.commit(all, done)
    }
  })
  return { store: counted, shares }
})

describe("a stream that rests", () => {
  it.effect("is one share with its first frames, with the last of its notes", () =>
    Effect.gen(function* () {
      const { shares, store } = yield* counting
      const { takeAll, turn } = makeTurns()
      const { create, follow, frames, locate } = yield* journalOn(store, { rests: "1 hour", turn })
      const lease = create(stream)
      const told = makeTold()
      follow(lease.id, -1, told)
      lease.note(() => "early")
      takeAll()
      assert.deepStrictEqual(shares, [])
      assert.deepInclude(yield* locate(lease.id, undefined, ""), { state: "live", after: -1 })
      lease.note(() => "late")
      for (const frame of ["a", "b"]) lease.append(frame)
      takeAll()
      assert.deepStrictEqual(shares, ["begins,2 frames,late"])
      lease.append("c")
      lease.end(ended)
      takeAll()
      assert.deepStrictEqual(shares, ["begins,2 frames,late", "1 frames,end"])
      assert.deepStrictEqual([told.text, told.terminal], ["abc", true])
      assert.deepStrictEqual(yield* frames(lease.id, -1), ["a", "b", "c"])
    })
  )

  it.effect("ends without a frame all the same", () =>
    Effect.gen(function* () {
      const { shares, store } = yield* counting
      const { takeAll, turn } = makeTurns()
      const { create, outcomes } = yield* journalOn(store, { rests: "1 hour", turn })
      const lease = create(stream)
      lease.end(ended)
      takeAll()
      assert.deepStrictEqual(shares, ["begins,end"])
      assert.lengthOf(yield* outcomes("", 9), 1)
    })
  )

  it.effect("is stored without a frame when that takes long, and each as long as it rests itself", () =>
    Effect.gen(function* () {
      const { shares, store } = yield* counting
      const { create } = yield* journalOn(store, { rests: "20 millis" })
      const others = Array.from({ length: 3 }, () => create(stream))
      const [first, second, third] = others
      second?.append("a")
      yield* until(() => shares.length === 1)
      assert.deepStrictEqual(shares, ["begins,1 frames"])
      yield* until(() => shares.length === 3)
      assert.deepStrictEqual(shares, ["begins,1 frames", "begins", "begins"])
      const late = create(stream)
      yield* until(() => shares.length === 4)
      for (const lease of [first, third, late]) lease?.append("b")
      yield* until(() => shares.length === 7)
      assert.deepStrictEqual(shares.slice(3), ["begins", "1 frames", "1 frames", "1 frames"])
    })
  )

  it.effect("is stored for who asks whether it is, for who lists what has no end, and when the journal closes", () =>
    Effect.gen(function* () {
      const { shares, store } = yield* counting
      const scope = yield* Scope.make()
      const { create, unended } = yield* Scope.provide(journalOn(store, { rests: "1 hour" }), scope)
      const lease = create(stream)
      create(stream)
      yield* lease.committed
      assert.deepStrictEqual(shares, ["begins"])
      assert.lengthOf(yield* unended(9), 2)
      assert.deepStrictEqual(shares, ["begins", "begins"])
      create(stream)
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(shares, ["begins", "begins", "begins"])
    })
  )

  it.effect("that is let go leaves nothing, and those that rest beside it keep their place", () =>
    Effect.gen(function* () {
      const { shares, store } = yield* counting
      const { takeAll, turn } = makeTurns()
      const { create, live, locate } = yield* journalOn(store, { rests: "1 hour", turn })
      const leases = Array.from({ length: 5 }, () => create(stream))
      leases[1]?.letGo()
      leases[4]?.letGo()
      assert.isUndefined(live(leases[1]!.id))
      assert.strictEqual((yield* Effect.flip(locate(leases[1]!.id, undefined)))._tag, "StreamNotFound")
      for (const n of [0, 3, 2]) leases[n]?.append(String(n))
      takeAll()
      assert.deepStrictEqual(shares, ["begins,1 frames", "begins,1 frames", "begins,1 frames"])
    })
  )
})
