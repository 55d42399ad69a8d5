/**
 * Whether there is a network at all, as a browser says. Elsewhere there always is.
 */

/** `false` where the browser knows that it is offline. */
export const isOnline = (): boolean => globalThis.navigator?.onLine !== false

/** Calls back once, when there is a network again. Gives what takes that back. */
export const whenOnline = (callback: () => void): (() => void) => {
  globalThis.addEventListener("online", callback, { once: true })
  return () => globalThis.removeEventListener("online", callback)
}
