/**
 * What every store of the journal must give: one suite, run on each of them.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { formatCursor, type JournalStore } from "#src/journal/index"
import { type Backend, ended, freshStore, journalOn, late, makeTold, makeTurns, moment, stream, until } from "./kit.ts"
import { keepingSuite } from "./keepingSuite.ts"
import { readersSuite } from "./readersSuite.ts"
import { sharedSuite } from "./sharedSuite.ts"

type Store = JournalStore["Service"]

const day = 24 * 60 * 60 * 1000

/** Defines the suite for a kind of store. */
export const journalSuite = (backend: Backend): void => {
  const fresh = freshStore(backend)
  const journal = Effect.flatMap(fresh, (store) => journalOn(store))

  describe(`a stream, on ${backend.name}`, () => {
    it.effect("is shown in order, each frame once, and ended by its terminal event", () =>
      Effect.gen(function* () {
        const { create, follow } = yield* journal
        const lease = create(stream)
        const told = makeTold()
        follow(lease.id, -1, told)
        for (const frame of ["a", "b", "c"]) {
          lease.append(frame)
          yield* lease.committed
        }
        assert.deepStrictEqual([told.text, told.terminal], ["abc", false])
        lease.append("d")
        lease.end(ended)
        yield* lease.committed
        assert.deepStrictEqual([told.text, told.last, told.terminal], ["abcd", 3, true])
      })
    )

    it.effect("numbers its frames from 0 without gaps", () =>
      Effect.gen(function* () {
        const { create } = yield* journal
        const lease = create(stream)
        const seqs = ["a", "b", "c"].map((frame) => {
          const seq = lease.nextSeq()
          lease.append(frame)
          return seq
        })
        assert.deepStrictEqual([...seqs, lease.nextSeq()], [0, 1, 2, 3])
      })
    )

    it.effect("is replayed to the byte, from any cursor", () =>
      Effect.gen(function* () {
        const { create, follow, frames } = yield* journal
        const lease = create(stream)
        const all = Array.from({ length: 700 }, (_, n) => `data: ${n} \u00e9\u{1f600}\r\n\u0000\n\n`)
        for (const frame of all) lease.append(frame)
        lease.end(ended)
        yield* lease.committed
        for (const after of [-1, 0, 255, 256, 698]) {
          const told = makeTold()
          follow(lease.id, after, told)
          yield* until(() => told.terminal)
          assert.strictEqual(told.text, all.slice(after + 1).join(""))
          assert.deepStrictEqual(yield* frames(lease.id, after), all.slice(after + 1))
        }
      })
    )

    it.effect("is read in pages of bounded size, however large its frames are", () =>
      Effect.gen(function* () {
        const { create, follow } = yield* journal
        const lease = create(stream)
        const all = Array.from({ length: 12 }, (_, n) => String(n % 10).repeat(100_000))
        for (const frame of all) lease.append(frame)
        lease.end(ended)
        yield* lease.committed
        const told = makeTold()
        follow(lease.id, -1, told)
        yield* until(() => told.terminal)
        assert.strictEqual(told.text, all.join(""))
        for (const call of told.calls) assert.isAtMost(call.length, 300_000)
      })
    )

    it.effect("asks for its note once a commit, when all that is in the commit is known", () =>
      Effect.gen(function* () {
        const { create, locate } = yield* journal
        const lease = create({ ...stream, note: "first" })
        const asked: Array<string> = []
        let known = "little"
        lease.note(() => {
          asked.push("early")
          return "early"
        })
        lease.note(() => {
          asked.push(known)
          return known
        })
        known = "all"
        lease.append("a")
        yield* lease.committed
        assert.deepStrictEqual(asked, ["all"])
        lease.append("b")
        yield* lease.committed
        assert.deepStrictEqual(asked, ["all"])
        assert.strictEqual((yield* locate(lease.id, undefined)).record.note, "all")
      })
    )

    it.effect("takes nothing after its end", () =>
      Effect.gen(function* () {
        const { create, frames } = yield* journal
        const lease = create(stream)
        lease.append("a")
        lease.end(ended)
        lease.append("b")
        lease.note(() => "late")
        lease.end(ended)
        yield* lease.committed
        lease.append("c")
        yield* lease.committed
        assert.deepStrictEqual(yield* frames(lease.id, -1), ["a"])
      })
    )

    it.effect("can be ended after its last frame was shown", () =>
      Effect.gen(function* () {
        const { create, follow, live } = yield* journal
        const lease = create(stream)
        const told = makeTold()
        follow(lease.id, -1, told)
        lease.append("a")
        yield* lease.committed
        assert.strictEqual(live(lease.id), lease)
        lease.end(ended)
        yield* lease.committed
        assert.deepStrictEqual([told.text, told.last, told.terminal], ["a", 0, true])
        assert.isUndefined(live(lease.id))
      })
    )

    it.effect("keeps its newest note, its request and its owner", () =>
      Effect.gen(function* () {
        const { create, locate } = yield* journal
        yield* TestClock.setTime(1_000)
        const lease = create({ dialect: "openai", owner: "alice", request: '{"a":1}', note: "first" })
        lease.note(() => "second")
        yield* lease.committed
        yield* TestClock.setTime(2_000)
        lease.append("a")
        lease.note(() => "third")
        lease.end(ended)
        yield* lease.committed
        assert.deepInclude((yield* locate(lease.id, undefined)).record, {
          id: lease.id,
          dialect: "openai",
          owner: "alice",
          // It is needed to go on with the stream, and not after its end.
          request: "",
          note: "third",
          createdAt: 1_000,
          endedAt: 2_000,
          length: 1
        })
      })
    )
  })

  describe(`a commit, on ${backend.name}`, () => {
    it.effect("comes before the readers: what they are told, the store would give back", () =>
      Effect.gen(function* () {
        const store = yield* fresh
        const { create, follow } = yield* journalOn(store)
        const lease = create(stream)
        const stored: Array<boolean> = []
        follow(lease.id, -1, {
          onFrames: (_, last) => {
            store.find(lease.id, (answer) => stored.push(answer.ok && (answer.value?.length ?? 0) > last))
            return true
          },
          onFault: () => {}
        })
        for (let n = 0; n < 20; n++) {
          lease.append("x")
          if (n % 3 === 0) yield* lease.committed
        }
        yield* lease.committed
        assert.isAbove(stored.length, 5)
        assert.isTrue(stored.every((there) => there))
      })
    )

    it.effect("is made once a turn, and its frames are one text for all readers of a stream", () =>
      Effect.gen(function* () {
        const { turn, takeAll } = makeTurns()
        const store = yield* fresh
        let commits = 0
        const counted: Store = {
          ...store,
          commit: (changes, done) => {
            commits++
            store.commit(changes, done)
          }
        }
        const { create, follow } = yield* journalOn(counted, { turn })
        const leases = [create(stream), create(stream)]
        const readers = leases.flatMap((lease) =>
          [1, 2].map(() => {
            const told = makeTold()
            follow(lease.id, -1, told)
            return told
          })
        )
        for (const lease of leases) for (const frame of ["a", "b", "c"]) lease.append(frame)
        assert.deepStrictEqual(
          readers.map((told) => told.text),
          ["", "", "", ""]
        )
        takeAll()
        assert.strictEqual(commits, 1)
        for (const told of readers) assert.deepStrictEqual(told.calls, ["abc"])
      })
    )

    it.effect("is made of what is pending when the journal closes; then writers and readers are ended", () =>
      Effect.gen(function* () {
        const store = yield* fresh
        const told = makeTold()
        const faults: Array<string> = []
        const id = yield* Effect.scoped(
          Effect.gen(function* () {
            const { create, follow } = yield* journalOn(store)
            const lease = create(stream)
            lease.onFault((fault) => void faults.push(fault._tag))
            follow(lease.id, -1, told)
            lease.append("a")
            return lease.id
          })
        )
        assert.deepStrictEqual([told.text, told.terminal], ["a", false])
        assert.deepStrictEqual([faults, told.faults.length], [["UpdateDataError"], 1])
        const { frames } = yield* journalOn(store)
        assert.deepStrictEqual(yield* frames(id, -1), ["a"])
      })
    )
  })

  describe(`a cursor, on ${backend.name}`, () => {
    it.effect("that is garbled, foreign or ahead is refused; any other is a position", () =>
      Effect.gen(function* () {
        const { create, locate } = yield* journal
        const lease = create(stream)
        const id = lease.id
        const other = create(stream)
        for (const frame of ["a", "b"]) lease.append(frame)
        yield* lease.committed
        const garbled = ["", "garbage", id, `${id}.`, `${id}.-1`, `${id}.01`, `${id}.1 `, `${id}.1.1`, `${id}.1e0`]
        const ahead = [`${id}.12345678901`, `${id}.2`, `${id}.9999999999`]
        for (const cursor of [...garbled, ...ahead, formatCursor(other.id, 0)]) {
          assert.strictEqual((yield* Effect.flip(locate(id, cursor)))._tag, "InvalidCursor", cursor)
        }
        assert.deepInclude(yield* locate(id, formatCursor(id, 1)), { after: 1, state: "live", atEnd: false })
        assert.deepInclude(yield* locate(id, undefined), { after: -1, state: "live", atEnd: false })
        lease.append("c")
        lease.end(ended)
        assert.strictEqual((yield* locate(id, undefined)).state, "live")
        yield* lease.committed
        assert.deepInclude(yield* locate(id, formatCursor(id, 1)), { after: 1, state: "ended", atEnd: false })
        assert.deepInclude(yield* locate(id, formatCursor(id, 2)), { after: 2, state: "ended", atEnd: true })
      })
    )

    it.effect("of a stream that is unknown, impossible or another's finds nothing", () =>
      Effect.gen(function* () {
        const { create, locate } = yield* journal
        const lease = create({ ...stream, owner: "alice" })
        const unknown = "A".repeat(22)
        const asked: ReadonlyArray<[string, string | undefined, string?]> = [
          [unknown, undefined],
          [unknown, `${unknown}.0`],
          ["../../etc", undefined],
          [lease.id, undefined, "bob"],
          [lease.id, `${lease.id}.99`, "bob"]
        ]
        for (const [id, cursor, owner] of asked) {
          assert.strictEqual((yield* Effect.flip(locate(id, cursor, owner)))._tag, "StreamNotFound")
        }
        assert.strictEqual((yield* locate(lease.id, undefined, "alice")).state, "live")
      })
    )

    it.live("is checked against how the stream stands when a slow store has answered", () =>
      Effect.gen(function* () {
        const slow = late(yield* fresh, (run) => void setImmediate(run), { commit: 1, find: 20, page: 1 })
        const { create, locate } = yield* journalOn(slow)
        const lease = create(stream)
        lease.append("a")
        yield* lease.committed
        const looking = yield* Effect.forkChild(locate(lease.id, `${lease.id}.0`), { startImmediately: true })
        lease.append("b")
        lease.end(ended)
        yield* lease.committed
        assert.deepInclude(yield* Fiber.join(looking), { state: "ended", after: 0, atEnd: false })
      })
    )

    it.effect("a stream is found before its first commit, and what is not committed is ahead", () =>
      Effect.gen(function* () {
        const { turn, takeAll } = makeTurns()
        const { create, locate } = yield* journalOn(yield* fresh, { turn })
        const lease = create({ ...stream, request: "asked" })
        lease.append("a")
        const { record, state } = yield* locate(lease.id, undefined)
        assert.deepStrictEqual([record.request, record.length, state], ["asked", 0, "live"])
        assert.strictEqual((yield* Effect.flip(locate(lease.id, `${lease.id}.0`)))._tag, "InvalidCursor")
        takeAll()
        assert.strictEqual((yield* locate(lease.id, `${lease.id}.0`)).after, 0)
      })
    )
  })

  describe(`retention, on ${backend.name}`, () => {
    it.effect("counts from the terminal event: ended, expired for 24 hours, then forgotten", () =>
      Effect.gen(function* () {
        const { create, locate } = yield* journalOn(yield* fresh, { retention: "10 minutes" })
        const lease = create(stream)
        lease.append("a")
        yield* lease.committed
        yield* TestClock.adjust("3 hours")
        assert.strictEqual((yield* locate(lease.id, undefined)).state, "live")
        lease.end(ended)
        yield* lease.committed
        yield* TestClock.adjust("10 minutes")
        assert.strictEqual((yield* locate(lease.id, undefined)).state, "ended")
        const refused = Effect.map(Effect.flip(locate(lease.id, undefined)), (error) => error._tag)
        yield* TestClock.adjust(1)
        assert.strictEqual(yield* refused, "StreamExpired")
        yield* TestClock.adjust(day - 1)
        assert.strictEqual(yield* refused, "StreamExpired")
        yield* TestClock.adjust(1)
        assert.strictEqual(yield* refused, "StreamNotFound")
      })
    )

    it.effect("is forgotten at once where its owner wants that, and no other's, nor one under way", () =>
      Effect.gen(function* () {
        const { begin, create, forget, frames, locate, outcomes } = yield* journal
        const begun = yield* begin({ ...stream, key: "key", bodyHash: "hash" })
        assert.strictEqual(begun._tag, "Begun")
        if (begun._tag !== "Begun") return
        const { lease } = begun
        const other = create(stream)
        for (const one of [lease, other]) one.append("secret")
        assert.isFalse(yield* forget(lease.id, stream.owner), "under way")
        for (const one of [lease, other]) one.end(ended)
        yield* lease.committed
        yield* other.committed
        assert.deepStrictEqual(yield* frames(lease.id, -1), ["secret"])
        assert.isFalse(yield* forget(lease.id, "somebody else"))
        assert.isFalse(yield* forget("nothing", stream.owner))
        assert.isTrue(yield* forget(lease.id, stream.owner))
        assert.isFalse(yield* forget(lease.id, stream.owner), "twice")
        assert.deepStrictEqual(yield* frames(lease.id, -1), [])
        const found = yield* Effect.flip(locate(lease.id, undefined, stream.owner))
        assert.strictEqual(found._tag, "StreamNotFound")
        // What it cost is told all the same, its key is free, and another stream is as it was.
        assert.sameMembers(
          (yield* outcomes("", 9)).map(({ id }) => id),
          [lease.id, other.id]
        )
        assert.strictEqual((yield* begin({ ...stream, key: "key", bodyHash: "hash" }))._tag, "Begun")
        assert.deepStrictEqual(yield* frames(other.id, -1), ["secret"])
      })
    )

    it.effect("gives the room of expired frames back, and later that of the stream", () =>
      Effect.gen(function* () {
        const store = yield* fresh
        const { create, frames } = yield* journalOn(store, { retention: "10 minutes" })
        const over = create(stream)
        const open = create(stream)
        for (let n = 0; n < 1_500; n++) over.append("x")
        over.end(ended)
        open.append("y")
        yield* over.committed
        const look = () => {
          let there: boolean | undefined
          let kept = -1
          store.find(over.id, (answer) => {
            there = answer.ok && answer.value !== undefined
          })
          store.page(over.id, -1, 1, (answer) => {
            kept = answer.ok ? (answer.value?.lengths.length ?? 0) : -1
          })
          return [there, kept]
        }
        assert.deepStrictEqual(look(), [true, 1])
        // A minute at a time, since a sweep takes real time too.
        const minutesUntil = (holds: () => boolean) =>
          Effect.gen(function* () {
            for (let n = 0; n < 2_000 && !holds(); n++) {
              yield* TestClock.adjust("1 minute")
              yield* moment
            }
            assert.isTrue(holds())
          })
        yield* TestClock.adjust("10 minutes")
        yield* minutesUntil(() => look()[1] === 0)
        assert.deepStrictEqual(look(), [true, 0])
        yield* TestClock.adjust(day)
        yield* minutesUntil(() => look()[0] === false)
        assert.deepStrictEqual(yield* frames(open.id, -1), ["y"])
      })
    )
  })

  readersSuite(backend, fresh)
  sharedSuite(backend)
  keepingSuite(backend)
}
