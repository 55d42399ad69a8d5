/**
 * The path of a setting (`timeouts.idle`, `channels.primary.priority`): where that is in the file, and whether it may be
 * changed while the program runs.
 */
import type { Fault, Path } from "./FaultReport.ts"
import { nearest } from "./Nearest.ts"
import { fieldsOf, schemaAt, stepsToFreeKeys } from "./SchemaPlace.ts"
import type { Section } from "./Section.ts"
import { entryAt, type SettingsFile } from "./SettingsFile.ts"

/** Where a setting is: `said` as it was named, `at` in what is written, where an entry of a list has its index. */
export interface Place {
  readonly _tag: "Place"
  readonly section: Section<unknown>
  readonly said: Path
  readonly at: Path
  /** The setting that this is a part of: an object with free keys, of which the last step is one, dots and all. */
  readonly within: Path | undefined
}

/** Why there is no such setting. */
export interface Nowhere {
  readonly _tag: "Nowhere"
  readonly said: Path
  readonly message: string
}

const unknownName = (name: string | number, known: ReadonlyArray<string>): string => {
  const meant = nearest(String(name), known)
  return meant === undefined ? "there is no such setting" : `there is no such setting, did you mean ${meant}?`
}

/** Finds a setting in what is written. */
export const locate = (file: SettingsFile, written: unknown, path: string): Place | Nowhere => {
  const said = path.split(".")
  const nowhere = (message: string): Nowhere => ({ _tag: "Nowhere", said, message })
  const [name = "", ...rest] = said
  const section = file.sections.find((one) => one.name === name)
  if (section === undefined) {
    return nowhere(
      unknownName(
        name,
        file.sections.map((one) => one.name)
      )
    )
  }
  const at: Array<string | number> = [name]
  if (section.keyedBy !== undefined) {
    const { keyedBy } = section
    const [entry, ...field] = rest
    const found = entryAt(file, written, name, entry ?? "")
    if (found === undefined) return nowhere(`there is none of that ${keyedBy} in ${name}`)
    at.push(found.index, ...field)
  } else at.push(...rest)
  const steps = stepsToFreeKeys(file.schema.ast, at)
  if (steps !== undefined) {
    const within = said.slice(0, steps)
    const key = said.slice(steps).join(".")
    return { _tag: "Place", section, said: [...within, key], at: [...at.slice(0, steps), key], within }
  }
  const place = schemaAt(file.schema.ast, at)
  return place.unknown === undefined
    ? { _tag: "Place", section, said, at, within: undefined }
    : nowhere(unknownName(place.unknown, fieldsOf(place.ast)))
}

/** Why a setting may not be changed while the program runs: one fault, or none. */
export const changeFault = (file: SettingsFile, written: unknown, path: string): ReadonlyArray<Fault> => {
  const place = locate(file, written, path)
  if (place._tag === "Nowhere") return [{ path: place.said, message: place.message }]
  const { at, said, section, within } = place
  const refused = (message: string): ReadonlyArray<Fault> => [{ path: said, message }]
  switch (section.changes._tag) {
    case "Restart":
      return refused("can only be changed by a restart")
    case "Reload":
      return refused("can only be changed in the file")
    case "AnyTime": {
      const [field] = at.slice(section.keyedBy === undefined ? 1 : 2)
      const { fields } = section.changes
      if (fields !== "all" && (field === undefined || !fields.includes(String(field)))) {
        return refused(field === undefined ? "name one of its values" : "can only be changed in the file")
      }
      if (within !== undefined) {
        return refused(`name ${within.join(".")}, with all that is to be in it`)
      }
      // Of an object with known fields each is a setting of its own, so no change lies within another.
      return fieldsOf(schemaAt(file.schema.ast, at).ast).length > 0 ? refused("name one of its values") : []
    }
  }
}
