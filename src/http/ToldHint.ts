/**
 * When to ask again, as an answer or an event tells it.
 */

const hour = 3_600_000

/**
 * A hint as it is told, in whole milliseconds: rounded up, so that who waits so long is not early, at least one, and at
 * most an hour. One that is no number, or negative, is none.
 */
export const toldHint = (millis: number | undefined): number | undefined =>
  millis !== undefined && millis >= 0 ? Math.ceil(Math.min(Math.max(millis, 1), hour)) : undefined

/** The same in whole seconds. */
export const inWholeSeconds = (told: number): number => Math.ceil(told / 1000)
