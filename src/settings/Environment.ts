/**
 * `${NAME}` in the strings of a configuration: taken from the environment, and secret from then on. `$${` is a literal
 * `${`. The same walk makes plain objects of what the file's reader gave, and keeps the order of their keys.
 */
import type { Result } from "effect"
import type { Fault, Path } from "./FaultReport.ts"

/** The variables of a process. */
export type Environment = { readonly [name: string]: string | undefined }

/** Files that a configuration names, as they were when it was read. */
export interface NamedFiles {
  /** The text of the file at a path, or why it cannot be read. */
  readonly read: (path: string) => Result.Result<string, unknown>
}

/** What was written, with its environment filled in. */
export interface ConfigurationTree {
  readonly value: unknown
  readonly faults: ReadonlyArray<Fault>
  /** The strings that hold a variable: they are never told. */
  readonly secretPaths: ReadonlyArray<Path>
  /** The values of those variables. */
  readonly secrets: ReadonlySet<string>
  /** The files that it names, for who completes it (`SettingsFile.complete`). Default: none are read. */
  readonly files?: NamedFiles | undefined
}

const orders = new WeakMap<object, ReadonlyArray<string>>()

/** The keys of a filled-in object in the order of the file, which a plain object forgets for keys like `"4"`. */
export const keysInOrder = (filled: object): ReadonlyArray<string> => orders.get(filled) ?? Object.keys(filled)

const variable = /\$\$\{|\$\{([^}]*)(\}?)/g
const variableName = /^[A-Za-z_][A-Za-z0-9_]*$/
const deepest = 64

/** What JSON has no words for, by the name that its fault gives it; `undefined` for what it has. */
const oddity = (value: unknown): string | undefined => {
  switch (typeof value) {
    case "bigint":
    case "function":
    case "symbol":
      return `a ${typeof value}`
    case "object": {
      if (value === null || Array.isArray(value) || value instanceof Map) return undefined
      const kind = Object.prototype.toString.call(value).slice("[object ".length, -1)
      return kind === "Object" ? undefined : `a ${kind}`
    }
    default:
      return undefined
  }
}

/** Fills in the variables of a parsed file (objects may be `Map`s). A string with a fault becomes empty. */
export const fillIn = (parsed: unknown, environment: Environment): ConfigurationTree => {
  const faults: Array<Fault> = []
  const secretPaths: Array<Path> = []
  const secrets = new Set<string>()

  const fillText = (value: string, path: Path): string => {
    let failed = false
    let used = false
    const fault = (message: string): string => {
      failed = true
      faults.push({ path, message })
      return ""
    }
    const filled = value.replace(variable, (found: string, name: string | undefined, end: string | undefined) => {
      if (found === "$${") return "${"
      if (name === undefined || end !== "}" || !variableName.test(name)) {
        return fault('"${" needs the name of a variable and "}"; a literal "${" is written "$${"')
      }
      used = true
      const content = Object.hasOwn(environment, name) ? environment[name] : undefined
      if (content === undefined) return fault(`the environment variable ${name} is not set`)
      if (content === "") return fault(`the environment variable ${name} is empty`)
      secrets.add(content)
      return content
    })
    if (used) secretPaths.push(path)
    return failed ? "" : filled
  }

  const fillObject = (entries: Iterable<readonly [unknown, unknown]>, path: Path): unknown => {
    const filled: Array<readonly [string, unknown]> = []
    for (const [key, value] of entries) {
      if (typeof key === "object" && key !== null) {
        faults.push({ path, message: "expected plain keys, got a key that is a list or an object" })
        continue
      }
      const name = String(key)
      // An object that is made of it would have no such key, and another prototype.
      if (name === "__proto__") faults.push({ path: [...path, name], message: "cannot be a key" })
      else filled.push([name, fill(value, [...path, name])])
    }
    const object = Object.fromEntries(filled)
    orders.set(object, [...new Set(filled.map(([key]) => key))])
    return object
  }

  /** The lists and objects that a value stands in. */
  const around = new Set<unknown>()

  const fill = (value: unknown, path: Path): unknown => {
    if (typeof value === "string") return fillText(value, path)
    const odd = oddity(value)
    if (odd !== undefined) {
      faults.push({ path, message: `expected plain data, got ${odd}` })
      return null
    }
    if (path.length > deepest || around.has(value)) {
      faults.push({ path: path.slice(0, 2), message: `nested deeper than ${deepest}, or within itself` })
      return null
    }
    if (typeof value !== "object" || value === null) return value
    around.add(value)
    const filled = fillWithin(value, path)
    around.delete(value)
    return filled
  }

  const fillWithin = (value: object, path: Path): unknown => {
    if (Array.isArray(value)) return value.map((item, index) => fill(item, [...path, index]))
    return fillObject(value instanceof Map ? value : Object.entries(value), path)
  }

  const value = fill(parsed, [])
  return { value, faults, secretPaths, secrets }
}
