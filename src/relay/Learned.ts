/**
 * What an answer learns of its targets: what they do not take although no client had asked for it. They are then asked
 * without it, or otherwise. What is true of a target is told to the selection, and known to every answer; what is true of
 * this one answer alone stays here.
 */
import type { SelectionService, Target } from "../channel/index.ts"
import {
  type AnswerRequest,
  type ContinuationMode,
  type DialectsService,
  refusableIn,
  refusedField,
  refusesStream,
  refusesThisStream,
  refusesValue,
  type Refusal,
  takenAfterAll
} from "../dialect/index.ts"
import { blameOf } from "../errors/index.ts"
import type { AnswerContext } from "./AnswerStart.ts"
import type { UnderWay } from "./UnderWay.ts"
import type { AttemptEnd } from "./AttemptEnd.ts"
import { continuationModes, refusesForGood, refusesGiven, refusesGivenForGood, refusesMode } from "./Decision.ts"

/**
 * For whom it holds that a field was refused: for all who ask the target; for this answer's conversation, whoever is asked;
 * or for this request alone, of this target. `none`: it is taken after all.
 */
type Holds = "all" | "conversation" | "request" | "none"

interface RefusedField {
  readonly path: string
  readonly holds: Holds
}

/** An attempt, as far as it says what its target was asked. */
type Asked = Pick<UnderWay, "machine" | "sent" | "streams" | "target" | "without">

/** One answer's. */
export class Learned {
  private readonly request: AnswerRequest
  private readonly selection: SelectionService
  private readonly dialects: DialectsService
  /** What of this conversation was refused: for this answer only, whoever is asked. */
  private readonly refusedOnce = new Set<string>()
  /** What a target has refused of this request alone, by its key. */
  private readonly refusedHere = new Map<string, Set<string>>()
  /** What a target was given back, by its key: that is not taken away from it twice. */
  private readonly givenBack = new Map<string, Set<string>>()
  /** The modes in which targets did not go on from this answer: from another one they may. */
  private readonly declined = new Map<string, ReadonlyArray<ContinuationMode>>()
  private readonly gaveToken: (target: Target) => boolean

  /** @param gaveToken Whether a target has said by which token it goes on from where the answer is. */
  constructor(
    request: AnswerRequest,
    { dialects, selection }: Pick<AnswerContext, "dialects" | "selection">,
    gaveToken: (target: Target) => boolean
  ) {
    this.request = request
    this.selection = selection
    this.dialects = dialects
    this.gaveToken = gaveToken
  }

  /** Whether a target is asked for a stream: its channel gives them, and it has not refused one that no client had asked for. */
  streams(target: Target): boolean {
    return (
      target.channel.stream &&
      !this.selection.refused(target).fields.has(streamField) &&
      this.refusedHere.get(keyOf(target))?.has(streamField) !== true
    )
  }

  /** The modes in which a target may go on from this answer, in the order in which they are tried. */
  continuations(target: Target): ReadonlyArray<ContinuationMode> {
    // From what was given with the request who gives no stream goes on too.
    if (this.request.given === undefined && !this.streams(target)) return []
    return continuationModes(this.request, target, this.modes(target), this.dialects)
  }

  /** The modes in which a target does not go on from this answer. */
  modes(target: Target): ReadonlySet<ContinuationMode> {
    const { modes } = this.selection.refused(target)
    const declined = this.declined.get(keyOf(target)) ?? []
    return this.gaveToken(target) ? new Set([...modes, ...declined]) : new Set([...modes, ...declined, "token"])
  }

  /** Whether a token of this target's is no use any more. */
  declinesToken(target: Target): boolean {
    return this.declined.get(keyOf(target))?.includes("token") === true
  }

  /**
   * What of a body a target does not take, as far as that is known now: of what its own dialect's client wrote, nothing is
   * taken away.
   */
  fields(target: Target): ReadonlySet<string> {
    const { fields } = this.selection.refused(target)
    const here = this.refusedHere.get(keyOf(target)) ?? nothing
    if (fields.size === 0 && here.size === 0) return this.refusedOnce.size === 0 ? nothing : new Set(this.refusedOnce)
    const refusable = this.dialects.of(target.channel.dialect).refusable(this.request)
    const kept = this.givenBack.get(keyOf(target)) ?? nothing
    const left = refusable.filter((field) => (fields.has(field) || here.has(field)) && !kept.has(field))
    return new Set([...left, ...this.refusedOnce])
  }

