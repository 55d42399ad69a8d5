/**
 * A small model of a journal that several owners share: random schedules of creates, begins under keys, appends, ends,
 * deaths, claims, readers, cancels and time, and what must hold after each step whoever is first. What is committed is
 * asked of the store; what may be committed, who may claim, what a key names and what a reader has been told are the
 * model's.
 */
import { assert } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as fc from "fast-check"
import {
  type Journal,
  type JournalStore,
  type Lease,
  type Outcome,
  type Reader,
  type StreamId,
  type StreamRecord,
  textOf
} from "#src/journal/index"
import { splitFrames } from "#src/journal/Frames"
import { journalOn, late, makeTold, makeTurns, type Place, type Told } from "./kit.ts"

/** One step. Owners, streams, leases and readers are named by any number, taken modulo how many there are. */
export type Step =
  | { readonly _tag: "Create"; readonly owner: number }
  | { readonly _tag: "Begin"; readonly owner: number; readonly key: number; readonly body: number }
  | { readonly _tag: "Append"; readonly owner: number; readonly lease: number; readonly frames: number }
  | { readonly _tag: "End"; readonly owner: number; readonly lease: number; readonly freesKey: boolean }
  | { readonly _tag: "Turn"; readonly owner: number; readonly turns: number }
  | { readonly _tag: "Die"; readonly owner: number }
  | { readonly _tag: "Lapse"; readonly owner: number }
  | { readonly _tag: "Claim"; readonly owner: number; readonly stream: number }
  | {
      readonly _tag: "Join"
      readonly owner: number
      readonly stream: number
      readonly from: number
      readonly takes: boolean
    }
  | { readonly _tag: "Cursor"; readonly owner: number; readonly stream: number; readonly seq: number }
  | { readonly _tag: "Resume"; readonly reader: number }
  | { readonly _tag: "Close"; readonly reader: number }
  | { readonly _tag: "Cancel"; readonly owner: number; readonly stream: number }
  | { readonly _tag: "Wait"; readonly millis: number }

const retention = 60_000
const idempotencyRetention = 150_000

const tag = <const T extends string>(tag: T) => fc.constant(tag)
const any = fc.nat(99)
const step = (weight: number, arbitrary: fc.Arbitrary<Step>) => ({ weight, arbitrary })

/** Schedules. */
export const schedules = fc.array(
  fc.oneof(
    step(3, fc.record({ _tag: tag("Create"), owner: any })),
    step(4, fc.record({ _tag: tag("Begin"), owner: any, key: fc.nat(1), body: fc.nat(1) })),
    step(10, fc.record({ _tag: tag("Append"), owner: any, lease: any, frames: fc.integer({ min: 1, max: 4 }) })),
    step(3, fc.record({ _tag: tag("End"), owner: any, lease: any, freesKey: fc.boolean() })),
    step(12, fc.record({ _tag: tag("Turn"), owner: any, turns: fc.integer({ min: 1, max: 4 }) })),
    step(2, fc.record({ _tag: tag("Die"), owner: any })),
    step(2, fc.record({ _tag: tag("Lapse"), owner: any })),
    step(5, fc.record({ _tag: tag("Claim"), owner: any, stream: any })),
    step(5, fc.record({ _tag: tag("Join"), owner: any, stream: any, from: any, takes: fc.boolean() })),
    step(3, fc.record({ _tag: tag("Cursor"), owner: any, stream: any, seq: any })),
    step(3, fc.record({ _tag: tag("Resume"), reader: any })),
    step(1, fc.record({ _tag: tag("Close"), reader: any })),
    step(1, fc.record({ _tag: tag("Cancel"), owner: any, stream: any })),
    step(2, fc.record({ _tag: tag("Wait"), millis: fc.constantFrom(1, 30_000, retention, idempotencyRetention + 1) }))
  ),
  { minLength: 10, maxLength: 150, size: "max" }
)

interface Held {
  readonly stream: Known
  readonly lease: Lease
  readonly epoch: number
  state: "open" | "ended" | "lost"
  /** How often it was cancelled. */
  cancels: number
}

/** One process. */
interface Slot {
  readonly journal: Journal["Service"]
  readonly store: JournalStore["Service"]
  readonly turns: ReturnType<typeof makeTurns>
  readonly close: Effect.Effect<void>
  readonly die: Effect.Effect<void>
  readonly lapse: (() => void) | undefined
  readonly held: Array<Held>
  state: "lives" | "lapsed" | "dead"
}

