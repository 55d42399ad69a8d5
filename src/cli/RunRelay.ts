/**
 * The relay as a command: started, shown, stopped by a signal.
 */
import { Effect } from "effect"
import { serve } from "../server/index.ts"
import { banner } from "./Banner.ts"
import type { Configuration } from "./Configuration.ts"
import { packageVersion, printErr, printOut, stopSignal } from "./Process.ts"

/**
 * Runs a relay until a signal stops it, and gives the exit code: 0 when it was stopped in time, 1 when it could not
 * start (said on stderr) or its grace ran out. `notes` are printed after the banner.
 */
export const runRelay = (configuration: Configuration, notes: ReadonlyArray<string> = []): Effect.Effect<number> =>
  Effect.scoped(
    Effect.gen(function* () {
      const signal = yield* stopSignal
      const server = yield* serve(configuration.options)
      yield* printOut(
        [banner(configuration, { version: packageVersion(), address: server.address }), ...notes].join("\n")
      )
      yield* signal
      return (yield* server.shutdown) === "clean" ? 0 : 1
    })
  ).pipe(Effect.catch((error) => Effect.as(printErr(error.message), 1)))
