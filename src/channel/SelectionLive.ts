/**
 * The live `Selection`: it asks `Registry` who serves a model, `Health` how each key does, `Choice` which one it is, and
 * owns what these are about. Everything is synchronous, so there are no locks.
 */
import { Clock, Effect, Random } from "effect"
import type { ContinuationMode } from "../dialect/index.ts"
import {
  type Blame,
  blameOf,
  ChannelNoAvailableKey,
  GetChannelFailed,
  ModelNotFound,
  stackless
} from "../errors/index.ts"
import type { BreakerOptions, Channel, Target } from "./Channel.ts"
import * as Choice from "./Choice.ts"
import * as Health from "./Health.ts"
import * as Registry from "./Registry.ts"
import type { ChannelState, OnTransition, Outcome, Picked, SelectionService, Wanted } from "./Selection.ts"

const noModes: ReadonlySet<ContinuationMode> = new Set()

/** Of so many channels and models the refused modes are remembered. */
const refusalsRemembered = 1_000

/** A key of a channel as `Tried.keys` names it. */
export const keyId = (channel: string, keyIndex: number): string => `${channel}#${keyIndex}`

const verdictOf = (outcome: Outcome): Health.Verdict =>
  outcome._tag === "Success"
    ? Health.success
    : outcome._tag === "Failure" && outcome.penalise
      ? Health.verdictOf(outcome.error)
      : Health.nothing

