/**
 * Long answers whose process is gone: they are read a page a turn, so that whoever takes them up has time for others.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { type JournalStore, JournalStoreMemory } from "#src/journal/index"
import { judge, passing, recordOf, startLife } from "./lives.ts"

const words = 60_000

/** A store that says how many pages are read in one turn of the event loop at most. */
const watched = () => {
  let now = 0
  let most = 0
  let all = 0
  let timer: ReturnType<typeof setImmediate> | undefined
  const turn = (): void => {
    now = 0
    timer = setImmediate(turn)
  }
  turn()
  return {
    most: () => most,
    all: () => all,
    stop: () => clearImmediate(timer),
    around: (store: JournalStore["Service"]): JournalStore["Service"] => ({
      ...store,
      page: (...asked) => {
        all++
        most = Math.max(most, ++now)
        store.page(...asked)
      }
    })
  }
}

describe("S17: a long answer is settled a page a turn", () => {
  it.effect("S17: sixty thousand events, of which nobody knows what was asked", () =>
    Effect.gen(function* () {
      const place = yield* JournalStoreMemory.place
      const before = yield* startLife(place, { upstreams: { a: { scripts: [] } } })
      const lease = before.journal.create({ dialect: "chat", owner: "", request: "", note: "" })
      lease.append(`id: ${lease.id}.0\nevent: init\ndata: {}\n\n`)
      for (let n = 1; n <= words; n++) lease.append(`id: ${lease.id}.${n}\ndata: {"content":"${n % 10}"}\n\n`)
      yield* lease.committed
      yield* before.kill
      const pages = watched()
      yield* Effect.addFinalizer(() => Effect.sync(pages.stop))
      const life = yield* startLife(place, { upstreams: { a: { scripts: [] } }, store: pages.around })
      while ((yield* recordOf(life, lease.id)).endedAt === null) yield* Effect.yieldNow
      assert.isAtLeast(pages.all(), words / 256)
      assert.isAtMost(pages.most(), 2)
      yield* passing(() => true)
      const { state, text } = judge("chat", lease.id, (yield* life.journal.frames(lease.id, -1)).join(""))
      assert.strictEqual(state, "error")
      assert.lengthOf(text, words)
    })
  )
})
