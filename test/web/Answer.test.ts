/**
 * What the page makes of an answer, without a browser: what happened to it, where its seams stand in the text, and the proof.
 */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import type { Element, ElementContent, Root } from "hast"
import { compare, isWhole } from "../../web/src/answer/proof.ts"
import { begin, isAway, type Run, told, type Told } from "../../web/src/answer/run.ts"
import { placeSeams, seamTag } from "../../web/src/answer/seamsInTree.ts"
import { settle } from "../../web/src/answer/settle.ts"
import { awayWords, duration, inWords, titleOf } from "../../web/src/answer/words.ts"

/** What an answer becomes when these are told, each at its moment. */
const after = (...events: ReadonlyArray<readonly [at: number, event: Told]>): Run =>
  events.reduce((run, [at, event]) => told(run, event, at), begin("Why?", 0))

const init: Told = { _tag: "Init", streamId: "s", requestId: "req_1", model: "m" }
const words: Told = { _tag: "Words" }
const failover = (more: Partial<Extract<Told, { readonly _tag: "Failover" }>> = {}): Told => ({
  _tag: "Failover",
  offset: 10,
  from: "a",
  to: "b",
  reason: "do_request_failed",
  dropped: 0,
  kind: "exact",
  ...more
})
const done: Told = { _tag: "Done", fullContent: "x" }

describe("a run", () => {
  it("has one span that is whole when nothing breaks, named by whoever knows", () => {
    const run = after([5, init], [100, words], [120, words], [200, done], [300, { _tag: "Named", channel: "a" }])
    assert.strictEqual(run.outcome, "whole")
    assert.strictEqual(run.endedAt, 200)
    assert.deepStrictEqual(run.spans, [{ channel: "a", from: 0, firstWords: 100, to: 200, ended: "whole" }])
    assert.deepStrictEqual(run.seams, [])
  })

  it("has a span for each attempt that was replaced unseen, and a seam for none of them", () => {
    const run = after(
      [5, init],
      [50, { _tag: "Attempt", from: "a", to: "b", reason: "upstream_overloaded" }],
      [90, words]
    )
    assert.strictEqual(run.replaced, 1)
    assert.deepStrictEqual(
      run.spans.map(({ channel, ended, from, to }) => [channel, from, to, ended]),
      [
        ["a", 0, 50, "upstream_overloaded"],
        ["b", 50, undefined, undefined]
      ]
    )
    assert.deepStrictEqual(run.seams, [])
  })

  it("has a seam where the answer was joined, with the time from the last words before to the first after it", () => {
    const run = after([100, words], [200, failover()], [450, words], [460, words])
    assert.deepStrictEqual(run.seams, [
      { offset: 10, from: "a", to: "b", reason: "do_request_failed", dropped: 0, kind: "exact", gap: 350 }
    ])
  })

  it("places the seams of what was gone on with behind what was kept", () => {
    const run = told(told(begin("Why?", 0, 100), words, 5), failover({ offset: 7 }), 6)
    assert.strictEqual(run.seams[0]?.offset, 107)
  })

  it("knows that a killed relay's channel spoke only until the page heard nothing more", () => {
    const run = after(
      [100, words],
      [150, { _tag: "Lost", why: "network_error" }],
      [160, { _tag: "Lost", why: "network_error" }],
      [900, { _tag: "Open" }],
      [950, failover({ reason: "writer_lost", to: "a" })]
    )
    assert.deepStrictEqual(run.gaps, [{ from: 150, to: 900, why: "network_error" }])
    assert.deepStrictEqual(
      run.spans.map(({ from, to }) => [from, to]),
      [
        [0, 150],
        [900, undefined]
      ]
    )
  })

  it("is away from the loss of the connection until it is back, or has ended", () => {
    const lost: readonly [number, Told] = [10, { _tag: "Lost", why: "stream_cut" }]
    assert.isFalse(isAway(after([5, words])))
    assert.isTrue(isAway(after(lost)))
    assert.isFalse(isAway(after(lost, [20, { _tag: "Open" }])))
    assert.isFalse(isAway(after(lost, [20, { _tag: "Failed", code: "x" }])))
  })

  it("forgets its seams when a new answer takes its place, and takes nothing after its end", () => {
    assert.deepStrictEqual(after([100, words], [200, failover()], [300, { _tag: "Reset" }]).seams, [])
    const ended = after([100, words], [200, done])
    assert.strictEqual(told(ended, failover(), 300), ended)
  })

  it("never has a span that ends before it begins, whatever is told when", () => {
    const event = fc.oneof(
      fc.constantFrom<Told>(
        init,
        words,
        done,
        { _tag: "Open" },
        { _tag: "Lost", why: "x" },
        { _tag: "Reset" },
        { _tag: "Attempt", from: "a", to: "b", reason: "r" }
      ),
      fc.constantFrom("writer_lost", "stream_truncated").map((reason) => failover({ reason }))
    )
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(50), event), { maxLength: 30 }), (events) => {
        let at = 0
        const run = events.reduce((run, [millis, event]) => told(run, event, (at += millis)), begin("?", 0))
        for (const { from, to } of run.spans) assert.isAtLeast(to ?? from, from)
        for (const { from, to } of run.gaps) assert.isAtLeast(to ?? from, from)
        assert.strictEqual(run.endedAt !== undefined, run.outcome === "whole")
      })
    )
  })
})

