/**
 * `effect-resilience/react`: a streamed answer as a hook of React 18 or 19. It loads React, and no Effect.
 */

// The hook
export { type RetryStreaming, useRetryStreaming } from "../client/useRetryStreaming.ts"

// What it gives
export {
  type AnswerError,
  type AnswerHandlers,
  type AnswerOptions,
  type AnswerView,
  type Failover,
  type RetryInfo
} from "../client/AnswerSession.ts"
