/**
 * Where errors go that somebody has to look at: bugs, stores that fail, channels that are set up wrongly. What happens to
 * every service (a refused request, an upstream that is down) is in logs and metrics, and never here.
 *
 * | Layer | where an error goes |
 * |---|---|
 * | `ErrorTracker.layerNone` | nowhere |
 * | `ErrorTracker.layerLog` | the log: event `error_tracked` |
 * | `ErrorTracker.layerMemory` | a list: `TrackedErrors` |
 */
import { Clock, Context, Effect, Layer } from "effect"
import { type Blame, blameOf, describe, excerpt, isResilienceError, redactText, Secrets } from "../errors/index.ts"
import { EventLog } from "./EventLog.ts"
import { longestText, quietly } from "./LogLine.ts"

/** What is known of where an error happened. Never a secret or a prompt. */
export interface ErrorTags {
  readonly requestId?: string | undefined
  readonly channel?: string | undefined
  readonly model?: string | undefined
  /** The HTTP status of the answer. Default: the error's own. */
  readonly status?: number | undefined
  /** Nobody caught it: it is taken whatever it is. Default: false. */
  readonly uncaught?: boolean | undefined
}

/** An error as it is told. */
export interface TrackedError {
  /** ISO 8601, UTC. */
  readonly timestamp: string
  readonly name: string
  /** Redacted. */
  readonly message: string
  /** Where it was made: the first line of its stack that is none of Node's own, `name (file:line)`. */
  readonly place: string | undefined
  /** Errors with the same one are the same problem: code and place. */
  readonly fingerprint: ReadonlyArray<string>
  readonly tags: {
    readonly code: string
    readonly class: Blame
    readonly status: number
    readonly channel?: string
    readonly model?: string
    readonly request_id?: string
  }
  /** The stack, redacted, without the program's own folders. */
  readonly stack: string | undefined
}

/** The errors that `ErrorTracker.layerMemory` has collected, oldest first. */
export class TrackedErrors extends Context.Service<TrackedErrors, { readonly errors: ReadonlyArray<TrackedError> }>()(
  "effect-resilience/telemetry/TrackedErrors"
) {}

const trackedClasses: ReadonlySet<Blame> = new Set(["defect", "storage", "channel"])

/**
 * Whether an error is one that somebody has to look at: answered with 5xx, and a bug, a store that fails, or a channel
 * that is set up wrongly. An error that says nothing of itself is a bug; one that says `record: false` is none.
 *
 * ```ts import.meta.vitest
 * import { InternalError, UpstreamOverloaded } from "effect-resilience/errors"
 * import { isTracked } from "effect-resilience/telemetry"
 *
 * isTracked(new InternalError({})) // => true
 * isTracked(new TypeError("x is undefined")) // => true
 * isTracked(new UpstreamOverloaded({})) // => false
 * ```
 */
export const isTracked = (error: unknown): boolean => {
  if (!isResilienceError(error)) return trackedClasses.has(blameOf(error) ?? "defect")
  const { blame, status } = describe(error)
  return status >= 500 && trackedClasses.has(blame) && error.record !== false
}

const frame = /^\s*at (?:(.+) \()?(?:file:\/\/)?(.+?):(\d+):\d+\)?$/

/** The first line of a stack that is none of Node's own: `name (file:line)`, the file without its folders. */
const placeOf = (stack: string | undefined): string | undefined => {
  for (const line of stack?.split("\n") ?? []) {
    const found = frame.exec(line)
    if (found === null || found[2]!.startsWith("node:")) continue
    const file = found[2]!.split(/[\\/]/).at(-1)!
    return found[1] === undefined ? `${file}:${found[3]}` : `${found[1]} (${file}:${found[3]})`
  }
  return undefined
}

const withoutFolders = (stack: string): string =>
  stack.replace(/(?:file:\/\/)?(?:[A-Za-z]:)?[\\/][^\s():]*[\\/]([^\s():\\/]+:\d+:\d+)/g, "$1")

interface Clean {
  readonly mask: (text: string) => string
}

