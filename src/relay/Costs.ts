/**
 * What the attempts of an answer show and cost, as they go: of each that showed something a part, the last one still open.
 */
import type { Usage } from "../dialect/index.ts"
import { sumUsage, type UsagePart } from "./UsageSum.ts"

/** The costs of one answer. */
export class Costs {
  private readonly parts: Array<UsagePart> = []
  private part: UsagePart = { quarters: 0, usage: undefined }
  private readonly inputEstimate: () => number

  constructor(inputEstimate: () => number) {
    this.inputEstimate = inputEstimate
  }

  /**
   * Takes them up where a note left them. What was shown since then, of `shown` quarters of tokens in all, is counted too,
   * unless all of it was `noted`.
   */
  restore(costs: ReadonlyArray<UsagePart>, shown: number, noted: boolean): void {
    this.parts.push(...costs)
    const lost = shown - costs.reduce((sum, { quarters }) => sum + quarters, 0)
    if (lost <= 0 || noted) return
    // What came after the note is the same attempt's, as far as is known: each part is rounded up.
    const before = this.parts.at(-1)?.usage === undefined ? (this.parts.pop()?.quarters ?? 0) : 0
    this.parts.push({ quarters: before + lost, usage: undefined })
  }

  /** An attempt begins the answer: what the others cost is in the trail. */
  begin(): void {
    this.parts.length = 0
    this.part = { quarters: 0, usage: undefined }
  }

  /**
   * What comes next is another attempt's. One that showed nothing is no part of the answer, but what `goesOn` has been thought
   * out by it; one that does not go on may say again what was said.
   */
  next(goesOn: boolean): void {
    const { part } = this
    if (part.quarters > 0 || (goesOn && part.usage !== undefined)) this.parts.push(part)
    this.part = { quarters: 0, usage: undefined, ...(goesOn ? {} : { repeated: 0 }) }
  }

  /** Four times the estimate of more tokens that were shown. */
  show(quarters: number): void {
    this.part.quarters += quarters
  }

  /** What the upstream of the attempt under way says of it. */
  report(usage: Usage): void {
    this.part.usage = usage
  }

  /** The attempt under way has said again what is not shown, where it is one that may. */
  repeat(quarters: number): void {
    if (this.part.repeated !== undefined) this.part.repeated = quarters
  }

  /** The usage so far, estimated where no upstream said it. */
  get usage(): Usage {
    return sumUsage([...this.parts, this.part], this.inputEstimate)
  }

  /** What a note keeps: as it is now, whatever comes. */
  get noted(): ReadonlyArray<UsagePart> {
    const { part, parts } = this
    return part.quarters > 0 || part.usage !== undefined ? [...parts, { ...part }] : parts.slice()
  }
}
