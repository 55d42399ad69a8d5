/**
 * A section of the settings: `timeouts`, `retry`, `channels`. It is declared beside what it configures, so that what can
 * be said, its defaults, its checks and what it means in code stand in one place; a file is composed of sections, and
 * the type of an option is what its section decodes to.
 */
import type { Schema } from "effect"
import type { Rule } from "./Rules.ts"

/**
 * When a section may be changed: by a restart only · when the file is read again · also by a single value while the
 * relay runs, all of its fields or only some.
 */
export type Changes =
  | { readonly _tag: "Restart" }
  | { readonly _tag: "Reload" }
  | { readonly _tag: "AnyTime"; readonly fields: "all" | ReadonlyArray<string> }

/** A section, and what it decodes to. */
export interface Section<out A> {
  readonly name: string
  readonly description: string
  readonly schema: Schema.ConstraintDecoder<unknown>
  /** What an absent one is, as it would be written; `undefined` where it must be there. */
  readonly absent: unknown
  readonly changes: Changes
  /** Of a list: the field that names an entry, so that `channels.primary.priority` is a path. */
  readonly keyedBy: string | undefined
  readonly rules: ReadonlyArray<Rule>
  /** Whether none of its values is ever shown, whatever its schema says of each. */
  readonly hidden: boolean
  /** The value, from what was decoded and what was written. */
  readonly value: (decoded: unknown, written: unknown) => A
}

interface Declaration<S extends Schema.ConstraintDecoder<unknown>> {
  readonly name: string
  readonly description: string
  readonly schema: S
  readonly absent: S["Encoded"] | undefined
  readonly changes: Changes
  readonly keyedBy?: string
  readonly rules?: ReadonlyArray<Rule>
  readonly hidden?: boolean
}

/**
 * Declares a section. `finish` makes the value of what was decoded, where it depends on what was written: a default that
 * follows another field, an order of keys.
 *
 * ```ts import.meta.vitest
 * import { Result } from "effect"
 * import { declare, Fields, Millis, Settings, settingsFile } from "effect-resilience/settings"
 *
 * const Timeouts = declare({
 *   name: "timeouts",
 *   description: "How long is waited.",
 *   schema: Fields.section({ idle: Fields.withDefault(Millis, "60 seconds", "Between two pieces.") }),
 *   absent: {},
 *   changes: { _tag: "AnyTime", fields: "all" }
 * })
 *
 * const file = settingsFile({ sections: [Timeouts] })
 * const settings = Result.getOrThrow(Settings.make(file, { timeouts: { idle: "5 seconds" } }))
 * settings.of(Timeouts).current // => { idle: 5000 }
 * ```
 */
export function declare<S extends Schema.ConstraintDecoder<unknown>, A>(
  declaration: Declaration<S> & { readonly finish: (decoded: S["Type"], written: unknown) => A }
): Section<A>
/**
 * Declares a section. `finish` makes the value of what was decoded, where it depends on what was written: a default that
 * follows another field, an order of keys.
 */
export function declare<S extends Schema.ConstraintDecoder<unknown>>(declaration: Declaration<S>): Section<S["Type"]>
export function declare<S extends Schema.ConstraintDecoder<unknown>>({
  finish = (decoded) => decoded,
  hidden = false,
  keyedBy,
  rules = [],
  ...declaration
}: Declaration<S> & { readonly finish?: (decoded: S["Type"], written: unknown) => unknown }): Section<unknown> {
  // What a section's own schema decodes to is what its `finish` takes: both come from one declaration.
  return { ...declaration, hidden, keyedBy, rules, value: finish as Section<unknown>["value"] }
}
