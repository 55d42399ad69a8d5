/**
 * Keeps a relay running: a process of its own, which is started again when something kills it, on the same port and the
 * same store. Whoever stops the supervisor stops the relay, and waits until it is done.
 *
 * It knows nothing but Node, so that the relay is begun before anything else is loaded here: what it needs to know is sent
 * to it when that is there.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { createServer, type AddressInfo } from "node:net"

/** What is to run. */
export interface Supervised {
  /** A module, run as this process is. */
  readonly file: string
  readonly environment: { readonly [name: string]: string }
  /** What each process is sent, once it is known. */
  readonly message: Promise<object>
}

/** The process that serves, for the button that kills it. */
export interface RelayLife {
  readonly pid: () => number | undefined
  /** How often it was killed. */
  readonly kills: () => number
  readonly kill: () => void
}

/** A free port, for who asks for any: the relay that is started again must have the same. */
export const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const probe = createServer()
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as AddressInfo
      probe.close(() => resolve(port))
    })
  })

/** So many in a row may be killed before they serve. */
const mostEarly = 5

const say = (text: string): void => void process.stdout.write(`${text}\n`)

/** A relay under supervision. */
export class Supervisor {
  private child: ChildProcess | undefined
  private killed = 0
  /** How many in a row were gone before they served. */
  private early = 0
  private stopping: NodeJS.Signals | undefined
  private readonly supervised: Supervised

  /** The process that serves now. */
  readonly life: RelayLife = {
    pid: () => this.child?.pid,
    kills: () => this.killed,
    kill: () => void this.child?.kill("SIGKILL")
  }

  constructor(supervised: Supervised) {
    this.supervised = supervised
  }

  /** Runs it until it ends by itself or is stopped, and gives its exit code. One that was killed is started again. */
  run(): Promise<number> {
    const onSignal = (signal: NodeJS.Signals): void => {
      this.stopping = signal
      this.child?.kill(signal)
    }
    process.on("SIGTERM", onSignal).on("SIGINT", onSignal)
    return new Promise((resolve) => this.start(resolve))
  }

  private start(ended: (code: number) => void): void {
    const { environment, file, message } = this.supervised
    const again = this.killed > 0
    const startedAt = performance.now()
    const child = spawn(process.execPath, [...process.execArgv, file], {
      env: { ...process.env, ...environment },
      stdio: ["ignore", "pipe", "inherit", "ipc"],
      // A terminal's Ctrl-C is for the supervisor, which passes it on.
      detached: true
    })
    this.child = child
    // One that is gone already needs to know nothing.
    void message.then((told) => child.connected && child.send(told))
    let serves = false
    child.stdout?.on("data", (chunk: Buffer) => {
      // It prints when it listens, and then no more: the first time for whoever has started it.
      if (!again) process.stdout.write(chunk)
      else if (!serves) say(`The relay runs again, ${Math.round(performance.now() - startedAt)} ms later.`)
      serves = true
    })
    child.once("close", (code, signal) => {
      this.child = undefined
      if (code !== null) return ended(code)
      // The signal that stops it ends one that has not come so far as to listen to it.
      if (this.stopping !== undefined) return ended(signal === this.stopping ? 0 : 1)
      // One that is killed before it serves is started again too, but not for ever.
      this.early = serves ? 0 : this.early + 1
      if (this.early > mostEarly || (!serves && !again)) return ended(1)
      this.killed++
      say(`The relay was killed (${signal}). It is started again.`)
      this.start(ended)
    })
  }
}
