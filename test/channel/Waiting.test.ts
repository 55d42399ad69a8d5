/**
 * Requests in line for channels that rest: who goes when, and who is sent on.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import * as fc from "fast-check"
import { type Channel, type Picked, Registry, Selection, type Wanted } from "#src/channel/index"
import { type Call, type Passage, WaitingLine } from "#src/channel/WaitingLine"
import { ChannelRateLimited, DoRequestFailed } from "effect-resilience/errors"
import { channel, selectionOver, tried, wanted } from "./kit/channels.ts"

const over = (channels: ReadonlyArray<Channel>) => Effect.provide(selectionOver(channels))
const pick = (options: Partial<Wanted> = {}) => Selection.use((selection) => selection.pick(wanted(options)))
const patient = { wait: { upToMillis: 3000, leftMillis: 60_000 } }

/** Sends a channel to rest by a hint. */
const cool = (id: string, retryAfterMillis: number) =>
  Effect.map(pick({ only: id }), (picked) => refuse(picked, retryAfterMillis))
const refuse = (picked: Picked, retryAfterMillis: number): void =>
  picked.release({ _tag: "Failure", error: new ChannelRateLimited({ retryAfterMillis }), penalise: true })
const succeed = (picked: Picked): void => picked.release({ _tag: "Success" })

/** Requests in line, numbered; who has gone through, as `number channel`, in order. */
const makeLine = () => {
  const through: Array<string> = []
  const picked = new Map<number, Picked>()
  const sent: Array<string> = []
  let number = 0
  const join = (options: Partial<Wanted> = {}) => {
    const mine = number++
    return Effect.forkChild(
      pick({ ...patient, ...options }).pipe(
        Effect.match({
          onFailure: ({ _tag, retryAfterMillis }) => void sent.push(`${mine} ${_tag} ${retryAfterMillis}`),
          onSuccess: (one) => {
            picked.set(mine, one)
            through.push(`${mine} ${one.target.channel.id}`)
          }
        })
      ),
      { startImmediately: true }
    )
  }
  return { join, picked, sent, through }
}

