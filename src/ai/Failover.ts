/**
 * Which model is asked next. Pure, but for the books of one call: what became of each model in it.
 */
import { type Blame, blameOf, type ByBlame, type Code } from "../errors/index.ts"
import { codeIn } from "./AiErrors.ts"

/** What follows from a failure of one model. */
export type AfterFailure =
  /** The call ends: any model would say the same. */
  | "end"
  /** Another model is asked; this one again in a later round. */
  | "next"
  /** Another model is asked, and this one not again in this call: it would say the same. */
  | "leave"

const byBlame = {
  caller: "end",
  content: "end",
  credential: "leave",
  quota: "leave",
  rate: "next",
  model: "leave",
  channel: "leave",
  upstream: "next",
  timeout: "next",
  transport: "next",
  rejected: "next",
  exhausted: "next",
  storage: "next",
  cancelled: "end",
  defect: "end"
} as const satisfies ByBlame<AfterFailure>

/** The caller's faults that are faults before one model only: another may have the words, or the room. */
const ofOneModel: ReadonlySet<unknown> = new Set<Code>(["convert_request_failed", "context_length_exceeded"])

/** What follows from an error of one model, by whose fault it is. Of an error that nobody knows: the next one. */
export const afterFailure = (error: unknown): AfterFailure => {
  if (ofOneModel.has(codeIn(error))) return "leave"
  const blame: Blame | undefined = blameOf(error)
  return blame === undefined ? "next" : byBlame[blame]
}

/** Where a model stands in a round. */
type Standing = "idle" | "asked" | "failed"

/** The books of one call: in which order its models are asked, and which are left out. */
export class Turns<A> {
  private readonly members: ReadonlyArray<A>
  private readonly left = new Set<A>()
  private readonly standing = new Map<A, Standing>()
  private first = 0

  constructor(members: ReadonlyArray<A>) {
    this.members = members
  }

  /** A new round: whoever was not left out may be asked again. */
  round(): void {
    this.standing.clear()
  }

  /**
   * Whom to ask now: the first that nobody has asked in this round. Whoever asks beside another (`beside`) may ask one
   * that is under way, if there is no other. `undefined`: there is nobody.
   */
  take(beside: boolean): A | undefined {
    const usable = this.order().filter((member) => !this.left.has(member))
    const found =
      usable.find((member) => this.of(member) === "idle") ??
      (beside ? usable.find((member) => this.of(member) === "asked") : undefined)
    if (found !== undefined) this.standing.set(found, "asked")
    return found
  }

  /** A model has failed. */
  failed(member: A, after: AfterFailure): void {
    this.standing.set(member, "failed")
    if (after === "leave") this.left.add(member)
  }

  /** The answer of this model broke: whoever stands behind it is asked first from now on, and it last. */
  broke(member: A): void {
    this.first = (this.members.indexOf(member) + 1) % this.members.length
  }

  private order(): ReadonlyArray<A> {
    return this.first === 0 ? this.members : [...this.members.slice(this.first), ...this.members.slice(0, this.first)]
  }

  private of(member: A): Standing {
    return this.standing.get(member) ?? "idle"
  }
}
