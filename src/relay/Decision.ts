/**
 * What to do about a failure: pure and total. The tables are the contract's, one line for each blame; a new blame does
 * not compile until it has its line.
 */
import type { Target } from "../channel/index.ts"
import type { AnswerRequest, Continuation, ContinuationMode, DialectsService } from "../dialect/index.ts"
import { type Blame, blameOf, type ByBlame, codeOf, type ResilienceError } from "../errors/index.ts"
import type { Phase } from "./Phase.ts"
import type { Verdict } from "./Verdict.ts"

/** Whether, and how, the channel that failed is asked again in the same request. */
type SameChannel =
  | "never"
  /** Another of its keys, at once. */
  | "otherKey"
  /** Another of its keys at once; else the same one after the hint, if that is short. */
  | "otherKeyOrHint"
  /** Once more, after a backoff. */
  | "onceWithBackoff"
  /** Once more, at once. */
  | "onceAtOnce"

interface Rule {
  readonly same: SameChannel
  /** Whether another channel may answer. */
  readonly move: boolean
  /** The channel is out for the whole request, even when nothing else is left. */
  readonly out: boolean
}

const stop: Rule = { same: "never", move: false, out: false }

/** The contract's table of classes: same channel again, another channel, out for the request. */
export const rules = {
  caller: stop,
  content: stop,
  credential: { same: "otherKey", move: true, out: true },
  quota: { same: "otherKey", move: true, out: false },
  rate: { same: "otherKeyOrHint", move: true, out: false },
  model: { same: "never", move: true, out: true },
  channel: { same: "never", move: true, out: true },
  upstream: { same: "onceWithBackoff", move: true, out: false },
  timeout: { same: "never", move: true, out: true },
  transport: { same: "onceAtOnce", move: true, out: false },
  rejected: { same: "never", move: true, out: false },
  exhausted: stop,
  storage: stop,
  cancelled: stop,
  defect: stop
} as const satisfies ByBlame<Rule>

/** The rule of a blame. */
export const ruleOf = (blame: Blame): Rule => rules[blame]

/** What is known when an attempt has failed before anything was shown. */
export interface Failed {
  readonly error: ResilienceError
  /** Whether `retry.statuses` takes this failure away: its class came from a status that is not to be retried. */
  readonly statusForbids: boolean
  /** Further attempts that the request may still make. */
  readonly attemptsLeft: number
  /** Channels that could be asked now and were not yet. */
  readonly fresh: number
  /** How long the attempt had shown nothing, in milliseconds. */
  readonly silentMillis: number
  /** It is the one that the request moved to because it was too long for another. */
  readonly outgrew: boolean
  /** How often this channel was asked again already, and how often it may be. */
  readonly sameChannelUsed: number
  readonly sameChannelLimit: number
  /** The channel has another key that has not failed in this request. */
  readonly otherKey: boolean
  /** The channel was asked with as many keys as it may be while others wait. */
  readonly keysSpent: boolean
  /** The longest hint that is waited out, in milliseconds. */
  readonly waitUpTo: number
  /** The backoff that a retry would wait, in milliseconds. */
  readonly backoff: number
  /** What is left of the request's time, in milliseconds. */
  readonly remaining: number
}

/** What comes next. */
export type Next =
  | { readonly _tag: "Stop" }
  /** Another key of the same channel, at once. */
  | { readonly _tag: "OtherKey" }
  /** The same channel after a wait: governed by the retry budget. */
  | { readonly _tag: "SameChannel"; readonly delayMillis: number }
  /** Another channel, at once; when none is left, those that failed otherwise, after a backoff. */
  | { readonly _tag: "OtherChannel" }

const stopped: Next = { _tag: "Stop" }
const move: Next = { _tag: "OtherChannel" }

/** What somebody waits for a channel that says nothing, and would wait again if it were asked once more, in milliseconds. */
const patientMillis = 3000

/**
 * Whether a channel may be asked again before another is. Each that was not asked keeps an attempt; a channel has its
 * share of keys; and what has failed after a long silence is likely to be silent as long again.
 */
