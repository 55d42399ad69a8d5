/**
 * The live `Selection`: it asks the registry who serves a model, `Health` how each key does, `Choice` which one it is, and
 * tells `Standings` what came of it. Everything is synchronous, so there are no locks.
 */
import { Clock, Effect, Random, type Scope } from "effect"
import {
  ChannelNoAvailableKey,
  ConvertRequestFailed,
  fewNames,
  GetChannelFailed,
  ModelNotFound,
  stackless
} from "../errors/index.ts"
import { MonotonicClock } from "../policy/index.ts"
import { Settings } from "../settings/index.ts"
import { BreakerSection } from "./BreakerSection.ts"
import { keyId, type Target } from "./Channel.ts"
import type { Channel } from "./ChannelSection.ts"
import * as Choice from "./Choice.ts"
import { type ChannelDetail, detailOf } from "./Detail.ts"
import { atMoments } from "./Fact.ts"
import * as Health from "./Health.ts"
import type { Outcome, Patience, Picked, PickError, SelectionOptions, SelectionService, Wanted } from "./Pick.ts"
import { isPinned } from "./Pin.ts"
import { Refusals } from "./Refusals.ts"
import { Registry } from "./Registry.ts"
import { defaultGroup, exactModels, serves, serving, type Serving } from "./Serving.ts"
import { makeStandings } from "./Standings.ts"
import { makeWaiting } from "./Waiting.ts"
import type { Passage } from "./WaitingLine.ts"

/** What there is to choose from. */
interface Candidates {
  readonly _tag: "Candidates"
  readonly options: ReadonlyArray<Choice.Option>
}

interface Nobody {
  readonly _tag: "Nobody"
  readonly error: () => PickError
}

const nobody = (error: () => PickError): Nobody => ({ _tag: "Nobody", error })

/** What a pick comes to before anything is taken. */
type Chosen =
  | { readonly _tag: "Usable"; readonly option: Choice.Option; readonly last: boolean }
  | { readonly _tag: "InDistress"; readonly option: Choice.Option }
  | Nobody

/** Something that the request may have is due soon, or others wait for it. */
interface Due {
  readonly _tag: "Due"
  readonly options: ReadonlyArray<Choice.Option>
  readonly patience: Patience
}

/** For who only asks whether there is one. */
const noChance: Choice.Draw = { next: () => 0, turn: () => 0 }

