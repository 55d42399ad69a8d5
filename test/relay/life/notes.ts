/**
 * Notes, and what is in them, of every kind: for tables and properties.
 */
import * as fc from "fast-check"
import { blames, codes, type ResilienceError } from "effect-resilience/errors"
import { finishReasons, upstreamDialectNames, type Usage } from "#src/dialect/index"
import { firstNote, type Note, type OpenAttempt } from "#src/relay/Note"
import { type Pursuit, untried } from "#src/relay/Pursuit"
import type { TrailEntry } from "#src/relay/Trail"
import type { UsagePart } from "#src/relay/UsageSum"
import { sample } from "../../errors/samples.ts"

/** The note of an answer that nothing has happened to. */
export const note = (more: Partial<Note> = {}): Note => ({
  ...firstNote({
    requestId: "req_1",
    group: "default",
    model: "m",
    startedAt: 1000,
    timeoutMillis: 300_000,
    leave: "detach"
  }),
  ...more
})

/** A pursuit that has tried something. */
export const pursuit = (more: Partial<Pursuit> = {}): Pursuit => ({ ...untried, ...more })

/** An attempt under way. */
export const openAttempt = (more: Partial<OpenAttempt> = {}): OpenAttempt => ({
  attempt: 1,
  channel: "a",
  key: 0,
  model: "m",
  mode: undefined,
  startedAt: 1000,
  ...more
})

const maybe = <A>(arbitrary: fc.Arbitrary<A>): fc.Arbitrary<A | undefined> => fc.option(arbitrary, { nil: undefined })

const word = fc.string({ unit: "grapheme", maxLength: 12 })
const count = fc.nat({ max: 1000 })
const millis = fc.nat({ max: 2 ** 42 })
const reason = fc.constantFrom(...codes, "writer_lost" as const)
const mode = fc.constantFrom("prefill", "message", "token", "restart", undefined)

/** Every error of the union, with and without what each may carry. */
export const anyError: fc.Arbitrary<ResilienceError> = fc
  .tuple(fc.constantFrom(...codes), maybe(word), maybe(count))
  .map(([code, message, retryAfterMillis]) =>
    sample(code, {
      ...(message === undefined ? {} : { message, upstream: { status: 503, code: message, param: null } }),
      ...(retryAfterMillis === undefined ? {} : { retryAfterMillis, publicMessage: "busy", retry: true })
    })
  )

const anyUsage: fc.Arbitrary<Usage> = fc.record(
  {
    inputTokens: count,
    outputTokens: count,
    cacheReadTokens: count,
    cacheWriteTokens: count,
    reasoningTokens: count,
    estimated: fc.boolean(),
    native: fc.record({
      from: fc.constantFrom(...upstreamDialectNames),
      raw: fc.dictionary(
        word.filter((name) => name !== "__proto__"),
        fc.jsonValue().filter((value) => JSON.stringify(value) !== undefined)
      )
    })
  },
  { requiredKeys: ["inputTokens", "outputTokens", "estimated"] }
)

const anyEntry: fc.Arbitrary<TrailEntry> = fc.record({
  attempt: count,
  channel: word,
  key: fc.integer({ min: -1, max: 9 }),
  model: word,
  mode,
  status: maybe(fc.integer({ min: 100, max: 599 })),
  blame: maybe(fc.constantFrom(...blames)),
  code: maybe(fc.constantFrom(...codes)),
  durationMillis: millis
})

const anyPursuit: fc.Arbitrary<Pursuit> = fc.oneof(
  fc.constant(untried),
  fc.record({
    attempts: count,
    continuations: count,
    out: fc.array(word, { maxLength: 3 }),
    failed: fc.array(word, { maxLength: 3 }),
    keys: fc.array(word, { maxLength: 3 }),
    penalised: fc.array(word, { maxLength: 3 }),
    askedAgain: fc.dictionary(
      word.filter((name) => name !== "__proto__"),
      count,
      { maxKeys: 3 }
    ),
    hints: fc.dictionary(
      word.filter((name) => name !== "__proto__"),
      millis,
      { maxKeys: 3 }
    ),
    outgrown: maybe(fc.record({ model: word, contextTokens: fc.option(count) })),
    first: maybe(anyError),
    previous: maybe(fc.record({ channel: word, reason })),
    broke: maybe(fc.record({ error: anyError, from: word, reason }))
  })
)

const anyCost: fc.Arbitrary<UsagePart> = fc.record({ quarters: count, usage: maybe(anyUsage) })

/** A note of any life. */
export const anyNote: fc.Arbitrary<Note> = fc.record({
  status: fc.constantFrom("started", "streaming", "completed", "error", "cancelled"),
  requestId: word,
  group: fc.oneof(fc.constant("default"), word),
  model: word,
  startedAt: millis,
  timeoutMillis: millis,
  leave: fc.constantFrom("cancel", "detach"),
  keyed: maybe(fc.constantFrom("stream" as const, "whole" as const, "list" as const)),
  pursuit: anyPursuit,
  trail: fc.array(anyEntry, { maxLength: 4 }),
  beside: maybe(fc.constant(openAttempt())),
  checkpoint: maybe(fc.record({ channel: word, model: word, token: word, paused: fc.boolean(), offset: count })),
  open: maybe(
    fc.record({
      attempt: count,
      channel: word,
      key: fc.integer({ min: -1, max: 9 }),
      model: word,
      mode,
      startedAt: millis
    })
  ),
  shown: maybe(fc.record({ model: word, dropped: fc.array(word, { maxLength: 3 }), afterMillis: millis })),
  finish: maybe(
    fc.record({
      reason: fc.constantFrom(...finishReasons),
      native: word,
      from: fc.constantFrom(...upstreamDialectNames, undefined)
    })
  ),
  costs: fc.array(anyCost, { maxLength: 3 }),
  error: maybe(anyError)
})
