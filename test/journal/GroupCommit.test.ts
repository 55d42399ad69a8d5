/**
 * When a commit is made: in the turn in which something is to be shown, and a turn later where nothing is.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { JournalStoreMemory } from "#src/journal/index"
import { ended, journalOn, makeTold, stream } from "./kit.ts"

const made = Effect.gen(function* () {
  const { store } = yield* Effect.flatMap(JournalStoreMemory.place, ({ owner }) => owner)
  const due: Array<() => void> = []
  const commits: Array<string> = []
  const counted: typeof store = {
    ...store,
    commit: (shares, done) => {
      commits.push(shares.map(({ begins, frames }) => `${begins ? "b" : ""}${frames?.text ?? ""}`).join())
      store.commit(shares, done)
    }
  }
  const turn = Effect.sync(() => {
    for (const run of due.splice(0)) run()
  })
  // It commits what is left when it is closed, without a turn.
  const journal = yield* journalOn(counted, { turn: (run) => void due.push(run) })
  return { journal, commits, turn }
})

describe("a commit", () => {
  it.effect("of beginnings alone lets one turn pass, and is one with what comes in it", () =>
    Effect.gen(function* () {
      const { commits, journal, turn } = yield* made
      const first = journal.create(stream)
      yield* turn
      assert.deepStrictEqual(commits, [])
      journal.create(stream)
      first.append("x")
      yield* turn
      assert.deepStrictEqual(commits, ["bx,b"])
      journal.create(stream)
      yield* turn
      assert.lengthOf(commits, 1)
      yield* turn
      assert.deepStrictEqual(commits, ["bx,b", "b"])
    })
  )

  it.effect("of frames, of an end, and of what somebody waits for lets none pass", () =>
    Effect.gen(function* () {
      const { commits, journal, turn } = yield* made
      const shown = journal.create(stream)
      shown.append("x")
      yield* turn
      assert.deepStrictEqual(commits, ["bx"])
      shown.end(ended)
      yield* turn
      assert.deepStrictEqual(commits, ["bx", ""])
      const waited = yield* Effect.forkChild(journal.create(stream).committed, { startImmediately: true })
      yield* turn
      assert.deepStrictEqual(commits, ["bx", "", "b"])
      yield* Fiber.join(waited)
    })
  )

  it.effect("that let a turn pass is made at once when the journal is closed", () =>
    Effect.gen(function* () {
      const { commits, turn } = yield* Effect.scoped(
        Effect.tap(made, ({ journal, turn }) => {
          journal.create(stream)
          return turn
        })
      )
      assert.deepStrictEqual(commits, ["b"])
      yield* turn
      assert.deepStrictEqual(commits, ["b"])
    })
  )

  it.effect("gives readers an end before it is told to others, in the same turn", () =>
    Effect.gen(function* () {
      const { journal, turn } = yield* made
      const order: Array<string> = []
      const lease = journal.create(stream)
      journal.follow(lease.id, -1, {
        ...makeTold(),
        onFrames: (text) => {
          order.push(`read ${text}`)
          return true
        }
      })
      lease.append("x")
      lease.end({ ...ended, onCommitted: () => void order.push("told") })
      assert.deepStrictEqual(order, [])
      yield* turn
      assert.deepStrictEqual(order, ["read x", "told"])
    })
  )
})
