/**
 * The third part of the suite: several owners of one place. Fates and claims, idempotency keys, cancels, outcomes.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import {
  type Fate,
  type Journal,
  type JournalStore,
  makeStreamId,
  replied,
  type Share,
  textOf
} from "#src/journal/index"
import { type Backend, claimed, ended, freshStore, journalOn, makeTold, stream, twoOwners, until } from "./kit.ts"

const keyed = { ...stream, owner: "alice", key: "k", bodyHash: "b" }

/** Ends a stream whose writer is done with it. */
const end = (
  lease: { readonly end: (how: typeof ended) => void; readonly committed: Effect.Effect<void, unknown> },
  how = ended
) =>
  Effect.suspend(() => {
    lease.end(how)
    return lease.committed
  })

/** Begins a stream for the one who must be the first. */
const begun = (journal: Journal["Service"], asked = keyed) =>
  Effect.flatMap(journal.begin(asked), (beginning) =>
    beginning._tag === "Begun" ? Effect.succeed(beginning.lease) : Effect.die(new Error("it exists"))
  )

/** Defines it for a kind of store. */
export const sharedSuite = (backend: Backend): void => {
  describe(`a share, on ${backend.name}`, () => {
    const share = (id: Share["id"], more: Partial<Share>): Share => ({
      id,
      epoch: 1,
      from: 0,
      begins: undefined,
      frames: undefined,
      note: undefined,
      end: undefined,
      ...more
    })
    const frames = (...texts: ReadonlyArray<string>) => ({
      text: texts.join(""),
      lengths: texts.map((text) => text.length)
    })
    const begins = (id: Share["id"]) => ({ ...stream, id, createdAt: 0 })
    const commit = (store: JournalStore["Service"], ...shares: ReadonlyArray<Share>) =>
      Effect.map(
        replied<ReadonlyArray<Fate>, unknown>((done) => store.commit(shares, done)),
        (fates) => fates.map((fate) => fate._tag)
      )

    it.effect("has a fate of its own: one that is stale is not written, and the others are", () =>
      Effect.gen(function* () {
        const store = yield* freshStore(backend)
        const [one, two, three, unknown] = [makeStreamId(), makeStreamId(), makeStreamId(), makeStreamId()]
        const end = { at: 1, outcome: "o", freesKey: false }
        assert.deepStrictEqual(
          yield* commit(
            store,
            share(one, { begins: begins(one), frames: frames("a", "b") }),
            share(two, { begins: begins(two), frames: frames("x"), end }),
            share(three, { begins: begins(three) })
          ),
          ["Committed", "Committed", "Committed"]
        )
        assert.deepStrictEqual(
          yield* commit(
            store,
            share(one, { from: 1, frames: frames("of an old length"), note: "stale" }),
            share(two, { from: 1, frames: frames("after the end") }),
            share(three, { epoch: 2, frames: frames("of an epoch to come") }),
            share(unknown, { frames: frames("of nothing") })
          ),
          ["Stale", "Ended", "Stale", "Stale"]
        )
        assert.deepStrictEqual(
          yield* commit(
            store,
            share(three, { epoch: 0, frames: frames("of an old epoch") }),
            share(one, { from: 2, frames: frames("c"), note: "new" })
          ),
          ["Stale", "Committed"]
        )
        const { frames: framesOf, locate } = yield* journalOn(store)
        assert.deepStrictEqual(yield* framesOf(one, -1), ["a", "b", "c"])
        assert.deepStrictEqual(yield* framesOf(two, -1), ["x"])
        assert.deepStrictEqual(yield* framesOf(three, -1), [])
        assert.strictEqual((yield* locate(one, undefined)).record.note, "new")
      })
    )

    it.effect("of a stream that was claimed meanwhile ends its writer and its readers, and no others", () =>
      Effect.gen(function* () {
        const store = yield* freshStore(backend)
        const journal = yield* journalOn(store)
        const [mine, other] = [journal.create(stream), journal.create(stream)]
        const [told, toldOther] = [makeTold(), makeTold()]
        journal.follow(mine.id, -1, told)
        journal.follow(other.id, -1, toldOther)
        mine.append("a")
        other.append("a")
        yield* mine.committed
        const faults: Array<string> = []
        mine.onFault((fault) => void faults.push(fault._tag))
        other.onFault((fault) => void faults.push(`other: ${fault._tag}`))
        // As another process does it.
        yield* replied((done) => store.claim(mine.id, 1, done))
        mine.append("never")
        mine.end(ended)
        other.append("b")
        assert.strictEqual((yield* Effect.flip(mine.committed))._tag, "LeaseLost")
        yield* other.committed
        mine.append("nor this")
        yield* end(other)
        assert.deepStrictEqual(faults, ["LeaseLost"])
        assert.deepStrictEqual(
          [told.text, told.terminal, told.faults.map((fault) => fault._tag)],
          ["a", false, ["LeaseLost"]]
        )
        assert.deepStrictEqual([toldOther.text, toldOther.terminal, toldOther.faults], ["ab", true, []])
        assert.isUndefined(journal.live(mine.id))
        assert.deepStrictEqual(yield* journal.frames(mine.id, -1), ["a"])
      })
    )
  })

  describe(`a claim, on ${backend.name}`, () => {
    it.effect("finds what a dead owner had committed, its request too, and goes on at the next seq", () =>
      Effect.gen(function* () {
        const { first, next } = yield* twoOwners(backend)
        yield* TestClock.setTime(1_000)
        let made = 0
        const request = () => `asked ${++made}`
        const lease = first.journal.create({ ...stream, request, note: "half" })
        const late = first.journal.create(stream)
        lease.append("a")
        lease.append("b")
        // Whoever begins one waits for nothing that is only stored.
        assert.strictEqual(made, 0)
        yield* lease.committed
        const done = first.journal.create(stream)
        yield* end(done)
        yield* TestClock.setTime(2_000)
        lease.append("lost with it")
        yield* first.die
        const { journal } = yield* next
        const orphans = yield* journal.orphans(9)
        assert.deepStrictEqual(
          orphans.map(({ id, length, request, note, writer, epoch }) => [id, length, request, note, writer, epoch]),
          [
            [lease.id, 2, "asked 1", "half", "gone", 1],
            [late.id, 0, "{}", "", "gone", 1]
          ]
        )
        assert.strictEqual(orphans[0]?.goneSince, 2_000)
        assert.strictEqual((yield* journal.orphans(1)).length, 1)
        const claim = yield* journal.claim(orphans[0]!)
        if (claim._tag !== "Claimed") return assert.fail(claim._tag)
        assert.deepInclude(claim.record, { epoch: 2, length: 2, request: "asked 1", writer: "me", goneSince: null })
        assert.strictEqual(claim.lease.nextSeq(), 2)
        assert.deepStrictEqual(
          (yield* journal.orphans(9)).map(({ id }) => id),
          [late.id]
        )
        claim.lease.append("c")
        yield* end(claim.lease)
        assert.deepStrictEqual(yield* journal.frames(lease.id, -1), ["a", "b", "c"])
        assert.deepInclude((yield* journal.locate(lease.id, undefined)).record, {
          request: "",
          note: "half",
          length: 3
        })
      })
    )

    it.effect("succeeds once, of any number at the same time, and never on what was seen before another", () =>
      Effect.gen(function* () {
        const { first, next } = yield* twoOwners(backend)
        const lease = first.journal.create(stream)
        lease.append("a")
        yield* lease.committed
        yield* first.die
        const { journal } = yield* next
        const { record } = yield* journal.locate(lease.id, undefined)
        const claims = yield* Effect.forEach(Array.from({ length: 50 }), () => journal.claim(record), {
          concurrency: "unbounded"
        })
        assert.deepStrictEqual(claims.map((claim) => claim._tag).sort(), [
          "Claimed",
          ...Array.from({ length: 49 }, () => "Held")
        ])
        assert.strictEqual((yield* journal.claim({ ...record, epoch: 2 }))._tag, "Held")
        const winner = claims.find((claim) => claim._tag === "Claimed")
        if (winner?._tag === "Claimed") yield* end(winner.lease)
        assert.strictEqual((yield* journal.claim(record))._tag, "Ended")
        assert.strictEqual((yield* journal.claim({ ...record, id: makeStreamId() }))._tag, "Ended")
      })
    )

    it.effect("may be made by the process itself, of a stream that it has let go", () =>
      Effect.gen(function* () {
        const store = yield* freshStore(backend)
        const lease = yield* Effect.scoped(
          Effect.gen(function* () {
            const { create } = yield* journalOn(store)
            const lease = create(stream)
            lease.append("a")
            yield* lease.committed
            return lease
          })
        )
        const journal = yield* journalOn(store)
        const { record, state } = yield* journal.locate(lease.id, undefined)
        assert.deepStrictEqual([state, record.writer], ["orphan", "me"])
        const again = yield* claimed(journal, record)
        again.append("b")
        yield* end(again)
        assert.deepStrictEqual(yield* journal.frames(lease.id, -1), ["a", "b"])
      })
    )
  })

  describe(`an idempotency key, on ${backend.name}`, () => {
    it.effect("begins one stream, of any number at the same time, and tells the others of it", () =>
      Effect.gen(function* () {
        const { begin, follow } = yield* journalOn(yield* freshStore(backend))
        const all = yield* Effect.forEach(Array.from({ length: 50 }), () => begin(keyed), { concurrency: "unbounded" })
        const leases = all.flatMap((one) => (one._tag === "Begun" ? [one.lease] : []))
        const found = all.flatMap((one) => (one._tag === "Exists" ? [one] : []))
        assert.deepStrictEqual([leases.length, found.length], [1, 49])
        const lease = leases[0]!
        for (const { position, sameBody } of found) {
          assert.deepStrictEqual([position.record.id, position.state, sameBody], [lease.id, "live", true])
        }
        const told = makeTold()
        follow(lease.id, -1, told)
        lease.append("a")
        yield* end(lease)
        assert.deepStrictEqual([told.text, told.terminal], ["a", true])
      })
    )

    it.effect("is its owner's, and tells another body", () =>
      Effect.gen(function* () {
        const journal = yield* journalOn(yield* freshStore(backend))
        const lease = yield* begun(journal)
        lease.append("a")
        const others = yield* Effect.all([
          begun(journal, { ...keyed, owner: "bob" }),
          begun(journal, { ...keyed, owner: "" }),
          begun(journal, { ...keyed, key: "K" }),
          begun(journal, { ...keyed, owner: 'alice"', key: "" })
        ])
        assert.strictEqual(new Set([lease.id, ...others.map(({ id }) => id)]).size, 5)
        const other = yield* journal.begin({ ...keyed, bodyHash: "other" })
        assert.deepInclude(other, { _tag: "Exists", sameBody: false })
        const same = yield* journal.begin(keyed)
        assert.deepInclude(same, { _tag: "Exists", sameBody: true })
        yield* lease.committed
        assert.strictEqual((yield* journal.locate(lease.id, undefined)).record.length, 1)
      })
    )

    it.effect("is bound from when the stream has begun, also for the owner that comes after", () =>
      Effect.gen(function* () {
        const { first, next } = yield* twoOwners(backend)
        const lease = yield* begun(first.journal)
        yield* first.die
        const { journal } = yield* next
        const found = yield* journal.begin(keyed)
        if (found._tag !== "Exists") return assert.fail("a second stream")
        assert.deepStrictEqual([found.position.record.id, found.position.state], [lease.id, "orphan"])
        const taken = yield* claimed(journal, found.position.record)
        taken.append("a")
        yield* end(taken)
        assert.strictEqual((yield* journal.begin(keyed))._tag, "Exists")
      })
    )

    it.effect("is free again at once when its stream ends so", () =>
      Effect.gen(function* () {
        const journal = yield* journalOn(yield* freshStore(backend))
        const first = yield* begun(journal)
        yield* end(first, { ...ended, freesKey: true })
        const second = yield* begun(journal)
        assert.notStrictEqual(second.id, first.id)
        yield* end(second)
        assert.strictEqual((yield* journal.begin(keyed))._tag, "Exists")
        assert.strictEqual((yield* journal.locate(first.id, undefined)).state, "ended")
      })
    )

    it.effect("outlives what can be read, for 24 hours from the end, and is then free", () =>
      Effect.gen(function* () {
        const options = { retention: "10 minutes", tombstone: "1 hour" } as const
        const journal = yield* journalOn(yield* freshStore(backend), options)
        const lease = yield* begun(journal)
        yield* TestClock.adjust("2 days")
        assert.strictEqual((yield* journal.begin(keyed))._tag, "Exists")
        lease.append("a")
        yield* end(lease)
        yield* TestClock.adjust("10 minutes")
        assert.strictEqual((yield* journal.begin(keyed))._tag, "Exists")
        // Expired at first, then forgotten, and the key is bound all the same.
        for (const wait of ["1 minute", "2 hours", "20 hours"] as const) {
          yield* TestClock.adjust(wait)
          assert.strictEqual((yield* Effect.flip(journal.begin(keyed)))._tag, "StreamExpired")
        }
        assert.strictEqual((yield* Effect.flip(journal.locate(lease.id, undefined)))._tag, "StreamNotFound")
        yield* TestClock.adjust("2 hours")
        const next = yield* begun(journal)
        assert.notStrictEqual(next.id, lease.id)
        assert.strictEqual((yield* journal.begin(keyed))._tag, "Exists")
      })
    )

    it.effect("lasts as long as it is told, whatever is kept otherwise", () =>
      Effect.gen(function* () {
        const options = { retention: "10 minutes", idempotencyRetention: "1 minute" } as const
        const journal = yield* journalOn(yield* freshStore(backend), options)
        const first = yield* begun(journal)
        yield* end(first)
        yield* TestClock.adjust("1 minute")
        assert.strictEqual((yield* journal.begin(keyed))._tag, "Exists")
        yield* TestClock.adjust(1)
        const second = yield* begun(journal)
        assert.strictEqual((yield* journal.locate(first.id, undefined)).state, "ended")
        yield* TestClock.adjust("11 minutes")
        const found = yield* journal.begin(keyed)
        assert.deepStrictEqual(found._tag === "Exists" && found.position.record.id, second.id)
      })
    )
  })

  describe(`a cancel, on ${backend.name}`, () => {
    it.effect("reaches the writer here, once; an ended or unknown stream has none", () =>
      Effect.gen(function* () {
        const { cancel, create } = yield* journalOn(yield* freshStore(backend))
        const lease = create(stream)
        lease.append("a")
        yield* lease.committed
        const told: Array<string> = []
        lease.onCancel((fault) => void told.push(fault))
        assert.deepStrictEqual([yield* cancel(lease.id, "one"), yield* cancel(lease.id, "two")], [true, true])
        assert.deepStrictEqual(told, ["one"])
        yield* end(lease)
        assert.deepStrictEqual(
          [yield* cancel(lease.id, "late"), yield* cancel(makeStreamId(), "nobody"), yield* cancel("no id", "x")],
          [false, false, false]
        )
      })
    )

    it.effect("of an orphan is kept for the one who claims it", () =>
      Effect.gen(function* () {
        const { first, next } = yield* twoOwners(backend)
        const lease = first.journal.create(stream)
        lease.append("a")
        yield* lease.committed
        yield* first.die
        const { journal } = yield* next
        assert.deepStrictEqual(
          [yield* journal.cancel(lease.id, "one"), yield* journal.cancel(lease.id, "two")],
          [true, true]
        )
        const taken = yield* claimed(journal, (yield* journal.locate(lease.id, undefined)).record)
        const told: Array<string> = []
        taken.onCancel((fault) => void told.push(fault))
        assert.deepStrictEqual(told, ["one"])
        taken.append("b")
        yield* end(taken)
        assert.deepStrictEqual(told, ["one"])
        assert.isUndefined((yield* journal.locate(lease.id, undefined)).record.cancel)
      })
    )
  })

  describe(`outcomes, on ${backend.name}`, () => {
    it.effect("are the ends in the order of their commits, each once, also for the owner that comes after", () =>
      Effect.gen(function* () {
        const { first, next } = yield* twoOwners(backend)
        const leases = Array.from({ length: 7 }, () => first.journal.create(stream))
        yield* first.journal.create(stream).committed
        const order = [3, 1, 4, 0, 5, 2, 6]
        for (const n of order) yield* end(leases[n]!, { outcome: `o${n}`, freesKey: false })
        const expected = order.map((n) => [String(leases[n]?.id), `o${n}`] as const)
        const readAll = (journal: Journal["Service"], limit: number) =>
          Effect.gen(function* () {
            const read: Array<readonly [string, string]> = []
            let position = ""
            while (true) {
              const page = yield* journal.outcomes(position, limit)
              if (page.length === 0) return { read, position }
              assert.isAtMost(page.length, limit)
              for (const outcome of page) read.push([outcome.id, textOf(outcome.outcome)])
              position = page.at(-1)?.position ?? ""
            }
          })
        for (const limit of [1, 3, 100]) assert.deepStrictEqual((yield* readAll(first.journal, limit)).read, expected)
        const { position } = yield* readAll(first.journal, 2)
        yield* first.die
        const { journal } = yield* next
        assert.deepStrictEqual((yield* readAll(journal, 3)).read, expected)
        assert.deepStrictEqual(yield* journal.outcomes(position, 9), [])
        yield* end(journal.create(stream), { outcome: "after", freesKey: false })
        assert.deepStrictEqual(
          (yield* journal.outcomes(position, 9)).map(({ outcome }) => outcome),
          ["after"]
        )
      })
    )

    it.effect("outlive the frames, and no position is given twice after all was swept", () =>
      Effect.gen(function* () {
        const store = yield* freshStore(backend)
        const { create, outcomes } = yield* journalOn(store)
        const sweep = (framesBefore: number, streamsBefore: number) =>
          replied<void, unknown>((done) =>
            store.sweep({ framesBefore, streamsBefore, keysBefore: streamsBefore, maxBytes: 1_000_000 }, done)
          )
        yield* TestClock.setTime(1_000)
        for (const outcome of ["a", "b"]) yield* end(create(stream), { outcome, freesKey: false })
        yield* sweep(2_000, 0)
        const before = yield* outcomes("", 9)
        assert.deepStrictEqual(
          before.map(({ outcome }) => outcome),
          ["a", "b"]
        )
        yield* sweep(2_000, 2_000)
        assert.deepStrictEqual(yield* outcomes("", 9), [])
        yield* end(create(stream), { outcome: "c", freesKey: false })
        assert.deepStrictEqual(
          (yield* outcomes(before[1]?.position ?? "", 9)).map(({ outcome }) => outcome),
          ["c"]
        )
      })
    )
  })

  if (backend.owners === "at once") togetherSuite(backend)
}

