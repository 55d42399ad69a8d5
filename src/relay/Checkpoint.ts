/**
 * Going on by an upstream's own token. Some models say in the midst of an answer from where on they can go on, or put a long
 * one down at such a place; asked with that token, they write what comes behind it, exactly, and whatever else they wrote
 * behind it comes again. So a token is good for an answer of which all that it stands for was shown, and no more.
 *
 * Where a channel goes on by tokens (`continuation: token`), what comes behind a token is held back until the next one, or
 * until the end is known: after a loss nothing of it was sent. Where it goes on as it can (`auto`), nothing is held back,
 * and a token counts if nothing was shown behind it.
 */
import type { Target } from "../channel/index.ts"
import type { Delta, UpstreamEvent } from "../dialect/index.ts"
import type { ResilienceError } from "../errors/index.ts"
import { maxText } from "./AnswerLength.ts"
import type { Fed } from "./Attempt.ts"
import type { Phase } from "./Phase.ts"
import { cut, going, type Verdict } from "./Verdict.ts"

/** A token that an upstream gave, and for how much of the answer it stands. */
export interface Checkpoint {
  readonly channel: string
  /** The upstream's name of the model. */
  readonly model: string
  readonly token: string
  /** The upstream has put its answer down there: it goes on by this token, whatever its channel says of losses. */
  readonly paused: boolean
  /** How much text was shown: what another process can see of an answer. */
  readonly offset: number
  /** `Machine.position`, as it was. */
  readonly position: number
  /** How the attempt that was given it was asked to go on, and how much of the partial with. Absent: it began the answer. */
  readonly after?: { readonly mode: "prefill" | "message"; readonly length: number } | undefined
}

/** Whether a target can be asked by a token where the answer is now. Nobody else knows what it means. */
export const leadsOn = (
  checkpoint: Checkpoint | undefined,
  { channel, model }: Target,
  position: number | undefined
): checkpoint is Checkpoint =>
  checkpoint !== undefined &&
  position === checkpoint.position &&
  channel.id === checkpoint.channel &&
  model === checkpoint.model

/** What is done with the tokens of an attempt. */
export interface CheckpointOptions {
  /** The token that it was asked by. */
  readonly asked: string | undefined
  /** What comes behind a token is held back. */
  readonly holds: boolean
  /** The upstream may put its answer down: it can be asked for the rest. */
  readonly pauses: boolean
  /** The answer's machine has all that this token stands for, and no more. */
  readonly onToken: (token: string, paused: boolean) => void
}

interface Held {
  readonly delta: Delta
  readonly size: number
}

/** Stands between an upstream that gives tokens and the machine of its answer. */
export class Checkpoints implements Fed {
  private readonly machine: Fed
  private readonly options: CheckpointOptions
  private held: Array<Held> = []
  private size = 0
  private holding = false
  /** A finish was said: what follows belongs to the end. */
  private finished = false

  constructor(machine: Fed, options: CheckpointOptions) {
    this.machine = machine
    this.options = options
  }

  get phase(): Phase {
    return this.machine.phase
  }

  step(event: UpstreamEvent, size = 0): Verdict {
    switch (event._tag) {
      case "Delta":
        return this.delta(event, size)
      case "Done": {
        const verdict = this.release()
        return verdict._tag === "Going" ? this.machine.step(event) : verdict
      }
      case "Fault":
        this.drop()
        return this.machine.step(event)
    }
  }

  eof(): Verdict {
    // With an end nothing would be held.
    if (this.held.length === 0) return this.machine.eof()
    return this.loss(cut())
  }

  loss(error: ResilienceError): Verdict {
    this.drop()
    return this.machine.loss(error)
  }

  pause(): Verdict {
    return this.machine.pause()
  }

  private delta(delta: Delta, size: number): Verdict {
    const { checkpoint, finish } = delta
    if (checkpoint === undefined && finish === undefined) {
      return this.holding ? this.hold(delta, size) : this.machine.step(delta, size)
    }
    const verdict = this.release()
    if (verdict._tag !== "Going") return verdict
    this.finished ||= finish !== undefined
    const said = this.machine.step(delta, size)
    if (checkpoint === undefined || said._tag !== "Going") return said
    return checkpoint.paused ? this.putDown(checkpoint.token) : this.reach(checkpoint.token)
  }

  /** What comes from here on may come again. */
  private reach(token: string): Verdict {
    const { phase } = this.machine
    // What waits for its seam to be found is not shown yet: the token before it stands for what was.
    if (phase._tag === "Joining" && phase.stitcher.holding) return going
    this.holding = this.options.holds && !this.finished
    this.options.onToken(token, false)
    return going
  }

  /** A token that leads to where it was given would be asked for ever. */
  private putDown(token: string): Verdict {
    const { asked, onToken, pauses } = this.options
    if (!pauses || token === asked) return this.eof()
    const verdict = this.machine.pause()
    if (verdict._tag === "Paused") onToken(token, true)
    return verdict
  }

  private hold(delta: Delta, size: number): Verdict {
    this.held.push({ delta, size })
    this.size += size
    // Longer than any answer: it is for the machine to say so.
    return this.size > maxText ? this.release() : going
  }

  private release(): Verdict {
    const { held } = this
    this.drop()
    for (const { delta, size } of held) {
      const verdict = this.machine.step(delta, size)
      if (verdict._tag !== "Going") return verdict
    }
    return going
  }

  private drop(): void {
    this.held = []
    this.size = 0
    this.holding = false
  }
}
