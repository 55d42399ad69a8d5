/**
 * Requests that wait for a channel which rests. They are let through in the order in which they came, and not all at
 * once when its rest is over: what was too much for it a moment ago would be too much again. One goes first; for each
 * that is taken two may follow; after a refusal it is one again; and one more goes after each `paceMillis`, so that an
 * upstream which is slow to answer holds up nobody for long.
 *
 * Plain and synchronous, with one owner, who knows which targets there are; time is an argument. Who waits for the same
 * targets stands in one line, so that only the first of each line need be looked at.
 */

/** How many wait at most, in all lines. */
const places = 1_000

/** How long it takes until one more is let through, in milliseconds, where nobody says how those before fare. */
const paceMillis = 50

/** Somebody who waits. */
interface Waiting {
  /** The line that it stands in: the same for all who wait for the same. */
  readonly line: string
  /** The doors that it may go through. */
  readonly doors: ReadonlyArray<string>
  /** It waits no more. */
  readonly resume: () => void
}

/** What lies between a line and a channel for a model. */
export interface Door {
  /** How many may be on their way at once. */
  width: number
  onTheirWay: number
  /** When one more may go all the same. */
  nextAt: number
  /** Begun anew by each refusal: how those before it fare says nothing any more. */
  round: number
}

/** Somebody who went through a door, of whom it is told once how it fares. */
export interface Passage {
  readonly door: Door
  readonly round: number
  told: boolean
}

/** What becomes of the first of a line: it goes through a door with what `take` takes for it, is sent away, or stays. */
export type Call =
  | { readonly _tag: "Through"; readonly door: string; readonly take: (passage: Passage) => void }
  | { readonly _tag: "Away" }
  /** By the clock of `now`, in milliseconds; `Infinity`: until something happens. */
  | { readonly _tag: "Stays"; readonly until: number }

/** The lines of one relay. */
export class WaitingLine<W extends Waiting> {
  private readonly lines = new Map<string, Array<{ readonly waiting: W; readonly number: number }>>()
  private readonly doors = new Map<string, Door>()
  /** How many wait for each door. */
  private readonly awaited = new Map<string, number>()
  private number = 0
  private count = 0

  /** How many wait. */
  get size(): number {
    return this.count
  }

  get full(): boolean {
    return this.count >= places
  }

  /** Whether somebody waits for a door: who comes now goes behind. */
  waitsFor(door: string): boolean {
    return this.awaited.has(door)
  }

  join(waiting: W): void {
    const line = this.lines.get(waiting.line)
    const place = { waiting, number: this.number++ }
    if (line === undefined) this.lines.set(waiting.line, [place])
    else line.push(place)
    this.count++
    for (const door of waiting.doors) this.awaited.set(door, (this.awaited.get(door) ?? 0) + 1)
  }

  /** It waits no more; of who does not wait, nothing. */
  leave(waiting: W): void {
    const line = this.lines.get(waiting.line)
    const at = line?.findIndex((place) => place.waiting === waiting) ?? -1
    if (line === undefined || at < 0) return
    line.splice(at, 1)
    if (line.length === 0) this.lines.delete(waiting.line)
    this.count--
    for (const door of waiting.doors) {
      const left = this.awaited.get(door)! - 1
      if (left > 0) this.awaited.set(door, left)
      else {
        this.awaited.delete(door)
        this.doors.delete(door)
      }
    }
  }

  /** Whether one more may go through a door now. */
  isOpen(door: string, now: number): boolean {
    const found = this.doors.get(door)
    return found === undefined || found.onTheirWay < found.width || now >= found.nextAt
  }

  /** When one more may go through a door at the latest. */
  opensAt(door: string): number {
    return this.doors.get(door)?.nextAt ?? Number.NEGATIVE_INFINITY
  }

  /** How one fares who went through: it was taken, or refused; `left` says neither. */
  tell(passage: Passage, how: "taken" | "refused" | "left"): void {
    if (passage.told) return
    passage.told = true
    const { door, round } = passage
    if (round !== door.round) return
    door.onTheirWay--
    if (how === "taken") door.width++
    else if (how === "refused") {
      door.width = 1
      door.onTheirWay = 0
      door.round++
    }
  }

  /**
   * Calls those who stand first, oldest first, until each that is left has to stay. Gives when to call again, if nothing
   * happens before. They are resumed when all were judged, since what they do then may come back here.
   */
  call(judge: (first: W) => Call, now: number): number {
    const stays = new Set<string>()
    const called: Array<W> = []
    let next = Number.POSITIVE_INFINITY
    for (let first = this.first(stays); first !== undefined; first = this.first(stays)) {
      const call = judge(first)
      if (call._tag === "Stays") {
        stays.add(first.line)
        next = Math.min(next, call.until)
        continue
      }
      if (call._tag === "Through") call.take(this.through(call.door, now))
      // The door of an empty line is forgotten.
      this.leave(first)
      called.push(first)
    }
    for (const { resume } of called) resume()
    return next
  }

  private through(name: string, now: number): Passage {
    const found = this.doors.get(name)
    const door = found ?? { width: 1, onTheirWay: 0, nextAt: now, round: 0 }
    if (found === undefined) this.doors.set(name, door)
    door.onTheirWay++
    door.nextAt = now + paceMillis
    return { door, round: door.round, told: false }
  }

  private first(without: ReadonlySet<string>): W | undefined {
    let first: { readonly waiting: W; readonly number: number } | undefined
    for (const [line, places] of this.lines) {
      const place = places[0]!
      if (!without.has(line) && (first === undefined || place.number < first.number)) first = place
    }
    return first?.waiting
  }
}
