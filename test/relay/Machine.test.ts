import { assert, describe, it } from "@effect/vitest"
import { type AnswerEncoder, type Delta, nothing, openaiClient, type Payload, type Seam } from "#src/dialect/index"
import { DoRequestFailed, EmptyResponse, ReadResponseBodyFailed, StreamTruncated } from "effect-resilience/errors"
import { maxEnvelope, maxSaid, maxText } from "#src/relay/AnswerLength"
import { Machine, type MachineOptions } from "#src/relay/Machine"
import * as fc from "fast-check"

interface Fields {
  readonly text?: string
  readonly reasoning?: string
  /** A refusal, as something that cannot be spliced. */
  readonly sealed?: boolean
  readonly finish?: "stop" | "length" | "content_filter"
  readonly usage?: Delta["usage"]
}

const reasons = { stop: "stop", length: "length", content_filter: "content-filter" } as const

const delta = ({ finish, sealed, ...fields }: Fields): Delta => ({
  ...nothing,
  ...fields,
  pieces: sealed === true ? [{ _tag: "Refusal", text: "no" }] : undefined,
  finish: finish === undefined ? undefined : { reason: reasons[finish], native: finish, from: "openai" }
})
const text = (text: string) => delta({ text })
const done = { _tag: "Done" } as const

/** An encoder whose events say what they are. */
const encoder: AnswerEncoder = {
  resume: () => ({
    text: "",
    tokenCount: 0,
    beside: 0,
    reasoning: 0,
    begun: false,
    sealed: false,
    called: false,
    finish: undefined,
    ended: false
  }),
  open: () => [],
  attempt: () => [],
  begin: (model) => [{ event: "begin", data: model }],
  delta: (delta) =>
    delta.pieces !== undefined
      ? [{ event: "sealed", data: "" }]
      : delta.reasoning !== ""
        ? [{ event: "reasoning", data: delta.reasoning }]
        : delta.text !== ""
          ? [{ event: undefined, data: delta.text }]
          : [],
  text: (text) => [{ event: undefined, data: text }],
  failover: (seam) => [{ event: "failover", data: JSON.stringify(seam) }],
  complete: (completion) => [{ event: "done", data: JSON.stringify(completion) }],
  fail: (failure) => [{ event: "error", data: failure.error._tag }]
}

const make = (choices = 1) => {
  const shown: Array<Payload> = []
  const seams: Array<Seam> = []
  const machine = new Machine({
    encoder,
    choices,
    inputEstimate: () => 7,
    output: { show: (payloads) => shown.push(...payloads), onCommit: () => {}, onSeam: (seam) => seams.push(seam) }
  })
  machine.begin("m")
  return { machine, shown, seams, words: () => shown.filter((one) => one.event === undefined).map((one) => one.data) }
}

const cut = new DoRequestFailed({})
const answer =
  "The quick brown fox jumps over the lazy dog and then it sleeps for the rest of the afternoon, dreaming of hens."

/** One that shows nothing before it has all of it, or nothing of some kind. */
const waiting = (options: Pick<MachineOptions, "atOnce" | "holds"> = { atOnce: true }, choices = 1) => {
  const shown: Array<Payload> = []
  const machine = new Machine({
    encoder,
    choices,
    inputEstimate: () => 7,
    ...options,
    output: { show: (payloads) => shown.push(...payloads), onCommit: () => {}, onSeam: () => {} }
  })
  machine.begin("m")
  return { machine, shown }
}

