/**
 * A file of settings, composed of sections: its schema, its rules, and what it decodes to. Nothing is accepted and
 * ignored; every fault is found at once.
 */
import { Result, Schema } from "effect"
import type { ConfigurationTree } from "./Environment.ts"
import { type Fault, isWithin, valueAt } from "./FaultReport.ts"
import { required, section, withDefault } from "./Fields.ts"
import type { Rule } from "./Rules.ts"
import { faultsOf } from "./SchemaFaults.ts"
import type { Section } from "./Section.ts"
import { type Written, writtenBy } from "./Written.ts"

/** What a file may hold. */
export interface SettingsFile {
  readonly sections: ReadonlyArray<Section<unknown>>
  readonly schema: Schema.ConstraintDecoder<unknown>
  /** Puts what stands beside the file into what was written (the texts of files that it names). Default: nothing. */
  readonly complete: (tree: ConfigurationTree) => ConfigurationTree
  /** What was written, as faults speak of it. */
  readonly written: (tree: ConfigurationTree) => Written
  /** The value of each section by its name, or all faults, those of the environment too. */
  readonly decode: (tree: ConfigurationTree) => Result.Result<ReadonlyMap<string, unknown>, ReadonlyArray<Fault>>
}

/** Composes a file. `rules` are over several sections; `later` are names that a later version brings. */
export const settingsFile = (options: {
  readonly sections: ReadonlyArray<Section<unknown>>
  readonly rules?: ReadonlyArray<Rule>
  readonly later?: ReadonlyArray<string>
}): SettingsFile => {
  const { later = [], sections } = options
  const fields: { [name: string]: Schema.ConstraintDecoder<unknown> } = {}
  for (const { absent, description, name, schema } of sections) {
    fields[name] = absent === undefined ? required(schema, description) : withDefault(schema, absent, description)
  }
  const schema: Schema.ConstraintDecoder<{ readonly [name: string]: unknown }> = section(fields, later)
  const decode = Schema.decodeUnknownResult(schema, { errors: "all", onExcessProperty: "error" })
  const rules = [...sections.flatMap(({ rules }) => rules), ...(options.rules ?? [])]
  const hidden = new Set(sections.filter((one) => one.hidden).map(({ name }) => name))
  const written = (tree: ConfigurationTree): Written => writtenBy(schema, tree, hidden)
  return {
    sections,
    schema,
    complete: (tree) => tree,
    written,
    decode: (tree) => {
      const decoded = decode(tree.value)
      const at = written(tree)
      // What is said of a string whose variable is missing comes of its being empty.
      const found = [
        ...(Result.isFailure(decoded) ? faultsOf(decoded.failure.issue, at) : []),
        ...rules.flatMap((rule) => rule(at))
      ].filter(({ path }) => !tree.faults.some((unfilled) => isWithin(path, unfilled.path)))
      const faults = [...tree.faults, ...found]
      return Result.isFailure(decoded) || faults.length > 0
        ? Result.fail(faults)
        : Result.succeed(
            new Map(
              sections.map(({ name, value }) => [name, value(decoded.success[name], valueAt(tree.value, [name]))])
            )
          )
    }
  }
}

/** The entry of a list by its name, in what is written; `undefined` where there is none. */
export const entryAt = (
  { sections }: Pick<SettingsFile, "sections">,
  written: unknown,
  list: string,
  name: string
): { readonly index: number; readonly entry: unknown } | undefined => {
  const keyedBy = sections.find((one) => one.name === list)?.keyedBy
  const entries = valueAt(written, [list])
  if (keyedBy === undefined || !Array.isArray(entries)) return undefined
  const index = entries.findIndex((one) => valueAt(one, [keyedBy]) === name)
  return index < 0 ? undefined : { index, entry: entries[index] }
}
