/**
 * A token that has little left is an alert.
 */
import { Effect, Layer, Queue } from "effect"
import { Quota, type QuotaLow } from "../account/index.ts"
import { Alerts } from "./Alerts.ts"

/** Tells it, for as long as the Layer lives. */
export const layer: Layer.Layer<never, never, Alerts | Quota> = Layer.effectDiscard(
  Effect.gen(function* () {
    const alerts = yield* Alerts
    const quota = yield* Quota
    const low = yield* Queue.unbounded<QuotaLow>()
    yield* quota.onLow((one) => void Queue.offerUnsafe(low, one))
    const tell = ({ balance, grant, token }: QuotaLow): Effect.Effect<void> =>
      alerts.tell({ event: "quota_low", token, reason: `${balance} credits are left of the last grant of ${grant}` })
    yield* Effect.forkScoped(Effect.forever(Effect.flatMap(Queue.take(low), tell)))
  })
)
