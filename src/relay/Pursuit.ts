/**
 * What a request has tried so far, as plain data, and what comes next: pure. It can be put into a note and taken up by
 * another process, which goes on as this one would have.
 *
 * `Decision` says what a failure means; here is remembered what was tried, and both together give the next step. Nothing
 * of it is made before there is a failure.
 */
import {
  blameOf,
  type Code,
  codeOf,
  describe,
  type ResilienceError,
  stackless,
  StreamTruncated,
  withHint
} from "../errors/index.ts"
import { isPinned, keyId, type Pin, type Tried } from "../channel/index.ts"
import type { Refusal } from "../dialect/index.ts"
import { decide, goesOn, isRoomier, isTooLong, type Room, ruleOf } from "./Decision.ts"
import type { RecoveryOptions } from "./RecoverySection.ts"
import type { RetryOptions } from "./RetrySection.ts"

/** Why an answer moved or was broken: a failure's code, or that the process that wrote it is gone. */
export type Reason = Code | "writer_lost"

/** What a request has tried. */
export interface Pursuit {
  /** Attempts that were begun. */
  readonly attempts: number
  /** Continuations that were begun; one whose mode was refused counts once, in whatever mode it went on. */
  readonly continuations: number
  /** Channels that are out for the request. */
  readonly out: ReadonlyArray<string>
  /** Channels that failed otherwise: asked again only when nothing fresh is left. */
  readonly failed: ReadonlyArray<string>
  /** Keys that failed, as `channel#index`. */
  readonly keys: ReadonlyArray<string>
  /** Channels that an attempt has failed on: they are not fresh, and one that was penalised once is not again. */
  readonly penalised: ReadonlyArray<string>
  /** How often each channel was asked again for its own sake. */
  readonly askedAgain: { readonly [channel: string]: number }
  /** Until when each channel has asked to be left alone, by the clock of `Facts.now`; in a note epoch milliseconds. */
  readonly hints: { readonly [channel: string]: number }
  /** What the request was too long for: only who takes more is asked since then. */
  readonly outgrown: Room | undefined
  /** The failure that is shown in the end, if nothing was: the first one, unless a later one found the caller at fault. */
  readonly first: ResilienceError | undefined
  /** Where the last attempt was, and why it ended. */
  readonly previous: { readonly channel: string; readonly reason: Reason } | undefined
  /** Set once the answer was broken: its first failure; the channel that showed it last, and why that one broke. */
  readonly broke: { readonly error: ResilienceError; readonly from: string; readonly reason: Reason } | undefined
}

/** Nothing was tried. */
export const untried: Pursuit = {
  attempts: 0,
  continuations: 0,
  out: [],
  failed: [],
  keys: [],
  penalised: [],
  askedAgain: {},
  hints: {},
  outgrown: undefined,
  first: undefined,
  previous: undefined,
  broke: undefined
}

/** What `Selection` is told of it. */
export const triedOf = ({ failed, keys, out }: Pursuit): Tried =>
  out.length === 0 && failed.length === 0 && keys.length === 0
    ? nothingTried
    : { out: new Set(out), failed: new Set(failed), keys: new Set(keys) }

/** The same for who looks for a channel that was not asked: one that failed is none, whatever comes of it. */
export const askedOf = (pursuit: Pursuit, channel: string): Tried => {
  const { failed, out, ...tried } = triedOf(pursuit)
  return { ...tried, out, failed: new Set([...failed, ...pursuit.penalised, channel]) }
}

const nothingTried: Tried = { out: new Set(), failed: new Set(), keys: new Set() }

const adding = (list: ReadonlyArray<string>, one: string): ReadonlyArray<string> =>
  list.includes(one) ? list : [...list, one]

/** An attempt that failed. */
export interface Failed {
  readonly error: ResilienceError
  readonly channel: string
  /** -1 where the channel has none. */
  readonly keyIndex: number
  /** How many keys the channel has. */
  readonly keyCount: number
  /** Where the request is pinned to: it has no other keys, and those although they rest. */
  readonly pin: Pin | undefined
  /** What its target takes. */
  readonly room: Room
  /** How long it had shown nothing, in milliseconds. */
  readonly silentMillis: number
  /** It was asked to go on from what was shown. */
  readonly continuing: boolean
  /** It does not take what no client had asked for: the mode that it was asked in, or a field of the body. */
  readonly refusal: Refusal | undefined
  /** Whether `retry.statuses` takes this failure away. */
  readonly statusForbids: boolean
}

