/**
 * How each channel stands: what state it was last seen in, what its attempts have brought, and who is told when that
 * changes. `Health` says what is true; here is what of it was said.
 */
import { Clock, Effect, Redacted, type Scope } from "effect"
import { type Blame, blameOf, codeOf } from "../errors/index.ts"
import { MonotonicClock } from "../policy/index.ts"
import { Settings } from "../settings/index.ts"
import { BreakerSection } from "./BreakerSection.ts"
import type { ChannelStateName } from "./ChannelEvent.ts"
import type { Channel } from "./ChannelSection.ts"
import { whyOff } from "./Detail.ts"
import { type DisableOptions, DisableSection } from "./DisableSection.ts"
import { type Evidence, evidenceIn, rulesOf } from "./Evidence.ts"
import { atMoments } from "./Fact.ts"
import * as Health from "./Health.ts"
import type { Outcome, SelectionOptions } from "./Pick.ts"
import { probedModel } from "./Serving.ts"

/** How the channels stand. One owner has it. */
export interface Standings {
  readonly health: Health.Health
  /** By how much the wall clock is ahead of the one that rests go by, in milliseconds. */
  readonly wallAhead: () => number
  /** A channel as it was seen last. */
  readonly channel: (id: string) => Channel | undefined
  /** The state that was told of a channel. */
  readonly state: (id: string) => ChannelStateName
  /** Tells a channel's state, if it is another. `switched`: somebody did it, and not a failure. */
  readonly refresh: (
    id: string,
    blame: Blame | undefined,
    now: number,
    switched?: "elsewhere" | "here" | undefined
  ) => void
  /** An attempt has ended. */
  readonly settle: (channel: Channel, visit: Health.Visit, outcome: Outcome, now: number) => void
  /** Takes the channels as they are now. `moved`: one is asked in another way than before, or somewhere else. */
  readonly renew: (
    channels: ReadonlyArray<Channel>,
    now: number,
    on: { readonly removed: (id: string) => void; readonly moved: (id: string) => void }
  ) => void
}

/** Makes the standings of no channels yet, by the settings as they change. */
export const makeStandings = (
  tell: NonNullable<SelectionOptions["tell"]>
): Effect.Effect<Standings, never, Scope.Scope | Settings> =>
  Effect.gen(function* () {
    const settings = yield* Settings
    const breaker = settings.of(BreakerSection)
    const disable = settings.of(DisableSection)
    const wallAhead = makeWallAhead(yield* Clock.Clock)
    const health = Health.make(breaker.current, disable.current)
    let rules = rulesOf(disable.current)
    const known = new Map<string, { channel: Channel; state: ChannelStateName }>()
    health.leftToProber = (id) => leftToProber(disable.current, known.get(id)?.channel)
    yield* Effect.acquireRelease(
      Effect.sync(() => breaker.subscribe((options) => Health.configure(health, options))),
      (unsubscribe) => Effect.sync(unsubscribe)
    )
    yield* Effect.acquireRelease(
      Effect.sync(() =>
        disable.subscribe((options) => {
          Health.configureSwitching(health, options)
          rules = rulesOf(options)
        })
      ),
      (unsubscribe) => Effect.sync(unsubscribe)
    )

    const stateOf = ({ enabled, id, keys }: Channel, now: number): ChannelStateName =>
      enabled ? Health.stateOf(health, id, keys.length, now) : "disabled"

    const refresh: Standings["refresh"] = (id, blame, now, switched) => {
      const seen = known.get(id)
      // An attempt may end after its channel was removed.
      if (seen === undefined) return
      const from = seen.state
      // Of itself a channel only recovers.
      if (from === "enabled" && blame === undefined && switched === undefined) return
      const to = stateOf(seen.channel, now)
      if (to === from) return
      seen.state = to
      const why = to === "disabled" ? whyOff(health, seen.channel, wallAhead()) : undefined
      tell({
        _tag: "ChannelChanged",
        channel: id,
        from,
        to,
        blame: to === "enabled" ? undefined : blame,
        ...why,
        ...(switched === "elsewhere" ? { elsewhere: true } : {})
      })
    }

    /** Tells what an attempt has brought. */
    const tellFound = (found: ReadonlyArray<Health.Found>): void => {
      for (const one of found) {
        if (one._tag === "Circuit") tell({ ...one, _tag: "CircuitChanged" })
        else tell({ _tag: "FactFound", fact: atMoments(one, wallAhead()) })
      }
    }

    /** What a failure says, where evidence may switch anything of its channel off. */
    const testimonyOf = (channel: Channel, outcome: Outcome): Health.Testimony | undefined => {
      if (outcome._tag !== "Failure" || outcome.testimony === undefined) return undefined
      if (!disable.current.enabled || !channel.disable) return undefined
      const { error, testimony } = outcome
      const found: Evidence | undefined =
        testimony._tag === "Answer"
          ? evidenceIn(rules, { ...testimony, error })
          : { of: "key", reason: codeOf(error), seen: testimony.seen }
      if (found === undefined) return undefined
      if (testimony._tag === "Probe") return { evidence: found, counts: true }
      const counts = !testimony.witness.heard
      testimony.witness.heard = true
      return { evidence: found, counts }
    }

    return {
      health,
      wallAhead,
      channel: (id) => known.get(id)?.channel,
      state: (id) => known.get(id)?.state ?? "enabled",
      refresh,
      settle: (channel, visit, outcome, now) => {
        const verdict = verdictOf(outcome)
        const found = Health.settle(health, visit, verdict, now, testimonyOf(channel, outcome))
        tellFound(found)
        const blame = verdict._tag === "Fault" && outcome._tag === "Failure" ? blameOf(outcome.error) : undefined
        refresh(channel.id, blame, now, found.some(({ _tag }) => _tag === "Disabled") ? "here" : undefined)
      },
      renew: (channels, now, on) => {
        const ids = new Set(channels.map(({ id }) => id))
        for (const id of known.keys()) {
          if (ids.has(id)) continue
          known.delete(id)
          on.removed(id)
          Health.remove(health, id)
          tell({ _tag: "ChannelRemoved", channel: id })
        }
        for (const channel of channels) {
          const { id } = channel
          const seen = known.get(id)
          if (seen === undefined) {
            known.set(id, { channel, state: "enabled" })
            tell({ _tag: "ChannelAdded", channel: id })
          } else if (seen.channel !== channel) {
            const place = placeOf(seen.channel, channel)
            Health.change(health, id, keysBefore(seen.channel, channel), place)
            if (place !== "same") on.moved(id)
            seen.channel = channel
          }
          refresh(id, undefined, now, "here")
        }
      }
    }
  })

