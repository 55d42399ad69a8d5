/**
 * `effect-resilience/sse`: server-sent events, read exactly as the WHATWG says for any chunking, and written so that no
 * field can be forged.
 */

// As streams
export {
  /** Server-sent events as streams: bytes to events, and events to bytes. */
  SseStream
} from "../sse/index.ts"

// Reading
export {
  InvalidSseOption,
  makeSseParser,
  type SseEvent,
  type SseOverflow,
  type SseParser,
  type SseParserOptions
} from "../sse/index.ts"

// Writing
export {
  encodeComment,
  encodeEvent,
  encodeJsonEvent,
  encodeRetry,
  InvalidSseField,
  type SseEventFields
} from "../sse/index.ts"
