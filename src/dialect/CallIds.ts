/**
 * Ids of calls for a target that takes each only once in a conversation. Some upstreams count from `call_0` in every answer,
 * and some give two calls of one answer the same id.
 */
import type { FitNames } from "./FitNames.ts"

/** The ids of a conversation, told in its order. */
export interface CallIds {
  /** The assistant begins to speak: its calls before are not answered any more. */
  readonly turn: () => void
  /** The id of the next call: one that was there before becomes another. */
  readonly call: (id: string) => string
  /** The id of the call that the next result is of: the first one of this turn without a result, else the latest. */
  readonly result: (id: string) => string
}

interface Waiting {
  readonly ids: Array<string>
  answered: number
}

/** Begins with ids that fit a target, whatever becomes of those that come again. */
export const makeCallIds = (ids: FitNames): CallIds => {
  const called = new Set<string>()
  const waiting = new Map<string, Waiting>()
  return {
    turn: () => waiting.clear(),
    call: (id) => {
      const made = called.has(id) ? ids.another(id) : ids.fit(id)
      called.add(id)
      const same = waiting.get(id)
      if (same === undefined) waiting.set(id, { ids: [made], answered: 0 })
      else same.ids.push(made)
      return made
    },
    result: (id) => {
      const same = waiting.get(id)
      return same?.ids[same.answered++] ?? ids.fit(id)
    }
  }
}
