/**
 * What is wrong with settings: faults with their paths, and how they are told. What was there instead is told by
 * `Written`, which knows what is secret.
 */
import { Data } from "effect"
import { excerpt, longestName } from "../errors/index.ts"

/** The way to a value: keys of objects and indices of lists. Empty: the whole file. */
export type Path = ReadonlyArray<string | number>

/** One thing that is wrong. `message` never holds a secret. */
export interface Fault {
  readonly path: Path
  readonly message: string
  /** What kind of fault it is, where that is known: nothing is there, nobody knows it, or it is of another kind. */
  readonly code?: "missing" | "type" | "unexpected" | undefined
}

const plainKey = /^[A-Za-z_$][\w$-]*$/

/** `channels[0].baseUrl`, and `["gpt-*"]` for keys that are not plain words. */
export const formatPath = (path: Path): string =>
  path
    .map((step, index) => {
      if (typeof step === "number") return `[${step}]`
      if (step.length > longestName || !plainKey.test(step)) return `[${JSON.stringify(excerpt(step, longestName))}]`
      return index === 0 ? step : `.${step}`
    })
    .join("")

/** Whether `path` is `prefix` or lies below it. */
export const isWithin = (path: Path, prefix: Path): boolean =>
  prefix.length <= path.length && prefix.every((step, index) => path[index] === step)

/** The value at a path, or `undefined`. */
export const valueAt = (root: unknown, path: Path): unknown => {
  let value = root
  for (const step of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) return undefined
    value = (value as { readonly [key: string | number]: unknown })[step]
  }
  return value
}

const longest = 80

/** A value as a fault shows it: scalars as JSON, the rest by its kind. */
export const describeValue = (value: unknown): string => {
  if (value === undefined) return "nothing"
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list"
  if (typeof value === "number") return String(value)
  if (typeof value === "object" && value !== null) return "an object"
  const text = typeof value === "bigint" ? `${value}n` : (JSON.stringify(value) ?? `a ${typeof value}`)
  return excerpt(text, longest)
}

const compareSteps = (a: string | number, b: string | number): number => {
  if (typeof a === "number" && typeof b === "number") return a - b
  const [left, right] = [String(a), String(b)]
  return left < right ? -1 : left > right ? 1 : 0
}

const comparePaths = (a: Path, b: Path): number => {
  for (let index = 0; index < Math.min(a.length, b.length); index++) {
    const order = compareSteps(a[index] ?? "", b[index] ?? "")
    if (order !== 0) return order
  }
  return a.length - b.length
}

/** Every fault of what was written, sorted by path. Its message has one line a fault: `FILE: path: message`. */
export class ConfigurationFaults extends Data.TaggedError("ConfigurationFaults")<{
  readonly file: string
  readonly faults: ReadonlyArray<Fault>
}> {
  /** The faults as they are printed. */
  get lines(): ReadonlyArray<string> {
    return this.faults.map(({ path, message }) =>
      path.length === 0 ? `${this.file}: ${message}` : `${this.file}: ${formatPath(path)}: ${message}`
    )
  }

  override get message(): string {
    return this.lines.join("\n")
  }

  /** Sorts the faults and leaves out what was said already. */
  static of(file: string, faults: ReadonlyArray<Fault>): ConfigurationFaults {
    const sorted = faults.toSorted((a, b) => comparePaths(a.path, b.path))
    const said = new Set<string>()
    return new ConfigurationFaults({
      file,
      faults: sorted.filter(({ path, message }) => {
        const line = `${formatPath(path)}: ${message}`
        if (said.has(line)) return false
        said.add(line)
        return true
      })
    })
  }
}
