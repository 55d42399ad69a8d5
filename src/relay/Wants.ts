/**
 * What an answer wants of its next target, in the words of `Selection`: by what it has tried, what can be done with what it
 * has shown, and what targets have refused.
 */
import type { Home, Target, Wanted } from "../channel/index.ts"
import type { Answer } from "./Answer.ts"
import type { AnswerContext } from "./AnswerStart.ts"
import { continuable, isRoomier, roomOf, splices } from "./Decision.ts"
import type { Learned } from "./Learned.ts"
import * as Pursuit from "./Pursuit.ts"
import type { Tokens } from "./Tokens.ts"
import { passedOver } from "./Trail.ts"

type Ask = Extract<Pursuit.Step, { readonly _tag: "Ask" }>

/** One answer's. */
export class Wants {
  private readonly answer: Answer
  private readonly context: Pick<AnswerContext, "dialects" | "now" | "selection">
  private readonly learned: Learned
  private readonly tokens: Tokens
  private readonly home: Home | undefined
  /** The fields that each channel has no words for. */
  private readonly wordless = new Map<string, ReadonlyArray<string>>()

  constructor(
    answer: Answer,
    context: Pick<AnswerContext, "dialects" | "now" | "selection">,
    learned: Learned,
    tokens: Tokens,
    home: Home | undefined
  ) {
    this.answer = answer
    this.context = context
    this.learned = learned
    this.tokens = tokens
    this.home = home
  }

  /** A target that can be had at once. */
  now({ only, otherKey }: Pick<Ask, "only" | "otherKey">): Wanted {
    const { machine, pin, pursuit, start } = this.answer
    const partial = pursuit.broke === undefined && start.request.given === undefined ? "" : machine.partial
    const continuing = partial !== ""
    const spliced = continuing && splices(start.request, partial)
    const { outgrown } = pursuit
    const suits = (target: Target): boolean =>
      (outgrown === undefined || isRoomier(roomOf(target), outgrown)) &&
      (!continuing ||
        // By its own token what it does is exact, whatever was asked for.
        this.tokens.leadOn(target) ||
        (spliced && this.goesOn(target)))
    return {
      model: start.request.model,
      group: start.group,
      tried: Pursuit.triedOf(pursuit),
      only,
      otherKey,
      prefer: this.home,
      pin,
      suits: continuing || outgrown !== undefined ? suits : undefined,
      unsaid: this.unsaid
    }
  }

  /** Whether a target can go on from the answer: from what was given with the request, one that does not stream can. */
  private goesOn(target: Target): boolean {
    const { machine, start } = this.answer
    const modes = this.learned.continuations(target)
    return machine.committed ? continuable(start.request, machine.phase, target, modes) : modes.length > 0
  }

  /** The same, where it may be waited for one that rests. What is pinned is asked although it rests. */
  inTime(wanted: Wanted): Wanted {
    if (wanted.pin !== undefined) return wanted
    const { deadlineAt, pursuit, settings } = this.answer
    const { waitUpTo } = pursuit.broke === undefined ? settings.retry : settings.recovery
    return { ...wanted, wait: { upToMillis: waitUpTo, leftMillis: deadlineAt - this.context.now() } }
  }

  /** How many channels could be asked now that were not, once this one was. */
  fresh({ channel }: Target): number {
    const tried = Pursuit.askedOf(this.answer.pursuit, channel.id)
    return this.context.selection.fresh({ ...this.now(Pursuit.anybody), tried })
  }

  /** Whether a channel could be asked again now. */
  isUsable({ channel }: Target): boolean {
    const { pin, pursuit, start } = this.answer
    const { group, request } = start
    const tried = Pursuit.triedOf(pursuit)
    return this.context.selection.usable({ model: request.model, group, tried, pin, only: channel.id })
  }

  /** The fields that a target has no words for. Of a channel that is passed over for them the trail tells, once. */
  private readonly unsaid = (target: Target): ReadonlyArray<string> => {
    const { id, dialect, onUnsupported } = target.channel
    if (onUnsupported === "drop") return []
    const known = this.wordless.get(id)
    if (known !== undefined) return known
    const fields = this.context.dialects.of(dialect).unsaid(this.answer.start.request, target.model)
    this.wordless.set(id, fields)
    const { trail } = this.answer
    if (fields.length > 0 && !trail.some(({ attempt, channel }) => attempt === 0 && channel === id)) {
      trail.push(passedOver(target, fields))
    }
    return fields
  }
}
