import { spawn } from "node:child_process"
import { closeSync, fstatSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { JournalStore, JournalStoreSqliteNode } from "#src/journal/index"
import { shareOfRuns } from "../support/share.ts"
import { claimed, ended, journalOn, makeTold, until } from "./kit.ts"

const runs = shareOfRuns(20)
const script = fileURLToPath(new URL("killed.ts", import.meta.url))
const flags = ["--disable-warning=ExperimentalWarning", "--conditions=effect-resilience-source"]

/**
 * Lets a process write a journal, kills it after some milliseconds, and gives what it had shown, by stream. It prints
 * into a file: what was written there before it died is all there.
 */
const writeAndKill = (folder: string, path: string, after: number) =>
  Effect.callback<ReadonlyMap<string, ReadonlyArray<string>>>((resume) => {
    const printed = join(folder, "printed")
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
      const shown = new Map<string, Array<string>>()
      // The last line may be cut: what was not printed whole was not seen.
      for (const line of readFileSync(printed, "utf8").split("\n").slice(1, -1)) {
        const id = line.slice(0, line.indexOf(" "))
        const frames = shown.get(id) ?? []
        if (frames.length === 0) shown.set(id, frames)
        frames.push(`${line}\n`)
      }
      resume(Effect.succeed(shown))
    })
  })

const oneRun = Effect.gen(function* () {
  const folder = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "killed-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
  )
  const path = join(folder, "relay.db")
  const shown = yield* writeAndKill(folder, path, Math.random() * 100)

  // At once: no lease has to run out, and the kernel has freed the lock.
  const context = yield* Layer.build(Layer.fresh(JournalStoreSqliteNode.layer({ path })))
  const store = Context.get(context, JournalStore)
  const journal = yield* journalOn(store)
  let visible = 0
  for (const [id, lines] of shown) {
    const frames = yield* journal.frames(id, -1)
    assert.strictEqual(frames.slice(0, lines.length).join(""), lines.join(""))
    assert.isTrue(frames.every((frame, seq) => frame.startsWith(`${id} ${seq} `)))
    visible += lines.length

    const { record, state } = yield* journal.locate(id, undefined)
    assert.strictEqual(record.length, frames.length)
    if (state === "ended") continue
    assert.deepStrictEqual([state, record.writer, record.epoch], ["orphan", "gone", 1])
    const told = makeTold()
    journal.follow(id, lines.length - 1, told)
    const lease = yield* claimed(journal, record)
    lease.append("the end\n")
    lease.end(ended)
    yield* lease.committed
    yield* until(() => told.terminal)
    assert.strictEqual(lines.join("") + told.text, `${frames.join("")}the end\n`)
  }
  return visible
})

describe("a process that is killed while it writes", () => {
  it.live(
    `leaves all that it had shown, contiguous, and its lock free (${runs} runs)`,
    () =>
      Effect.gen(function* () {
        const seen = yield* Effect.forEach(
          Array.from({ length: runs }, () => oneRun),
          Effect.scoped,
          { concurrency: 4 }
        )
        assert.isAbove(
          seen.reduce((sum, visible) => sum + visible, 0),
          runs
        )
      }),
    60_000
  )
})
