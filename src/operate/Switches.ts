/**
 * What is switched off, by a person or by evidence: kept in the books, so that it outlives the process, also one that is
 * killed; and told, once it is kept.
 *
 * `Selection` decides and knows; here its facts are written down, and learned again: at start, whenever a channel or a
 * key comes (back) that was off when it was there last, and within a second of when another relay on the same books has
 * switched something. What was set last counts. While the books are away facts wait for them in memory.
 */
import { Clock, Context, Effect, Layer, Queue, type Redacted, Schedule, type Scope } from "effect"
import { digestOf } from "../account/TokenKeyNode.ts"
import { Books, type BooksError, type BooksNewer } from "../books/index.ts"
import { type Channel, type ChannelDetail, type Fact, Registry, Selection } from "../channel/index.ts"
import { NotFound, stackless } from "../errors/index.ts"
import { type RelayEvent, RelayEvents, sinkOf } from "../relay/index.ts"
import { Alerts } from "./Alerts.ts"
import {
  forgetSwitches,
  isSameSwitch,
  readSwitch,
  selectSwitches,
  type SwitchRow,
  switchesModule,
  switchesTopic,
  writeSwitch
} from "./SwitchRows.ts"

/** A fact of a switch. */
type Switched = Extract<Fact, { readonly _tag: "Disabled" | "Enabled" }>

/** What is switched: a channel, or one of its keys by index. */
export interface SwitchPlace {
  readonly channel: string
  readonly key?: number | undefined
}

/** The digest of what is a channel's only key where it has none. */
const noKey = "none"

/** How long the row of a switch that is on is kept: a write that was late may still come. */
const keptFor = 86_400_000

// What may be told of a key is not enough to try keys against: half of its digest.
const shortDigest = (key: Redacted.Redacted): string => digestOf(key).slice(0, 32)

/** The digests of a channel's keys, in their order. */
const digestsOf = ({ keys }: Channel): ReadonlyArray<string> => (keys.length === 0 ? [noKey] : keys.map(shortDigest))

/** Switches channels and keys, and remembers what is off. */
export class Switches extends Context.Service<
  Switches,
  {
    /**
     * By hand: off until it is switched on by hand. Done when it is in the books, or waits for them. Gives how its channel
     * was before; fails where there is no such channel or key.
     */
    readonly disable: (place: SwitchPlace) => Effect.Effect<ChannelDetail, NotFound>
    /**
     * By hand: on, whoever had switched it off. A channel that is switched on is so with those of its keys that evidence
     * had switched off.
     */
    readonly enable: (place: SwitchPlace) => Effect.Effect<ChannelDetail, NotFound>
  }
>()("effect-resilience/operate/Switches") {
  /** In the books. What was off is off when the Layer is built. */
  static readonly layer: Layer.Layer<
    Switches,
    BooksNewer | BooksError,
    Alerts | Books | Registry | RelayEvents | Selection
  > = Layer.effect(
    Switches,
    Effect.suspend(() => make)
  )
}

const make: Effect.Effect<
  Switches["Service"],
  BooksNewer | BooksError,
  Alerts | Books | Registry | RelayEvents | Scope.Scope | Selection
