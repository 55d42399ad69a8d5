/**
 * Imports the telemetry where nothing that Effect calls unstable can be loaded, and says what it got.
 */
import { registerHooks } from "node:module"

registerHooks({
  resolve: (specifier, context, next) => {
    if (/^effect\/(http|observability|sql|cli|rpc|persistence)/.test(specifier))
      throw new Error(`not here: ${specifier}`)
    return next(specifier, context)
  }
})

const { EventLog, Metrics } = await import("effect-resilience/telemetry")
console.log(typeof EventLog.layerLines, typeof Metrics.layer)
