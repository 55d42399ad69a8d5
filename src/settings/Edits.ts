/**
 * What is said of settings beside the file: values that were changed by hand, and entries that were added to lists. Pure:
 * a file, what was written in it, and the edits over it give what counts, or every fault.
 *
 * Edits are kept longer than the file says what it said: what it has made wrong is left out, and told, so that a program
 * starts whatever somebody has changed since (`asFarAsTheyGo`).
 */
import { Result } from "effect"
import { type ConfigurationTree, fillIn } from "./Environment.ts"
import { type Fault, isWithin, type Path, valueAt } from "./FaultReport.ts"
import { entryAt, type SettingsFile } from "./SettingsFile.ts"
import { fieldsOf, fieldsOrNone, isSecretPlace, isShownPlace, schemaAt } from "./SchemaPlace.ts"
import { changeFault, locate, type Place } from "./SettingsPath.ts"

/** A value, by the path of its setting, as it would be written in the file. */
export interface Change {
  readonly _tag: "Change"
  readonly path: string
  readonly value: unknown
}

/** An entry that a list of the file has beside those of the file, as it would be written there. */
export interface Addition {
  readonly _tag: "Addition"
  /** The section: `channels`. */
  readonly list: string
  readonly entry: unknown
}

/** One thing that was said by hand. */
export type Edit = Change | Addition

/** All of it, oldest first: of two changes of one place the later one counts. */
export type Edits = ReadonlyArray<Edit>

/** An edit that does not count, and why. */
export interface LeftOut {
  readonly edit: Edit
  readonly faults: ReadonlyArray<Fault>
}

/** A file with edits over it, all of which count. */
export interface Edited {
  readonly file: SettingsFile
  /** What was written in the file. */
  readonly base: ConfigurationTree
  readonly edits: Edits
  /** The same with the edits in their places. */
  readonly tree: ConfigurationTree
  /** The same with what stands beside the file in it. */
  readonly whole: ConfigurationTree
  /** What each section decodes to, by its name. */
  readonly values: ReadonlyMap<string, unknown>
}

/** Why edits do not count. `culprits`: those in whose places faults are, with these. */
interface Refusal {
  readonly faults: ReadonlyArray<Fault>
  readonly culprits: ReadonlyMap<Edit, ReadonlyArray<Fault>>
}

/** The tree with a value in it: a copy along the path, all else as it was. */
export const withValue = (root: unknown, path: Path, value: unknown): unknown => {
  const [step, ...rest] = path
  if (step === undefined) return value
  const inner = withValue(valueAt(root, [step]), rest, value)
  if (Array.isArray(root)) return root.map((item: unknown, index) => (index === step ? inner : item))
  return { ...(root as object | undefined), [step]: inner }
}

/** Where an edit was put: `said` as it is named, `at` in the tree. */
interface Put extends Pick<Place, "said" | "at"> {
  readonly edit: Edit
}

const put = (file: SettingsFile, base: ConfigurationTree, edits: Edits) => {
  let value = base.value
  const places: Array<Put> = []
  for (const edit of edits) {
    if (edit._tag === "Change") continue
    const entries = valueAt(value, [edit.list])
    const before: ReadonlyArray<unknown> = Array.isArray(entries) ? entries : []
    value = withValue(value, [edit.list], [...before, edit.entry])
    places.push({ edit, said: [edit.list, nameOf(file, edit) ?? before.length], at: [edit.list, before.length] })
  }
  for (const edit of edits) {
    if (edit._tag === "Addition") continue
    const place = locate(file, value, edit.path)
    // Of an entry that the file has no more: it waits for its return.
    if (place._tag === "Nowhere") continue
    value = withValue(value, place.at, edit.value)
    // Before the entry that it is in: a fault is told of the nearest.
    places.unshift({ edit, said: place.said, at: place.at })
  }
  // What came out of the environment and has another value now is no secret of it any more.
  const secretPaths = base.secretPaths.filter((path) => !places.some(({ at }) => isWithin(path, at)))
  return { places, tree: { ...base, value, secretPaths } }
}

/** The name of an added entry, by which its settings are called. */
export const nameOf = (file: SettingsFile, { entry, list }: Addition): string | undefined => {
  const keyedBy = file.sections.find(({ name }) => name === list)?.keyedBy
  const name = keyedBy === undefined ? undefined : valueAt(entry, [keyedBy])
  return typeof name === "string" ? name : undefined
}

/** A file with edits over it, if all of that is right; else every fault, those of edits told at the paths that were said. */
const over = (file: SettingsFile, base: ConfigurationTree, edits: Edits): Result.Result<Edited, Refusal> => {
  const { places, tree } = put(file, base, edits)
  const whole = file.complete(tree)
  const decoded = file.decode(whole)
  if (Result.isSuccess(decoded)) return Result.succeed({ file, base, edits, tree, whole, values: decoded.success })
  const culprits = new Map<Edit, ReadonlyArray<Fault>>()
  const faults = decoded.failure.map((fault) => {
    const place = places.find(({ at }) => isWithin(fault.path, at))
    if (place === undefined) return fault
    const said = { ...fault, path: [...place.said, ...fault.path.slice(place.at.length)] }
    culprits.set(place.edit, [...(culprits.get(place.edit) ?? []), said])
    return said
  })
  return Result.fail({ faults, culprits })
}