const mayStay = ({ attemptsLeft, fresh, keysSpent, otherKey, silentMillis }: Failed): boolean =>
  fresh === 0 || (attemptsLeft > fresh && silentMillis <= patientMillis && !(otherKey && keysSpent))

/** Decides what follows a failure before the commit point. Total over blames, and without time or chance of its own. */
export const decide = (failed: Failed): Next => {
  const rule = ruleOf(blameOf(failed.error))
  if (failed.attemptsLeft <= 0 || failed.statusForbids || failed.remaining <= 0) return stopped
  if (isTooLong(failed.error)) return failed.outgrew ? stopped : move
  if (rule.same !== "never" && !mayStay(failed)) return move
  const again = (delayMillis: number): Next =>
    failed.sameChannelUsed < failed.sameChannelLimit && delayMillis < failed.remaining
      ? { _tag: "SameChannel", delayMillis }
      : move
  const hint = failed.error.retryAfterMillis
  switch (rule.same) {
    case "never":
      return rule.move ? move : stopped
    case "otherKey":
      return failed.otherKey ? { _tag: "OtherKey" } : move
    case "otherKeyOrHint":
      if (failed.otherKey) return { _tag: "OtherKey" }
      // A hint of nothing says nothing: what is too fast is not asked again at once.
      return hint !== undefined && hint > 0 && hint <= failed.waitUpTo ? again(hint) : move
    case "onceWithBackoff":
      if (hint !== undefined && hint > failed.waitUpTo) return move
      return again(Math.max(failed.backoff, hint ?? 0))
    case "onceAtOnce":
      return again(0)
  }
}

/** The request is longer than the model takes. */
export const isTooLong = (error: ResilienceError): boolean => codeOf(error) === "context_length_exceeded"

/** What a target takes: a model, by the name that it has there, and of how many tokens at most, where its channel says it. */
export interface Room {
  readonly model: string
  readonly contextTokens: number | null
}

/** What a target takes. */
export const roomOf = ({ channel, model }: Target): Room => ({ model, contextTokens: channel.contextTokens })

/** Whether a target may take what was too long for another one: more tokens where both say it, else another model. */
export const isRoomier = (one: Room, other: Room): boolean =>
  one.contextTokens !== null && other.contextTokens !== null
    ? one.contextTokens > other.contextTokens
    : one.model !== other.model

/**
 * The modes in which a target may go on from a partial answer, in the order in which they are tried: what its channel says,
 * as far as its dialect can. JSON goes on from where it is or not at all: who is asked for the rest in words writes a value
 * of its own. Of what was given with the request nobody has a token: a channel that goes on by tokens is given it as the
 * beginning of its answer.
 */
export const continuationModes = (
  { given, json }: Pick<AnswerRequest, "given" | "json">,
  { channel, model }: Target,
  refused: ReadonlySet<ContinuationMode>,
  dialects: Pick<DialectsService, "of">
): ReadonlyArray<ContinuationMode> => {
  const can = dialects.of(channel.dialect).continuations(model)
  const may = allowed(channel.continuation, can)
  const modes = given !== undefined && channel.continuation === "token" ? [...may, ...allowed("prefill", can)] : may
  return modes.filter((mode) => !refused.has(mode) && (!json || mode !== "message"))
}

const allowed = (continuation: Continuation, can: ReadonlyArray<ContinuationMode>): ReadonlyArray<ContinuationMode> => {
  switch (continuation) {
    case "auto":
      return can
    case "prefill":
    case "message":
    case "token":
      return can.includes(continuation) ? [continuation] : []
    case "none":
      return []
  }
}

/** Whether an answer in this phase can be continued at all, and if so on this target, in one of these modes. */
export const continuable = (
  request: AnswerRequest,
  phase: Phase,
  target: Target,
  modes: ReadonlyArray<ContinuationMode>
): boolean =>
  request.choices === 1 &&
  (phase._tag === "Flowing" || phase._tag === "Joining") &&
  target.channel.stream &&
  modes.length > 0

