/**
 * Events that only keep a connection open.
 */

const names = /^(?:ping|keep-?alive|heartbeat)$/i

/** Whether an event says by its name that it holds nothing, whatever stands in it: proxies write a time, or a word. */
export const isIdle = (event: string): boolean => names.test(event)
