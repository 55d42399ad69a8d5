/**
 * How the relay did of late: requests, how many went well, how many were rescued by another channel, and how long the
 * first content took; in all, by channel, by model, and minute by minute or hour by hour.
 *
 * It is kept in memory, of this process since it began: two hours by the minute, seven days by the hour. It counts what
 * the relay's events tell and knows nothing of the books, so that it is there when they are away, and costs a request some
 * 2 µs. What was refused before anything was begun is not in it.
 */
import { Clock, Context, Effect, Layer } from "effect"
import { blameOf } from "../errors/index.ts"
import { endedBy, failoversOf, RelayEvents, type RelayEvent, sinkOf } from "../relay/index.ts"

/** Figures of a channel, of a model, of a piece of time, or of all. */
export interface Figures {
  readonly requests: number
  readonly success: number
  readonly failed: number
  /** The client left, or somebody cancelled. */
  readonly cancelled: number
  /** Went well although a channel had failed. */
  readonly rescued: number
  /** What callers pay for them. */
  readonly credits: number
  /** From the request to the first content, in milliseconds, to 9 %; nothing where none was shown. */
  readonly p50: number | undefined
  readonly p99: number | undefined
}

/** The figures of a window. Moments are epoch milliseconds. */
export interface SummaryOf {
  /** Where the window begins: a whole minute or hour. */
  readonly from: number
  /** Since when this process counts. */
  readonly since: number
  readonly all: Figures
  readonly byChannel: ReadonlyMap<string, Figures>
  readonly byModel: ReadonlyMap<string, Figures>
  /** The window by minutes or hours, the oldest first. */
  readonly series: ReadonlyArray<{ readonly at: number; readonly figures: Figures }>
}

const minute = 60_000
const hour = 60 * minute
/** The longest window, in milliseconds. */
export const longestWindow = 7 * 24 * hour
const minutesKept = 120

/** What stands for models that no channel lists: a client may make up any number of names. */
const otherModel = "other"

/** Steps of the first content's time in an octave: each is 9 % longer than the one before. */
const stepsOfOctave = 8
const stepOf = (millis: number): number => Math.max(0, Math.ceil(Math.log2(Math.max(1, millis)) * stepsOfOctave))
const millisOf = (step: number): number => Math.round(2 ** (step / stepsOfOctave))

/** What is counted of something. */
class Counts {
  requests = 0
  success = 0
  failed = 0
  cancelled = 0
  rescued = 0
  credits = 0
  readonly content = new Map<number, number>()

  add(other: Counts): void {
    this.requests += other.requests
    this.success += other.success
    this.failed += other.failed
    this.cancelled += other.cancelled
    this.rescued += other.rescued
    this.credits += other.credits
    for (const [step, count] of other.content) this.observe(step, count)
  }

  observe(step: number, count: number): void {
    this.content.set(step, (this.content.get(step) ?? 0) + count)
  }

  private quantile(part: number): number | undefined {
    const steps = [...this.content].sort(([one], [other]) => one - other)
    const total = steps.reduce((sum, [, count]) => sum + count, 0)
    let left = Math.ceil(total * part)
    for (const [step, count] of steps) {
      left -= count
      if (left <= 0) return millisOf(step)
    }
    return undefined
  }

  figures(): Figures {
    const { cancelled, credits, failed, requests, rescued, success } = this
    const [p50, p99] = [this.quantile(0.5), this.quantile(0.99)]
    return { requests, success, failed, cancelled, rescued, credits, p50, p99 }
  }
}

/** What is counted in a minute or an hour. */
class Piece {
  readonly all = new Counts()
  readonly channels = new Map<string, Counts>()
  readonly models = new Map<string, Counts>()
}

const countsIn = (of: Map<string, Counts>, name: string): Counts => {
  let counts = of.get(name)
  if (counts === undefined) of.set(name, (counts = new Counts()))
  return counts
}