describe("the line", () => {
  it.effect("S18: in the order in which they came; one first, then two for each that is taken", () =>
    Effect.gen(function* () {
      yield* cool("a", 1000)
      const { join, picked, through } = makeLine()
      for (let request = 0; request < 7; request++) yield* join()
      yield* TestClock.adjust(999)
      assert.deepStrictEqual(through, [])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(through, ["0 a"])
      picked.get(0)!.taken()
      assert.deepStrictEqual(through, ["0 a", "1 a", "2 a"])
      picked.get(1)!.taken()
      // Said twice it counts once.
      picked.get(1)!.taken()
      assert.lengthOf(through, 5)
      succeed(picked.get(2)!)
      assert.deepStrictEqual(through, ["0 a", "1 a", "2 a", "3 a", "4 a", "5 a", "6 a"])
    }).pipe(over([channel("a")]))
  )

  it.effect("S18: an upstream that is slow to answer gets one more each 50 ms", () =>
    Effect.gen(function* () {
      yield* cool("a", 1000)
      const { join, through } = makeLine()
      for (let request = 0; request < 5; request++) yield* join()
      yield* TestClock.adjust(1000)
      yield* TestClock.adjust(149)
      assert.deepStrictEqual(through, ["0 a", "1 a", "2 a"])
      yield* TestClock.adjust(1)
      assert.lengthOf(through, 4)
    }).pipe(over([channel("a")]))
  )

  it.effect("R28, S18: a second attempt takes nothing from who waits", () =>
    Effect.gen(function* () {
      yield* cool("a", 1000)
      const { join, picked, through } = makeLine()
      for (let request = 0; request < 3; request++) yield* join()
      yield* TestClock.adjust(1000)
      assert.deepStrictEqual(through, ["0 a"])
      const second = wanted({ spare: true })
      const selection = yield* Selection
      assert.strictEqual(selection.fresh(second), 0)
      assert.strictEqual((yield* Effect.flip(selection.pick(second)))._tag, "GetChannelFailed")
      picked.get(0)!.taken()
      assert.deepStrictEqual(through, ["0 a", "1 a", "2 a"])
      // With nobody in line it is as good as any; one that the request has failed on never is.
      assert.strictEqual(selection.fresh(second), 1)
      assert.strictEqual((yield* selection.pick(second)).target.channel.id, "a")
      const again = wanted({ spare: true, tried: tried({ failed: ["a"] }) })
      assert.strictEqual((yield* Effect.flip(selection.pick(again)))._tag, "GetChannelFailed")
    }).pipe(over([channel("a")]))
  )

  it.effect("S18: a refusal sends the rest back to waiting, and it begins with one again", () =>
    Effect.gen(function* () {
      yield* cool("a", 1000)
      const { join, picked, through } = makeLine()
      for (let request = 0; request < 8; request++) yield* join()
      yield* TestClock.adjust(1000)
      picked.get(0)!.taken()
      assert.lengthOf(through, 3)
      refuse(picked.get(1)!, 2000)
      yield* TestClock.adjust(1999)
      assert.lengthOf(through, 3)
      picked.get(2)!.taken()
      yield* TestClock.adjust(1)
      assert.lengthOf(through, 4)
    }).pipe(over([channel("a")]))
  )

  it.effect("S18: who is not due within its time is sent on at once, and told when to come back", () =>
    Effect.gen(function* () {
      yield* cool("a", 3001)
      const { join, sent, through } = makeLine()
      yield* join()
      yield* join()
      assert.deepStrictEqual(through, ["0 a"], "the one that is due first is asked all the same")
      assert.deepStrictEqual(sent, ["1 GetChannelFailed 3001"])
    }).pipe(over([channel("a")]))
  )

  it.effect("S18: so is who waits when the rest becomes longer", () =>
    Effect.gen(function* () {
      const beside = yield* pick()
      yield* cool("a", 1000)
      const { join, sent, through } = makeLine()
      for (let request = 0; request < 3; request++) yield* join()
      refuse(beside, 20_000)
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(through, ["0 a"])
      assert.deepStrictEqual(sent, ["1 GetChannelFailed 20000", "2 GetChannelFailed 20000"])
    }).pipe(over([channel("a")]))
  )

  it.effect("S18: nobody waits for longer than it has", () =>
    Effect.gen(function* () {
      yield* cool("a", 1000)
      const { join, through } = makeLine()
      yield* join()
      yield* join({ wait: { upToMillis: 3000, leftMillis: 1010 } })
      yield* join({ wait: { upToMillis: 3000, leftMillis: 999 } })
      assert.deepStrictEqual(through, ["2 a"], "it cannot wait so long: it is asked in distress")
      yield* TestClock.adjust(1010)
      // Its time is over in line: it is not held.
      assert.deepStrictEqual(through, ["2 a", "0 a", "1 a"])
    }).pipe(over([channel("a")]))
  )

  it.effect("S18: who leaves takes nobody's turn", () =>
    Effect.gen(function* () {
      yield* cool("a", 1000)
      const { join, picked, through } = makeLine()
      const first = yield* join()
      yield* join()
      yield* join()
      yield* Fiber.interrupt(first)
      yield* TestClock.adjust(1000)
      assert.deepStrictEqual(through, ["1 a"])
      picked.get(1)!.taken()
      assert.deepStrictEqual(through, ["1 a", "2 a"])
    }).pipe(over([channel("a")]))
  )

  it.effect("S18: who comes later goes behind, and not at all where it can have another channel", () =>
    Effect.gen(function* () {
      yield* cool("a", 1000)
      const { join, through } = makeLine()
      for (let request = 0; request < 3; request++) yield* join({ tried: tried({ out: ["b"] }) })
      yield* TestClock.adjust(1000)
      assert.deepStrictEqual(through, ["0 a"])
      yield* join({ tried: tried({ out: ["b"] }) })
      yield* join()
      assert.deepStrictEqual(through, ["0 a", "4 b"])
      yield* TestClock.adjust(150)
      assert.deepStrictEqual(through.slice(2), ["1 a", "2 a", "3 a"])
    }).pipe(over([channel("a", { priority: 1 }), channel("b")]))
  )

  it.effect("S18: who waits for one channel does not hold up who waits for another", () =>
    Effect.gen(function* () {
      yield* cool("a", 2000)
      yield* cool("b", 1000)
      const { join, through } = makeLine()
      yield* join({ tried: tried({ out: ["b"] }) })
      yield* join({ tried: tried({ out: ["a"] }) })
      yield* TestClock.adjust(1000)
      assert.deepStrictEqual(through, ["1 b"])
      yield* TestClock.adjust(1000)
      assert.deepStrictEqual(through, ["1 b", "0 a"])
    }).pipe(over([channel("a"), channel("b")]))
  )

  it.effect("S18: a probe that is on its way is waited for, and its success lets the rest follow", () =>
    Effect.gen(function* () {
      for (let failure = 0; failure < 5; failure++) {
        const picked = yield* pick()
        picked.release({ _tag: "Failure", error: new DoRequestFailed({}), penalise: true })
      }
      yield* TestClock.adjust(8000)
      const { join, picked, through } = makeLine()
      for (let request = 0; request < 3; request++) yield* join()
      yield* TestClock.adjust(2000)
      assert.deepStrictEqual(through, ["0 a"])
      yield* TestClock.adjust(1000)
      assert.deepStrictEqual(through, ["0 a"], "one probe at a time")
      succeed(picked.get(0)!)
      assert.deepStrictEqual(through, ["0 a", "1 a", "2 a"])
    }).pipe(over([channel("a")]))
  )

  it.effect("S18: but no longer than the wait for a rest: a probe is as long as an answer", () =>
    Effect.gen(function* () {
      for (let failure = 0; failure < 5; failure++) {
        const picked = yield* pick()
        picked.release({ _tag: "Failure", error: new DoRequestFailed({}), penalise: true })
      }
      yield* TestClock.adjust(10_000)
      const { join, sent, through } = makeLine()
      for (let request = 0; request < 3; request++) yield* join()
      yield* TestClock.adjust(2999)
      assert.deepStrictEqual([through, sent], [["0 a"], []])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(sent, ["1 GetChannelFailed 7000", "2 GetChannelFailed 7000"])
    }).pipe(over([channel("a")]))
  )

  it.effect("S18: a channel that comes, or is switched on, is had at once; with none left who waits is sent on", () =>
    Effect.gen(function* () {
      yield* cool("a", 2000)
      const { join, sent, through } = makeLine()
      yield* join()
      yield* join()
      const registry = yield* Registry
      registry.replace([...registry.channels(), channel("new")])
      assert.deepStrictEqual(through, ["0 new"])
      registry.replace([])
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(sent, ["1 ModelNotFound undefined"])
    }).pipe(over([channel("a")]))
  )

  it.effect("S18: a retry of one channel does not wait for its rest", () =>
    Effect.gen(function* () {
      yield* cool("a", 1000)
      const failure = yield* Effect.flip(pick({ ...patient, only: "a", tried: tried({ failed: ["a"] }) }))
      assert.strictEqual(failure.retryAfterMillis, 1000)
    }).pipe(over([channel("a")]))
  )

  it.effect("S18: a retry of one channel goes behind those who wait for it, and moves on when it rests again", () =>
    Effect.gen(function* () {
      yield* cool("a", 1000)
      const { join, picked, sent, through } = makeLine()
      for (let request = 0; request < 3; request++) yield* join()
      yield* TestClock.adjust(1000)
      for (let retry = 0; retry < 3; retry++) yield* join({ only: "a", tried: tried({ failed: ["a"] }) })
      assert.deepStrictEqual(through, ["0 a"])
      picked.get(0)!.taken()
      picked.get(1)!.taken()
      assert.deepStrictEqual(through, ["0 a", "1 a", "2 a", "3 a", "4 a"])
      refuse(picked.get(2)!, 2000)
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(sent, ["5 GetChannelFailed 2000"])
    }).pipe(over([channel("a")]))
  )
})

