/**
 * What a token or a group may still spend, as the page has it. Pure.
 */
import { type Fields, fieldsOf, idOf, numberOf, textOf } from "../Decode.ts"

/** An amount over a time. */
export interface Budget {
  readonly amount: number
  readonly per: string
}

const budgetOf = (value: unknown): Budget | undefined => {
  const budget = fieldsOf(value)
  const amount = numberOf(budget["amount"])
  return amount === undefined ? undefined : { amount, per: textOf(budget["per"]) ?? "day" }
}

/** What a token, or the tokens of a group together, may still spend. */
export interface Quota {
  readonly whose: "token" | "group"
  readonly name: string
  /** `undefined`: as much as it likes. */
  readonly balance: number | undefined
  readonly reserved: number
  readonly budget: Budget | undefined
  readonly settledToday: number
  readonly settledMonth: number
}

const stateOf = (whose: Quota["whose"], name: string, quota: Fields): Quota => ({
  whose,
  name,
  balance: numberOf(quota["balance"]),
  reserved: numberOf(quota["reserved"]) ?? 0,
  budget: budgetOf(quota["budget"]),
  settledToday: numberOf(quota["settledToday"]) ?? 0,
  settledMonth: numberOf(quota["settledMonth"]) ?? 0
})

/** The answer of `GET /admin/quota/{token}`. */
export const quotaOf =
  (token: string) =>
  (value: unknown): Quota =>
    stateOf("token", token, fieldsOf(value))

/** A row of `GET /admin/groups`. */
export const groupQuotaOf = (value: unknown): Quota => {
  const row = fieldsOf(value)
  return stateOf("group", idOf(row["group"]), row)
}

/** Whose it is, in words. */
export const whoOf = ({ name, whose }: Pick<Quota, "name" | "whose">): string =>
  whose === "group" ? `group ${name}` : name