interface Known {
  readonly id: StreamId
  readonly key: { readonly name: number; readonly body: number } | undefined
  /** What was seen in the store, for good. */
  frames: ReadonlyArray<string>
  /** When it was claimed: by which epoch, and how long it was. */
  readonly claims: Array<{ readonly epoch: number; readonly length: number }>
  endedAt: number | undefined
  freedKey: boolean
  forgotten: boolean
  cancelled: boolean
}

interface Following {
  readonly slot: Slot
  readonly stream: Known
  readonly after: number
  readonly told: Told
  readonly reader: Reader
  state: "open" | "closed"
}

/** What a place has for the model: owners that die, and perhaps such as are only held for dead. */
export interface ModelPlace {
  readonly owner: Effect.Effect<
    Effect.Success<Place["owner"]> & { readonly lapse?: (() => void) | undefined },
    never,
    Scope.Scope
  >
  /** How many processes there are at a time. */
  readonly slots: number
}

/** Runs a schedule, and looks after each step whether all is as it must be. */
export const runOwners = Effect.fnUntraced(function* (place: ModelPlace, lateness: number, steps: ReadonlyArray<Step>) {
  const slots: Array<Slot> = []
  /** Owners that were believed to be dead, and go on. */
  const lapsed: Array<Slot> = []
  const streams: Array<Known> = []
  const readers: Array<Following> = []
  const wrong: Array<string> = []
  /** Orphans that were ended where they stood. */
  const givenUp: Array<StreamId> = []
  let outcomesSeen: ReadonlyArray<Outcome> = []
  let now = 1_000_000
  yield* TestClock.setTime(now)

  const enter = Effect.gen(function* () {
    const scope = yield* Scope.make()
    const { die, lapse, store } = yield* Scope.provide(place.owner, scope)
    const turns = makeTurns()
    const slow = late(store, turns.turn, { commit: lateness, find: lateness, page: lateness })
    const options = { turn: turns.turn, retention, idempotencyRetention }
    const journal = yield* Scope.provide(journalOn(slow, options), scope)
    const close = Effect.andThen(Effect.sync(turns.release), Scope.close(scope, Exit.void))
    return { journal, store, turns, close, die, lapse, held: [], state: "lives" } as Slot
  })
  yield* Effect.addFinalizer(() =>
    Effect.forEach(
      [...slots, ...lapsed],
      (slot) => {
        slot.state = "dead"
        return slot.close
      },
      { discard: true }
    )
  )
  for (let n = 0; n < place.slots; n++) slots.push(yield* enter)

  const pick = <A>(list: ReadonlyArray<A>, n: number): A | undefined => list[n % list.length]
  const everybody = (): ReadonlyArray<Slot> => [...slots, ...lapsed]
  const living = (): Slot => slots.find(({ state }) => state === "lives") ?? assert.fail("nobody lives")

  /** Runs an effect that waits for turns which only the test takes. */
  const taking = Effect.fnUntraced(function* <A, E>(slot: Slot, effect: Effect.Effect<A, E>) {
    const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
    let exit = fiber.pollUnsafe()
    while (exit === undefined) {
      slot.turns.take()
      yield* Effect.yieldNow
      exit = fiber.pollUnsafe()
    }
    return yield* exit
  })

  // What the store says, without waiting for anybody's turns: these stores answer at once.
  const ask = <A>(
    run: (done: (reply: { readonly ok: boolean; readonly value?: A }) => void) => void
  ): A | undefined => {
    let value: A | undefined
    run((reply) => {
      assert.isTrue(reply.ok)
      value = reply.value
    })
    return value
  }
  const recordOf = (id: StreamId, slot: Slot): StreamRecord | undefined =>
    ask<StreamRecord | undefined>((done) => slot.store.find(id, done))
  const framesOf = (id: StreamId): ReadonlyArray<string> => {
    const all: Array<string> = []
    for (;;) {
      const page = ask<Parameters<typeof splitFrames>[0] | undefined>((done) =>
        living().store.page(id, all.length - 1, 256, done)
      )
      if (page === undefined) return all
      all.push(...splitFrames(page))
    }
  }

  const hold = (slot: Slot, stream: Known, lease: Lease, epoch: number): void => {
    const held: Held = { stream, lease, epoch, state: "open", cancels: 0 }
    slot.held.push(held)
    lease.onCancel(() => void held.cancels++)
    lease.onFault((fault) => {
      held.state = "lost"
      if (slot.state === "dead") return
      // What a listener throws is its own affair: it is looked at after the step.
      if (fault._tag !== "LeaseLost") wrong.push(`a lease has ${fault._tag}`)
      const record = recordOf(stream.id, living())
      const other = record === undefined || record.endedAt !== null || record.epoch > epoch
      if (!other) wrong.push("a lease was lost to nobody")
    })
  }
  const know = (id: StreamId, key: Known["key"]): Known => {
    const known: Known = {
      id,
      key,
      frames: [],
      claims: [],
      endedAt: undefined,
      freedKey: false,
      forgotten: false,
      cancelled: false
    }
    streams.push(known)
    return known
  }

  const look = (): void => {
    assert.deepStrictEqual(wrong, [])
    const outcomes = ask<ReadonlyArray<Outcome>>((done) => living().store.outcomes("", 999, done)) ?? []
    assert.deepStrictEqual(outcomes.slice(0, outcomesSeen.length), outcomesSeen, "outcomes changed")
    outcomesSeen = outcomes
    for (const stream of streams) {
      const record = recordOf(stream.id, living())
      if (record === undefined) {
        assert.strictEqual(stream.frames.length, 0, "a stream is gone")
        continue
      }
      const told = outcomes.filter(({ id }) => id === stream.id)
      if (told[0]?.outcome === "") givenUp.push(stream.id)
      assert.strictEqual(told.length, record.endedAt === null ? 0 : 1, "an end is told once")
      if (record.endedAt !== null) {
        stream.endedAt ??= record.endedAt
        assert.strictEqual(record.endedAt, stream.endedAt)
        stream.freedKey = told[0]?.outcome === "" || textOf(told[0]?.outcome ?? "").endsWith("/true")
        assert.strictEqual(record.request, "")
      } else {
        assert.strictEqual(record.request, `asked ${stream.key?.name ?? "without"}`)
        assert.isFalse(record.forgotten, "a stream without an end is forgotten")
      }
      if (record.forgotten) {
        stream.forgotten = true
        assert.isAbove(now - (record.endedAt ?? now), retention, "forgotten too early")
        continue
      }
      const frames = framesOf(stream.id)
      assert.strictEqual(frames.length, record.length)
      assert.deepStrictEqual(frames.slice(0, stream.frames.length), stream.frames, "what was committed has changed")
      stream.frames = frames
      // `seq.epoch`: without a gap, and no epoch writes behind a later one's claim.
      const epochs = frames.map((frame, seq) => {
        assert.isTrue(frame.startsWith(`${seq}.`), `${frame} at ${seq}`)
        return Number(frame.slice(frame.indexOf(".") + 1, -1))
      })
      for (const { epoch, length } of stream.claims) {
        assert.isTrue(
          epochs.every((of, seq) => (seq < length ? of < epoch : of >= epoch)),
          "a stale writer wrote"
        )
      }
    }
    for (const { slot, state, stream, told, after } of readers) {
      const text = stream.frames.slice(after + 1, Math.max(told.last, after) + 1).join("")
      // It may have been committed, shown and forgotten between two looks.
      const known = !stream.forgotten || told.last < stream.frames.length
      if (known && told.text !== text) assert.strictEqual(told.text, text, "a reader was told something else")
      if (told.terminal) {
        assert.isDefined(stream.endedAt)
        assert.notInclude(givenUp, stream.id, "what nobody ended was told as whole")
        if (known) assert.strictEqual(told.last, stream.frames.length - 1)
      }
      if (state === "open" && told.faults.length > 0 && slot.state !== "dead") {
        const record = recordOf(stream.id, living())
        const lost = slot.held.some((held) => held.stream === stream && held.state === "lost")
        const over = record === undefined || now - (record.endedAt ?? now) > retention || givenUp.includes(stream.id)
        assert.isTrue(lost || over, "a reader was cut for nothing")
      }
    }
  }

  /** What a key names now, if it names anything. */
  const boundTo = (name: number): Known | undefined =>
    streams.findLast(
      ({ endedAt, freedKey, key }) =>
        key?.name === name && !freedKey && (endedAt === undefined || now - endedAt <= idempotencyRetention)
    )

  const run = Effect.fnUntraced(function* (step: Step) {
    switch (step._tag) {
      case "Create": {
        const slot = pick(slots, step.owner)!
        const lease = slot.journal.create({ dialect: "chat", owner: "o", request: "asked without", note: "" })
        return hold(slot, know(lease.id, undefined), lease, 1)
      }
      case "Begin": {
        const slot = pick(slots, step.owner)!
        const bound = boundTo(step.key)
        const since = bound?.endedAt ?? (bound && recordOf(bound.id, slot)?.goneSince) ?? now
        const beginning = yield* taking(
          slot,
          Effect.result(
            slot.journal.begin({
              dialect: "chat",
              owner: "o",
              request: `asked ${step.key}`,
              note: "",
              key: `k${step.key}`,
              bodyHash: `b${step.body}`
            })
          )
        )
        if (beginning._tag === "Failure") {
          assert.strictEqual(beginning.failure._tag, "StreamExpired")
          // It may have been given up while this one was asking.
          const ended = bound && recordOf(bound.id, slot)?.endedAt
          assert.isTrue(bound !== undefined && now - Math.min(since, ended ?? now) > retention, "expired for nothing")
          return
        }
        const { success } = beginning
        if (success._tag === "Begun") {
          assert.isUndefined(bound, "a key names two streams")
          return hold(slot, know(success.lease.id, { name: step.key, body: step.body }), success.lease, 1)
        }
        if (success._tag === "Absent") assert.fail("it was asked to begin")
        assert.strictEqual(success.position.record.id, bound?.id)
        assert.strictEqual(success.sameBody, bound?.key?.body === step.body)
        return
      }
      case "Append": {
        const held = pick(pick(everybody(), step.owner)!.held, step.lease)
        if (held === undefined) return
        for (let n = 0; n < step.frames; n++) {
          held.lease.append(`${held.lease.nextSeq()}.${held.epoch};`)
        }
        return
      }
      case "End": {
        const held = pick(pick(everybody(), step.owner)!.held, step.lease)
        if (held === undefined || held.state !== "open") return
        held.state = "ended"
        held.lease.end({ outcome: `${held.epoch}/${step.freesKey}`, freesKey: step.freesKey })
        return
      }
      case "Turn": {
        const { turns } = pick(everybody(), step.owner)!
        for (let n = 0; n < step.turns; n++) turns.take()
        return
      }
      case "Die": {
        const slot = pick(slots, step.owner)!
        slot.state = "dead"
        yield* slot.die
        yield* slot.close
        slots.splice(slots.indexOf(slot), 1, yield* enter)
        return
      }
      case "Lapse": {
        const slot = pick(slots, step.owner)!
        if (slot.lapse === undefined || lapsed.length > 1) return
        slot.lapse()
        slot.state = "lapsed"
        lapsed.push(slot)
        slots.splice(slots.indexOf(slot), 1, yield* enter)
        return
      }
      case "Claim": {
        const slot = pick(slots, step.owner)!
        const stream = pick(streams, step.stream)
        const seen = stream && recordOf(stream.id, slot)
        if (stream === undefined || seen === undefined) return
        const mine = slot.journal.live(stream.id) !== undefined
        const free = !mine && seen.endedAt === null && seen.writer !== "another"
        const claim = yield* taking(slot, slot.journal.claim(seen))
        assert.strictEqual(claim._tag === "Claimed", free, `${claim._tag}, though ${JSON.stringify(seen)}`)
        if (claim._tag !== "Claimed") return
        assert.strictEqual(claim.record.epoch, seen.epoch + 1)
        assert.strictEqual(claim.lease.nextSeq(), claim.record.length)
        stream.claims.push({ epoch: claim.record.epoch, length: claim.record.length })
        hold(slot, stream, claim.lease, claim.record.epoch)
        if (stream.cancelled) assert.strictEqual(slot.held.at(-1)?.cancels, 1, "a cancel was forgotten")
        return
      }
      case "Join": {
        const slot = pick(everybody(), step.owner)!
        const stream = pick(streams, step.stream)
        if (stream === undefined) return
        const located = yield* taking(slot, Effect.result(slot.journal.locate(stream.id, undefined)))
        if (located._tag === "Failure") return
        const { record, state } = located.success
        const writer = recordOf(stream.id, slot)?.writer
        if (slot.journal.live(stream.id) !== undefined) assert.strictEqual(state, "live")
        else if (record.endedAt !== null) assert.strictEqual(state, "ended")
        else assert.strictEqual(state, writer === "another" ? "elsewhere" : "orphan")
        const after = (step.from % (record.length + 1)) - 1
        const told = makeTold(() => step.takes)
        readers.push({ slot, stream, after, told, reader: slot.journal.follow(stream.id, after, told), state: "open" })
        return
      }
      case "Cursor": {
        const slot = pick(everybody(), step.owner)!
        const stream = pick(streams, step.stream)
        if (stream === undefined) return
        const locate = (cursor?: string) =>
          taking(slot, Effect.result(slot.journal.locate(stream.id, cursor, step.seq === 99 ? "another" : "o")))
        const before = yield* locate()
        if (step.seq === 99) {
          const expected = before._tag === "Failure" ? before.failure._tag : "found"
          return assert.strictEqual(expected, "StreamNotFound", "another's stream was found")
        }
        if (before._tag === "Failure") return
        const { length } = before.success.record
        const seq = step.seq % (length + 2)
        const found = yield* locate(`${stream.id}.${seq}`)
        const after = yield* locate()
        // It may have grown meanwhile, have ended, or have expired: never anything else.
        if (after._tag === "Failure") return
        const grown = after.success.record.length
        if (seq < length) {
          if (found._tag === "Failure") return assert.fail(`a good cursor: ${found.failure._tag}`)
          assert.strictEqual(found.success.after, seq)
          if (found.success.atEnd) {
            assert.deepStrictEqual([after.success.state, seq], ["ended", grown - 1], "an end that is none")
          }
        } else if (seq >= grown) {
          assert.strictEqual(found._tag === "Failure" && found.failure._tag, "InvalidCursor", "a cursor ahead")
        }
        return
      }
      case "Resume":
        pick(readers, step.reader)?.reader.resume()
        return
      case "Close": {
        const following = pick(readers, step.reader)
        if (following === undefined) return
        following.state = "closed"
        following.reader.close()
        return
      }
      case "Cancel": {
        const slot = pick(slots, step.owner)!
        const stream = pick(streams, step.stream)
        if (stream === undefined || recordOf(stream.id, slot) === undefined) return
        const unended = recordOf(stream.id, slot)?.endedAt === null
        const local = slot.journal.live(stream.id) !== undefined
        const asked = yield* taking(slot, slot.journal.cancel(stream.id, "enough"))
        assert.strictEqual(asked, unended || local)
        if (unended && !local) stream.cancelled = true
        return
      }
      case "Wait":
        now += step.millis
        yield* TestClock.adjust(step.millis)
    }
  })

  for (const step of steps) {
    yield* run(step)
    look()
  }

  // All that live have their turns: what they wrote is committed, and their readers have all of it.
  const settle = (): void => {
    for (let round = 0; round < 12; round++) {
      for (const { turns } of everybody()) turns.takeAll()
      for (const { reader } of readers) reader.resume()
    }
    look()
  }
  settle()
  for (const { held, state } of everybody()) {
    for (const { epoch, lease, state: of, stream } of held) {
      if (state === "dead" || of === "lost") continue
      const record = recordOf(stream.id, living())
      if (record === undefined) return assert.fail("a stream is gone")
      if (record.forgotten) continue
      // It has not written since others hold it for dead, and they have gone on without it.
      if (state === "lapsed" && record.epoch > epoch) continue
      assert.strictEqual(record.length, lease.nextSeq(), "what was appended is not committed")
      if (of === "open") assert.strictEqual(record.epoch, epoch)
      else assert.isNotNull(record.endedAt)
    }
  }
  for (const { after, slot, state, stream, told } of readers) {
    if (state === "closed" || slot.state === "dead" || told.faults.length > 0) continue
    // Its process does not know yet that the stream is another's: it learns that when it writes.
    const record = recordOf(stream.id, living())
    const held = slot.held.find((held) => held.stream === stream && held.state !== "lost")
    if (stream.forgotten) continue
    if (slot.state === "lapsed" && held !== undefined && record?.epoch !== held.epoch) continue
    assert.strictEqual(Math.max(told.last, after), stream.frames.length - 1, "a reader was not told all")
    assert.strictEqual(told.terminal, stream.endedAt !== undefined)
  }
})
