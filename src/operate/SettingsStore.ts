/**
 * Settings at run time, for who operates the relay: all that there are, changed and taken back, and kept in the books.
 */
import { Context, Effect, Layer, Result } from "effect"
import type { BooksError } from "../books/index.ts"
import { type Conflict, NotFound, stackless } from "../errors/index.ts"
import {
  type Adopted,
  ConfigurationFaults,
  Edits,
  type Fault,
  formatPath,
  type LeftOut,
  type Setting,
  Settings
} from "../settings/index.ts"
import { KeptEdits } from "./KeptEdits.ts"

/** A setting, as an operator sees it. */
export interface SettingShown extends Setting {
  /** What was said by hand and does not count, as the file does not allow it. */
  readonly fault: string | undefined
}

/** Settings before and after a change. */
export interface SettingsChanged {
  readonly before: ReadonlyArray<SettingShown>
  readonly after: ReadonlyArray<SettingShown>
}

/** Settings at run time. */
export class SettingsStore extends Context.Service<
  SettingsStore,
  {
    /** All settings, in the order of the file. */
    readonly list: () => ReadonlyArray<SettingShown>
    /** Changes values by path, all or none: the faults name every path that is wrong. */
    readonly change: (values: {
      readonly [path: string]: unknown
    }) => Effect.Effect<SettingsChanged, BooksError | ConfigurationFaults | Conflict>
    /**
     * Takes a change back: the file's value counts again, or the default. Of an object of settings, which is changed as a
     * whole too, all in it. `NotFound`: there is no such setting.
     */
    readonly reset: (
      path: string
    ) => Effect.Effect<SettingsChanged, BooksError | ConfigurationFaults | Conflict | NotFound>
  }
>()("effect-resilience/operate/SettingsStore") {
  /** Kept in the books. */
  static readonly layer: Layer.Layer<SettingsStore, never, KeptEdits | Settings> = Layer.effect(
    SettingsStore,
    Effect.gen(function* () {
      const settings = yield* Settings
      const kept = yield* KeptEdits
      const list = () => withFaults(settings.list(), kept.leftOut())
      const changing = <E>(
        paths: ReadonlyArray<string>,
        next: (adopted: Adopted) => Result.Result<Edits.Edits, E>
      ): Effect.Effect<SettingsChanged, BooksError | Conflict | E> =>
        Effect.suspend(() => {
          const at = () => list().filter(({ path }) => paths.some((one) => path === one || path.startsWith(`${one}.`)))
          const before = at()
          return Effect.map(kept.update(next), () => ({ before, after: at() }))
        })
      return {
        list,
        change: (values) => {
          return changing(Object.keys(values), ({ edited, leftOut }) =>
            Result.map(faulty(Edits.change(edited, values)), ({ edits }) => {
              const said = edits.flatMap((edit) =>
                edit._tag === "Change" && !edited.edits.includes(edit) ? [edit.path] : []
              )
              return [...edits, ...besides(leftOut, said)]
            })
          )
        },
        reset: (path) =>
          Effect.suspend((): ReturnType<SettingsStore["Service"]["reset"]> => {
            const { edited: current } = settings.edits()
            const all = settings.list()
            // A list is no object: its entries are settings one by one.
            const isList = current.file.sections.some(({ keyedBy, name }) => name === path && keyedBy !== undefined)
            const parts = all.flatMap((one) =>
              !isList && one.changeable && one.path.startsWith(`${path}.`) ? [one.path] : []
            )
            const isChanged = ({ edits }: Edits.Edited): boolean => !isList && edits.some((edit) => isOf(edit, path))
            const waits = kept.leftOut().some(({ edit }) => isOf(edit, path))
            const isThere = waits || isChanged(current) || parts.length > 0 || all.some((one) => one.path === path)
            if (!isThere) return Effect.fail(stackless(() => new NotFound({ message: `there is no setting ${path}` })))
            const back = (edited: Edits.Edited) =>
              isChanged(edited)
                ? Edits.reset(edited, [path])
                : waits
                  ? Result.succeed(edited)
                  : Edits.reset(edited, parts.length > 0 ? parts : [path])
            return changing([path], ({ edited, leftOut }) =>
              Result.map(faulty(back(edited)), ({ edits }) => [...edits, ...besides(leftOut, [path])])
            )
          })
      }
    })
  )
}

/** Faults as an error. */
export const faulty = <A>(result: Result.Result<A, ReadonlyArray<Fault>>): Result.Result<A, ConfigurationFaults> =>
  Result.mapError(result, (faults) => ConfigurationFaults.of("settings", faults))

/** Whether an edit is of that setting, or of something in it: that is told, and taken back, with the setting. */
const isOf = (edit: Edits.Edit, path: string): boolean =>
  edit._tag === "Change" && (edit.path === path || edit.path.startsWith(`${path}.`))

/** What is left out and stays so, as nobody says anything else in its place. */
const besides = (leftOut: ReadonlyArray<LeftOut>, paths: ReadonlyArray<string>): Edits.Edits =>
  leftOut.flatMap(({ edit }) => (paths.some((path) => isOf(edit, path)) ? [] : [edit]))

const withFaults = (settings: ReadonlyArray<Setting>, leftOut: ReadonlyArray<LeftOut>): ReadonlyArray<SettingShown> =>
  settings.map((setting) => {
    const faults = leftOut.flatMap(({ edit, faults }) => (isOf(edit, setting.path) ? faults : []))
    const lines = new Set(faults.map(({ message, path }) => `${formatPath(path)}: ${message}`))
    return { ...setting, fault: lines.size === 0 ? undefined : [...lines].join("; ") }
  })
