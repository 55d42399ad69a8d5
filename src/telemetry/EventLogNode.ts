/**
 * The log of a process: one JSON object a line on stderr.
 */
import { Buffer } from "node:buffer"
import process from "node:process"
import { Effect, Layer } from "effect"
import { type EventLog, layerLinesLater } from "./EventLog.ts"

/** What the log needs of a stream: Node's stderr, or a test's own. */
export interface LogStream {
  readonly write: (chunk: string) => unknown
  readonly on: (event: "error", listener: (error: Error) => void) => unknown
  readonly off: (event: "error", listener: (error: Error) => void) => unknown
}

/** How much may wait to be written, in characters: what is more is written at once. */
const maxWaiting = 65_536

/** What a line counts for that is not put together yet: some such lines are longer, and most are shorter. */
const lengthOfWaiting = 512

/** What waits to be written, of all logs of this process. */
const waitingLogs = new Set<Lines>()

/** The logs of a stream are one, and listen once: Node warns of eleven who listen. */
const logs = new WeakMap<LogStream, Lines>()

/**
 * What has only begun may be told a turn later: nobody was answered yet, and what is asked of an upstream need not wait for
 * the line to be put together (its fields are texts and numbers, which nothing changes), nor for a call of the system. All
 * other lines are written before anybody else is answered, so that they are there for whoever was told of what they say.
 */
const mayWait: ReadonlySet<string> = new Set(["stream_started"])

/** The lines of a turn: they are written together. HOT: a request has three, and each write is a call of the system. */
class Lines {
  /** How many logs write to it. */
  users = 0
  /** Whole lines, and such as are put together when they are written. */
  private lines: Array<string | (() => string)> = []
  private length = 0
  private broken = false
  /** They are written in this turn. */
  private due = false
  /** They are written in the next turn. */
  private resting = false
  private readonly stream: LogStream

  constructor(stream: LogStream) {
    this.stream = stream
  }

  readonly fail = (): void => {
    this.broken = true
    this.take()
  }

  /** What waits, which does so no longer. */
  private take(): ReadonlyArray<string | (() => string)> {
    const { lines } = this
    this.lines = []
    this.length = 0
    waitingLogs.delete(this)
    return lines
  }

  readonly flush = (): void => {
    this.due = false
    if (this.lines.length === 0) return
    let text = ""
    for (const line of this.take()) text += `${typeof line === "string" ? line : line()}\n`
    this.stream.write(text)
  }

  private readonly rest = (): void => {
    this.resting = false
    if (this.lines.length > 0) this.flushSoon()
  }

  private flushSoon(): void {
    if (this.due) return
    this.due = true
    setImmediate(this.flush)
  }

  add(line: () => string, event: string): void {
    if (this.broken) return
    const waits = mayWait.has(event)
    const added = waits ? line : line()
    this.length += typeof added === "string" ? added.length : lengthOfWaiting
    if (this.lines.push(added) === 1) waitingLogs.add(this)
    if (this.length >= maxWaiting) this.flush()
    else if (!waits) this.flushSoon()
    else if (!this.due && !this.resting) {
      this.resting = true
      setImmediate(this.rest)
    }
  }
}

/** Writes what waits, now: before the process ends, or writes something beside its log. */
export const flush = (): void => {
  for (const lines of waitingLogs) lines.flush()
}

/**
 * Writes to a stream, one JSON object a line; the lines of a turn of the event loop are one write, and none is lost when the
 * process exits. Once the stream has failed (whoever read it is gone: EPIPE) nothing more is written to it, and its `error`
 * event is listened to for as long as the Layer lives, so that it ends no process.
 */
export const layerStream = (stream: LogStream): Layer.Layer<EventLog> =>
  Layer.unwrap(
    Effect.acquireRelease(
      Effect.sync(() => {
        const lines = logs.get(stream) ?? new Lines(stream)
        if (lines.users++ === 0) {
          logs.set(stream, lines)
          stream.off("error", lines.fail)
          stream.on("error", lines.fail)
        }
        // Once, however many logs there are.
        process.off("exit", flush).on("exit", flush)
        return lines
      }),
      // The last write may still fail after the Layer is gone: such an error comes in a later turn.
      (lines) =>
        Effect.sync(() => {
          lines.flush()
          lines.users--
          setImmediate(() => {
            if (lines.users > 0) return
            stream.off("error", lines.fail)
            if (logs.get(stream) === lines) logs.delete(stream)
          })
        })
    ).pipe(Effect.map((lines) => layerLinesLater((line, event) => lines.add(line, event))))
  )

const stderr: LogStream = {
  // HOT: a text is given room for three bytes a character first, which takes twice as long.
  write: (text) => process.stderr.write(Buffer.from(text)),
  on: (event, listener) => process.stderr.on(event, listener),
  off: (event, listener) => process.stderr.off(event, listener)
}

/** Writes to stderr, one JSON object a line. Survives a reader that went away. */
export const layerStderr: Layer.Layer<EventLog> = layerStream(stderr)
