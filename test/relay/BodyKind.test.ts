import { assert, describe, it } from "@effect/vitest"
import { bodyKind, type BodyKind, type LinesKind, linesKind } from "#src/relay/BodyKind"

describe("R8: what a body is, by its first bytes", () => {
  const rows: ReadonlyArray<readonly [body: string, unlabelled: BodyKind, labelled: BodyKind]> = [
    ['data: {"a":1}\n\n', "stream", "stream"],
    ["event: x\n", "stream", "stream"],
    ["id:1\n", "stream", "stream"],
    [": ping\n\n", "stream", "stream"],
    ["\ufeff\r\n\r\ndata:x", "stream", "stream"],
    ["vendor: x\n", "whole", "stream"],
    ['{"choices":[]}', "whole", "whole"],
    [' \n[{"error":1}]', "whole", "whole"],
    ['"data: x"', "whole", "whole"],
    ["<html>data: x", "whole", "whole"],
    ["upstream timeout", "whole", "whole"],
    ["", "unknown", "unknown"],
    [" \n ", "unknown", "unknown"],
    ["dat", "unknown", "unknown"],
    ["vend", "whole", "unknown"],
    ["x".repeat(100), "whole", "whole"]
  ]
  it.each(rows)("%j", (body, unlabelled, labelled) => {
    assert.strictEqual(bodyKind(body, false), unlabelled)
    assert.strictEqual(bodyKind(body, true), labelled)
  })

  it("what was decided by a beginning holds for all that begins so", () => {
    for (const [body] of rows) {
      for (const label of [false, true]) {
        for (let length = 0; length < body.length; length++) {
          const kind = bodyKind(body.slice(0, length), label)
          if (kind !== "unknown") assert.strictEqual(bodyKind(body, label), kind, `${body.slice(0, length)} of ${body}`)
        }
      }
    }
  })
})

describe("A2: what a body is that begins with an object on a line", () => {
  it.each<readonly [body: string, kind: LinesKind | undefined]>([
    ['{"a":1}\n{"b":2}\n', "lines"],
    ['{"a":1}\r\n\r\n[DONE]', "lines"],
    ['{"a":1}\n\ndata: [DONE]\n\n', "events"],
    ['{"a":1}\nevent: x\n', "events"],
    ['{"a":1}\n: ping\n', "events"],
    ['{"a":1}\n<html>', "neither"],
    ['{"a":\ndata: 1', "neither"],
    ["[1]\ndata: 1", "neither"],
    ['{"a":1}', undefined],
    ['{"a":1}\n\n', undefined]
  ])("%j", (body, kind) => {
    assert.strictEqual(linesKind(body), kind)
    // What is known of a beginning holds for all that begins so.
    for (let length = 0; length < body.length; length++) {
      assert.include([undefined, kind], linesKind(body.slice(0, length)), body.slice(0, length))
    }
  })
})
