import type { Stream } from "effect"
import type { BadResponse, BadResponseBody, DoRequestFailed, StreamTruncated } from "effect-resilience/errors"
import { type SseEvent, SseStream } from "effect-resilience/sse"
import { type AnswerInterrupted, PartialContent, StreamClocks } from "effect-resilience/stream"
import { describe, expect, test } from "tstyche"

interface Piece {
  readonly text: string
}
declare const answer: Stream.Stream<Piece, StreamTruncated, "Network">
declare const rest: Stream.Stream<string, DoRequestFailed, "Backup">
declare const bytes: Stream.Stream<Uint8Array, "cut">

describe("StreamClocks.watch", () => {
  test("adds the errors of its clocks, and keeps the element", () => {
    expect(answer.pipe(StreamClocks.watch({ idle: "1 second" }))).type.toBe<
      Stream.Stream<Piece, StreamTruncated | StreamClocks.ClockError, "Network">
    >()
    expect(StreamClocks.watch(answer, { isContent: (piece) => piece.text !== "" })).type.toBe<
      Stream.Stream<Piece, StreamTruncated | StreamClocks.ClockError, "Network">
    >()
  })

  test("takes no predicate on another element", () => {
    expect(answer.pipe).type.not.toBeCallableWith(StreamClocks.watch({ isContent: (n: number) => n > 0 }))
  })
})

describe("PartialContent", () => {
  test("keep puts one error in place of the leaves, which are its reasons", () => {
    expect(answer.pipe(PartialContent.keep({ text: (piece: Piece) => piece.text }))).type.toBe<
      Stream.Stream<Piece, PartialContent.Interrupted<StreamTruncated>, "Network">
    >()
    expect<PartialContent.Interrupted<StreamTruncated>["reason"]>().type.toBeAssignableTo<StreamTruncated>()
    expect<PartialContent.Interrupted<StreamTruncated>>().type.toBeAssignableTo<AnswerInterrupted>()
  })

  test("recover needs what its continuation needs, and gives either's elements", () => {
    expect(
      PartialContent.recover(answer, {
        text: (piece) => (typeof piece === "string" ? piece : piece.text),
        continueWith: () => rest
      })
    ).type.toBe<Stream.Stream<Piece | string, PartialContent.Interrupted<StreamTruncated>, "Network" | "Backup">>()
  })

  test("takes no stream whose errors are not of the union", () => {
    expect(PartialContent.keep).type.not.toBeCallableWith({} as Stream.Stream<string, "theirs">, {
      text: (text: string) => text
    })
  })

  test("stitch adds the refusal", () => {
    expect(rest.pipe(PartialContent.stitch({ committed: "", mode: "prefill" }))).type.toBe<
      Stream.Stream<string, DoRequestFailed | BadResponse, "Backup">
    >()
  })
})

test("SseStream.decode gives events, and can overflow", () => {
  expect(bytes.pipe(SseStream.decode())).type.toBe<Stream.Stream<SseEvent, "cut" | BadResponseBody>>()
})
