/**
 * Settings at run time: the handlers.
 */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Reload, type SettingShown, SettingsStore } from "../../operate/index.ts"
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
          return one === undefined
            ? { path, value: null, default: null, source: "default" as const, ...gone }
            : shown({ ...one, path })
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