> = Effect.gen(function* () {
  const books = yield* Books
  const selection = yield* Selection
  const registry = yield* Registry
  const events = yield* RelayEvents
  const alerts = yield* Alerts
  yield* books.migrate(switchesModule)

  /** Each switch as it was set last, by its place and by what. */
  const set = new Map<string, SwitchRow>()
  const idOf = ({ by, channel, keyDigest }: SwitchRow): string => `${channel} ${keyDigest} ${by}`
  const note = (row: SwitchRow): void => void set.set(idOf(row), row)
  for (const row of yield* books.run(selectSwitches)) note(readSwitch(row))
  books.later(Effect.asVoid(books.run(forgetSwitches((yield* Clock.currentTimeMillis) - keptFor))))

  const channelOf = (id: string): Channel | undefined => registry.channels().find((channel) => channel.id === id)

  const learnAll = (): void => {
    if (set.size === 0) return
    const digests = new Map(registry.channels().map((channel) => [channel.id, digestsOf(channel)]))
    for (const { channel, disabler, keyDigest } of set.values()) {
      const at = digests.get(channel)?.indexOf(keyDigest) ?? -1
      if (disabler === undefined || !digests.has(channel) || (keyDigest !== "" && at < 0)) continue
      selection.learn({ _tag: "Disabled", channel, key: keyDigest === "" ? undefined : at, disabler })
    }
  }
  learnAll()
  yield* registry.subscribe(learnAll)

  /** A fact as a row; `undefined` where its channel or key is gone by now. */
  const rowOf = (fact: Switched, at: number): SwitchRow | undefined => {
    const channel = channelOf(fact.channel)
    const keyDigest = channel === undefined ? undefined : fact.key === undefined ? "" : digestsOf(channel)[fact.key]
    if (keyDigest === undefined) return undefined
    const disabler = fact._tag === "Disabled" ? fact.disabler : undefined
    const by = fact._tag === "Disabled" ? fact.disabler.by : fact.by
    return { channel: fact.channel, keyDigest, by, disabler, at }
  }

  const eventOf = (fact: Switched): Extract<RelayEvent, { readonly _tag: "KeyChanged" }> | undefined => {
    const { channel, key } = fact
    // A channel tells of itself; so does one that is its own key.
    if (key === undefined || channelOf(channel)?.keys.length === 0) return undefined
    if (fact._tag === "Enabled") return { _tag: "KeyChanged", channel, key, to: "enabled" }
    const { disabler } = fact
    if (disabler.by === "hand") return { _tag: "KeyChanged", channel, key, to: "disabled", reason: "by_hand" }
    const { evidence, reason, until } = disabler
    return { _tag: "KeyChanged", channel, key, to: "disabled", reason, evidence, until }
  }

  /** Writes rows down, with the alert of what they mean; then tells. */
  const keep = (rows: ReadonlyArray<SwitchRow>, event: ReturnType<typeof eventOf>): Effect.Effect<void> =>
    Effect.gen(function* () {
      const write = Effect.andThen(
        Effect.forEach(rows, (row) => books.run(writeSwitch(row)), { discard: true }),
        books.touch(switchesTopic)
      )
      if (event === undefined) return yield* alerts.keep(write)
      const { _tag, to, ...what } = event
      yield* alerts.tell({ event: `key_${to}`, ...what }, write)
      events.tell(event)
    })

  const clock = yield* Clock.Clock
  const found = yield* Queue.unbounded<{ readonly fact: Switched; readonly at: number }>()
  yield* Effect.acquireRelease(
    Effect.sync(() =>
      events.add(
        "switches",
        sinkOf((event) => {
          if (event._tag !== "FactFound" || event.fact._tag === "Hinted") return
          // When it was found: what a person says meanwhile is later, whenever this is written down.
          Queue.offerUnsafe(found, { fact: event.fact, at: clock.currentTimeMillisUnsafe() })
        })
      )
    ),
    (remove) => Effect.sync(remove)
  )
  const work = Effect.gen(function* () {
    const { at, fact } = yield* Queue.take(found)
    const row = rowOf(fact, at)
    if (row === undefined) return
    note(row)
    yield* keep([row], eventOf(fact))
  })
  yield* Effect.forkScoped(Effect.forever(work))

  /** What a row is of the channels that there are; `undefined` where its channel or key is not among them. */
  const factOf = ({ by, channel, disabler, keyDigest }: SwitchRow): Switched | undefined => {
    const known = channelOf(channel)
    if (known === undefined) return undefined
    const key = keyDigest === "" ? undefined : digestsOf(known).indexOf(keyDigest)
    if (key === -1) return undefined
    return disabler === undefined ? { _tag: "Enabled", channel, key, by } : { _tag: "Disabled", channel, key, disabler }
  }

  /** Whether a key is as it is to be: then nothing has happened that anybody should be told of. */
  const isSo = ({ _tag, key }: Switched, { keys }: ChannelDetail): boolean => {
    const state = keys.find(({ index }) => index === key)?.state
    return _tag === "Disabled" ? state === "off" : state === "enabled" || state === "cooling"
  }

  /** Learns what other relays have set since. They have told of it; here it stands in the log. */
  const learnNews = Effect.map(books.run(selectSwitches), (rows) => {
    for (const row of rows.map(readSwitch)) {
      const known = set.get(idOf(row))
      if (known !== undefined && known.at > row.at) continue
      note(row)
      if (known !== undefined && isSameSwitch(known, row)) continue
      const fact = factOf(row)
      // What was on already is no news.
      if (fact === undefined || (known === undefined && fact._tag === "Enabled")) continue
      const before = selection.details().find(({ channel }) => channel.id === fact.channel)
      selection.learn(fact, "elsewhere")
      const event = before === undefined || isSo(fact, before) ? undefined : eventOf(fact)
      if (event !== undefined) events.tell(event)
    }
  })
  const news = yield* Queue.sliding<void>(1)
  yield* Effect.forkScoped(
    Effect.forever(Effect.andThen(Queue.take(news), Effect.retry(learnNews, Schedule.spaced("1 second"))))
  )
  yield* books.watch(switchesTopic, () => void Queue.offerUnsafe(news, undefined))

  const standing = (place: SwitchPlace): Effect.Effect<ChannelDetail, NotFound> =>
    Effect.suspend(() => {
      const { channel: id, key } = place
      const detail = selection.details().find(({ channel }) => channel.id === id)
      const what = key === undefined ? `channel ${JSON.stringify(id)}` : `key ${key} of channel ${JSON.stringify(id)}`
      return detail === undefined || (key !== undefined && key >= detail.channel.keys.length)
        ? Effect.fail(stackless(() => new NotFound({ message: `there is no ${what}` })))
        : Effect.succeed(detail)
    })

  /** Does what a person has said: it holds at once, and is answered when it is written down. */
  const byHand = (facts: ReadonlyArray<Switched>, before: ChannelDetail): Effect.Effect<void> =>
    Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      for (const fact of facts) {
        selection.learn(fact)
        const row = rowOf(fact, now)
        if (row === undefined) continue
        // Who switches on by hand does so whatever it was that switched off. It is the last word, also where the clock of
        // the relay that had the one before is ahead.
        const rows = (fact._tag === "Disabled" ? [row] : [row, { ...row, by: "evidence" as const }]).map((one) => ({
          ...one,
          at: Math.max(now, (set.get(idOf(one))?.at ?? 0) + 1)
        }))
        for (const one of rows) note(one)
        yield* keep(rows, isSo(fact, before) ? undefined : eventOf(fact))
      }
      // The channel has told of itself.
      yield* alerts.heard
    })

  return {
    disable: (place) =>
      Effect.tap(standing(place), (before) =>
        byHand([{ _tag: "Disabled", channel: place.channel, key: place.key, disabler: { by: "hand" } }], before)
      ),
    enable: (place) =>
      Effect.tap(standing(place), (before) => {
        const { channel, key } = place
        const { keys } = before
        const withIt =
          key === undefined ? keys.flatMap(({ index, state }) => (state === "disabled" ? [index] : [])) : []
        const own = channelOf(channel)?.keys.length === 0 && key === undefined ? [0] : []
        return byHand(
          [key, ...withIt, ...own].map((at) => ({ _tag: "Enabled" as const, channel, key: at, by: "hand" as const })),
          before
        )
      })
  }
})