/** Makes a selection over these channels, as plain functions. `Selection.layer` is the Layer of it. */
export const make = (
  channels: ReadonlyArray<Channel>,
  breaker: BreakerOptions,
  onTransition: OnTransition = () => {}
): SelectionService => {
  const registry: Registry.Registry = { channels }
  const health = Health.make(breaker)
  const states = new Map<string, ChannelState["state"]>(channels.map(({ id }) => [id, "enabled"]))
  const turns = new Map<string, number>()
  /** The request that is asking for a model in distress, and until when it alone may. */
  const asking = new Map<string, { readonly until: number }>()
  const refusals = new Map<string, Set<ContinuationMode>>()

  const refresh = (channel: Channel, blame: Blame | undefined, now: number): void => {
    const from = states.get(channel.id)!
    // Nothing but a fault takes a channel out of `enabled`.
    if (from === "enabled" && blame === undefined) return
    const to = Health.stateOf(health, channel.id, channel.keys.length, now)
    if (to === from) return
    states.set(channel.id, to)
    onTransition(channel.id, from, to, to === "enabled" ? undefined : blame)
  }

  const optionsOf = (wanted: Wanted, serving: ReadonlyArray<Registry.Serving>, now: number) => {
    const { otherKey, suits, tried } = wanted
    const options: Array<Choice.Option> = []
    for (const { channel, model } of serving) {
      for (let key = 0; key < Math.max(channel.keys.length, 1); key++) {
        const id = keyId(channel.id, channel.keys.length === 0 ? -1 : key)
        if (health.disabled.has(id)) continue
        if (suits !== undefined && !suits(targetOf(channel, key, model))) continue
        const wasTried = tried.keys.has(id)
        options.push({
          channel,
          model,
          key,
          standing: Health.standing(health, { channel: channel.id, key, model }, now),
          out:
            tried.out.has(channel.id) ||
            (wanted.only !== undefined && wanted.only !== channel.id) ||
            (otherKey === true && wasTried),
          failed: tried.failed.has(channel.id),
          tried: wasTried
        })
      }
    }
    return options
  }

  const take = (
    option: Choice.Option,
    last: boolean,
    clock: Clock.Clock,
    distress: { readonly model: string } | undefined
  ): Picked => {
    const { channel, key, model } = option
    turns.set(channel.id, key + 1)
    const begun = clock.currentTimeMillisUnsafe()
    const attempt = Health.begin(health, { channel: channel.id, key, model }, begun)
    const place = distress === undefined ? undefined : { until: begun + breaker.open }
    if (distress !== undefined && place !== undefined) asking.set(distress.model, place)
    let released = false
    return {
      target: targetOf(channel, key, model),
      last,
      release: (outcome) => {
        if (released) return
        released = true
        if (distress !== undefined && asking.get(distress.model) === place) asking.delete(distress.model)
        const now = clock.currentTimeMillisUnsafe()
        const verdict = verdictOf(outcome)
        Health.settle(health, attempt, verdict, now)
        const blame = verdict._tag === "Fault" && outcome._tag === "Failure" ? blameOf(outcome.error) : undefined
        refresh(channel, blame, now)
      }
    }
  }

  const mayAskInDistress = (model: string, now: number): boolean => {
    for (const [name, { until }] of asking) if (until <= now) asking.delete(name)
    return !asking.has(model)
  }

  const pick = (wanted: Wanted, clock: Clock.Clock, random: Random.Random): Picked | PickError => {
    const { model } = wanted
    const now = clock.currentTimeMillisUnsafe()
    const serving = Registry.serving(registry, model, wanted.group)
    if (serving.length === 0) return stackless(() => new ModelNotFound({ model }))
    if (serving.every(({ channel }) => allDisabled(channel))) {
      return stackless(() => new ChannelNoAvailableKey({ model }))
    }
    // A rest ends by itself, and nothing tells when: it is seen here.
    for (const { channel } of serving) refresh(channel, undefined, now)
    const options = optionsOf(wanted, serving, now)
    const draw: Choice.Draw = {
      next: () => random.nextDoubleUnsafe(),
      turn: (channel) => turns.get(channel) ?? 0
    }
    const chosen = Choice.usableOption(options, draw)
    if (chosen !== undefined) return take(chosen, isLast(wanted, options, chosen), clock, undefined)
    if (Choice.inDistress(options) && mayAskInDistress(model, now)) {
      const due = Choice.firstDue(options, wanted.only !== undefined)
      if (due !== undefined) return take(due, true, clock, { model })
    }
    const retryAfterMillis = Choice.leastWait(options, now)
    return stackless(
      () => new GetChannelFailed({ model, ...(retryAfterMillis === undefined ? {} : { retryAfterMillis }) })
    )
  }

  const allDisabled = ({ id, keys }: Channel): boolean =>
    keys.length > 0 && keys.every((_, at) => health.disabled.has(keyId(id, at)))

  return {
    models: Registry.exactModels(registry),
    serves: (model) => Registry.serves(registry, model),
    pick: (wanted) =>
      Effect.withFiber((fiber) => {
        const picked = pick(wanted, fiber.getRef(Clock.Clock), fiber.getRef(Random.Random))
        return "_tag" in picked ? Effect.fail(picked) : Effect.succeed(picked)
      }),
    states: Effect.map(Clock.currentTimeMillis, (now) =>
      channels.map((channel) => {
        refresh(channel, undefined, now)
        return { channel: channel.id, state: states.get(channel.id)! }
      })
    ),
    refusedModes: ({ channel, model }) => refusals.get(`${channel.id} ${model}`) ?? noModes,
    rememberRefusal: ({ channel, model }, mode) => {
      const at = `${channel.id} ${model}`
      const modes = refusals.get(at) ?? new Set()
      refusals.set(at, modes.add(mode))
      if (refusals.size > refusalsRemembered) refusals.delete(refusals.keys().next().value!)
    }
  }
}

type PickError = ModelNotFound | ChannelNoAvailableKey | GetChannelFailed

const targetOf = (channel: Channel, key: number, model: string): Target => ({
  channel,
  keyIndex: channel.keys.length === 0 ? -1 : key,
  key: channel.keys[key],
  model
})

// Whether no other channel could be asked if this one failed. `only` and `otherKey` say nothing of other channels.
const isLast = (wanted: Wanted, options: ReadonlyArray<Choice.Option>, chosen: Choice.Option): boolean =>
  !options.some(
    ({ channel, standing }) =>
      channel !== chosen.channel && !wanted.tried.out.has(channel.id) && standing.is === "usable"
  )
