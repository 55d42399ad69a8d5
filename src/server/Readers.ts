/**
 * The connections that read streams now: each is a cursor on the journal and a callback, with a heartbeat. There is no
 * queue between the journal and a connection: one that is full is left alone until it drains, and holds nothing but the
 * piece that its socket has. A client that takes nothing for too long is cut off, and can come back.
 */
import { Clock, Context, Effect, Layer } from "effect"
import type { Envelope, View } from "../dialect/index.ts"
import { Journal, type JournalFault, type Printable, type Reader, type ReaderSink } from "../journal/index.ts"
import { Slots, type Slotted } from "../memory/index.ts"
import { RelayEvents } from "../relay/index.ts"
import { encodeRetry } from "../sse/index.ts"
import type { Exchange } from "./Exchange.ts"
import { answerFailure } from "./Failures.ts"

/** What a reader is to do with the first frames of its stream, before it writes any. */
export type First =
  /** Write them, or what `show` makes of them: the head was sent. */
  | { readonly _tag: "Stream"; readonly show: ((frames: string) => string) | undefined }
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
  readonly onFirst: (note: Printable | undefined) => First
  /** Called after the terminal frame of a reader with a view, with what the view gives at its end. */
  readonly onEnd?: ((rest: string, note: Printable | undefined) => void) | undefined
}

/**
 * How much is written at once, in characters: a page. What is given to a socket stays until all of it was taken. The piece of
 * a longer text is given as bytes: as a string it would keep all of the text.
 */
const pieceLength = 65_536

/** The end of a piece of a text. A character of two halves is not torn. */
const pieceEnd = (text: string, at: number): number => {
  const end = at + pieceLength
  if (end >= text.length) return text.length
  const unit = text.charCodeAt(end - 1)
  return unit >= 0xd800 && unit <= 0xdbff ? end - 1 : end
}

/** What all connections of a server have. */
interface Shared {
  readonly journal: Journal["Service"]
  readonly tell: RelayEvents["Service"]["tell"]
  readonly now: () => number
  readonly reading: Slots<Following>
}

/** One connection that follows a stream. A class: closures for each of its parts would cost and keep more. */
class Following implements ReaderSink, Slotted {
  private readonly exchange: Exchange
  private readonly options: FollowOptions
  private readonly shared: Shared
  slot: number | undefined
  /** It exists only once `follow` of the journal has returned. */
  private reader: Reader | undefined
  private mode: First | undefined
  private closed = false
  private full = false
  /** The last event that was written whole, and whether a part of the next one was. */
  private last: number
  private torn = false
  private beat: ReturnType<typeof setInterval> | undefined

  constructor(exchange: Exchange, options: FollowOptions, shared: Shared) {
    this.exchange = exchange
    this.options = options
    this.shared = shared
    this.last = options.after
    shared.reading.add(this)
    if (options.eager) this.mode = this.begin()
    this.reader = shared.journal.follow(options.id, options.after, this)
    exchange.onDrain(() => this.drained())
    exchange.onClose(() => this.close())
  }

  get lettable(): boolean {
    return this.options.lettable
  }

  onFrames(frames: string, last: number, terminal: boolean): boolean | number {
    const mode = (this.mode ??= this.begin())
    switch (mode._tag) {
      case "Done":
        // The reader exists only once `follow` has returned, which it may do after its first frames.
        this.closeSoon()
        return false
      case "Stream":
        return mode.show === undefined ? this.pour(frames, last, terminal) : this.put(mode.show(frames), last, terminal)
      case "View":
        return this.put(mode.view.push(frames), last, terminal)
    }
  }

  onFault(fault: JournalFault): void {
    const { exchange, options, shared } = this
    // What was committed is not all that there is: nobody may take this for a whole answer.
    if (exchange.headSent()) exchange.destroy()
    else answerFailure(exchange, fault, options.envelope, shared.now())
    this.closeSoon()
  }

  /** Ends the connection at an event boundary, with the time to come back in. */
  letGo(retryMillis: number): void {
    // In the middle of an event there is nothing to be said any more.
    if (this.torn) this.exchange.destroy()
    else if (this.mode?._tag === "Stream") {
      this.exchange.write(encodeRetry(retryMillis))
      this.exchange.end()
    }
    this.close()
  }

  private close(): void {
    if (this.closed) return
    this.closed = true
    if (this.beat !== undefined) clearInterval(this.beat)
    const { options, reader, shared } = this
    shared.reading.delete(this)
    reader?.close()
    shared.tell({ _tag: "ReaderClosed", requestId: options.requestId, streamId: options.id })
  }

  private closeSoon(): void {
    queueMicrotask(() => this.close())
  }

  private begin(): First {
    const first = this.options.onFirst(this.reader?.note())
    if (first._tag === "Stream" && this.options.heartbeatMillis > 0) {
      this.beat = setInterval(() => this.heartbeat(), this.options.heartbeatMillis)
    }
    return first
  }

  private heartbeat(): void {
    // In the middle of an event is no place for it.
    if (this.full || this.torn || this.exchange.write(this.options.heartbeat)) return
    this.full = true
    this.exchange.cutIfStuck(this.options.graceMillis)
  }

  /** Writes as far as there is room. What is left is not kept: it is given again, in parts perhaps. */
  private pour(text: string, last: number, terminal: boolean): boolean | number {
    // Nearly all that comes is one piece.
    if (text.length <= pieceLength) return this.put(text, last, terminal)
    let at = 0
    do {
      const end = pieceEnd(text, at)
      this.full = !this.exchange.write(Buffer.from(text.slice(at, end)))
      at = end
    } while (at < text.length && !this.full)
    if (at === text.length) return this.wrote(last, terminal)
    this.torn = true
    this.exchange.cutIfStuck(this.options.graceMillis)
    return at
  }

  /** Writes all: what is made of whole events cannot be given again in parts. */
  private put(text: string, last: number, terminal: boolean): boolean {
    if (text !== "") this.full = !this.exchange.write(text)
    return this.wrote(last, terminal)
  }

  private wrote(last: number, terminal: boolean): boolean {
    this.torn = last === this.last && !terminal
    this.last = last
    if (this.full) this.exchange.cutIfStuck(this.options.graceMillis)
    if (terminal) this.finish()
    return !this.full
  }

  private finish(): void {
    const { exchange, mode, options, reader } = this
    if (mode?._tag === "Stream") exchange.end()
    else if (mode?._tag === "View") options.onEnd?.(mode.view.end(), reader?.note())
    exchange.cutIfStuck(options.graceMillis)
    this.closeSoon()
  }

  private drained(): void {
    this.full = false
    if (!this.closed) this.reader?.resume()
  }
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
      const clock = yield* Clock.Clock
      const shared: Shared = {
        journal: yield* Journal,
        tell: (yield* RelayEvents).tell,
        now: () => clock.currentTimeMillisUnsafe(),
        reading: new Slots()
      }
      return Readers.of({
        follow: (exchange, options) => void new Following(exchange, options, shared),
        letGo: (retryMillis) => {
          for (const reader of shared.reading.all()) if (reader.lettable) reader.letGo(retryMillis())
        }
      })
    })
  )
}
