/**
 * `effect-resilience/stream`: streams that may take their time but not for ever, and that keep what was delivered when
 * they break.
 */
import * as ClockState from "../stream/ClockState.ts"

// For any `Stream`
export {
  /** Keeps what a stream delivered before it broke, and goes on from another source. */
  PartialContent,
  /** Four limits of time for a stream: headers, first content, silence, the whole. */
  StreamClocks
} from "../stream/index.ts"

// An answer that broke off
export {
  AnswerInterrupted,
  AnswerInterruptedSchema,
  type Interrupted,
  type Interruption,
  type Usage
} from "../stream/index.ts"

// The same four clocks as plain state, for who has callbacks and no stream
export {
  /** The clocks of `StreamClocks` as plain data: what runs out next, and what has run out. No timer. */
  ClockState
}

// Joining a continuation to what was delivered
export { makeStitcher, type Seam, type StitchDecision, type Stitcher, type StitcherOptions } from "../stream/index.ts"
