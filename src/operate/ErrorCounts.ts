/**
 * How many errors clients were told since this process began, by code, status and class.
 */
import { Clock, Context, Effect, Layer } from "effect"
import { describe, type ResilienceError } from "../errors/index.ts"
import { RelayEvents, sinkOf } from "../relay/index.ts"

/** The counts. Names are few: codes and classes are closed lists. */
export interface ErrorsCounted {
  readonly total: number
  readonly byCode: { readonly [code: string]: number }
  readonly byStatus: { readonly [status: string]: number }
  readonly byClass: { readonly [blame: string]: number }
  /** Since when, epoch milliseconds. */
  readonly since: number
}

/** Counts the errors that clients are told: of answers that ended badly, and of requests that were refused. */
export class ErrorCounts extends Context.Service<ErrorCounts, { readonly current: () => ErrorsCounted }>()(
  "effect-resilience/operate/ErrorCounts"
) {
  /** Counted from the relay's events. */
  static readonly layer: Layer.Layer<ErrorCounts, never, RelayEvents> = Layer.effect(
    ErrorCounts,
    Effect.gen(function* () {
      const since = yield* Clock.currentTimeMillis
      const events = yield* RelayEvents
      const codes = new Map<string, number>()
      const statuses = new Map<string, number>()
      const classes = new Map<string, number>()
      let total = 0
      const add = (counts: Map<string, number>, name: string): void =>
        void counts.set(name, (counts.get(name) ?? 0) + 1)
      const count = (error: ResilienceError | undefined): void => {
        if (error === undefined) return
        const { blame, code, status } = describe(error)
        total++
        add(codes, code)
        add(statuses, String(status))
        add(classes, blame)
      }
      yield* Effect.acquireRelease(
        Effect.sync(() =>
          events.add("error counts", {
            ...sinkOf(() => {}),
            StreamEnded: ({ error }) => count(error),
            StreamAbandoned: ({ error }) => count(error),
            RequestRefused: ({ error }) => count(error),
            RelayErred: ({ error }) => count(error)
          })
        ),
        (remove) => Effect.sync(remove)
      )
      return {
        current: () => ({
          total,
          byCode: Object.fromEntries(codes),
          byStatus: Object.fromEntries(statuses),
          byClass: Object.fromEntries(classes),
          since
        })
      }
    })
  )
}
