/**
 * Server-sent events from bytes, as the WHATWG standard says (HTML, 9.2.6 "Interpreting an event stream"), for any
 * split into chunks. Plain synchronous code without Effect: it runs in the callback that a chunk arrives in, in Node and
 * in a browser. `SseStream` is the same for a `Stream`.
 */

/** One dispatched event. */
export interface SseEvent {
  /** The event's type: `"message"` when the stream names none. */
  readonly event: string
  readonly data: string
  /** The last event id when the event was dispatched: the event's own, or the one in force before it; else `""`. */
  readonly id: string
}

/** A line, or an event that has not ended yet, is larger than the parser may hold. */
export interface SseOverflow {
  readonly _tag: "SseOverflow"
  readonly maxEventBytes: number
}

/** What a parser reports, and how much it may hold. The callbacks must not throw, nor call the parser. */
export interface SseParserOptions {
  /** `hasId`: whether the event's block has an id of its own; else `event.id` is the one in force before it. */
  readonly onEvent: (event: SseEvent, hasId: boolean) => void
  /** A comment line, without its colon and one space after it. Heartbeats are comments. */
  readonly onComment?: ((text: string) => void) | undefined
  /** A valid `retry:` field, in milliseconds. */
  readonly onRetry?: ((millis: number) => void) | undefined
  /**
   * Whether an event that the end of the stream cuts off, with no blank line behind it, is whole all the same. Default:
   * none is, as the standard says; a server that ends so is read in full by lenient clients only. A line that was itself
   * cut is part of what is asked about.
   */
  readonly isWholeAtEnd?: ((event: SseEvent) => boolean) | undefined
  /**
   * A line that the standard ignores, without its end: it is neither a comment nor a field that there is. With
   * `isWholeAtEnd` also what the end of the stream cuts off, but for `data`.
   */
  readonly onIgnored?: ((line: string) => void) | undefined
  /** The most bytes of UTF-8 in one event, field names included, or in one line: 1 or more. Default 1,048,576. */
  readonly maxEventBytes?: number | undefined
}

/** A parser was made with a limit that is none. That is a programming error, so it is thrown when the parser is made. */
export class InvalidSseOption extends Error {
  readonly _tag = "InvalidSseOption"
  override readonly name = "InvalidSseOption"
  readonly option: "maxEventBytes"
  constructor(option: "maxEventBytes", message: string) {
    super(message)
    this.option = option
  }
}

const checkLimit = (maxEventBytes: number): void => {
  if (Number.isSafeInteger(maxEventBytes) && maxEventBytes > 0) return
  throw new InvalidSseOption("maxEventBytes", `"maxEventBytes" must be a positive integer, got ${maxEventBytes}`)
}

/** A parser of one client's streams, one after the other. */
export interface SseParser {
  /**
   * Takes the next bytes (or text), and calls back for whatever they complete. Gives the overflow if there was one:
   * what came before it has been reported, and from then on everything is ignored until `reset`.
   */
  readonly feed: (chunk: Uint8Array | string) => SseOverflow | undefined
  /**
   * The stream is over: an event that no blank line ended is dropped, and so is its id, but for `isWholeAtEnd`. The parser is ready for the next
   * stream; the last event id and the reconnection time stay.
   */
  readonly end: () => void
  /** Forgets everything, the last event id and the reconnection time too. */
  readonly reset: () => void
  /** The committed last event id: what a reconnection sends as `Last-Event-ID`. Empty when there is none. */
  readonly lastEventId: string
  /** The reconnection time that the stream asked for, in milliseconds, at most 2^31-1. */
  readonly retryMillis: number | undefined
}

const LF = 10
const COLON = 58
const SPACE = 32
const BOM = 0xfeff
const maxTimer = 2_147_483_647

// The buffers hold the part before a truncated character, so that a decoder in streaming mode, which costs half as much
// again for each chunk, is not needed. `ignoreBOM` keeps the mark: Node's decoder may drop a second one.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true })

