/**
 * Waiting for a channel that rests, with what is known of the channels: who stands first in `WaitingLine` is judged by
 * `Choice`, whenever something has happened to a channel and when the next of them is due. One fiber does the latter for all
 * who wait; with nobody waiting it sleeps.
 */
import { Clock, Effect, type Scope } from "effect"
import { MonotonicClock } from "../policy/index.ts"
import * as Choice from "./Choice.ts"
import type { Patience, Picked, Wanted } from "./Pick.ts"
import { type Call, type Passage, WaitingLine } from "./WaitingLine.ts"

/** A request that is to wait. */
export interface Request {
  readonly wanted: Wanted
  readonly patience: Patience
  /** What it may choose from now. */
  readonly options: ReadonlyArray<Choice.Option>
  readonly clock: Clock.Clock
  readonly draw: Choice.Draw
}

/** What a selection lends. */
export interface WaitingOptions {
  readonly optionsOf: (wanted: Wanted, now: number) => ReadonlyArray<Choice.Option>
  readonly take: (
    wanted: Wanted,
    options: ReadonlyArray<Choice.Option>,
    option: Choice.Option,
    clock: Clock.Clock,
    passage: Passage
  ) => Picked
}

/** The waiting of one relay. */
export interface Waiting {
  /** Something has happened to a channel: lets through who may go. */
  readonly look: () => void
  /** How somebody fares who was let through; the first word counts. Then as `look`. */
  readonly tell: (passage: Passage, how: "taken" | "refused" | "left") => void
  /** Those that nobody waits for. */
  readonly free: (options: ReadonlyArray<Choice.Option>) => ReadonlyArray<Choice.Option>
  /** No more may wait. */
  readonly full: () => boolean
  /** Stands in line. Gives `undefined` to who is sent on, or whose time is over. */
  readonly stand: (request: Request) => Effect.Effect<Picked | undefined>
}

interface InLine {
  readonly line: string
  readonly doors: ReadonlyArray<string>
  readonly request: Request
  /** Until when it waits for probes, which are as long as answers. */
  readonly probesUntil: number
  picked: Picked | undefined
  resume: () => void
}

const doorOf = ({ channel, model }: Choice.Option): string => `${channel.id} ${model}`

/** The waiting of a relay, until its scope is closed. */
export const makeWaiting = ({ optionsOf, take }: WaitingOptions): Effect.Effect<Waiting, never, Scope.Scope> =>
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const line = new WaitingLine<InLine>()
    let lookAt = Number.POSITIVE_INFINITY
    let wake: () => void = () => {}

    const judge = (first: InLine): Call => {
      const { clock, draw, patience, wanted } = first.request
      const now = MonotonicClock.wholeMillis(clock)
      const options = optionsOf(wanted, now)
      const open = options.filter((option) => line.isOpen(doorOf(option), now))
      const option = Choice.usableOption(open, draw, wanted.prefer)
      if (option !== undefined) {
        return {
          _tag: "Through",
          door: doorOf(option),
          take: (passage) => {
            first.picked = take(wanted, options, option, clock, passage)
          }
        }
      }
      const hopeless =
        wanted.only === undefined
          ? Choice.firstDueAt(options, now, now < first.probesUntil) > now + patience.upToMillis
          : !Choice.isAnyUsable(options)
      if (hopeless) return { _tag: "Away" }
      let until = now < first.probesUntil ? first.probesUntil : Number.POSITIVE_INFINITY
      for (const option of options) {
        const { fitness, out } = option
        if (!out) until = Math.min(until, fitness.is === "usable" ? line.opensAt(doorOf(option)) : fitness.dueAt)
      }
      return { _tag: "Stays", until }
    }

    const look = (): void => {
      if (line.size === 0) return
      const next = line.call(judge, MonotonicClock.wholeMillis(clock))
      if (next >= lookAt) return
      lookAt = next
      wake()
    }

    const round = Effect.gen(function* () {
      const at = lookAt
      const sooner = Effect.callback<void>((resume) => {
        if (lookAt !== at) return resume(Effect.void)
        wake = () => resume(Effect.void)
      })
      yield* at === Number.POSITIVE_INFINITY
        ? sooner
        : Effect.raceFirst(Effect.sleep(Math.max(1, at - MonotonicClock.wholeMillis(clock))), sooner)
      if (lookAt > MonotonicClock.wholeMillis(clock)) return
      lookAt = Number.POSITIVE_INFINITY
      look()
    })
    yield* Effect.forkScoped(Effect.forever(round))

    const stand = (request: Request): Effect.Effect<Picked | undefined> =>
      Effect.suspend(() => {
        const { clock, options, patience } = request
        const may = options.filter(({ out }) => !out)
        const dueAt = Choice.firstDueAt(may, MonotonicClock.wholeMillis(clock), true)
        const place: InLine = {
          line: may.map((option) => `${doorOf(option)} ${option.key}`).join("\n"),
          doors: [...new Set(may.map(doorOf))],
          request,
          probesUntil: dueAt + patience.upToMillis,
          picked: undefined,
          resume: () => {}
        }
        const turn = Effect.callback<void>((resume) => {
          place.resume = () => resume(Effect.void)
          line.join(place)
          look()
        })
        return Effect.raceFirst(turn, Effect.sleep(Math.max(1, patience.leftMillis))).pipe(
          Effect.map(() => {
            line.leave(place)
            return place.picked
          }),
          // Its client has left: what was taken for it meanwhile is given back.
          Effect.onInterrupt(() =>
            Effect.sync(() => {
              line.leave(place)
              place.picked?.release({ _tag: "Ignored" })
            })
          )
        )
      })

    return {
      look,
      tell: (passage, how) => {
        line.tell(passage, how)
        look()
      },
      free: (options) => (line.size === 0 ? options : options.filter((option) => !line.waitsFor(doorOf(option)))),
      full: () => line.full,
      stand
    }
  })
