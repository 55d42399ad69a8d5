/**
 * How much was used, as the page has it. Pure.
 */
import { fieldsOf, idOf, numberOf } from "../Decode.ts"

/** How much one token, group, model, channel or day has used. */
export interface Usage {
  readonly name: string
  readonly credits: number
  readonly requests: number | undefined
}

/** A row of `GET /admin/usage?by=`. */
export const usageOf = (value: unknown): Usage => {
  const row = fieldsOf(value)
  return { name: idOf(row["key"]), credits: numberOf(row["credits"]) ?? 0, requests: numberOf(row["requests"]) }
}
