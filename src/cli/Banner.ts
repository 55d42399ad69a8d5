/**
 * What the relay says of itself on stdout when it has started.
 */
import { TokensSection } from "../account/index.ts"
import { type Channel, ChannelSection } from "../channel/index.ts"
import { isExactModel } from "../dialect/index.ts"
import { StoreSection } from "../journal/StoreSection.ts"
import { ChatSection, type RouteShown, ServerSection } from "../server/index.ts"
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

const curl = (
  url: string,
  options: { readonly tokens: boolean; readonly model: string | null; readonly channels: ReadonlyArray<Channel> }
): string => {
  const token = options.tokens ? "-H 'authorization: Bearer TOKEN' " : ""
  const named = options.model !== null || options.channels.some(({ models }) => models.some(isExactModel))
  return `curl -N ${token}'${url}/chat?message=hello${named ? "" : "&model=MODEL"}'`
}

/** The banner. Values that came from the environment are not shown. */
export const banner = (
  { secrets, settings }: Configuration,
  about: {
    readonly version: string
    readonly address: { readonly host: string; readonly port: number }
    readonly routes: ReadonlyArray<RouteShown>
  }
): string => {
  const hidden = [...secrets].toSorted((a, b) => b.length - a.length)
  const show = (text: string): string => hidden.reduce((shown, secret) => shown.replaceAll(secret, "<redacted>"), text)
  const url = urlOf(about.address)
  const channels = settings.of(ChannelSection).current
  const rows = channels
    .toSorted((a, b) => b.priority - a.priority)
    .map(({ id, dialect, models, priority, weight }) => [
      show(id),
      dialect,
      show(models.join(", ")),
      `priority ${priority}${weight === 1 ? "" : `, weight ${weight}`}`
    ])
  const store = settings.of(StoreSection).current
  const tokens = settings.of(TokensSection).current
  return [
    `${show(settings.of(ServerSection).current.name)} ${about.version}`,
    `listening on ${url} (${about.address.host}, port ${about.address.port})`,
    "",
    "channels",
    ...table(rows),
    "",
    `store   ${store.type === "memory" ? "memory (nothing survives a restart)" : `sqlite, ${show(store.path)}`}`,
    `tokens  ${tokens.length === 0 ? "none in the file: this machine only" : String(tokens.length)}`,
    "",
    "routes",
    ...table(
      about.routes.map(({ method, path, shows }) => [method, path.replaceAll("*}", "}"), shows.replaceAll("`", "")])
    ),
    "",
    "try",
    `  ${curl(url, { tokens: tokens.length > 0, model: settings.of(ChatSection).current.model, channels })}`,
    ""
  ].join("\n")
}
