/**
 * The settings of a running program: the current value of each section, read without an effect, and changed all or
 * nothing.
 *
 * Who needs a section takes its cell once and reads `current` when it needs the value; who must do something when it
 * changes subscribes. A change is checked as the file is, over the whole file: the section's schema, its rules, and the
 * rules between sections. What was changed by hand wins over the file, also when the file is read again.
 */
import { Context, Effect, Layer, Redacted, Result, Schema } from "effect"
import { type Adopted, asFarAsTheyGo, change, type Edited, edited, type Edits, type LeftOut, reset } from "./Edits.ts"
import { type ConfigurationTree, fillIn, keysInOrder } from "./Environment.ts"
import { ConfigurationFaults, type Fault, valueAt } from "./FaultReport.ts"
import { listSettings, type Setting } from "./Listing.ts"
import { secretValues } from "./SecretValues.ts"
import type { Section } from "./Section.ts"
import type { SettingsFile } from "./SettingsFile.ts"

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
  /** Every setting there is, with what it would be otherwise, and who has said it. Nothing secret is in it. */
  readonly list: () => ReadonlyArray<Setting>
  /** What was said by hand and counts, and what was and does not. */
  readonly edits: () => Adopted
  /** Edits that were kept somewhere, in the place of those that there are: what would count of them. Changes nothing. */
  readonly over: (kept: Edits) => Adopted
  /** The same, and they count from now on. Gives what is left out, which the file does not allow. */
  readonly adopt: (kept: Edits) => ReadonlyArray<LeftOut>
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
  ): Result.Result<SettingsService, ReadonlyArray<Fault>> =>
    Result.map(edited(file, isTree(written) ? written : fillIn(written, {}), []), Settings.fromEdited)

  /** The settings of a file that was read, and is right. */
  static readonly fromEdited = (begun: Edited): SettingsService => make(begun)

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

/** What was written, as text: the same text is the same setting. The order of keys may mean something. */
const printed = (written: unknown): string =>
  JSON.stringify(written, (_, value: unknown) =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? keysInOrder(value).map((key) => [key, valueAt(value, [key])])
      : value
  ) ?? ""

/** Whether two values that were decoded are the same, secrets too. What cannot be compared (a function) is taken for it. */
const isSame = (a: unknown, b: unknown): boolean => {
  if (typeof a !== "object" || a === null || typeof b !== "object" || b === null) {
    return Object.is(a, b) || typeof a === "function"
  }
  if (Redacted.isRedacted(a) && Redacted.isRedacted(b)) return isSame(Redacted.value(a), Redacted.value(b))
  const keys = new Set([...Object.keys(a), ...Object.keys(b)])
  return Array.isArray(a) === Array.isArray(b) && [...keys].every((key) => isSame(valueAt(a, [key]), valueAt(b, [key])))
}

const restartFaults = (name: string, before: unknown, after: unknown): ReadonlyArray<Fault> => {
  const fields = new Set([before, after].flatMap((one) => Object.keys(one as object)))
  return [...fields]
    .filter((field) => !isSame(valueAt(before, [field]), valueAt(after, [field])))
    .map((field) => ({ path: [name, field], message: "can only be changed by a restart" }))
}

const defaultOf = <A>({ absent, name, schema, value }: Section<A>): A => {
  if (absent === undefined) throw new Error(`there is no default for the section ${name}`)
  return value(Schema.decodeUnknownSync(schema)(absent), absent)
}

const make = (begun: Edited): SettingsService => {
  const { file } = begun
  let current: Adopted = { edited: begun, leftOut: [] }
  const cells = new Map(file.sections.map((section) => [section, new LiveCell(begun.values.get(section.name))]))
  const secrets = new LiveCell(secretValues(begun.whole, begun.values))

  const refuse = (faults: ReadonlyArray<Fault>): Effect.Effect<never, ConfigurationFaults> =>
    Effect.fail(ConfigurationFaults.of("settings", faults))

  /** Makes these the settings. Whoever is told of one of them sees all of them. */
  const take = (next: Adopted): void => {
    if (next === current) return
    const before = current.edited
    const now = next.edited
    const renewed = file.sections.filter(
      ({ changes, name }) =>
        changes._tag !== "Restart" &&
        // What was written says that a mapping has another order; what it means, that a file that it names has changed.
        (printed(valueAt(before.whole.value, [name])) !== printed(valueAt(now.whole.value, [name])) ||
          !isSame(before.values.get(name), now.values.get(name)))
    )
    current = next
    // Before anybody uses them.
    secrets.current = secretValues(now.whole, now.values)
    secrets.tell()
    for (const section of renewed) cells.get(section)!.current = now.values.get(section.name)
    for (const section of renewed) cells.get(section)!.tell()
  }
  const takeOr = (next: Result.Result<Edited, ReadonlyArray<Fault>>): Effect.Effect<void, ConfigurationFaults> =>
    Result.match(next, {
      onFailure: refuse,
      onSuccess: (edited) => Effect.sync(() => take({ edited, leftOut: current.leftOut }))
    })
  const kept = ({ edited, leftOut }: Adopted): Edits => [...edited.edits, ...leftOut.map(({ edit }) => edit)]
  const over = (edits: Edits): Adopted =>
    // Nearly always at a start: all of it was read just now.
    edits.length === 0 && kept(current).length === 0
      ? current
      : // The file is right without edits: it was when it was taken.
        Result.getOrElse(asFarAsTheyGo(file, current.edited.base, edits), () => current)

  return {
    secrets,
    of: <A>(section: Section<A>) => {
      const cell = cells.get(section) ?? new LiveCell<unknown>(defaultOf(section))
      cells.set(section, cell)
      // What is in a section's cell is what that section makes: one is looked up by the other.
      return cell as Cell<A>
    },
    change: (values) => Effect.suspend(() => takeOr(change(current.edited, values))),
    reset: (paths) => Effect.suspend(() => takeOr(reset(current.edited, paths))),
    reload: (tree) =>
      Effect.suspend(() => {
        const counting = current.edited.edits
        const next = Result.flatMap(edited(file, tree, counting), () =>
          asFarAsTheyGo(file, tree, kept(current), counting)
        )
        if (Result.isFailure(next)) return refuse(next.failure)
        const { values } = next.success.edited
        const faults = file.sections.flatMap(({ changes, name }) =>
          changes._tag === "Restart" ? restartFaults(name, begun.values.get(name), values.get(name)) : []
        )
        return faults.length > 0 ? refuse(faults) : Effect.sync(() => take(next.success))
      }),
    list: () => listSettings(current.edited),
    edits: () => current,
    over,
    adopt: (edits) => {
      take(over(edits))
      return current.leftOut
    }
  }
}