/**
 * How many bytes of a chunk are whole characters: all but a truncated character at its end. Only a lead byte is looked
 * for, since a lead byte always begins a new character whatever came before it; so what is decoded apart is the same as
 * what is decoded together, malformed input included.
 */
const wholeCharacters = (bytes: Uint8Array): number => {
  const length = bytes.length
  for (let back = 1; back <= 3 && back <= length; back++) {
    const byte = bytes[length - back]!
    if (byte < 0x80) return length
    if (byte >= 0xc0) return (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) > back ? length - back : length
  }
  return length
}

/** The length in UTF-8 of a part of a text. The two halves of a surrogate pair count two bytes each. */
const utf8Length = (text: string, start: number, end: number): number => {
  let bytes = end - start
  for (let i = start; i < end; i++) {
    const unit = text.charCodeAt(i)
    if (unit >= 0x80) bytes += unit < 0x800 || (unit >= 0xd800 && unit <= 0xdfff) ? 1 : 2
  }
  return bytes
}

/**
 * The usual field that begins at an index, colon included. By character codes, which costs half of `startsWith`.
 */
const fieldAt = (text: string, at: number): "data" | "event" | "id" | undefined => {
  switch (text.charCodeAt(at)) {
    case 100: // d
      return text.charCodeAt(at + 1) === 97 &&
        text.charCodeAt(at + 2) === 116 &&
        text.charCodeAt(at + 3) === 97 &&
        text.charCodeAt(at + 4) === COLON
        ? "data"
        : undefined
    case 101: // e
      return text.charCodeAt(at + 1) === 118 &&
        text.charCodeAt(at + 2) === 101 &&
        text.charCodeAt(at + 3) === 110 &&
        text.charCodeAt(at + 4) === 116 &&
        text.charCodeAt(at + 5) === COLON
        ? "event"
        : undefined
    case 105: // i
      return text.charCodeAt(at + 1) === 100 && text.charCodeAt(at + 2) === COLON ? "id" : undefined
  }
  return undefined
}

/** A value from behind its colon, without one space before it. No line has a space where it ends. */
const valueAt = (text: string, from: number, end?: number): string =>
  text.slice(text.charCodeAt(from) === SPACE ? from + 1 : from, end)

/**
 * A class, and no closures over variables: objects with getters of their own get a hidden class each, which lives as long
 * as the old generation is not collected, and with it all that the closures see.
 */
class Parser implements SseParser {
  lastEventId = ""
  retryMillis: number | undefined
  readonly #onEvent: SseParserOptions["onEvent"]
  readonly #options: SseParserOptions
  readonly #maxEventBytes: number
  #truncated: Uint8Array | undefined
  #atStart = true
  #skipLf = false
  #pending = ""
  #pendingBytes = 0
  #data: string | undefined
  #type = ""
  #idBuffer = ""
  /** Whether the block under way has an id. */
  #hasId = false
  /** The bytes of the field lines that the block under way has so far. */
  #held = 0
  #overflow: SseOverflow | undefined

  constructor(options: SseParserOptions) {
    this.#onEvent = options.onEvent
    this.#options = options
    this.#maxEventBytes = options.maxEventBytes ?? 1_048_576
  }

