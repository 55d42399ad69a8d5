/**
 * An upstream that can be asked again from the places that it names, for any places, cuts and pauses.
 */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { ReadResponseBodyFailed } from "effect-resilience/errors"
import { type Delta, gemini, geminiClient, type Payload, type UpstreamEvent } from "#src/dialect/index"
import { Checkpoints } from "#src/relay/Checkpoint"
import { Machine } from "#src/relay/Machine"
import type { Verdict } from "#src/relay/Verdict"

const lost = new ReadResponseBodyFailed({ message: "reset" })

/** What the upstream has to say, and what it does behind each word. */
interface Word {
  readonly text: string
  readonly thought: boolean
  readonly then: "nothing" | "token" | "pause"
}

/** How a request ends that is not done before: behind so many of its words. */
interface Cut {
  readonly after: number
  readonly by: "reset" | "end" | "fault"
}

const word: fc.Arbitrary<Word> = fc.record({
  // The same words again and again: what comes behind a token may look like the beginning.
  text: fc.constantFrom("a", "b ", "ab", "abc ", " ", "a".repeat(9)),
  thought: fc.boolean(),
  then: fc.constantFrom("nothing", "nothing", "nothing", "token", "pause")
})

const cut: fc.Arbitrary<Cut> = fc.record({
  after: fc.nat({ max: 8 }),
  by: fc.constantFrom("reset", "end", "fault")
})

const isLast = (words: ReadonlyArray<Word>, at: number): boolean => at === words.length - 1

/** The events of one request, from a word on. */
const eventsFrom = (words: ReadonlyArray<Word>, from: number, until: number): ReadonlyArray<UpstreamEvent> => {
  const decoder = gemini.decoder({ body: "", dropped: [], names: undefined })
  const events: Array<UpstreamEvent> = []
  for (let at = from; at < Math.min(until, words.length); at++) {
    const { text, then, thought } = words[at]!
    const pauses = then === "pause" && !isLast(words, at)
    const candidate = {
      content: { role: "model", parts: [{ text, ...(thought ? { thought } : {}) }] },
      index: 0,
      ...(then === "nothing" || isLast(words, at) ? {} : { continuationToken: String(at + 1) }),
      ...(pauses ? { finishReason: "CONTINUATION" } : isLast(words, at) ? { finishReason: "STOP" } : {})
    }
    events.push(decoder.step("message", JSON.stringify({ candidates: [candidate] })))
    if (pauses) break
  }
  return events
}

/** Plays an answer: it goes on by a token where it may, and by nothing else. */
const play = (words: ReadonlyArray<Word>, cuts: ReadonlyArray<Cut>, holds: boolean) => {
  const payloads: Array<Payload> = []
  const encoder = geminiClient.encoder({
    requestId: "r",
    streamId: "s",
    createdAt: 0,
    includeUsage: true,
    debug: false
  })
  const machine = new Machine({
    encoder,
    choices: 1,
    inputEstimate: () => 1,
    output: { show: (shown) => payloads.push(...shown), onCommit: () => {}, onSeam: () => {} }
  })
  let known: { readonly token: string; readonly position: number; readonly words: number } | undefined
  let asked: string | undefined
  let from = 0
  machine.begin("m")
  for (let request = 0; request < 40; request++) {
    const { after, by } = cuts[request] ?? { after: words.length, by: "end" }
    const fed = new Checkpoints(machine, {
      asked,
      holds,
      pauses: true,
      onToken: (token) => {
        const { position } = machine
        if (position !== undefined) known = { token, position, words: Number(token) }
      }
    })
    let verdict: Verdict = { _tag: "Going" }
    for (const event of eventsFrom(words, from, from + after)) {
      if (verdict._tag === "Going") verdict = fed.step(event, 100)
    }
    if (verdict._tag === "Going" && by === "fault") verdict = fed.step({ _tag: "Fault", error: lost })
    if (verdict._tag === "Going") verdict = by === "end" ? fed.eof() : fed.loss(lost)
    if (verdict._tag === "Complete") {
      machine.complete(1)
      return { payloads, whole: true }
    }
    if (known === undefined || known.position !== machine.position) break
    asked = known.token
    from = known.words
    if (machine.committed) machine.join({ from: "a", to: "a", reason: "stream_truncated", mode: "token" })
    else machine.goOn()
  }
  machine.fail(lost, undefined)
  return { payloads, whole: false }
}

