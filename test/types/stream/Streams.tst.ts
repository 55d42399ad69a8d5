import type { Stream } from "effect"
import type { HttpClientError } from "effect/http"
import type {
  BadResponse,
  BadResponseBody,
  DoRequestFailed,
  ResilienceError,
  StreamTruncated
} from "effect-resilience/errors"
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
    ).type.toBe<
      Stream.Stream<Piece | string, PartialContent.Interrupted<StreamTruncated, DoRequestFailed>, "Network" | "Backup">
    >()
  })

  test("P15: what is written in place knows the elements of the pipe", () => {
    const events = {} as Stream.Stream<SseEvent, "cut">
    expect(events.pipe(PartialContent.keep({ text: (event) => event.data }))).type.toBe<
      Stream.Stream<SseEvent, AnswerInterrupted<"cut", never>>
    >()
    expect(
      events.pipe(PartialContent.keep({ text: (event) => event.data, terminator: (event) => event.data === "[DONE]" }))
    ).type.toBe<Stream.Stream<SseEvent, AnswerInterrupted<"cut" | StreamTruncated, never>>>()
    expect(
      events.pipe(PartialContent.recover({ text: (event) => event.data, continueWith: () => undefined }))
    ).type.toBe<Stream.Stream<SseEvent, AnswerInterrupted<"cut", never>>>()
    // Made apart from a pipe, it says what it takes, and takes what is that and more.
    const kept = PartialContent.keep({ text: (event: { readonly data: string }) => event.data })
    expect(events.pipe(kept)).type.toBe<Stream.Stream<SseEvent, AnswerInterrupted<"cut", never>>>()
    expect(answer.pipe).type.not.toBeCallableWith(PartialContent.keep({ text: (event: SseEvent) => event.data }))
  })

  test("P17: takes streams of any errors", () => {
    const theirs = {} as Stream.Stream<string, HttpClientError.HttpClientError>
    const text = (piece: string) => piece
    expect(theirs.pipe(PartialContent.keep({ text }))).type.toBe<
      Stream.Stream<string, AnswerInterrupted<HttpClientError.HttpClientError, never>>
    >()
    expect(PartialContent.keep({} as Stream.Stream<string, "theirs">, { text })).type.toBe<
      Stream.Stream<string, AnswerInterrupted<"theirs", never>>
    >()
    expect(
      theirs.pipe(
        PartialContent.recover({
          text,
          continueWith: ({ reason }) => {
            expect(reason).type.toBe<HttpClientError.HttpClientError | ResilienceError>()
            return rest
          }
        })
      )
    ).type.toBe<Stream.Stream<string, AnswerInterrupted<HttpClientError.HttpClientError, DoRequestFailed>, "Backup">>()
  })

  test("P17: a terminator adds the failure of an answer that ends without it", () => {
    const events = {} as Stream.Stream<SseEvent, "cut">
    const text = (event: SseEvent) => event.data
    expect(events.pipe(PartialContent.keep({ text, terminator: { data: "[DONE]" } }))).type.toBe<
      Stream.Stream<SseEvent, AnswerInterrupted<"cut" | StreamTruncated, never>>
    >()
    expect(PartialContent.keep(events, { text, terminator: { event: "message_stop" } })).type.toBe<
      Stream.Stream<SseEvent, AnswerInterrupted<"cut" | StreamTruncated, never>>
    >()
    expect(
      PartialContent.recover(events, { text, terminator: (event) => event.data === "", continueWith: () => undefined })
    ).type.toBe<Stream.Stream<SseEvent, AnswerInterrupted<"cut" | StreamTruncated, StreamTruncated>>>()
    expect(PartialContent.keep).type.not.toBeCallableWith(events, { text, terminator: "[DONE]" })
    expect(PartialContent.keep).type.not.toBeCallableWith(events, { text, terminator: { data: "a", event: "b" } })
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
