/**
 * The browser of tests that need one: `CHROMIUM`, or the system's.
 */
import { existsSync } from "node:fs"
import { type Browser, chromium } from "playwright-core"

// The shell is the same browser without windows, extensions and their processes: three quarters of the work.
const usual = [
  "/usr/bin/chromium-headless-shell",
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome"
]

/** The browser's path. Where there is none: `undefined`, said in one line; with `CI=true` that is a failure. */
export const findBrowser = (): string | undefined => {
  const named = process.env["CHROMIUM"]
  const path = (named ? [named] : usual).find((candidate) => existsSync(candidate))
  if (path !== undefined) return path
  const message = `no browser (${named ?? "chromium"}): set CHROMIUM to run the tests that need one`
  if (process.env["CI"] === "true") throw new Error(message)
  console.warn(`skipped: ${message}`)
  return undefined
}

/** Starts the browser that was found. */
export const launchBrowser = (executablePath: string): Promise<Browser> =>
  chromium.launch({
    executablePath,
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync"
    ]
  })