/** A file with edits over it, all of them or none. */
export const edited = (
  file: SettingsFile,
  base: ConfigurationTree,
  edits: Edits
): Result.Result<Edited, ReadonlyArray<Fault>> => Result.mapError(over(file, base, edits), ({ faults }) => faults)

/** Of edits that were kept, those that count, and the others with what is wrong with them. */
export interface Adopted {
  readonly edited: Edited
  readonly leftOut: ReadonlyArray<LeftOut>
}

/** Why an edit may not be at all in this file, whatever else there is. */
const standing = (file: SettingsFile, written: unknown, edit: Edit): ReadonlyArray<Fault> => {
  if (edit._tag === "Change") return changeFault(file, written, edit.path)
  const name = nameOf(file, edit)
  return name === undefined
    ? [{ path: [edit.list], message: "there is no such list" }]
    : entryAt(file, written, edit.list, name) === undefined
      ? []
      : [{ path: [edit.list, name], message: "the file has one of that name" }]
}

/**
 * Takes as many of the edits as the file allows. `counting` are those that are not given up for the others: where the
 * file does not allow them, that is the failure. Default: none, so that it fails only where the file itself is wrong.
 */
export const asFarAsTheyGo = (
  file: SettingsFile,
  base: ConfigurationTree,
  edits: Edits,
  counting: Edits = []
): Result.Result<Adopted, ReadonlyArray<Fault>> => {
  const fixed = new Set(counting)
  const why = new Map<Edit, ReadonlyArray<Fault>>()
  const added = put(
    file,
    base,
    edits.filter(({ _tag }) => _tag === "Addition")
  ).tree.value
  for (const edit of edits) {
    if (fixed.has(edit)) continue
    const faults = standing(file, edit._tag === "Change" ? added : base.value, edit)
    if (faults.length > 0) why.set(edit, faults)
  }
  const kept = (): Edits => edits.filter((edit) => !why.has(edit))
  let found = over(file, base, kept())
  while (Result.isFailure(found)) {
    const { culprits, faults } = found.failure
    const free = kept().filter((edit) => !fixed.has(edit))
    const named = free.filter((edit) => culprits.has(edit))
    // A rule may tell its fault at a place of the file: then whatever was said last is given up.
    const given = named.length > 0 ? named : free.slice(-1)
    if (given.length === 0) return Result.fail(faults)
    for (const edit of given) why.set(edit, culprits.get(edit) ?? faults)
    found = over(file, base, kept())
  }
  // Some of them were in the way of each other, and the rest may stay.
  let current = found.success
  for (const edit of edits.filter((edit) => why.has(edit))) {
    if (standing(file, edit._tag === "Change" ? current.tree.value : base.value, edit).length > 0) continue
    const faults = why.get(edit) ?? []
    why.delete(edit)
    const more = over(file, base, kept())
    if (Result.isSuccess(more)) current = more.success
    else why.set(edit, faults)
  }
  const leftOut = edits.flatMap((edit): ReadonlyArray<LeftOut> => {
    const faults = why.get(edit)
    return faults === undefined ? [] : [{ edit, faults }]
  })
  return Result.succeed({ edited: current, leftOut })
}

/** Whether a change puts a secret in its place: what the schema itself says is one, and is not merely kept back. */
export const holdsSecret = ({ file, tree }: Edited, { path, value }: Change): boolean => {
  const place = locate(file, tree.value, path)
  const { ast } = file.schema
  return value !== null && place._tag !== "Nowhere" && isSecretPlace(ast, place.at) && !isShownPlace(ast, place.at)
}

const again = ({ base, file }: Edited, edits: Edits) => edited(file, base, edits)

/** Whether an edit is of one of these settings, or of a value within. */
const isOf = (paths: ReadonlyArray<string>) => (edit: Edit) =>
  edit._tag === "Change" && paths.some((path) => edit.path === path || edit.path.startsWith(`${path}.`))

/** What was said by hand is what it says: of the environment only the file speaks. */
const literally = (said: Path, value: unknown): Result.Result<unknown, ReadonlyArray<Fault>> => {
  const { faults, secretPaths: _, value: filled } = fillIn(value, {})
  if (faults.length === 0) return Result.succeed(filled)
  return Result.fail(
    faults.map(({ message, path }) => ({
      path: [...said, ...path],
      message: message.startsWith("the environment variable")
        ? "a variable of the environment can only be named in the file"
        : message
    }))
  )
}

/**
 * An object with known fields is said value by value: each of them is a setting of its own. One that may be null and has
 * no value is said as it is: it is there.
 */
