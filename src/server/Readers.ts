/**
 * The connections that read streams now: each is a cursor on the journal and a callback, with a heartbeat. There is no
 * queue between the journal and a connection; one that is full is left alone until it drains.
 */
import { Clock, Context, Effect, Layer } from "effect"
import type { Envelope, View } from "../dialect/index.ts"
import { Journal, type Reader, type ReaderSink } from "../journal/index.ts"
import { RelayEvents } from "../relay/index.ts"
import { encodeRetry } from "../sse/index.ts"
import type { Exchange } from "./Exchange.ts"
import { answerFailure } from "./Failures.ts"

/** What a reader is to do with the first frames of its stream, before it writes any. */
export type First =
  /** Write them: the head was sent. */
  | { readonly _tag: "Stream" }
  /** Put them into a view, and write what it gives: its head was sent, or is sent by `end`. */
  | { readonly _tag: "View"; readonly view: ReturnType<View["make"]> }
  /** The exchange has been answered. */
  | { readonly _tag: "Done" }

/** How a connection follows a stream. */
export interface FollowOptions {
  readonly id: string
  /** Frames with a greater seq are written. */
  readonly after: number
  /** The request that reads, for the log. */
  readonly requestId: string
  /** Written while there is nothing to read. */
  readonly heartbeat: string
  /** 0: none. */
  readonly heartbeatMillis: number
  /** It may be let go between two events, to come back. */
  readonly lettable: boolean
  /** Answer at once, before there is a frame. */
  readonly eager: boolean
  readonly envelope: Envelope
  /** Called once, with the first committed frames or before; `note` is the stream's newest one. */
  readonly onFirst: (note: string | undefined) => First
  /** Called after the terminal frame of a reader with a view, with what the view gives at its end. */
  readonly onEnd?: ((rest: string, note: string | undefined) => void) | undefined
}

interface StreamReader {
  readonly lettable: boolean
  readonly letGo: (retryMillis: number) => void
}

/** Puts connections on streams. */
export class Readers extends Context.Service<
  Readers,
  {
    /** Follows a stream on a connection until one of them ends. */
    readonly follow: (exchange: Exchange, options: FollowOptions) => void
    /** Ends the connections that may come back at an event boundary, each with the time to come back in. */
    readonly letGo: (retryMillis: () => number) => void
  }
>()("effect-resilience/server/Readers") {
  /** The readers of a server. */
  static readonly layer: Layer.Layer<Readers, never, Journal | RelayEvents> = Layer.effect(
    Readers,
    Effect.gen(function* () {
      const journal = yield* Journal
      const { tell } = yield* RelayEvents
      const clock = yield* Clock.Clock
      const readers = new Set<StreamReader>()

      const follow = (exchange: Exchange, options: FollowOptions): void => {
        let mode: First | undefined
        let closed = false
        let full = false
        let beat: ReturnType<typeof setInterval> | undefined

        const close = (): void => {
          if (closed) return
          closed = true
          if (beat !== undefined) clearInterval(beat)
          readers.delete(handle)
          reader?.close()
          tell({ _tag: "ReaderClosed", requestId: options.requestId, streamId: options.id })
        }
        const begin = (): First => {
          const first = options.onFirst(reader?.note())
          if (first._tag === "Stream" && options.heartbeatMillis > 0) {
            beat = setInterval(() => {
              if (!full) full = !exchange.write(options.heartbeat)
            }, options.heartbeatMillis)
          }
          return first
        }
        const write = (text: string): boolean => text === "" || exchange.write(text)

        const sink: ReaderSink = {
          onFrames: (frames, _last, terminal) => {
            const now = (mode ??= begin())
            switch (now._tag) {
              case "Done":
                // The reader exists only once `follow` has returned, which it may do after its first frames.
                queueMicrotask(close)
                return false
              case "Stream":
                full = !write(frames)
                if (terminal) exchange.end()
                break
              case "View":
                full = !write(now.view.push(frames))
                if (terminal) options.onEnd?.(now.view.end(), reader?.note())
            }
            if (terminal) queueMicrotask(close)
            return !full
          },
          onFault: (fault) => {
            // What was committed is not all that there is: nobody may take this for a whole answer.
            if (exchange.headSent()) exchange.destroy()
            else answerFailure(exchange, fault, options.envelope, clock.currentTimeMillisUnsafe())
            queueMicrotask(close)
          }
        }
        const handle: StreamReader = {
          lettable: options.lettable,
          letGo: (retryMillis) => {
            if (mode?._tag === "Stream") {
              exchange.write(encodeRetry(retryMillis))
              exchange.end()
            }
            close()
          }
        }
        let reader: Reader | undefined
        readers.add(handle)
        if (options.eager) mode = begin()
        reader = journal.follow(options.id, options.after, sink)
        exchange.onDrain(() => {
          full = false
          reader?.resume()
        })
        exchange.onClose(close)
      }

      return Readers.of({
        follow,
        letGo: (retryMillis) => {
          for (const reader of readers) if (reader.lettable) reader.letGo(retryMillis())
        }
      })
    })
  )
}
