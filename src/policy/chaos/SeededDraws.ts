/**
 * Numbers that look like chance and are the same for the same seed: mulberry32 (Tommy Ettinger), a state of 32 bits.
 * Enough to choose where a test hurts; not for secrets.
 */
export const seededDraws = (seed: number): (() => number) => {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