/** Makes a selection over the registry's channels, as they change. */
export const make = ({
  tell = () => {}
}: SelectionOptions): Effect.Effect<SelectionService, never, Registry | Scope.Scope | Settings> =>
  Effect.gen(function* () {
    const registry = yield* Registry
    const settings = yield* Settings
    const breaker = settings.of(BreakerSection)
    const clock = yield* Clock.Clock
    const standings = yield* makeStandings(tell)
    const { health, wallAhead } = standings
    const turns = new Map<string, number>()
    /** By pool, the request that is asking for a model in distress, and until when it alone may. */
    const asking = new Map<string, { readonly until: number }>()
    const refusals = new Refusals()
    /** By group, made anew when the channels change: it is read by many requests. */
    let models: ReadonlyMap<string, ReadonlyArray<string>> = new Map()

    /** Takes the registry's channels as they are now. */
    const renew = (): void => {
      const channels = registry.channels()
      models = new Map(
        [...new Set(channels.map(({ group }) => group))].map((group) => [group, exactModels(channels, group)])
      )
      standings.renew(channels, MonotonicClock.wholeMillis(clock), {
        removed: (id) => {
          turns.delete(id)
          refusals.forget(id)
        },
        moved: (id) => refusals.forget(id)
      })
      waiting.look()
    }

    const optionsOf = (wanted: Wanted, serving: ReadonlyArray<Serving>, now: number): ReadonlyArray<Choice.Option> => {
      const { otherKey, pin, suits, tried, unsaid } = wanted
      const options: Array<Choice.Option> = []
      for (const { channel, model } of serving) {
        if (!channel.enabled) continue
        if (unsaid !== undefined && unsaid(targetOf(channel, 0, model)).length > 0) continue
        for (let key = 0; key < Math.max(channel.keys.length, 1); key++) {
          if (pin !== undefined && !isPinned(pin, channel.id, key)) continue
          const id = keyId(channel.id, channel.keys.length === 0 ? -1 : key)
          const fitness = Health.fitness(health, { channel: channel.id, key, model }, now)
          if (fitness.is === "off") continue
          if (suits !== undefined && !suits(targetOf(channel, key, model))) continue
          const wasTried = tried.keys.has(id)
          options.push({
            channel,
            model,
            key,
            fitness,
            out:
              tried.out.has(channel.id) ||
              (wanted.only !== undefined && wanted.only !== channel.id) ||
              (otherKey === true && wasTried),
            failed: tried.failed.has(channel.id),
            tried: wasTried
          })
        }
      }
      return pin === undefined ? options : Choice.insisted(options)
    }

    const take = (
      { channel, key, model }: Choice.Option,
      last: boolean,
      clock: Clock.Clock,
      distress: { readonly pool: string } | undefined,
      passage?: Passage
    ): Picked => {
      turns.set(channel.id, key + 1)
      const begun = MonotonicClock.wholeMillis(clock)
      const visit = Health.begin(health, { channel: channel.id, key, model }, begun)
      const place = distress === undefined ? undefined : { until: begun + breaker.current.open }
      if (distress !== undefined && place !== undefined) asking.set(distress.pool, place)
      let released = false
      return {
        target: targetOf(channel, key, model),
        last,
        taken: () => {
          if (passage !== undefined) waiting.tell(passage, "taken")
        },
        release: (outcome) => {
          if (released) return
          released = true
          if (distress !== undefined && asking.get(distress.pool) === place) asking.delete(distress.pool)
          const now = MonotonicClock.wholeMillis(clock)
          standings.settle(channel, visit, outcome, now)
          // What it has done to the channel is known before anybody follows.
          if (passage === undefined) waiting.look()
          else waiting.tell(passage, passageOf(outcome))
        }
      }
    }

    const mayAskInDistress = (pool: string, now: number): boolean => {
      for (const [name, { until }] of asking) if (until <= now) asking.delete(name)
      return !asking.has(pool)
    }

    const isOffByHand = ({ enabled, id, keys }: Channel): boolean =>
      !enabled || Health.isOff(health, id, keys.length, "by hand")

    /** What there is to choose from; or why there can be nothing, however long it is waited. */
    const candidates = (wanted: Wanted, serving: ReadonlyArray<Serving>, now: number): Candidates | Nobody => {
      const { model } = wanted
      if (serving.length === 0) return nobody(() => new ModelNotFound({ model }))
      if (serving.every(({ channel }) => isOffByHand(channel))) {
        return nobody(() => new ChannelNoAvailableKey({ model }))
      }
      const options = optionsOf(wanted, serving, now)
      const wordless = options.length === 0 ? unsaidByAll(wanted, serving) : []
      return wordless.length > 0 ? nobody(() => inconvertible(wordless)) : { _tag: "Candidates", options }
    }

    const choosable = ({ spare }: Wanted, options: ReadonlyArray<Choice.Option>): ReadonlyArray<Choice.Option> =>
      spare === true ? waiting.free(options).filter(({ failed }) => !failed) : options

    /** Decides, and takes nothing. */
    const choose = (wanted: Wanted, found: Candidates | Nobody, draw: Choice.Draw, now: number): Chosen => {
      if (found._tag === "Nobody") return found
      const { model } = wanted
      const { options } = found
      const option = Choice.usableOption(choosable(wanted, options), draw, wanted.prefer)
      if (option !== undefined) return { _tag: "Usable", option, last: isLast(wanted, options, option) }
      if (wanted.spare !== true && Choice.inDistress(options) && mayAskInDistress(poolOf(wanted), now)) {
        const due = Choice.firstDue(options, wanted.only !== undefined)
        if (due !== undefined) return { _tag: "InDistress", option: due }
      }
      const retryAfterMillis = Choice.leastWait(options, now)
      return nobody(
        () => new GetChannelFailed({ model, ...(retryAfterMillis === undefined ? {} : { retryAfterMillis }) })
      )
    }

    /** The same for a request that may wait: nothing that others wait for is taken from them. */
    const chooseOrWait = (
      wanted: Wanted,
      patience: Patience,
      found: Candidates | Nobody,
      draw: Choice.Draw,
      now: number
    ): Chosen | Due => {
      if (found._tag === "Nobody") return found
      const { options } = found
      const option = Choice.usableOption(waiting.free(options), draw, wanted.prefer)
      if (option !== undefined) return { _tag: "Usable", option, last: isLast(wanted, options, option) }
      if (!isWorthWaiting(wanted, patience, options, now)) return choose(wanted, found, draw, now)
      const { model } = wanted
      return waiting.full()
        ? nobody(() => new GetChannelFailed({ model, retryAfterMillis: lineIsFullMillis }))
        : { _tag: "Due", options, patience }
    }

    const servingOf = ({ group, model, pin }: Wanted): ReadonlyArray<Serving> => {
      const channels = registry.channels()
      if (pin === undefined) return serving(channels, model, group)
      const channel = channels.find(({ id }) => id === pin.channel)
      return channel === undefined ? [] : serving([channel], model, channel.group)
    }

    const drawOf = (random: Random.Random): Choice.Draw => ({
      next: () => random.nextDoubleUnsafe(),
      turn: (channel) => turns.get(channel) ?? 0
    })

    const pick = (wanted: Wanted, clock: Clock.Clock, random: Random.Random): Picked | PickError | Due => {
      const now = MonotonicClock.wholeMillis(clock)
      const serving = servingOf(wanted)
      // A rest ends by itself, and nothing tells when: it is seen here.
      for (const { channel } of serving) standings.refresh(channel.id, undefined, now)
      const found = candidates(wanted, serving, now)
      const { wait } = wanted
      const chosen =
        wait === undefined
          ? choose(wanted, found, drawOf(random), now)
          : chooseOrWait(wanted, wait, found, drawOf(random), now)
      switch (chosen._tag) {
        case "Usable":
          return take(chosen.option, chosen.last, clock, undefined)
        case "InDistress":
          return take(chosen.option, true, clock, { pool: poolOf(wanted) })
        case "Due":
          return chosen
        case "Nobody":
          return stackless(chosen.error)
      }
    }

    const chooseNow = (wanted: Wanted, draw: Choice.Draw, now: number): Chosen =>
      choose(wanted, candidates(wanted, servingOf(wanted), now), draw, now)

    const waiting = yield* makeWaiting({
      optionsOf: (wanted, now) => optionsOf(wanted, servingOf(wanted), now),
      take: (wanted, options, option, clock, passage) =>
        take(option, isLast(wanted, options, option), clock, undefined, passage)
    })
    renew()
    yield* registry.subscribe(renew)

    return {
      models: (group = defaultGroup) => models.get(group) ?? [],
      serves: (model, group) => serves(registry.channels(), model, group),
      pick: (wanted) =>
        Effect.withFiber((fiber) => {
          const clock = fiber.getRef(Clock.Clock)
          const random = fiber.getRef(Random.Random)
          const now = (wanted: Wanted): Effect.Effect<Picked, PickError> => {
            const picked = pick(wanted, clock, random)
            if (!("_tag" in picked)) return Effect.succeed(picked)
            if (picked._tag !== "Due") return Effect.fail(picked)
            const { options, patience } = picked
            return Effect.flatMap(
              waiting.stand({ wanted, patience, options, clock, draw: drawOf(random) }),
              // Nothing came of it: then as if it had not waited.
              (given) => (given === undefined ? now({ ...wanted, wait: undefined }) : Effect.succeed(given))
            )
          }
          return now(wanted)
        }),
      peek: (wanted) =>
        Effect.withFiber((fiber) => {
          const now = MonotonicClock.wholeMillis(fiber.getRef(Clock.Clock))
          const chosen = chooseNow(wanted, drawOf(fiber.getRef(Random.Random)), now)
          if (chosen._tag === "Nobody") return Effect.fail(stackless(chosen.error))
          const { channel, key, model } = chosen.option
          return Effect.succeed(targetOf(channel, key, model))
        }),
      usable: (wanted) => chooseNow(wanted, noChance, MonotonicClock.wholeMillis(clock))._tag !== "Nobody",
      fresh: (wanted) => {
        const options = optionsOf(wanted, servingOf(wanted), MonotonicClock.wholeMillis(clock))
        return Choice.freshOf(choosable(wanted, options)).size
      },
      standing: ({ channel: id, key }) => {
        const channel = registry.channels().find((one) => one.id === id)
        const { group } = channel ?? { group: defaultGroup }
        if (channel === undefined || (key ?? 0) >= Math.max(channel.keys.length, 1)) return { is: "unknown", group }
        if (!channel.enabled) return { is: "off", group }
        const now = MonotonicClock.wholeMillis(clock)
        const places =
          key === undefined ? Array.from({ length: Math.max(channel.keys.length, 1) }, (_, at) => at) : [key]
        const off = places.every((place) => Health.isKeyOff(health, id, place, now))
        return { is: off ? "off" : "there", group }
      },
      canAsk: () => {
        const now = MonotonicClock.wholeMillis(clock)
        return registry
          .channels()
          .some(({ enabled, id, keys }) => enabled && Health.hasUsableKey(health, id, keys.length, now))
      },
      states: Effect.clockWith((clock) =>
        Effect.sync(() =>
          registry.channels().map(({ id }) => {
            standings.refresh(id, undefined, MonotonicClock.wholeMillis(clock))
            return { channel: id, state: standings.state(id) }
          })
        )
      ),
      details: () => {
        const now = MonotonicClock.wholeMillis(clock)
        return registry.channels().map((channel): ChannelDetail => {
          standings.refresh(channel.id, undefined, now)
          return detailOf(health, channel, standings.state(channel.id), now, wallAhead())
        })
      },
      probe: (id, key, model) => {
        const channel = registry.channels().find((one) => one.id === id)
        if (channel === undefined || !channel.enabled || key >= Math.max(channel.keys.length, 1)) return undefined
        const begun = MonotonicClock.wholeMillis(clock)
        if (Health.fitness(health, { channel: id, key, model }, begun).is === "off") return undefined
        const visit = Health.begin(health, { channel: id, key, model }, begun)
        let released = false
        return {
          target: targetOf(channel, key, model),
          release: (outcome) => {
            if (released) return
            released = true
            standings.settle(channel, visit, outcome, MonotonicClock.wholeMillis(clock))
            waiting.look()
          }
        }
      },
      learn: (fact, where = "here") => {
        const channel = standings.channel(fact.channel)
        if (channel === undefined || (fact.key ?? 0) >= Math.max(channel.keys.length, 1)) return
        const now = MonotonicClock.wholeMillis(clock)
        Health.learn(health, atMoments(fact, -wallAhead()), now)
        standings.refresh(fact.channel, undefined, now, where)
        waiting.look()
      },
      refused: (target) => refusals.of(target, MonotonicClock.wholeMillis(clock)),
      rememberRefusal: (target, refusal) => refusals.remember(target, refusal, MonotonicClock.wholeMillis(clock)),
      forgetRefusal: (target, refusal) => refusals.retract(target, refusal)
    }
  })

