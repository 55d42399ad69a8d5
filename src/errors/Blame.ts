/**
 * Who is at fault in a failure. Retry, failover, penalty, bill, type and severity are total functions of it, each
 * written on the floor that decides it: a new blame does not compile until every one of them has an answer.
 */

/** All blames, in the order in which the catalogue lists them. */
export const blames = [
  "caller",
  "content",
  "credential",
  "quota",
  "rate",
  "model",
  "channel",
  "upstream",
  "timeout",
  "transport",
  "rejected",
  "exhausted",
  "storage",
  "cancelled",
  "defect"
] as const

/** Who is at fault: a closed union. */
export type Blame = (typeof blames)[number]

const annotation: unique symbol = Symbol.for("effect-resilience/errors/Blame")

/**
 * `Blame.of` is the key under which an error says whose fault it is. Ours carry it; any other class may. A getter will
 * do where it depends on the value, and a literal type is seen by `catchBlame`.
 *
 * ```ts import.meta.vitest
 * import { Data } from "effect"
 * import { Blame, blameOf } from "effect-resilience/errors"
 *
 * class OutOfStock extends Data.TaggedError("OutOfStock")<{ readonly item: string }> {
 *   readonly [Blame.of] = "caller"
 * }
 *
 * blameOf(new OutOfStock({ item: "tea" })) // => "caller"
 * ```
 */
export const Blame: { readonly of: typeof annotation } = { of: annotation }

/** The coarse kind of an error that clients and metrics see. */
export type ErrorType = "validation" | "timeout" | "rate_limit" | "llm_error" | "system_error"

/** How loud an error is in the log. */
export type Severity = "warning" | "error" | "fatal"

/** A value for each blame. With `satisfies`, a missing or surplus blame does not compile. */
export type ByBlame<A> = { readonly [B in Blame]: A }

const types = {
  caller: "validation",
  content: "validation",
  credential: "llm_error",
  quota: "rate_limit",
  rate: "rate_limit",
  model: "llm_error",
  channel: "llm_error",
  upstream: "llm_error",
  timeout: "timeout",
  transport: "llm_error",
  rejected: "system_error",
  exhausted: "system_error",
  storage: "system_error",
  cancelled: "system_error",
  defect: "system_error"
} as const satisfies ByBlame<ErrorType>

const severities = {
  caller: "warning",
  content: "warning",
  credential: "error",
  quota: "error",
  rate: "warning",
  model: "error",
  channel: "error",
  upstream: "error",
  timeout: "error",
  transport: "error",
  rejected: "warning",
  exhausted: "error",
  storage: "error",
  cancelled: "warning",
  defect: "fatal"
} as const satisfies ByBlame<Severity>

const recoverables = {
  caller: false,
  content: false,
  credential: false,
  // Only when the time of the reset is known: `recoverable` of an error looks at its hint.
  quota: false,
  rate: true,
  model: false,
  channel: false,
  upstream: true,
  timeout: true,
  transport: true,
  rejected: true,
  exhausted: true,
  storage: true,
  cancelled: false,
  defect: false
} as const satisfies ByBlame<boolean>

/** Whether a value is a blame. */
export const isBlame = (value: unknown): value is Blame => typeof value === "string" && Object.hasOwn(types, value)

/** The coarse type of a blame's errors. */
export const typeOf = (blame: Blame): ErrorType => types[blame]

/** The severity of a blame's errors. */
export const severityOf = (blame: Blame): Severity => severities[blame]

/** Whether asking again, unchanged, may succeed. A `quota` error is recoverable only when its reset is known. */
export const recoverableOf = (blame: Blame): boolean => recoverables[blame]