/** What is known when an attempt has failed. The functions are asked at most once, and only where it matters. */
export interface Facts {
  readonly retry: Pick<RetryOptions, "times" | "keysPerChannel" | "sameChannel" | "waitUpTo">
  readonly recovery: Pick<RecoveryOptions, "mode" | "maxContinuations">
  readonly now: number
  /** What is left of the request's time, in milliseconds. */
  readonly remaining: number
  /** The backoff that a retry would wait, in milliseconds. */
  readonly backoff: number
  /**
   * `unseen`: nothing was shown · `shown`: it can go on · `joining`: as `shown`, and the attempt that failed had shown
   * nothing of its own yet · `final`: what was shown cannot be spliced, or is as long as may be.
   */
  readonly phase: "unseen" | "shown" | "joining" | "final"
  /** A part of a tool's call was shown. */
  readonly called: boolean
  /** The target can be asked otherwise: in another mode, or without a field. */
  readonly otherwise: boolean
  /** Whether the channel could be asked again now. */
  readonly usable: () => boolean
  /** How many channels could be asked now that were not yet. */
  readonly fresh: () => number
  /** Whether the retry budget allows one more: asking takes it. */
  readonly budget: () => boolean
}

/** What comes next. */
export type Step =
  /** The answer ends with this. */
  | { readonly _tag: "GiveUp"; readonly error: ResilienceError }
  /** Ask: one channel only, or whichever is best. `announced`: its client knows of it, or need not. */
  | {
      readonly _tag: "Ask"
      readonly only: string | undefined
      /** Only keys that were not tried. */
      readonly otherKey: boolean
      /** Announced, and slept, before it is asked. */
      readonly delayMillis: number
      readonly announced: boolean
    }

/** Whichever channel is best, now. */
export const anybody: Step & { readonly _tag: "Ask" } = {
  _tag: "Ask",
  only: undefined,
  otherKey: false,
  delayMillis: 0,
  announced: false
}

/** The failure that is told when the answer ends badly: what broke it, else what came first. */
export const finalError = ({ broke, first }: Pursuit): ResilienceError | undefined => broke?.error ?? first

/** Ends badly; where asking again may help, with the least wait over those that were asked. */
export const giveUp = ({ hints }: Pursuit, error: ResilienceError, now: number): Step => {
  const waits = Object.values(hints)
    .map((until) => until - now)
    .filter((wait) => wait > 0)
  const hinted = waits.length > 0 && describe(error).recoverable
  return { _tag: "GiveUp", error: hinted ? withHint(error, Math.min(...waits)) : error }
}

/** An attempt has failed: what was tried now, and what comes next. */
export const next = (pursuit: Pursuit, failed: Failed, facts: Facts): readonly [Pursuit, Step] => {
  const { channel, error } = failed
  if (failed.refusal !== undefined) {
    // It is no failure: the same target is asked otherwise, or another one is found.
    if (facts.otherwise) {
      return [uncounted(pursuit, failed.refusal), { ...anybody, only: channel, announced: true }]
    }
    return facts.phase === "unseen" && isOfGiven(failed.refusal)
      ? declined(pursuit, failed, facts)
      : [uncounted(pursuit, failed.refusal), anybody]
  }
  // The request's own end is what its client is told, whatever went before; and that somebody down the line cancelled it.
  if (error._tag === "DeadlineExceeded" || blameOf(error) === "cancelled") return [pursuit, { _tag: "GiveUp", error }]
  const known = told(pursuit, failed, facts.now)
  return facts.phase === "unseen" ? beforeCommit(known, failed, facts) : afterCommit(known, failed, facts)
}

/** A field that nobody had asked for was refused: that is no attempt. */
const uncounted = (pursuit: Pursuit, { _tag }: Refusal): Pursuit =>
  _tag === "Field" ? { ...pursuit, attempts: pursuit.attempts - 1 } : pursuit

/** Before anything was shown only what was given with the request can be gone on from, but for a token. */
const isOfGiven = (refusal: Refusal): boolean => refusal._tag === "Mode" && refusal.mode !== "token"

/** A channel goes on in none of its ways from what was given with the request: that is how its attempt failed. */
const declined = (before: Pursuit, failed: Failed, facts: Facts): readonly [Pursuit, Step] => {
  const known = beforeContent(told(before, failed, facts.now), failed)
  const pursuit = { ...known, out: adding(known.out, failed.channel) }
  return facts.retry.times + 1 > pursuit.attempts
    ? [pursuit, anybody]
    : [pursuit, giveUp(pursuit, pursuit.first ?? failed.error, facts.now)]
}

/**
 * The upstream has put the answer down, to go on by a token: it is asked again at once, and counts neither as a failure nor
 * as a continuation. A part of it is there, though, and no more: whoever can, goes on with it.
 */
export const putDown = (pursuit: Pursuit, channel: string, shown: boolean): readonly [Pursuit, Step] => {
  const error = pursuit.broke?.error ?? partOnly()
  const broke = shown ? { error, from: channel, reason: codeOf(error) } : pursuit.broke
  return [
    { ...pursuit, broke },
    { ...anybody, only: channel, announced: true }
  ]
}

