/**
 * Words found in one pass over a text, however many there are (A. V. Aho and M. J. Corasick, "Efficient string matching",
 * CACM 18(6), 1975): the words that no request may hold, and those by which an upstream says that a key is dead.
 */

/** Finds words in texts. */
export interface WordFinder {
  /** Whether a text holds one of the words. It stops at the first. */
  readonly isIn: (text: string) => boolean
  /** The words that a text holds, each once, as they were given. */
  readonly allIn: (text: string) => ReadonlyArray<string>
}

/** How texts and words are compared. */
export type Folding = (text: string) => string

/** Without case. */
export const foldCase: Folding = (text) => text.toLowerCase()

/**
 * In Unicode's compatibility form (NFKC) and without case, so that full-width letters and ligatures hide nothing. A letter
 * that has several forms in one case (ß, ς) is all of them.
 */
export const foldWidely: Folding = (text) => text.normalize("NFKC").toLowerCase().toUpperCase().toLowerCase()

/** A state: what has been read of some words. */
interface State {
  readonly next: Map<number, State>
  /** The longest end of what was read that begins another word. */
  fallback: State | undefined
  /** What has been read whole, as it was given. */
  word: string | undefined
  /** The longest end of what was read that is a word, where that is not all of it. */
  shorter: State | undefined
}

const makeState = (): State => ({ next: new Map(), fallback: undefined, word: undefined, shorter: undefined })

const none: ReadonlyArray<string> = []

/**
 * Makes the automaton of some words; words of white space alone are none, and white space around a word does not count.
 * Memory is about 100 bytes a letter of the words, and a text costs some nanoseconds a letter, whatever the words.
 *
 * @param fold Default: `foldCase`.
 */
export const makeWordFinder = (words: ReadonlyArray<string>, fold: Folding = foldCase): WordFinder => {
  const root = makeState()
  for (const word of words) {
    const folded = fold(word.trim())
    if (folded === "") continue
    let state = root
    for (let at = 0; at < folded.length; at++) {
      const unit = folded.charCodeAt(at)
      let next = state.next.get(unit)
      if (next === undefined) state.next.set(unit, (next = makeState()))
      state = next
    }
    state.word ??= word
  }
  if (root.next.size === 0) return { isIn: () => false, allIn: () => none }
  // By level, so that where a state falls back to is known before what follows it.
  const queue: Array<State> = [...root.next.values()]
  for (const state of queue) state.fallback = root
  for (let at = 0; at < queue.length; at++) {
    const state = queue[at]!
    for (const [unit, next] of state.next) {
      let back = state.fallback
      while (back !== undefined && !back.next.has(unit)) back = back.fallback
      const fallback = back?.next.get(unit) ?? root
      next.fallback = fallback
      next.shorter = fallback.word === undefined ? fallback.shorter : fallback
      queue.push(next)
    }
  }

  /** Calls `found` at each end of a word, until it gives `true`. */
  const scan = (text: string, found: (state: State) => boolean): void => {
    const read = fold(text)
    let state = root
    for (let at = 0; at < read.length; at++) {
      const unit = read.charCodeAt(at)
      let next = state.next.get(unit)
      while (next === undefined && state.fallback !== undefined) {
        state = state.fallback
        next = state.next.get(unit)
      }
      state = next ?? root
      if ((state.word !== undefined || state.shorter !== undefined) && found(state)) return
    }
  }

  return {
    isIn: (text) => {
      let is = false
      scan(text, () => (is = true))
      return is
    },
    allIn: (text) => {
      const all = new Set<string>()
      scan(text, (end) => {
        for (let state: State | undefined = end; state !== undefined; state = state.shorter) {
          if (state.word !== undefined) all.add(state.word)
        }
        return false
      })
      return all.size === 0 ? none : [...all]
    }
  }
}