/** What two owners that live at the same time must see of each other. */
const togetherSuite = (backend: Backend): void => {
  describe(`a stream that another process writes, on ${backend.name}`, () => {
    it.effect("is elsewhere: it can be read and not claimed, and nothing that others do ends it", () =>
      Effect.gen(function* () {
        const { first, next } = yield* twoOwners(backend, { retention: "1 minute", maxBytes: 0 })
        const second = yield* next
        const lease = first.journal.create(stream)
        lease.append("a")
        yield* lease.committed
        const { record, state } = yield* second.journal.locate(lease.id, `${lease.id}.0`)
        assert.deepStrictEqual([state, record.writer, record.length], ["elsewhere", "another", 1])
        assert.strictEqual((yield* second.journal.claim(record))._tag, "Held")
        assert.deepStrictEqual(yield* second.journal.orphans(9), [])
        assert.isUndefined(second.journal.live(lease.id))
        yield* TestClock.adjust("3 hours")
        assert.strictEqual((yield* second.journal.locate(lease.id, undefined)).state, "elsewhere")
        assert.deepStrictEqual(
          (yield* second.journal.unended(9)).map(({ id, writer }) => [id, writer]),
          [[lease.id, "another"]]
        )
        lease.append("b")
        yield* end(lease, { outcome: "fine", freesKey: false })
        assert.deepStrictEqual(
          (yield* second.journal.outcomes("", 9)).map(({ outcome }) => outcome),
          ["fine"]
        )
      })
    )

    it.effect("is followed live, from any cursor, to its end", () =>
      Effect.gen(function* () {
        const { first, next } = yield* twoOwners(backend)
        const { journal } = yield* next
        const lease = first.journal.create(stream)
        lease.append("a")
        lease.append("b")
        yield* lease.committed
        const told = [-1, 0, 1].map((after) => {
          const one = makeTold()
          journal.follow(lease.id, after, one)
          return one
        })
        const full = makeTold(() => false)
        const reader = journal.follow(lease.id, -1, full)
        yield* until(() => told.map(({ text }) => text).join() === "ab,b,")
        for (const frame of ["c", "d", "e"]) {
          lease.append(frame)
          yield* lease.committed
          yield* until(() => told.every(({ text }) => text.endsWith(frame)))
        }
        assert.strictEqual(full.text, "ab")
        reader.resume()
        yield* until(() => full.text === "abcde")
        lease.append("f")
        yield* end(lease)
        reader.resume()
        yield* until(() => full.terminal && told.every(({ terminal }) => terminal))
        assert.deepStrictEqual(
          [...told, full].map(({ text }) => text),
          ["abcdef", "bcdef", "cdef", "abcdef"]
        )
        // What ended there is replayed here like any other.
        const late = makeTold()
        journal.follow(lease.id, 3, late)
        yield* until(() => late.terminal)
        assert.strictEqual(late.text, "ef")
      })
    )

    it.effect("is followed from its owner's death into the hands of a third", () =>
      Effect.gen(function* () {
        const place = yield* backend.place
        const [a, b, c] = [yield* place.owner, yield* place.owner, yield* place.owner]
        const [first, second, third] = [yield* journalOn(a.store), yield* journalOn(b.store), yield* journalOn(c.store)]
        const lease = first.create(stream)
        lease.append("a")
        yield* lease.committed
        const told = makeTold()
        second.follow(lease.id, -1, told)
        yield* until(() => told.text === "a")
        lease.append("never")
        yield* a.die
        const taken = yield* claimed(third, (yield* third.locate(lease.id, undefined)).record)
        taken.append("b")
        yield* taken.committed
        yield* until(() => told.text === "ab")
        yield* end(taken)
        yield* until(() => told.terminal)
        assert.deepStrictEqual(told.faults, [])
      })
    )

    it.effect("is claimed by one of all who try, wherever they are", () =>
      Effect.gen(function* () {
        const place = yield* backend.place
        const dying = yield* place.owner
        const owners = yield* Effect.forEach([1, 2, 3], () =>
          Effect.flatMap(place.owner, ({ store }) => journalOn(store))
        )
        const { create } = yield* journalOn(dying.store)
        const lease = create(stream)
        yield* lease.committed
        yield* dying.die
        const claims = yield* Effect.forEach(
          Array.from({ length: 60 }, (_, n) => owners[n % 3]!),
          (journal) => Effect.flatMap(journal.locate(lease.id, undefined), ({ record }) => journal.claim(record)),
          { concurrency: "unbounded" }
        )
        assert.strictEqual(claims.filter((claim) => claim._tag === "Claimed").length, 1)
      })
    )

    it.effect("begins once for a key, wherever it is asked for", () =>
      Effect.gen(function* () {
        const { first, next } = yield* twoOwners(backend)
        const second = yield* next
        const all = yield* Effect.forEach(
          Array.from({ length: 50 }, (_, n) => [first, second][n % 2]!),
          ({ journal }) => journal.begin(keyed),
          { concurrency: "unbounded" }
        )
        assert.strictEqual(all.filter((one) => one._tag === "Begun").length, 1)
        const states = all.flatMap((one) => (one._tag === "Exists" ? [one.position.state] : []))
        assert.deepStrictEqual([...new Set(states)].sort(), ["elsewhere", "live"])
      })
    )

    it.effect("is cancelled from anywhere: its writer is told at once", () =>
      Effect.gen(function* () {
        const { first, next } = yield* twoOwners(backend)
        const second = yield* next
        const lease = first.journal.create(stream)
        yield* lease.committed
        const told: Array<string> = []
        lease.onCancel((fault) => void told.push(fault))
        assert.isTrue(yield* second.journal.cancel(lease.id, "enough"))
        assert.deepStrictEqual(told, ["enough"])
      })
    )

    it.effect("is cancelled with its next commit, where the message was lost", () =>
      Effect.gen(function* () {
        const place = yield* backend.place
        const [one, two] = [yield* place.owner, yield* place.owner]
        const deaf = yield* journalOn({ ...one.store, onCancel: () => () => {} })
        const { cancel } = yield* journalOn(two.store)
        const lease = deaf.create(stream)
        yield* lease.committed
        const told: Array<string> = []
        lease.onCancel((fault) => void told.push(fault))
        yield* cancel(lease.id, "enough")
        assert.deepStrictEqual(told, [])
        for (const frame of ["a", "b"]) {
          lease.append(frame)
          yield* lease.committed
        }
        assert.deepStrictEqual(told, ["enough"])
      })
    )
  })
}