/** A call that was cut is told as that, however its connection ended: what its client has of it is no call. */
const cutCall = ({ _tag }: ResilienceError): ResilienceError | undefined =>
  _tag === "DoRequestFailed" || _tag === "StreamTruncated"
    ? stackless(() => new StreamTruncated({ message: "the answer was cut in or behind a tool's call" }))
    : undefined

const partOnly = (): ResilienceError =>
  stackless(() => new StreamTruncated({ message: "the upstream has put the answer down, and did not go on" }))

/** What every failure says, whenever it comes. */
const told = (pursuit: Pursuit, { channel, error }: Failed, now: number): Pursuit => {
  const hint = error.retryAfterMillis
  return {
    ...pursuit,
    penalised: adding(pursuit.penalised, channel),
    hints:
      hint === undefined
        ? pursuit.hints
        : { ...pursuit.hints, [channel]: Math.max(pursuit.hints[channel] ?? 0, now + hint) },
    previous: { channel, reason: codeOf(error) }
  }
}

/** What one says before the commit point. */
const beforeContent = (pursuit: Pursuit, failed: Failed): Pursuit => {
  const { error, room } = failed
  const { first, outgrown } = pursuit
  return {
    ...withKey(pursuit, failed),
    first: first === undefined || (blamesRequest(error) && !blamesRequest(first)) ? error : first,
    outgrown: outgrown ?? (isTooLong(error) ? room : undefined)
  }
}

/**
 * The channel is left: for good, or until nothing fresh is left. One bad key of several is not the channel. Who is pinned gets
 * a key that rests: one that must not be asked again is out.
 */
const beside = (pursuit: Pursuit, failed: Failed): Pursuit => {
  const { channel, error, pin } = failed
  const { out, same } = ruleOf(blameOf(error))
  const byKey = same === "otherKey"
  return (out || (byKey && pin !== undefined)) && !(byKey && keysLeft(pursuit, failed))
    ? { ...pursuit, out: adding(pursuit.out, channel) }
    : { ...pursuit, failed: adding(pursuit.failed, channel) }
}

const withKey = (pursuit: Pursuit, { channel, keyIndex }: Failed): Pursuit =>
  keyIndex < 0 ? pursuit : { ...pursuit, keys: adding(pursuit.keys, keyId(channel, keyIndex)) }

/** The keys of the channel that the request may have. */
const keysOf = ({ channel, keyCount, pin }: Failed): ReadonlyArray<string> =>
  Array.from({ length: keyCount }, (_, at) => at)
    .filter((at) => pin === undefined || isPinned(pin, channel, at))
    .map((at) => keyId(channel, at))

const keysLeft = ({ keys }: Pursuit, failed: Failed): boolean => keysOf(failed).some((id) => !keys.includes(id))

/** One of two attempts has failed before either said anything: it is remembered, and the other goes on. */
export const failedBeside = (before: Pursuit, failed: Failed, now: number): Pursuit => {
  if (failed.refusal !== undefined) return uncounted(before, failed.refusal)
  return beside(beforeContent(told(before, failed, now), failed), failed)
}

/** The attempt on this channel was silent for so long that another one came first: it is asked again when no other is left. */
export const outrun = (pursuit: Pursuit, channel: string): Pursuit => ({
  ...pursuit,
  failed: adding(pursuit.failed, channel)
})

/** After the commit point each attempt is a continuation. */
const afterCommit = (start: Pursuit, failed: Failed, facts: Facts): readonly [Pursuit, Step] => {
  const { channel, error } = failed
  const before = withKey(start, failed)
  const reason = codeOf(error)
  const broke =
    before.broke === undefined
      ? { error, from: channel, reason }
      : // It was joined before it broke: it is the one that the next continuation goes on from.
        facts.phase === "joining"
        ? before.broke
        : { ...before.broke, from: channel, reason }
  const pursuit = { ...beside(before, failed), broke }
  const over =
    facts.recovery.mode === "off" ||
    facts.phase === "final" ||
    pursuit.continuations >= facts.recovery.maxContinuations ||
    !goesOn(blameOf(error), failed.continuing)
  return over
    ? [pursuit, giveUp(pursuit, (facts.called ? cutCall(error) : undefined) ?? broke.error, facts.now)]
    : [{ ...pursuit, continuations: pursuit.continuations + 1 }, anybody]
}

/** The request itself was found at fault: that is what its client is told. */
const blamesRequest = (error: ResilienceError): boolean => {
  const blame = blameOf(error)
  return blame === "caller" || blame === "content"
}

