/**
 * The log of a process: one JSON object a line on stderr.
 */
import process from "node:process"
import { Effect, Layer } from "effect"
import { EventLog } from "./EventLog.ts"

/** What the log needs of a stream: Node's stderr, or a test's own. */
export interface LogStream {
  readonly write: (chunk: string) => unknown
  readonly on: (event: "error", listener: (error: Error) => void) => unknown
  readonly off: (event: "error", listener: (error: Error) => void) => unknown
}

/** How much may wait to be written, in characters: what is more is written at once. */
const maxWaiting = 65_536

/** What waits to be written, of all logs of this process. */
const waitingLogs = new Set<Lines>()

/**
 * The lines of a turn: they are written together, when all else that the turn has to do is done. HOT: a request has three,
 * each write is a call of the system, and what is asked of an upstream should not wait for it.
 */
class Lines {
  private text = ""
  private broken = false
  private readonly stream: LogStream

  constructor(stream: LogStream) {
    this.stream = stream
  }

  readonly fail = (): void => {
    this.broken = true
    this.text = ""
    waitingLogs.delete(this)
  }

  readonly flush = (): void => {
    const { text } = this
    if (text === "") return
    this.text = ""
    waitingLogs.delete(this)
    this.stream.write(text)
  }

  private readonly rest = (): void => void setImmediate(this.flush)

  add(line: string): void {
    if (this.broken) return
    if (this.text === "") {
      waitingLogs.add(this)
      setImmediate(this.rest)
    }
    this.text += `${line}\n`
    if (this.text.length >= maxWaiting) this.flush()
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
        const lines = new Lines(stream)
        stream.on("error", lines.fail)
        // Once, however many logs there are.
        process.off("exit", flush).on("exit", flush)
        return lines
      }),
      // The last write may still fail after the Layer is gone: such an error comes in a later turn.
      (lines) =>
        Effect.sync(() => {
          lines.flush()
          setImmediate(() => stream.off("error", lines.fail))
        })
    ).pipe(Effect.map((lines) => EventLog.layerLines((line) => lines.add(line))))
  )

/** Writes to stderr, one JSON object a line. Survives a reader that went away. */
export const layerStderr: Layer.Layer<EventLog> = layerStream(process.stderr)
