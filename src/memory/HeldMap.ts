/**
 * Maps and sets for what comes and goes with each request. V8's own let go late: when a table has grown old, each later
 * table of the same map lives, with all that was in it, until the whole heap is marked. That was 30 kB of every request,
 * copied twice by the collector and kept for seconds. Here a table holds cells, and a cell is emptied when its member
 * leaves.
 */

interface Cell<V> {
  held: V | undefined
}

/** A map whose members can be collected once they are deleted. Values are not `undefined`. */
export class HeldMap<K, V extends {}> {
  private readonly cells = new Map<K, Cell<V>>()

  get size(): number {
    return this.cells.size
  }

  get(key: K): V | undefined {
    return this.cells.get(key)?.held
  }

  has(key: K): boolean {
    return this.cells.has(key)
  }

  set(key: K, value: V): void {
    const cell = this.cells.get(key)
    if (cell === undefined) this.cells.set(key, { held: value })
    else cell.held = value
  }

  /** Whether it was there. */
  delete(key: K): boolean {
    const cell = this.cells.get(key)
    if (cell === undefined) return false
    cell.held = undefined
    return this.cells.delete(key)
  }

  /** The members that are there now: who deletes some meanwhile is given those all the same. */
  values(): Array<V> {
    const values: Array<V> = []
    for (const { held } of this.cells.values()) if (held !== undefined) values.push(held)
    return values
  }

  /** The members and their keys, in the same way. */
  entries(): Array<readonly [K, V]> {
    const entries: Array<readonly [K, V]> = []
    for (const [key, { held }] of this.cells) if (held !== undefined) entries.push([key, held])
    return entries
  }

  clear(): void {
    for (const cell of this.cells.values()) cell.held = undefined
    this.cells.clear()
  }
}
