/**
 * What was written last, by its text: who reads what this process has just written need not parse it. HOT: of nearly every
 * request that is its outcome, for the books, where a store has printed it.
 *
 * Things are looked for in the order in which they were written, so that the first look mostly finds. There are only so
 * many, because they are kept from the collector; what is not here any more is read from its text.
 */
export class LastWritten<A> {
  private readonly ring: Array<{ readonly text: string; readonly value: A } | undefined>
  private writeAt = 0
  private readAt = 0

  /** @param size How many are kept. */
  constructor(size: number) {
    this.ring = Array.from({ length: size })
  }

  add(text: string, value: A): void {
    this.ring[this.writeAt] = { text, value }
    this.writeAt = (this.writeAt + 1) % this.ring.length
  }

  /** Finds what nobody will look for again. */
  take(text: string): A | undefined {
    const at = this.placeOf(text)
    if (at === undefined) return undefined
    const value = this.ring[at]?.value
    this.ring[at] = undefined
    return value
  }

  private placeOf(text: string): number | undefined {
    const { length } = this.ring
    for (let n = 0; n < length; n++) {
      const at = (this.readAt + n) % length
      if (this.ring[at]?.text !== text) continue
      this.readAt = (at + 1) % length
      return at
    }
    return undefined
  }
}
