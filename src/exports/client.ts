/**
 * `effect-resilience/client`: streamed answers that come back by themselves. `ResumableStream` is for Effect and built on
 * `effect/http`, which Effect 4.1 marks unstable; the client without Effect is in `effect-resilience/client/browser` too,
 * which loads nothing else.
 */
import * as ResumableStream from "../client/ResumableStreamHttp.ts"

// With Effect
export {
  /** A streamed answer as a `Stream`, over Effect's `HttpClient`: `ResumableStream.make`. */
  ResumableStream
}

// Without
export * from "./clientBrowser.ts"
