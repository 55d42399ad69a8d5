/**
 * The configuration of the relay: from a file, or from a plain object, to its `Settings`. Nothing is accepted and
 * ignored; every fault is reported with its path, all at once.
 */
import { Effect, Result } from "effect"
import { dirname } from "node:path"
import { isProxyUrl, proxyExpected } from "../channel/ChannelSection.ts"
import { Dialects, type DialectsService, upstreamDialectNames } from "../dialect/index.ts"
import {
  ConfigurationFaults,
  type ConfigurationTree,
  describeValue,
  type Edited,
  Edits,
  type Environment,
  type Fault,
  fillIn,
  type Path,
  type NamedFiles,
  Settings,
  type SettingsFile,
  type SettingsService,
  valueAt,
  withValue
} from "../settings/index.ts"
import { readConfigurationFile } from "./ConfigurationFile.ts"
import { sentryPackage, TrackerSection } from "../operate/TrackerSection.ts"
import { proxyOfEnvironment } from "./ProxyEnvironment.ts"
import { makeNamedFiles, wordsIn } from "./NamedFiles.ts"
import { relayFileOf } from "./RelayFile.ts"
import { readPem, tlsFaults, type TlsTexts } from "./TlsFiles.ts"

/** `PORT`, which overrides `server.port`: unset and empty are none. */
const portOf = (environment: Environment): Result.Result<number | undefined, Fault> => {
  const value = environment["PORT"]
  if (value === undefined || value === "") return Result.succeed(undefined)
  return /^\d{1,5}$/.test(value) && Number(value) <= 65_535
    ? Result.succeed(Number(value))
    : Result.fail({ path: ["PORT"], message: `expected an integer from 0 to 65535, got ${describeValue(value)}` })
}

/** A tree with more in it that nobody may see. */
const withSecret = (tree: ConfigurationTree, path: Path, value: string): ConfigurationTree => ({
  ...tree,
  value: withValue(tree.value, path, value),
  secretPaths: [...tree.secretPaths, path]
})

const withFaults = (tree: ConfigurationTree, faults: ReadonlyArray<Fault>): ConfigurationTree => ({
  ...tree,
  faults: [...tree.faults, ...faults]
})

const channelsOf = ({ value }: ConfigurationTree): ReadonlyArray<Path> => {
  const channels = valueAt(value, ["channels"])
  return Array.isArray(channels) ? channels.map((_, index) => ["channels", index]) : []
}

/** The tree with the proxy of the environment in each channel that has none of its own. */
const withProxies = (tree: ConfigurationTree, environment: Environment): ConfigurationTree =>
  channelsOf(tree).reduce((tree, channel) => {
    const path = [...channel, "proxy"]
    const url = valueAt(tree.value, [...channel, "baseUrl"])
    if ((valueAt(tree.value, path) ?? null) !== null || typeof url !== "string" || !URL.canParse(url)) return tree
    const found = proxyOfEnvironment(environment, new URL(url))
    if (found === undefined) return tree
    return isProxyUrl(found.value)
      ? withSecret(tree, path, found.value)
      : withFaults(tree, [{ path: [found.name], message: `expected ${proxyExpected}, got <redacted>` }])
  }, tree)

const tlsParts = ["ca", "cert", "key"] as const

/** The tree with the texts of the files that are named under `tls`. */
const withTlsFiles = (tree: ConfigurationTree, folder: string, files: NamedFiles): ConfigurationTree =>
  channelsOf(tree).reduce((tree, channel) => {
    let texts: TlsTexts = {}
    const faults: Array<Fault> = []
    let read = tree
    for (const part of tlsParts) {
      const path = [...channel, "tls", part]
      const written = valueAt(tree.value, path)
      if (typeof written !== "string" || written === "") continue
      const pem = readPem(written, folder, files)
      if (Result.isFailure(pem)) faults.push({ path, message: pem.failure })
      else {
        texts = { ...texts, [part]: pem.success }
        read = withSecret(read, path, pem.success)
      }
    }
    faults.push(...tlsFaults(texts).map(([part, message]) => ({ path: [...channel, "tls", part], message })))
    return withFaults(read, faults)
  }, tree)

const words: Path = ["sensitiveWords", "words"]
const wordFile: Path = ["sensitiveWords", "file"]

/** The tree with the words of the file that is named under `sensitiveWords`, behind those that were written. */
const withWordFile = (tree: ConfigurationTree, files: NamedFiles, got: (path: Path) => string): ConfigurationTree => {
  const written = valueAt(tree.value, words) ?? []
  const path = valueAt(tree.value, wordFile)
  // What is neither a list nor a path is told as it was written.
  if (!Array.isArray(written) || typeof path !== "string" || path.trim() === "") return tree
  return Result.match(files.read(path), {
    onFailure: (error) => {
      const why = error instanceof Error && "code" in error ? String(error.code) : "unreadable"
      const message = `expected a file of words that can be read (${why}), ${got(wordFile)}`
      return withFaults(tree, [{ path: wordFile, message }])
    },
    onSuccess: (text) => ({ ...tree, value: withValue(tree.value, words, [...written, ...wordsIn(text)]) })
  })
}

