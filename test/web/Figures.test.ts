/**
 * The figures of the machine room are those of the relay's metrics.
 */
import { assert, describe, it } from "@effect/vitest"
import { figuresOf, increase, parsePrometheus } from "../../web/src/relay/prometheus.ts"
import { answer, cut } from "../support/behaviour.ts"
import { read } from "../support/sse.ts"
import { withRelay } from "../server/kit.ts"

describe("the figures", () => {
  it("are read from a real relay: channels by state, attempts, failovers, first words", () =>
    withRelay({}, async ({ a, b, relay }) => {
      a.enqueue(cut(5, "reset"))
      b.setDefault(answer({}))
      await read(`${relay.url}/chat?message=hello`)
      const figures = figuresOf(await (await fetch(`${relay.url}/metrics`)).text())
      assert.deepStrictEqual(
        figures.channels.map(({ attempts, failed, id, state }) => [id, state, attempts, failed]).sort(),
        [
          ["a", "healthy", 1, 1],
          ["b", "healthy", 1, 0]
        ]
      )
      assert.deepInclude(figures, { active: 0, requests: 1, attempts: 2, failovers: 1, continuations: 1 })
      assert.strictEqual(figures.firstContent.count, 1)
      assert.isAbove(figures.firstContent.sum, 0)
    }))

  it("know labels with quotes, lines without, and what is no sample", () => {
    assert.deepStrictEqual(parsePrometheus('# HELP x y\nx{a="b\\"c",d="e\\nf"} 2\ny 1e3\n\nnot a sample at all\n'), [
      { name: "x", labels: { a: 'b"c', d: "e\nf" }, value: 2 },
      { name: "y", labels: {}, value: 1000 }
    ])
  })

  it("go on from zero when the relay was started again", () => {
    assert.strictEqual(increase(5, 9), 4)
    assert.strictEqual(increase(5, 2), 2)
  })
})
