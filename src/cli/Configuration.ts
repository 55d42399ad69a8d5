/**
 * The configuration of the relay: from a file, or from a plain object, to `RelayOptions`. Nothing is accepted and
 * ignored; every fault is reported with its path, all at once.
 */
import { Effect, Result, Schema } from "effect"
import type { RelayOptions } from "../relay/index.ts"
import { readConfigurationFile } from "./ConfigurationFile.ts"
import { ruleFaults } from "./ConfigurationRules.ts"
import type { DecodedConfiguration } from "./ConfigurationSchema.ts"
import { ConfigurationSchema } from "./ConfigurationSchema.ts"
import type { ConfigurationTree, Environment } from "./Environment.ts"
import { fillIn } from "./Environment.ts"
import type { Fault, Path } from "./FaultReport.ts"
import { ConfigurationFaults, describeValue, isWithin, valueAt } from "./FaultReport.ts"
import { faultsOf } from "./SchemaFaults.ts"
import { statusMatcher } from "./StatusRanges.ts"

const decode = Schema.decodeUnknownResult(ConfigurationSchema, { errors: "all", onExcessProperty: "error" })

/** The file of a store of type sqlite when none is named. */
const defaultStorePath = ".relay/relay.db"

/** `PORT`, which overrides `server.port`: unset and empty are none. */
const portOf = (environment: Environment): Result.Result<number | undefined, Fault> => {
  const value = environment["PORT"]
  if (value === undefined || value === "") return Result.succeed(undefined)
  return /^\d{1,5}$/.test(value) && Number(value) <= 65_535
    ? Result.succeed(Number(value))
    : Result.fail({ path: ["PORT"], message: `expected an integer from 0 to 65535, got ${describeValue(value)}` })
}

/** Two delays in order: where only one was written, the default of the other follows it. */
const ordered = (low: number, high: number, highWritten: boolean): readonly [low: number, high: number] =>
  low <= high ? [low, high] : highWritten ? [high, high] : [low, low]

const toOptions = (decoded: DecodedConfiguration, tree: ConfigurationTree, port: number | undefined): RelayOptions => {
  const isWritten = (path: Path): boolean => valueAt(tree.value, path) !== undefined
  const { breaker, retry } = decoded
  const [base, retryCap] = ordered(retry.base, retry.cap, isWritten(["retry", "cap"]))
  const [open, breakerCap] = ordered(breaker.open, breaker.cap, isWritten(["breaker", "cap"]))
  return {
    ...decoded,
    server: { ...decoded.server, port: port ?? decoded.server.port },
    store:
      decoded.store.type === "memory"
        ? { type: "memory" }
        : { type: "sqlite", path: decoded.store.path ?? defaultStorePath },
    retry: { ...retry, base, cap: retryCap, statuses: statusMatcher(retry.statuses) },
    breaker: { ...breaker, open, cap: breakerCap },
    channels: decoded.channels.map((channel, index) => ({
      ...channel,
      modelMapping: tree.keysAt(["channels", index, "modelMapping"]).flatMap((pattern) => {
        const model = channel.modelMapping[pattern]
        return model === undefined ? [] : [[pattern, model] as const]
      })
    }))
  }
}

/** A configuration that was accepted. */
export interface Configuration {
  readonly options: RelayOptions
  /** Values that came from the environment: nothing shows them. */
  readonly secrets: ReadonlySet<string>
}

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
  if (input === null || input === undefined) {
    return Result.fail(
      ConfigurationFaults.of(name, [
        ...parseFaults,
        { path: [], message: "expected an object, got nothing: it is empty" }
      ])
    )
  }
  const tree = fillIn(input, environment)
  const decoded = decode(tree.value)
  const port = portOf(environment)
  const unfilled: ReadonlyArray<Path> = tree.faults.map(({ path }) => path)
  const faults = [
    ...(Result.isFailure(decoded) ? faultsOf(decoded.failure.issue, tree) : []),
    ...ruleFaults(tree)
  ].filter(({ path }) => !unfilled.some((place) => isWithin(path, place)))
  const all = [...parseFaults, ...tree.faults, ...faults, ...(Result.isFailure(port) ? [port.failure] : [])]
  return Result.isFailure(decoded) || Result.isFailure(port) || all.length > 0
    ? Result.fail(ConfigurationFaults.of(name, all))
    : Result.succeed({ options: toOptions(decoded.success, tree, port.success), secrets: tree.secrets })
}

/** Reads, checks and decodes a configuration file. */
export const loadConfiguration = (
  file: string,
  environment: Environment
): Effect.Effect<Configuration, ConfigurationFaults> =>
  Effect.flatMap(readConfigurationFile(file), ({ value, faults }) =>
    Effect.fromResult(decodeConfiguration(value, environment, file, faults))
  )
