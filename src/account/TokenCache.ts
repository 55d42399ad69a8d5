/**
 * The tokens of the books that were found, and the keys that nobody has. Bounded both; what a flood of guesses pushes
 * out is guesses.
 *
 * When any token has changed, all that is known is stale: each is asked for anew when it is next shown, and is still
 * there to answer with while the books are away. Pure, but for being mutable.
 */
import type { Token } from "./Token.ts"

/** A token, and until when the key it was found by is good (epoch milliseconds; `undefined`: as long as it is). */
export interface Found {
  readonly token: Token
  readonly until: number | undefined
}

/** What is kept of a key. */
export interface Known extends Found {
  /** Before which change it was read. */
  readonly mark: number
}

/** Keys that are kept of each kind. */
const capacity = 10_000

/** The cache. */
export class TokenCache {
  #mark = 0
  readonly #known = new Map<string, Known>()
  readonly #strangers = new Map<string, number>()

  /** Some token has changed. */
  changed(): void {
    this.#mark++
  }

  /** Taken before the books are asked, so that a change in the meantime is not missed. */
  mark(): number {
    return this.#mark
  }

  /** What is known of a key, stale or not. */
  known(digest: string): Known | undefined {
    return this.#known.get(digest)
  }

  /** Whether nothing has changed since it was read. */
  isFresh(known: Known): boolean {
    return known.mark === this.#mark
  }

  /** Whether nobody has this key, unless something has changed since. */
  isStranger(digest: string): boolean {
    return this.#strangers.get(digest) === this.#mark
  }

  /** Keeps what the books said of a key. */
  keep(digest: string, found: Found | undefined, mark: number): void {
    this.#known.delete(digest)
    this.#strangers.delete(digest)
    if (found === undefined) put(this.#strangers, digest, mark)
    else put(this.#known, digest, { ...found, mark })
  }
}

/** Adds, in place of the oldest where there is no room. */
const put = <A>(map: Map<string, A>, key: string, value: A): void => {
  const oldest = map.size < capacity ? undefined : map.keys().next().value
  if (oldest !== undefined) map.delete(oldest)
  map.set(key, value)
}
