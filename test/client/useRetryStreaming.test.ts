/**
 * The hook over React 19.
 */
import { hookSuite } from "./hookSuite.ts"

hookSuite(
  "useRetryStreaming with React 19",
  async () => ({
    React: await import("react"),
    createRoot: (await import("react-dom/client")).createRoot,
    useRetryStreaming: (await import("effect-resilience/react")).useRetryStreaming
  }),
  { hides: true }
)
