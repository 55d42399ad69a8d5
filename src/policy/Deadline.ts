/** placeholder, see below */
import { Context } from "effect"

/** When the running program has to be done, in milliseconds of the clock; `Infinity` if it has no deadline. */
export const Current = Context.Reference<number>("effect-resilience/Deadline/Current", {
  defaultValue: () => Number.POSITIVE_INFINITY
})
