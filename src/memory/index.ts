/**
 * What is held in memory for as long as something runs, and let go of in the same turn.
 */
export { type HeldFibers, makeFibers } from "./HeldFibers.ts"
export { HeldMap } from "./HeldMap.ts"
export { Slots, type Slotted } from "./Slots.ts"
