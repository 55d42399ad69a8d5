import { assert, describe, it } from "@effect/vitest"
import { makeStitcher, type StitchDecision, type StitcherOptions } from "effect-resilience/stream"
import * as fc from "fast-check"
import { shareOfRuns } from "../support/share.ts"

interface Stitched {
  readonly shown: string
  readonly decision: StitchDecision | undefined
}

const stitch = (
  committed: string,
  chunks: ReadonlyArray<string>,
  options?: Partial<Omit<StitcherOptions, "committed">>
): Stitched => {
  const stitcher = makeStitcher({ mode: "message", ...options, committed })
  let shown = ""
  for (const chunk of chunks) shown += stitcher.push(chunk)
  shown += stitcher.end()
  assert.isFalse(stitcher.holding)
  return { shown, decision: stitcher.decision }
}

const characters = (text: string) => text.split("")
const length = (text: string) => Array.from(text).length
const decided = (seam: StitchDecision["seam"], dropped = 0, refused = false) => ({ seam, dropped, refused })

/** The whole at once and character by character: the result is the same. */
const check = (
  committed: string,
  continuation: string,
  shown: string,
  decision: StitchDecision,
  options?: Partial<Omit<StitcherOptions, "committed">>
) => {
  for (const chunks of [[continuation], characters(continuation)]) {
    assert.deepStrictEqual(stitch(committed, chunks, options), { shown, decision })
  }
}

const text = "It was a bright cold day in April, and the clocks were striking thirteen. Winston Smith slipped through."

