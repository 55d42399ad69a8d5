/**
 * Words that may not be asked with: found in one pass over a text, however many there are (A. V. Aho and M. J. Corasick,
 * "Efficient string matching", CACM 18(6), 1975). Texts and words are compared in Unicode's compatibility form (NFKC) and
 * without case, so that full-width letters and ligatures hide nothing.
 */

/** Finds words in texts. */
export interface WordFinder {
  /** Whether a text holds one of the words. */
  readonly isIn: (text: string) => boolean
}

/** How texts and words are compared. */
const folded = (text: string): string => text.normalize("NFKC").toLowerCase().toUpperCase().toLowerCase()

/** A state: what has been read of some words. */
interface State {
  readonly next: Map<number, State>
  /** The longest end of what was read that begins another word. */
  fallback: State | undefined
  /** A word has been read whole. */
  whole: boolean
}

const makeState = (): State => ({ next: new Map(), fallback: undefined, whole: false })

/**
 * Makes the automaton of some words; words of white space alone are none. Memory is about 100 bytes a letter of the words,
 * and a text costs some nanoseconds a letter, whatever the words.
 */
export const makeWordFinder = (words: ReadonlyArray<string>): WordFinder => {
  const kept = words.map((word) => folded(word.trim())).filter((word) => word !== "")
  if (kept.length === 0) return { isIn: () => false }
  const root = makeState()
  for (const word of kept) {
    let state = root
    for (let at = 0; at < word.length && !state.whole; at++) {
      const unit = word.charCodeAt(at)
      let next = state.next.get(unit)
      if (next === undefined) state.next.set(unit, (next = makeState()))
      state = next
    }
    // What begins with a word need not be looked for: the word is found before it.
    state.whole = true
  }
  // By level, so that where a state falls back to is known before what follows it.
  const queue: Array<State> = [...root.next.values()]
  for (const state of queue) state.fallback = root
  for (let at = 0; at < queue.length; at++) {
    const state = queue[at]!
    for (const [unit, next] of state.next) {
      let back = state.fallback
      while (back !== undefined && !back.next.has(unit)) back = back.fallback
      next.fallback = back?.next.get(unit) ?? root
      next.whole ||= next.fallback.whole
      queue.push(next)
    }
  }
  return {
    isIn: (text) => {
      const read = folded(text)
      let state = root
      for (let at = 0; at < read.length; at++) {
        const unit = read.charCodeAt(at)
        let next = state.next.get(unit)
        while (next === undefined && state.fallback !== undefined) {
          state = state.fallback
          next = state.next.get(unit)
        }
        state = next ?? root
        if (state.whole) return true
      }
      return false
    }
  }
}
