/**
 * Runs of frames are cut and gathered into pages: nothing is lost, torn or given twice, and nothing is read more often than
 * it must be.
 */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { cutFrames, FramePage, type Frames, splitFrames } from "#src/journal/Frames"

const framesOf = (texts: ReadonlyArray<string>): Frames => ({
  text: texts.join(""),
  lengths: texts.map((text) => text.length)
})

const run = fc.array(fc.string({ minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 20 })
const most = fc.integer({ min: 1, max: 12 })
const room = fc.integer({ min: 1, max: 40 })

describe("a run of frames", () => {
  it("is cut into runs that each fit, in order, and as few as it takes", () =>
    fc.assert(
      fc.property(run, most, room, (texts, most, room) => {
        const cut = cutFrames(framesOf(texts), most, room)
        assert.deepStrictEqual(cut.flatMap(splitFrames), texts)
        cut.forEach(({ lengths, text }, n) => {
          assert.isTrue(lengths.length === 1 || (lengths.length <= most && text.length <= room))
          const next = cut[n + 1]?.lengths[0]
          if (next !== undefined) assert.isTrue(lengths.length === most || text.length + next > room)
        })
      })
    ))

  it("is one run when it fits, and not copied", () => {
    const frames = framesOf(["a", "b"])
    assert.strictEqual(cutFrames(frames, 2, 2)[0], frames)
  })
})

describe("a page", () => {
  it("is the next frames, at least one, of which none is torn, and within its bounds", () =>
    fc.assert(
      fc.property(fc.array(run, { minLength: 1, maxLength: 6 }), most, room, (runs, most, room) => {
        const all = runs.flat()
        const read: Array<string> = []
        for (let reads = 0; read.length < all.length; reads++) {
          const page = new FramePage(most, room)
          let first = 0
          for (const texts of runs) {
            const skip = read.length - first
            first += texts.length
            if (skip < texts.length && !page.add(framesOf(texts), Math.max(0, skip))) break
          }
          const found = page.page
          assert.isDefined(found)
          if (found === undefined) return
          assert.isTrue(found.lengths.length === 1 || (found.lengths.length <= most && found.text.length <= room))
          read.push(...splitFrames(found))
          assert.isBelow(reads, all.length)
        }
        assert.deepStrictEqual(read, all)
      })
    ))

  it("takes a run whole or leaves it to the next page: so runs that fit are each read by one page", () => {
    const page = new FramePage(10, 10)
    assert.isTrue(page.add(framesOf(["aa", "bb"]), 0))
    assert.isFalse(page.add(framesOf(["cc", "dd", "ee", "ff"]), 0))
    assert.strictEqual(page.page?.text, "aabb")
  })
})
