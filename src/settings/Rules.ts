/**
 * Rules between several settings. Each reads only what it needs, through the schema of those keys, and says nothing
 * where these are at fault themselves: so faults of single keys and of rules are told together.
 */
import { Option, Schema } from "effect"
import { type Fault, formatPath, type Path, valueAt } from "./FaultReport.ts"
import type { Written } from "./Written.ts"

/** The faults that a rule finds in what was written. */
export type Rule = (written: Written) => ReadonlyArray<Fault>

/** `expected …, got …`. */
export const ruleFault = (written: Written, path: Path, expected: string): Fault => ({
  path,
  message: `expected ${expected}, ${written.got(path)}`
})

/** The value of a section that may be left out, as far as a schema can read it. */
export const readSection = <S extends Schema.ConstraintDecoder<unknown>>(
  schema: S,
  written: Written,
  path: Path
): S["Type"] | undefined =>
  Option.getOrUndefined(Schema.decodeUnknownOption(schema)(valueAt(written.value, path) ?? {}))

/** No two entries of a list have the same text under a key. */
export const unique =
  <Key extends string>(
    listName: string,
    key: Key,
    schema: Schema.ConstraintDecoder<{ readonly [K in Key]: string }>
  ): Rule =>
  (written) => {
    const entries = valueAt(written.value, [listName])
    if (!Array.isArray(entries)) return []
    const first = new Map<string, Path>()
    return entries.flatMap((entry: unknown, index) => {
      const path = [listName, index, key]
      const value = Option.getOrUndefined(Schema.decodeUnknownOption(schema)(entry))?.[key]
      if (value === undefined) return []
      const before = first.get(value)
      if (before === undefined) {
        first.set(value, path)
        return []
      }
      return [ruleFault(written, path, `another ${key} than ${formatPath(before)}`)]
    })
  }

/** Of two durations that were both written, the first is not longer than the second. `following` is what one alone means. */
export const notAbove =
  <Low extends string, High extends string>(
    section: string,
    low: Low,
    high: High,
    schema: Schema.ConstraintDecoder<{ readonly [K in Low | High]: number }>
  ): Rule =>
  (written) => {
    const both = [low, high].every((key) => valueAt(written.value, [section, key]) !== undefined)
    const durations = both ? readSection(schema, written, [section]) : undefined
    return durations === undefined || durations[low] <= durations[high]
      ? []
      : [ruleFault(written, [section, low], `at most ${section}.${high} (${durations[high]} millis)`)]
  }

/** Two delays in order: where only one was written, the default of the other follows it. */
export const following = (low: number, high: number, highWritten: boolean): readonly [low: number, high: number] =>
  low <= high ? [low, high] : highWritten ? [high, high] : [low, low]
