/**
 * How much a request matters when not all can be served: the four criticalities of Google's SRE book (chapter 21). It
 * travels with the program, so that what a request calls is as important as the request.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"

/** From what goes first to what stays. */
export const priorities = ["sheddable", "sheddablePlus", "critical", "criticalPlus"] as const

/** How much a request matters. */
export type Priority = (typeof priorities)[number]

/**
 * How far a priority may fill a queue: one that is a quarter full takes nothing sheddable any more, and one that is
 * full still has room, by half of its size, for what matters most.
 */
export const shares = {
  sheddable: 0.25,
  sheddablePlus: 0.5,
  critical: 1,
  criticalPlus: 1.5
} as const satisfies { readonly [P in Priority]: number }

/** The priority of the running program. Default: `critical`. */
export const Current = /*#__PURE__*/ Context.Reference<Priority>("effect-resilience/policy/Priority/Current", {
  defaultValue: () => "critical"
})

/** Runs an effect at a priority. */
export const at: {
  /**
   * Runs an effect at a priority.
   *
   * In a pipe.
   */
  (priority: Priority): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /**
   * Runs an effect at a priority.
   *
   * As a call.
   */
  <A, E, R>(self: Effect.Effect<A, E, R>, priority: Priority): Effect.Effect<A, E, R>
} = /*#__PURE__*/ dual(2, <A, E, R>(self: Effect.Effect<A, E, R>, priority: Priority) =>
  Effect.provideService(self, Current, priority)
)