describe("Machine", () => {
  it("shows nothing before the first content, and begins with it", () => {
    const { machine, shown } = make()
    machine.step(delta({}))
    machine.step(delta({ usage: { inputTokens: 1, outputTokens: 0, estimated: false } }))
    assert.deepStrictEqual(shown, [])
    assert.isFalse(machine.committed)
    machine.step(text("a"))
    assert.isTrue(machine.committed)
    assert.deepStrictEqual(
      shown.map((one) => one.event ?? "message"),
      ["begin", "message"]
    )
  })

  describe("how an attempt ends", () => {
    const table: ReadonlyArray<readonly [string, (m: Machine) => unknown, string]> = [
      ["nothing, then its terminator", (m) => m.step(done), "Broken:EmptyResponse"],
      ["nothing, then its end", (m) => m.eof(), "Broken:EmptyResponse"],
      ["nothing but a stop", (m) => (m.step(delta({ finish: "stop" })), m.step(done)), "Broken:EmptyResponse"],
      ["nothing but a content filter", (m) => (m.step(delta({ finish: "content_filter" })), m.step(done)), "Complete"],
      ["nothing but a length, without terminator", (m) => (m.step(delta({ finish: "length" })), m.eof()), "Complete"],
      ["text, then its end", (m) => (m.step(text("a")), m.eof()), "Broken:StreamTruncated"],
      ["text, then its terminator", (m) => (m.step(text("a")), m.step(done)), "Complete"],
      [
        "text and finish, then its end",
        (m) => (m.step(text("a")), m.step(delta({ finish: "stop" })), m.eof()),
        "Complete"
      ],
      [
        "text and finish, then a reset",
        (m) => (m.step(text("a")), m.step(delta({ finish: "stop" })), m.loss(cut)),
        "Complete"
      ],
      ["text, then a reset", (m) => (m.step(text("a")), m.loss(cut)), "Broken:DoRequestFailed"],
      ["a tool call, then a reset", (m) => (m.step(delta({ sealed: true })), m.loss(cut)), "Broken:DoRequestFailed"],
      ["a tool call, then its end", (m) => (m.step(delta({ sealed: true })), m.eof()), "Broken:StreamTruncated"],
      ["an error frame", (m) => m.step({ _tag: "Fault", error: cut }), "Broken:DoRequestFailed"]
    ]
    it.each(table)("%s", (_name, run, expected) => {
      const verdict = run(make().machine) as { readonly _tag: string; readonly error?: { readonly _tag: string } }
      assert.strictEqual(verdict.error === undefined ? verdict._tag : `${verdict._tag}:${verdict.error._tag}`, expected)
    })
  })

  describe("S2: what an attempt says is bounded, shown or not", () => {
    const native = { from: "openai", raw: {} } as const
    const broken = (verdict: { readonly _tag: string; readonly error?: unknown }) =>
      verdict._tag === "Broken" && verdict.error instanceof ReadResponseBodyFailed

    it("S2: before the first content another attempt may do better, and begins at nothing", () => {
      const { machine, shown } = make()
      const role = { ...nothing, ...native }
      const verdicts = Array.from({ length: 9 }, () => machine.step(role, maxText / 8))
      assert.deepStrictEqual(verdicts.map(broken), [...Array.from({ length: 8 }, () => false), true])
      assert.deepStrictEqual(shown, [])
      assert.isFalse(machine.full)
      machine.begin("m")
      for (let n = 0; n < 8; n++) assert.strictEqual(machine.step(role, maxText / 8)._tag, "Going")
      assert.strictEqual(machine.step(text("a"), 100)._tag, "Going")
    })

    it("S2: what is not shown counts against what is heard, and a continuation hears anew", () => {
      const { machine } = make()
      machine.step(text("a"), 10)
      let events = 0
      while (machine.step(nothing, 1_000_000)._tag === "Going") events++
      assert.strictEqual(events, Math.floor((maxSaid - 10) / 1_000_000))
      assert.isTrue(machine.full)
    })

    it("S2: JSON that waits to be whole is no longer than an answer may be, unknown fields included", () => {
      const { machine, shown } = waiting()
      let events = 0
      while (shown.length === 0 && events < 1000) {
        machine.step(text("1"), 65_536)
        events++
      }
      assert.isAtMost(events, 1 + maxText / (65_536 - maxEnvelope))
    })

    it("S2: whoever takes an answer up counts what is kept of it", () => {
      const { machine } = make()
      const replayed = { ...encoder.resume([]), text: "a", begun: true }
      machine.restore(replayed, { costs: [], finish: undefined }, { length: 10, beyond: maxText - 1 })
      assert.strictEqual(machine.step(text("b"), 10)._tag, "Going")
      assert.isTrue(broken(machine.step(text("c"), 10)))
      const full = make().machine
      full.restore(replayed, { costs: [], finish: undefined }, { length: maxSaid + 1, beyond: 0 })
      assert.isTrue(broken(full.step(text("b"), 10)))
      assert.isTrue(full.full)
    })

    it("S2: an upstream's own words on the usage stand in notes, so that long ones are left out", () => {
      const usage = (said: string): Delta["usage"] => ({
        inputTokens: 1,
        outputTokens: 1,
        estimated: false,
        native: { from: "openai", raw: { said } }
      })
      for (const [said, size, is] of [
        ["short", 10_000, true],
        ["x".repeat(10_000), 10_100, false]
      ] as const) {
        const { machine } = make()
        machine.step(text("a"))
        machine.step(delta({ usage: usage(said) }), size)
        assert.strictEqual(machine.costs()[0]?.usage?.native !== undefined, is)
      }
    })
  })

  it("a tool call, a refusal or a second choice seals the answer", () => {
    const tool = make()
    tool.machine.step(text("a"))
    tool.machine.step(delta({ sealed: true }))
    assert.strictEqual(tool.machine.phase._tag, "Sealed")
    const two = make(2)
    two.machine.step(text("a"))
    assert.strictEqual(two.machine.phase._tag, "Sealed")
    two.machine.step(delta({ finish: "stop" }))
    assert.strictEqual(two.machine.phase._tag, "Sealed")
    two.machine.step(delta({ finish: "stop" }))
    assert.strictEqual(two.machine.phase._tag, "Finishing")
  })

  it("loses no half of a surrogate pair where the words that decide a seam end in one", () => {
    for (const mode of ["prefill", "message"] as const) {
      const { machine, seams, words } = make()
      machine.step(text("Well. "))
      machine.join({ from: "a", to: "b", reason: "do_request_failed", mode })
      for (const words of ["Hi \ud83d", "\ude00 there"]) machine.step(text(words))
      machine.step(delta({ finish: "stop" }))
      machine.step(done)
      assert.strictEqual(words().join(""), "Well. Hi 😀 there")
      assert.strictEqual(machine.text, "Well. Hi 😀 there")
      assert.strictEqual(seams[0]?.seam, "exact")
    }
  })

  describe("half a character waits for its other half", () => {
    it("and comes with it, in the step that brings it", () => {
      const { machine, words } = make()
      for (const part of ["Well \ud83d", "\ude00, \ud83d", "\ude00"]) machine.step(text(part))
      assert.deepStrictEqual(words(), ["Well ", "😀, ", "😀"])
      machine.step(text("."))
      assert.strictEqual(machine.text, "Well 😀, 😀.")
      assert.strictEqual(machine.costs()[0]?.quarters, 7 + 2 * 4 + 1)
    })

    it("alone it is no content: another attempt begins anew", () => {
      const { machine, shown } = make()
      machine.step(text("\ud83d"))
      assert.deepStrictEqual([shown, machine.committed], [[], false])
      machine.begin("n")
      machine.step(text("\ude00"))
      assert.notInclude(machine.text, "😀")
    })

    const ends: ReadonlyArray<readonly [string, (m: Machine) => unknown]> = [
      ["its terminator", (m) => m.step(done)],
      ["a finish", (m) => (m.step(delta({ finish: "stop" })), m.eof())],
      ["a finish beside it", (m) => (m.step(delta({ text: "\ud83d", finish: "stop" })), m.eof())]
    ]
    it.each(ends)("what ends without it says nothing of it: %s", (_, end) => {
      const { machine, shown, words } = make()
      machine.step(text("Well\ud83d"))
      end(machine)
      machine.complete(1)
      assert.deepStrictEqual(words(), ["Well"])
      assert.strictEqual(JSON.parse(shown.at(-1)!.data).fullContent, "Well")
    })

    it.each(["prefill", "message"] as const)("what is continued by %s goes on before it", (mode) => {
      const { machine, seams, words } = make()
      machine.step(text(`${answer}\ud83d`))
      assert.strictEqual(machine.loss(cut)._tag, "Broken")
      assert.strictEqual(machine.text, answer)
      machine.join({ from: "a", to: "b", reason: "x", mode })
      for (const words of ["😀 And", " more."]) machine.step(text(words))
      machine.step(delta({ finish: "stop" }))
      assert.strictEqual(machine.step(done)._tag, "Complete")
      assert.strictEqual(words().join(""), `${answer}😀 And more.`)
      assert.strictEqual(seams[0]?.offset, answer.length)
    })

    it("who goes on by a token goes on within it", () => {
      const { machine, words } = make()
      machine.step(text("Well \ud83d"))
      machine.pause()
      machine.join({ from: "a", to: "a", reason: "x", mode: "token" })
      machine.step(text("\ude00 and more"))
      machine.step(done)
      assert.strictEqual(words().join(""), "Well 😀 and more")
    })
  })

  it("a seam says where it is in code points of all that was shown: restored, joined, and in parts", () => {
    const { machine, seams } = make()
    const replayed = { ...encoder.resume([]), text: "é😀 ", tokenCount: 1, begun: true }
    machine.restore(replayed, { costs: [], finish: undefined })
    for (const parts of [
      ["Well, ", "日本\ud83d", "\ude00, "],
      ["and 😀 then", " on."]
    ]) {
      machine.join({ from: "a", to: "b", reason: "x", mode: "message" })
      const before = Array.from(machine.text).length
      for (const part of parts) machine.step(text(part))
      machine.loss(cut)
      machine.pause()
      assert.strictEqual(seams.at(-1)?.offset, before)
    }
    assert.strictEqual(machine.text, "é😀 Well, 日本😀, and 😀 then on.")
    assert.strictEqual(machine.usage().outputTokens, Math.ceil((2 * 4 + 1) / 4) + Math.ceil(20 / 4) + Math.ceil(17 / 4))
  })

  it("a continuation is joined where it begins, and its failover comes before its words", () => {
    const { machine, shown, words } = make()
    machine.step(text("The quick brown fox jumps over"))
    machine.loss(cut)
    machine.join({ from: "a", to: "b", reason: "do_request_failed", mode: "prefill" })
    machine.step(text(" the lazy dog"))
    machine.step(delta({ finish: "stop" }))
    assert.strictEqual(machine.step(done)._tag, "Complete")
    machine.complete(2)
    assert.strictEqual(words().join(""), "The quick brown fox jumps over the lazy dog")
    assert.deepStrictEqual(
      shown.map((one) => one.event ?? "message"),
      ["begin", "message", "failover", "message", "done"]
    )
    const last = JSON.parse(shown.at(-1)!.data)
    assert.strictEqual(last.fullContent, "The quick brown fox jumps over the lazy dog")
    assert.isTrue(last.usage.estimated)
  })

  describe("R18: a continuation that says nothing proves nothing", () => {
    const ends: ReadonlyArray<readonly [string, (m: Machine) => { readonly _tag: string }]> = [
      ["a stop", (m) => settled(m, delta({ finish: "stop" }))],
      ["the terminator alone", (m) => settled(m)],
      ["white space and a stop", (m) => settled(m, text(" \n"), text("\n"), delta({ finish: "stop" }))],
      ["thoughts and a stop", (m) => settled(m, delta({ reasoning: "Hm." }), delta({ finish: "stop" }))],
      ["a length", (m) => settled(m, delta({ finish: "length" }))],
      ["a content filter", (m) => settled(m, delta({ finish: "content_filter" }))],
      ["what is an overlap, and a stop", (m) => settled(m, text(answer.slice(20, 90)), delta({ finish: "stop" }))]
    ]
    // Till the first event that decides.
    const settled = (m: Machine, ...events: ReadonlyArray<Delta>) => {
      for (const one of events) {
        const verdict = m.step(one)
        if (verdict._tag !== "Going") return verdict
      }
      return m.step(done)
    }
    const joined = (partial: string, mode: "prefill" | "message" | "restart", to = "b") => {
      const made = make()
      made.machine.step(partial === "" ? delta({ reasoning: "r" }) : text(partial))
      made.machine.join({ from: "a", to, reason: "stream_truncated", mode })
      return made
    }

    it.each(ends)("%s", (_name, run) => {
      for (const mode of ["message", "prefill"] as const) {
        const { machine, shown } = joined(answer.slice(0, 90), mode)
        const verdict = run(machine)
        // As a prefill what looks like an overlap is none.
        if (_name.includes("overlap") && mode === "prefill") return
        assert.isTrue(verdict._tag === "Broken" && "error" in verdict && verdict.error instanceof EmptyResponse, mode)
        assert.notInclude(["Ended", "Finishing"], machine.phase._tag)
        assert.isUndefined(shown.find(({ event }) => event === "done"))
      }
    })

    it("only who was given its own text as its beginning may mean that it was all, and the seam is not sure", () => {
      const whole = "All there is.\n```ts\nconst a = 1\n```\n"
      for (const partial of ["All there is.", 'He said "no!"', whole]) {
        const { machine, seams, shown } = joined(partial, "prefill", "a")
        assert.strictEqual(settled(machine, delta({ finish: "stop" }))._tag === "Complete", true, partial)
        machine.complete(2)
        assert.strictEqual(seams[0]?.seam, "ambiguous")
        assert.strictEqual(JSON.parse(shown.at(-1)!.data).fullContent, partial)
      }
    })

    it.each(["Half of", "A list:", "One. Two,", "See:\n```ts\nconst a = 1.", "- one\n- two"])(
      "a text that does not end is not all: %j",
      (partial) => {
        assert.strictEqual(settled(joined(partial, "prefill", "a").machine, delta({ finish: "stop" }))._tag, "Broken")
      }
    )

    it("nor is it all where another was asked, or in words", () => {
      const stop = delta({ finish: "stop" })
      assert.strictEqual(settled(joined("All there is.", "prefill", "b").machine, stop)._tag, "Broken")
      assert.strictEqual(settled(joined("All there is.", "message", "a").machine, stop)._tag, "Broken")
      assert.strictEqual(
        settled(joined("All there is.", "prefill", "a").machine, delta({ finish: "length" }))._tag,
        "Broken"
      )
    })

    it("who writes all of it again and stops there has said it all", () => {
      const { machine, words } = joined(answer, "message")
      assert.strictEqual(settled(machine, text(answer), delta({ finish: "stop" }))._tag, "Complete")
      assert.strictEqual(words().join(""), answer)
    })

    it("an answer of thoughts alone is none", () => {
      assert.strictEqual(settled(joined("", "restart").machine, delta({ finish: "stop" }))._tag, "Broken")
      assert.strictEqual(settled(joined("", "restart").machine, delta({ finish: "content_filter" }))._tag, "Complete")
    })

    it("a cut is none either", () => {
      const { machine } = joined("Half of", "prefill")
      const verdict = machine.eof()
      assert.isTrue(verdict._tag === "Broken" && verdict.error instanceof StreamTruncated)
    })
  })

  describe("R19: what is one body and cannot be put together waits until all of it is there", () => {
    it("a cut leaves nothing, and another attempt begins anew", () => {
      for (const lose of [(m: Machine) => m.eof(), (m: Machine) => m.loss(cut)]) {
        const { machine, shown } = waiting()
        machine.step(text('{"a":'))
        assert.strictEqual(lose(machine)._tag, "Broken")
        assert.deepStrictEqual([shown, machine.committed, machine.phase._tag], [[], false, "Unseen"])
        machine.begin("n")
        machine.step(text('{"b":2'))
        machine.step(text("}"))
        machine.step(delta({ finish: "stop" }))
        assert.strictEqual(machine.step(done)._tag, "Complete")
        machine.complete(2)
        assert.strictEqual(machine.text, '{"b":2}')
        assert.strictEqual(shown[0]?.data, "n")
      }
    })

    it("what is whole is shown at its end, whichever it is", () => {
      const ends: ReadonlyArray<(m: Machine) => { readonly _tag: string }> = [
        (m) => m.step(done),
        (m) => (m.step(delta({ finish: "stop" })), m.loss(cut)),
        (m) => (m.step(delta({ text: "}", finish: "stop" })), m.eof())
      ]
      for (const end of ends) {
        const { machine, shown } = waiting()
        machine.step(text("{"))
        assert.deepStrictEqual(shown, [])
        assert.strictEqual(end(machine)._tag, "Complete")
        assert.isTrue(machine.committed)
      }
      const empty = waiting().machine
      empty.step(delta({ finish: "stop" }))
      assert.strictEqual(empty.step(done)._tag, "Broken")
    })

    const call: Delta = {
      ...nothing,
      pieces: [{ _tag: "ToolCall", index: 0, id: "c", name: "f", input: "{}" }] as unknown as Delta["pieces"]
    }
    const events = (shown: ReadonlyArray<Payload>) => shown.map(({ data, event }) => event ?? data)

    it("what cannot be spliced waits alone: its text is shown, and is gone on from", () => {
      const { machine, shown } = waiting({ holds: "all" })
      machine.step(text("The quick brown fox"))
      machine.step(delta({ sealed: true }))
      machine.step(text(" and more"))
      assert.deepStrictEqual(events(shown), ["begin", "The quick brown fox"])
      assert.isUndefined(machine.position)
      assert.strictEqual(machine.loss(cut)._tag, "Broken")
      machine.join({ mode: "prefill", from: "a", to: "b", reason: "cut" })
      machine.step(text(" jumps."))
      machine.step(delta({ sealed: true }))
      machine.step(delta({ finish: "stop" }))
      assert.strictEqual(machine.step(done)._tag, "Complete")
      assert.strictEqual(machine.text, "The quick brown fox jumps.")
      assert.deepStrictEqual(
        events(shown).filter((one) => one === "sealed"),
        ["sealed"]
      )
    })

    it.each([
      ["its end without a terminator", (m: Machine) => m.eof()],
      ["a reset", (m: Machine) => m.loss(cut)],
      ["a pause", (m: Machine) => m.pause()]
    ] as const)("what cannot be spliced, then %s, is begun anew where nothing else was said", (_, end) => {
      const { machine, shown } = waiting({ holds: "all" })
      machine.step(delta({ sealed: true }))
      assert.strictEqual(end(machine)._tag, "Broken")
      assert.deepStrictEqual(shown, [])
      assert.isFalse(machine.committed)
      machine.begin("m")
      machine.step(delta({ sealed: true }))
      machine.step(delta({ finish: "stop" }))
      assert.deepStrictEqual(events(shown), ["begin", "sealed"])
      assert.strictEqual(machine.step(done)._tag, "Complete")
    })

    it("of what is longer than an answer may be with its text, no part is taken for the whole", () => {
      for (const end of [(m: Machine) => m.step(done), (m: Machine) => m.eof()]) {
        const { machine } = waiting({ holds: "all" })
        const part = (length: number, finish?: "stop") => ({
          ...delta({ ...(finish && { finish }) }),
          pieces: [{ _tag: "ToolInput", index: 0, text: "x".repeat(length) }] as unknown as Delta["pieces"]
        })
        machine.step(text("x".repeat(maxText - 1024)))
        machine.step(part(2048))
        machine.step(part(2048, "stop"))
        assert.strictEqual(end(machine)._tag, "Broken")
      }
    })

    it("several choices wait until each has its finish", () => {
      const { machine, shown } = waiting({ atOnce: true, holds: "all" }, 2)
      const begun = () => [text("one"), text("two"), delta({ finish: "stop" })].map((event) => machine.step(event))
      begun()
      assert.deepStrictEqual(shown, [])
      assert.strictEqual(machine.loss(cut)._tag, "Broken")
      assert.isFalse(machine.committed)
      machine.begin("m")
      begun()
      assert.strictEqual(machine.eof()._tag, "Broken")
      assert.isFalse(machine.committed)
      machine.begin("m")
      begun()
      machine.step(delta({ finish: "stop" }))
      assert.strictEqual(machine.loss(cut)._tag, "Complete")
      assert.deepStrictEqual(events(shown), ["begin", "one", "two"])
    })

    it("the calls of tools wait, and nothing else, where a client is given each as a whole", () => {
      const { machine, shown } = waiting({ holds: "calls" })
      machine.step(delta({ sealed: true }))
      assert.deepStrictEqual(events(shown), ["begin", "sealed"])
      const another = waiting({ holds: "calls" })
      another.machine.step(call)
      assert.deepStrictEqual(another.shown, [])
      assert.strictEqual(another.machine.loss(cut)._tag, "Broken")
      another.machine.begin("m")
      another.machine.step(call)
      assert.strictEqual((another.machine.step(delta({ finish: "stop" })), another.machine.step(done))._tag, "Complete")
      assert.deepStrictEqual(events(another.shown), ["begin", "sealed"])
    })

    it("what is longer than any answer ends", () => {
      const { machine } = waiting()
      const piece = text("x".repeat(1024 * 1024))
      let verdict = "Going"
      for (let i = 0; i < 20 && verdict === "Going"; i++) verdict = machine.step(piece)._tag
      assert.deepStrictEqual([verdict, machine.full], ["Broken", true])
    })
  })

  describe("R3: the last finish counts, once nothing can follow it", () => {
    const stop = (words: string) => delta({ text: words, finish: "stop" })
    const finishOf = (shown: ReadonlyArray<Payload>) => JSON.parse(shown.at(-1)!.data).finish.native

    it("one on every step, with a pause in between: all of it, and the last one", () => {
      const { machine, shown, words } = make()
      for (const word of ["a ", "b ", "c"]) {
        assert.strictEqual(machine.step(stop(word))._tag, "Going")
        // A pause is judged by this.
        assert.strictEqual(machine.phase._tag, "Flowing")
      }
      machine.step(delta({ sealed: true, finish: "length" }))
      assert.strictEqual(machine.phase._tag, "Sealed")
      assert.strictEqual(machine.step(done)._tag, "Complete")
      machine.complete(1)
      assert.strictEqual(words().join(""), "a b c")
      assert.strictEqual(finishOf(shown), "length")
    })

    it("a reset behind one that came with words is a cut; a clean end is an end", () => {
      const cutOff = make().machine
      cutOff.step(stop("a"))
      assert.strictEqual(cutOff.loss(cut)._tag, "Broken")
      const whole = make().machine
      whole.step(stop("a"))
      assert.strictEqual(whole.eof()._tag, "Complete")
    })

    it("usage behind it says that it was the end", () => {
      const { machine } = make()
      machine.step(stop("a"))
      machine.step(delta({ usage: { inputTokens: 1, outputTokens: 1, estimated: false } as Delta["usage"] }))
      assert.strictEqual(machine.loss(cut)._tag, "Complete")
    })

    it("one that came alone is the end, until content follows it: then none is", () => {
      const { machine, words } = make()
      machine.step(text("a"))
      machine.step(delta({ finish: "stop" }))
      assert.strictEqual(machine.phase._tag, "Finishing")
      machine.step(text("b"))
      assert.strictEqual(machine.phase._tag, "Flowing")
      assert.strictEqual(machine.eof()._tag, "Broken")
      machine.step(delta({ finish: "stop" }))
      assert.strictEqual(machine.phase._tag, "Flowing")
      assert.strictEqual(machine.loss(cut)._tag, "Broken")
      assert.strictEqual(machine.eof()._tag, "Complete")
      assert.strictEqual(words().join(""), "ab")
    })

    it("a later one that comes alone replaces the first", () => {
      const { machine, shown } = make()
      machine.step(text("a"))
      machine.step(delta({ finish: "stop" }))
      machine.step(delta({ finish: "length" }))
      machine.step(done)
      machine.complete(1)
      assert.strictEqual(finishOf(shown), "length")
    })

    it("of a continuation: it is joined where its words say, not at its first finish", () => {
      const { machine, seams, words } = make()
      machine.step(text(answer.slice(0, 60)))
      machine.join({ from: "a", to: "b", reason: "x", mode: "message" })
      for (let i = 20; i < answer.length; i += 4) machine.step(stop(answer.slice(i, i + 4)))
      assert.strictEqual(machine.step(done)._tag, "Complete")
      assert.strictEqual(words().join(""), answer)
      assert.strictEqual(seams[0]?.seam, "overlap")
    })

    it("no client reads a finish before it is the end", () => {
      const told: Array<string> = []
      const openai = openaiClient.encoder({
        requestId: "r",
        streamId: "s",
        createdAt: 0,
        includeUsage: false,
        debug: false
      })
      const machine = new Machine({
        encoder: openai,
        choices: 1,
        inputEstimate: () => 1,
        output: {
          show: (payloads) => told.push(...payloads.map(({ data }) => data)),
          onCommit: () => {},
          onSeam: () => {}
        }
      })
      machine.begin("m")
      for (const content of ["a", "b"]) {
        const raw = { choices: [{ index: 0, delta: { content }, finish_reason: "stop" }] }
        machine.step({ ...stop(content), from: "openai", raw } as Delta)
      }
      machine.step(done)
      machine.complete(1)
      const finishes = told
        .filter((data) => data.startsWith("{"))
        .map((data) => (JSON.parse(data) as { choices: [{ finish_reason: string | null }] }).choices[0].finish_reason)
      assert.deepStrictEqual(finishes, [null, null, null, "stop"])
    })
  })

  it("a prefill that begins the answer anew is cut off unseen", () => {
    const { machine, words } = make()
    machine.step(text(answer.slice(0, 60)))
    machine.join({ from: "a", to: "b", reason: "stream_truncated", mode: "prefill" })
    let verdict = "Going"
    for (let i = 0; i < answer.length && verdict === "Going"; i += 7) {
      verdict = machine.step(text(answer.slice(i, i + 7)))._tag
    }
    assert.strictEqual(verdict, "Refused")
    assert.strictEqual(words().join(""), answer.slice(0, 60))
    // The next mode drops what is repeated, because it is sure.
    machine.join({ from: "a", to: "b", reason: "stream_truncated", mode: "message" })
    for (let i = 0; i < answer.length; i += 7) machine.step(text(answer.slice(i, i + 7)))
    machine.step(done)
    assert.strictEqual(words().join(""), answer)
  })

  it("only reasoning was shown: the answer begins on another channel, and its reasoning is not shown again", () => {
    const { machine, shown } = make()
    machine.step(delta({ reasoning: "hm" }))
    machine.join({ from: "a", to: "b", reason: "do_request_failed", mode: "restart" })
    machine.step(delta({ reasoning: "hm, hm" }))
    machine.step(text("Yes."))
    assert.deepStrictEqual(
      shown.map((one) => one.event ?? "message"),
      ["begin", "reasoning", "failover", "message"]
    )
  })

  it("the usage is the first attempt's input and everybody's output", () => {
    const { machine, shown } = make()
    machine.step(text("12345678"))
    machine.loss(cut)
    machine.join({ from: "a", to: "b", reason: "do_request_failed", mode: "prefill" })
    machine.step(text("rest"))
    machine.step(delta({ finish: "stop" }))
    machine.step(delta({ usage: { inputTokens: 50, outputTokens: 5, estimated: false } }))
    machine.step(done)
    machine.complete(2)
    assert.deepStrictEqual(JSON.parse(shown.at(-1)!.data).usage, { inputTokens: 7, outputTokens: 7, estimated: true })
  })

  it("property: one end, nothing after it, and the words are those of the parts, for any signals", () => {
    const signal = fc.oneof(
      fc.string({ maxLength: 5 }).map((t) => text(t)),
      fc.constant(delta({ reasoning: "r" })),
      fc.constant(delta({ sealed: true })),
      fc.constant(delta({ finish: "stop" })),
      fc.constant(delta({})),
      fc.constant(done),
      fc.constant({ _tag: "Fault", error: cut } as const)
    )
    fc.assert(
      fc.property(fc.array(signal, { maxLength: 30 }), fc.integer({ min: 0, max: 5 }), (signals, joins) => {
        const { machine, shown, words } = make()
        let left = joins
        for (const one of signals) {
          const verdict = machine.step(one)
          if (verdict._tag === "Complete") machine.complete(1)
          if (verdict._tag === "Broken" || verdict._tag === "Refused") {
            if (machine.committed && left-- > 0 && machine.phase._tag !== "Sealed" && machine.phase._tag !== "Ended") {
              machine.join({ from: "a", to: "b", reason: "x", mode: "message" })
            } else machine.fail(cut, undefined)
          }
        }
        machine.fail(cut, undefined)
        const ends = shown.filter((one) => one.event === "done" || one.event === "error")
        assert.strictEqual(ends.length, 1)
        assert.strictEqual(shown.at(-1), ends[0])
        assert.strictEqual(words().join(""), machine.text)
        assert.isTrue(shown.filter((one) => one.event === "begin").length <= 1)
      })
    )
  })
})

