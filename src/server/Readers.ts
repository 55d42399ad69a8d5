/**
 * The connections that read streams now: each is a cursor on the journal and a callback, with a heartbeat. There is no
 * queue between the journal and a connection: one that is full is left alone until it drains, and holds what is left of the
 * one page that it was given. A client that takes nothing for too long is cut off, and can come back.
 */
import { Clock, Context, Effect, Layer } from "effect"
import type { Envelope, View } from "../dialect/index.ts"
import { Journal, makeFairTurns, type Reader, type ReaderSink } from "../journal/index.ts"
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
  /** How long its client may take nothing of what there is, in milliseconds. */
  readonly graceMillis: number
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

/**
 * How much of a page is written at once, in characters. What is given to a socket is copied, and stays until all of it was
 * taken: a page at once is twice in memory for each reader that is slow.
 */
const pieceLength = 65_536

/** The end of a piece of a text. A character of two halves is not torn. */
const pieceEnd = (text: string, at: number): number => {
  const end = at + pieceLength
  if (end >= text.length) return text.length
  const unit = text.charCodeAt(end - 1)
  return unit >= 0xd800 && unit <= 0xdbff ? end - 1 : end
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
      const inTurn = makeFairTurns((run) => void setImmediate(run))

      const follow = (exchange: Exchange, options: FollowOptions): void => {
        let mode: First | undefined
        let closed = false
        let full = false
        /** What is left to be written of a page, and whether nothing comes behind it. */
        let rest = ""
        let ending = false
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
              // In the middle of an event is no place for it.
              if (full || rest !== "" || exchange.write(options.heartbeat)) return
              full = true
              exchange.cutIfStuck(options.graceMillis)
            }, options.heartbeatMillis)
          }
          return first
        }
        /** Writes what is left as far as there is room; `true` when it is all written, and there is room for more. */
        const pour = (): boolean => {
          // Nearly all that comes is one piece.
          for (let at = 0; rest !== ""; ) {
            const end = pieceEnd(rest, at)
            full = !exchange.write(at === 0 && end === rest.length ? rest : rest.slice(at, end))
            at = end
            if (at === rest.length) rest = ""
            else if (full) rest = rest.slice(at)
            if (full) break
          }
          if (full) exchange.cutIfStuck(options.graceMillis)
          if (rest !== "") return false
          if (ending) finish()
          return !full
        }
        const finish = (): void => {
          const now = mode
          if (now?._tag === "Stream") exchange.end()
          else if (now?._tag === "View") options.onEnd?.(now.view.end(), reader?.note())
          exchange.cutIfStuck(options.graceMillis)
          queueMicrotask(close)
        }

        const sink: ReaderSink = {
          onFrames: (frames, _last, terminal) => {
            const now = (mode ??= begin())
            switch (now._tag) {
              case "Done":
                // The reader exists only once `follow` has returned, which it may do after its first frames.
                queueMicrotask(close)
                return false
              case "Stream":
                rest = frames
                break
              case "View":
                rest = now.view.push(frames)
            }
            ending = terminal
            return pour()
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
            // In the middle of an event there is nothing to be said any more.
            if (rest !== "") exchange.destroy()
            else if (mode?._tag === "Stream") {
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
          if (rest === "") return void (!closed && reader?.resume())
          // A fast reader takes all of a long event in one go: others come between its pieces.
          inTurn(() => {
            if (!closed && !full && pour()) reader?.resume()
          })
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
