/**
 * What is kept of an answer that has ended is about its bytes, and is read again to the byte.
 */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { type Frames, splitFrames } from "#src/journal/Frames"
import { mostKept, Shelf } from "#src/journal/KeptFrames"

const framesOf = (texts: ReadonlyArray<string>): Frames => ({
  text: texts.join(""),
  lengths: texts.map((text) => text.length)
})

const plain = fc.string({ minLength: 1, maxLength: 200 })
const any = fc.string({ unit: "grapheme", minLength: 1, maxLength: 60 })
/** Events as an answer has them: each is like the one before it, also where the halves of a character are alike. */
const alike = fc
  .array(fc.constantFrom("a", "b", "é", "ß", "日", "😀", "😁", "🤀", "\n", "😀".repeat(60), "😁😀".repeat(40)), {
    minLength: 1,
    maxLength: 600
  })
  .map((words) => words.map((word, n) => `id: s.${n}${word.length > 9 ? word : ""}\ndata: {"t":"${word}"}\n\n`))
const texts = fc.oneof(
  alike,
  fc.array(plain, { maxLength: 20 }),
  fc.array(any, { maxLength: 20 }),
  fc.array(fc.string({ unit: "binary-ascii", minLength: 1, maxLength: 2 }), { minLength: 500, maxLength: 900 })
)

describe("frames that are kept", () => {
  it("are read from any one on, in pages within their bounds, none torn, whatever else is on the shelf", () =>
    fc.assert(
      fc.property(
        fc.array(fc.array(texts, { maxLength: 3 }), { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 1, max: 300 }),
        fc.integer({ min: 1, max: 400 }),
        (streams, most, room) => {
          const shelf = new Shelf()
          const kept = streams.map((runs) => {
            const used = runs.filter((run) => run.length > 0)
            const size = Buffer.byteLength(used.flat().join(""))
            return shelf.keep(used.map(framesOf), size)
          })
          streams.forEach((runs, n) => {
            const all = runs.flat()
            const read: Array<string> = []
            for (let page = kept[n]?.page(0, most, room); page !== undefined; ) {
              assert.isTrue(page.lengths.length === 1 || Buffer.byteLength(page.text) <= room)
              assert.isAtMost(page.lengths.length, most)
              read.push(...splitFrames(page))
              page = kept[n]?.page(read.length, most, room)
            }
            assert.deepStrictEqual(read, all)
            for (const first of [1, 255, 256, 257, 512, all.length - 1]) {
              if (first < 0 || first >= all.length) continue
              assert.strictEqual(kept[n]?.page(first, 1, room)?.text, all[first])
            }
          })
        }
      ),
      { numRuns: 60 }
    ))

  const id = (n: number): string => `id: 01k5m3v${"x".repeat(22)}.${n}\n`
  const openai = (n: number, delta: string): string =>
    `${id(n)}data: {"id":"chatcmpl-${"y".repeat(24)}","object":"chat.completion.chunk","created":1764312000,` +
    `"model":"m","choices":[{"index":0,"delta":${delta},"finish_reason":null}]}\n\n`
  const anthropic = (n: number, type: string, more: string): string =>
    `${id(n)}event: ${type}\ndata: {"type":"${type}","index":0,${more}}\n\n`
  const words = Array.from({ length: 12 }, (_, n) => `word${n * n} `)

  it.each([
    [
      "OpenAI's",
      [openai(0, '{"role":"assistant"}'), ...words.map((word, n) => openai(n + 1, `{"content":"${word}"}`))]
    ],
    [
      "Anthropic's",
      [
        anthropic(0, "content_block_start", '"content_block":{"type":"text","text":""}'),
        ...words.map((word, n) =>
          anthropic(n + 1, "content_block_delta", `"delta":{"type":"text_delta","text":"${word}"}`)
        )
      ]
    ]
  ])("take a fraction of their bytes where they are alike, whatever begins them: %s", (_, events) => {
    const shelf = new Shelf()
    const one = framesOf(events)
    const kept = shelf.keep([one], one.text.length)
    assert.isBelow(shelf.used, one.text.length / 4)
    assert.deepStrictEqual(kept.page(0, 20, 9_999), one)
  })

  it("of the largest stream that is kept so come back whole", () => {
    const all = ["a".repeat(mostKept - 3), "é", "b"]
    const page = new Shelf().keep([framesOf(all)], mostKept).page(0, 9, mostKept)
    assert.deepStrictEqual(page === undefined ? undefined : splitFrames(page), all)
  })
})

describe("a text on the shelf", () => {
  it("comes back as it was, between frames", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "binary", maxLength: 40 }), { maxLength: 12 }), (texts) => {
        const shelf = new Shelf()
        const kept = texts.map((text) => {
          const frames = shelf.keep(
            [{ text: `id: 1\n${text}`, lengths: [6 + text.length] }],
            Buffer.byteLength(text) + 6
          )
          return { frames, text: shelf.text(text) }
        })
        for (const [n, { frames, text }] of kept.entries()) {
          assert.strictEqual(typeof text === "string" ? text : text.read(), texts[n])
          assert.strictEqual(frames.page(0, 1, 1000)?.text, `id: 1\n${texts[n]}`)
        }
      })
    )
  })

  it("stays as it is where it is longer than a slab", () => {
    const long = "a".repeat(mostKept + 1)
    assert.strictEqual(new Shelf().text(long), long)
    assert.notStrictEqual(typeof new Shelf().text(long.slice(1)), "string")
  })
})