/** A configuration that was accepted. */
export interface Configuration {
  readonly settings: SettingsService
  /** Values that came from the environment: nothing shows them. */
  readonly secrets: ReadonlySet<string>
  /** The file that it was read from, and how that is read again. */
  readonly source?: {
    readonly file: string
    readonly read: Effect.Effect<ConfigurationTree, ConfigurationFaults>
  }
}

/** The tree with the port of the environment in it. */
const withPort = (tree: ConfigurationTree, port: number): ConfigurationTree => ({
  ...tree,
  value: withValue(tree.value, ["server", "port"], port)
})

/** How a configuration is decoded. */
export interface DecodeOptions {
  /** What was wrong with its text: reported with the other faults. Default: nothing. */
  readonly parseFaults?: ReadonlyArray<Fault>
  /** Where the paths of files begin that it names. Default: where the process runs. */
  readonly folder?: string
  /** What its channels may speak, where that is more than what is built in: `yield* Dialects`. */
  readonly dialects?: Pick<DialectsService, "names">
}

/**
 * The file of a relay, with what stands beside it: what is in the files that it names, and the proxies of the environment.
 */
const fileOf = (environment: Environment, { dialects, folder = "." }: DecodeOptions): SettingsFile => {
  const file = relayFileOf(dialects?.names ?? upstreamDialectNames)
  return {
    ...file,
    complete: (tree) => {
      const { files = makeNamedFiles(folder) } = tree
      const withFiles = withWordFile(withTlsFiles(tree, folder, files), files, (path) => file.written(tree).got(path))
      return withProxies(withFiles, environment)
    }
  }
}

/** What was written, if all of it is right. */
const readAll = (
  file: SettingsFile,
  input: unknown,
  environment: Environment,
  name: string,
  { folder = ".", parseFaults = [] }: DecodeOptions
): Result.Result<Edited, ConfigurationFaults> => {
  const refuse = (faults: ReadonlyArray<Fault>) => Result.fail(ConfigurationFaults.of(name, faults))
  if (input === null || input === undefined) {
    return refuse([...parseFaults, { path: [], message: "expected an object, got nothing: it is empty" }])
  }
  const tree = { ...fillIn(input, environment), files: makeNamedFiles(folder) }
  const port = portOf(environment)
  const read = Edits.edited(file, tree, [])
  const faults = [
    ...parseFaults,
    ...(Result.isFailure(read) ? read.failure : []),
    ...(Result.isFailure(port) ? [port.failure] : [])
  ]
  if (faults.length > 0 || Result.isFailure(read) || Result.isFailure(port)) return refuse(faults)
  return port.success === undefined
    ? Result.succeed(read.success)
    : // Only once all is right, for what was written is checked too.
      Result.mapError(Edits.edited(file, withPort(tree, port.success), []), (faults) =>
        ConfigurationFaults.of(name, faults)
      )
}

/**
 * Decodes a configuration that was parsed already. `name` is what its faults call it. Objects may be `Map`s, which keep
 * the order of keys such as `"4"`. The files that it names are read.
 */
export const decodeConfiguration = (
  input: unknown,
  environment: Environment,
  name: string,
  options: DecodeOptions = {}
): Result.Result<Configuration, ConfigurationFaults> =>
  Result.map(readAll(fileOf(environment, options), input, environment, name, options), (read) => ({
    settings: Settings.fromEdited(read),
    secrets: read.base.secrets
  }))

const isInstalled = (name: string): boolean => {
  // The edge to Node's own resolution, which throws where there is no such package.
  try {
    import.meta.resolve(name)
    return true
  } catch {
    return false
  }
}

/** What the settings name that is a package of its own, and is not there. */
const peerFaults = (settings: SettingsService): ReadonlyArray<Fault> =>
  settings.of(TrackerSection).current.type !== "sentry" || isInstalled(sentryPackage)
    ? []
    : [
        {
          path: ["tracker", "type"],
          message: `sentry needs the package ${sentryPackage}, which is not installed: npm install ${sentryPackage}`
        }
      ]

/** Reads, checks and decodes a configuration file. Its channels may speak the `Dialects` that there are. */
export const loadConfiguration = (
  file: string,
  environment: Environment
): Effect.Effect<Configuration, ConfigurationFaults> =>
  Effect.gen(function* () {
    const options = { folder: dirname(file), dialects: yield* Dialects }
    const parsed = yield* readConfigurationFile(file)
    const decoded = yield* Effect.fromResult(
      decodeConfiguration(parsed.value, environment, file, { ...options, parseFaults: parsed.faults })
    )
    const missing = peerFaults(decoded.settings)
    if (missing.length > 0) return yield* Effect.fail(ConfigurationFaults.of(file, missing))
    const read = Effect.flatMap(readConfigurationFile(file), ({ faults, value }) =>
      Effect.fromResult(
        Result.map(
          readAll(fileOf(environment, options), value, environment, file, { ...options, parseFaults: faults }),
          ({ base }) => base
        )
      )
    )
    return { ...decoded, source: { file, read } }
  })
