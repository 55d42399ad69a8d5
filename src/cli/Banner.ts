/**
 * What the relay says of itself on stdout when it has started.
 */
import { isExactModel } from "../dialect/index.ts"
import type { RelayOptions } from "../relay/index.ts"
import type { RouteShown } from "../server/index.ts"
import type { Configuration } from "./Configuration.ts"

/** A host as it stands in a URL that somebody on this machine opens. */
const urlHost = (host: string): string => {
  if (host === "127.0.0.1" || host === "0.0.0.0" || host === "::") return "localhost"
  return host.includes(":") ? `[${host}]` : host
}

/** The URL of a running relay. */
export const urlOf = (address: { readonly host: string; readonly port: number }): string =>
  `http://${urlHost(address.host)}:${address.port}`

const table = (rows: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<string> => {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? "").length)))
  return rows.map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ")}`.trimEnd())
}

const curl = (options: RelayOptions, url: string): string => {
  const token = options.tokens.length > 0 ? "-H 'authorization: Bearer TOKEN' " : ""
  const named = options.chat.model !== null || options.channels.some(({ models }) => models.some(isExactModel))
  return `curl -N ${token}'${url}/chat?message=hello${named ? "" : "&model=MODEL"}'`
}

/** The banner. Values that came from the environment are not shown. */
export const banner = (
  { options, secrets }: Configuration,
  about: {
    readonly version: string
    readonly address: { readonly host: string; readonly port: number }
    readonly routes: ReadonlyArray<RouteShown>
  }
): string => {
  const hidden = [...secrets].toSorted((a, b) => b.length - a.length)
  const show = (text: string): string => hidden.reduce((shown, secret) => shown.replaceAll(secret, "<redacted>"), text)
  const url = urlOf(about.address)
  const channels = options.channels
    .toSorted((a, b) => b.priority - a.priority)
    .map(({ id, dialect, models, priority, weight }) => [
      show(id),
      dialect,
      show(models.join(", ")),
      `priority ${priority}${weight === 1 ? "" : `, weight ${weight}`}`
    ])
  const { store, tokens } = options
  return [
    `${show(options.server.name)} ${about.version}`,
    `listening on ${url} (${about.address.host}, port ${about.address.port})`,
    "",
    "channels",
    ...table(channels),
    "",
    `store   ${store.type === "memory" ? "memory (nothing survives a restart)" : `sqlite, ${show(store.path)}`}`,
    `tokens  ${tokens.length === 0 ? "none: this machine only" : String(tokens.length)}`,
    "",
    "routes",
    ...table(
      about.routes.map(({ method, path, shows }) => [method, path.replaceAll("*}", "}"), shows.replaceAll("`", "")])
    ),
    "",
    "try",
    `  ${curl(options, url)}`,
    ""
  ].join("\n")
}