describe("fresh channels", () => {
  it.effect("are those that could be picked now, without those that the request failed on", () =>
    Effect.gen(function* () {
      const fresh = (options: Partial<Wanted> = {}) =>
        Selection.use(({ fresh }) => Effect.succeed(fresh(wanted(options))))
      assert.strictEqual(yield* fresh(), 3)
      assert.strictEqual(yield* fresh({ tried: tried({ failed: ["a"], out: ["b"] }) }), 1)
      assert.strictEqual(yield* fresh({ suits: ({ channel }) => channel.id === "a" }), 1)
      yield* cool("c", 1000)
      assert.strictEqual(yield* fresh(), 2)
      assert.strictEqual(yield* fresh({ model: "other" }), 0)
    }).pipe(over([channel("a", { keyCount: 3 }), channel("b"), channel("c")]))
  )
})

describe("for any comings and goings", () => {
  type Step =
    | { readonly _tag: "Join"; readonly line: number }
    | { readonly _tag: "Leave"; readonly who: number }
    | { readonly _tag: "Tell"; readonly who: number; readonly how: "taken" | "refused" | "left" }
    | { readonly _tag: "Call"; readonly shut: ReadonlyArray<number>; readonly passed: number }
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 3, arbitrary: fc.record({ _tag: fc.constant("Join" as const), line: fc.nat(2) }) },
    { weight: 1, arbitrary: fc.record({ _tag: fc.constant("Leave" as const), who: fc.nat(60) }) },
    {
      weight: 2,
      arbitrary: fc.record({
        _tag: fc.constant("Tell" as const),
        who: fc.nat(60),
        how: fc.constantFrom("taken" as const, "refused" as const, "left" as const)
      })
    },
    {
      weight: 2,
      arbitrary: fc.record({
        _tag: fc.constant("Call" as const),
        shut: fc.subarray([0, 1, 2]),
        passed: fc.nat(200)
      })
    }
  )

  it("S18: each line keeps its order, nobody is lost, and no more pass at a time than were taken", () =>
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        interface One {
          readonly number: number
          readonly line: string
          readonly doors: ReadonlyArray<string>
          readonly resume: () => void
          passage: Passage | undefined
          state: "waits" | "through" | "left"
        }
        const line = new WaitingLine<One>()
        const all: Array<One> = []
        const resumed: Array<One> = []
        let now = 0
        for (const step of steps) {
          if (step._tag === "Join") {
            const one: One = {
              number: all.length,
              line: `line ${step.line}`,
              doors: [`door ${step.line}`],
              resume: () => void resumed.push(one),
              passage: undefined,
              state: "waits"
            }
            all.push(one)
            line.join(one)
          } else if (step._tag === "Leave") {
            const one = all[step.who]
            if (one === undefined) continue
            line.leave(one)
            if (one.state === "waits") one.state = "left"
          } else if (step._tag === "Tell") {
            const passage = all[step.who]?.passage
            if (passage !== undefined) line.tell(passage, step.how)
          } else {
            now += step.passed
            const throughNow = new Map<string, number>()
            const judge = (first: One): Call => {
              const door = first.doors[0]!
              if (step.shut.some((shut) => door === `door ${shut}`)) return { _tag: "Stays", until: now + 10 }
              if (!line.isOpen(door, now)) return { _tag: "Stays", until: line.opensAt(door) }
              throughNow.set(door, (throughNow.get(door) ?? 0) + 1)
              return {
                _tag: "Through",
                door,
                take: (passage) => {
                  first.passage = passage
                  first.state = "through"
                }
              }
            }
            const before = resumed.length
            const next = line.call(judge, now)
            for (const one of resumed.slice(before)) {
              const ahead = all.filter(
                (other) => other.line === one.line && other.number < one.number && other.state === "waits"
              )
              assert.deepStrictEqual(ahead, [], "nobody is passed by who came later")
            }
            const waits = all.filter(({ state }) => state === "waits")
            assert.strictEqual(line.size, waits.length)
            assert.isTrue(waits.length === 0 || next > now || next === Number.POSITIVE_INFINITY)
            for (const [door, count] of throughNow) {
              const told = all.filter(({ doors, passage }) => doors[0] === door && passage?.told === true).length
              assert.isAtMost(count, 2 + told)
            }
          }
        }
      }),
      { numRuns: 300 }
    ))

  type Happening =
    | { readonly _tag: "Join"; readonly out: ReadonlyArray<string> }
    | { readonly _tag: "Leave"; readonly who: number }
    | { readonly _tag: "Taken"; readonly who: number }
    | { readonly _tag: "Release"; readonly who: number; readonly refusedFor: number | undefined }
    | { readonly _tag: "Pass"; readonly millis: number }
  const happening: fc.Arbitrary<Happening> = fc.oneof(
    { weight: 4, arbitrary: fc.record({ _tag: fc.constant("Join" as const), out: fc.subarray(["a", "b"]) }) },
    { weight: 1, arbitrary: fc.record({ _tag: fc.constant("Leave" as const), who: fc.nat(30) }) },
    { weight: 2, arbitrary: fc.record({ _tag: fc.constant("Taken" as const), who: fc.nat(30) }) },
    {
      weight: 4,
      arbitrary: fc.record({
        _tag: fc.constant("Release" as const),
        who: fc.nat(30),
        refusedFor: fc.option(fc.integer({ min: 1, max: 5000 }), { nil: undefined })
      })
    },
    { weight: 2, arbitrary: fc.record({ _tag: fc.constant("Pass" as const), millis: fc.nat(2000) }) }
  )

  it("S18: nobody is forgotten: each gets a target, or is told why not, and no place is kept", () =>
    fc.assert(
      fc.asyncProperty(fc.array(happening, { maxLength: 60 }), (happenings) =>
        Effect.gen(function* () {
          const { join, picked, sent, through } = makeLine()
          const fibers: Array<Fiber.Fiber<void>> = []
          let left = 0
          for (const what of happenings) {
            if (what._tag === "Join") fibers.push(yield* join({ tried: tried({ out: what.out }) }))
            else if (what._tag === "Taken") picked.get(what.who)?.taken()
            else if (what._tag === "Pass") yield* TestClock.adjust(what.millis)
            else if (what._tag === "Release") {
              const one = picked.get(what.who)
              if (one === undefined) continue
              if (what.refusedFor === undefined) succeed(one)
              else refuse(one, what.refusedFor)
            } else {
              const fiber = fibers[what.who]
              if (fiber === undefined || fiber.pollUnsafe() !== undefined) continue
              left++
              yield* Fiber.interrupt(fiber)
            }
          }
          for (let round = 0; round < 20; round++) {
            for (const one of picked.values()) succeed(one)
            yield* TestClock.adjust(1000)
          }
          assert.strictEqual(through.length + sent.length + left, fibers.length)
          // With everything given back, whoever comes now waits for nobody.
          for (const id of ["a", "b"]) {
            const one = yield* pick({ ...patient, tried: tried({ out: [id === "a" ? "b" : "a"] }) })
            assert.strictEqual(one.target.channel.id, id)
          }
        }).pipe(
          Effect.provide(selectionOver([channel("a"), channel("b")])),
          Effect.scoped,
          Effect.provide(TestClock.layer()),
          Effect.runPromise
        )
      ),
      { numRuns: 150 }
    ))
})