const tracked = (error: unknown, tags: ErrorTags, now: number, { mask }: Clean): TrackedError => {
  const clean = (text: string): string => excerpt(mask(redactText(excerpt(text, 4 * longestText))), longestText)
  const thrown = error instanceof Error ? error : new Error(String(error))
  const stack = error instanceof Error ? thrown.stack : undefined
  const known = isResilienceError(error) ? describe(error) : undefined
  const code = known?.code ?? "internal_error"
  const place = placeOf(stack)
  return {
    timestamp: new Date(now).toISOString(),
    name: clean(thrown.name),
    message: clean(thrown.message),
    place,
    fingerprint: place === undefined ? [code] : [code, place],
    tags: {
      code,
      class: known?.blame ?? blameOf(error) ?? "defect",
      status: tags.status ?? known?.status ?? 500,
      ...(tags.channel === undefined ? {} : { channel: tags.channel }),
      ...(tags.model === undefined ? {} : { model: tags.model }),
      ...(tags.requestId === undefined ? {} : { request_id: tags.requestId })
    },
    stack: stack === undefined ? undefined : clean(withoutFolders(stack))
  }
}

/**
 * Takes errors that somebody has to look at.
 *
 * ```ts import.meta.vitest
 * import { Effect } from "effect"
 * import { InternalError } from "effect-resilience/errors"
 * import { ErrorTracker, TrackedErrors } from "effect-resilience/telemetry"
 *
 * const program = Effect.gen(function* () {
 *   const tracker = yield* ErrorTracker
 *   tracker.track(new InternalError({ message: "x is undefined" }), { requestId: "req_1" })
 *   return (yield* TrackedErrors).errors.map(({ message, tags }) => [message, tags.code, tags.request_id])
 * })
 *
 * Effect.runSync(program.pipe(Effect.provide(ErrorTracker.layerMemory)))
 * // => [["x is undefined", "internal_error", "req_1"]]
 * ```
 */
export class ErrorTracker extends Context.Service<
  ErrorTracker,
  {
    /** Takes an error if it is one to look at (`isTracked`). Never throws and never waits. */
    readonly track: (error: unknown, tags?: ErrorTags) => void
  }
>()("effect-resilience/telemetry/ErrorTracker") {
  /** Tells nobody. */
  static readonly layerNone: Layer.Layer<ErrorTracker> = Layer.succeed(ErrorTracker, { track: () => {} })

  /** Gives each error to `send`. If it throws, the error is lost. */
  static readonly layerSend = (send: (error: TrackedError) => void): Layer.Layer<ErrorTracker> =>
    Layer.effect(
      ErrorTracker,
      Effect.gen(function* () {
        const clean = { mask: (yield* Secrets).mask }
        const clock = yield* Clock.Clock
        return {
          track: (error, tags = {}) => {
            if (tags.uncaught !== true && !isTracked(error)) return
            quietly(() => send(tracked(error, tags, clock.currentTimeMillisUnsafe(), clean)))
          }
        }
      })
    )

  /** Writes each error to the log: event `error_tracked`, level `error`. */
  static readonly layerLog: Layer.Layer<ErrorTracker, never, EventLog> = Layer.unwrap(
    Effect.map(EventLog, (log) =>
      ErrorTracker.layerSend(({ fingerprint, message, name, place, stack, tags }) =>
        log.emit("error", "error_tracked", {
          request_id: tags.request_id,
          channel: tags.channel,
          model: tags.model,
          class: tags.class,
          code: tags.code,
          status_code: tags.status,
          error: `${name}: ${message}`,
          place,
          fingerprint: fingerprint.join(" "),
          stack
        })
      )
    )
  )

  /** Collects the errors, for tests. */
  static readonly layerMemory: Layer.Layer<ErrorTracker | TrackedErrors> = Layer.unwrap(
    Effect.sync(() => {
      const errors: Array<TrackedError> = []
      return Layer.merge(
        ErrorTracker.layerSend((error) => void errors.push(error)),
        Layer.succeed(TrackedErrors, { errors })
      )
    })
  )
}
