/**
 * The settings of a running program: the current value of each section, read without an effect, and changed all or
 * nothing.
 *
 * Who needs a section takes its cell once and reads `current` when it needs the value; who must do something when it
 * changes subscribes. A change is checked as the file is, over the whole file: the section's schema, its rules, and the
 * rules between sections. What was changed by hand wins over the file, also when the file is read again.
 */
import { Context, Effect, Layer, Result, Schema } from "effect"
import { type ConfigurationTree, fillIn, keysInOrder } from "./Environment.ts"
import { ConfigurationFaults, type Fault, isWithin, type Path, valueAt } from "./FaultReport.ts"
import { secretValues } from "./SecretValues.ts"
import type { Section } from "./Section.ts"
import type { SettingsFile } from "./SettingsFile.ts"
import { changeFault, locate, type Place } from "./SettingsPath.ts"

/** The current value of a section. */
export interface Cell<out A> {
  readonly current: A
  /** `listener` is called with each new value, at once; what is given back ends that. */
  readonly subscribe: (listener: (value: A) => void) => () => void
}

/** What `Settings` does. */
export interface SettingsService {
  /**
   * The cell of a section, always the same one. A section that these settings do not have has its default for ever; one
   * that must be written has none, and then to ask for it is a bug, which throws.
   */
  readonly of: <A>(section: Section<A>) => Cell<A>
  /** What of them is secret: what came out of the environment, keys and tokens, credentials in URLs. */
  readonly secrets: Cell<ReadonlySet<string>>
  /**
   * Changes values by path (`timeouts.idle`, `channels.primary.priority`), each as it would be written in the file. All
   * or none: the faults name every path that is wrong.
   */
  readonly change: (values: { readonly [path: string]: unknown }) => Effect.Effect<void, ConfigurationFaults>
  /** Takes changes back: the file's value counts again, or the default. */
  readonly reset: (paths: ReadonlyArray<string>) => Effect.Effect<void, ConfigurationFaults>
  /**
   * Takes another reading of the file, whole or not at all. A section that only a restart can change must be what it
   * was.
   */
  readonly reload: (tree: ConfigurationTree) => Effect.Effect<void, ConfigurationFaults>
}

/**
 * The settings of a running program.
 *
 * ```ts import.meta.vitest
 * import { Effect, Result } from "effect"
 * import { TimeoutsSection } from "effect-resilience/relay"
 * import { Settings, settingsFile } from "effect-resilience/settings"
 *
 * const file = settingsFile({ sections: [TimeoutsSection] })
 * const settings = Result.getOrThrow(Settings.make(file, { timeouts: { idle: "5 seconds" } }))
 * const timeouts = settings.of(TimeoutsSection)
 * timeouts.current.idle // => 5000
 * Effect.runSync(settings.change({ "timeouts.idle": "7 seconds" }))
 * timeouts.current.idle // => 7000
 * Effect.runSync(Effect.flip(settings.change({ "timeouts.idle": "soon", "timeouts.total": "1 hour" }))).lines
 * // => ["settings: timeouts.idle: expected a duration above zero such as \"5 seconds\" (at most 24 days), got \"soon\""]
 * timeouts.current.total // => 600000
 * ```
 */
export class Settings extends Context.Service<Settings, SettingsService>()("effect-resilience/settings/Settings") {
  /** The settings of a file, from what was written in it: a plain object, or a file's tree. Fails with every fault. */
  static readonly make = (
    file: SettingsFile,
    written: ConfigurationTree | { readonly [section: string]: unknown }
  ): Result.Result<SettingsService, ReadonlyArray<Fault>> => make(file, isTree(written) ? written : fillIn(written, {}))

  /** The same as a Layer; `name` is what its faults call what was written. */
  static readonly layer = (
    file: SettingsFile,
    written: ConfigurationTree | { readonly [section: string]: unknown },
    name = "settings"
  ): Layer.Layer<Settings, ConfigurationFaults> =>
    Layer.effect(
      Settings,
      Effect.suspend(() =>
        Effect.fromResult(
          Result.mapError(Settings.make(file, written), (faults) => ConfigurationFaults.of(name, faults))
        )
      )
    )
}

const isTree = (written: object): written is ConfigurationTree => "secretPaths" in written && "faults" in written

class LiveCell<A> implements Cell<A> {
  current: A
  private listeners: ReadonlyArray<(value: A) => void> = []

  constructor(current: A) {
    this.current = current
  }

  readonly subscribe = (listener: (value: A) => void): (() => void) => {
    this.listeners = [...this.listeners, listener]
    return () => {
      this.listeners = this.listeners.filter((one) => one !== listener)
    }
  }

  readonly tell = (): void => {
    for (const listener of this.listeners) listener(this.current)
  }
}

/** A value that was changed by hand. */
interface Change {
  readonly path: string
  readonly value: unknown
}

/** The tree with a value in it: a copy along the path, all else as it was. */
export const withValue = (root: unknown, path: Path, value: unknown): unknown => {
  const [step, ...rest] = path
  if (step === undefined) return value
  const inner = withValue(valueAt(root, [step]), rest, value)
  if (Array.isArray(root)) return root.map((item: unknown, index) => (index === step ? inner : item))
  return { ...(root as object | undefined), [step]: inner }
}

