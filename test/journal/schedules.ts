/**
 * Random schedules of appends, commits, joins, pauses, resumes, closes and ends, and the promise that holds over all of
 * them: a reader's text is what was committed after its cursor, contiguous, once, and nothing after the end.
 */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import * as fc from "fast-check"
import type { JournalStore, Reader, StreamId } from "#src/journal/index"
import { ended, journalOn, late, type Lateness, makeTold, makeTurns, moment, stream, type Told } from "./kit.ts"

/** One step of a schedule, on three streams. */
export type Operation =
  | { readonly _tag: "Append"; readonly stream: number; readonly frames: number }
  | { readonly _tag: "Turn"; readonly turns: number }
  | {
      readonly _tag: "Join"
      readonly stream: number
      /** Where in what is committed, from 0 to 1. */
      readonly from: number
      /** What its first calls return; later ones return `true`. A number is which part it takes, from 0 to 1. */
      readonly takes: ReadonlyArray<boolean | number>
      /** It closes inside its call of this number. */
      readonly closesIn: number | null
    }
  | { readonly _tag: "Resume"; readonly reader: number }
  | { readonly _tag: "Close"; readonly reader: number }
  | { readonly _tag: "End"; readonly stream: number }

const tag = <const T extends string>(tag: T) => fc.constant(tag)
const which = fc.nat(2)

const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      _tag: tag("Append"),
      stream: which,
      frames: fc.oneof(fc.integer({ min: 1, max: 5 }), fc.constant(300))
    })
  },
  { weight: 8, arbitrary: fc.record({ _tag: tag("Turn"), turns: fc.integer({ min: 1, max: 3 }) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      _tag: tag("Join"),
      stream: which,
      from: fc.double({ min: 0, max: 1, noNaN: true }),
      takes: fc.array(fc.oneof(fc.boolean(), fc.double({ min: 0, max: 0.99, noNaN: true })), { maxLength: 6 }),
      closesIn: fc.option(fc.nat(5), { freq: 4 })
    })
  },
  { weight: 3, arbitrary: fc.record({ _tag: tag("Resume"), reader: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ _tag: tag("Close"), reader: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ _tag: tag("End"), stream: which }) }
)

/** Schedules. */
export const schedules = fc.array(operation, { minLength: 5, maxLength: 120, size: "max" })

interface Entry {
  readonly of: number
  readonly after: number
  readonly told: Told
  readonly reader: Reader
  closed: boolean
  /** How many of its calls were looked at. */
  checked: number
}

/** Runs a schedule, and looks after each step whether every reader's text is as promised. */
export const runSchedule = Effect.fnUntraced(function* (
  real: JournalStore["Service"],
  lateness: Lateness,
  operations: ReadonlyArray<Operation>
) {
  const { turn, take, takeAll, release } = makeTurns()
  const journal = yield* journalOn(late(real, turn, lateness), { turn })
  // Also when a check fails: the journal is closed with the scope, and closing takes turns.
  yield* Effect.addFinalizer(() => Effect.sync(release))
  const streams = [0, 1, 2].map(() => ({ lease: journal.create(stream), written: new Array<string>() }))
  const readers: Array<Entry> = []
  const at = (index: number) => streams[index] ?? assert.fail("no such stream")

  const committed = (id: StreamId): number => {
    let length = 0
    real.find(id, (answer) => {
      length = answer.ok ? (answer.value?.length ?? 0) : 0
    })
    return length
  }
  const check = (): void => {
    for (const entry of readers) {
      const { of, after, told } = entry
      if (told.calls.length + told.faults.length === entry.checked) continue
      entry.checked = told.calls.length + told.faults.length
      const { lease, written } = at(of)
      assert.deepStrictEqual(told.faults, [])
      assert.isBelow(told.last, committed(lease.id))
      const text = written.slice(after + 1, Math.max(told.last, after) + 1).join("")
      // Of what it has not taken whole it may have a part.
      const all = written.slice(after + 1, committed(lease.id)).join("")
      if (!told.text.startsWith(text)) assert.strictEqual(told.text, text)
      if (!all.startsWith(told.text)) assert.strictEqual(told.text, all)
    }
  }
  const close = (entry: Entry | undefined): void => {
    if (entry === undefined) return
    entry.closed = true
    entry.reader.close()
  }

  const run = Effect.fnUntraced(function* (step: Operation) {
    switch (step._tag) {
      case "Append": {
        const { lease, written } = at(step.stream)
        for (let n = 0; n < step.frames; n++) {
          const seq = lease.nextSeq()
          lease.append(`${step.stream}.${seq};`)
          if (lease.nextSeq() > seq) written.push(`${step.stream}.${seq};`)
        }
        return
      }
      case "Turn":
        for (let n = 0; n < step.turns; n++) take()
        return
      case "Join": {
        const { id } = at(step.stream).lease
        const position = yield* taking(journal.locate(id, undefined), take)
        const { length } = position.record
        const after = Math.min(length - 1, Math.floor(step.from * (length + 1)) - 1)
        const told = makeTold(({ calls }) => {
          assert.isFalse(entry.closed)
          if (step.closesIn === calls.length) close(entry)
          const takes = step.takes[calls.length - 1] ?? true
          return typeof takes === "number" ? Math.floor(takes * (calls.at(-1)?.length ?? 0)) : takes
        })
        const entry: Entry = {
          of: step.stream,
          after,
          told,
          reader: journal.follow(id, after, told),
          closed: false,
          checked: 0
        }
        readers.push(entry)
        return
      }
      case "Resume":
        readers[step.reader]?.reader.resume()
        return
      case "Close":
        close(readers[step.reader])
        return
      case "End":
        at(step.stream).lease.end(ended)
    }
  })

  for (const step of operations) {
    yield* run(step)
    check()
  }
  for (const { lease } of streams) lease.end(ended)
  // Each of a reader's refusals costs a round, and the last of them may come only when the last commit is made.
  for (let rounds = 0; rounds < 8; ) {
    takeAll()
    for (const { reader } of readers) reader.resume()
    if (streams.every(({ lease }) => journal.live(lease.id) === undefined)) rounds++
    // A store that is busy tries again in turns of its own.
    else yield* moment
  }
  takeAll()
  check()
  for (const { of, after, told, closed } of readers) {
    if (closed) continue
    assert.isTrue(told.terminal)
    assert.strictEqual(
      told.text,
      at(of)
        .written.slice(after + 1)
        .join("")
    )
  }
  for (const { lease, written } of streams) {
    assert.strictEqual(committed(lease.id), written.length)
    assert.isUndefined(journal.live(lease.id))
  }
})

/** Runs an effect that waits for turns which only the test takes. */
const taking = Effect.fnUntraced(function* <A, E>(effect: Effect.Effect<A, E>, take: () => boolean) {
  const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
  let exit = fiber.pollUnsafe()
  while (exit === undefined) {
    take()
    yield* Effect.yieldNow
    exit = fiber.pollUnsafe()
  }
  return yield* exit
})
