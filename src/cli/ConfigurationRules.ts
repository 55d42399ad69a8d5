/**
 * Rules between keys of the configuration. Each reads only what it needs, through the schema of those keys, and says
 * nothing where these are at fault themselves: so faults of single keys and of rules are reported together.
 */
import { Option, Schema } from "effect"
import { isLoopback } from "./Addresses.ts"
import { Breaker, ChannelEntry, Retry, Server, Store, TokenEntry } from "./ConfigurationSchema.ts"
import type { ConfigurationTree } from "./Environment.ts"
import type { Fault, Path } from "./FaultReport.ts"
import { formatPath, got, valueAt } from "./FaultReport.ts"

type Rule = (tree: ConfigurationTree) => ReadonlyArray<Fault>

const fault = (tree: ConfigurationTree, path: Path, expected: string): Fault => ({
  path,
  message: `expected ${expected}, ${got(tree.value, path, tree.secretPaths)}`
})

/** The value of a section that may be left out, as far as the schema can read it. */
const read = <S extends Schema.ConstraintDecoder<unknown>>(
  schema: S,
  tree: ConfigurationTree,
  path: Path
): Option.Option<S["Type"]> => Schema.decodeUnknownOption(schema)(valueAt(tree.value, path) ?? {})

const ChannelId = Schema.Struct({ id: ChannelEntry.fields.id })
const TokenName = Schema.Struct({ name: TokenEntry.fields.name })
// The text that stands in the file: a decoded key is hidden from comparison.
const TokenKey = Schema.toEncoded(Schema.Struct({ key: TokenEntry.fields.key }))
const RetryDelays = Schema.Struct({ base: Retry.fields.base, cap: Retry.fields.cap })
const BreakerDelays = Schema.Struct({ open: Breaker.fields.open, cap: Breaker.fields.cap })
const ServerHost = Schema.Struct({ host: Server.fields.host })
const StoreType = Schema.Struct({ type: Store.fields.type })

/** No two entries of a list have the same value under a key. */
const unique =
  <Key extends string>(
    listName: string,
    key: Key,
    schema: Schema.ConstraintDecoder<{ readonly [K in Key]: string }>
  ): Rule =>
  (tree) => {
    const entries = valueAt(tree.value, [listName])
    if (!Array.isArray(entries)) return []
    const first = new Map<string, Path>()
    return entries.flatMap((entry: unknown, index) => {
      const path = [listName, index, key]
      const value = Option.getOrUndefined(Schema.decodeUnknownOption(schema)(entry))?.[key]
      if (value === undefined) return []
      const before = first.get(value)
      if (before === undefined) {
        first.set(value, path)
        return []
      }
      return [fault(tree, path, `another ${key} than ${formatPath(before)}`)]
    })
  }

/** Of two durations that were both written, the first is not longer than the second. */
const notAbove =
  <Low extends string, High extends string>(
    section: string,
    low: Low,
    high: High,
    schema: Schema.ConstraintDecoder<{ readonly [K in Low | High]: number }>
  ): Rule =>
  (tree) => {
    const written = [low, high].every((key) => valueAt(tree.value, [section, key]) !== undefined)
    const durations = Option.getOrUndefined(read(schema, tree, [section]))
    return !written || durations === undefined || durations[low] <= durations[high]
      ? []
      : [fault(tree, [section, low], `at most ${section}.${high} (${durations[high]} millis)`)]
  }

/** Without tokens everybody may ask, so nobody but this machine may reach the relay. */
const loopbackWithoutTokens: Rule = (tree) => {
  const tokens = valueAt(tree.value, ["tokens"])
  const host = Option.getOrUndefined(read(ServerHost, tree, ["server"]))?.host
  const none = tokens === undefined || (Array.isArray(tokens) && tokens.length === 0)
  if (host === undefined || !none || isLoopback(host)) return []
  return [fault(tree, ["server", "host"], "a loopback host (127.0.0.0/8, ::1, localhost), as there are no tokens")]
}

/** Only a file has a path. */
const pathOfFile: Rule = (tree) => {
  const path = ["store", "path"]
  const type = Option.getOrUndefined(read(StoreType, tree, ["store"]))?.type
  return type === "memory" && valueAt(tree.value, path) !== undefined
    ? [fault(tree, path, "nothing, as the store is of type memory")]
    : []
}

const rules: ReadonlyArray<Rule> = [
  unique("channels", "id", ChannelId),
  unique("tokens", "name", TokenName),
  unique("tokens", "key", TokenKey),
  notAbove("retry", "base", "cap", RetryDelays),
  notAbove("breaker", "open", "cap", BreakerDelays),
  loopbackWithoutTokens,
  pathOfFile
]

/** The faults of every rule. */
export const ruleFaults: Rule = (tree) => rules.flatMap((rule) => rule(tree))
