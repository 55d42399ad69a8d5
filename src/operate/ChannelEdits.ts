/**
 * Channels that are added, changed and taken away while the relay runs. They stand in the books beside those of the file,
 * are checked as those are, and serve from the next request on; what an answer under way was given it keeps. A channel of
 * the file is the file's: what is said of it here is an override, and it goes when the file does without it.
 */
import { Context, Effect, Layer, Result } from "effect"
import type { BooksError } from "../books/index.ts"
import { Conflict, NotFound, stackless } from "../errors/index.ts"
import {
  type Adopted,
  ConfigurationFaults,
  Edits,
  entryAt,
  type Fault,
  type Setting,
  Settings,
  valueAt
} from "../settings/index.ts"
import { KeptEdits } from "./KeptEdits.ts"

/** A channel, as an operator sees it: no key, and nothing else that is secret. */
export interface ChannelShown {
  readonly id: string
  /** Who has said it: the file, or somebody who added it. */
  readonly source: "file" | "admin"
  /** `null` for each key that it has. */
  readonly keys: ReadonlyArray<null>
  readonly [field: string]: unknown
}

/** A channel before and after a change; `undefined` where there was none, or is none. */
export interface ChannelEdited {
  readonly before: ChannelShown | undefined
  readonly after: ChannelShown | undefined
}

/** Why a channel is not changed. */
export type ChannelRefusal = BooksError | ConfigurationFaults | Conflict | NotFound

type Fields = { readonly [field: string]: unknown }

/** Channels of the books. */
export class ChannelEdits extends Context.Service<
  ChannelEdits,
  {
    /** Who has said a channel that serves: the file, or somebody who added it. */
    readonly sourceOf: (id: string) => ChannelShown["source"]
    /** Adds a channel, as it would be written in the file. `Conflict`: there is one of its id. */
    readonly add: (entry: Fields) => Effect.Effect<ChannelEdited, ChannelRefusal>
    /** Changes fields of a channel, each as it would be written in the file. Of one of the file only some may be changed. */
    readonly change: (id: string, fields: Fields) => Effect.Effect<ChannelEdited, ChannelRefusal>
    /** Takes a channel away, with all that was changed of it. `Conflict`: it is the file's. */
    readonly remove: (id: string) => Effect.Effect<ChannelEdited, ChannelRefusal>
    /** Gives a channel one key more, behind the others. `Conflict`: it is the file's, or has that key. */
    readonly addKey: (id: string, key: string) => Effect.Effect<ChannelEdited, ChannelRefusal>
    /** Takes a key away, by its place. The others keep their health. `Conflict`: it is the file's, or has no other. */
    readonly removeKey: (id: string, index: number) => Effect.Effect<ChannelEdited, ChannelRefusal>
  }
>()("effect-resilience/operate/ChannelEdits") {
  /** Kept in the books. */
  static readonly layer: Layer.Layer<ChannelEdits, never, KeptEdits | Settings> = Layer.effect(
    ChannelEdits,
    Effect.gen(function* () {
      const settings = yield* Settings
      const kept = yield* KeptEdits
      const shown = (id: string): ChannelShown | undefined => show(id, settings.list(), settings.edits().edited)
      const changing = (
        id: string,
        next: (adopted: Adopted) => Result.Result<Edits.Edits, ChannelRefusal>
      ): Effect.Effect<ChannelEdited, ChannelRefusal> =>
        Effect.suspend(() => {
          const before = shown(id)
          return Effect.map(kept.update(next), () => ({ before, after: shown(id) }))
        })
      return {
        sourceOf: (id) => (Edits.addedEntry(settings.edits().edited, list, id) === undefined ? "file" : "admin"),
        add: (entry) => {
          const id = entry["id"]
          return changing(typeof id === "string" ? id : "", (adopted) => added(adopted, entry))
        },
        change: (id, fields) => changing(id, (adopted) => changed(adopted, id, fields)),
        remove: (id) => changing(id, (adopted) => removed(adopted, id)),
        addKey: (id, key) =>
          changing(id, (adopted) =>
            withKeys(adopted, id, "keys are added there", (keys) => Result.succeed([...keys, key]))
          ),
        removeKey: (id, index) =>
          changing(id, (adopted) => withKeys(adopted, id, "keys are removed there", (keys) => without(id, keys, index)))
      }
    })
  )
}

/** The section. */
const list = "channels"

const refused = (message: string) => Result.fail(stackless(() => new Conflict({ message })))
const nowhere = (message: string) => Result.fail(stackless(() => new NotFound({ message })))

/** Faults by their paths within the channel: whoever has sent it knows no other. */
const within = <A>(
  result: Result.Result<A, ReadonlyArray<Fault>>,
  id: unknown
): Result.Result<A, ConfigurationFaults> =>
  Result.mapError(result, (faults) =>
    ConfigurationFaults.of(
      "channel",
      faults.map((fault) =>
        fault.path[0] === list && fault.path.length > 2 && (fault.path[1] === id || typeof fault.path[1] === "number")
          ? { ...fault, path: fault.path.slice(2) }
          : fault
      )
    )
  )

const besides = ({ leftOut }: Adopted, edited: Edits.Edited, id: string): Edits.Edits =>
  leftOut.flatMap(({ edit }) => (Edits.isAbout(edited.file, list, id)(edit) ? [] : [edit]))

/** Who has said a channel; `left out` where it was added and does not count. */
const standing = ({ edited, leftOut }: Adopted, id: string): "file" | "admin" | "left out" | undefined => {
  if (entryAt(edited.file, edited.base.value, list, id) !== undefined) return "file"
  if (Edits.addedEntry(edited, list, id) !== undefined) return "admin"
  return leftOut.some(({ edit }) => edit._tag === "Addition" && Edits.nameOf(edited.file, edit) === id)
    ? "left out"
    : undefined
}

