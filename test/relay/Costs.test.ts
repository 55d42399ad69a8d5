/**
 * What the attempts of an answer cost, as they go: what counts of each, and that a note says what was so when it was made.
 */
import { assert, describe, it } from "@effect/vitest"
import { Costs } from "#src/relay/Costs"

const usage = (inputTokens: number, outputTokens: number) => ({ inputTokens, outputTokens, estimated: false })

const costs = (): Costs => new Costs(() => 7)

describe("what an answer cost", () => {
  it("is noted as it is then, whatever comes", () => {
    const spent = costs()
    spent.show(4)
    const first = spent.noted
    spent.show(8)
    spent.report(usage(3, 5))
    assert.deepStrictEqual(first, [{ quarters: 4, usage: undefined }])
    spent.next(true)
    const second = spent.noted
    spent.show(4)
    spent.next(true)
    assert.deepStrictEqual(second, [{ quarters: 12, usage: usage(3, 5) }])
    assert.lengthOf(spent.noted, 2)
  })

  it("is of those that showed something, and of what goes on from what they thought", () => {
    const spent = costs()
    spent.report(usage(100, 100))
    spent.next(false)
    assert.deepStrictEqual(spent.noted, [])
    spent.begin()
    spent.report(usage(3, 5))
    spent.next(true)
    spent.show(4)
    spent.report(usage(50, 2))
    assert.deepInclude(spent.usage, { inputTokens: 3, outputTokens: 7 })
    spent.begin()
    assert.deepStrictEqual(spent.noted, [])
    assert.deepInclude(spent.usage, { inputTokens: 7, outputTokens: 0, estimated: true })
  })

  it("leaves out what was said again, but not of an attempt that goes on by its own word", () => {
    const outputs = [true, false].map((goesOn) => {
      const spent = costs()
      spent.show(40)
      spent.report(usage(3, 10))
      spent.next(goesOn)
      spent.show(40)
      spent.repeat(40)
      spent.report(usage(9, 20))
      return spent.usage.outputTokens
    })
    assert.deepStrictEqual(outputs, [30, 20])
  })

  it.each<readonly [string, number, ReturnType<typeof usage>, object]>([
    [
      "an output of 0, of which something was shown",
      41,
      usage(3, 0),
      { inputTokens: 3, outputTokens: 11, estimated: true }
    ],
    ["an input of 0", 41, usage(0, 5), { inputTokens: 7, outputTokens: 5, estimated: true }],
    ["nothing but 0", 41, usage(0, 0), { inputTokens: 7, outputTokens: 11, estimated: true }],
    ["an output of 0, where nothing was shown: it is that", 0, usage(3, 0), { outputTokens: 0, estimated: false }],
    ["less than was shown: it is that", 41, usage(3, 1), { outputTokens: 1, estimated: false }]
  ])("is estimated where a count says nothing: %s", (_, shown, said, expected) => {
    const spent = costs()
    spent.show(shown)
    spent.report(said)
    assert.deepInclude(spent.usage, expected)
  })

  it("that was lost with its process is counted by what was shown, unless all was noted", () => {
    const noted = [{ quarters: 8, usage: undefined }]
    const [lost, whole] = [false, true].map((all) => {
      const spent = costs()
      spent.restore(noted, 20, all)
      return spent.usage.outputTokens
    })
    assert.deepStrictEqual([lost, whole], [5, 2])
  })
})
