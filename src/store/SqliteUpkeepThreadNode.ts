/**
 * The thread that keeps the SQLite databases of a process in order: it copies their write-ahead logs back into them, and
 * runs the deletions that it is sent, in small steps. It runs beside the writer, which therefore never waits for a disk:
 * it has connections of its own, and waits where the writer would not.
 *
 * Started by `SqliteUpkeepNode.ts`; it imports nothing of Effect, so that it starts in a few milliseconds.
 */
import { fdatasyncSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { setTimeout as sleep } from "node:timers/promises"
import { parentPort } from "node:worker_threads"
import { addressOf, identityOf, sizeOf } from "./SqlitePlaceNode.ts"

/** A database that is kept in order. */
export interface UpkeepPlace {
  readonly path: string
  /** Which file it is (`identityOf`). */
  readonly identity: string | undefined
  /** How often the log is begun anew at least, in milliseconds, so that nothing that was deleted stays in it; never by default. */
  readonly renewEvery: number | undefined
  /** For how long others may be waited for while the writer waits too, in milliseconds. */
  readonly patience: number
  /**
   * The file, opened by its owner before its connection and closed after it: to close any descriptor of a file lets go of
   * all locks that the process has on it.
   */
  readonly file: number | undefined
}

/**
 * A deletion, or another statement. One that changes at most so many rows at a time is repeated while it changes as many:
 * not until it changes nothing, for under a load there is always something more.
 */
export interface Step {
  readonly sql: string
  readonly params: ReadonlyArray<string | number | null>
  /** So many rows; without it the statement is run once. */
  readonly most?: number
}

/** Steps, and rounds within, that are done one after the other, and again while the first changes as many rows as it may. */
export interface Round {
  readonly first: Step
  readonly rest: ReadonlyArray<Step | Round>
}

/** What the thread is told. `place` is a database's number. */
export type UpkeepAsk =
  | { readonly _tag: "Open"; readonly place: number; readonly what: UpkeepPlace }
  | { readonly _tag: "Clean"; readonly place: number; readonly id: number; readonly rounds: ReadonlyArray<Round> }
  | { readonly _tag: "Close"; readonly place: number }
  | { readonly _tag: "End" }

/** What the thread tells of a database. */
export interface UpkeepTell {
  readonly place: number
  readonly news: UpkeepNews
}

/** What there is to be told. */
export type UpkeepNews =
  | { readonly _tag: "Ready" }
  | { readonly _tag: "Cleaned"; readonly id: number; readonly fault: string | undefined }
  /** The file that was opened is at its place again, or is there no longer. */
  | { readonly _tag: "Place"; readonly there: boolean }
  /** It cannot be kept in order, and is let go of. */
  | { readonly _tag: "Broken"; readonly fault: string }
  | { readonly _tag: "Closed" }

/**
 * How often the logs and the files are looked at, in milliseconds. Not oftener under load: where all of a log is in the
 * database its writer begins it anew by itself, and waits for the disk once.
 */
const lookEvery = 500
/** From this size on a log is copied back; the writer goes on meanwhile. */
const copyFrom = 4 * 1024 * 1024
/** What is written between two looks under a load, in bytes at least. */
const much = 1024 * 1024
/** From this size on the log is also begun anew under a load, for which its writer is held up for a moment. */
const restartFrom = 32 * 1024 * 1024
/** The pause between two steps of a deletion, in milliseconds. */
const pause = 2

/** What a checkpoint says: whether somebody was in the way, and the frames of the log. */
interface Copied {
  readonly busy: number
  readonly log: number
}

class Place {
  private readonly number: number
  private readonly what: UpkeepPlace
  private readonly log: string
  /** The connection, once the file has been seen: opening what is not there would make it. */
  private database: DatabaseSync | undefined
  /** The log was there once, and has to be from then on. */
  private logged = false
  private there: boolean | undefined
  private renewed = performance.now()
  /** How long the log was at the last look, in frames. */
  private copied = 0
  /** The size of a frame of the log: a page, and its head. */
  private frame = 0
  /** One deletion at a time. */
  private last: Promise<void> = Promise.resolve()

  constructor(number: number, what: UpkeepPlace) {
    this.number = number
    this.what = what
    this.log = `${what.path}-wal`
  }

  private tell(news: UpkeepNews): void {
    tell(this.number, news)
  }

  look(): void {
    try {
      this.lookAtPlace()
      if (this.there !== true) return
      if (this.database === undefined) this.open()
      else this.copyBack(this.database)
    } catch (cause) {
      // A connection that cannot read is none.
      this.close()
      // Moved away just now: that is told by the next look, and nothing is broken.
      if (!this.isThere()) return
      places.delete(this.number)
      this.tell({ _tag: "Broken", fault: String(cause) })
    }
  }

  /** The file that was opened is at its place, and so is its log if there was one. */
  private isThere(): boolean {
    const { identity, path } = this.what
    return identityOf(path) === identity && (!this.logged || identityOf(this.log) !== undefined)
  }

  private lookAtPlace(): void {
    const found = this.isThere()
    this.logged ||= found && identityOf(this.log) !== undefined
    if (found !== this.there) this.tell({ _tag: "Place", there: found })
    this.there = found
  }

  private open(): void {
    const opened = new DatabaseSync(addressOf(this.what.path))
    this.database = opened
    opened.exec(
      `PRAGMA busy_timeout = ${this.what.patience}; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0`
    )
    // Its lists are of numbers, and of some thousands of them: no file is made for those.
    opened.exec("PRAGMA secure_delete = ON; PRAGMA temp_store = MEMORY")
    this.frame = Number(opened.prepare("PRAGMA page_size").get()?.["page_size"]) + 24
    // Asks the file itself.
    opened.prepare("PRAGMA user_version").get()
    this.tell({ _tag: "Ready" })
  }

  private copyBack(database: DatabaseSync): void {
    const { renewEvery } = this.what
    const size = sizeOf(this.log)
    const due = renewEvery !== undefined && performance.now() - this.renewed >= renewEvery
    if (size === 0 || (size < copyFrom && !due)) return
    // First beside the writer: what is left after it is little.
    const { log } = checkpoint(database, "PASSIVE")
    const wrote = log - (log < this.copied ? 0 : this.copied)
    this.copied = log
    // Else it would be copied at each look, and its writer wait for the disk each time: a log that is all copied begins anew.
    if (due || wrote * this.frame < much) return this.cut(database)
    if (log * this.frame < restartFrom) return
    this.sync(database)
    // In its old place: that costs its writer a third less than one that grows.
    checkpoint(database, "RESTART")
  }

  /** Begins the log anew, with nothing left of it. Tried again at the next look if somebody is in the way. */
  private cut(database: DatabaseSync): void {
    this.sync(database)
    if (checkpoint(database, "TRUNCATE").busy !== 0) return
    this.copied = 0
    this.renewed = performance.now()
  }

  /** Who begins the log anew holds the writer up until the database is on the disk: most of it can be there by then. */
  private sync(database: DatabaseSync): void {
    const { file } = this.what
    if (file === undefined) return
    fdatasyncSync(file)
    checkpoint(database, "PASSIVE")
    fdatasyncSync(file)
  }

  clean(id: number, rounds: ReadonlyArray<Round>): void {
    const told = (fault: string | undefined): void => this.tell({ _tag: "Cleaned", id, fault })
    this.last = this.last
      .then(() => this.run(rounds))
      .then(
        () => told(undefined),
        (cause: unknown) => told(String(cause))
      )
  }

  private async run(rounds: ReadonlyArray<Round>): Promise<void> {
    for (const round of rounds) await this.round(round)
  }

  private async round({ first, rest }: Round): Promise<void> {
    let isMore = true
    while (isMore) {
      isMore = await this.step(first)
      for (const part of rest) {
        await ("first" in part ? this.round(part) : this.repeat(part))
      }
    }
  }

  private async repeat(step: Step): Promise<void> {
    let isMore = true
    while (isMore) isMore = await this.step(step)
  }

  /** Whether there may be more to be done. */
  private async step({ most, params, sql }: Step): Promise<boolean> {
    if (this.database === undefined) throw new Error("the file is not there")
    const { changes } = this.database.prepare(sql).run(...params)
    if (most === undefined || changes === 0) return false
    // Its writer has a turn.
    await sleep(pause)
    return Number(changes) >= most
  }

  close(): void {
    this.database?.close()
    this.database = undefined
  }
}

const tell = (place: number, news: UpkeepNews): void => {
  const message: UpkeepTell = { place, news }
  parentPort?.postMessage(message, [])
}

const checkpoint = (database: DatabaseSync, mode: "PASSIVE" | "RESTART" | "TRUNCATE"): Copied =>
  database.prepare(`PRAGMA wal_checkpoint(${mode})`).get() as unknown as Copied

const places = new Map<number, Place>()

const timer = setInterval(() => {
  for (const place of places.values()) place.look()
}, lookEvery)

parentPort?.on("message", (ask: UpkeepAsk) => {
  switch (ask._tag) {
    case "Open": {
      const place = new Place(ask.place, ask.what)
      places.set(ask.place, place)
      return place.look()
    }
    case "Clean":
      return places.get(ask.place)?.clean(ask.id, ask.rounds)
    case "Close":
      places.get(ask.place)?.close()
      places.delete(ask.place)
      return tell(ask.place, { _tag: "Closed" })
    case "End":
      clearInterval(timer)
      parentPort?.close()
  }
})
