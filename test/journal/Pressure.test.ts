/**
 * Back-pressure: who is asked to pause while a store is slow, and when they may go on.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { JournalStoreMemory, type Lease } from "#src/journal/index"
import { ended, failable, journalOn, late, makeTurns, stream } from "./kit.ts"

const kilobyte = "x".repeat(1_024)
const megabyte = "x".repeat(1_000_000)

/** A journal on a store that answers when the test lets it. */
const slow = Effect.gen(function* () {
  const { store } = yield* Effect.flatMap(JournalStoreMemory.place, ({ owner }) => owner)
  const turns = makeTurns()
  const { fail, mend, store: real } = failable(store)
  const journal = yield* journalOn(late(real, turns.turn, { commit: 1, find: 0, page: 0 }), { turn: turns.turn })
  yield* Effect.addFinalizer(() => Effect.sync(turns.release))
  const heard = (lease: Lease) => {
    const told: Array<boolean> = []
    lease.onPressure((full) => void told.push(full))
    return told
  }
  return { ...turns, ...journal, fail, mend, heard }
})

describe("the writer of a stream", () => {
  it.effect("is asked to pause when more than 1 MiB of it waits, and to go on below half of that", () =>
    Effect.gen(function* () {
      const { create, heard, take, takeAll } = yield* slow
      const lease = create(stream)
      const other = create(stream)
      const [told, toldOther] = [heard(lease), heard(other)]
      for (let n = 0; n < 1_024; n++) lease.append(kilobyte)
      assert.deepStrictEqual(told, [])
      lease.append("one more")
      lease.append("and another")
      assert.deepStrictEqual(told, [true])
      // The commit is under way, and what is in it waits for it.
      take()
      for (let n = 0; n < 700; n++) lease.append(kilobyte)
      assert.deepStrictEqual(told, [true])
      // It is done, and 700 KiB more wait for the next.
      take()
      assert.deepStrictEqual(told, [true])
      takeAll()
      assert.deepStrictEqual(told, [true, false])
      for (let n = 0; n < 1_025; n++) lease.append(kilobyte)
      takeAll()
      assert.deepStrictEqual(told, [true, false, true, false])
      assert.deepStrictEqual(toldOther, [])
      lease.end(ended)
      takeAll()
    })
  )

  it.effect("is asked to pause with all others when more than 64 MiB wait in all, and one that begins then too", () =>
    Effect.gen(function* () {
      const { create, heard, takeAll } = yield* slow
      const leases = Array.from({ length: 68 }, () => create(stream))
      const told = leases.map(heard)
      const quiet = heard(create(stream))
      for (const lease of leases.slice(0, 67)) lease.append(megabyte)
      assert.isTrue(told.every((one) => one.length === 0))
      leases[67]?.append(megabyte)
      for (const one of [...told, quiet]) assert.deepStrictEqual(one, [true])
      const late = create(stream)
      assert.deepStrictEqual(heard(late), [true])
      takeAll()
      for (const one of [...told, quiet]) assert.deepStrictEqual(one, [true, false])
      assert.deepStrictEqual(heard(late), [])
    })
  )

  it.effect("is told at once when it begins to listen, and never after its stream is over", () =>
    Effect.gen(function* () {
      const { create, fail, heard, mend, takeAll } = yield* slow
      const lease = create(stream)
      lease.append(megabyte)
      lease.append(megabyte)
      const told = heard(lease)
      assert.deepStrictEqual(told, [true])
      fail()
      takeAll()
      assert.deepStrictEqual(told, [true])
      mend()
      // What was given up does not count for those who come after.
      const next = create(stream)
      const toldNext = heard(next)
      for (let n = 0; n < 1_000; n++) next.append(kilobyte)
      takeAll()
      assert.deepStrictEqual(toldNext, [])
      const last = create(stream)
      const toldLast = heard(last)
      last.append(megabyte)
      last.append(megabyte)
      last.end(ended)
      takeAll()
      assert.deepStrictEqual(toldLast, [true])
    })
  )
})
