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

/**
 * Writes to a stream, one JSON object a line. Once the stream has failed (whoever read it is gone: EPIPE) nothing more
 * is written to it, and its `error` event is listened to for as long as the Layer lives, so that it ends no process.
 */
export const layerStream = (stream: LogStream): Layer.Layer<EventLog> =>
  Layer.unwrap(
    Effect.acquireRelease(
      Effect.sync(() => {
        const state = { broken: false }
        const onError = () => {
          state.broken = true
        }
        stream.on("error", onError)
        return { state, onError }
      }),
      // The last write may still fail after the Layer is gone: such an error comes in a later turn.
      ({ onError }) => Effect.sync(() => void setImmediate(() => stream.off("error", onError)))
    ).pipe(
      Effect.map(({ state }) =>
        EventLog.layerLines((line) => {
          if (!state.broken) stream.write(`${line}\n`)
        })
      )
    )
  )

/** Writes to stderr, one JSON object a line. Survives a reader that went away. */
export const layerStderr: Layer.Layer<EventLog> = layerStream(process.stderr)
