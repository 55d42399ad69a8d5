/**
 * The relay as a command: started, shown, stopped by a signal.
 */
import { Context, Deferred, Effect, Layer } from "effect"
import { createServer } from "node:net"
import { Reload } from "../operate/index.ts"
import { packageVersion } from "../server/PackageNode.ts"
import { serve, type ServeError, type ServerOptions, ServerSection, storeLayer } from "../server/index.ts"
import { banner } from "./Banner.ts"
import { giveBackAtRest } from "./CollectorNode.ts"
import type { Configuration } from "./Configuration.ts"
import { type Hangup, hangup, keepSecrets, printErr, printOut, stopSignal, takeUncaught } from "./Process.ts"

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

/** How the configuration is read again: also by each SIGHUP, from when the relay can. */
const reloadLayer = (
  { source }: Configuration,
  { take }: Hangup
): typeof Reload.layerNone | ReturnType<typeof Reload.layer> =>
  source === undefined
    ? Reload.layerNone
    : Layer.tap(Reload.layer(source.file, source.read), (context) =>
        Effect.contextWith((services: Context.Context<never>) =>
          Effect.sync(() => {
            const fork = Effect.runForkWith(services)
            const { reload } = Context.get(context, Reload)
            // What is wrong stands in the log.
            take(() => void fork(Effect.ignore(reload("signal"))))
          })
        )
      )

/**
 * Serves, and where another relay has the store says so and waits for it. Its port is what a person looks for, and is not
 * free by waiting: that is told at once.
 */
const serveInTurn = Effect.fnUntraced(function* (configuration: Configuration, hangup: Hangup) {
  const { settings } = configuration
  const address = settings.of(ServerSection).current
  const fork = Effect.runForkWith(yield* Effect.context<never>())
  const taken = yield* Deferred.make<never, ServeError>()
  const onWait = (path: string): void => {
    const inUse = `the store at ${path} is in use by another process`
    const message = `port ${address.port} on ${address.host} is taken\n${inUse}`
    fork(
      Effect.flatMap(isTaken(address), (isTaken) =>
        isTaken ? Deferred.fail(taken, { _tag: "ListenFailed", message }) : printErr(`${inUse}: waiting for it`)
      )
    )
  }
  return yield* Effect.raceFirst(
    serve(settings, { store: storeLayer(onWait), reload: reloadLayer(configuration, hangup) }),
    Deferred.await(taken)
  )
})

/**
 * Runs a relay until SIGTERM or SIGINT stops it, and gives the exit code: 0 when it was stopped in time, or while it waited for its
 * store; 1 when it could not start (said on stderr), its grace ran out, another process has its store, or something was thrown that nobody caught. `notes` are printed after the banner.
 */
export const runRelay = (configuration: Configuration, notes: ReadonlyArray<string> = []): Effect.Effect<number> =>
  Effect.scoped(
    Effect.gen(function* () {
      yield* keepSecrets(configuration.settings.secrets)
      const signal = yield* stopSignal
      const hung = yield* hangup
      const server = yield* Effect.raceFirst(serveInTurn(configuration, hung), Effect.as(signal, undefined))
      if (server === undefined) return 0
      yield* printOut(
        [
          banner(configuration, { version: packageVersion(), address: server.address, routes: server.routes }),
          ...notes
        ].join("\n")
      )
      yield* giveBackAtRest()
      const thrown = yield* Deferred.make<void>()
      yield* takeUncaught(({ _tag, error }) => {
        server.track(error, { uncaught: true })
        if (_tag === "Exception") Deferred.doneUnsafe(thrown, Effect.void)
      })
      const stopped = yield* Effect.raceAllFirst([
        Effect.as(signal, "signal" as const),
        Effect.as(server.lost, "lost" as const),
        Effect.as(Deferred.await(thrown), "thrown" as const)
      ])
      if (stopped === "thrown") return yield* Effect.as(server.shutdown, 1)
      if (stopped === "lost") {
        // What its clients are told of it is written first.
        yield* Effect.sleep("100 millis")
        return 1
      }
      return (yield* server.shutdown) === "clean" ? 0 : 1
    })
  ).pipe(
    Effect.catch((error) =>
      reasons(error, configuration.settings.of(ServerSection).current).pipe(Effect.andThen(printErr), Effect.as(1))
    )
  )