  /** Whether a target did not take a field that no client had asked for. */
  isOfField(asked: Asked, end: AttemptEnd): boolean {
    return this.field(asked, end) !== undefined
  }

  /**
   * What a target did not take, by how its attempt ended, and remembers it. `mode` is the one that it was asked in. What it
   * was asked with counts, and not what is known by now: another answer may have learnt the same meanwhile.
   */
  from(asked: Asked, mode: ContinuationMode | undefined, end: AttemptEnd): Refusal | undefined {
    const { target } = asked
    const field = this.field(asked, end)
    if (field !== undefined) {
      const refusal = { _tag: "Field", path: field.path } as const
      this.take(target, refusal, field.holds)
      return refusal
    }
    if (mode === undefined) return undefined
    const { verdict } = end
    // Nothing but a token goes on from nothing.
    const given = mode !== "token" && !asked.machine.committed
    const otherwise = (): boolean => this.continuations(target).some((other) => other !== mode)
    if (given ? !refusesGiven(verdict, otherwise) : !refusesMode(verdict)) return undefined
    const refusal = { _tag: "Mode", mode } as const
    const forGood = given ? refusesGivenForGood : refusesForGood
    // What is said of a token holds for that one: who takes none gives none.
    if (mode !== "token" && forGood(verdict)) this.selection.rememberRefusal(target, refusal)
    else this.declined.set(keyOf(target), [...(this.declined.get(keyOf(target)) ?? []), mode])
    return refusal
  }

  /** Whether it is the client that asks for a stream, in the words of who is asked: then it is told of its refusal. */
  private asksStreamOf({ channel }: Target): boolean {
    return this.request.dialect === channel.dialect && this.request.body["stream"] === true
  }

  private take(target: Target, refusal: Extract<Refusal, { readonly _tag: "Field" }>, holds: Holds): void {
    const { path } = refusal
    switch (holds) {
      case "all":
        return this.selection.rememberRefusal(target, refusal)
      case "conversation":
        this.refusedOnce.add(path)
        return
      case "request":
        return addTo(this.refusedHere, target, path)
      case "none":
        this.refusedOnce.delete(path)
        this.selection.forgetRefusal(target, refusal)
        return addTo(this.givenBack, target, path)
    }
  }

  private field({ sent, streams, target, without }: Asked, { status, verdict }: AttemptEnd): RefusedField | undefined {
    if (verdict._tag !== "Broken" || !refusingStatuses.has(status)) return undefined
    const { error } = verdict
    // Nobody takes it away: it is the channel's own.
    if (blameOf(error) === "channel") return undefined
    if (streams && !this.asksStreamOf(target) && refusesStream(error, sent)) {
      return { path: streamField, holds: refusesThisStream(error) ? "request" : "all" }
    }
    const back = takenAfterAll(error, status, without, sent)
    if (back !== undefined) return { path: back, holds: "none" }
    const dialect = this.dialects.of(target.channel.dialect)
    const once = dialect.refusableOnce?.(this.request) ?? []
    const kept = this.givenBack.get(keyOf(target)) ?? nothing
    // What is more exact comes first.
    const left = refusableIn(error, [...once, ...dialect.refusable(this.request)]).filter(
      (field) => !without.has(field) && !kept.has(field)
    )
    const named = (among: ReadonlyArray<string>) => refusedField(error, status, among, sent)
    const path = named(left)
    if (path === undefined) return undefined
    // Of two that exclude each other, each is taken alone.
    const param = error.upstream?.param ?? ""
    const together = param === "" && named(left.filter((field) => field !== path)) !== undefined
    if (together || once.includes(path)) return { path, holds: "conversation" }
    return { path, holds: refusesValue(error) ? "request" : "all" }
  }
}

const nothing: ReadonlySet<string> = new Set()

const addTo = (byTarget: Map<string, Set<string>>, target: Target, path: string): void => {
  const key = keyOf(target)
  byTarget.set(key, (byTarget.get(key) ?? new Set()).add(path))
}

/** By this name it is remembered that a target gives no streams. */
const streamField = "stream"

const refusingStatuses: ReadonlySet<number | undefined> = new Set([400, 422])

const keyOf = ({ channel, model }: Target): string => `${channel.id} ${model}`
