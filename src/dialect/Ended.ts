/**
 * How an answer ended well, in one word: what a client, a log and a bill need to know beside its finish.
 */
import type { Finish } from "./Event.ts"
import type { Usage } from "./Usage.ts"

/**
 * `complete`: its upstream said that it was all, and what it cost · `estimated`: it is all, and what it cost is estimated,
 * because its upstream did not say it, or was lost before it could · `length`: it is as long as was allowed · `filter`: a
 * filter ended it.
 */
export type Ended = "complete" | "estimated" | "length" | "filter"

/** How an answer ended. That it is not all of it weighs more than what it cost. */
export const endedOf = ({ reason }: Finish, { estimated }: Usage): Ended =>
  reason === "content-filter" ? "filter" : reason === "length" ? "length" : estimated ? "estimated" : "complete"
