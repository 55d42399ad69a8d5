import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { JournalStore, JournalStoreMemory, replied } from "#src/journal/index"
import { claimed, ended, journalOn, makeTold, stream, until } from "./kit.ts"
import { journalSuite } from "./suite.ts"

journalSuite({
  name: "memory",
  runs: 150,
  owners: "at once",
  place: Effect.map(JournalStoreMemory.place, ({ owner }) => ({
    owner: Effect.map(owner, ({ die, store }) => ({ store, die: Effect.sync(die) }))
  }))
})

describe("what an answer came to", () => {
  it.effect("is forgotten with its frames once who keeps books has it, and not before", () =>
    Effect.gen(function* () {
      const { owner } = yield* JournalStoreMemory.place
      const { store } = yield* owner
      const { create, outcomes } = yield* journalOn(store)
      for (const outcome of ["a", "b", "c"]) {
        const lease = create(stream)
        lease.append("x")
        lease.end({ outcome, freesKey: false })
        yield* lease.committed
      }
      const all = yield* outcomes("", 9)
      assert.deepStrictEqual(yield* outcomes(all[1]!.position, 9), all.slice(2))
      const sweep = { framesBefore: Number.MAX_SAFE_INTEGER, streamsBefore: 0, keysBefore: 0, maxBytes: 1_000 }
      yield* replied<void, unknown>((done) => store.sweep(sweep, done))
      assert.deepStrictEqual(yield* outcomes("", 9), all.slice(2))
    })
  )
})

describe("an owner that is held for dead, though it lives", () => {
  it.effect("writes until its stream is claimed, and then nothing: its readers are cut, those elsewhere read on", () =>
    Effect.gen(function* () {
      const { owner } = yield* JournalStoreMemory.place
      const [one, two] = [yield* owner, yield* owner]
      const [first, second] = [yield* journalOn(one.store), yield* journalOn(two.store)]
      const [lease, other] = [first.create(stream), first.create(stream)]
      for (const each of [lease, other]) each.append("a")
      yield* lease.committed
      const [here, there] = [makeTold(), makeTold()]
      first.follow(lease.id, -1, here)
      second.follow(lease.id, -1, there)
      yield* until(() => here.text + there.text === "aa")

      one.lapse()
      lease.append("b")
      yield* lease.committed
      yield* until(() => there.text === "ab")
      const faults: Array<string> = []
      lease.onFault((fault) => void faults.push(fault._tag))
      const { record, state } = yield* second.locate(lease.id, undefined)
      assert.deepStrictEqual([state, record.length], ["orphan", 2])
      lease.append("c, between the look and the claim")
      yield* lease.committed
      const taken = yield* claimed(second, record)
      assert.strictEqual(taken.nextSeq(), 3)

      lease.append("never")
      lease.note(() => "never")
      lease.end(ended)
      other.append("b")
      assert.strictEqual((yield* Effect.flip(lease.committed))._tag, "LeaseLost")
      yield* other.committed
      assert.deepStrictEqual(faults, ["LeaseLost"])
      assert.deepStrictEqual([here.terminal, here.faults.map((fault) => fault._tag)], [false, ["LeaseLost"]])
      assert.isTrue(first.usable())
      taken.append("d")
      taken.end(ended)
      yield* taken.committed
      yield* until(() => there.terminal)
      assert.strictEqual(there.text, "abc, between the look and the claimd")
      assert.deepStrictEqual(yield* first.frames(lease.id, -1), ["a", "b", "c, between the look and the claim", "d"])
      assert.deepStrictEqual(yield* first.frames(other.id, -1), ["a", "b"])

      // Nobody has claimed the other one, and it goes on.
      other.end(ended)
      yield* other.committed
      assert.strictEqual((yield* second.locate(other.id, undefined)).state, "ended")
    })
  )

  it.effect("learns that its stream was ended elsewhere, and writes nothing behind the end", () =>
    Effect.gen(function* () {
      const { owner } = yield* JournalStoreMemory.place
      const [one, two] = [yield* owner, yield* owner]
      const [first, second] = [yield* journalOn(one.store), yield* journalOn(two.store)]
      const lease = first.create(stream)
      lease.append("a")
      yield* lease.committed
      one.lapse()
      const taken = yield* claimed(second, (yield* second.locate(lease.id, undefined)).record)
      taken.append("end")
      taken.end(ended)
      yield* taken.committed
      lease.append("late")
      assert.strictEqual((yield* Effect.flip(lease.committed))._tag, "LeaseLost")
      assert.strictEqual((yield* first.locate(lease.id, undefined)).state, "ended")
      const told = makeTold()
      first.follow(lease.id, -1, told)
      yield* until(() => told.terminal)
      assert.strictEqual(told.text, "aend")
    })
  )
})

