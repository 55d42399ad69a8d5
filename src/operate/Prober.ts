/**
 * Asks keys for one token, on its own: those that evidence has switched off when they are due for a trial, or all of them.
 * What comes of it goes to the health of the key, and nowhere else.
 */
import { Clock, Effect, Latch, Layer } from "effect"
import {
  type ChannelDetail,
  DisableSection,
  keyId,
  type Outcome,
  probedModel,
  Selection,
  type Upstream
} from "../channel/index.ts"
import { type Blame, blameOf, ChannelResponseTimeExceeded, codeOf, stackless } from "../errors/index.ts"
import { makeProbe, type Probed } from "../relay/index.ts"
import { Settings } from "../settings/index.ts"

/** So many are asked at once. */
const atOnce = 8

/** How often it is looked who is due, in milliseconds; `disable.probe` if that is shorter. */
const lookEvery = 1_000

/** What fails by no fault of the key's, and says nothing of it. */
const inconclusive: ReadonlySet<Blame> = new Set([
  "caller",
  "content",
  "model",
  "rejected",
  "exhausted",
  "storage",
  "cancelled",
  "defect"
])

/**
 * What a probe says of the key: a failure is a piece of evidence, but for what is the probe's own fault, for a key that is
 * only too fast, and for what our own clocks did. One that takes too long by `disable.slowerThan` has failed.
 */
export const outcomeOf = ({ error, totalMillis }: Probed, slowerThan: number | null): Outcome => {
  if (error === undefined) {
    if (slowerThan === null || totalMillis <= slowerThan) return { _tag: "Success" }
    const late = stackless(
      () => new ChannelResponseTimeExceeded({ phase: "attempt", limitMillis: slowerThan, elapsedMillis: totalMillis })
    )
    const seen = `probe slower than ${slowerThan} ms`
    return { _tag: "Failure", error: late, penalise: true, testimony: { _tag: "Probe", seen } }
  }
  const blame = blameOf(error)
  if (inconclusive.has(blame)) return { _tag: "Ignored" }
  const ofOurClock = error._tag === "ChannelResponseTimeExceeded" && error.phase !== "upstream"
  if (blame === "rate" || ofOurClock) return { _tag: "Failure", error, penalise: true }
  const seen = `probe ${codeOf(error)}`
  return { _tag: "Failure", error, penalise: true, testimony: { _tag: "Probe", seen } }
}

interface Due {
  readonly channel: string
  readonly key: number
  readonly model: string
}

/** A key that may be probed: one that is off by evidence from then on; `undefined` is any time. */
interface Probable extends Due {
  readonly offUntil: number | undefined
}

/** Who may be probed: not what is off by hand, nor what has no exact model. */
const probableOf = ({ channel, keys, state, until }: ChannelDetail): ReadonlyArray<Probable> => {
  const model = probedModel(channel)
  if (model === undefined) return []
  const { id } = channel
  if (keys.length === 0)
    return [{ channel: id, key: 0, model, offUntil: state === "disabled" ? (until ?? 0) : undefined }]
  return keys.flatMap((key): ReadonlyArray<Probable> => {
    if (key.effective === "off") return []
    const offUntil =
      key.effective === "disabled" ? Math.max(key.until ?? 0, state === "disabled" ? (until ?? 0) : 0) : undefined
    return [{ channel: id, key: key.index, model, offUntil }]
  })
}

/** Probes for as long as the Layer lives, while `disable.probe` says so. */
export const layer: Layer.Layer<never, never, Selection | Settings | Upstream> = Layer.effectDiscard(
  Effect.gen(function* () {
    const selection = yield* Selection
    const section = (yield* Settings).of(DisableSection)
    const probe = yield* makeProbe
    const changed = yield* Latch.make(false)
    yield* Effect.acquireRelease(
      Effect.sync(() => section.subscribe(() => changed.openUnsafe())),
      (unsubscribe) => Effect.sync(unsubscribe)
    )
    /** When each was probed last. */
    let probedAt = new Map<string, number>()

    const ask = ({ channel, key, model }: Due): Effect.Effect<void, never, Upstream> =>
      Effect.suspend(() => {
        const visit = selection.probe(channel, key, model)
        if (visit === undefined) return Effect.void
        return probe(visit.target, "answer").pipe(
          Effect.map((probed) => visit.release(outcomeOf(probed, section.current.slowerThan))),
          Effect.onInterrupt(() => Effect.sync(() => visit.release({ _tag: "Ignored" })))
        )
      })

    const look = (every: number, all: boolean): Effect.Effect<void, never, Upstream> =>
      Effect.gen(function* () {
        const now = yield* Clock.currentTimeMillis
        const probables = selection.details().flatMap(probableOf)
        const before = probedAt
        // Who came just now is asked in a round.
        probedAt = new Map(
          probables.map(({ channel, key }) => [keyId(channel, key), before.get(keyId(channel, key)) ?? now])
        )
        const due = probables.filter(({ channel, key, offUntil }) => {
          const last = before.get(keyId(channel, key))
          if (offUntil === undefined) return all && last !== undefined && last + every <= now
          // What is off is tried when it is due, not before, and no more often than all else.
          return offUntil <= now && (last === undefined || last <= offUntil || last + every <= now)
        })
        for (const { channel, key } of due) probedAt.set(keyId(channel, key), now)
        yield* Effect.forEach(due, ask, { concurrency: atOnce, discard: true })
      })

    const work = Effect.gen(function* () {
      changed.closeUnsafe()
      const { probe: every, probeOnly } = section.current
      if (every === null) return yield* changed.await
      yield* look(every, probeOnly === "all")
      yield* Effect.raceFirst(Effect.sleep(Math.min(every, lookEvery)), changed.await)
    })
    yield* Effect.forkScoped(Effect.forever(work))
  })
)