describe("a finish that nobody knows", () => {
  const strange: Delta = { ...nothing, finish: { reason: "unknown", native: "strange", from: "openai" } }
  const shownBy = (run: (machine: Machine) => unknown) => {
    const { machine, shown } = make()
    const verdict = run(machine) as { readonly _tag: string }
    if (verdict._tag === "Complete") machine.complete(1)
    return { verdict: verdict._tag, done: shown.find((one) => one.event === "done")?.data }
  }

  it("R2: is believed with the terminator behind it, and is no end without", () => {
    const said = shownBy((m) => (m.step(text("a")), m.step(strange), m.step(done)))
    assert.strictEqual(said.verdict, "Complete")
    assert.include(said.done, '"native":"strange"')
    assert.strictEqual(shownBy((m) => (m.step(text("a")), m.step(strange), m.eof())).verdict, "Broken")
    assert.strictEqual(shownBy((m) => (m.step(text("a")), m.step(strange), m.loss(cut))).verdict, "Broken")
  })

  it("R2: leaves the answer to be continued, whose own end then counts", () => {
    const said = shownBy((m) => {
      m.step(text(answer))
      m.step(strange)
      m.eof()
      m.join({ from: "a", to: "b", reason: "stream_truncated", mode: "prefill" })
      m.step(text(" And then it was morning."))
      m.step(delta({ finish: "length" }))
      return m.step(done)
    })
    assert.strictEqual(said.verdict, "Complete")
    assert.include(said.done, '"native":"length"')
  })

  it("counts what was read of a lost attempt, and not what stands beside: a signature is long", () => {
    const { machine } = make()
    machine.restore(
      {
        text: "a".repeat(40),
        tokenCount: 1,
        beside: 2_000,
        reasoning: 8,
        begun: true,
        sealed: false,
        called: false,
        finish: undefined,
        ended: false
      },
      { costs: [], finish: undefined }
    )
    assert.strictEqual(machine.usage().outputTokens, 12)
  })

  it("R2: a later one that is known counts, and what was restored with one is not whole", () => {
    const known = shownBy((m) => (m.step(text("a")), m.step(strange), m.step(delta({ finish: "stop" })), m.eof()))
    assert.strictEqual(known.verdict, "Complete")
    const { machine } = make()
    const { finish } = strange
    machine.restore(
      {
        text: "a",
        tokenCount: 1,
        beside: 0,
        reasoning: 0,
        begun: true,
        sealed: false,
        called: false,
        finish,
        ended: false
      },
      { costs: [], finish: undefined }
    )
    assert.strictEqual(machine.phase._tag, "Flowing")
    assert.strictEqual(machine.eof()._tag, "Broken")
  })
})