const saidIn = (payloads: ReadonlyArray<Payload>, thoughts: boolean): string =>
  payloads
    .flatMap(({ data }) => {
      const { candidates } = JSON.parse(data) as {
        candidates?: ReadonlyArray<{ content?: { parts?: ReadonlyArray<{ text: string; thought?: boolean }> } }>
      }
      return candidates?.[0]?.content?.parts ?? []
    })
    .filter((part) => (part.thought === true) === thoughts)
    .map(({ text }) => text)
    .join("")

const textOf = (words: ReadonlyArray<Word>): string =>
  words
    .filter(({ thought }) => !thought)
    .map(({ text }) => text)
    .join("")

describe("an answer that goes on by its upstream's tokens", () => {
  it("is the upstream's text, or a beginning of it, without a word twice, whatever is cut and put down", () =>
    fc.assert(
      fc.property(
        fc.array(word, { minLength: 1, maxLength: 24 }),
        fc.array(cut, { maxLength: 6 }),
        fc.boolean(),
        (words, cuts, holds) => {
          const { payloads, whole } = play(words, cuts, holds)
          const text = saidIn(payloads, false)
          if (whole) assert.strictEqual(text, textOf(words))
          else
            assert.isTrue(textOf(words).startsWith(text), `${JSON.stringify(text)} of ${JSON.stringify(textOf(words))}`)
          const ends = payloads.filter(({ data }) => data.includes('"finishReason"'))
          assert.strictEqual(ends.length, whole ? 1 : 0)
          assert.isFalse(payloads.some(({ data }) => data.includes("continuationToken")))
        }
      ),
      { numRuns: 2000 }
    ))

  it("where it is held back, every cut behind a token is gone on from", () =>
    fc.assert(
      fc.property(fc.array(word, { minLength: 2, maxLength: 24 }), fc.nat({ max: 23 }), (some, at) => {
        // A finish that comes with words is believed once the body has ended, and not before.
        fc.pre(at <= some.length && some.slice(0, at).some(({ then }) => then === "token"))
        // All of it once more would be an answer that was begun anew.
        const different = some.map((one, nth) => ({ ...one, text: `${nth}${one.text}` }))
        const words: ReadonlyArray<Word> = [...different, { text: "end.", thought: false, then: "nothing" }]
        assert.isTrue(play(words, [{ after: at, by: "reset" }], true).whole)
      }),
      { numRuns: 1000 }
    ))

  it("what is held back is not kept for ever: longer than any answer it is shown", () => {
    const shown: Array<string> = []
    const machine = {
      phase: { _tag: "Flowing" } as const,
      step: (event: UpstreamEvent): Verdict => {
        if (event._tag === "Delta") shown.push(event.text)
        return { _tag: "Going" }
      },
      eof: (): Verdict => ({ _tag: "Complete" }),
      loss: (): Verdict => ({ _tag: "Refused" }),
      pause: (): Verdict => ({ _tag: "Paused" })
    }
    const fed = new Checkpoints(machine, { asked: undefined, holds: true, pauses: true, onToken: () => {} })
    const step = (text: string, more: Partial<Delta> = {}): UpstreamEvent =>
      ({
        _tag: "Delta",
        text,
        reasoning: "",
        pieces: undefined,
        finish: undefined,
        usage: undefined,
        from: undefined,
        raw: undefined,
        ...more
      }) as Delta
    fed.step(step("a", { checkpoint: { token: "t", paused: false } }), 1)
    fed.step(step("b"), 4 * 1024 * 1024)
    assert.deepStrictEqual(shown, ["a"])
    fed.step(step("c"), 5 * 1024 * 1024)
    assert.deepStrictEqual(shown, ["a", "b", "c"])
    fed.step(step("d"), 1)
    assert.deepStrictEqual(shown, ["a", "b", "c", "d"])
  })
})
