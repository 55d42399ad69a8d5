/**
 * All that can end an answer, at the same moment: it ends once, and everybody sees the same end.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { streamFault, UpdateDataError } from "effect-resilience/errors"
import { Script } from "effect-resilience/testing"
import * as fc from "fast-check"
import { type ClientDialectName, clientDialects } from "#src/dialect/index"
import { JournalStoreMemory } from "#src/journal/index"
import { shareOfRuns } from "../../support/share.ts"
import { type readerOf } from "../virtual.ts"
import { ask, comeBack, judge, type Life, type LifeOptions, passing, recordOf, startLife, virtually } from "./lives.ts"

const words = ["one ", "two ", "three."]
const text = words.join("")
const pace = 10
/** About when the answer is over by itself. */
const over = pace * (words.length + 1)

/** What ends it, beside itself. */
const racers = ["cancel here", "cancel there", "leave", "take over", "kill", "stop", "fail"] as const
type Racer = (typeof racers)[number]

interface Race {
  readonly dialect: ClientDialectName
  readonly leave: "cancel" | "detach"
  readonly ending: "whole" | "reset" | "finishThenStall" | "finishThenReset"
  /** How long it may take, counted from its own end. */
  readonly limit: number | undefined
  readonly key: string | undefined
  readonly racers: ReadonlyArray<{ readonly what: Racer; readonly at: number }>
}

const moment = fc.integer({ min: -12, max: 12 })

const race: fc.Arbitrary<Race> = fc.record({
  dialect: fc.constantFrom(...(Object.keys(clientDialects) as ReadonlyArray<ClientDialectName>)),
  leave: fc.constantFrom("cancel", "detach"),
  ending: fc.constantFrom("whole", "whole", "reset", "finishThenStall", "finishThenReset"),
  limit: fc.option(moment, { nil: undefined }),
  key: fc.option(fc.constant("k"), { nil: undefined }),
  racers: fc.array(fc.record({ what: fc.constantFrom(...racers), at: moment }), { minLength: 1, maxLength: 4 })
})

const run = ({ dialect, ending, key, leave, limit, racers }: Race) =>
  Effect.gen(function* () {
    const script = Script.answer(words).pipe(Script.every(pace), Script.startsAfter(pace), Script.ending(ending))
    const options: LifeOptions = {
      upstreams: { a: { scripts: () => script } },
      settings: { retry: { times: 50 }, recovery: { maxContinuations: 50 } }
    }
    const place = yield* JournalStoreMemory.place
    let failing = false
    const here = yield* startLife(place, {
      ...options,
      store: (own) => ({
        ...own,
        commit: (shares, done) => {
          if (!failing) return own.commit(shares, done)
          failing = false
          done({ ok: false, error: new UpdateDataError({ message: "the disk is full" }) })
        }
      })
    })
    const there = yield* startLife(place, options)
    const { id, reader } = yield* ask(here, {
      dialect,
      leave,
      ...(key === undefined ? {} : { key }),
      ...(limit === undefined ? {} : { timeoutMillis: over + limit })
    })
    // It is stored from its first commit.
    yield* TestClock.adjust(1)
    const readers: Array<ReturnType<typeof readerOf>> = [reader, yield* comeBack(there, id)]
    const cancel = (life: Life) =>
      Effect.flatMap(life.journal.locate(id, undefined), (position) =>
        life.relay.cancel(position, streamFault({ code: 12007, side: "client" }))
      )
    const adopt = Effect.gen(function* () {
      readers.push(yield* comeBack(there, id))
    })
    const deeds: { readonly [R in Racer]: Effect.Effect<unknown, unknown> } = {
      "cancel here": cancel(here),
      "cancel there": cancel(there),
      leave: Effect.sync(reader.close),
      "take over": Effect.andThen(Effect.sync(here.lapse), adopt),
      kill: Effect.andThen(here.kill, adopt),
      stop: Effect.andThen(here.relay.stop, Effect.andThen(here.relay.abort, here.close)),
      fail: Effect.sync(() => {
        failing = true
      })
    }
    let now = 1
    for (const { at, what } of racers.toSorted((a, b) => a.at - b.at)) {
      if (over + at > now) yield* TestClock.adjust(over + at - now)
      now = Math.max(now, over + at)
      // Whatever is too late for it, or gone, is told so: it is the end that is looked at.
      yield* Effect.forkChild(Effect.ignore(deeds[what]), { startImmediately: true })
    }
    yield* passing(() => false, 2000, 100)
    readers.push(yield* comeBack(there, id))
    for (let n = 0; n < 1000 && (yield* recordOf(there, id)).endedAt === null; n++) yield* TestClock.adjust(200)
    yield* TestClock.adjust(10)

    const all = (yield* there.journal.frames(id, -1)).join("")
    const told = judge(dialect, id, all)
    assert.notStrictEqual(told.state, "open")
    if (told.state === "whole") assert.strictEqual(told.text, text)
    else assert.isTrue(text.startsWith(told.text), told.text)
    const outcomes = yield* there.journal.outcomes("", 999)
    assert.strictEqual(outcomes.filter((one) => one.id === id).length, 1, "its end is told once")
    for (const one of readers) {
      assert.isAtMost(one.terminals(), 1)
      assert.strictEqual(one.afterEnd(), 0)
      assert.isTrue(all.startsWith(one.text()), "a reader has read something else")
      if (one.terminals() > 0) assert.strictEqual(one.text(), all)
    }
    for (const life of [here, there]) assert.isTrue(life.calls().every(({ state }) => state !== "open"))
  })

/** Its last event cannot be stored, and nobody comes for it. */
const unwritten: Race = {
  dialect: "openai",
  leave: "cancel",
  ending: "finishThenStall",
  limit: undefined,
  key: undefined,
  racers: [{ what: "fail", at: 0 }]
}

describe("whatever ends an answer at the same time", () => {
  it(
    "races: one terminal event, nothing after it, one outcome, the same for all who read",
    () =>
      fc.assert(
        fc.asyncProperty(race, (one) => virtually(run(one))),
        { numRuns: shareOfRuns(1000), examples: [[unwritten]] }
      ),
    300_000
  )
})