const targetOf = (channel: Channel, key: number, model: string): Target => ({
  channel,
  keyIndex: channel.keys.length === 0 ? -1 : key,
  key: channel.keys[key],
  model
})

/** What serves a request: the channels of its group that name its model. */
const poolOf = ({ group = defaultGroup, model }: Wanted): string => `${group}\u0000${model}`

/** How long who finds the line full is told to stay away, in milliseconds. */
const lineIsFullMillis = 1_000

const passageOf = (outcome: Outcome): "refused" | "left" | "taken" => {
  switch (outcome._tag) {
    case "Success":
      return "taken"
    case "Failure":
      return "refused"
    case "Ignored":
      return "left"
  }
}

// Who insists on a channel waits for those who came before, and not for its rest: there may be another one.
const isWorthWaiting = (
  { only }: Wanted,
  { leftMillis, upToMillis }: Patience,
  options: ReadonlyArray<Choice.Option>,
  now: number
): boolean => {
  if (only !== undefined) return Choice.isAnyUsable(options)
  const millis = Choice.firstDueAt(options, now, true) - now
  return millis <= upToMillis && millis < leftMillis
}

/** The fields that stand in the way where no channel, however well, has words for the request. */
const unsaidByAll = ({ unsaid }: Wanted, serving: ReadonlyArray<Serving>): ReadonlyArray<string> => {
  if (unsaid === undefined) return []
  const fields = new Set<string>()
  for (const { channel, model } of serving) {
    if (!channel.enabled) continue
    const paths = unsaid(targetOf(channel, 0, model))
    if (paths.length === 0) return []
    for (const path of paths) fields.add(path)
  }
  return [...fields]
}

const inconvertible = (fields: ReadonlyArray<string>): ConvertRequestFailed =>
  new ConvertRequestFailed({
    message: `no channel of this model has words for ${fewNames(fields).join(", ")}`,
    details: fewNames(fields).map((field) => ({
      field,
      message: "cannot be said to any channel of this model",
      code: "unsupported"
    }))
  })

// Whether no other channel could be asked if this one failed. `only` and `otherKey` say nothing of other channels.
const isLast = (wanted: Wanted, options: ReadonlyArray<Choice.Option>, chosen: Choice.Option): boolean =>
  !options.some(
    ({ channel, fitness }) => channel !== chosen.channel && !wanted.tried.out.has(channel.id) && fitness.is === "usable"
  )