describe("the proof", () => {
  it.each([
    ["the same", "abc", "abc", 0, 0],
    ["the end is missing", "abcdef", "abc", 3, 0],
    ["the middle is there twice", "abcd", "abbcd", 0, 1],
    ["a part is missing and another is there twice", "one two three", "one three three", 2, 4],
    ["a letter outside the basic plane", "a😀b", "ab", 1, 0],
    ["nothing came", "abc", "", 3, 0]
  ])("%s", (_, expected, received, lost, doubled) => {
    const proof = compare(expected, received)
    assert.deepInclude(proof, { lost, doubled })
    assert.strictEqual(isWhole(proof), expected === received)
  })

  it("counts what was cut out of a text as lost, and what was put in as doubled", () => {
    const piece = fc.string({ minLength: 1, maxLength: 12, unit: "binary" })
    fc.assert(
      fc.property(piece, piece, piece, (before, part, behind) => {
        const points = Array.from(part).length
        assert.deepInclude(compare(before + part + behind, before + behind), { lost: points, doubled: 0 })
        assert.deepInclude(compare(before + behind, before + part + behind), { lost: 0, doubled: points })
      })
    )
  })
})

/** A text as parsers give it, with its place. */
const textAt = (value: string, start: number): ElementContent => ({
  type: "text",
  value,
  position: {
    start: { line: 1, column: 1, offset: start },
    end: { line: 1, column: 1, offset: start + value.length }
  }
})

const element = (tagName: string, ...children: ReadonlyArray<ElementContent>): Element => ({
  type: "element",
  tagName,
  properties: {},
  children: [...children]
})

/** A tree as text, its marks as `|0|`. */
const shown = (node: Root | ElementContent): string =>
  node.type === "text"
    ? node.value
    : "children" in node
      ? "properties" in node && node.properties[seamTag] !== undefined
        ? `|${String(node.properties[seamTag])}|`
        : node.children.map((child) => shown(child as ElementContent)).join("")
      : ""

const marked = (offsets: ReadonlyArray<number>): string => {
  // `one **two** three`
  const tree: Root = {
    type: "root",
    children: [element("p", textAt("one ", 0), element("strong", textAt("two", 6)), textAt(" three", 11))]
  }
  placeSeams({ offsets })(tree)
  return shown(tree)
}

describe("seams in the text", () => {
  it.each([
    ["in a text", [2], "on|0|e two three"],
    ["inside of bold", [7], "one t|0|wo three"],
    ["in what is no text, before the next", [5], "one |0|two three"],
    ["several in one text", [1, 3], "o|0|ne|1| two three"],
    ["at the beginning", [0], "|0|one two three"],
    ["at the end, while nothing has come behind it", [17], "one two three|0|"],
    ["out of order", [12, 2], "on|1|e two |0|three"]
  ])("%s", (_, offsets, expected) => assert.strictEqual(marked(offsets), expected))
})

describe("what is being written", () => {
  it.each([
    ["a **bo", "a **bo**"],
    ["a **", "a "],
    ["a **bold** and `co", "a **bold** and `co`"],
    ["a `code`", "a `code`"],
    ["```ts\nconst a = `", "```ts\nconst a = `"],
    ["plain", "plain"]
  ])("%j is read as %j", (text, expected) => assert.strictEqual(settle(text), expected))

  it("changes nothing but the end", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom("a", " ", "*", "`", "\n", "_") }), (text) => {
        const settled = settle(text)
        const kept = text.replace(/[*_`~]+$/, "")
        assert.isTrue(settled.startsWith(kept))
        assert.match(settled.slice(kept.length), /^[*_`~]*$/)
      })
    )
  })
})

describe("words for people", () => {
  it("are there for what happens often, and else the code with spaces", () => {
    assert.strictEqual(inWords("writer_lost"), "the relay was killed")
    assert.strictEqual(inWords("some_new_code"), "some new code")
    assert.strictEqual(titleOf({ type: "validation" }), "The relay refused this question")
    assert.strictEqual(titleOf({ type: "connection" }), "The relay cannot be reached")
    assert.strictEqual(duration(420.4), "420 ms")
    assert.strictEqual(duration(2149), "2.1 s")
  })

  it("say what becomes of what was read: it stays when the connection is gone, and not when the answer was ended", () => {
    assert.deepStrictEqual(awayWords("stream_cut", true), {
      why: "The connection is gone.",
      then: "What you have read stays."
    })
    assert.deepStrictEqual(awayWords("http_503", false), { why: "The relay answered 503.", then: "" })
    assert.deepStrictEqual(awayWords("do_request_failed", false), {
      why: "There was no answer: the connection broke.",
      then: ""
    })
    assert.deepStrictEqual(awayWords("stream_truncated", true), {
      why: "The answer broke off: it was cut off.",
      then: "A new answer takes its place."
    })
  })
})
