/**
 * The settings: what each is, where it comes from, and what changes it. Changes are collected, shown, and saved at once.
 */
import { useMemo, useState } from "react"
import { freshKey } from "../Api.ts"
import { type Failure, ok, type Result } from "../Failure.ts"
import { written } from "../Format.ts"
import { useAdmin } from "../part/Admin.ts"
import { ChangeButton } from "../part/Button.tsx"
import { FilterChoice } from "../part/FilterChoice.tsx"
import { FilterField } from "../part/FilterField.tsx"
import { Empty, Show } from "../part/Show.tsx"
import { useLoad } from "../part/useLoad.ts"
import { go, hashOf, type Query } from "../Place.ts"
import type { Setting } from "./Setting.ts"
import { changesOf, sectionOf } from "./edit.ts"
import { SettingRow } from "./SettingRow.tsx"

const sources = [
  ["", "anywhere"],
  ["admin", "an admin"],
  ["file", "the file"],
  ["default", "the defaults"]
] as const

const which = [
  ["", "can be changed here"],
  ["all", "all"]
] as const

const fits = ({ description, isChangeable, path, source }: Setting, query: Query): boolean =>
  `${path} ${description}`.toLowerCase().includes((query["q"] ?? "").trim().toLowerCase()) &&
  (query["source"] ?? source) === source &&
  (query["which"] === "all" || isChangeable)

/** The view. */
export const Settings = ({ query }: { readonly query: Query }) => {
  const { api, ask, permission } = useAdmin()
  const [load, reload] = useLoad("settings", api.settings)
  const [typed, setTyped] = useState<ReadonlyMap<string, string>>(new Map())
  const [failure, setFailure] = useState<Failure>()
  const settings = load._tag === "Loaded" ? load.value.data : []
  const changes = useMemo(() => changesOf(settings, typed), [settings, typed])
  const set = (name: string) => (value: string) =>
    go(hashOf("settings", undefined, { ...query, [name]: value }), "replace")
  const type = (path: string, text: string | undefined): void => {
    setFailure(undefined)
    setTyped((before) => {
      const next = new Map(before)
      if (text === undefined) next.delete(path)
      else next.set(path, text)
      return next
    })
  }
  const wrong = (path: string): string | undefined =>
    failure?._tag === "Refused"
      ? failure.details.find(
          ({ field }) => field === path || field.startsWith(`${path}.`) || field.startsWith(`${path}[`)
        )?.message
      : undefined

  const save = (): void =>
    ask({
      title: changes.length === 1 ? `Save the change of ${changes[0]?.path}?` : `Save ${changes.length} changes?`,
      says: (
        <>
          <p>
            They hold from the next request on; answers that are under way end as they began. All of them are taken, or
            none.
          </p>
          <ul className="diff">
            {changes.map(({ after, before, path }) => (
              <li key={path}>
                <code className="diff-path">{path}</code>
                <del>{written(before)}</del>
                <ins>{written(after)}</ins>
              </li>
            ))}
          </ul>
        </>
      ),
      verb: "Save",
      run: async (key) => {
        const result = await api.changeSettings(
          Object.fromEntries(changes.map(({ after, path }) => [path, after])),
          key
        )
        setFailure(result._tag === "Failed" ? result.failure : undefined)
        return result
      },
      done: () => setTyped(new Map()),
      refresh: reload,
      told: changes.length === 1 ? `${changes[0]?.path} is changed` : `${changes.length} settings are changed`,
      undo: {
        told: "The settings are as they were",
        run: async (key): Promise<Result<unknown>> => {
          // What an admin had not set before goes back to where it came from.
          const were = changes.map(({ path }) => settings.find((setting) => setting.path === path))
          const kept = were.filter((setting) => setting?.source === "admin")
          for (const setting of were) {
            if (setting === undefined || setting.source === "admin") continue
            const one = await api.resetSetting(setting.path, freshKey())
            if (one._tag === "Failed") return one
          }
          return kept.length === 0
            ? ok(undefined)
            : api.changeSettings(Object.fromEntries(kept.map((setting) => [setting?.path ?? "", setting?.value])), key)
        }
      }
    })

  const reset = (setting: Setting): void =>
    ask({
      title: `Reset ${setting.path}?`,
      says: (
        <p>
          What an admin has set is forgotten: <code>{written(setting.value)}</code>. The value of the file counts again,
          or the default, <code>{written(setting.default)}</code>.
        </p>
      ),
      verb: "Reset",
      danger: true,
      run: (key) => api.resetSetting(setting.path, key),
      done: () => type(setting.path, undefined),
      refresh: reload,
      told: `${setting.path} is reset`,
      undo: {
        told: `${setting.path} is ${written(setting.value)} again`,
        run: (key) => api.changeSettings({ [setting.path]: setting.value }, key)
      }
    })

  const reloadFile = (): void =>
    ask({
      title: "Read the configuration file again?",
      says: (
        <p>
          What has changed in it counts from the next request on; no answer is dropped, and what was set here wins over
          it. If it has a fault nothing changes, and the faults are told.
        </p>
      ),
      verb: "Read it",
      run: (key) => api.reload(key),
      refresh: reload,
      told: "The file is read"
    })

  return (
    <>
      <div className="view-head">
        <h1>Settings</h1>
        <ChangeButton onClick={reloadFile}>Read the file again</ChangeButton>
      </div>
      <search className="filters" aria-label="Filters of settings">
        <FilterField
          label="Name"
          search
          type="search"
          placeholder="retry, timeouts, prices …"
          value={query["q"] ?? ""}
          onChange={set("q")}
        />
        <FilterChoice label="Show" choices={which} value={query["which"] ?? ""} onChange={set("which")} />
        <FilterChoice label="Set by" choices={sources} value={query["source"] ?? ""} onChange={set("source")} />
      </search>
      <Show load={load} reload={reload} what="Settings" lines={8}>
        {({ data }) => {
          const shown = data.filter((setting) => fits(setting, query))
          const sections = [...new Set(shown.map(({ path }) => sectionOf(path)))]
          return sections.length === 0 ? (
            <Empty title="No setting fits">
              <a href={hashOf("settings")}>All settings</a>
            </Empty>
          ) : (
            sections.map((section) => (
              <section className="panel settings-section" key={section} aria-label={section}>
                <h2>{section}</h2>
                <ul>
                  {shown
                    .filter(({ path }) => sectionOf(path) === section)
                    .map((setting) => (
                      <SettingRow
                        key={setting.path}
                        setting={setting}
                        typed={typed.get(setting.path)}
                        isChanged={changes.some(({ path }) => path === setting.path)}
                        wrong={wrong(setting.path)}
                        canWrite={permission._tag === "Writes" && setting.isChangeable}
                        type={(text) => type(setting.path, text)}
                        reset={() => reset(setting)}
                      />
                    ))}
                </ul>
              </section>
            ))
          )
        }}
      </Show>
      {changes.length === 0 ? null : (
        <div className="save-bar" role="region" aria-label="Changes that are not saved">
          <span>
            <b>{changes.length}</b> {changes.length === 1 ? "change is" : "changes are"} not saved
          </span>
          <button type="button" className="button small" onClick={() => setTyped(new Map())}>
            Discard
          </button>
          <ChangeButton primary onClick={save}>
            See and save
          </ChangeButton>
        </div>
      )}
    </>
  )
}
