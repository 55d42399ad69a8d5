/**
 * Runs a TypeScript file of this checkout as a real process.
 */
import { spawn } from "node:child_process"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../..", import.meta.url))

/** Where Node keeps what it has compiled: a relay starts from its sources in half of the time when another has before it. */
const compiled = join(root, "node_modules/.cache/compiled")

/** How a process ended. */
export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** A process that runs. */
export interface Running {
  readonly pid: number
  readonly kill: (signal: NodeJS.Signals) => void
  /** Waits until stdout holds a text; fails when the process ends without it. */
  readonly printed: (text: string) => Promise<string>
  /** What it has written to stderr so far. */
  readonly said: () => string
  readonly ended: Promise<Ended>
}

/** Starts `file` (relative to the checkout, which is also where it runs unless `cwd` says other) with its sources, and with nothing of our environment but the path and Node's cache. `flags` are Node's. */
export const startNode = (
  file: string,
  args: ReadonlyArray<string> = [],
  environment: { readonly [name: string]: string } = {},
  cwd: string = root,
  flags: ReadonlyArray<string> = ["--disable-warning=ExperimentalWarning"]
): Running => startFile(join(root, file), args, environment, cwd, [...flags, "--conditions=effect-resilience-source"])

/** Starts any file, by its whole path, as it is. */
export const startFile = (
  path: string,
  args: ReadonlyArray<string>,
  environment: { readonly [name: string]: string },
  cwd: string,
  flags: ReadonlyArray<string> = []
): Running => {
  const child = spawn(process.execPath, [...flags, path, ...args], {
    cwd,
    env: { PATH: process.env["PATH"], NODE_COMPILE_CACHE: compiled, ...environment },
    stdio: ["ignore", "pipe", "pipe"]
  })
  let stdout = ""
  let stderr = ""
  let ended: Ended | undefined
  const waiting = new Set<() => void>()
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    stdout += chunk
    for (const look of waiting) look()
  })
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    stderr += chunk
  })
  return {
    pid: child.pid ?? -1,
    kill: (signal) => void child.kill(signal),
    said: () => stderr,
    printed: (text) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (stdout.includes(text)) resolve(stdout)
          else if (ended !== undefined)
            reject(new Error(`ended with ${ended.code} without "${text}": ${stdout}${stderr}`))
          else return
          waiting.delete(look)
        }
        waiting.add(look)
        look()
      }),
    ended: new Promise((resolve) =>
      child.once("close", (code, signal) => {
        ended = { code, signal, stdout, stderr }
        for (const look of waiting) look()
        resolve(ended)
      })
    )
  }
}

/** Runs `file` to its end. */
export const runNode = (
  file: string,
  args: ReadonlyArray<string> = [],
  environment: { readonly [name: string]: string } = {}
): Promise<Ended> => startNode(file, args, environment).ended