/** What was written, as text: the same text is the same setting. The order of keys may mean something. */
const printed = (written: unknown): string =>
  JSON.stringify(written, (_, value: unknown) =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? keysInOrder(value).map((key) => [key, valueAt(value, [key])])
      : value
  ) ?? ""

/** A fault of what was changed is told at the path that was said, and not at its place in the file. */
const asSaid = (fault: Fault, places: ReadonlyArray<Place>): Fault => {
  const place = places.find(({ at }) => isWithin(fault.path, at))
  return place === undefined ? fault : { ...fault, path: [...place.said, ...fault.path.slice(place.at.length)] }
}

const restartFaults = (name: string, before: unknown, after: unknown): ReadonlyArray<Fault> => {
  const fields = new Set([before, after].flatMap((one) => Object.keys(one as object)))
  const differs = (field: string): boolean =>
    JSON.stringify(valueAt(before, [field])) !== JSON.stringify(valueAt(after, [field]))
  return [...fields]
    .filter(differs)
    .map((field) => ({ path: [name, field], message: "can only be changed by a restart" }))
}

const defaultOf = <A>({ absent, name, schema, value }: Section<A>): A => {
  if (absent === undefined) throw new Error(`there is no default for the section ${name}`)
  return value(Schema.decodeUnknownSync(schema)(absent), absent)
}

const make = (file: SettingsFile, first: ConfigurationTree): Result.Result<SettingsService, ReadonlyArray<Fault>> =>
  Result.map(file.decode(first), (values) => {
    let base = first
    let changes: ReadonlyArray<Change> = []
    let applied: unknown = first.value
    const cells = new Map(file.sections.map((section) => [section, new LiveCell(values.get(section.name))]))
    const secrets = new LiveCell(secretValues(first, values))

    const refuse = (faults: ReadonlyArray<Fault>): Effect.Effect<never, ConfigurationFaults> =>
      Effect.fail(ConfigurationFaults.of("settings", faults))

    /** Makes these the file and the changes, if all of it is right. */
    const commit = (
      nextBase: ConfigurationTree,
      nextChanges: ReadonlyArray<Change>
    ): Result.Result<void, ReadonlyArray<Fault>> => {
      let next: unknown = nextBase.value
      const places: Array<Place> = []
      for (const { path, value } of nextChanges) {
        const place = locate(file, next, path)
        // An entry that the file has no more: its changes wait for its return.
        if (place._tag === "Nowhere") continue
        places.push(place)
        next = withValue(next, place.at, value)
      }
      const decoded = file.decode({ ...nextBase, value: next })
      if (Result.isFailure(decoded)) return Result.fail(decoded.failure.map((fault) => asSaid(fault, places)))
      const isNew = ({ changes, name }: Section<unknown>): boolean =>
        changes._tag !== "Restart" && printed(valueAt(applied, [name])) !== printed(valueAt(next, [name]))
      const faults = file.sections.flatMap((section) =>
        section.changes._tag === "Restart"
          ? restartFaults(section.name, cells.get(section)!.current, decoded.success.get(section.name))
          : []
      )
      if (faults.length > 0) return Result.fail(faults)
      const renewed = file.sections.filter(isNew)
      base = nextBase
      changes = nextChanges
      applied = next
      // Before anybody uses them.
      secrets.current = secretValues({ ...nextBase, value: next }, decoded.success)
      secrets.tell()
      for (const section of renewed) cells.get(section)!.current = decoded.success.get(section.name)
      for (const section of renewed) cells.get(section)!.tell()
      return Result.void
    }
    const unlessFaulty = (
      paths: ReadonlyArray<string>,
      run: () => Result.Result<void, ReadonlyArray<Fault>>
    ): Effect.Effect<void, ConfigurationFaults> =>
      Effect.suspend(() => {
        const faults = paths.flatMap((path) => changeFault(file, applied, path))
        return faults.length > 0
          ? refuse(faults)
          : Result.match(run(), { onFailure: refuse, onSuccess: () => Effect.void })
      })
    const without = (paths: ReadonlyArray<string>) => changes.filter(({ path }) => !paths.includes(path))
    const isChanged = (path: string): boolean => changes.some((change) => change.path === path)

    return {
      secrets,
      of: <A>(section: Section<A>) => {
        const cell = cells.get(section) ?? new LiveCell<unknown>(defaultOf(section))
        cells.set(section, cell)
        // What is in a section's cell is what that section makes: one is looked up by the other.
        return cell as Cell<A>
      },
      change: (values) =>
        unlessFaulty(Object.keys(values), () =>
          commit(base, [
            ...without(Object.keys(values)),
            ...Object.entries(values).map(([path, value]) => ({ path, value }))
          ])
        ),
      // What was changed once may be taken back, also of an entry that the file has no more.
      reset: (paths) =>
        unlessFaulty(
          paths.filter((path) => !isChanged(path)),
          () => commit(base, without(paths))
        ),
      reload: (tree) => unlessFaulty([], () => commit(tree, changes))
    }
  })
