/**
 * What targets have refused although no client had asked for it. Each thing is remembered for an hour for its channel and
 * model: an upstream may learn it meanwhile.
 */
import type { ContinuationMode, Refusal } from "../dialect/index.ts"
import type { Target } from "./Channel.ts"

/** What a target does not take now. */
export interface Refused {
  readonly modes: ReadonlySet<ContinuationMode>
  /** Paths in the body that its dialect makes. */
  readonly fields: ReadonlySet<string>
}

const nothing: Refused = { modes: new Set(), fields: new Set() }

/** So long a refusal is remembered, in milliseconds. */
const remembered = 3_600_000

/** Of so many channels and models. */
const targetsRemembered = 1_000

type Remembered = Map<string, { readonly refusal: Refusal; readonly until: number }>

/** The refusals of all targets. */
export class Refusals {
  private readonly targets = new Map<string, Remembered>()

  of({ channel, model }: Target, now: number): Refused {
    const known = this.targets.get(keyOf(channel.id, model))
    if (known === undefined) return nothing
    const modes = new Set<ContinuationMode>()
    const fields = new Set<string>()
    for (const { refusal, until } of known.values()) {
      if (until <= now) continue
      if (refusal._tag === "Mode") modes.add(refusal.mode)
      else fields.add(refusal.path)
    }
    return { modes, fields }
  }

  remember({ channel, model }: Target, refusal: Refusal, now: number): void {
    const at = keyOf(channel.id, model)
    const known: Remembered = this.targets.get(at) ?? new Map()
    // A dialect has a handful of either: there is nothing to bound.
    known.set(nameOf(refusal), { refusal, until: now + remembered })
    this.targets.set(at, known)
    if (this.targets.size > targetsRemembered) this.targets.delete(this.targets.keys().next().value!)
  }

  /** A target takes what it had refused. */
  retract({ channel, model }: Target, refusal: Refusal): void {
    this.targets.get(keyOf(channel.id, model))?.delete(nameOf(refusal))
  }

  /** A channel is gone, or is another place now. */
  forget(channel: string): void {
    for (const at of this.targets.keys()) if (at.startsWith(keyOf(channel, ""))) this.targets.delete(at)
  }
}

const keyOf = (channel: string, model: string): string => `${channel} ${model}`

const nameOf = (refusal: Refusal): string =>
  refusal._tag === "Mode" ? `mode ${refusal.mode}` : `field ${refusal.path}`
