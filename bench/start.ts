/**
 * How soon the command does what it is asked for, and what a relay takes that rests: as it is published and from its
 * sources.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { loadavg, tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { setTimeout as sleep } from "node:timers/promises"
import { bundleCommand } from "../scripts/bundleCommand.ts"
import { median } from "./relay/measures.ts"
import { cpuOf, ports, rssOf } from "./relay/process.ts"

const root = new URL("..", import.meta.url).pathname

/** Milliseconds by the clock, and of CPU. */
interface Time {
  readonly wall: number
  readonly cpu: number
}

/** Starts a command that prints when it is ready. */
const untilReady = async (
  args: ReadonlyArray<string>,
  env: NodeJS.ProcessEnv
): Promise<Time & { readonly child: ChildProcess }> => {
  const began = performance.now()
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "ignore"], env })
  await new Promise<void>((resolve, reject) => {
    child.stdout.once("data", () => resolve())
    child.once("exit", (code) => reject(new Error(`${args.join(" ")} ended with ${code}`)))
  })
  return { wall: performance.now() - began, cpu: cpuOf(child.pid!) / 1000, child }
}

const ended = (child: ChildProcess): Promise<unknown> => new Promise((resolve) => child.once("exit", resolve))

const shown = (values: ReadonlyArray<number>): string => median(values).toFixed(0)

/**
 * Prints the medians of `BENCH_ROUNDS` (5) starts, and the resident memory of a relay 15 s after it was ready: what the start
 * has taken is given back after some 10. CPU is told in steps of 10 ms; on a machine with other work only that compares.
 *
 * A command starts as one that has been started before, whose compiled code is kept (`CompiledNode`), and where that cannot be.
 */
export const run = async (): Promise<void> => {
  const rounds = Number(process.env.BENCH_ROUNDS ?? "5")
  const folder = mkdtempSync(join(tmpdir(), "effect-resilience-start-"))
  const configuration = (store: object): string => {
    const file = join(folder, "relay.yaml")
    writeFileSync(
      file,
      JSON.stringify({
        server: { port: ports.first },
        store,
        channels: [{ id: "one", dialect: "openai", baseUrl: "http://127.0.0.1:9/v1", keys: [], models: ["*"] }]
      })
    )
    return file
  }
  console.log(`Node ${process.version}, load ${loadavg()[0]?.toFixed(1)} at the start`)
  try {
    await bundleCommand(join(folder, "dist/bin"))
    mkdirSync(folder, { recursive: true })
    copyFileSync(join(root, "package.json"), join(folder, "package.json"))
    const { PATH } = process.env
    const kept = { PATH, XDG_CACHE_HOME: folder }
    const published = [join(folder, "dist/bin/effect-resilience.js")]
    const commands: ReadonlyArray<readonly [string, ReadonlyArray<string>, NodeJS.ProcessEnv]> = [
      ["as published", published, kept],
      ["as published, nothing kept", published, { PATH }],
      ["from sources", ["--conditions=effect-resilience-source", join(root, "src/cli/Main.ts")], kept]
    ]
    const rows = []
    for (const [name, command, env] of commands) {
      const args = ["--disable-warning=ExperimentalWarning", ...command]
      const ready: Array<Time> = []
      const checked: Array<number> = []
      const rest: { [store: string]: number } = {}
      const check = (file: string) => ended(spawn(process.execPath, [...args, "check", file], { stdio: "ignore", env }))
      for (const store of ["memory", "sqlite"]) {
        const file = configuration({ type: store, ...(store === "sqlite" && { path: join(folder, "relay.db") }) })
        // The first of each is not counted: it leaves what the others have.
        for (let round = -1; round < rounds; round++) {
          const { child, ...time } = await untilReady([...args, "relay", "--config", file], env)
          if (store === "sqlite" && round >= 0) ready.push(time)
          if (round === 0) {
            await sleep(15_000)
            rest[store] = rssOf(child.pid!) / 1024 ** 2
          }
          child.kill("SIGTERM")
          await ended(child)
          if (store === "memory") continue
          const began = performance.now()
          await check(file)
          if (round >= 0) checked.push(performance.now() - began)
        }
      }
      rows.push({
        command: name,
        "relay ready ms": shown(ready.map(({ wall }) => wall)),
        "its CPU ms": shown(ready.map(({ cpu }) => cpu)),
        "check ms": shown(checked),
        "at rest, memory MB": rest["memory"]?.toFixed(0),
        "at rest, SQLite MB": rest["sqlite"]?.toFixed(0)
      })
    }
    console.table(rows)
    console.log("Goals: a relay ready in under 400 ms, a check done in under 300 ms, under 70 MB at rest")
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
