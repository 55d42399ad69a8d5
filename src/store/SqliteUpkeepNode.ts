/**
 * Starts the upkeep thread of a SQLite store, and starts it again when it dies. The store works without it: only its
 * log and its file grow.
 */
import { Worker } from "node:worker_threads"
import type { Step, UpkeepAsk, UpkeepTell } from "./SqliteUpkeepThreadNode.ts"

/** The upkeep of one store. */
export interface Upkeep {
  /** Runs each step again and again until it changes nothing; then calls back, with what went wrong if anything did. */
  readonly clean: (steps: ReadonlyArray<Step>, done: (fault: string | undefined) => void) => void
  /** Ends the thread and its connection; calls back when that is done, within 2 s. */
  readonly close: (done: () => void) => void
}

/** What the upkeep tells. */
export interface UpkeepOptions {
  readonly path: string
  /** Which file it is (`identityOf`): it is not kept in order, nor made, while another is in its place. */
  readonly identity: string | undefined
  /** The thread runs now. */
  readonly onUp: () => void
  /** The thread is gone; it is started again after a pause. */
  readonly onDown: (message: string) => void
  /** The file is no longer at its place, or is there again. */
  readonly onPlace: (there: boolean) => void
  /** How often the log is begun anew at least, in milliseconds. Default: a minute. */
  readonly renewEvery?: number
}

/** The module of the thread: TypeScript beside this file in a checkout, JavaScript in the package. */
const thread = new URL(`./SqliteUpkeepThreadNode.${import.meta.url.endsWith(".ts") ? "ts" : "js"}`, import.meta.url)

/** The pause before the thread is started again, in milliseconds: doubled each time, until it runs. */
const restartAfter = { first: 1_000, most: 60_000 }

/** Starts the upkeep thread. It does not keep the process alive. */
export const startUpkeep = ({ path, identity, onUp, onDown, onPlace, renewEvery = 60_000 }: UpkeepOptions): Upkeep => {
  let closing = false
  /** The thread has a connection, which it must close itself. */
  let up = false
  let pause = restartAfter.first
  let ids = 0
  const waiting = new Map<number, (fault: string | undefined) => void>()

  const spawn = (): Worker => {
    // The flags of this process (a loader, an inspector) are not the thread's.
    const worker = new Worker(thread, {
      workerData: { path, identity, renewEvery },
      execArgv: ["--disable-warning=ExperimentalWarning"]
    })
    let fault = "it ended"
    worker.on("message", (told: UpkeepTell) => {
      if (told._tag === "Ready") {
        up = true
        pause = restartAfter.first
        return onUp()
      }
      if (told._tag === "Place") return onPlace(told.there)
      const done = waiting.get(told.id)
      waiting.delete(told.id)
      done?.(told.fault)
    })
    worker.on("error", (error) => {
      fault = String(error)
    })
    worker.on("exit", () => {
      up = false
      const lost = Array.from(waiting.values())
      waiting.clear()
      for (const done of lost) done(fault)
      if (closing) return
      onDown(fault)
      setTimeout(() => {
        if (!closing) current = spawn()
      }, pause).unref()
      pause = Math.min(pause * 2, restartAfter.most)
    })
    // After the listeners: one for messages keeps the process alive again.
    worker.unref()
    return worker
  }
  let current = spawn()
  const ask = (message: UpkeepAsk): void => current.postMessage(message, [])

  return {
    clean: (steps, done) => {
      if (closing || current.threadId === -1) return done("the upkeep thread is not running")
      const id = ids++
      waiting.set(id, done)
      ask({ _tag: "Clean", id, steps })
    },
    close: (done) => {
      closing = true
      if (current.threadId === -1) return done()
      // Now it is waited for.
      current.ref()
      const late = setTimeout(() => void current.terminate(), up ? 2_000 : 0)
      current.once("exit", () => {
        clearTimeout(late)
        done()
      })
      if (up) ask({ _tag: "Close" })
    }
  }
}
