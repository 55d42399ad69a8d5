/**
 * Which of the relay's events are alerts. (That a key was switched is told with the row of its switch: `Switches`.)
 */
import { Effect, Layer } from "effect"
import { Quota } from "../account/index.ts"
import { type RelayEvent, RelayEvents, sinkOf } from "../relay/index.ts"
import type { Happening } from "./Alert.ts"
import { Alerts } from "./Alerts.ts"

/** What an event is to an operator; `undefined`: nothing. */
export const happeningOf = (event: RelayEvent): Happening | undefined => {
  switch (event._tag) {
    case "ChannelChanged": {
      const { channel, elsewhere, evidence, from, reason, to, until } = event
      if (elsewhere === true) return undefined
      if (to === "disabled") return { event: "channel_disabled", channel, reason, evidence, until }
      return from === "disabled" ? { event: "channel_enabled", channel } : undefined
    }
    case "CircuitChanged": {
      const { channel, key, model, to } = event
      return { event: to === "open" ? "circuit_opened" : "circuit_closed", channel, key, model }
    }
    default:
      return undefined
  }
}

/** Tells alerts of the relay's events, in their order, for as long as the Layer lives. */
export const layer: Layer.Layer<never, never, Alerts | RelayEvents> = RelayEvents.layerSink(
  "alerts",
  Effect.map(Alerts, ({ hear }) =>
    sinkOf((event) => {
      const happening = happeningOf(event)
      if (happening !== undefined) hear(happening)
    })
  )
)

/**
 * Tells that a token has little left, for as long as the Layer lives. The alert is written by the transaction that finds it:
 * who is killed in between has told nobody, and finds it again.
 */
export const layerQuota: Layer.Layer<never, never, Alerts | Quota> = Layer.effectDiscard(
  Effect.gen(function* () {
    const alerts = yield* Alerts
    const quota = yield* Quota
    yield* quota.onLow(({ balance, grant, token }) =>
      alerts.within({ event: "quota_low", token, reason: `${balance} left of ${grant}` })
    )
  })
)