const added = (adopted: Adopted, entry: Fields): Result.Result<Edits.Edits, ChannelRefusal> => {
  const { edited, leftOut } = adopted
  const { id } = entry
  if (typeof id === "string" && standing(adopted, id) !== undefined) return refused(`there is a channel ${id}`)
  return Result.map(within(Edits.add(edited, list, entry), id), ({ edits }) => [
    ...edits,
    ...leftOut.map(({ edit }) => edit)
  ])
}

const changed = (adopted: Adopted, id: string, fields: Fields): Result.Result<Edits.Edits, ChannelRefusal> => {
  const { edited } = adopted
  if (Object.hasOwn(fields, "id")) {
    return within(Result.fail([{ path: ["id"], message: "is its name and stays: add another channel" }]), id)
  }
  switch (standing(adopted, id)) {
    case undefined:
      return nowhere(`there is no channel ${id}`)
    case "file":
      return Result.map(within(Edits.change(edited, overrides(id, fields)), id), ({ edits }) => [
        ...edits,
        ...adopted.leftOut.flatMap(({ edit }) => (edits.some((one) => isSame(one, edit)) ? [] : [edit]))
      ])
    case "admin": {
      const before = Edits.addedEntry(edited, list, id) as Fields
      const replaced = Edits.replace(edited, {
        list,
        name: id,
        entry: withFields(before, fields),
        fields: Object.keys(fields)
      })
      return Result.map(within(replaced, id), ({ edits }) => [...edits, ...adopted.leftOut.map(({ edit }) => edit)])
    }
    case "left out": {
      const before = adopted.leftOut.find(
        ({ edit }) => edit._tag === "Addition" && Edits.nameOf(edited.file, edit) === id
      )?.edit as Edits.Addition
      const entry = withFields(before.entry as Fields, fields)
      return Result.map(within(Edits.add(edited, list, entry), id), ({ edits }) => [
        ...edits,
        ...besides(adopted, edited, id)
      ])
    }
  }
}

const isSame = (one: Edits.Edit, other: Edits.Edit): boolean =>
  one._tag === "Change" && other._tag === "Change" && one.path === other.path

/** Fields of a channel as changes of settings: an object with known keys has one for each. */
const overrides = (id: string, fields: Fields): Fields =>
  Object.fromEntries(Object.entries(fields).map(([field, value]) => [`${list}.${id}.${field}`, value]))

const isObject = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** An entry with other fields: of its clocks those that are not named stay, as they do for a channel of the file. */
const withFields = (before: Fields, fields: Fields): Fields => {
  const { timeouts } = fields
  const clocks = before["timeouts"]
  return {
    ...before,
    ...fields,
    ...(isObject(timeouts) && isObject(clocks) ? { timeouts: { ...clocks, ...timeouts } } : {})
  }
}

const removed = (adopted: Adopted, id: string): Result.Result<Edits.Edits, ChannelRefusal> => {
  switch (standing(adopted, id)) {
    case undefined:
      return nowhere(`there is no channel ${id}`)
    case "file":
      return refused(`channel ${id} is the file's: take it out there and read the file again, or switch it off`)
    case "admin":
      return Result.map(within(Edits.remove(adopted.edited, list, id), id), (edited) => [
        ...edited.edits,
        ...besides(adopted, edited, id)
      ])
    case "left out":
      return Result.succeed([...adopted.edited.edits, ...besides(adopted, adopted.edited, id)])
  }
}

const withKeys = (
  adopted: Adopted,
  id: string,
  there: string,
  next: (keys: ReadonlyArray<unknown>) => Result.Result<ReadonlyArray<unknown>, ChannelRefusal>
): Result.Result<Edits.Edits, ChannelRefusal> => {
  switch (standing(adopted, id)) {
    case undefined:
      return nowhere(`there is no channel ${id}`)
    case "file":
      return refused(`channel ${id} is the file's: ${there}`)
    case "left out":
      return refused(`channel ${id} does not count, as the file does not allow it: change that first, or remove it`)
    case "admin": {
      const keys = valueAt(Edits.addedEntry(adopted.edited, list, id), ["keys"])
      return Result.flatMap(next(Array.isArray(keys) ? keys : []), (keys) => changed(adopted, id, { keys }))
    }
  }
}

const without = (
  id: string,
  keys: ReadonlyArray<unknown>,
  index: number
): Result.Result<ReadonlyArray<unknown>, ChannelRefusal> => {
  if (index < 0 || index >= keys.length) return nowhere(`channel ${id} has no key ${index}`)
  return keys.length === 1
    ? refused(`channel ${id} has no other key: without one it would be asked without authorization`)
    : Result.succeed(keys.filter((_, at) => at !== index))
}

/** A channel out of the list of settings, which holds nothing secret. */
const show = (id: string, settings: ReadonlyArray<Setting>, edited: Edits.Edited): ChannelShown | undefined => {
  const found = entryAt(edited.file, edited.tree.value, list, id)
  if (found === undefined) return undefined
  const prefix = `${list}.${id}.`
  const fields: { [field: string]: unknown } = {}
  for (const { path, value } of settings) {
    if (!path.startsWith(prefix)) continue
    const [field = "", clock] = path.slice(prefix.length).split(".")
    fields[field] = clock === undefined ? value : { ...(fields[field] as object | undefined), [clock]: value }
  }
  const keys = valueAt(found.entry, ["keys"])
  return {
    ...fields,
    id,
    source: entryAt(edited.file, edited.base.value, list, id) === undefined ? "admin" : "file",
    keys: Array.isArray(keys) ? keys.map(() => null) : []
  }
}
