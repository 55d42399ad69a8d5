/**
 * What the tests of the page share: a browser, windows in it, the demonstration as `npm start` runs it, and pictures of what
 * was seen. Pictures are taken where `SCREENSHOTS` says where to keep them.
 */
import { assert } from "@effect/vitest"
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Browser, BrowserContextOptions, Page } from "playwright-core"
import { findBrowser, launchBrowser } from "../support/browser.ts"
import { until } from "../server/kit.ts"
import { type Running, startNode } from "../support/spawnNode.ts"

/** The browser's path, or none: then the tests that need one are skipped, and say so. */
export const browserPath = findBrowser()

/** Starts the browser. */
export const launch = (): Promise<Browser> => launchBrowser(browserPath!)

/** What a browser says of connections that broke: they are broken here on purpose. */
const broken =
  /ERR_(INCOMPLETE_CHUNKED_ENCODING|CONNECTION_(RESET|REFUSED)|SOCKET_NOT_CONNECTED|EMPTY_RESPONSE)|status of (4|5)\d\d/

/** A window, and the token that it has been given before. */
interface WindowOptions extends BrowserContextOptions {
  readonly token?: string | undefined
}

/** Opens a window on a page; fails if the page breaks its own policy, throws, or complains of itself. */
export const withWindow = async (
  browser: Browser,
  url: string,
  { token, ...options }: WindowOptions,
  run: (page: Page) => Promise<void>
): Promise<void> => {
  const context = await browser.newContext({
    viewport: { width: 1360, height: 900 },
    reducedMotion: "reduce",
    ...options
  })
  if (token !== undefined) {
    await context.addInitScript((token) => {
      // Once, and not in the empty page before it: what the page does with it afterwards is the page's.
      if (location.protocol === "about:" || window.name !== "") return
      window.name = "given"
      sessionStorage.setItem("effect-resilience.token", token)
    }, token)
  }
  const page = await context.newPage()
  const complaints: Array<string> = []
  page.on("pageerror", (error) => void complaints.push(error.message))
  page.on("console", (message) => {
    if (message.type() === "error" && !broken.test(message.text())) complaints.push(message.text())
  })
  try {
    await page.goto(url)
    await run(page)
    assert.deepEqual(complaints, [])
  } finally {
    await context.close()
  }
}

const { SCREENSHOTS: pictures } = process.env

/** Keeps a picture of what is seen, for those who want to see it: a whole page, or as much as the window shows. */
export const keep = async (page: Page, name: string, fullPage = false): Promise<void> => {
  if (pictures === undefined) return
  mkdirSync(pictures, { recursive: true })
  await page.screenshot({ path: join(pictures, `${name}.png`), fullPage })
}

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8")

/** As much of a violation as says what is to be mended. */
interface Violation {
  readonly id: string
  readonly nodes: ReadonlyArray<{ readonly target: ReadonlyArray<unknown>; readonly failureSummary?: string }>
}

/** What keeps people out of a page, by WCAG 2.2 AA and axe's best practice. */
export const violations = async (page: Page): Promise<ReadonlyArray<string>> => {
  // What comes in with a movement is judged when it has come.
  await page.waitForTimeout(500)
  // A page keeps it: half a megabyte is read once, and is quicker the second time.
  if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(axe)
  const found = await page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      readonly axe: { readonly run: (options: object) => Promise<{ readonly violations: ReadonlyArray<Violation> }> }
    }
    const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    return (await axe.run({ runOnly: { type: "tag", values: tags } })).violations
  })
  return found.flatMap(({ id, nodes }) =>
    nodes.map(({ failureSummary, target }) => `${id}: ${target.join(" ")}: ${failureSummary ?? ""}`)
  )
}

/** The demonstration, as `npm start` runs it. */
export interface Demo {
  readonly url: string
  readonly folder: string
  readonly process: Running
  readonly stop: () => Promise<void>
}

/** Starts it in a folder of its own, on a free port. */
export const startDemo = async (environment: { readonly [name: string]: string } = {}): Promise<Demo> => {
  const folder = mkdtempSync(join(tmpdir(), "demo-"))
  const process = startNode("examples/start.ts", [], { PORT: "0", PACE: "50", ...environment }, folder)
  const banner = await process.printed("Ctrl-C")
  const url = /(http:\/\/localhost:\d+)\/chat/.exec(banner)?.[1] ?? ""
  return {
    url,
    folder,
    process,
    stop: async () => {
      process.kill("SIGTERM")
      await process.ended
      rmSync(folder, { recursive: true, force: true })
    }
  }
}

/** How it is, as its page sees it. */
export interface DemoState {
  readonly channels: ReadonlyArray<{ readonly id: string; readonly mood: string; readonly open: number }>
  readonly relay: { readonly pid: number; readonly kills: number }
}

/** Asks for it. */
export const stateOf = async ({ url }: Pick<Demo, "url">): Promise<DemoState> =>
  (await (await fetch(`${url}/demo/state`)).json()) as DemoState

/** Presses a button that is not on the page, but is the same. */
export const press = async ({ url }: Pick<Demo, "url">, path: string, body: object = {}): Promise<number> =>
  (await fetch(`${url}/demo/${path}`, { method: "POST", body: JSON.stringify(body) })).status

/** Mends every channel, and waits until none of them speaks: what others asked before is not to be taken for one's own. */
export const calm = async (demo: Pick<Demo, "url">): Promise<void> => {
  await press(demo, "mend")
  await until(async () => (await stateOf(demo)).channels.every(({ open }) => open === 0), 30_000)
}