describe("mode message", () => {
  it("shows an exact continuation as it is", () =>
    check(text.slice(0, 49), text.slice(49), text.slice(49), decided("exact")))

  it("shows the first text as it is, when nothing was delivered before", () =>
    check("", "Hello", "Hello", decided("exact")))

  it("drops an overlap that is long enough", () =>
    check(text.slice(0, 49), text.slice(9), text.slice(49), decided("overlap", 40)))

  it("drops an overlap of 20 where 20 are enough", () =>
    check(text.slice(0, 49), text.slice(29), text.slice(49), decided("overlap", 20), { minOverlap: 20 }))

  it("drops a restart from the beginning", () => check(text.slice(0, 49), text, text.slice(49), decided("restart", 49)))

  it("drops a restart of a text that is longer than any overlap", () => {
    const long = Array.from({ length: 900 }, (_, i) => `${i}:${(i * 7919) % 1009}`).join(" ")
    check(long.slice(0, 5000), long, long.slice(5000), decided("restart", 5000))
  })

  it("keeps both when a restart goes its own way", () => {
    const other = text.slice(0, 30) + "another turn, and so on to its own end"
    check(text.slice(0, 60), other, other, decided("ambiguous"))
  })

  it("keeps what it held when the continuation ends inside an overlap", () => {
    check(text.slice(0, 60), text.slice(20, 50), text.slice(20, 50), decided("ambiguous"))
  })

  it("drops an overlap when the continuation ends with it", () =>
    check(text.slice(0, 60), text.slice(20, 60), "", decided("overlap", 40)))

  it("joins a word that was cut", () =>
    check("it was an inter", "interruption", "ruption", decided("overlap", 5), { minOverlap: 3 }))

  it("carries a surrogate pair over chunks, before the decision and after it", () => {
    const stitcher = makeStitcher({ committed: text.slice(0, 49), mode: "message" })
    assert.strictEqual(stitcher.push("\ud83d"), "")
    assert.strictEqual(stitcher.push("\ude00"), "😀")
    assert.strictEqual(stitcher.push("a\ud83d"), "a")
    assert.strictEqual(stitcher.push("\ude00b\ud83d"), "😀b")
    assert.strictEqual(stitcher.end(), "\ud83d")
    const committed = "the quick brown fox jumps over 😀"
    check(committed, "fox jumps over 😀😀", "😀", decided("overlap", 16), { minOverlap: 8 })
  })

  it("counts code points", () => {
    const emoji = Array.from({ length: 30 }, (_, i) => String.fromCodePoint(0x1f600 + i)).join("")
    check(`so ${emoji}`, `${emoji} end`, " end", decided("overlap", 30))
  })

  describe("drops nothing where it is not sure", () => {
    it("an overlap that is too short: the repetition stays", () =>
      check("And then it", "then it happened", "then it happened", decided("ambiguous"), { minOverlap: 12 }))

    it("an overlap of one letter, which may be chance", () => check("a cat", "the", "the", decided("ambiguous")))

    it("a refrain", () => {
      const refrain = "Row, row, row your boat\n"
      check(refrain + refrain, refrain + "Merrily", refrain + "Merrily", decided("ambiguous"))
      const verse = "London Bridge is falling down, my fair lady.\n"
      const song = `${verse}Build it up with wood and clay.\n${verse}`
      check(song, `${verse}Take a key`, `${verse}Take a key`, decided("ambiguous"))
    })

    it("code with repeated lines", () => {
      const line = "    values.push(parse(next()))\n"
      check(`init()\n${line}${line}`, `${line}done()`, `${line}done()`, decided("ambiguous"))
      const block = "  if (error !== null) return error\n"
      const committed = `a()\n${block}b()\n${block}`
      check(committed, `${block}c()`, `${block}c()`, decided("ambiguous"))
    })

    it("laughter", () =>
      check(
        "ha ha ha ha ha ha ha ha ",
        "ha ha ha ha ha ha ha ha ha!",
        "ha ha ha ha ha ha ha ha ha!",
        decided("ambiguous")
      ))

    it("a text too short to have been begun anew", () =>
      check("Hello, wor", "Hello, world", "Hello, world", decided("ambiguous")))

    it("a periodic overlap, though it is long and nowhere else", () => {
      for (const row of ["=-".repeat(20), "abcdefghijklmnop".repeat(2)]) {
        check(`Title\n${row}`, `${row}x`, `${row}x`, decided("ambiguous"))
      }
    })

    it("a periodic text that comes again", () => {
      const row = "=-".repeat(20)
      check(row, row + "x", row + "x", decided("ambiguous"))
    })
  })

  describe("leaves what cannot be seen", () => {
    it("an added space", () => check("one two ", " three", " three", decided("ambiguous")))
    it("a preamble", () =>
      check(
        text.slice(0, 49),
        `Sure, here is more:${text.slice(20)}`,
        `Sure, here is more:${text.slice(20)}`,
        decided("exact")
      ))
    it("quotes in another style", () => {
      const committed = 'He said: "That is not what I had in mind", and left'
      const other = "“That is not what I had in mind”, and left the room"
      check(committed, other, other, decided("exact"))
    })
  })

  it("holds only while something may still match, and shows the rest at once", () => {
    const stitcher = makeStitcher({ committed: text.slice(0, 49), mode: "message" })
    assert.isFalse(stitcher.holding)
    assert.strictEqual(stitcher.push("a bright cold"), "")
    assert.isTrue(stitcher.holding)
    assert.isUndefined(stitcher.decision)
    assert.strictEqual(stitcher.push(" night"), "a bright cold night")
    assert.isFalse(stitcher.holding)
    assert.strictEqual(stitcher.push(" day"), " day")
  })

  it("decides for a continuation without anything", () => check(text, "", "", decided("exact")))

  it("looks for an overlap in the last maxOverlap code points only", () => {
    check(text, text.slice(40), text.slice(40), decided("exact"), { maxOverlap: 30 })
    check(text, text.slice(-30) + "x", "x", decided("overlap", 30), { maxOverlap: 30 })
  })
})

