/**
 * Whether an account allows what is to be reserved. Pure: what an account is, what of it is spent and reserved, and what
 * may be.
 */
import type { TokenQuota } from "./Token.ts"

/** Whose balance and budget it is: a token's, or that of a group of tokens. */
export type AccountOf =
  | { readonly _tag: "Token"; readonly name: string }
  | { readonly _tag: "Group"; readonly name: string }

/** The most credits, either way, that a grant may leave and a limit may say: sums of thousands of them are still exact. */
export const mostCredits = 1_000_000_000_000

/** An account as it stands in the books. */
export interface Account {
  /** What was granted and is not settled, with what is reserved; `null` is unlimited. It may be below nothing. */
  readonly balance: number | null
  /** What is reserved of it. */
  readonly reserved: number
  /** What was settled this day and this month, by UTC. */
  readonly settledToday: number
  readonly settledMonth: number
}

/** The most of a day or a month. */
export type Budget = NonNullable<(typeof TokenQuota.Type)["budget"]>

/** What becomes of a reservation at one account. */
export type Allowance =
  /** `reserve`: so much of the account. 0: it has no limit, or is trusted. */
  | { readonly _tag: "Allowed"; readonly reserve: number }
  | { readonly _tag: "TooLittle" }
  | { readonly _tag: "OverBudget" }

/** What is left of a budget, with what is reserved taken off; below nothing where it was gone over. */
export const leftOf = ({ amount, per }: Budget, { reserved, settledMonth, settledToday }: Account): number =>
  amount - reserved - (per === "day" ? settledToday : settledMonth)

/** Decides what an account says to so many credits. */
export const allowanceOf = (
  account: Account,
  budget: Budget | undefined,
  credits: number,
  trustAbove: number | null
): Allowance => {
  const { balance, reserved } = account
  if (balance !== null && balance - reserved < credits && !(trustAbove !== null && balance >= trustAbove)) {
    return { _tag: "TooLittle" }
  }
  if (budget !== undefined) {
    return leftOf(budget, account) < credits ? { _tag: "OverBudget" } : { _tag: "Allowed", reserve: credits }
  }
  const free = balance === null || (trustAbove !== null && balance >= trustAbove)
  return { _tag: "Allowed", reserve: free ? 0 : credits }
}

/** The day and the month of a moment, by UTC, as numbers: `20260131` and `202601`. */
export const daysOf = (at: number): { readonly day: number; readonly month: number } => {
  const date = new Date(at)
  const month = date.getUTCFullYear() * 100 + date.getUTCMonth() + 1
  return { day: month * 100 + date.getUTCDate(), month }
}

/** The day and the month that come next. */
export const nextOf = (at: number): { readonly day: number; readonly month: number } => {
  const date = new Date(at)
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()]
  return {
    day: daysOf(Date.UTC(year, month, date.getUTCDate() + 1)).day,
    month: daysOf(Date.UTC(year, month + 1)).month
  }
}
