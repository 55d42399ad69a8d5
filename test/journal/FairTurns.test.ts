/**
 * What one client asks for is not done in one turn: whatever waits to be read, each turn of the event loop does so much of
 * it and no more.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { makeFairTurns, piecesATurn } from "#src/journal/FairTurns"
import { JournalStoreMemory } from "#src/journal/index"
import { ended, journalOn, makeTurns, stream } from "./kit.ts"

describe("S17: so much a turn, and no more", () => {
  it("S17: pieces are done in the order in which they came, sixteen a turn, and what they add comes behind them", () => {
    const waiting: Array<() => void> = []
    const inTurn = makeFairTurns((run) => waiting.push(run))
    const done: Array<number> = []
    const total = 5000
    for (let n = 0; n < total / 2; n++) {
      inTurn(() => {
        done.push(n)
        inTurn(() => done.push(n + total / 2))
      })
    }
    while (waiting.length > 0) {
      assert.lengthOf(waiting, 1)
      const before = done.length
      waiting.shift()!()
      assert.isAtMost(done.length - before, piecesATurn)
    }
    assert.deepStrictEqual(
      done,
      Array.from({ length: total }, (_, n) => n)
    )
    // It begins anew.
    inTurn(() => done.push(-1))
    waiting.shift()!()
    assert.strictEqual(done.at(-1), -1)
  })

  it("S17: a piece that throws stops none of those behind it, in its turn or later", () => {
    const waiting: Array<() => void> = []
    const inTurn = makeFairTurns((run) => waiting.push(run))
    const done: Array<number> = []
    const total = 3 * piecesATurn
    for (let n = 0; n < total; n++) {
      inTurn(() => {
        if (n % 20 === 3 || n === total - 1) throw new Error(`piece ${n}`)
        done.push(n)
      })
    }
    const thrown: Array<string> = []
    const take = (): void => {
      try {
        waiting.shift()?.()
      } catch (cause) {
        thrown.push(String(cause))
      }
    }
    for (let turns = 0; waiting.length > 0; turns++) {
      take()
      assert.isBelow(turns, total)
    }
    assert.deepStrictEqual(thrown, [
      "Error: piece 3",
      "Error: piece 23",
      "Error: piece 43",
      `Error: piece ${total - 1}`
    ])
    assert.lengthOf(done, total - thrown.length)
    inTurn(() => done.push(-1))
    take()
    assert.strictEqual(done.at(-1), -1)
  })

  it.effect("S17: five hundred replays at once read sixteen pages a turn, and each is whole", () =>
    Effect.gen(function* () {
      const { store } = yield* Effect.flatMap(JournalStoreMemory.place, ({ owner }) => owner)
      const turns = makeTurns()
      yield* Effect.addFinalizer(() => Effect.sync(turns.release))
      let pages = 0
      const counting: typeof store = {
        ...store,
        page: (...asked) => {
          pages++
          store.page(...asked)
        }
      }
      const journal = yield* journalOn(counting, { turn: turns.turn })
      const lease = journal.create(stream)
      for (let n = 0; n < 1000; n++) lease.append(`${n} ${"x".repeat(500)}\n`)
      lease.end(ended)
      turns.takeAll()
      const whole: Array<string> = []
      let given = 0
      for (let n = 0; n < 500; n++) {
        journal.follow(lease.id, -1, {
          onFrames: (text, _last, terminal) => {
            given++
            whole[n] = (whole[n] ?? "") + text
            return !terminal
          },
          onFault: () => assert.fail("a fault")
        })
      }
      let taken = 0
      for (; whole.length < 500 || whole.some((text) => !text.includes("\n999 ")); taken++) {
        const before = [pages, given] as const
        turns.take()
        assert.isAtMost(pages - before[0], piecesATurn)
        assert.isAtMost(given - before[1], piecesATurn)
        assert.isBelow(taken, 100_000)
      }
      assert.strictEqual(new Set(whole).size, 1)
      assert.isAtLeast(taken, given / piecesATurn)
    })
  )
})
