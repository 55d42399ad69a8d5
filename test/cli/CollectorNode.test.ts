/**
 * What is asked of the collector: memory is given back when rest comes after work.
 */
import { assert, describe, it } from "@effect/vitest"
import { restAfterWork } from "#src/cli/CollectorNode"
import { commandFile, temporaryFolder, writeConfiguration } from "../support/relayProcess.ts"
import { startNode } from "../support/spawnNode.ts"

describe("rest after work", () => {
  const told = (...shares: ReadonlyArray<number>): ReadonlyArray<number> => {
    const isRest = restAfterWork()
    return shares.flatMap((share, at) => (isRest(share) ? [at] : []))
  }

  it("is told once, of a process that is new too", () => {
    assert.deepStrictEqual(told(0.6, 0.01, 0.01, 0), [1])
    assert.deepStrictEqual(told(0, 0), [0])
  })

  it("is told again when there was work again, and not of little that comes and goes", () => {
    assert.deepStrictEqual(told(1, 0.02, 0.9, 0.1, 0.04, 0), [1, 4])
    assert.deepStrictEqual(told(0, 0.1, 0.02, 0.14, 0.01), [0])
  })
})

describe("a relay that nobody asks", () => {
  it("gives back what its start has taken", async () => {
    const folder = temporaryFolder()
    const file = writeConfiguration(folder.path, {
      server: { port: 0 },
      store: { type: "memory" },
      channels: [{ id: "one", dialect: "openai", baseUrl: "http://127.0.0.1:9/v1", keys: [], models: ["*"] }]
    })
    const relay = startNode(commandFile, ["relay", "--config", file], {}, undefined, ["--trace-gc"])
    try {
      await relay.printed("curl -N")
      // What V8 collects to give memory back, it calls so.
      const said = await relay.printed("Mark-Compact (reduce)")
      const [, before, after] = /Mark-Compact \(reduce\) \S+ \((\S+)\) -> \S+ \((\S+)\) MB/.exec(said) ?? []
      assert.isBelow(Number(after), Number(before) - 5, said)
    } finally {
      relay.kill("SIGTERM")
      await relay.ended
      folder.remove()
    }
  }, 60_000)
})
