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
export const foldWidely: Folding = (text) =>
  // The last one writes a sigma by what stands behind it, which of a word is not what it is in a text.
  text.normalize("NFKC").toLowerCase().toUpperCase().toLowerCase().replaceAll("ς", "σ")

const none: ReadonlyArray<string> = []

/**
 * The automaton. A state is a number: what has been read of some words, 0 nothing. HOT for who has many words: a state is
 * some 30 bytes in arrays that all of them share, and what follows it is found in one table. As objects with a `Map`
 * each they take several times as much memory, and as long to make.
 */
class Automaton {
  private states = 1
  /** The state before, the letter that led here, and how many letters were read. */
  private readonly parent: Int32Array
  private readonly letter: Uint16Array
  private readonly depth: Int32Array
  /** The longest end of what was read that begins another word. */
  private readonly fallback: Int32Array
  /** Which word has been read whole, by its number; -1 none. */
  private readonly word: Int32Array
  /** The longest end of what was read that is a word, where that is not all of it; -1 none. */
  private readonly shorter: Int32Array
  /** States by the state and letter before them: open addressing, at most half full; 0 is free. */
  private readonly table: Int32Array

  constructor(words: ReadonlyArray<string>) {
    const most = words.reduce((sum, { length }) => sum + length, 1)
    this.parent = new Int32Array(most)
    this.letter = new Uint16Array(most)
    this.depth = new Int32Array(most)
    this.fallback = new Int32Array(most)
    this.word = new Int32Array(most).fill(-1)
    this.shorter = new Int32Array(most).fill(-1)
    this.table = new Int32Array(2 ** Math.ceil(Math.log2(2 * most)))
    for (const [number, word] of words.entries()) this.add(word, number)
    for (const state of this.byDepth()) {
      const parent = this.parent[state]!
      const fallback = parent === 0 ? 0 : this.follow(this.fallback[parent]!, this.letter[state]!)
      this.fallback[state] = fallback
      this.shorter[state] = this.word[fallback]! >= 0 ? fallback : this.shorter[fallback]!
    }
  }

  private add(word: string, number: number): void {
    let state = 0
    for (let at = 0; at < word.length; at++) {
      const letter = word.charCodeAt(at)
      const slot = this.slotOf(state, letter)
      let next = this.table[slot]!
      if (next === 0) {
        next = this.states++
        this.table[slot] = next
        this.parent[next] = state
        this.letter[next] = letter
        this.depth[next] = at + 1
      }
      state = next
    }
    if (state !== 0 && this.word[state] === -1) this.word[state] = number
  }

  /** All states but the first, so that where one falls back to is known before what follows it: a counting sort. */
  private byDepth(): Int32Array {
    const { depth, states } = this
    let deepest = 0
    for (let state = 1; state < states; state++) deepest = Math.max(deepest, depth[state]!)
    const starts = new Int32Array(deepest + 2)
    for (let state = 1; state < states; state++) starts[depth[state]! + 1]! += 1
    for (let level = 1; level < starts.length; level++) starts[level]! += starts[level - 1]!
    const sorted = new Int32Array(states - 1)
    for (let state = 1; state < states; state++) sorted[starts[depth[state]!]!++] = state
    return sorted
  }

  /** Whether no words were given. */
  get isEmpty(): boolean {
    return this.states === 1
  }

  /** Calls `found` at each end of a word, until it gives `true`. */
  scan(read: string, found: (state: number) => boolean): void {
    let state = 0
    for (let at = 0; at < read.length; at++) {
      state = this.follow(state, read.charCodeAt(at))
      if ((this.word[state]! >= 0 || this.shorter[state]! >= 0) && found(state)) return
    }
  }

  /** The words that end where a state was reached, by their numbers. */
  wordsAt(end: number): ReadonlyArray<number> {
    const words: Array<number> = []
    for (let state = end; state >= 0; state = this.shorter[state]!) {
      const word = this.word[state]!
      if (word >= 0) words.push(word)
    }
    return words
  }

  /** Where the state behind a letter stands in the table, or would. */
  private slotOf(state: number, letter: number): number {
    const { parent, table } = this
    const mask = table.length - 1
    let slot = (Math.imul(state, 0x9e3779b1) ^ Math.imul(letter, 0x85ebca6b)) >>> 0
    slot = (slot ^ (slot >>> 15)) & mask
    for (;;) {
      const next = table[slot]!
      if (next === 0 || (parent[next] === state && this.letter[next] === letter)) return slot
      slot = (slot + 1) & mask
    }
  }

  /** The state behind a letter, of the longest end of what was read that can go on with it. */
  private follow(state: number, letter: number): number {
    for (;;) {
      const next = this.table[this.slotOf(state, letter)]!
      if (next !== 0 || state === 0) return next
      state = this.fallback[state]!
    }
  }
}

/**
 * Makes the automaton of some words; words of white space alone are none, and white space around a word does not count.
 * Memory is about 35 bytes a letter of the words, and a text costs some nanoseconds a letter, whatever the words
 * (`npm run bench -- keywords`).
 *
 * @param fold Default: `foldCase`.
 */
export const makeWordFinder = (words: ReadonlyArray<string>, fold: Folding = foldCase): WordFinder => {
  const automaton = new Automaton(words.map((word) => fold(word.trim())))
  if (automaton.isEmpty) return { isIn: () => false, allIn: () => none }
  return {
    isIn: (text) => {
      let is = false
      automaton.scan(fold(text), () => (is = true))
      return is
    },
    allIn: (text) => {
      const all = new Set<number>()
      automaton.scan(fold(text), (end) => {
        for (const word of automaton.wordsAt(end)) all.add(word)
        return false
      })
      return all.size === 0 ? none : [...all].map((word) => words[word]!)
    }
  }
}
