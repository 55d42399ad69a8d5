/**
 * The second half of the suite that every store must pass: readers, taking over, and what happens when the store fails.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import * as fc from "fast-check"
import { type JournalStore, pageRoom } from "#src/journal/index"
import {
  type Backend,
  claimed,
  ended,
  failable,
  journalOn,
  late,
  makeTold,
  makeTurns,
  stream,
  type Told,
  until
} from "./kit.ts"
import { runSchedule, schedules } from "./schedules.ts"

type Store = JournalStore["Service"]

/** Defines it for a kind of store; `fresh` opens one in a place of its own. */
export const readersSuite = (backend: Backend, fresh: Effect.Effect<Store, never, Scope.Scope>): void => {
  const journal = Effect.flatMap(fresh, (store) => journalOn(store))

  describe(`readers, on ${backend.name}`, () => {
    it.effect("are counted, and the first and the last are told of", () =>
      Effect.gen(function* () {
        const { create, follow } = yield* journal
        const lease = create(stream)
        const counts: Array<number> = []
        lease.onReaders((readers) => void counts.push(readers))
        const one = follow(lease.id, -1, makeTold())
        const two = follow(lease.id, -1, makeTold())
        assert.strictEqual(lease.readers(), 2)
        one.close()
        one.close()
        two.close()
        follow(lease.id, -1, makeTold())
        assert.deepStrictEqual(counts, [1, 0, 1])
        lease.end(ended)
        yield* lease.committed
        assert.deepStrictEqual([counts, lease.readers()], [[1, 0, 1], 0])
      })
    )

    it.effect("one that is full holds up nobody, and goes on where it stopped", () =>
      Effect.gen(function* () {
        const { create, follow } = yield* journal
        const lease = create(stream)
        const full = makeTold((told) => told.calls.length % 2 === 0)
        const free = makeTold()
        const reader = follow(lease.id, -1, full)
        follow(lease.id, -1, free)
        for (const frame of ["a", "b", "c"]) {
          lease.append(frame)
          yield* lease.committed
        }
        assert.deepStrictEqual([full.text, free.text], ["a", "abc"])
        reader.resume()
        reader.resume()
        yield* until(() => full.text === "abc")
        lease.append("d")
        lease.end(ended)
        yield* lease.committed
        yield* until(() => full.terminal)
        assert.deepStrictEqual(full.calls, ["a", "bc", "d"])
      })
    )

    it.effect("one that takes a part of an event is given the rest of it, and of nothing twice", () =>
      Effect.gen(function* () {
        const { create, follow } = yield* journal
        const lease = create(stream)
        const long = `${"long ".repeat(pageRoom)};`
        const parts = [long.length - 7, 3]
        const torn = makeTold(() => parts.shift() ?? true)
        const reader = follow(lease.id, -1, torn)
        lease.append(long)
        yield* lease.committed
        assert.strictEqual(torn.text.length, long.length - 7)
        reader.resume()
        yield* until(() => torn.text.length === long.length - 4)
        for (const frame of ["a", "b"]) {
          lease.append(frame)
          yield* lease.committed
        }
        assert.deepStrictEqual(torn.calls.slice(1), [long.slice(-7)])
        reader.resume()
        yield* until(() => torn.text === `${long}ab`)
        assert.strictEqual(torn.calls[2], long.slice(-4))
        lease.append("c")
        lease.end(ended)
        yield* lease.committed
        yield* until(() => torn.terminal)
        assert.strictEqual(torn.text, `${long}abc`)
      })
    )

    it.effect("the last event, too, can be taken in parts: it is the last when all of it was taken", () =>
      Effect.gen(function* () {
        const { create, follow } = yield* journal
        const lease = create(stream)
        const parts = [2, 1]
        const torn = makeTold(() => parts.shift() ?? true)
        const reader = follow(lease.id, -1, torn)
        lease.append("last")
        lease.end(ended)
        yield* lease.committed
        assert.deepStrictEqual([torn.text, torn.terminal], ["la", false])
        reader.resume()
        yield* until(() => torn.text === "las")
        assert.isFalse(torn.terminal)
        reader.resume()
        yield* until(() => torn.terminal)
        assert.strictEqual(torn.text, "last")
      })
    )

    it.effect("what is committed at once and is more than a page comes a page at a time", () =>
      Effect.gen(function* () {
        const { create, follow } = yield* journal
        const lease = create(stream)
        const told = makeTold()
        const frames = Array.from({ length: 40 }, (_, n) => `${n} ${"x".repeat(10_000)};`)
        follow(lease.id, -1, told)
        for (const frame of frames) lease.append(frame)
        lease.end(ended)
        yield* lease.committed
        yield* until(() => told.terminal)
        assert.isTrue(told.text === frames.join(""))
        for (const call of told.calls) assert.isAtMost(call.length, pageRoom)
      })
    )

    it.effect("one may close, resume or begin another from inside its callback", () =>
      Effect.gen(function* () {
        const { create, follow } = yield* journal
        const lease = create(stream)
        const after = makeTold()
        const within = makeTold()
        const closing = makeTold(() => {
          first.close()
          follow(lease.id, -1, within)
          return true
        })
        const first = follow(lease.id, -1, closing)
        const resuming = makeTold(() => {
          second.resume()
          return false
        })
        const second = follow(lease.id, -1, resuming)
        follow(lease.id, -1, after)
        for (const frame of ["a", "b"]) {
          lease.append(frame)
          yield* lease.committed
        }
        yield* until(() => within.text === "ab")
        assert.deepStrictEqual([closing.text, resuming.text, after.text], ["a", "ab", "ab"])
      })
    )

    it.effect("one that throws is let go, and nobody else notices", () =>
      Effect.gen(function* () {
        const { create, follow } = yield* journal
        const lease = create(stream)
        const bad = makeTold(() => {
          throw new Error("the reader's own")
        })
        const good = makeTold()
        follow(lease.id, -1, bad)
        follow(lease.id, -1, good)
        for (const frame of ["a", "b"]) {
          lease.append(frame)
          yield* lease.committed
        }
        assert.deepStrictEqual([bad.calls, good.text, lease.readers()], [["a"], "ab", 1])
        assert.strictEqual(bad.faults[0]?._tag, "QueryDataError")
      })
    )

    it.effect("one that was at the end is told so", () =>
      Effect.gen(function* () {
        const { create, follow } = yield* journal
        const lease = create(stream)
        lease.append("a")
        lease.end(ended)
        yield* lease.committed
        const told = makeTold()
        follow(lease.id, 0, told)
        yield* until(() => told.terminal)
        assert.strictEqual(told.text, "")
      })
    )

    it.effect("one of a stream that is not there has a fault", () =>
      Effect.gen(function* () {
        const { follow } = yield* journal
        const told = makeTold()
        follow("A".repeat(22), -1, told)
        yield* until(() => told.faults.length > 0)
        assert.strictEqual(told.faults[0]?._tag, "QueryDataError")
      })
    )

    for (const [answers, lateness] of [
      ["at once", { commit: 0, find: 0, page: 0 }],
      ["late", { commit: 2, find: 2, page: 2 }],
      ["commits late", { commit: 4, find: 1, page: 1 }],
      ["pages late", { commit: 1, find: 3, page: 4 }]
    ] as const) {
      it.live(`join, pause, go on and leave at any moment (the store answers ${answers})`, () =>
        Effect.gen(function* () {
          const store = yield* fresh
          yield* Effect.promise(() =>
            fc.assert(
              fc.asyncProperty(schedules, (operations) =>
                Effect.runPromise(Effect.scoped(runSchedule(store, lateness, operations)))
              ),
              { numRuns: backend.runs }
            )
          )
        })
      )
    }

    it.effect("leave nothing behind: of a stream that has ended and is not read, nothing is remembered", () =>
      Effect.gen(function* () {
        const store = yield* fresh
        const found: Array<string> = []
        const { create, follow } = yield* journalOn({
          ...store,
          find: (id, done) => {
            found.push(id)
            store.find(id, done)
          }
        })
        const ids: Array<string> = []
        for (const read of [true, false]) {
          const lease = create(stream)
          if (read) follow(lease.id, -1, makeTold())
          lease.append("a")
          lease.end(ended)
          yield* lease.committed
          ids.push(lease.id)
        }
        assert.deepStrictEqual(found, [])
        for (const id of ids) follow(id, -1, makeTold())
        yield* until(() => found.length === 2)
        assert.deepStrictEqual(found, ids)
      })
    )
  })

  describe(`taking over, on ${backend.name}`, () => {
    it.effect("an orphan is continued and ended, and who followed it reads on", () =>
      Effect.gen(function* () {
        const place = yield* backend.place
        const id = yield* Effect.scoped(
          Effect.gen(function* () {
            const { create } = yield* journalOn((yield* place.owner).store)
            const lease = create({ ...stream, note: "half" })
            for (const frame of ["a", "b"]) lease.append(frame)
            yield* lease.committed
            return lease.id
          })
        )
        const journal = yield* journalOn((yield* place.owner).store)
        const { locate, follow, claim, frames } = journal
        const { record, state } = yield* locate(id, undefined)
        assert.deepStrictEqual([state, record.length, record.note], ["orphan", 2, "half"])
        const told = makeTold()
        follow(id, 0, told)
        yield* until(() => told.text === "b")
        const lease = yield* claimed(journal, record)
        assert.strictEqual((yield* claim(record))._tag, "Held")
        assert.strictEqual(lease.nextSeq(), 2)
        assert.strictEqual((yield* locate(id, undefined)).state, "live")
        lease.append("c")
        lease.end(ended)
        yield* lease.committed
        assert.deepStrictEqual([told.text, told.last, told.terminal], ["bc", 2, true])
        assert.deepStrictEqual(yield* frames(id, -1), ["a", "b", "c"])
        assert.strictEqual((yield* locate(id, undefined)).state, "ended")
      })
    )

    it.effect("a stream that has ended meanwhile is left alone", () =>
      Effect.gen(function* () {
        const store = yield* fresh
        const orphaned = yield* Effect.scoped(
          Effect.gen(function* () {
            const { create, locate } = yield* journalOn(store)
            const lease = create(stream)
            lease.append("a")
            yield* lease.committed
            return (yield* locate(lease.id, undefined)).record
          })
        )
        const journal = yield* journalOn(store)
        const { create, claim, frames } = journal
        const first = yield* claimed(journal, orphaned)
        first.append("b")
        first.end(ended)
        yield* first.committed
        assert.deepStrictEqual(yield* claim(orphaned), { _tag: "Ended" })
        yield* create(stream).committed
        assert.deepStrictEqual(yield* frames(orphaned.id, -1), ["a", "b"])
      })
    )
  })

  describe(`a failure of the store, on ${backend.name}`, () => {
    it.effect("is told to every writer and every reader, once, and no end is invented", () =>
      Effect.gen(function* () {
        const { store, fail, mend } = failable(yield* fresh)
        const { create, follow, locate, frames } = yield* journalOn(store)
        const leases = [create(stream), create(stream)]
        const faults: Array<string> = []
        const told: Array<Told> = []
        for (const lease of leases) {
          lease.onFault((fault) => void faults.push(fault._tag))
          for (const one of [makeTold(), makeTold()]) {
            follow(lease.id, -1, one)
            told.push(one)
          }
          lease.append("a")
        }
        yield* Effect.forEach(leases, (lease) => lease.committed)
        fail()
        leases[0]?.append("b")
        leases[1]?.append("b")
        leases[1]?.end(ended)
        for (const lease of leases) {
          assert.strictEqual((yield* Effect.flip(lease.committed))._tag, "UpdateDataError")
          lease.append("c")
          lease.end(ended)
        }
        assert.deepStrictEqual(faults, ["UpdateDataError", "UpdateDataError"])
        for (const one of told) assert.deepStrictEqual([one.text, one.terminal, one.faults.length], ["a", false, 1])
        mend()
        const next = create(stream)
        next.append("new")
        yield* next.committed
        assert.deepStrictEqual(yield* frames(next.id, -1), ["new"])
        for (const lease of leases) {
          assert.strictEqual((yield* locate(lease.id, undefined)).state, "orphan")
          assert.deepStrictEqual(yield* frames(lease.id, -1), ["a"])
        }
      })
    )

    it.effect("takes with it what was gathered meanwhile: nothing is written after a gap", () =>
      Effect.gen(function* () {
        const { turn, take, takeAll, release } = makeTurns()
        const real = yield* fresh
        const { store, fail, mend } = failable(real)
        const { create } = yield* journalOn(late(store, turn, { commit: 3, find: 0, page: 0 }), { turn })
        yield* Effect.addFinalizer(() => Effect.sync(release))
        const lease = create(stream)
        lease.append("a")
        takeAll()
        fail()
        lease.append("b")
        take()
        mend()
        lease.append("c")
        const second = create(stream)
        second.append("d")
        takeAll()
        const stored: Array<unknown> = []
        for (const { id } of [lease, second]) {
          real.page(id, -1, 9, (answer) => stored.push(answer.ok ? (answer.value?.text ?? "") : "failed"))
        }
        assert.deepStrictEqual(stored, ["a", ""])
        assert.strictEqual((yield* Effect.flip(second.committed))._tag, "UpdateDataError")
      })
    )

    it.effect("does not reach what a listener begins anew", () =>
      Effect.gen(function* () {
        const { store, fail, mend } = failable(yield* fresh)
        const { create, frames } = yield* journalOn(store)
        const lease = create(stream)
        const begun: Array<typeof lease> = []
        lease.onFault(() => {
          mend()
          const anew = create(stream)
          anew.append("anew")
          begun.push(anew)
        })
        fail()
        lease.append("a")
        yield* Effect.flip(lease.committed)
        assert.strictEqual(begun.length, 1)
        for (const anew of begun) {
          yield* anew.committed
          assert.deepStrictEqual(yield* frames(anew.id, -1), ["anew"])
        }
      })
    )
  })
}
