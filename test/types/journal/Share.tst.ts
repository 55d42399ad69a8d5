import { describe, expect, test } from "tstyche"
import type { JournalStore, StreamId } from "#src/journal/index"
import type { PartWriters } from "#src/journal/Share"

interface Stream {
  readonly length: number
}

describe("what a store must answer", () => {
  test("every part of a share: a store that forgets one does not compile", () => {
    expect<PartWriters<Stream>>().type.toBeAssignableTo<{
      readonly begins: unknown
      readonly frames: unknown
      readonly note: unknown
      readonly end: unknown
    }>()
    expect<Omit<PartWriters<Stream>, "note">>().type.not.toBeAssignableTo<PartWriters<Stream>>()
    expect<Omit<PartWriters<Stream>, "begins">>().type.not.toBeAssignableTo<PartWriters<Stream>>()
  })

  test("every operation", () => {
    expect<Omit<JournalStore["Service"], "claim">>().type.not.toBeAssignableTo<JournalStore["Service"]>()
    expect<Omit<JournalStore["Service"], "watch">>().type.not.toBeAssignableTo<JournalStore["Service"]>()
  })

  test("a text is no id of a stream until it has been looked at", () => {
    expect<string>().type.not.toBeAssignableTo<StreamId>()
    expect<StreamId>().type.toBeAssignableTo<string>()
  })
})
