/**
 * A relay in this process, over real sockets, with the configuration that a file would give.
 */
import { Effect, Exit, Metric, Result, Scope } from "effect"
import { decodeConfiguration } from "#src/cli/index"
import { type AddedDialects, Dialects } from "#src/dialect/index"
import { type RelayParts, type RouteShown, serve } from "#src/server/index"
import type { Environment, SettingsService } from "#src/settings/index"

/** A relay that runs. */
export interface RunningRelay {
  readonly url: string
  readonly port: number
  readonly routes: ReadonlyArray<RouteShown>
  readonly settings: SettingsService
  readonly shutdown: () => Promise<"clean" | "graceExpired">
  readonly close: () => Promise<void>
}

/** One channel of a test's configuration. */
export const channelOf = (id: string, baseUrl: string, more: object = {}) => ({
  id,
  dialect: "openai",
  baseUrl,
  keys: ["key-of-" + id],
  models: ["m", "gpt-*"],
  ...more
})

/**
 * Starts a relay on a free port; memory store and short clocks unless told otherwise. `parts` go in the place of ours,
 * `environment` is what `${}` is filled in from, `dialects` are more than those that are built in.
 */
export const startRelay = async (
  configuration: { readonly channels: ReadonlyArray<object>; readonly [section: string]: unknown },
  parts: Partial<RelayParts<never>> = {},
  environment: Environment = {},
  dialects: AddedDialects = {}
): Promise<RunningRelay> => {
  const scope = Effect.runSync(Scope.make())
  const { server, ...rest } = configuration
  const decoded = decodeConfiguration(
    {
      server: { port: 0, shutdownGrace: "2 seconds", ...(server as object | undefined) },
      store: { type: "memory" },
      timeouts: { headers: "400 millis", firstContent: "400 millis", idle: "400 millis", total: "10 seconds" },
      retry: { base: "20 millis", cap: "100 millis" },
      ...rest
    },
    environment,
    "test",
    { dialects: Dialects.make(dialects) }
  )
  if (Result.isFailure(decoded)) throw decoded.failure
  const { settings } = decoded.success
  const running = await Effect.runPromise(
    serve(settings, parts).pipe(
      Effect.provideService(Scope.Scope, scope),
      Effect.provide(Dialects.layer(dialects)),
      // A process has one registry of metrics; each relay of a test has its own.
      Effect.provideService(Metric.MetricRegistry, new Map())
    )
  )
  const { port } = running.address
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    routes: running.routes,
    settings,
    shutdown: () => Effect.runPromise(running.shutdown),
    close: () => Effect.runPromise(Scope.close(scope, Exit.void))
  }
}