describe("R22: white space at the seam is compared apart", () => {
  it.each([" ", "\n", "\n\n", "\r\n \t"])("a restart or an overlap behind %j is found", (space) => {
    const committed = text.slice(0, 49)
    check(committed, space + text, text.slice(49), decided("restart", 49 + length(space)))
    check(committed, space + text.slice(9), text.slice(49), decided("overlap", 40 + length(space)))
    check(committed, space + text, "", decided("restart", 49 + length(space), true), { mode: "prefill" })
    check(committed, space + text, "", decided("restart", 49 + length(space), true), { mode: "unproven" })
  })

  it("so is a restart of a text that began with white space", () => {
    const long = Array.from({ length: 900 }, (_, i) => `${i}:${(i * 7919) % 1009}`).join(" ")
    check(`\n\n${long.slice(0, 5000)}`, long, long.slice(5000), decided("restart", 5000))
    check(`\n\n${long.slice(0, 5000)}`, ` ${long}`, long.slice(5000), decided("restart", 5001))
  })

  it("what is not sure behind it is ambiguous, and stays", () => {
    check("Hello, wor", "\nHello, world", "\nHello, world", decided("ambiguous"))
    check("And then it", " then it was", " then it was", decided("ambiguous"))
    const other = `\n${text.slice(0, 30)}another turn, and so on`
    check(text.slice(0, 60), other, other, decided("ambiguous"))
  })

  it("words that just go on are exact, though a letter may match", () => {
    check("the brown fox jumps over", " ready dogs", " ready dogs", decided("exact"))
    check(text.slice(0, 49), ` ${text.slice(49)}`, ` ${text.slice(49)}`, decided("exact"))
    check(text, "\n\n", "\n\n", decided("exact"))
  })
})

describe("mode unproven", () => {
  const unproven = { mode: "unproven" } as const

  it("R22: a target that was given the text and repeats its end is no prefill: the repetition is dropped", () => {
    check(text.slice(0, 60), text.slice(9), text.slice(60), decided("overlap", 51), unproven)
    check(text.slice(0, 60), `\n${text.slice(9)}`, text.slice(60), decided("overlap", 52), unproven)
  })

  it("begins it anew: it is refused; just goes on: it is exact", () => {
    check(text.slice(0, 60), text, "", decided("restart", 60, true), unproven)
    check(text.slice(0, 60), text.slice(60), text.slice(60), decided("exact"), unproven)
    check("a cat", "the", "the", decided("exact"), unproven)
    check("And then it", "then it happened", "then it happened", decided("ambiguous"), unproven)
  })
})

describe("mode prefill", () => {
  const prefill = { mode: "prefill" } as const

  it("drops no overlap, however long", () =>
    check(text.slice(0, 60), text.slice(9), text.slice(9), decided("exact"), prefill))

  it("refuses a restart as soon as the text has come again, and shows nothing of it", () => {
    const committed = text.slice(0, 60)
    const stitcher = makeStitcher({ committed, ...prefill })
    assert.strictEqual(stitcher.push(text.slice(0, 59)), "")
    assert.isUndefined(stitcher.decision)
    assert.strictEqual(stitcher.push(text.slice(59)), "")
    assert.deepStrictEqual(stitcher.decision, decided("restart", 60, true))
    assert.strictEqual(stitcher.push(" more"), "")
    assert.strictEqual(stitcher.end(), "")
  })

  it("sees a restart of 8 code points, and not of 7", () => {
    check("Hello wo", "Hello world", "", decided("restart", 8, true), prefill)
    check("Hello w", "Hello world", "Hello world", decided("ambiguous"), prefill)
  })

  it("waits for the first 2000 code points of a long text only", () => {
    const long = Array.from({ length: 900 }, (_, i) => `${i}:${(i * 7919) % 1009}`).join(" ")
    const stitcher = makeStitcher({ committed: long, ...prefill })
    assert.strictEqual(stitcher.push(long.slice(0, 2000)), "")
    assert.deepStrictEqual(stitcher.decision, decided("restart", 2000, true))
  })

  it("does not take a periodic text for a restart", () =>
    check("ha ha ha ha ", "ha ha ha ha ha!", "ha ha ha ha ha!", decided("ambiguous"), prefill))

  it("shows what it held when it goes another way, or ends", () => {
    check("Hello wo", "Hello there", "Hello there", decided("exact"), prefill)
    check("Hello wo", "Hello", "Hello", decided("exact"), prefill)
  })
})

