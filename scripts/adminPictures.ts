/**
 * Takes the pictures of the page at `/admin` for the documentation: what is wrong now and the errors, light, dark and in a
 * phone's width, of the small relay that its tests have. It needs a browser (`CHROMIUM`, or /usr/bin/chromium).
 *
 *   node scripts/adminPictures.ts
 */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { BrowserContextOptions } from "playwright-core"
import { findBrowser, launchBrowser } from "../test/support/browser.ts"
import { startAdminServer } from "../test/web/adminServer.ts"
import { buildPage } from "./buildPage.ts"
import { readPng, writePng } from "./palettePng.ts"

const folder = join(fileURLToPath(new URL("..", import.meta.url)), "docs/images")

/** The largest that a picture may be, in bytes. */
const limit = 120_000

const wide = { width: 1360, height: 900 }
const narrow = { width: 390, height: 844 }

const pictures: ReadonlyArray<readonly [name: string, hash: string, options: BrowserContextOptions]> = [
  ["admin-now-light", "#/now", { viewport: wide }],
  ["admin-now-dark", "#/now", { viewport: wide, colorScheme: "dark" }],
  ["admin-now-phone", "#/now", { viewport: narrow }],
  ["admin-errors-light", "#/errors?channel=azure-eu", { viewport: wide }],
  ["admin-errors-dark", "#/errors?row=e_99998", { viewport: wide, colorScheme: "dark" }],
  ["admin-errors-phone", "#/errors", { viewport: narrow }]
]

const path = findBrowser()
if (path === undefined) process.exit(1)
await buildPage()
const server = await startAdminServer()
const browser = await launchBrowser(path)
try {
  for (const [name, hash, options] of pictures) {
    const context = await browser.newContext(options)
    await context.addInitScript(() => sessionStorage.setItem("effect-resilience.token", "ops-key"))
    const page = await context.newPage()
    await page.goto(`${server.url}/admin${hash}`)
    await page.locator(".figures, .list-rows .list-row").first().waitFor()
    await page.waitForTimeout(800)
    const file = writePng([{ picture: readPng(await page.screenshot()), millis: 0 }])
    console.log(`${name}.png: ${(file.length / 1000).toFixed(0)} kB`)
    if (file.length > limit) throw new Error(`${name}.png is over ${limit / 1000} kB`)
    writeFileSync(join(folder, `${name}.png`), file)
    await context.close()
  }
} finally {
  await browser.close()
  await server.close()
}
