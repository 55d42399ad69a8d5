/**
 * The connections that read streams now: each is a cursor on the journal and a callback, with a heartbeat. There is no
 * queue between the journal and a connection; one that is full is left alone until it drains.
 */
import type { ReaderSink } from "../journal/index.ts"
import type { Journal } from "../journal/index.ts"
import { encodeComment, encodeRetry } from "../sse/index.ts"
import type { Exchange } from "./Exchange.ts"
import { answerFailure } from "./Failures.ts"

// One line, without a blank one behind it: a blank line is an event to half of the clients there are.
const ping = encodeComment("ping")

/** What kind of route a connection came by. On our own it may be ended at any event; in a dialect it may not. */
export type ReaderKind = "own" | "dialect"

/** One connection that reads a stream. */
export interface StreamReader {
  readonly kind: ReaderKind
  /** Ends the connection at an event boundary, with the time to come back in. */
  readonly letGo: (retryMillis: number) => void
}

/** What a reader does with the first frames of its stream, before it writes any. */
export interface FollowOptions {
  readonly kind: ReaderKind
  readonly id: string
  readonly after: number
  /** 0: none. */
  readonly heartbeatMillis: number
  /** Answer at once, before there is a frame. */
  readonly eager: boolean
  /**
   * Called with the first committed frames. `stream`: write them, the head was sent. `hold`: write nothing until the
   * terminal event, then `onTerminal` answers. `done`: the exchange has been answered.
   */
  readonly onFirst: () => "stream" | "hold" | "done"
  /** Called after the terminal frame of a reader that holds. */
  readonly onTerminal?: (() => void) | undefined
  readonly onClosed: () => void
  readonly now: () => number
}

/** Follows a stream on a connection until one of them ends. */
export const followOn = (
  journal: Journal["Service"],
  exchange: Exchange,
  readers: Set<StreamReader>,
  options: FollowOptions
): void => {
  let mode: "waiting" | "stream" | "hold" | "done" = "waiting"
  let closed = false
  let full = false
  let beat: ReturnType<typeof setInterval> | undefined

  const close = (): void => {
    if (closed) return
    closed = true
    if (beat !== undefined) clearInterval(beat)
    readers.delete(handle)
    reader.close()
    options.onClosed()
  }
  const begin = (): void => {
    mode = options.onFirst()
    if (mode === "stream" && options.heartbeatMillis > 0) {
      beat = setInterval(() => {
        if (!full) full = !exchange.write(ping)
      }, options.heartbeatMillis)
    }
  }
  const sink: ReaderSink = {
    onFrames: (frames, _last, terminal) => {
      if (mode === "waiting") begin()
      if (mode === "done") {
        // The reader exists only once `follow` has returned, which it may do after its first frames.
        queueMicrotask(close)
        return false
      }
      full = mode === "stream" && !exchange.write(frames)
      if (terminal) {
        if (mode === "stream") exchange.end()
        else options.onTerminal?.()
        queueMicrotask(close)
      }
      return !full
    },
    onFault: (fault) => {
      // What was committed is not all that there is: nobody may take this for a whole answer.
      if (exchange.headSent()) exchange.destroy()
      else answerFailure(exchange, fault, options.now())
      queueMicrotask(close)
    }
  }
  const handle: StreamReader = {
    kind: options.kind,
    letGo: (retryMillis) => {
      if (mode === "stream") exchange.write(encodeRetry(retryMillis))
      if (mode === "stream") exchange.end()
      close()
    }
  }
  readers.add(handle)
  if (options.eager) begin()
  const reader = journal.follow(options.id, options.after, sink)
  exchange.onDrain(() => {
    full = false
    reader.resume()
  })
  exchange.onClose(close)
}
