import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Scope } from "effect"
import { TestClock } from "effect/testing"
import { JournalStore, JournalStoreSqliteNode, pageRoom } from "#src/journal/index"
import { pageFrames } from "#src/journal/JournalStore"
import { ended, failable, journalOn, makeTold, moment, stream, until } from "./kit.ts"
import { journalSuite } from "./suite.ts"

setFlagsFromString("--expose-gc")
const collect = runInNewContext("gc") as () => void

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "journal-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

const open = (path: string) =>
  Effect.map(Layer.build(Layer.fresh(JournalStoreSqliteNode.layer({ path }))), (context) =>
    Context.get(context, JournalStore)
  )

journalSuite({
  name: "SQLite",
  runs: 25,
  owners: "in turn",
  place: Effect.map(folder, (path) => ({
    owner: Effect.gen(function* () {
      const scope = yield* Scope.make()
      const close = Scope.close(scope, Exit.void)
      yield* Effect.addFinalizer(() => close)
      const store = yield* Scope.provide(Effect.orDie(open(join(path, "relay.db"))), scope)
      const mortal = failable(store)
      // Closing takes some turns, in which the dead write nothing.
      return { store: mortal.store, die: Effect.andThen(Effect.sync(mortal.fail), close) }
    })
  }))
})

describe("a journal in SQLite", () => {
  it.effect("keeps an orphan for its retention from when it was opened again, and then for good as expired", () =>
    Effect.gen(function* () {
      const path = join(yield* folder, "relay.db")
      const reopened = <A, E>(use: (journal: Effect.Success<ReturnType<typeof journalOn>>) => Effect.Effect<A, E>) =>
        Effect.scoped(Effect.flatMap(Effect.flatMap(open(path), journalOn), use))
      const id = yield* reopened(({ create }) => {
        const lease = create(stream)
        for (let n = 0; n < 600; n++) lease.append("x")
        return Effect.as(lease.committed, lease.id)
      })
      yield* TestClock.adjust("1 hour")
      yield* reopened(({ locate }) =>
        Effect.gen(function* () {
          assert.strictEqual((yield* locate(id, undefined)).state, "orphan")
          yield* TestClock.adjust("10 minutes")
          assert.strictEqual((yield* locate(id, undefined)).state, "orphan")
          yield* TestClock.adjust(1)
          assert.strictEqual((yield* Effect.flip(locate(id, undefined)))._tag, "StreamExpired")
        })
      )
      yield* reopened(({ frames, locate }) =>
        Effect.gen(function* () {
          assert.strictEqual((yield* locate(id, undefined)).state, "orphan")
          for (let n = 0; n < 2_000 && (yield* frames(id, -1)).length > 0; n++) {
            yield* TestClock.adjust("1 minute")
            yield* moment
          }
          assert.deepStrictEqual(yield* frames(id, -1), [])
        })
      )
      const error = yield* reopened(({ locate }) => Effect.flip(locate(id, undefined)))
      assert.strictEqual(error._tag, "StreamExpired")
    })
  )

  it.effect("that has been followed by another process writes nothing, and ends its writers and readers", () =>
    Effect.gen(function* () {
      const path = join(yield* folder, "relay.db")
      const { create, follow, frames, usable } = yield* Effect.flatMap(open(path), journalOn)
      const lease = create(stream)
      lease.append("mine")
      yield* lease.committed
      const told = makeTold()
      const faults: Array<string> = []
      follow(lease.id, 0, told)
      lease.onFault((fault) => void faults.push(fault._tag))
      const other = new DatabaseSync(path)
      other.exec("UPDATE owner SET epoch = epoch + 1")
      other.close()
      lease.append("not mine")
      lease.end(ended)
      assert.strictEqual((yield* Effect.flip(lease.committed))._tag, "LeaseLost")
      assert.deepStrictEqual([faults, told.faults.map((fault) => fault._tag)], [["LeaseLost"], ["LeaseLost"]])
      assert.deepStrictEqual([told.text, told.terminal, usable()], ["", false, false])
      assert.deepStrictEqual(yield* frames(lease.id, -1), ["mine"])
    })
  )

  it.effect("keeps a commit in rows that each fit into a page: to read a long one reads each row once", () =>
    Effect.gen(function* () {
      const path = join(yield* folder, "relay.db")
      const { create, frames } = yield* Effect.flatMap(open(path), journalOn)
      const lease = create(stream)
      const all = Array.from({ length: 3000 }, (_, n) => `${n} ${"\u00e9".repeat(n % 7 === 0 ? 900 : 90)}\n`)
      all[1500] = "long ".repeat(pageRoom)
      for (const frame of all) lease.append(frame)
      lease.end(ended)
      yield* lease.committed
      const database = new DatabaseSync(path, { readOnly: true })
      const rows = database.prepare("SELECT length(text) AS size, lengths FROM piece ORDER BY position").all()
      database.close()
      const large = rows.filter(({ size }) => Number(size) > pageRoom)
      assert.deepStrictEqual(
        large.map(({ lengths, size }) => [lengths, size]),
        [[null, 5 * pageRoom]]
      )
      for (const { lengths } of rows) assert.isAtMost(String(lengths).split(",").length, pageFrames)
      assert.isAtMost(rows.length, 2 * (all.join("").length / pageRoom + all.length / pageFrames))
      assert.deepStrictEqual(yield* frames(lease.id, -1), all)
    })
  )

  it.effect(
    "S8: who takes a long event slowly reads the parts of it, in whole characters, and never all of it again",
    () =>
      Effect.gen(function* () {
        const path = join(yield* folder, "relay.db")
        const store = yield* open(path)
        let pages = 0
        const sizes: Array<number> = []
        const { create, follow } = yield* journalOn({
          ...store,
          page: (...asked) => {
            pages++
            store.page(...asked)
          },
          part: (id, seq, from, done) =>
            store.part?.(id, seq, from, (reply) => {
              if (reply.ok && reply.value !== undefined) sizes.push(Buffer.byteLength(reply.value.text))
              done(reply)
            })
        })
        for (const long of [
          "long ".repeat(pageRoom / 2),
          "x\u{1f600}\u00e9\u20ac".repeat(pageRoom / 2),
          "\u20ac".repeat(pageRoom + 1)
        ]) {
          pages = 0
          sizes.length = 0
          const lease = create(stream)
          lease.append("first;")
          yield* lease.committed
          // A connection that has room for so many characters, and then none until it has drained.
          const told = makeTold(({ calls }) => {
            const text = calls.at(-1) ?? ""
            return Math.min(text.length, (text.codePointAt(40_000) ?? 0) > 0xffff ? 40_002 : 40_001)
          })
          const reader = follow(lease.id, -1, told)
          yield* until(() => told.text === "first;")
          reader.resume()
          lease.append(long)
          lease.append("then;")
          lease.end(ended)
          yield* lease.committed
          let calls = 0
          yield* until(() => {
            // What nobody holds is gone: nothing but a part is read of what is left.
            if (told.calls.length !== calls) collect()
            calls = told.calls.length
            reader.resume()
            return told.terminal
          })
          assert.isTrue(told.text === `first;${long}then;`)
          assert.isAtMost(Math.max(...sizes), pageRoom)
          assert.isAbove(sizes.length, 0)
          // The first event, the long one once, and what follows it.
          assert.isAtMost(pages, 3)
        }
      })
  )
})
