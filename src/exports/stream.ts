/**
 * `effect-resilience/stream`: streams that may take their time but not for ever, and that keep what was delivered when
 * they break.
 */

// For any `Stream`
export { PartialContent, StreamClocks } from "../stream/index.ts"

// An answer that broke off
export {
  AnswerInterrupted,
  AnswerInterruptedSchema,
  type Interrupted,
  type Interruption,
  type Usage
} from "../stream/index.ts"

// The same four clocks as plain state, for who has callbacks and no stream
export * as ClockState from "../stream/ClockState.ts"

// Joining a continuation to what was delivered
export { makeStitcher, type Seam, type StitchDecision, type Stitcher, type StitcherOptions } from "../stream/index.ts"
