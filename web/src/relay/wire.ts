/**
 * The page's connection to the relay, which can be cut: what is under way breaks as a broken network breaks it, and what is
 * asked fails until it is mended. The relay sees its client go.
 */

/** A connection that can be cut. */
export interface Wire {
  readonly fetch: typeof fetch
  /** Cuts what is under way, and everything for so many milliseconds. */
  readonly cut: (millis: number) => void
  /** What was asked last, to be asked again, word for word. */
  readonly last: () => { readonly url: string; readonly init: RequestInit } | undefined
  /** The head of the answer that came last. */
  readonly lastAnswer: () => Response | undefined
}

/** Makes one over the browser's `fetch`. */
export const makeWire = (now: () => number = () => performance.now()): Wire => {
  const underWay = new Set<AbortController>()
  let downUntil = 0
  let last: { readonly url: string; readonly init: RequestInit } | undefined
  let lastAnswer: Response | undefined

  const cuttable: typeof fetch = async (input, init = {}) => {
    last = { url: String(input instanceof Request ? input.url : input), init }
    if (now() < downUntil) throw new TypeError("the connection was dropped")
    const controller = new AbortController()
    underWay.add(controller)
    const signal = init.signal ? AbortSignal.any([init.signal, controller.signal]) : controller.signal
    try {
      lastAnswer = await fetch(input, { ...init, signal })
      return lastAnswer
    } catch (error) {
      underWay.delete(controller)
      throw error
    }
  }

  return {
    fetch: cuttable,
    cut: (millis) => {
      downUntil = now() + millis
      for (const controller of underWay) controller.abort(new TypeError("the connection was dropped"))
      underWay.clear()
    },
    last: () => last,
    lastAnswer: () => lastAnswer
  }
}

/** The page's. */
export const wire: Wire = makeWire()
