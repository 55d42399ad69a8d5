/**
 * The chance that a newcomer to a queue is shed: none up to `free` waiters, certain at `max`, and growing evenly
 * between (failsafe-go's adaptive limiter: `(queued - free) / (max - free)`). Shedding early keeps the wait short for
 * the rest.
 */
export const shedChance = (queued: number, free: number, max: number): number => {
  if (queued >= max) return 1
  return queued <= free ? 0 : (queued - free) / (max - free)
}
