/** The tables of the rules again, at a time of today, where a double has steps of 0.0002 ms. */
import { clock, today } from "./kit/clock.ts"

clock.since = today

await import("./RateLimiterState.test.ts")
await import("./BreakerState.test.ts")
await import("./BreakerWindow.test.ts")
await import("./RetryBudget.test.ts")
