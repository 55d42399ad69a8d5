/**
 * Credits as the operator wants them shown: `quota.unit` says what they are called, and how many of them are one. Pure.
 */
import { fieldsOf, numberOf, textOf } from "./Decode.ts"
import { brief, nothing, whole } from "./Format.ts"
import type { Setting } from "./settings/Setting.ts"

/** A unit: `{ name: USD, credits: 1000000 }`. */
export interface Unit {
  readonly name: string
  readonly credits: number
}

/** Where nothing else is said. */
export const plain: Unit = { name: "credits", credits: 1 }

/** What the settings say: as one setting, or as two. */
export const unitOf = (settings: ReadonlyArray<Setting>): Unit => {
  const of = (path: string): unknown => settings.find((setting) => setting.path === path)?.value
  const unit = fieldsOf(of("quota.unit"))
  const name = textOf(unit["name"] ?? of("quota.unit.name"))
  const credits = numberOf(unit["credits"] ?? of("quota.unit.credits"))
  return name === undefined || credits === undefined || credits < 1 ? plain : { name, credits }
}

/** A number of credits in a unit, without its name: `8.41`, `0.0042`, `12.4K`. */
export const amountOf = (credits: number | undefined, unit: Unit): string => {
  if (credits === undefined || unit === plain || credits === 0) return brief(credits)
  const value = credits / unit.credits
  const size = Math.abs(value)
  if (size >= 10_000) return brief(value)
  return value.toLocaleString(
    "en",
    size >= 1 ? { minimumFractionDigits: 2, maximumFractionDigits: 2 } : { maximumSignificantDigits: 2 }
  )
}

/** The same with its name. */
export const spokenOf = (credits: number | undefined, unit: Unit): string =>
  credits === undefined ? nothing : `${amountOf(credits, unit)} ${unit.name}`

/** The number itself, for who points at it. */
export const exactOf = (credits: number | undefined): string | undefined =>
  credits === undefined ? undefined : `${whole(credits)} ${credits === 1 ? "credit" : "credits"}`

/** Its name as a heading has it. */
export const headOf = ({ name }: Unit): string => (name === plain.name ? "Credits" : name)
