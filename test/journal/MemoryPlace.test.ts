/**
 * Keys in memory: each is remembered for as long as it is to be, but for so many of them only.
 */
import { assert, describe, it } from "@effect/vitest"
import { makeStreamId, type StreamId } from "#src/journal/index"
import { MemoryPlace } from "#src/journal/MemoryPlace"
import type { MemoryWriter } from "#src/journal/MemoryStream"

const me: MemoryWriter = { goneSince: undefined, cancelled: undefined }
const all = { framesBefore: 1e9, streamsBefore: 1e9, keysBefore: 0, maxBytes: 1e9 }

const recordOf = (id: StreamId) => ({ id, dialect: "openai", owner: "a", request: "{}", note: "", createdAt: 1 })

const filled = (options: { readonly mostTombstones?: number; readonly mostKeys?: number } = {}) => {
  const place = new MemoryPlace({ shared: false, ...options })
  const parts = place.parts(me)
  const begin = (key: string, onlyFinds = false) => {
    const id = makeStreamId()
    return { id, ...place.begin(me, recordOf(id), { key, bodyHash: `hash of ${key}`, freeBefore: 0, onlyFinds }) }
  }
  const end = (id: StreamId, at: number, epoch = 1): void => {
    const share = { id, epoch, from: 0, begins: undefined, note: undefined }
    const fates = place.commit(me, parts, [
      { ...share, frames: { text: "data: x\n\n", lengths: [9] }, end: { at, outcome: "", freesKey: false } }
    ])
    assert.deepStrictEqual(
      fates.map(({ _tag }) => _tag),
      ["Committed"]
    )
  }
  return {
    place,
    begin,
    ended: (keys: number): ReadonlyArray<StreamId> =>
      Array.from({ length: keys }, (_, n) => {
        const { _tag, id } = begin(`key ${n}`)
        assert.strictEqual(_tag, "Begun")
        end(id, n)
        return id
      }),
    known: (keys: number): ReadonlyArray<number> =>
      Array.from({ length: keys }, (_, n) => n).filter((n) => begin(`key ${n}`, true)._tag === "Exists"),
    /** Whoever keeps books has them all. */
    told: (): void => {
      for (let at = "", page; (page = place.outcomes(at, 100)).length > 0; ) at = page.at(-1)!.position
    }
  }
}

describe("a key of a stream that was forgotten", () => {
  it("is known with what was asked by it, and where it was; then it is not", () => {
    const { begin, ended, place, told } = filled()
    const [id] = ended(1)
    told()
    place.sweep(all)
    const again = begin("key 0")
    assert.deepInclude(again, { _tag: "Exists", sameBody: true })
    assert.deepInclude(place.find(me, id!), { id: id!, owner: "a", endedAt: 0, forgotten: true })
    assert.strictEqual(
      place.begin(me, recordOf(makeStreamId()), { key: "key 0", bodyHash: "", freeBefore: 0 })._tag,
      "Exists"
    )
    // Its time is over: another stream has it, and the sweep of the old one leaves it alone.
    const next = place.begin(me, recordOf(makeStreamId()), { key: "key 0", bodyHash: "new", freeBefore: 1 })
    assert.strictEqual(next._tag, "Begun")
    place.sweep({ ...all, keysBefore: 1 })
    assert.isUndefined(place.find(me, id!))
    assert.strictEqual(begin("key 0", true)._tag, "Exists")
  })

  it("is free where the stream is forgotten for its owner", () => {
    const { begin, ended, place, told } = filled()
    const [id] = ended(1)
    told()
    place.sweep(all)
    assert.isTrue(place.forget(id!, "a"))
    assert.strictEqual(begin("key 0", true)._tag, "Absent")
  })

  it("is forgotten with the stream's outcome, where nobody has come for that meanwhile", () => {
    const { begin, ended, place } = filled()
    const [id] = ended(1)
    place.sweep(all)
    assert.lengthOf(place.outcomes("", 10), 0)
    assert.deepInclude(place.find(me, id!), { id: id!, dialect: "", forgotten: true })
    assert.strictEqual(begin("key 0", true)._tag, "Exists")
  })

  it("is not counted among streams that were: of those there are so many at most, by themselves", () => {
    const { ended, known, place, told } = filled({ mostTombstones: 5, mostKeys: 10 })
    const ids = ended(30)
    told()
    place.sweep({ ...all, streamsBefore: 0 })
    // Five as streams, and of the 25 before them the last ten.
    assert.deepStrictEqual(known(30), [15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29])
    assert.isUndefined(place.find(me, ids[14]!))
  })

  it("is one of so many: the oldest go first, and those that are under way never", () => {
    const { begin, ended, known, place, told } = filled({ mostTombstones: 5, mostKeys: 10 })
    const { id } = begin("under way")
    ended(30)
    told()
    place.sweep(all)
    assert.deepStrictEqual(known(30), [20, 21, 22, 23, 24, 25, 26, 27, 28, 29])
    assert.strictEqual(begin("under way", true)._tag, "Exists")
    assert.isFalse(place.find(me, id)!.forgotten)
  })
})

describe("a stream that has ended", () => {
  it("reads the same before it is put away and after that", () => {
    const { ended, place } = filled()
    const [id] = ended(1)
    const look = () => ({ page: place.page(id!, -1, 9), record: place.find(me, id!) })
    const before = look()
    place.putAway()
    assert.deepStrictEqual(look(), before)
    assert.deepStrictEqual(before.page, { text: "data: x\n\n", lengths: [9] })
  })

  it("and was forgotten before it was put away stays forgotten", () => {
    const { ended, place } = filled()
    const [id] = ended(1)
    assert.isTrue(place.forget(id!, "a"))
    place.putAway()
    assert.isUndefined(place.page(id!, -1, 9))
    assert.isTrue(place.find(me, id!)?.forgotten)
  })
})
