/**
 * The upkeep of SQLite databases: one thread of the process for all of them, which is started again when it dies. A
 * database works without it: only its log and its file grow.
 */
import type { Worker } from "node:worker_threads"
import type { Round, UpkeepAsk, UpkeepNews, UpkeepTell } from "./SqliteUpkeepThreadNode.ts"
import { startWorker } from "./WorkerNode.ts"

/** The upkeep of one database. */
export interface Upkeep {
  /** Runs rounds of deletions one after the other; then calls back, with what went wrong if anything did. */
  readonly clean: (rounds: ReadonlyArray<Round>, done: (fault: string | undefined) => void) => void
  /** Ends the thread's connection, and the thread with its last one; calls back when that is done, within 2 s. */
  readonly close: (done: () => void) => void
}

/** What the upkeep tells. */
export interface UpkeepOptions {
  readonly path: string
  /** Which file it is (`identityOf`): it is not kept in order, nor made, while another is in its place. */
  readonly identity: string | undefined
  /** The database is kept in order now. */
  readonly onUp: () => void
  /** It is no longer; that is tried again after a pause. */
  readonly onDown: (message: string) => void
  /** The file is no longer at its place, or is there again. */
  readonly onPlace: (there: boolean) => void
  /** How often the log is begun anew at least, in milliseconds. Default: whenever it is large. */
  readonly renewEvery?: number
  /** For how long other connections may be waited for while the writer waits too, in milliseconds. Default: 2 s. */
  readonly patience?: number
  /** A descriptor of the file that outlives all of its connections, by which it is brought to the disk beside its writer. */
  readonly file?: number
}

/** The module of the thread: TypeScript beside this file in a checkout, JavaScript in the package. */
const source = new URL(`./SqliteUpkeepThreadNode.${import.meta.url.endsWith(".ts") ? "ts" : "js"}`, import.meta.url)

/** The pause before a database is tried again, in milliseconds: doubled each time, until it is kept in order. */
const restartAfter = { first: 1_000, most: 60_000 }
/** How long a connection may take to end, in milliseconds. */
const closeWithin = 2_000

/** What hears of a database. */
interface Listener {
  readonly hear: (news: UpkeepNews) => void
  /** The thread is gone. */
  readonly gone: (fault: string) => void
}

/** The thread, and who needs it. */
class Thread {
  readonly worker: Worker
  private readonly listeners = new Map<number, Listener>()
  private closing = 0

  constructor() {
    const worker = startWorker(source)
    this.worker = worker
    let fault = "it ended"
    worker.on("message", ({ news, place }: UpkeepTell) => this.listeners.get(place)?.hear(news))
    worker.on("error", (error) => {
      fault = String(error)
    })
    worker.on("exit", () => {
      this.retire()
      const left = Array.from(this.listeners.values())
      this.listeners.clear()
      for (const { gone } of left) gone(fault)
    })
    // After the listeners: one for messages keeps the process alive again.
    worker.unref()
  }

  add(place: number, listener: Listener): void {
    this.listeners.set(place, listener)
  }

  ask(message: UpkeepAsk): void {
    this.worker.postMessage(message, [])
  }

  /** Lets go of a database, of which the thread has nothing any more. It ends with its last one. */
  remove(place: number, done: () => void): void {
    this.leave(place, done, () => this.ask({ _tag: "End" }))
  }

  /** Lets go of a database of which the thread does not answer. */
  abandon(place: number, done: () => void): void {
    this.leave(place, done, () => void this.worker.terminate())
  }

  private leave(place: number, done: () => void, end: () => void): void {
    this.listeners.delete(place)
    if (this.listeners.size > 0) return done()
    this.retire()
    this.worker.once("exit", done)
    end()
  }

  /** A database is being closed: the process waits for it. */
  hold(): void {
    if (this.closing++ === 0) this.worker.ref()
  }

  release(): void {
    if (--this.closing === 0) this.worker.unref()
  }

  /** Who comes now gets another one. */
  private retire(): void {
    if (thread === this) thread = undefined
  }
}

/** The one that runs. */
let thread: Thread | undefined
let places = 0

/** Has a database kept in order. That does not keep the process alive. */
export const startUpkeep = (options: UpkeepOptions): Upkeep => {
  const { file, identity, onDown, onPlace, onUp, patience = 2_000, path, renewEvery } = options
  const place = places++
  let closing: (() => void) | undefined
  /** The thread has a connection, which it must close itself. */
  let up = false
  let pause = restartAfter.first
  let mine: Thread | undefined
  let ids = 0
  const waiting = new Map<number, (fault: string | undefined) => void>()

  /** What was asked is not answered any more. */
  const lose = (fault: string): void => {
    const lost = Array.from(waiting.values())
    waiting.clear()
    for (const done of lost) done(fault)
  }

  const down = (fault: string): void => {
    mine = undefined
    up = false
    lose(fault)
    if (closing !== undefined) return closing()
    onDown(fault)
    setTimeout(open, pause).unref()
    pause = Math.min(pause * 2, restartAfter.most)
  }

  const hear = (news: UpkeepNews): void => {
    switch (news._tag) {
      case "Ready":
        up = true
        pause = restartAfter.first
        return onUp()
      case "Place":
        return onPlace(news.there)
      case "Cleaned": {
        const done = waiting.get(news.id)
        waiting.delete(news.id)
        return done?.(news.fault)
      }
      case "Broken":
        return mine?.remove(place, () => down(news.fault))
      case "Closed":
        return mine?.remove(place, () => closing?.())
    }
  }

  const open = (): void => {
    if (closing !== undefined) return
    mine = thread ??= new Thread()
    mine.add(place, { hear, gone: down })
    mine.ask({ _tag: "Open", place, what: { path, identity, renewEvery, patience, file } })
  }
  open()

  return {
    clean: (rounds, done) => {
      if (closing !== undefined || mine === undefined) return done("the upkeep thread is not running")
      const id = ids++
      waiting.set(id, done)
      mine.ask({ _tag: "Clean", place, id, rounds })
    },
    close: (done) => {
      const last = mine
      if (last === undefined) {
        closing = done
        return done()
      }
      // Now it is waited for.
      last.hold()
      const late = setTimeout(() => last.abandon(place, () => closing?.()), up ? closeWithin : 0)
      let over = false
      closing = () => {
        if (over) return
        over = true
        clearTimeout(late)
        last.release()
        lose("it ended")
        done()
      }
      last.ask({ _tag: "Close", place })
    }
  }
}
