/**
 * The log as a service: named events with flat fields, written at once.
 *
 * `emit` is a plain function, because much of what is worth a line happens in a socket's callback where no fiber runs.
 * It never fails and never throws: a log that cannot be written is lost, and the program goes on. All fields are
 * redacted on their way out, whatever the Layer, and the `Secrets` of where it was built are masked in them.
 *
 * | Layer | where a line goes |
 * |---|---|
 * | `EventLogNode.layerStderr` | one JSON object a line, on stderr |
 * | `EventLog.layerLines(write)` | one JSON object a line, to a function of yours |
 * | `EventLog.layerEffect` | Effect's own `Logger`, with the fields as annotations |
 * | `EventLog.layerTest` | a list: `CollectedEvents` |
 * | `EventLog.layerSilent` | nowhere |
 */
import { Clock, Context, Effect, Layer } from "effect"
import { Secrets } from "../errors/index.ts"
import { longestText, makeLineWriter, quietly, redacted } from "./LogLine.ts"

/** How loud an event is. `warning`, `error` and `fatal` are the severities of errors. */
export type EventLevel = "debug" | "info" | "warning" | "error" | "fatal"

/** What is known of an event. `undefined` is left out. Names are snake_case, as they are written. */
export interface EventFields {
  readonly [field: string]: unknown
}

/** One event, as it was emitted and redacted. */
export interface LoggedEvent {
  readonly timestamp: string
  readonly level: EventLevel
  readonly event: string
  readonly fields: EventFields
}

/** The events that `EventLog.layerTest` has collected, oldest first. The array grows as they come. */
export class CollectedEvents extends Context.Service<
  CollectedEvents,
  { readonly events: ReadonlyArray<LoggedEvent> }
>()("effect-resilience/telemetry/CollectedEvents") {}

/**
 * Writes events.
 *
 * ```ts import.meta.vitest
 * import { Effect } from "effect"
 * import { CollectedEvents, EventLog } from "effect-resilience/telemetry"
 *
 * const program = Effect.gen(function* () {
 *   const log = yield* EventLog
 *   log.emit("warning", "attempt_failed", { channel: "primary", attempt: 1, error: undefined })
 *   return (yield* CollectedEvents).events.map(({ event, fields }) => [event, fields])
 * })
 *
 * Effect.runSync(program.pipe(Effect.provide(EventLog.layerTest)))
 * // => [["attempt_failed", { channel: "primary", attempt: 1 }]]
 * ```
 */
export class EventLog extends Context.Service<
  EventLog,
  {
    /** Writes an event, now. Never throws. */
    readonly emit: (level: EventLevel, event: string, fields?: EventFields) => void
  }
>()("effect-resilience/telemetry/EventLog") {
  /** Forgets everything. */
  static readonly layerSilent: Layer.Layer<EventLog> = Layer.succeed(EventLog, { emit: () => {} })

  /** Gives each event, as one line of JSON without its line feed, to `write`, with its name. If `write` throws, the line is lost. */
  static readonly layerLines = (write: (line: string, event: string) => void): Layer.Layer<EventLog> =>
    layerLinesLater((line, event) => write(line(), event))

  /** Collects the events, for tests. */
  static readonly layerTest: Layer.Layer<EventLog | CollectedEvents> = Layer.unwrap(
    Effect.sync(() => {
      const events: Array<LoggedEvent> = []
      return Layer.merge(
        fromSink((logged) => void events.push(logged)),
        Layer.succeed(CollectedEvents, { events })
      )
    })
  )

  /**
   * Through Effect's `Logger`: the event's name is the message, its fields are annotations. For programs that have their
   * own loggers; an event that is written outside a fiber gets the annotations of where the Layer was built.
   */
  static readonly layerEffect: Layer.Layer<EventLog> = Layer.unwrap(
    Effect.map(Effect.context<never>(), (context) =>
      fromSink(({ event, fields, level }) => {
        Effect.runForkWith(context)(Effect.annotateLogs(logAt[level](event), fields))
      })
    )
  )
}

/**
 * The same, for whoever writes later than it is told: a line is put together when it is asked for, of the fields as they are
 * then. To be asked for once.
 */
export const layerLinesLater = (write: (line: () => string, event: string) => void): Layer.Layer<EventLog> =>
  Layer.effect(
    EventLog,
    Effect.gen(function* () {
      const lineOf = makeLineWriter({ mask: (yield* Secrets).mask, maxText: longestText })
      const timestampNow = isoNow(yield* Clock.Clock)
      return {
        emit: (level, event, fields = {}) => {
          const timestamp = timestampNow()
          quietly(() => write(() => lineOf(timestamp, level, event, fields), event))
        }
      }
    })
  )

const logAt = {
  debug: Effect.logDebug,
  info: Effect.logInfo,
  warning: Effect.logWarning,
  error: Effect.logError,
  fatal: Effect.logFatal
} as const satisfies { readonly [L in EventLevel]: unknown }

const fromSink = (sink: (logged: LoggedEvent) => void): Layer.Layer<EventLog> =>
  Layer.effect(
    EventLog,
    Effect.gen(function* () {
      const options = { mask: (yield* Secrets).mask, maxText: longestText }
      const timestampNow = isoNow(yield* Clock.Clock)
      return {
        emit: (level, event, fields = {}) => {
          const timestamp = timestampNow()
          quietly(() => sink({ timestamp, level, event, fields: redacted(fields, options) }))
        }
      }
    })
  )

/** The time as ISO 8601. HOT: a busy program writes several lines a millisecond; of their time only the last digits change. */
const isoNow = (clock: Clock.Clock): (() => string) => {
  let second = Number.NaN
  let untilSecond = ""
  return () => {
    const now = clock.currentTimeMillisUnsafe()
    const inSecond = Math.floor(now / 1000)
    if (inSecond !== second) {
      untilSecond = new Date(inSecond * 1000).toISOString().slice(0, -4)
      second = inSecond
    }
    return `${untilSecond}${String(Math.floor(now) - inSecond * 1000).padStart(3, "0")}Z`
  }
}
