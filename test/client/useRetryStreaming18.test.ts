/**
 * The hook over React 18, which a folder of its own has installed.
 */
import { createRequire } from "node:module"
import type * as ReactModule from "react"
import type * as ReactDomModule from "react-dom/client"
import { vi } from "vitest"
import { hookSuite } from "./hookSuite.ts"

const eighteen = createRequire(new URL("../react-18/package.json", import.meta.url))

// What the hook imports as React.
vi.mock("react", () => {
  const react = eighteen("react") as typeof ReactModule
  if (!react.version.startsWith("18.")) throw new Error(`expected React 18, got ${react.version}`)
  return { ...react, default: react }
})

hookSuite(
  "useRetryStreaming with React 18",
  async () => ({
    React: eighteen("react") as typeof ReactModule,
    createRoot: (eighteen("react-dom/client") as typeof ReactDomModule).createRoot,
    useRetryStreaming: (await import("effect-resilience/react")).useRetryStreaming
  }),
  { hides: false }
)
