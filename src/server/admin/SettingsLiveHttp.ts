/**
 * Settings at run time: the handlers.
 */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Reload, type SettingShown, SettingsStore } from "../../operate/index.ts"
import { withValue } from "../../settings/index.ts"
import { AdminApi } from "./AdminApiHttp.ts"
import { audited } from "./Audited.ts"
import { pageBehind } from "./ListsHttp.ts"
import { refusals } from "./Refusals.ts"

const shown = ({ fault, ...setting }: SettingShown) => ({
  ...setting,
  default: setting.default ?? null,
  ...(fault === undefined ? {} : { fault })
})

/** Settings as an audit has them: their values by path. */
const valuesOf = (settings: ReadonlyArray<SettingShown>): object =>
  Object.fromEntries(settings.map(({ path, value }) => [path, value]))

const sources = ["admin", "file", "default"] as const

/** What settings have in common, as one: the object that they are the values of. */
const together = (path: string, parts: ReadonlyArray<SettingShown>) => {
  const object = (valueOf: (part: SettingShown) => unknown): unknown =>
    parts.reduce<unknown>(
      (all, part) => withValue(all, part.path.slice(path.length + 1).split("."), valueOf(part) ?? null),
      {}
    )
  return {
    path,
    value: object(({ value }) => value),
    default: object((part) => part.default),
    source: sources.find((source) => parts.some((part) => part.source === source)) ?? "default",
    description: "",
    secret: parts.some(({ secret }) => secret),
    changeable: parts.some(({ changeable }) => changeable)
  }
}

/** Nobody wants to page through what fits one answer. */
const all = 1_000

/** Its handlers. */
export const SettingsLive = HttpApiBuilder.group(
  AdminApi,
  "settings",
  Effect.fnUntraced(function* (handlers) {
    const store = yield* SettingsStore
    const { reload } = yield* Reload
    return handlers
      .handle("list", ({ query }) =>
        Effect.sync(() => {
          const { cursor, limit = all } = query
          const { data, next } = pageBehind(store.list(), ({ path }) => path, { cursor, limit })
          return { data: data.map(shown), next }
        })
      )
      .handle("change", ({ payload }) =>
        Effect.gen(function* () {
          const { after, before } = yield* refusals(store.change(payload))
          const said = { before: valuesOf(before), after: valuesOf(after) }
          yield* audited({ what: "settings.change", path: "settings", ...said })
          return { data: after.map(shown), next: null }
        })
      )
      .handle("reset", ({ params: { path } }) =>
        Effect.gen(function* () {
          const { after, before } = yield* refusals(store.reset(path))
          const said = { before: valuesOf(before), after: valuesOf(after) }
          yield* audited({ what: "settings.reset", path: `settings/${path}`, ...said })
          const [one] = after
          if (one === undefined) return { path, value: null, default: null, source: "default" as const, ...gone }
          return one.path === path ? shown(one) : together(path, after)
        })
      )
      .handle("reload", () =>
        Effect.gen(function* () {
          yield* refusals(reload("admin"))
          yield* audited({ what: "settings.reload", path: "reload", before: undefined, after: undefined })
          return { status: "reloaded" as const }
        })
      )
  })
)

/** What is said of a setting whose entry is away: it was taken back, and there is nothing in its place. */
const gone = { description: "", secret: false, changeable: false }