const word = fc
  .array(fc.constantFrom("a", "A", "b", " ", "é", "😀", "\n"), { maxLength: 12 })
  .map((parts) => parts.join(""))
const chunked = (whole: string, sizes: ReadonlyArray<number>): ReadonlyArray<string> => {
  const chunks: Array<string> = []
  for (let at = 0, i = 0; at < whole.length; i++) {
    const size = sizes[i % sizes.length] ?? whole.length
    chunks.push(whole.slice(at, at + size))
    at += size
  }
  return chunks
}
const sizes = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 6 })
const small = { minOverlap: 3, minRestart: 3, maxOverlap: 8 }

describe("for every text and every split into chunks", () => {
  it("shows all but what it dropped, and the split changes nothing", () => {
    fc.assert(
      fc.property(word, word, sizes, fc.constantFrom("prefill", "message"), (committed, next, cuts, mode) => {
        const options = { ...small, mode } as const
        const { shown, decision } = stitch(committed, [next], options)
        assert.deepStrictEqual(stitch(committed, chunked(next, cuts), options), { shown, decision })
        if (decision === undefined) return assert.fail("not decided at the end")
        if (decision.refused) return assert.strictEqual(shown, "")
        assert.strictEqual(Array.from(next).slice(decision.dropped).join(""), shown)
        if (decision.seam === "exact" || decision.seam === "ambiguous") assert.strictEqual(decision.dropped, 0)
        else assert.isAbove(decision.dropped, 0)
        // What is dropped is what the text ends with, or the whole of it but for white space and letter case.
        const repeated = next.slice(0, next.length - shown.length)
        const alike = (text: string) => text.replaceAll(/\s/gu, "").toLowerCase()
        if (decision.seam === "restart" && alike(repeated) === alike(committed)) return
        const begins = (whole: string) => [whole, whole.trimStart()]
        assert.isTrue(begins(repeated).some((part) => committed.endsWith(part)))
        if (decision.seam === "restart")
          assert.isTrue(begins(committed).some((text) => begins(repeated).includes(text)))
      }),
      { numRuns: shareOfRuns(5000) }
    )
  })

  it("finds the longest overlap", () => {
    fc.assert(
      fc.property(word, word, (committed, next) => {
        const points = Array.from(committed)
        const overlapsOf = (next: string) =>
          points.map((_, i) => points.slice(i).join("")).filter((suffix) => next.startsWith(suffix))
        const overlaps = overlapsOf(next)
        const behind = overlapsOf(next.trimStart()).map((suffix) => next.slice(0, -next.trimStart().length) + suffix)
        const { decision } = stitch(committed, [next], { minOverlap: 1, minRestart: 1000 })
        if (overlaps.length === 0 && behind.length === 0) assert.notStrictEqual(decision?.seam, "overlap")
        else if (overlaps.length > 0) assert.notStrictEqual(decision?.seam, "exact")
        if (decision?.seam === "overlap") {
          assert.include(
            [overlaps[0], behind[0]].map((overlap) => length(overlap ?? "")),
            decision.dropped
          )
        }
      }),
      { numRuns: shareOfRuns(5000) }
    )
  })

  it("gives the original, whenever it is sure of the seam", () => {
    const counts: Record<string, number> = {}
    const back = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 60 }))
    const alphabet = fc.constantFrom(..."abcdefghijklmnopqrstuvwxyz ".split(""))
    const whole = fc.array(alphabet, { minLength: 60, maxLength: 300 }).map((parts) => parts.join(""))
    fc.assert(
      fc.property(whole, fc.nat(), back, sizes, fc.boolean(), (original, cut, back, cuts, anew) => {
        const at = 1 + (cut % (original.length - 1))
        const from = anew ? 0 : Math.max(0, at - back)
        const committed = original.slice(0, at)
        const { shown, decision } = stitch(committed, chunked(original.slice(from), cuts))
        counts[decision!.seam] = (counts[decision!.seam] ?? 0) + 1
        if (decision!.seam === "ambiguous") assert.strictEqual(shown, original.slice(from))
        else assert.strictEqual(committed + shown, original)
      }),
      { numRuns: shareOfRuns(2000) }
    )
    for (const seam of ["exact", "overlap", "restart", "ambiguous"]) assert.isAbove(counts[seam] ?? 0, 20, seam)
  })
})

