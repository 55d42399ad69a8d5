/**
 * The note: what one process writes of a life, another reads.
 */
import { assert, describe, it } from "@effect/vitest"
import { codes, type ResilienceError } from "effect-resilience/errors"
import * as fc from "fast-check"
import { decodeNote, encodeNote, headOfNote, LateNote, type Note, type NoteHead, statusOfNote } from "#src/relay/Note"
import { sample } from "../../errors/samples.ts"
import { anyNote, note, openAttempt, pursuit } from "./notes.ts"

const errorsOf = ({ error, pursuit }: Note): ReadonlyArray<ResilienceError | undefined> => [
  error,
  pursuit.first,
  pursuit.broke?.error
]

/** A note without its errors, whose stacks and causes are no part of them. */
const plain = (note: Note) => {
  const { broke, first: _, ...pursuit } = note.pursuit
  return {
    ...note,
    error: undefined,
    pursuit: { ...pursuit, broke: broke && { from: broke.from, reason: broke.reason } }
  }
}

/** What is `undefined` and what is absent is the same to whoever makes a head. */
const headOf = (head: NoteHead | undefined): unknown =>
  JSON.parse(
    JSON.stringify([head?.error?._tag ?? "", head?.open?.channel ?? "", head?.shown?.dropped ?? "", head?.trail])
  )

describe("a note", () => {
  it("comes back as it was, whatever it says, with errors of the same classes", () =>
    fc.assert(
      fc.property(anyNote, (note) => {
        const text = encodeNote(note)
        const read = decodeNote(text)
        if (read === undefined) return assert.fail(`it is not read: ${text}`)
        // Fields that are absent and fields that are undefined are the same to everybody.
        assert.deepEqual(JSON.parse(JSON.stringify(plain(read))), JSON.parse(JSON.stringify(plain(note))))
        assert.deepStrictEqual(JSON.parse(encodeNote(read)), JSON.parse(text))
        const [errors, were] = [errorsOf(read), errorsOf(note)]
        errors.forEach((error, at) => {
          assert.strictEqual(error?.constructor, were[at]?.constructor)
          assert.strictEqual(error?.message, were[at]?.message)
          assert.strictEqual(error?.retryAfterMillis, were[at]?.retryAfterMillis)
        })
      }),
      { numRuns: 300 }
    ))

  it("gives a head the same as all of it does", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          anyNote,
          anyNote.map((note) => ({ ...note, trail: [], error: undefined })),
          anyNote.map((note) => ({
            ...note,
            trail: note.trail.map((entry) => ({ ...entry, blame: undefined, code: undefined })),
            shown: { model: "m", afterMillis: 1, ...note.shown, dropped: [] },
            error: undefined
          }))
        ),
        (note) => {
          const text = encodeNote(note)
          const [head, read] = [headOfNote(text), decodeNote(text)]
          assert.deepStrictEqual(head?.trail, read?.trail)
          assert.strictEqual(head?.open?.channel, read?.open?.channel)
          assert.deepStrictEqual(head?.shown?.dropped, read?.shown?.dropped)
          assert.strictEqual(head?.error?._tag, read?.error?._tag)
          // Who has it unprinted need not read it.
          const late = new LateNote(note)
          assert.strictEqual(late.text, text)
          assert.strictEqual(decodeNote(late), note)
          assert.deepStrictEqual(headOf(headOfNote(late)), headOf(head))
        }
      ),
      { numRuns: 300 }
    )
    for (const text of ["", "[]", '{"version":2}', '{"version":1}']) assert.isUndefined(headOfNote(text))
  })

  it.each(codes)("may end with %s", (code) => {
    const read = decodeNote(encodeNote(note({ status: "error", error: sample(code) })))
    assert.strictEqual(read?.error?._tag, sample(code)._tag)
    assert.strictEqual(read?.error?.message, sample(code).message)
  })

  it("that is first says nothing that it does not need to", () => {
    assert.deepStrictEqual(JSON.parse(encodeNote(note())), {
      version: 1,
      status: "started",
      requestId: "req_1",
      model: "m",
      startedAt: 1000,
      timeoutMillis: 300_000,
      leave: "detach",
      trail: [],
      costs: []
    })
  })

  it("of a version that is not known is not read, and still tells its status", () => {
    const text = JSON.stringify({ ...JSON.parse(encodeNote(note({ status: "completed" }))), version: 2 })
    assert.strictEqual(decodeNote(text), undefined)
    assert.strictEqual(statusOfNote(text), "completed")
  })

  it("of the version before there were any is not read, and still tells its status", () => {
    const text = JSON.stringify({ status: "streaming", model: "m", channel: "a", attempts: 1, continuations: 0 })
    assert.strictEqual(decodeNote(text), undefined)
    assert.strictEqual(statusOfNote(text), "streaming")
  })

  it.each([
    ["nothing", ""],
    ["no JSON", "{"],
    ["null", "null"],
    ["a number", "1"],
    ["a list", "[]"],
    ["no object of ours", "{}"],
    ["a status that there is not", encodeNote(note()).replace("started", "begun")],
    ["a time that is a text", encodeNote(note()).replace("1000", '"1000"')],
    [
      "an error of no class of ours",
      encodeNote(note({ error: sample("empty_response") })).replace("EmptyResponse", "Another")
    ],
    [
      "a reason that there is not",
      encodeNote(note({ pursuit: pursuit({ previous: { channel: "a", reason: "writer_lost" } }) })).replace(
        "writer_lost",
        "lost"
      )
    ],
    [
      "a mode that there is not",
      encodeNote(note({ open: openAttempt({ mode: "prefill" }) })).replace("prefill", "guess")
    ]
  ])("that is %s is not read", (_, text) => {
    assert.strictEqual(decodeNote(text), undefined)
  })

  it("that is anything at all is read or not, and nothing is thrown", () =>
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        const read = decodeNote(text)
        assert.isTrue(read === undefined || typeof read === "object")
        assert.isString(statusOfNote(text))
      })
    ))

  it("that is cut anywhere is not read", () => {
    const text = encodeNote(note({ pursuit: pursuit({ attempts: 2, first: sample("rate_limited") }) }))
    for (let at = 0; at < text.length; at++) assert.strictEqual(decodeNote(text.slice(0, at)), undefined)
  })
})
