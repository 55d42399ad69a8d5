import { assert, describe, it } from "@effect/vitest"
import type { Finish } from "#src/dialect/index"
import { endsEmpty, mayBeEmpty, type Trust, trustOf } from "#src/relay/Ending"

const finish = (reason: Finish["reason"]): Finish => ({ reason, native: reason, from: undefined })
const stop = finish("stop")

describe("what a finish is worth", () => {
  it.each<readonly [string, Finish, boolean, boolean, Trust]>([
    ["alone it is known", stop, false, false, "known"],
    ["beside content it wants a clean end", stop, true, false, "end"],
    ["one that nobody knows wants the terminator", finish("unknown"), false, false, "terminator"],
    ["also beside content", finish("unknown"), true, false, "terminator"],
    ["but once the end is known it changes nothing", finish("unknown"), false, true, "known"]
  ])("%s", (_, said, besideContent, over, expected) => {
    assert.strictEqual(trustOf(said, { besideContent, over }), expected)
  })
})

describe("a continuation that says nothing new", () => {
  const own = { from: "a", to: "a", mode: "prefill" } as const
  it.each([
    ["ends what its own target had closed", own, stop, "It is over.", true],
    ["also behind quotes and brackets", own, stop, "It is \u201cover.\u201d)", true],
    ["does not end a sentence", own, stop, "It is", false],
    ["nor an open fence", own, stop, "```ts\nlet a = 1.", false],
    ["nor what another one wrote", { ...own, to: "b" }, stop, "It is over.", false],
    ["nor by message", { ...own, mode: "message" as const }, stop, "It is over.", false],
    ["nor with another finish", own, finish("length"), "It is over.", false],
    [
      "begun anew it ends only what is filtered",
      { ...own, mode: "restart" as const },
      finish("content-filter"),
      "",
      true
    ],
    ["begun anew it proves nothing else", { ...own, mode: "restart" as const }, stop, "It is over.", false]
  ])("%s", (_, join, said, text, expected) => {
    assert.strictEqual(mayBeEmpty(join, said, text), expected)
  })

  it("ends an empty answer by a filter or a limit alone", () => {
    assert.deepStrictEqual(
      (["stop", "length", "tool-calls", "content-filter", "error", "unknown"] as const).filter((reason) =>
        endsEmpty(finish(reason))
      ),
      ["length", "content-filter"]
    )
  })
})
