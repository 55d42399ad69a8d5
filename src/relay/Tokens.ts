/**
 * The tokens that an answer's upstreams give: who is asked by one, and what stands between them and the answer's machine.
 */
import type { Target } from "../channel/index.ts"
import type { DialectsService } from "../dialect/index.ts"
import type { Answer } from "./Answer.ts"
import type { UnderWay } from "./UnderWay.ts"
import type { Fed } from "./Attempt.ts"
import { type Checkpoint, Checkpoints, leadsOn } from "./Checkpoint.ts"
import type { Learned } from "./Learned.ts"

/** Whether a target has said by which token it goes on from where the answer is. */
export const gaveToken = ({ checkpoint, machine }: Answer, target: Target): boolean =>
  leadsOn(checkpoint, target, machine.position)

/** One answer's. */
export class Tokens {
  private readonly answer: Answer
  private readonly learned: Learned
  private readonly dialects: DialectsService

  constructor(answer: Answer, learned: Learned, dialects: DialectsService) {
    this.answer = answer
    this.learned = learned
    this.dialects = dialects
  }

  /** Whether a target is asked by its token: what an upstream has put down itself goes on by nothing else. */
  leadOn(target: Target): boolean {
    const { answer, learned } = this
    if (!gaveToken(answer, target) || learned.declinesToken(target)) return false
    return answer.checkpoint?.paused === true || learned.continuations(target)[0] === "token"
  }

  /** How an attempt is asked to go on, in words: one by token goes on with the request that its token was given for. */
  private askedBy({ machine, mode }: UnderWay): Checkpoint["after"] {
    if (mode === "token") return this.answer.checkpoint?.after
    return mode === "prefill" || mode === "message" ? { mode, length: machine.partial.length } : undefined
  }

  /** What an upstream that gives tokens says goes to its machine through this; of several choices none is gone on with. */
  between(begun: UnderWay, machine: Fed): Fed {
    const { answer } = this
    const { channel, model } = begun.target
    const can = this.dialects.of(channel.dialect).continuations(model)
    if (answer.start.request.choices > 1 || !can.includes("token")) return machine
    const after = this.askedBy(begun)
    const holds = channel.continuation === "token" && answer.settings.recovery.mode !== "off"
    return new Checkpoints(machine, {
      asked: begun.mode === "token" ? answer.checkpoint?.token : undefined,
      holds,
      pauses: !this.learned.declinesToken(begun.target),
      onToken: (token, paused) => {
        const { committed, position, text } = begun.machine
        if (position === undefined) return
        begun.checkpoint = { channel: channel.id, model, token, paused, offset: text.length, position, after }
        // Where nothing is shown behind it, whoever takes the answer up can go on by it.
        if (holds && committed) answer.note("streaming")
      }
    })
  }
}
