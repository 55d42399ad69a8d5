import { type AnswerRequest, type Delta, Dialects, nothing, type UpstreamDialect } from "effect-resilience/dialect"
import { describe, expect, test } from "tstyche"

declare const mine: UpstreamDialect
declare const request: AnswerRequest

describe("dialects of a program's own", () => {
  test("have names of their own", () => {
    expect(Dialects.layer).type.toBeCallableWith({ mine })
    expect(Dialects.layer).type.not.toBeCallableWith({ openai: mine })
    expect(Dialects.layer).type.not.toBeCallableWith({ mine, gemini: mine })
  })

  test("say all that they say in fields that every client can be told", () => {
    expect({ ...nothing, text: "a" }).type.toBeAssignableTo<Delta>()
    expect({ ...nothing, from: "mine" as const }).type.not.toBeAssignableTo<Delta>()
    expect({ ...nothing, raw: {} }).type.not.toBeAssignableTo<Delta>()
  })

  test("sign by their own name", () => {
    const piece = { _tag: "Signature", by: "mine", value: "s", of: "reasoning" } as const
    expect({ ...nothing, pieces: [piece] }).type.toBeAssignableTo<Delta>()
  })

  test("are asked what any client asks", () => {
    expect(mine.unsaid(request, "m")).type.toBe<ReadonlyArray<string>>()
  })
})