/** Pieces of one length, so many of them. */
class Ring {
  readonly length: number
  private readonly kept: number
  private readonly pieces = new Map<number, Piece>()

  constructor(length: number, kept: number) {
    this.length = length
    this.kept = kept
  }

  at(now: number): Piece {
    const number = Math.floor(now / this.length)
    let piece = this.pieces.get(number)
    if (piece !== undefined) return piece
    this.pieces.set(number, (piece = new Piece()))
    for (const old of this.pieces.keys()) if (old <= number - this.kept) this.pieces.delete(old)
    return piece
  }

  over(window: number, now: number): Omit<SummaryOf, "since"> {
    const last = Math.floor(now / this.length)
    const many = Math.min(this.kept, Math.max(1, Math.ceil(window / this.length)))
    const sum = new Piece()
    const series: Array<{ readonly at: number; readonly figures: Figures }> = []
    for (let number = last - many + 1; number <= last; number++) {
      const piece = this.pieces.get(number)
      series.push({ at: number * this.length, figures: (piece?.all ?? new Counts()).figures() })
      if (piece === undefined) continue
      sum.all.add(piece.all)
      for (const [name, counts] of piece.channels) countsIn(sum.channels, name).add(counts)
      for (const [name, counts] of piece.models) countsIn(sum.models, name).add(counts)
    }
    const figures = (of: ReadonlyMap<string, Counts>) =>
      new Map([...of].sort(([one], [other]) => (one < other ? -1 : 1)).map(([name, one]) => [name, one.figures()]))
    return {
      from: (last - many + 1) * this.length,
      all: sum.all.figures(),
      byChannel: figures(sum.channels),
      byModel: figures(sum.models),
      series
    }
  }
}

/** How the relay did of late. */
export class Summary extends Context.Service<
  Summary,
  {
    /** The figures of the last so many milliseconds, up to seven days. */
    readonly of: (window: number) => SummaryOf
  }
>()("effect-resilience/operate/Summary") {
  /** Counted from the relay's events. */
  static readonly layer: Layer.Layer<Summary, never, RelayEvents> = Layer.effect(
    Summary,
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      const events = yield* RelayEvents
      const now = (): number => clock.currentTimeMillisUnsafe()
      const since = now()
      const minutes = new Ring(minute, minutesKept)
      const hours = new Ring(hour, longestWindow / hour)

      const ended = (event: Extract<RelayEvent, { readonly _tag: "EmbeddingEnded" | "StreamEnded" }>): void => {
        const { answer, credits, error, trail } = event
        // Embeddings come whole: they have no first content.
        const firstContentMillis = event._tag === "StreamEnded" ? event.firstContentMillis : undefined
        const by = error === undefined ? endedBy(trail) : trail.findLast(({ attempt }) => attempt > 0)
        const outcome =
          error === undefined ? "success" : blameOf(error) === "cancelled" ? "cancelled" : ("failed" as const)
        const rescued = error === undefined && failoversOf(trail) > 0
        const step = firstContentMillis === undefined ? undefined : stepOf(firstContentMillis)
        const at = now()
        for (const ring of [minutes, hours]) {
          const piece = ring.at(at)
          const all = [piece.all, countsIn(piece.models, answer.listed ? answer.model : otherModel)]
          if (by !== undefined) all.push(countsIn(piece.channels, by.channel))
          for (const counts of all) {
            counts.requests++
            counts[outcome]++
            counts.credits += credits
            if (rescued) counts.rescued++
            if (step !== undefined) counts.observe(step, 1)
          }
        }
      }
      yield* Effect.acquireRelease(
        Effect.sync(() => events.add("summary", { ...sinkOf(() => {}), EmbeddingEnded: ended, StreamEnded: ended })),
        (remove) => Effect.sync(remove)
      )
      return {
        of: (window) => {
          const ring = window <= minutesKept * minute ? minutes : hours
          return { since, ...ring.over(window, now()) }
        }
      }
    })
  )
}
