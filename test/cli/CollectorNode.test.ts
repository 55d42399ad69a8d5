/**
 * What is asked of the collector: memory is given back when rest comes after work.
 */
import { assert, describe, it } from "@effect/vitest"
import { type Turn, workAndRest } from "#src/cli/CollectorNode"
import { commandFile, temporaryFolder, writeConfiguration } from "../support/relayProcess.ts"
import { startNode } from "../support/spawnNode.ts"

describe("work and rest", () => {
  const told = (...shares: ReadonlyArray<number>): ReadonlyArray<readonly [number, Turn]> => {
    const turn = workAndRest(3)
    return shares.flatMap((share, at) => {
      const now = turn(share)
      return now === undefined ? [] : [[at, now] as const]
    })
  }

  it("has rest at once in a process that is new, and once", () => {
    assert.deepStrictEqual(told(0, 0, 0, 0, 0), [[0, "started"]])
    assert.deepStrictEqual(told(0.1, 0.01, 0.01, 0, 0), [[1, "started"]])
  })

  it("has rest after work when it has lasted", () => {
    assert.deepStrictEqual(told(0.6, 0.01, 0.01, 0.02, 0, 0), [
      [0, "work"],
      [3, "rest"]
    ])
    assert.deepStrictEqual(told(0, 0.9, 0, 0, 0.6, 0, 0, 0, 0, 0), [
      [0, "started"],
      [1, "work"],
      [7, "rest"]
    ])
  })

  it("takes little that comes and goes for neither, and goes on to wait for rest", () => {
    assert.deepStrictEqual(told(0, 0.1, 0.02, 0.14, 0, 0, 0, 0), [[0, "started"]])
    assert.deepStrictEqual(told(0, 0.9, 0, 0, 0.1, 0, 0, 0), [
      [0, "started"],
      [1, "work"],
      [5, "rest"]
    ])
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
      // On a machine that is busy it may have collected so before, and what it gives back stands there.
      const sizes = [...said.matchAll(/ \S+ \((\S+)\) -> \S+ \((\S+)\) MB/g)]
      const most = Math.max(...sizes.map(([, before]) => Number(before)))
      assert.isBelow(Number(sizes.at(-1)?.[2]), most - 5, said)
    } finally {
      relay.kill("SIGTERM")
      await relay.ended
      folder.remove()
    }
  }, 60_000)
})

describe("a process that has worked", () => {
  it("gives back all that it took when rest has lasted, and not before", async () => {
    const worker = startNode("test/support/worksAndRests.ts", [], {}, undefined, ["--trace-gc"])
    try {
      await worker.printed("worked")
      // V8 gives `testing` as the reason of what was asked for.
      const said = await worker.printed("testing; GC")
      assert.include(said, "rested 10")
      const [, before, after] = /Mark-Compact \(reduce\) \S+ \((\S+)\) -> \S+ \((\S+)\) MB.* testing/.exec(said) ?? []
      assert.isBelow(Number(after), Number(before) / 2, said)
    } finally {
      worker.kill("SIGKILL")
      await worker.ended
    }
  }, 60_000)
})
