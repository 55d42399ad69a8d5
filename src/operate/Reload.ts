/**
 * Reads the configuration again while the relay runs: all of it counts from then on, or nothing has changed and every fault
 * is told. Answers under way keep what they began with; what was changed by hand wins over the file.
 */
import { Context, Effect, Layer, Semaphore } from "effect"
import { Conflict, stackless } from "../errors/index.ts"
import { ConfigurationFaults, type ConfigurationTree, Settings } from "../settings/index.ts"
import { EventLog } from "../telemetry/index.ts"

/** Who wants it: a signal (SIGHUP), or an admin. */
export type ReloadedBy = "signal" | "admin"

/**
 * Reads the configuration again: a part of a relay. The command reads its file; a program gives what its settings are made of.
 *
 * ```ts import.meta.vitest
 * import { Effect, Layer, Result } from "effect"
 * import { EventLog } from "effect-resilience/telemetry"
 * import { Reload, TimeoutsSection } from "effect-resilience/relay"
 * import { fillIn, Settings, settingsFile } from "effect-resilience/settings"
 *
 * const settings = Result.getOrThrow(Settings.make(settingsFile({ sections: [TimeoutsSection] }), {}))
 * let written = { timeouts: { idle: "5 seconds" } }
 * const reload = Reload.layer("program", Effect.sync(() => fillIn(written, {}))).pipe(
 *   Layer.provide(Layer.merge(EventLog.layerSilent, Layer.succeed(Settings, settings)))
 * )
 * const again = Effect.provide(Reload.use(({ reload }) => reload("admin")), reload)
 * Effect.runSync(again)
 * settings.of(TimeoutsSection).current.idle // => 5000
 * written = { timeouts: { idle: "soon" } }
 * Effect.runSync(Effect.flip(again)).message
 * // => "program: timeouts.idle: expected a duration above zero such as \"5 seconds\" (at most 24 days), got \"soon\""
 * settings.of(TimeoutsSection).current.idle // => 5000
 * ```
 */
export class Reload extends Context.Service<
  Reload,
  {
    /** `Conflict`: the relay was started by a program, and there is no file. One at a time. */
    readonly reload: (by: ReloadedBy) => Effect.Effect<void, ConfigurationFaults | Conflict>
  }
>()("effect-resilience/operate/Reload") {
  /** Of what `read` gives each time; `file` is what its faults call it. What comes of it stands in the log. */
  static readonly layer = (
    file: string,
    read: Effect.Effect<ConfigurationTree, ConfigurationFaults>
  ): Layer.Layer<Reload, never, EventLog | Settings> =>
    Layer.effect(
      Reload,
      Effect.gen(function* () {
        const settings = yield* Settings
        const log = yield* EventLog
        const turn = yield* Semaphore.make(1)
        return {
          reload: (by) =>
            Effect.flatMap(read, settings.reload).pipe(
              Effect.mapError(({ faults }) => ConfigurationFaults.of(file, faults)),
              Effect.tap(() => Effect.sync(() => log.emit("info", "reloaded", { by }))),
              Effect.tapError(({ lines }) =>
                Effect.sync(() => log.emit("error", "reload_failed", { by, error: lines.join("\n") }))
              ),
              turn.withPermit
            )
        }
      })
    )

  /** Of a relay that a program has started: there is no file to read. */
  static readonly layerNone: Layer.Layer<Reload> = Layer.succeed(Reload, {
    reload: () =>
      Effect.fail(
        stackless(
          () => new Conflict({ message: "the relay was not started from a file: there is nothing to read again" })
        )
      )
  })
}
