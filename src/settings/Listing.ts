/**
 * All settings that there are, one by one: what each is, what it would be if nobody had said anything, and who has. It is
 * for people, so nothing secret is in it: that stands as `null`.
 */
import { SchemaAST } from "effect"
import { durationText, millisOf } from "./Durations.ts"
import type { Edited } from "./Edits.ts"
import { isWithin, type Path, valueAt } from "./FaultReport.ts"
import { isSecretPlace, isShownPlace } from "./SchemaPlace.ts"
import type { Section } from "./Section.ts"
import { changeFault } from "./SettingsPath.ts"
import { hasCredentials } from "./UrlSecrets.ts"

/** One setting. Values are as they would be written in the file. */
export interface Setting {
  /** `timeouts.idle`, `channels.primary.priority`. */
  readonly path: string
  /** What counts. `null` where it is secret, and of a list what in it is. */
  readonly value: unknown
  /** What it is where nobody says anything; `undefined` where it must be said. */
  readonly default: unknown
  readonly source: "default" | "file" | "admin"
  readonly description: string
  /** Whether its value is kept back. */
  readonly secret: boolean
  /** Whether it may be changed while the program runs. */
  readonly changeable: boolean
}

/** What a section says of one of its keys. */
interface Said {
  readonly description: string
  readonly default: unknown
}

const saidOf = (ast: SchemaAST.AST): Said => {
  const annotations = ast.context?.annotations
  const description = annotations?.["description"]
  return { description: typeof description === "string" ? description : "", default: annotations?.["default"] }
}

/** The keys of an object with known ones, also where it may be null. */
const keysOf = (ast: SchemaAST.AST): ReadonlyArray<readonly [name: string, ast: SchemaAST.AST]> => {
  if (SchemaAST.isObjects(ast)) return ast.propertySignatures.map(({ name, type }) => [String(name), type] as const)
  return SchemaAST.isUnion(ast) ? ast.types.flatMap(keysOf) : []
}

/** Where the listing is: `said` as it is named, `at` in what is written. */
interface Spot {
  readonly section: Section<unknown>
  readonly said: ReadonlyArray<string>
  readonly at: Path
}

/** The settings of a file with edits over it, in the order of its sections. */
export const listSettings = (edited: Edited): ReadonlyArray<Setting> => {
  const { base, edits, file, tree, values } = edited
  const root = file.schema.ast
  const changed = edits.flatMap((edit) => (edit._tag === "Change" ? [edit.path] : []))
  const isChanged = (path: string): boolean => changed.some((one) => path === one || path.startsWith(`${one}.`))
  const isAdded = (at: Path): boolean => valueAt(base.value, at.slice(0, 2)) === undefined

  const isHidden = ({ at, section }: Spot): boolean =>
    section.hidden ||
    tree.secretPaths.some((place) => isWithin(at, place)) ||
    (isSecretPlace(root, at) && !isShownPlace(root, at))

  /** A value without what came out of the environment, and without credentials in URLs. */
  const shown = (value: unknown, at: Path): unknown => {
    if (typeof value === "string") {
      return hasCredentials(value) || tree.secretPaths.some((place) => isWithin(at, place)) ? null : value
    }
    if (Array.isArray(value)) return value.map((item: unknown, index) => shown(item, [...at, index]))
    if (typeof value !== "object" || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, shown(item, [...at, key])]))
  }

  /** What a key is that was not written: a default may follow another key. */
  const unwritten = ({ section, at }: Spot, fallback: unknown): unknown => {
    const meant = valueAt(values.get(section.name), at.slice(1))
    if (typeof fallback !== "string" || typeof meant !== "number") return fallback
    const millis = millisOf(fallback)
    return millis === undefined || millis === meant ? fallback : durationText(meant)
  }

  const leaf = (spot: Spot, said: Said, absent: boolean): Setting => {
    const { at } = spot
    const path = spot.said.join(".")
    const written = valueAt(tree.value, at)
    const secret = isHidden(spot)
    const value = written === undefined ? (absent ? null : unwritten(spot, said.default)) : shown(written, at)
    return {
      path,
      value: secret ? null : (value ?? null),
      default: secret ? null : said.default,
      source: isChanged(path)
        ? "admin"
        : written === undefined
          ? "default"
          : spot.section.keyedBy !== undefined && isAdded(at)
            ? "admin"
            : "file",
      description: said.description,
      secret,
      changeable: changeFault(file, tree.value, path).length === 0
    }
  }

  /** `absent`: what it stands in is null. */
  const walk = (ast: SchemaAST.AST, spot: Spot, said: Said, absent: boolean): ReadonlyArray<Setting> => {
    const keys = keysOf(ast)
    if (keys.length === 0) return [leaf(spot, said, absent)]
    const written = valueAt(tree.value, spot.at)
    const isNull = absent || written === null || (written === undefined && said.default === null)
    return keys.flatMap(([name, type]) => {
      const inner = { section: spot.section, said: [...spot.said, name], at: [...spot.at, name] }
      const own = saidOf(type)
      return walk(type, inner, isNull ? { ...own, default: null } : own, isNull)
    })
  }

  return keysOf(SchemaAST.toEncoded(root)).flatMap(([name, ast]) => {
    const section = file.sections.find((one) => one.name === name)
    if (section === undefined) return []
    const said = { description: section.description, default: section.absent }
    const spot: Spot = { section, said: [name], at: [name] }
    const { keyedBy } = section
    if (keyedBy === undefined || !SchemaAST.isArrays(ast)) return walk(ast, spot, said, false)
    const entry = ast.rest[0]
    const entries = valueAt(tree.value, [name])
    if (entry === undefined || !Array.isArray(entries)) return []
    return entries.flatMap((one: unknown, index) =>
      keysOf(entry)
        .filter(([key]) => key !== keyedBy)
        .flatMap(([key, type]) =>
          walk(
            type,
            { section, said: [name, String(valueAt(one, [keyedBy])), key], at: [name, index, key] },
            saidOf(type),
            false
          )
        )
    )
  })
}
