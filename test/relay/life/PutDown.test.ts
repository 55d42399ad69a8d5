/**
 * A life that is put down at any committed prefix, and taken up: the same answer, as if nothing had been.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { type ClientDialectName, clientDialects } from "#src/dialect/index"
import { JournalStoreMemory } from "#src/journal/index"
import { Script } from "effect-resilience/testing"
import * as fc from "fast-check"
import { shareOfRuns } from "../../support/share.ts"
import { wholeText } from "../virtual.ts"
import { ask, comeBack, judge, passing, startLife, type Upstreams, virtually } from "./lives.ts"

const names = Object.keys(clientDialects) as ReadonlyArray<ClientDialectName>

const parts = wholeText.match(/.{1,9}/gs)!
const whole = Script.answer(parts).pipe(Script.usage("none"), Script.every(50), Script.startsAfter(50))
const thoughtful = Script.answer([Script.reasoning("Let me "), Script.reasoning("think."), ...parts]).pipe(
  Script.usage("none"),
  Script.every(50),
  Script.startsAfter(50)
)

const first: fc.Arbitrary<Script.Script> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(whole, thoughtful) },
  { weight: 1, arbitrary: fc.constant(whole.pipe(Script.ending("withoutTerminator"))) },
  { weight: 1, arbitrary: fc.constantFrom(whole, thoughtful).map(Script.ending("finishThenStall")) },
  { weight: 1, arbitrary: fc.constant(Script.refused) },
  { weight: 1, arbitrary: fc.constantFrom(429, 500, 503).map((status) => Script.status(status)) },
  { weight: 1, arbitrary: fc.constant(Script.headersOnly(1000)) },
  {
    weight: 3,
    arbitrary: fc
      .tuple(fc.integer({ min: 0, max: 40 }), fc.constantFrom<Script.Ending>("reset", "end", Script.errorFrame()))
      .map(([steps, ending]) => whole.pipe(Script.cutAfter(steps, ending)))
  }
)

/** Where a life is put down: after so many frames, and so many milliseconds. */
const putDown = fc.record({ frames: fc.integer({ min: 0, max: 70 }), more: fc.integer({ min: 1, max: 120 }) })

const upstreams = (a: ReadonlyArray<Script.Script>): Upstreams => ({
  a: { scripts: [...a, whole] },
  b: { scripts: [whole] },
  c: { scripts: [whole], dialect: "anthropic" }
})

// What is tested is not how often it may go on.
const settings = { retry: { times: 30 }, recovery: { maxContinuations: 30 } }

describe("an answer that is put down at any committed prefix and taken up by another process", () => {
  it.each(names)(
    "%s: the same text, contiguous ids, one end, and nothing that was shown is otherwise",
    (dialect) =>
      fc.assert(
        fc.asyncProperty(
          fc.array(first, { maxLength: 2 }),
          fc.array(putDown, { minLength: 1, maxLength: 3 }),
          (a, downs) =>
            virtually(
              Effect.gen(function* () {
                const place = yield* JournalStoreMemory.place
                const options = { upstreams: upstreams(a), settings }
                let life = yield* startLife(place, options)
                const leave = clientDialects[dialect].leave === "cancel" ? "cancel" : "detach"
                const { id } = yield* ask(life, { dialect, leave })
                let asked = 0
                let shown = ""
                for (const { frames, more } of downs) {
                  let stored = -1
                  yield* passing(() => {
                    stored = life.journal.live(id)?.nextSeq() ?? Number.POSITIVE_INFINITY
                    return stored >= frames
                  })
                  yield* passing(() => false, more, 10)
                  const before = life
                  asked += before.calls().length
                  yield* before.kill
                  // Nobody's upstream runs on.
                  assert.isTrue(before.calls().every(({ state }) => state !== "open"))
                  life = yield* startLife(place, { ...options, upstreams: upstreams([]) })
                  const kept = (yield* life.journal.frames(id, -1)).join("")
                  assert.isTrue(kept.startsWith(shown), "what was shown is otherwise")
                  shown = kept
                  yield* comeBack(life, id)
                }
                const reader = yield* comeBack(life, id)
                assert.isTrue(yield* passing(() => reader.terminals() > 0), "it has no end")
                yield* passing(() => false, 5000)
                const all = (yield* life.journal.frames(id, -1)).join("")
                assert.strictEqual(reader.text(), all)
                assert.isTrue(all.startsWith(shown), "what was shown is otherwise")
                const { state, text } = judge(dialect, id, all)
                assert.deepStrictEqual([state, text], ["whole", wholeText])
                assert.strictEqual(life.relay.active(), 0)
                assert.isTrue(life.calls().every(({ state }) => state !== "open"))
                // In the last life one upstream is asked at most: all there are well.
                assert.isAtMost(life.calls().length, 1)
                assert.isAtMost(asked, 3 * downs.length + 3)
              })
            )
        ),
        { numRuns: shareOfRuns(120) }
      ),
    120_000
  )
})
