/**
 * The configuration of the relay: from a file, or from a plain object, to its `Settings`. Nothing is accepted and
 * ignored; every fault is reported with its path, all at once.
 */
import { Effect, Result } from "effect"
import {
  ConfigurationFaults,
  type ConfigurationTree,
  describeValue,
  type Environment,
  type Fault,
  fillIn,
  Settings,
  type SettingsService,
  withValue
} from "../settings/index.ts"
import { readConfigurationFile } from "./ConfigurationFile.ts"
import { relayFile } from "./RelayFile.ts"

/** `PORT`, which overrides `server.port`: unset and empty are none. */
const portOf = (environment: Environment): Result.Result<number | undefined, Fault> => {
  const value = environment["PORT"]
  if (value === undefined || value === "") return Result.succeed(undefined)
  return /^\d{1,5}$/.test(value) && Number(value) <= 65_535
    ? Result.succeed(Number(value))
    : Result.fail({ path: ["PORT"], message: `expected an integer from 0 to 65535, got ${describeValue(value)}` })
}

/** A configuration that was accepted. */
export interface Configuration {
  readonly settings: SettingsService
  /** Values that came from the environment: nothing shows them. */
  readonly secrets: ReadonlySet<string>
}

/** The tree with the port of the environment in it: only once all is right, for what was written is checked too. */
const withPort = (tree: ConfigurationTree, port: number | undefined): ConfigurationTree =>
  port === undefined ? tree : { ...tree, value: withValue(tree.value, ["server", "port"], port) }

/**
 * Decodes a configuration that was parsed already. `name` is what its faults call it; `parseFaults` are reported with
 * the others. Objects may be `Map`s, which keep the order of keys such as `"4"`.
 */
export const decodeConfiguration = (
  input: unknown,
  environment: Environment,
  name: string,
  parseFaults: ReadonlyArray<Fault> = []
): Result.Result<Configuration, ConfigurationFaults> => {
  const refuse = (faults: ReadonlyArray<Fault>) => Result.fail(ConfigurationFaults.of(name, faults))
  if (input === null || input === undefined) {
    return refuse([...parseFaults, { path: [], message: "expected an object, got nothing: it is empty" }])
  }
  const tree = fillIn(input, environment)
  const port = portOf(environment)
  const checked = relayFile.decode(tree)
  const faults = [
    ...parseFaults,
    ...(Result.isFailure(checked) ? checked.failure : []),
    ...(Result.isFailure(port) ? [port.failure] : [])
  ]
  if (faults.length > 0 || Result.isFailure(port)) return refuse(faults)
  const settings = Settings.make(relayFile, withPort(tree, port.success))
  return Result.isFailure(settings)
    ? refuse(settings.failure)
    : Result.succeed({ settings: settings.success, secrets: tree.secrets })
}

/** Reads, checks and decodes a configuration file. */
export const loadConfiguration = (
  file: string,
  environment: Environment
): Effect.Effect<Configuration, ConfigurationFaults> =>
  Effect.flatMap(readConfigurationFile(file), ({ value, faults }) =>
    Effect.fromResult(decodeConfiguration(value, environment, file, faults))
  )