  feed(chunk: Uint8Array | string): SseOverflow | undefined {
    if (this.#overflow !== undefined) return this.#overflow
    if (typeof chunk === "string") this.#feedText(chunk)
    else this.#feedBytes(chunk)
    // What an overflowing block holds is let go at once.
    if (this.#overflow !== undefined) {
      this.#pending = ""
      this.#data = undefined
    }
    return this.#overflow
  }

  end(): void {
    const { isWholeAtEnd } = this.#options
    if (isWholeAtEnd !== undefined && this.#overflow === undefined) {
      // Of any other line that was cut nothing is believed.
      if (this.#truncated === undefined && fieldAt(this.#pending, 0) === "data")
        this.#line(this.#pending, 0, this.#pending.length)
      else this.#options.onIgnored?.(this.#pending)
      const data = this.#data
      const type = this.#type
      if (data !== undefined && isWholeAtEnd({ event: type === "" ? "message" : type, data, id: this.#idBuffer }))
        this.#dispatch(data)
    }
    this.#forget()
  }

  reset(): void {
    this.lastEventId = ""
    this.retryMillis = undefined
    this.#forget()
  }

  /** Ends the block under way, whose data this is. */
  #dispatch(data: string | undefined): void {
    this.lastEventId = this.#idBuffer
    const name = this.#type
    const hasId = this.#hasId
    this.#data = undefined
    this.#type = ""
    this.#hasId = false
    this.#held = 0
    if (data !== undefined) this.#onEvent({ event: name === "" ? "message" : name, data, id: this.lastEventId }, hasId)
  }

  #overflows(): false {
    this.#overflow = { _tag: "SseOverflow", maxEventBytes: this.#maxEventBytes }
    return false
  }

  /** Keeps a line that has not ended for the next chunk. */
  #keep(pending: string, bytes: number): void {
    this.#pending = pending
    this.#pendingBytes = bytes
    if (this.#held + bytes > this.#maxEventBytes) this.#overflows()
  }

  #fits(text: string, start: number, end: number): boolean {
    // A unit is at most three bytes: nearly every line fits without being counted.
    return (
      this.#held + (end - start) * 3 <= this.#maxEventBytes ||
      this.#held + utf8Length(text, start, end) <= this.#maxEventBytes ||
      this.#overflows()
    )
  }

  /** `line`: all of it, where its name may be none that there is. */
  #field(name: string, value: string, line?: string): void {
    switch (name) {
      case "data":
        this.#data = this.#data === undefined ? value : this.#data + "\n" + value
        this.#held += 6 + utf8Length(value, 0, value.length)
        return
      case "event":
        this.#type = value
        this.#held += 7 + utf8Length(value, 0, value.length)
        return
      case "id":
        if (value.includes("\0")) return
        this.#idBuffer = value
        this.#hasId = true
        this.#held += 4 + utf8Length(value, 0, value.length)
        return
      case "retry":
        if (!/^\d+$/.test(value)) return
        this.retryMillis = Math.min(Number(value), maxTimer)
        this.#options.onRetry?.(this.retryMillis)
        return
      default:
        this.#options.onIgnored?.(line!)
    }
  }

  /** Takes one line without its end. Gives false on overflow. */
  #line(text: string, start: number, end: number): boolean {
    if (start === end) {
      this.#dispatch(this.#data)
      return true
    }
    if (!this.#fits(text, start, end)) return false
    if (text.charCodeAt(start) === COLON) {
      this.#options.onComment?.(valueAt(text, start + 1, end))
      return true
    }
    const name = fieldAt(text, start)
    if (name !== undefined) {
      this.#field(name, valueAt(text, start + name.length + 1, end))
      return true
    }
    // Cut out first: a search for the colon must not run on to the end of the chunk.
    const whole = text.slice(start, end)
    const colon = whole.indexOf(":")
    const nameEnd = colon === -1 ? whole.length : colon
    this.#field(whole.slice(0, nameEnd), valueAt(whole, nameEnd + 1), whole)
    return true
  }

  /** Takes the whole lines of a text without CR, and gives where the rest begins, or -1 on overflow. */
  #linesOfLf(text: string): number {
    let start = 0
    for (;;) {
      const end = text.indexOf("\n", start)
      if (end === -1) return start
      // `data: …` and a blank line: nearly every event of a model's answer, dispatched without passing the buffers.
      if (this.#data === undefined && text.charCodeAt(end + 1) === LF && fieldAt(text, start) === "data") {
        if (!this.#fits(text, start, end)) return -1
        this.#dispatch(text.slice(text.charCodeAt(start + 5) === SPACE ? start + 6 : start + 5, end))
        start = end + 2
        continue
      }
      if (!this.#line(text, start, end)) return -1
      start = end + 1
    }
  }

  /** The same for a text with CR in it. */
  #linesOfAny(text: string): number {
    let start = 0
    let lf = text.indexOf("\n")
    let cr = text.indexOf("\r")
    for (;;) {
      if (lf !== -1 && lf < start) lf = text.indexOf("\n", start)
      if (cr !== -1 && cr < start) cr = text.indexOf("\r", start)
      const end = cr === -1 || (lf !== -1 && lf < cr) ? lf : cr
      if (end === -1) return start
      if (!this.#line(text, start, end)) return -1
      start = end + 1
      if (end !== cr) continue
      if (start === text.length) this.#skipLf = true
      else if (text.charCodeAt(start) === LF) start++
    }
  }

  #feedText(chunk: string): void {
    let text = chunk
    if (text === "") return
    if (this.#atStart) {
      this.#atStart = false
      if (text.charCodeAt(0) === BOM) text = text.slice(1)
    }
    if (this.#skipLf) {
      this.#skipLf = false
      if (text.charCodeAt(0) === LF) text = text.slice(1)
    }
    const hasCr = text.includes("\r")
    if (this.#pending !== "") {
      if (!hasCr && !text.includes("\n")) {
        return this.#keep(this.#pending + text, this.#pendingBytes + utf8Length(text, 0, text.length))
      }
      text = this.#pending + text
      this.#pending = ""
      this.#pendingBytes = 0
    }
    const rest = hasCr ? this.#linesOfAny(text) : this.#linesOfLf(text)
    if (rest === -1 || rest === text.length) return
    this.#keep(text.slice(rest), utf8Length(text, rest, text.length))
  }

  #feedBytes(chunk: Uint8Array): void {
    let bytes = chunk
    if (this.#truncated !== undefined) {
      bytes = new Uint8Array(this.#truncated.length + chunk.length)
      bytes.set(this.#truncated)
      bytes.set(chunk, this.#truncated.length)
      this.#truncated = undefined
    }
    const whole = wholeCharacters(bytes)
    if (whole === bytes.length) return this.#feedText(decoder.decode(bytes))
    // A copy: a Buffer's own slice would be a view of memory that its owner may use again.
    this.#truncated = Uint8Array.from(bytes.subarray(whole))
    this.#feedText(decoder.decode(bytes.subarray(0, whole)))
  }

  #forget(): void {
    this.#truncated = undefined
    this.#atStart = true
    this.#skipLf = false
    this.#pending = ""
    this.#pendingBytes = 0
    this.#data = undefined
    this.#type = ""
    this.#held = 0
    this.#overflow = undefined
    this.#idBuffer = this.lastEventId
    this.#hasId = false
  }
}

/**
 * Makes a parser. A byte order mark at the start is dropped once; lines end in CR, LF or CRLF; an id counts from the
 * blank line that ends its block, even if the block has no data; `retry:` is state, and no event. Throws `InvalidSseOption`
 * for a `maxEventBytes` that is no positive integer.
 *
 * ```ts import.meta.vitest
 * import { makeSseParser, type SseEvent } from "effect-resilience/sse"
 *
 * const events: Array<SseEvent> = []
 * const parser = makeSseParser({ onEvent: (event) => events.push(event) })
 * parser.feed("retry: 250\nid: 7\nda")
 * parser.feed("ta: hello\n\nid: 8\ndata: cut o")
 * parser.end()
 *
 * events // => [{ event: "message", data: "hello", id: "7" }]
 * parser.lastEventId // => "7"
 * parser.retryMillis // => 250
 * ```
 */
export const makeSseParser = (options: SseParserOptions): SseParser => {
  if (options.maxEventBytes !== undefined) checkLimit(options.maxEventBytes)
  return sseParserOf(options)
}

/** The same for options of our own, which are right: for a browser, which loads no more than it needs. */
export const sseParserOf = (options: SseParserOptions): SseParser => new Parser(options)
