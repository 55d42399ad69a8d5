/**
 * Things that come and go with requests: connections that read, requests under way.
 *
 * HOT: a `Set` or a `Map` would do the same, and keep all that was ever in it until the next mark-compact: when V8 makes
 * such a table anew it leaves in the old one what was in it, and a pointer to the new one; once one of them has grown old,
 * all later ones live as long as it does. Here a place is emptied and used again.
 */

/** A bag of things, each in a place that it is given, and gives back. */
export class Slots<A extends object> implements Iterable<A> {
  private readonly places: Array<A | undefined> = []
  private readonly free: Array<number> = []

  /** How many there are. */
  get size(): number {
    return this.places.length - this.free.length
  }

  /** Puts it in, and gives its place. */
  add(one: A): number {
    const place = this.free.pop() ?? this.places.length
    this.places[place] = one
    return place
  }

  /** Takes it out. Once: what is not in its place is left alone. */
  remove(one: A, place: number): void {
    if (this.places[place] !== one) return
    this.places[place] = undefined
    this.free.push(place)
  }

  /** All that are in, in no order. What is taken out meanwhile is not given; what is put in may be. */
  *[Symbol.iterator](): Iterator<A> {
    for (let place = 0; place < this.places.length; place++) {
      const one = this.places[place]
      if (one !== undefined) yield one
    }
  }
}