// What is asked for that a joint would break: a grammar or a choice begins at its beginning again, a prediction is of the
// whole, and sound has no partial.
const wholeOnly = /^(guided_(?!json)|grammar|regex|ebnf|prediction\b|audio\b)/
// Other words for a grammar, where it is none for JSON.
const formats = /^(response_format|structured_outputs)\b/

/**
 * Whether what is asked for can be put together from two parts at all, at this place. A stop sequence is looked for in what
 * an upstream writes itself: one that the partial holds, or ends inside of, would be overrun.
 */
export const splices = ({ asked, json }: Pick<AnswerRequest, "asked" | "json">, partial: string): boolean => {
  const { meanings, stop } = asked()
  if (meanings.some(({ path }) => wholeOnly.test(path) || (!json && formats.test(path)))) return false
  return (stop?.sequences ?? []).every((sequence) => sequence === "" || !holds(partial, sequence))
}

const holds = (text: string, sequence: string): boolean => {
  if (text.includes(sequence)) return true
  for (let length = Math.min(sequence.length - 1, text.length); length > 0; length--) {
    if (text.endsWith(sequence.slice(0, length))) return true
  }
  return false
}

// "This model does not support assistant message prefill", "a final `assistant` message must start with …", "Expected last
// role User or Tool", "Cannot set add_generation_prompt to True when the last message is from …".
const namesLast =
  /\bprefill|\b(last|final) .?(assistant|message|role|turn)|\bend(s|ing)? with an? .?(user|assistant)|add_generation_prompt|continue_final_message/i

// "roles must alternate", which may be said of any turn.
const namesAny = /\bassistant.? (message|turn|role)|\broles? (must|should) alternate/i

const names = (verdict: Verdict, ...turn: ReadonlyArray<RegExp>): boolean => {
  const words = verdict._tag === "Broken" ? verdict.error.upstream?.message : undefined
  return words !== undefined && turn.some((pattern) => pattern.test(words))
}

/**
 * Whether an attempt's end means that the target does not take the mode that it was asked in: it began the answer anew, it
 * said nothing, it blamed the request, or it named the added turn. The same request went well before the turn was added, so
 * that nobody else's fault can be meant, whatever the status.
 */
export const refusesMode = (verdict: Verdict): boolean => {
  if (verdict._tag === "Refused") return true
  if (verdict._tag !== "Broken") return false
  const { error } = verdict
  const blame = blameOf(error)
  return blame === "caller" || blame === "content" || codeOf(error) === "empty_response" || refusesForGood(verdict)
}

/**
 * Whether the target will not take the mode from others either. What is said of this answer (too long, not allowed, nothing
 * to add) holds for this answer.
 */
export const refusesForGood = (verdict: Verdict): boolean =>
  refusesLast(verdict) || isInvalid(verdict) || names(verdict, namesAny)

/** Whether it says so of the mode itself: it begins the answer anew, or names what stands last. */
const refusesLast = (verdict: Verdict): boolean => verdict._tag === "Refused" || names(verdict, namesLast)

const isInvalid = (verdict: Verdict): boolean =>
  verdict._tag === "Broken" && codeOf(verdict.error) === "invalid_request"

/**
 * The same where the answer goes on from what was given with the request. Nothing of that went well before, so that whoever
 * blames it may be right: what is not said of the mode itself is its refusal only while the target can be asked `otherwise`.
 */
export const refusesGiven = (verdict: Verdict, otherwise: () => boolean): boolean =>
  refusesGivenForGood(verdict) ||
  (verdict._tag === "Broken" && codeOf(verdict.error) === "empty_response") ||
  ((isInvalid(verdict) || names(verdict, namesAny)) && otherwise())

/** Whether it will not take the mode from others either: what its client wrote may be what else is blamed. */
export const refusesGivenForGood = refusesLast

/** Whether an answer that was shown goes on after a failure. A continuation that is refused is not the caller's fault. */
export const goesOn = (blame: Blame, continuing: boolean): boolean =>
  ruleOf(blame).move || ((blame === "caller" || blame === "content") && continuing)