/** Texts that repeat themselves, as they are: what comes before, what comes again, how often, what comes then. */
const repeating: Readonly<Record<string, readonly [before: string, again: string, times: number, then: string]>> = {
  "rows of a table": [
    "Here it is.\n\n| year | a | b |\n|---|---|---|\n",
    "| 2024 | none | n/a |  -  |\n",
    4,
    "\nDone."
  ],
  "lines of code": ["```js\n", '  await page.click("#next")\n  await page.wait(1000)\n', 3, "```\n"],
  "calls in a test": ["A test:\n\n", 'it("adds", () => {\n    expect(f(1)).toBe(2)\n  })\n', 3, "end\n"],
  "a refrain": ["Verse one.\n\n", "Hallelujah, sing to the morning,\nHallelujah, sing to the sun.\n\n", 3, "The end."],
  "a list": ["Shopping:\n", "- one kilogram of red apples\n", 4, "That is it."],
  "a matrix": ["[\n", "  [0, 0, 0, 0, 0, 0, 0, 0],\n", 4, "]"],
  elements: ["<ul>\n", '  <li class="item">Item</li>\n', 4, "</ul>"],
  "a chant": ["Now: ", "We will, we will rock you! ", 4, "Sing it."],
  "words without spaces": ["歌：", "今天天气很好我们去公园玩吧大家都很开心今天天气", 4, "完。"]
}

/** Fewer code points than these of the second time, and nobody can tell that it is one. */
const leastAgain = 8

describe("a text that repeats itself loses nothing of it", () => {
  const modes = ["message", "unproven", "prefill"] as const
  describe.each(Object.entries(repeating))("%s", (_, [before, again, times, then]) => {
    const whole = before + again.repeat(times) + then
    const seen = before.length + again.length + leastAgain

    it.each(modes)("cut anywhere, and gone on with, in mode %s", (mode) => {
      for (let at = seen; at < whole.length; at++) {
        const { shown } = stitch(whole.slice(0, at), [whole.slice(at)], { mode })
        if (shown !== whole.slice(at)) assert.strictEqual(shown, whole.slice(at), `cut at ${at}`)
      }
    })

    it("cut anywhere, and gone on with from anywhere before: what is there is there once more, or once", () => {
      for (let at = seen; at < whole.length; at++) {
        for (let from = at - 1; from > Math.max(0, at - 2 * again.length); from -= 7) {
          const { decision, shown } = stitch(whole.slice(0, at), [whole.slice(from)])
          const expected = decision?.seam === "overlap" ? whole.slice(at) : whole.slice(from)
          if (shown !== expected) assert.strictEqual(shown, expected, `cut at ${at}, gone on with from ${from}`)
        }
      }
    })
  })

  it("though a line ends it, and the next one begins with the white space between them", () => {
    const line = 'it("adds", () => {\n  expect(f(1)).toBe(2)\n})'
    const two = `${line}\n${line}`
    for (const mode of modes) check(two, `\n${two}`, `\n${two}`, decided("ambiguous"), { mode })
    check(`So:\n${two}`, `\n${line}\n`, `\n${line}\n`, decided("ambiguous"))
  })

  it("but where too little of the second time is there: it may be the first one again", () => {
    const row = "| 2024 | none | none | n/a |\n"
    const text = `Here is the table: ${row}`
    check(text, `${row}${row}`, row, decided("overlap", row.length))
    check(`${text}| 2024 `, `| none | none | n/a |\n| 2024 | none |`, "| none |", decided("overlap", row.length))
    check(
      `${text}| 2024 |`,
      ` none | none | n/a |\n| 2024 | none |`,
      ` none | none | n/a |\n| 2024 | none |`,
      decided("ambiguous")
    )
  })

  it("nor is a repetition dropped that may be a shorter one", () => {
    const line = "        values.push(parse(next()))\n"
    const committed = `init()\n${line}        `
    const continued = `${line}        done()\n`
    check(committed, continued, continued, decided("ambiguous"))
  })
})

