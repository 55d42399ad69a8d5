/**
 * A set in slots, for what comes and goes with each request (see `HeldMap` for why): each member knows its place, and the
 * last one takes the place of one that leaves.
 */

/** What can be a member: of one `Slots` at a time. */
export interface Slotted {
  /** Its place, or `undefined` while it is no member. Only `Slots` writes it. */
  slot: number | undefined
}

/** The members. */
export class Slots<A extends Slotted> {
  private readonly members: Array<A> = []

  /** How many there are. */
  get size(): number {
    return this.members.length
  }

  /** Adds one that is no member. */
  add(member: A): void {
    member.slot = this.members.push(member) - 1
  }

  /** Takes one out; what is no member is left alone. */
  delete(member: A): void {
    const { slot } = member
    if (slot === undefined) return
    member.slot = undefined
    const last = this.members.pop()
    if (last === undefined || last === member) return
    this.members[slot] = last
    last.slot = slot
  }

  /**
   * Calls back for each, from the last to the first. Members may come and go meanwhile: those that come are not told, and
   * one that takes the place of another may be told twice.
   */
  each(tell: (member: A) => void): void {
    for (let n = this.members.length - 1; n >= 0; n--) {
      const member = this.members[n]
      if (member !== undefined) tell(member)
    }
  }

  /** Those that are members now. */
  all(): ReadonlyArray<A> {
    return this.members.slice()
  }
}
