/**
 * A set in slots: see `HeldMap` for why. A member is told its slot when it comes, and leaves by it.
 */

/** A set whose members can be collected once they have left. */
export class HeldSet<V extends object> {
  private readonly slots: Array<V | undefined> = []
  private readonly free: Array<number> = []

  get size(): number {
    return this.slots.length - this.free.length
  }

  /** Adds a member, and gives its slot. One that is there already is there twice. */
  add(member: V): number {
    const slot = this.free.pop() ?? this.slots.length
    this.slots[slot] = member
    return slot
  }

  has(member: V, slot: number): boolean {
    return this.slots[slot] === member
  }

  /** Whether it was there. Its slot may be another's by now. */
  delete(member: V, slot: number): boolean {
    if (this.slots[slot] !== member) return false
    this.slots[slot] = undefined
    this.free.push(slot)
    return true
  }

  /** The members that are there now: those that leave meanwhile are given all the same. */
  values(): Array<V> {
    const members: Array<V> = []
    for (const member of this.slots) if (member !== undefined) members.push(member)
    return members
  }
}
