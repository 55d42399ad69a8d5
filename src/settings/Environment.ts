/**
 * `${NAME}` in the strings of a configuration: taken from the environment, and secret from then on. `$${` is a literal
 * `${`. The same walk makes plain objects of what the file's reader gave, and keeps the order of their keys.
 */
import type { Fault, Path } from "./FaultReport.ts"

/** The variables of a process. */
export type Environment = { readonly [name: string]: string | undefined }

/** What was written, with its environment filled in. */
export interface ConfigurationTree {
  readonly value: unknown
  readonly faults: ReadonlyArray<Fault>
  /** The strings that hold a variable: they are never told. */
  readonly secretPaths: ReadonlyArray<Path>
  /** The values of those variables. */
  readonly secrets: ReadonlySet<string>
}

const orders = new WeakMap<object, ReadonlyArray<string>>()

/** The keys of a filled-in object in the order of the file, which a plain object forgets for keys like `"4"`. */
export const keysInOrder = (filled: object): ReadonlyArray<string> => orders.get(filled) ?? Object.keys(filled)

const variable = /\$\$\{|\$\{([^}]*)(\}?)/g
const variableName = /^[A-Za-z_][A-Za-z0-9_]*$/
const deepest = 64

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
      filled.push([String(key), fill(value, [...path, String(key)])])
    }
    const object = Object.fromEntries(filled)
    orders.set(object, [...new Set(filled.map(([key]) => key))])
    return object
  }

  const fill = (value: unknown, path: Path): unknown => {
    if (path.length > deepest) {
      faults.push({ path: path.slice(0, 2), message: `nested deeper than ${deepest}, or within itself` })
      return null
    }
    if (typeof value === "string") return fillText(value, path)
    if (Array.isArray(value)) return value.map((item, index) => fill(item, [...path, index]))
    if (value instanceof Map) return fillObject(value, path)
    if (typeof value === "object" && value !== null) return fillObject(Object.entries(value), path)
    return value
  }

  const value = fill(parsed, [])
  return { value, faults, secretPaths, secrets }
}
