import { assert, describe, it } from "@effect/vitest"
import { bodyKind, type BodyKind } from "#src/relay/BodyKind"

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
