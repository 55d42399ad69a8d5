/**
 * The relay as a command: started, shown, stopped by a signal.
 */
import { Effect } from "effect"
import { createServer } from "node:net"
import { serve, type ServeError, type ServerOptions, ServerSection } from "../server/index.ts"
import { banner } from "./Banner.ts"
import type { Configuration } from "./Configuration.ts"
import { packageVersion, printErr, printOut, stopSignal } from "./Process.ts"

const isTaken = ({ host, port }: ServerOptions): Effect.Effect<boolean> =>
  Effect.callback((resume) => {
    const probe = createServer()
    probe.once("error", (error: NodeJS.ErrnoException) => resume(Effect.succeed(error.code === "EADDRINUSE")))
    probe.listen(port, host, () => probe.close(() => resume(Effect.succeed(false))))
  })

/**
 * Why a relay did not start, by line. A store in use is most often a relay that runs already: then its port is what a
 * person looks for, so that is said too.
 */
const reasons = (error: ServeError, server: ServerOptions): Effect.Effect<string> =>
  error._tag === "ListenFailed"
    ? Effect.succeed(error.message)
    : Effect.map(isTaken(server), (taken) =>
        taken ? `port ${server.port} on ${server.host} is taken\n${error.message}` : error.message
      )

/**
 * Runs a relay until a signal stops it, and gives the exit code: 0 when it was stopped in time, 1 when it could not
 * start (said on stderr) or its grace ran out. `notes` are printed after the banner.
 */
export const runRelay = (configuration: Configuration, notes: ReadonlyArray<string> = []): Effect.Effect<number> =>
  Effect.scoped(
    Effect.gen(function* () {
      const signal = yield* stopSignal
      const server = yield* serve(configuration.settings)
      yield* printOut(
        [
          banner(configuration, { version: packageVersion(), address: server.address, routes: server.routes }),
          ...notes
        ].join("\n")
      )
      yield* signal
      return (yield* server.shutdown) === "clean" ? 0 : 1
    })
  ).pipe(
    Effect.catch((error) =>
      reasons(error, configuration.settings.of(ServerSection).current).pipe(Effect.andThen(printErr), Effect.as(1))
    )
  )
