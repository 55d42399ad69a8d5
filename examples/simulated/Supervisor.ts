/**
 * Keeps a relay running: a process of its own, which is started again when something kills it, on the same port and the
 * same store. Whoever stops the supervisor stops the relay, and waits until it is done.
 */
import { Effect, type Scope } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { createServer, type AddressInfo } from "node:net"
import type { RelayLife } from "./Control.ts"

/** A free port, for who asks for any: the relay that is started again must have the same. */
export const freePort: Effect.Effect<number> = Effect.callback((resume) => {
  const probe = createServer()
  probe.listen(0, "127.0.0.1", () => {
    const { port } = probe.address() as AddressInfo
    probe.close(() => resume(Effect.succeed(port)))
  })
})

/** What is to run. */
export interface Supervised {
  /** A module, run as this process is. */
  readonly file: string
  readonly environment: { readonly [name: string]: string }
}

const log = (text: string): void => void process.stdout.write(`${text}\n`)

/** The relay under it. `life` is for the button that kills. */
export class Supervisor {
  private child: ChildProcess | undefined
  private kills = 0
  private stopping = false

  readonly life: RelayLife

  constructor() {
    const pid = (): number | undefined => this.child?.pid
    const kills = (): number => this.kills
    const kill = (): void => void this.child?.kill("SIGKILL")
    this.life = {
      get pid() {
        return pid()
      },
      get kills() {
        return kills()
      },
      kill
    }
  }

  /**
   * Runs it until it ends by itself, and gives its exit code. One that a signal has killed is started again, if it had come
   * so far as to serve.
   */
  readonly run = (what: Supervised): Effect.Effect<number, never, Scope.Scope> =>
    Effect.gen({ self: this }, function* () {
      const onSignal = (signal: NodeJS.Signals): void => {
        this.stopping = true
        this.child?.kill(signal)
      }
      yield* Effect.acquireRelease(
        Effect.sync(() => void process.on("SIGTERM", onSignal).on("SIGINT", onSignal)),
        () => Effect.sync(() => void process.off("SIGTERM", onSignal).off("SIGINT", onSignal))
      )
      return yield* Effect.callback<number>((resume) => this.start(what, (code) => resume(Effect.succeed(code))))
    })

  private start({ environment, file }: Supervised, ended: (code: number) => void): void {
    const again = this.kills > 0
    const startedAt = performance.now()
    const child = spawn(process.execPath, [...process.execArgv, file], {
      env: { ...process.env, ...environment },
      stdio: ["ignore", "pipe", "inherit", "ipc"],
      // A terminal's Ctrl-C is for the supervisor, which passes it on, once.
      detached: true
    })
    this.child = child
    let serves = false
    child.stdout?.on("data", (chunk: Buffer) => {
      // It prints when it listens, and then no more: the first time for whoever has started it.
      if (!again) process.stdout.write(chunk)
      else if (!serves) log(`The relay runs again, ${Math.round(performance.now() - startedAt)} ms later.`)
      serves = true
    })
    child.once("close", (code, signal) => {
      this.child = undefined
      if (code !== null) return ended(code)
      if (this.stopping) return ended(1)
      if (!serves) return ended(1)
      this.kills++
      log(`The relay was killed (${signal}). It is started again.`)
      this.start({ environment, file }, ended)
    })
  }
}
