/**
 * Processes of a benchmark: started on a core of their own, and looked at from outside.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import process from "node:process"

/** Whether there is a command of this name. */
export const has = (command: string): boolean =>
  spawnSync(command, ["--version"], { stdio: "ignore" }).error === undefined

/** The load has this core, with the upstream; what is measured has the next. */
export const cores = { load: 0, subject: 1 } as const
type Core = (typeof cores)[keyof typeof cores]

const pins = has("taskset")

/** Puts this process on a core, where the system can. */
export const pin = (core: Core): void => {
  if (pins) spawnSync("taskset", ["-a", "-c", "-p", String(core), String(process.pid)], { stdio: "ignore" })
}

/** A process that was started. */
export interface Started {
  readonly pid: number
  readonly child: ChildProcess
}

const running = new Set<ChildProcess>()

/** Ends all that was started. */
export const stopAll = (): void => {
  for (const child of running) child.kill("SIGKILL")
}
process.once("exit", stopAll)
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1))

/** How a process is started. */
export interface StartOptions {
  readonly core: Core
  readonly env?: NodeJS.ProcessEnv
  /** What of stdout says that it is ready. Default: anything. */
  readonly ready?: RegExp
}

/** Starts a command on a core, and waits until it says that it is ready. Fails with what it wrote when it ends before. */
export const start = (
  command: string,
  args: ReadonlyArray<string>,
  { core, env = {}, ready = /./ }: StartOptions
): Promise<Started> => {
  const [file, ...rest] = pins ? ["taskset", "-c", String(core), command, ...args] : [command, ...args]
  const child = spawn(file!, rest, {
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    env: { ...process.env, ...env }
  })
  running.add(child)
  child.once("exit", () => running.delete(child))
  return new Promise((resolve, reject) => {
    let said = ""
    let isUp = false
    const onText = (text: string): void => {
      if (isUp) return
      said += text
      if (!ready.test(said)) return
      isUp = true
      resolve({ pid: child.pid!, child })
    }
    // What it writes later is read and forgotten: a full pipe would stop it.
    child.stdout!.setEncoding("utf8").on("data", onText)
    child.stderr!.setEncoding("utf8").on("data", (text: string) => (isUp ? undefined : (said += text)))
    child.once("error", reject)
    child.once("exit", (code) => reject(new Error(`${args[0]} ended with ${code}: ${said.slice(-2000)}`)))
  })
}

/** Starts a module of ours, from its source. `flags` are Node's. */
export const startModule = (
  file: string,
  args: ReadonlyArray<string>,
  options: StartOptions,
  flags: ReadonlyArray<string> = []
): Promise<Started> =>
  start(
    process.execPath,
    [
      "--disable-warning=ExperimentalWarning",
      "--conditions=effect-resilience-source",
      ...flags,
      new URL(`../${file}`, import.meta.url).pathname,
      ...args
    ],
    options
  )

/** CPU time of a process so far, in microseconds: of all its threads, to 10 ms. */
export const cpuOf = (pid: number): number => {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ")
  return (Number(fields[11]) + Number(fields[12])) * 10_000
}

/** Resident memory of a process, in bytes. */
export const rssOf = (pid: number): number =>
  Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]) * 1024

/** Of the upstream, and of the first subject: the others have the next. */
export const ports = { upstream: 4801, first: 4802 } as const
