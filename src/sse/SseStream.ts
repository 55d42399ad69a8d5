/**
 * Server-sent events as streams, over the same parser and encoder. Whole arrays go through at once: a chunk costs one
 * pull, however many events are in it.
 */
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"
import { BadResponseBody } from "../errors/index.ts"
import { encodeEvent, type SseEventFields } from "./SseEncoder.ts"
import { makeSseParser, type SseEvent, type SseParserOptions } from "./SseParser.ts"

/** What `decode` reports beside the events, and its limit. */
export type DecodeOptions = Omit<SseParserOptions, "onEvent">

/**
 * The events of a stream of bytes. An event that the end of the bytes leaves unfinished is dropped, as the standard says,
 * unless it is whole by `isWholeAtEnd`: whether an answer is whole is for its own terminator to tell. Fails with
 * `BadResponseBody` when an event or a line is larger than `maxEventBytes` (1 MiB unless said otherwise); what came before
 * it is given first. A `maxEventBytes` that is no positive integer is a defect (`InvalidSseOption`).
 *
 * ```ts import.meta.vitest
 * import { Effect, Stream } from "effect"
 * import { SseStream } from "effect-resilience/sse"
 *
 * const bytes = Stream.make("data: a\n\nda", "ta: b\n\n").pipe(Stream.encodeText)
 * const events = bytes.pipe(SseStream.decode(), Stream.map((event) => event.data), Stream.runCollect)
 *
 * Effect.runSync(events) // => ["a", "b"]
 * ```
 */
export const decode =
  (options?: DecodeOptions) =>
  <E, R>(self: Stream.Stream<Uint8Array, E, R>): Stream.Stream<SseEvent, E | BadResponseBody, R> =>
    Stream.transformPull(self, (pull) =>
      Effect.sync(() => {
        let out: Array<SseEvent> = []
        let failed: BadResponseBody | undefined
        let over = false
        const parser = makeSseParser({
          ...options,
          onEvent: (event) => {
            out.push(event)
          }
        })
        type Step = Pull.Pull<Arr.NonEmptyReadonlyArray<SseEvent>, E | BadResponseBody, void, R>
        const end = Effect.suspend((): Step => (failed === undefined ? Cause.done() : Effect.fail(failed)))
        /** What has come, if anything has; else what is to be done then. */
        const give = (otherwise: Step): Step => {
          if (!Arr.isArrayNonEmpty(out)) return otherwise
          const events = out
          out = []
          return Effect.succeed(events)
        }
        const step: Step = Pull.matchEffect(pull, {
          onSuccess: (chunks) => {
            for (const chunk of chunks) {
              const overflow = parser.feed(chunk)
              if (overflow === undefined) continue
              failed = new BadResponseBody({ message: `an event is larger than ${overflow.maxEventBytes} bytes` })
              over = true
              break
            }
            return give(over ? end : step)
          },
          onDone: () => {
            over = true
            parser.end()
            return give(end)
          },
          onFailure: Effect.failCause
        })
        return Effect.suspend(() => (over ? end : step))
      })
    )

/**
 * A stream of events as bytes. An id or an event name with CR, LF or NUL is a defect (`InvalidSseField`).
 *
 * ```ts import.meta.vitest
 * import { Effect, Stream } from "effect"
 * import { SseStream } from "effect-resilience/sse"
 *
 * const text = Stream.make({ data: "a" }, { data: "b" }).pipe(SseStream.encode, Stream.decodeText, Stream.mkString)
 *
 * Effect.runSync(text) // => "data: a\n\ndata: b\n\n"
 * ```
 */
export const encode = <E, R>(self: Stream.Stream<SseEventFields, E, R>): Stream.Stream<Uint8Array, E, R> =>
  self.pipe(
    Stream.mapArray((events) => {
      let text = ""
      for (const event of events) text += encodeEvent(event)
      return [text] as const
    }),
    Stream.encodeText
  )