it("a text of megabytes is joined like a short one: it is read where that is needed alone", () => {
  let long = ""
  for (let i = 0; long.length < 6_000_000; i++) long += `word${i} `
  const end = long.slice(-500)
  for (let i = 0; i < 20; i++) {
    for (const mode of ["prefill", "unproven", "message"] as const) {
      const { decision, shown } = stitch(long, [`${end}and on`], { mode })
      assert.strictEqual(shown, mode === "prefill" ? `${end}and on` : "and on")
      assert.strictEqual(decision?.seam, mode === "prefill" ? "exact" : "overlap")
    }
  }
})

it("is linear, also where everything matches", () => {
  const committed = "ab".repeat(50_000) + "c"
  const { decision } = stitch(committed, chunked("ab".repeat(50_000) + "d", [3]), { maxOverlap: 100_000 })
  assert.strictEqual(decision?.seam, "ambiguous")
})

describe("R22: a text that comes again in other white space or letter case", () => {
  const partial = text.slice(0, 49)
  const rest = text.slice(49)
  const other = {
    "a small letter first": "it was a bright cold day in April, and the clocks",
    "another letter or two": "It was a bright cold day in april, And the clocks",
    "newlines for spaces": "It was a\nbright cold day\nin April,\n\nand the clocks",
    "two spaces for one": "It was  a bright cold  day in April, and the clocks",
    "both, behind a newline": "\n\n  it was a bright cold day in April,\tand the clocks"
  }
  it.each(Object.entries(other))("with %s is dropped", (_, again) => {
    check(partial, again + rest, rest, decided("restart", length(again)))
  })
  it("is refused where the target was given the text", () => {
    for (const mode of ["prefill", "unproven"] as const) {
      for (const again of Object.values(other)) {
        check(partial, again + rest, "", decided("restart", length(again), true), { mode })
      }
    }
  })
  it("is dropped with the white space that it ends in", () => {
    const again = "it was a bright cold day in April,\n"
    check(text.slice(0, 35), again + text.slice(35), text.slice(35), decided("restart", length(again)))
    check(text.slice(0, 35), again, "", decided("restart", length(again)))
  })
  it("in capitals may be meant: it is shown, and told as unsure", () => {
    check(partial, partial.toUpperCase() + rest, partial.toUpperCase() + rest, decided("ambiguous"))
    check(
      "abcdefghijklmnopqrstuvwxyz\n",
      "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
      "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
      decided("ambiguous")
    )
  })
  it("but for its beginning, or only at its beginning, is shown, and told as unsure", () => {
    for (const continued of [
      "A Bright cold day in April, and the clocks were striking",
      "a bright cold day in April,\nand the clocks were striking",
      "it was a bright cold day in May"
    ]) {
      check(partial, continued, continued, decided("ambiguous"))
    }
    const line = "return compute( first, second, third )"
    check("if ready:\n  return compute(first, second, third)", line, line, decided("ambiguous"))
  })
  it("behind a quotation mark, a bullet or the like may be a quotation: it is shown, and told as unsure", () => {
    for (const mark of ['"', "**", "- ", "> ", "\n\n# ", "…"]) {
      check(partial, mark + text, mark + text, decided("ambiguous"))
      check(partial, mark + text.slice(9), mark + text.slice(9), decided("ambiguous"))
      check(partial, mark + rest, mark + rest, decided("exact"))
    }
  })
  it("is none by a few letters", () => {
    check("The end of the first part. ", "the second part", "the second part", decided("exact"))
    check(partial, " IT IS", " IT IS", decided("exact"))
  })
})