/** Before it a failed attempt is replaced unseen. */
const beforeCommit = (before: Pursuit, failed: Failed, facts: Facts): readonly [Pursuit, Step] => {
  const { channel, error, keyIndex } = failed
  const pursuit = beforeContent(before, failed)
  const { keys } = pursuit
  const otherKey = keysLeft(pursuit, failed)
  const keysUsed = keysOf(failed).filter((id) => keys.includes(id)).length
  const used = pursuit.askedAgain[channel] ?? 0
  const decided = decide({
    error,
    statusForbids: failed.statusForbids,
    attemptsLeft: facts.retry.times + 1 - pursuit.attempts,
    fresh: facts.fresh(),
    silentMillis: failed.silentMillis,
    // One that was asked beside another knew nothing of it yet: it has no more room, and says nothing new.
    outgrew: before.outgrown !== undefined && isRoomier(failed.room, before.outgrown),
    sameChannelUsed: used,
    sameChannelLimit: facts.retry.sameChannel,
    otherKey,
    keysSpent: keysUsed >= facts.retry.keysPerChannel,
    waitUpTo: facts.retry.waitUpTo,
    backoff: facts.backoff,
    remaining: facts.remaining
  })
  switch (decided._tag) {
    case "Stop":
      return [pursuit, giveUp(pursuit, pursuit.first ?? error, facts.now)]
    case "OtherKey":
      return [pursuit, { ...anybody, only: channel, otherKey: true }]
    case "OtherChannel":
      return [beside(pursuit, failed), anybody]
    case "SameChannel": {
      // What rests for another reason than its hint is not waited for, nor is a wait announced that leads nowhere.
      const may = error.retryAfterMillis !== undefined || facts.usable()
      if (!may || !facts.budget()) return [beside(pursuit, failed), anybody]
      return [
        {
          ...pursuit,
          askedAgain: { ...pursuit.askedAgain, [channel]: used + 1 },
          // Asked again for its own sake, a channel may use the same key again.
          keys: otherKey ? keys : keys.filter((id) => id !== keyId(channel, keyIndex))
        },
        { _tag: "Ask", only: channel, otherKey: false, delayMillis: decided.delayMillis, announced: false }
      ]
    }
  }
}

/** Everything has been tried, and this channel is the best of what failed otherwise: it is asked again after a wait. */
export const again = (
  pursuit: Pursuit,
  channel: string,
  facts: Pick<Facts, "backoff" | "budget" | "now" | "remaining" | "retry">
): Step => {
  const hint = (pursuit.hints[channel] ?? 0) - facts.now
  const delayMillis = Math.max(facts.backoff, hint)
  return hint > facts.retry.waitUpTo || delayMillis >= facts.remaining || !facts.budget()
    ? giveUp(pursuit, pursuit.first ?? writerLost(), facts.now)
    : { _tag: "Ask", only: channel, otherKey: false, delayMillis, announced: false }
}

/** The failure of an answer whose process is gone: asking again may help. */
export const writerLost = (): ResilienceError =>
  stackless(() => new StreamTruncated({ message: "the process that wrote this stream is gone" }))

/** The continuation that was begun has been joined: if it breaks too, the next one goes on from this channel. */
export const joined = (pursuit: Pursuit, channel: string): Pursuit =>
  pursuit.broke === undefined || pursuit.broke.from === channel
    ? pursuit
    : { ...pursuit, broke: { ...pursuit.broke, from: channel } }

/**
 * The process that wrote the answer is gone, and another takes it up: that counts as one continuation, or as one of
 * `retry.times` where nothing was shown, so that a request which kills its relay cannot do it for ever. `undefined` when
 * nothing is left of what it may try.
 */
export const takenOver = (
  pursuit: Pursuit,
  options: {
    readonly shown: boolean
    /** The channel of the attempt that was under way: it is counted already. */
    readonly open: string | undefined
    readonly retry: Pick<RetryOptions, "times">
    readonly recovery: Pick<RecoveryOptions, "mode" | "maxContinuations">
  }
): Pursuit | undefined => {
  const reason = "writer_lost"
  const { open, recovery, retry, shown } = options
  const asked = open ?? pursuit.previous?.channel ?? ""
  if (!shown) {
    // Where none was under way this process may still have died of the request.
    const attempts = open === undefined ? pursuit.attempts + 1 : pursuit.attempts
    if (attempts > retry.times) return undefined
    return { ...pursuit, attempts, first: pursuit.first ?? writerLost(), previous: { channel: asked, reason } }
  }
  if (recovery.mode === "off" || pursuit.continuations >= recovery.maxContinuations) return undefined
  return {
    ...pursuit,
    continuations: pursuit.continuations + 1,
    previous: { channel: asked, reason },
    broke: { error: pursuit.broke?.error ?? writerLost(), from: pursuit.broke?.from ?? asked, reason }
  }
}
