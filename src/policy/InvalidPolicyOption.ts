/**
 * A policy was made with an option that makes no sense. That is a programming error, so it is thrown when the policy is
 * made, never returned and never found out at the first failure in production.
 */
import * as Duration from "effect/Duration"

/** The longest wait that a timer of Node or a browser can keep, in milliseconds: 2^31 - 1, some 24.8 days. */
export const longestMillis = 2_147_483_647

/** An object as JSON; one that JSON has no words for, such as one that holds itself, by its kind. */
const inJson = (value: object): string => {
  try {
    return JSON.stringify(value) ?? String(value)
  } catch {
    return Object.prototype.toString.call(value)
  }
}

const shown = (value: unknown): string => {
  if (typeof value === "string") return JSON.stringify(value)
  if (Duration.isDuration(value)) return Duration.format(value)
  if (typeof value === "object" && value !== null) return inJson(value)
  return String(value)
}

/**
 * An option is wrong: not a number where one is needed, zero where there must be some, a minimum above its maximum.
 * The message names the policy and the option.
 *
 * ```ts import.meta.vitest
 * import { InvalidPolicyOption } from "effect-resilience/policy"
 *
 * const refusal = new InvalidPolicyOption.InvalidPolicyOption("CircuitBreaker.make", "failures", "a positive integer", { got: 0 })
 *
 * refusal.message // => 'CircuitBreaker.make: "failures" must be a positive integer, got 0'
 * ```
 */
export class InvalidPolicyOption extends Error {
  readonly _tag = "InvalidPolicyOption"
  override readonly name = "InvalidPolicyOption"
  /** The constructor that refused, such as `CircuitBreaker.make`. */
  readonly where: string
  /** The option's name. */
  readonly option: string

  constructor(where: string, option: string, expected: string, value?: { readonly got: unknown }) {
    super(`${where}: "${option}" must be ${expected}${value === undefined ? "" : `, got ${shown(value.got)}`}`)
    this.where = where
    this.option = option
  }
}

/** Throws `InvalidPolicyOption` for the value of an option. */
export const refuse = (where: string, option: string, expected: string, got: unknown): never => {
  throw new InvalidPolicyOption(where, option, expected, { got })
}

// `"" <= 1` and `true <= 1` hold, and a bigint or a symbol in arithmetic is a TypeError that names no option.
const isNumber = (value: unknown): value is number => typeof value === "number"

/** 1, 2, 3, … */
export const positiveInt = (where: string, option: string, value: number): number =>
  Number.isSafeInteger(value) && value > 0 ? value : refuse(where, option, "a positive integer", value)

/** 0, 1, 2, … */
export const nonNegativeInt = (where: string, option: string, value: number): number =>
  Number.isSafeInteger(value) && value >= 0 ? value : refuse(where, option, "a whole number, zero or more", value)

/** A finite number above zero. */
export const positive = (where: string, option: string, value: number): number =>
  Number.isFinite(value) && value > 0 ? value : refuse(where, option, "a finite number above zero", value)

/** A finite number, zero or more. */
export const nonNegative = (where: string, option: string, value: number): number =>
  Number.isFinite(value) && value >= 0 ? value : refuse(where, option, "a finite number, zero or more", value)

/** A finite number, `min` or more. */
export const atLeast = (where: string, option: string, value: number, min: number): number =>
  Number.isFinite(value) && value >= min ? value : refuse(where, option, `a finite number, ${min} or more`, value)

/** A number from `min` to `max`, both included. */
export const between = (where: string, option: string, value: number, min: number, max: number): number =>
  isNumber(value) && value >= min && value <= max
    ? value
    : refuse(where, option, `a number from ${min} to ${max}`, value)

/** A share: from 0 to 1, both included. */
export const fraction = (where: string, option: string, value: number): number => between(where, option, value, 0, 1)

/** A share above 0 and up to 1. */
export const positiveFraction = (where: string, option: string, value: number): number =>
  isNumber(value) && value > 0 && value <= 1 ? value : refuse(where, option, "a number above 0 and up to 1", value)

/**
 * A minimum that is not above its maximum. `given` are the options as the caller wrote them: the message shows those
 * values and blames an option that is among them, not one that was left to its default.
 */
export const ordered = (
  where: string,
  minName: string,
  min: number,
  maxName: string,
  max: number,
  given: { readonly [option: string]: unknown } = { [minName]: min, [maxName]: max },
  show: (value: number) => string = String
): void => {
  if (min <= max) return
  const { [maxName]: writtenMax, [minName]: writtenMin } = given
  const maximum = writtenMax === undefined ? show(max) : shown(writtenMax)
  if (writtenMin !== undefined) refuse(where, minName, `at most "${maxName}" (${maximum})`, writtenMin)
  else refuse(where, maxName, `at least "${minName}" (${show(min)})`, writtenMax)
}

/** As `ordered`, of durations in milliseconds. */
export const orderedMillis = (
  where: string,
  minName: string,
  min: number,
  maxName: string,
  max: number,
  given: { readonly [option: string]: unknown }
): void => ordered(where, minName, min, maxName, max, given, (millis) => Duration.format(Duration.millis(millis)))

const isDuration = (value: unknown): value is Duration.Input => {
  if (typeof value !== "object" || value === null) return !Number.isNaN(value)
  if (Duration.isDuration(value)) return true
  const parts: ReadonlyArray<unknown> = Object.values(value)
  return parts.length > 0 && !parts.some(Number.isNaN)
}

const millisOf = (where: string, option: string, value: Duration.Input, expected: string): number => {
  // `Duration` reads NaN as zero, and so a date and an empty object: they are looked at before they become one.
  if (!isDuration(value)) return refuse(where, option, expected, value)
  const duration = Duration.fromInput(value)
  return duration._tag === "Some" ? Duration.toMillis(duration.value) : refuse(where, option, expected, value)
}

/** A duration in milliseconds: above zero, and no longer than a timer can keep (2^31 - 1 ms). */
export const positiveMillis = (where: string, option: string, value: Duration.Input): number => {
  const expected = "a duration above zero, and at most 2^31 - 1 milliseconds"
  const millis = millisOf(where, option, value, expected)
  return millis > 0 && millis <= longestMillis ? millis : refuse(where, option, expected, value)
}

/** A duration in milliseconds: zero or more, and no longer than a timer can keep (2^31 - 1 ms). */
export const nonNegativeMillis = (where: string, option: string, value: Duration.Input): number => {
  const expected = "a duration, zero or more, and at most 2^31 - 1 milliseconds"
  const millis = millisOf(where, option, value, expected)
  return millis >= 0 && millis <= longestMillis ? millis : refuse(where, option, expected, value)
}
