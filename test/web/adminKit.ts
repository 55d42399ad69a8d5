/**
 * What the tests of the page at `/admin` share: the small relay, and a window on it.
 */
import { assert } from "@effect/vitest"
import type { Browser, BrowserContextOptions, Page } from "playwright-core"
import { type AdminServer, startAdminServer } from "./adminServer.ts"
import { withWindow } from "./kit.ts"

/** A window on the page, with a token in it or without. The server is the test's own. */
export const withAdmin = async (
  browser: Browser,
  hash: string,
  options: BrowserContextOptions & {
    readonly token?: string | undefined
    /** Whether it asks for one. */
    readonly tokens?: boolean
    readonly prepare?: (server: AdminServer) => void
  },
  run: (page: Page, server: AdminServer) => Promise<void>
): Promise<void> => {
  const { prepare, token, tokens, ...window } = { token: "ops-key", tokens: true, ...options }
  const server = await startAdminServer({ tokens })
  prepare?.(server)
  try {
    await withWindow(browser, `${server.url}/admin${hash}`, { ...window, token }, (page) => run(page, server))
    // Whatever was asked: the token was in no address.
    for (const { path, query } of server.calls) assert.notInclude(`${path}?${query}`, "-key")
  } finally {
    await server.close()
  }
}

/** The calls of one endpoint, in their order. */
export const callsOf = (server: AdminServer, method: string, path: string) =>
  server.calls.filter((call) => call.method === method && call.path === path)