describe("a store of one owner", () => {
  it.effect("keeps no outcome that was told, and one that was not until it is", () =>
    Effect.gen(function* () {
      const journal = yield* journalOn(yield* JournalStore)
      const leases = [journal.create(stream), journal.create(stream)]
      for (const lease of leases) lease.end(ended)
      yield* leases[1]!.committed
      const all = yield* journal.outcomes("", 10)
      assert.lengthOf(all, 2)
      assert.deepStrictEqual(yield* journal.outcomes("", 10), all)
      assert.deepStrictEqual(yield* journal.outcomes(all[0]!.position, 10), all.slice(1))
      assert.deepStrictEqual(yield* journal.outcomes("", 10), all.slice(1))
      assert.deepStrictEqual(yield* journal.outcomes(all[1]!.position, 10), [])
      assert.deepStrictEqual(yield* journal.outcomes("", 10), [])
      assert.deepStrictEqual(yield* journal.outcomes("9007199254740990", 10), [])
      assert.strictEqual((yield* journal.locate(leases[0]!.id, undefined)).record.note, stream.note)
    }).pipe(Effect.provide(JournalStoreMemory.layer))
  )
})

setFlagsFromString("--expose-gc")
const collect = runInNewContext("gc") as () => void

// The bytes of a buffer are given back beside the program, a little after its object is gone.
const heldBytes: Effect.Effect<number> = Effect.gen(function* () {
  for (let times = 0; times < 3; times++) {
    collect()
    yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 50)))
  }
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  return heapUsed + arrayBuffers
})

describe("R17: 45,000 short answers in memory", () => {
  it.live("take no more than journal.maxBytes allows, and what is kept of each is about its bytes", () =>
    Effect.gen(function* () {
      const { owner } = yield* JournalStoreMemory.place
      const { store } = yield* owner
      const maxBytes = 16 * 1024 * 1024
      const journal = yield* journalOn(store, { maxBytes })
      const before = yield* heldBytes
      const ids: Array<string> = []
      for (let n = 0; n < 45_000; n++) {
        const lease = journal.create({ ...stream, request: `{"n":${n},"text":"${"x".repeat(500)}"}` })
        journal.follow(lease.id, -1, makeTold())
        for (let at = 0; at < 10; at++) lease.append(`id: ${lease.id}.${at}\ndata: ${"y".repeat(180)}\n\n`)
        lease.end(ended)
        ids.push(lease.id)
        if (n % 32 === 0) yield* lease.committed
      }
      yield* until(() => ids.every((id) => journal.live(id) === undefined))
      const held = ((yield* heldBytes) - before) / maxBytes
      const bytes = (yield* Effect.forEach(ids, (id) => journal.frames(id, -1))).flat().join("").length
      assert.isAtMost(bytes, maxBytes)
      assert.isAtLeast(bytes, maxBytes * 0.8)
      // The frames that are kept, and half a kilobyte for each answer that there was.
      assert.isBelow(held, 1.2 + (45_000 * 512) / maxBytes)
      assert.strictEqual((yield* Effect.flip(journal.locate(ids[0]!, undefined)))._tag, "StreamExpired")
      assert.strictEqual((yield* journal.locate(ids[44_999]!, undefined)).state, "ended")

      // Of what is forgotten, and whose outcome was read, it is only known that it was.
      for (let at = "", page; (page = yield* journal.outcomes(at, 1_000)).length > 0; ) at = page.at(-1)!.position
      const sweep = { framesBefore: Number.MAX_SAFE_INTEGER, streamsBefore: 0, keysBefore: 0, maxBytes }
      yield* replied<void, unknown>((done) => store.sweep(sweep, done))
      const left = ((yield* heldBytes) - before) / 45_000
      assert.isBelow(left, 260)
      assert.strictEqual((yield* Effect.flip(journal.locate(ids[44_999]!, undefined)))._tag, "StreamExpired")
    })
  )
})
