/**
 * What the `effect-resilience` command was asked for, and that it is done.
 */
import { Effect, Result } from "effect"
import process from "node:process"
import type { Command } from "./Command.ts"
import { parseCommand, usage } from "./Command.ts"
import type { Configuration } from "./Configuration.ts"
import { loadConfiguration } from "./Configuration.ts"
import { configurationJsonSchema } from "./ConfigurationJsonSchema.ts"
import { packageVersion } from "../server/PackageNode.ts"
import { printErr, printOut, runMain } from "./Process.ts"

const done = Effect.as(0)
const refused = Effect.as(2)

/** Only this command needs the server: the others start without it. */
const relay = (configuration: Configuration): Effect.Effect<number> =>
  Effect.flatMap(
    Effect.promise(() => import("./RunRelay.ts")),
    ({ runRelay }) => runRelay(configuration)
  )

/** Only this one asks anything. */
const init = (file: string): Effect.Effect<number> =>
  Effect.flatMap(
    Effect.promise(() => import("./InitNode.ts")),
    ({ init }) => init(file)
  )

/** Only this one asks upstreams without a server: 1 where something is wrong with a channel. */
const checkLive = (configuration: Configuration): Effect.Effect<number> =>
  Effect.gen(function* () {
    const { checkLive } = yield* Effect.promise(() => import("./CheckLive.ts"))
    const found = yield* checkLive(configuration)
    yield* printOut(found.flatMap(({ lines }) => lines).join("\n"))
    return found.every(({ ok }) => ok) ? 0 : 1
  })

/** Only this one opens the books without a server. */
const backUpBooks = (config: string | undefined, file: string): Effect.Effect<number> =>
  Effect.gen(function* () {
    const { backUpBooks, placeIn, usualPlace } = yield* Effect.promise(() => import("./BackupBooks.ts"))
    if (config === undefined) return yield* backUpBooks(usualPlace, file)
    return yield* loadConfiguration(config, process.env).pipe(
      Effect.matchEffect({
        onFailure: (faults) => refused(printErr(faults.message)),
        onSuccess: ({ settings }) => backUpBooks(placeIn(settings), file)
      })
    )
  })

/** Neither does this one. */
const rekeyBooks = (config: string, from: string | undefined): Effect.Effect<number> =>
  loadConfiguration(config, process.env).pipe(
    Effect.matchEffect({
      onFailure: (faults) => refused(printErr(faults.message)),
      onSuccess: (configuration) =>
        Effect.flatMap(
          Effect.promise(() => import("./RekeyBooks.ts")),
          ({ rekeyBooks }) => rekeyBooks(configuration, config, from, process.env)
        )
    })
  )

const run = (command: Command): Effect.Effect<number> => {
  switch (command._tag) {
    case "Help":
      return done(printOut(usage.trimEnd()))
    case "Version":
      return done(printOut(packageVersion()))
    case "Init":
      return init(command.file)
    case "Schema":
      return done(printOut(JSON.stringify(configurationJsonSchema(), null, 2)))
    case "BackUpBooks":
      return backUpBooks(command.config, command.file)
    case "RekeyBooks":
      return rekeyBooks(command.config, command.from)
    case "Check":
      return loadConfiguration(command.file, process.env).pipe(
        Effect.tap(printOut(`${command.file}: ok`)),
        Effect.matchEffect({
          onFailure: (faults) => refused(printErr(faults.message)),
          onSuccess: (configuration) => (command.live ? checkLive(configuration) : done(Effect.void))
        })
      )
    case "Doctor":
      return loadConfiguration(command.file, process.env).pipe(
        Effect.matchEffect({
          onFailure: (faults) => refused(printErr(faults.message)),
          onSuccess: (configuration) =>
            Effect.flatMap(
              Effect.promise(() => import("./Doctor.ts")),
              ({ doctor }) => doctor(configuration, command.requestId)
            )
        })
      )
    case "Relay":
      return loadConfiguration(command.file, process.env).pipe(
        Effect.matchEffect({
          onFailure: (faults) => refused(printErr(faults.message)),
          onSuccess: relay
        })
      )
  }
}

/** Does what the arguments of this process ask for. */
export const runCommand = (): void => {
  const command = parseCommand(process.argv.slice(2))
  runMain(
    Result.isSuccess(command)
      ? run(command.success)
      : refused(printErr(`effect-resilience: ${command.failure}\n\n${usage.trimEnd()}`))
  )
}