const verdictOf = (outcome: Outcome): Health.Verdict =>
  outcome._tag === "Success"
    ? Health.success
    : outcome._tag === "Failure"
      ? outcome.penalise
        ? Health.verdictOf(outcome.error)
        : Health.sayingOf(outcome.error)
      : Health.nothing

/**
 * By how much the wall clock is ahead. What others may read has moments of the wall clock; what rests here, rests as long as
 * it is to, whoever sets that. Both clocks are read in whole milliseconds: what that alone makes of the difference is no
 * reason for a moment to be told as another one.
 */
const makeWallAhead = (clock: Clock.Clock): (() => number) => {
  const read = (): number => clock.currentTimeMillisUnsafe() - MonotonicClock.wholeMillis(clock)
  let known = read()
  return () => {
    const now = read()
    if (Math.abs(now - known) > 1) known = now
    return known
  }
}

/**
 * How long beyond its rest requests leave a channel to the prober: two of its rounds. One that has no exact model cannot be
 * probed.
 */
const leftToProber = ({ probe }: DisableOptions, channel: Channel | undefined): number =>
  probe === null || channel === undefined || probedModel(channel) === undefined ? 0 : 2 * probe

/** For each key of a changed channel, the index that it had: the same key is the same text. A channel without has one place. */
const keysBefore = (before: Channel, after: Channel): ReadonlyArray<number | undefined> => {
  if (after.keys.length === 0) return [before.keys.length === 0 ? 0 : undefined]
  const texts = before.keys.map((key) => Redacted.value(key))
  return after.keys.map((key) => {
    const at = texts.indexOf(Redacted.value(key))
    return at < 0 ? undefined : at
  })
}

const askedBy = ({ headers, modelMapping, params, statusMapping, stream }: Channel): string =>
  JSON.stringify([headers, modelMapping, params, statusMapping, stream])

const placeOf = (before: Channel, after: Channel): "same" | "asked otherwise" | "elsewhere" =>
  before.baseUrl !== after.baseUrl || before.dialect !== after.dialect
    ? "elsewhere"
    : askedBy(before) === askedBy(after)
      ? "same"
      : "asked otherwise"
