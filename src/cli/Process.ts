/**
 * The process of a command: its signals, its output, its end.
 */
import { Effect, Exit, type Scope } from "effect"
import process from "node:process"
import { makeSecrets, redactText } from "../errors/index.ts"
import type { Cell } from "../settings/index.ts"
import * as EventLogNode from "../telemetry/EventLogNode.ts"
import { type EventLevel, lineOf } from "../telemetry/index.ts"
import { makeAllYoung } from "./CollectorNode.ts"

/** Writes lines to stdout. */
export const printOut = (text: string): Effect.Effect<void> => Effect.sync(() => void process.stdout.write(`${text}\n`))

/** Writes lines to stderr. */
export const printErr = (text: string): Effect.Effect<void> => Effect.sync(() => void process.stderr.write(`${text}\n`))

/**
 * Milliseconds in which the same signal again is the first one: a terminal's Ctrl-C reaches the process twice where npm
 * passes it on.
 */
const sameSignal = 50

/**
 * Listens for SIGTERM and SIGINT as long as the scope is open, and gives an effect that waits for the first. A second
 * one ends the process at once, with exit code 1.
 */
export const stopSignal: Effect.Effect<Effect.Effect<void>, never, Scope.Scope> = Effect.gen(function* () {
  let first: { readonly signal: NodeJS.Signals; readonly at: number } | undefined
  const waiting = new Set<() => void>()
  const onSignal = (signal: NodeJS.Signals): void => {
    const at = performance.now()
    if (first !== undefined) {
      if (signal === first.signal && at - first.at < sameSignal) return
      process.exit(1)
    }
    first = { signal, at }
    for (const resume of waiting) resume()
  }
  yield* Effect.acquireRelease(
    Effect.sync(() => void process.on("SIGTERM", onSignal).on("SIGINT", onSignal)),
    () => Effect.sync(() => void process.off("SIGTERM", onSignal).off("SIGINT", onSignal))
  )
  return Effect.callback<void>((resume) => {
    const go = (): void => resume(Effect.void)
    if (first !== undefined) return go()
    waiting.add(go)
    return Effect.sync(() => void waiting.delete(go))
  })
})

/** What is done about a SIGHUP now. */
export interface Hangup {
  /** From now on this is done about each. */
  readonly take: (handler: () => void) => void
}

/**
 * Takes SIGHUP as long as the scope is open: whoever sends it wants the configuration read again, and not the relay dead.
 * While nobody has taken it, as the relay is not there yet, each is told to have come to nothing.
 */
export const hangup: Effect.Effect<Hangup, never, Scope.Scope> = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => {
      let handler = (): void =>
        logLine("warning", "reload_failed", {
          by: "signal",
          error: "the relay has not started: send it again when it has"
        })
      const onHangup = (): void => handler()
      process.on("SIGHUP", onHangup)
      return {
        onHangup,
        take: (next: () => void): void => {
          handler = next
        }
      }
    }),
    ({ onHangup }) => Effect.sync(() => void process.off("SIGHUP", onHangup))
  ),
  ({ take }) => ({ take })
)

const logLine = (level: EventLevel, event: string, fields: { readonly [name: string]: unknown }): void => {
  // What happened before stands before.
  EventLogNode.flush()
  process.stderr.write(`${lineOf({ timestamp: new Date().toISOString(), level, event, fields })}\n`)
}

/** What is secret to this process: where it crashes, no Layer is left that knows it. */
const secrets = makeSecrets()

/** Tells the process what is secret: the line that it prints when it crashes holds none of it. */
export const keepSecret = (values: Iterable<string>): Effect.Effect<void> => Effect.sync(() => secrets.know(values))

/** The same, as it changes, for as long as the scope is open. */
export const keepSecrets = (values: Cell<ReadonlySet<string>>): Effect.Effect<void, never, Scope.Scope> =>
  Effect.andThen(
    Effect.suspend(() => keepSecret(values.current)),
    Effect.asVoid(
      Effect.acquireRelease(
        Effect.sync(() => values.subscribe((now) => secrets.know(now))),
        (unsubscribe) => Effect.sync(unsubscribe)
      )
    )
  )

const logUncaught = (level: EventLevel, event: string, error: unknown): void => {
  const text = error instanceof Error ? (error.stack ?? String(error)) : String(error)
  logLine(level, event, { class: "defect", code: "internal_error", error: redactText(secrets.mask(text)) })
}

/** What nobody caught. */
export type Uncaught =
  /** A promise was rejected: something was not done, and all else goes on. */
  | { readonly _tag: "Rejection"; readonly error: unknown }
  /** Something was thrown out of a callback: what it was about is in an unknown state. */
  | { readonly _tag: "Exception"; readonly error: unknown }

/** Who takes what nobody caught, while somebody does: else the process ends at once. */
let taker: ((uncaught: Uncaught) => void) | undefined

/**
 * Takes what nobody caught, as long as the scope is open. A rejection is a log line (`relay_error`), and the process lives
 * on; of an exception (`relay_crashed`) the first is left to `take` to end in order, a second ends the process at once.
 */
export const takeUncaught = (take: (uncaught: Uncaught) => void): Effect.Effect<void, never, Scope.Scope> =>
  Effect.asVoid(
    Effect.acquireRelease(
      Effect.sync(() => {
        let thrown = false
        taker = (uncaught) => {
          switch (uncaught._tag) {
            case "Rejection":
              logUncaught("error", "relay_error", uncaught.error)
              break
            case "Exception":
              logUncaught("fatal", "relay_crashed", uncaught.error)
              if (thrown) process.exit(1)
              thrown = true
          }
          take(uncaught)
        }
      }),
      () =>
        Effect.sync(() => {
          taker = undefined
        })
    )
  )

/**
 * What Node warns of, as a line like all others. That it finds a module of its own experimental (SQLite, on Node 22) is
 * known, and nothing that an operator could do anything about.
 */
const logWarning = (warning: Error): void => {
  if (warning.name === "ExperimentalWarning") return
  logLine("warning", "relay_log", { error: redactText(secrets.mask(`${warning.name}: ${warning.message}`)) })
}

/**
 * Runs a command to its end: the process exits with the code that it gives, and with 1 and one log line when something
 * was thrown that nobody caught. A reader of stdout or stderr that goes away ends nothing. What Node itself would write to
 * stderr is a log line too. V8's allocation-site pretenuring is switched off for the whole process.
 */
export const runMain = (command: Effect.Effect<number>): void => {
  makeAllYoung()
  const ignore = (): void => {}
  process.stdout.on("error", ignore)
  process.stderr.on("error", ignore)
  const crash = (error: unknown): void => {
    logUncaught("fatal", "relay_crashed", error)
    process.exit(1)
  }
  process.removeAllListeners("warning").on("warning", logWarning)
  const uncaught = (one: Uncaught): void => (taker === undefined ? crash(one.error) : taker(one))
  process.on("uncaughtException", (error) => uncaught({ _tag: "Exception", error }))
  process.on("unhandledRejection", (error) => uncaught({ _tag: "Rejection", error }))
  Effect.runCallback(command, {
    onExit: (exit) => (Exit.isSuccess(exit) ? process.exit(exit.value) : crash(exit.cause))
  })
}