const byValue = (
  current: Edited,
  path: string,
  value: unknown
): ReadonlyArray<readonly [path: string, value: unknown]> => {
  if (typeof value !== "object" || value === null || Array.isArray(value) || value instanceof Map)
    return [[path, value]]
  const place = locate(current.file, current.tree.value, path)
  if (place._tag === "Nowhere" || place.within !== undefined) return [[path, value]]
  const { ast } = schemaAt(current.file.schema.ast, place.at)
  const values = Object.entries(value)
  const fields = values.length === 0 ? fieldsOf(ast) : fieldsOrNone(ast)
  return fields.length === 0
    ? [[path, value]]
    : values.flatMap(([field, one]) => byValue(current, `${path}.${field}`, one))
}

/** Changes values by path: all or none. */
export const change = (
  current: Edited,
  said: { readonly [path: string]: unknown }
): Result.Result<Edited, ReadonlyArray<Fault>> => {
  const { edits, file, tree } = current
  const values = Object.fromEntries(Object.entries(said).flatMap(([path, value]) => byValue(current, path, value)))
  const faults: Array<Fault> = []
  const changes = Object.entries(values).flatMap(([path, value]): ReadonlyArray<Change> => {
    const refused = changeFault(file, tree.value, path)
    const read = literally(path.split("."), value)
    faults.push(...refused, ...(Result.isFailure(read) ? read.failure : []))
    return refused.length > 0 || Result.isFailure(read) ? [] : [{ _tag: "Change", path, value: read.success }]
  })
  // What is wrong with the others is told too.
  const next = again(current, [...edits.filter((edit) => !isOf(Object.keys(values))(edit)), ...changes])
  return faults.length === 0 ? next : Result.fail(Result.isFailure(next) ? [...faults, ...next.failure] : faults)
}

/** Takes changes back: the file's value counts again, or the default. What was changed once may be taken back in any case. */
export const reset = (current: Edited, paths: ReadonlyArray<string>): Result.Result<Edited, ReadonlyArray<Fault>> => {
  const { edits, file, tree } = current
  const faults = paths
    .filter((path) => !edits.some(isOf([path])))
    .flatMap((path) => changeFault(file, tree.value, path))
  return faults.length > 0
    ? Result.fail(faults)
    : again(
        current,
        edits.filter((edit) => !isOf(paths)(edit))
      )
}

const isNamed = (file: SettingsFile, list: string, name: string) => (edit: Edit) =>
  edit._tag === "Addition" && edit.list === list && nameOf(file, edit) === name

/** The entry of that name that was added, as it was written. */
export const addedEntry = ({ edits, file }: Edited, list: string, name: string): unknown =>
  edits.find((edit): edit is Addition => isNamed(file, list, name)(edit))?.entry

/** Adds an entry to a list. */
export const add = (current: Edited, list: string, entry: unknown): Result.Result<Edited, ReadonlyArray<Fault>> =>
  Result.flatMap(atList(literally([], entry), list, valueAt(current.tree.value, [list])), (filled) =>
    again(current, [...current.edits, { _tag: "Addition", list, entry: filled }])
  )

/** A fault of an entry that is not there yet is told at the place that it would have. */
const atList = (
  read: Result.Result<unknown, ReadonlyArray<Fault>>,
  list: string,
  entries: unknown
): Result.Result<unknown, ReadonlyArray<Fault>> =>
  Result.mapError(read, (faults) =>
    faults.map(({ message, path }) => ({
      path: [list, Array.isArray(entries) ? entries.length : 0, ...path],
      message
    }))
  )

/**
 * Puts another entry in the place of an added one of that name; `fields` are those in which it is another, and changes of
 * them are taken back, so that what is said last counts.
 */
export const replace = (
  current: Edited,
  { entry, fields, list, name }: Replacement
): Result.Result<Edited, ReadonlyArray<Fault>> =>
  Result.flatMap(literally([list, name], entry), (filled) =>
    again(
      current,
      current.edits
        .filter((edit) => !fields.some((field) => isBelow(`${list}.${name}.${field}`)(edit)))
        .map((edit) =>
          isNamed(current.file, list, name)(edit) ? { _tag: "Addition" as const, list, entry: filled } : edit
        )
    )
  )

/** An entry that takes the place of another. */
export interface Replacement {
  readonly list: string
  readonly name: string
  readonly entry: unknown
  readonly fields: ReadonlyArray<string>
}

const isBelow = (path: string) => (edit: Edit) =>
  edit._tag === "Change" && (edit.path === path || edit.path.startsWith(`${path}.`))

/** Whether an edit is about an entry of that name: it adds it, or changes something of it. */
export const isAbout = (file: SettingsFile, list: string, name: string) => (edit: Edit) =>
  isNamed(file, list, name)(edit) || isBelow(`${list}.${name}`)(edit)

/** Takes an added entry away, with all that was changed of it. */
export const remove = (current: Edited, list: string, name: string): Result.Result<Edited, ReadonlyArray<Fault>> =>
  again(
    current,
    current.edits.filter((edit) => !isAbout(current.file, list, name)(edit))
  )
