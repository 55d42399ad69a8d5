import { spawn } from "node:child_process"
import { closeSync, fstatSync, openSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as BooksSqliteNode from "#src/books/BooksSqliteNode"
import { shareOfRuns } from "../support/share.ts"
import { folder, openBooks, pairs, readPairs } from "./kit.ts"

const runs = shareOfRuns(10)
const script = fileURLToPath(new URL("killed.ts", import.meta.url))
const flags = ["--disable-warning=ExperimentalWarning", "--conditions=effect-resilience-source"]

/** Lets a process write, kills it after some milliseconds, and gives what it had said to be written. */
const writeAndKill = (home: string, path: string, name: string, after: number) =>
  Effect.callback<ReadonlyArray<string>>((resume) => {
    const printed = join(home, name)
    const output = openSync(printed, "w")
    const child = spawn(process.execPath, [...flags, script, path], { stdio: ["ignore", output, "inherit"] })
    const started = setInterval(() => {
      if (fstatSync(output).size === 0) return
      clearInterval(started)
      setTimeout(() => child.kill("SIGKILL"), after)
    }, 2)
    child.on("close", (_, signal) => {
      clearInterval(started)
      closeSync(output)
      if (signal !== "SIGKILL") return resume(Effect.die(new Error("the process ended by itself")))
      // The last line may be cut: what was not printed whole was not said.
      resume(Effect.succeed(readFileSync(printed, "utf8").split("\n").slice(0, -1)))
    })
  })

const oneRun = Effect.gen(function* () {
  const home = yield* folder
  const path = join(home, "books.db")
  // Two at once on one file.
  const said = yield* Effect.all(
    ["one", "two"].map((name) => writeAndKill(home, path, name, Math.random() * 100)),
    { concurrency: "unbounded" }
  )
  const books = yield* openBooks(BooksSqliteNode.layer({ path }))
  yield* books.migrate(pairs)
  const { ids, torn } = yield* readPairs(books)
  assert.strictEqual(torn, 0)
  const written = new Set(ids)
  for (const id of said.flat()) assert.isTrue(written.has(id), `${id} was said to be written and is gone`)
  return said.flat().length
})

describe("processes that are killed while they write books", () => {
  it.live(
    `leave all that they had said to be written, and half of nothing (${runs} runs of two)`,
    () =>
      Effect.gen(function* () {
        const seen = yield* Effect.forEach(
          Array.from({ length: runs }, () => oneRun),
          Effect.scoped,
          { concurrency: 2 }
        )
        assert.isAbove(
          seen.reduce((sum, count) => sum + count, 0),
          runs * 2
        )
      }),
    60_000
  )
})
