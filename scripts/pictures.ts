/**
 * Takes the README's pictures: the page light and dark after a rescue, and a rescue as it happens. It needs a browser
 * (`CHROMIUM`, or /usr/bin/chromium), and is run when the page has changed its looks.
 *
 *   node scripts/pictures.ts
 */
import { spawn } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { type Browser, chromium, type Page } from "playwright-core"
import { type Frame, readPng, writePng } from "./palettePng.ts"

const root = fileURLToPath(new URL("..", import.meta.url))
const folder = join(root, "docs/images")

/** The largest that a still picture and the moving one may be, in bytes. */
const limits = { still: 150_000, moving: 600_000 }

const save = (name: string, frames: ReadonlyArray<Frame>, limit: number): void => {
  const file = writePng(frames)
  console.log(`${name}: ${(file.length / 1000).toFixed(0)} kB`)
  if (file.length > limit) throw new Error(`${name} is over ${limit / 1000} kB`)
  writeFileSync(join(folder, name), file)
}

const startDemo = async (): Promise<{ readonly url: string; readonly stop: () => void }> => {
  const cwd = mkdtempSync(join(tmpdir(), "pictures-"))
  const flags = ["--disable-warning=ExperimentalWarning", "--conditions=effect-resilience-source"]
  const child = spawn(process.execPath, [...flags, join(root, "examples/start.ts")], {
    cwd,
    env: { ...process.env, PORT: "0" },
    stdio: ["ignore", "pipe", "ignore"]
  })
  const url = await new Promise<string>((resolve, reject) => {
    let said = ""
    child.stdout.on("data", (chunk: Buffer) => {
      said += String(chunk)
      const found = /'(http:\/\/localhost:\d+)\/chat/.exec(said)?.[1]
      if (found !== undefined) resolve(found)
    })
    child.once("close", (code) => reject(new Error(`the demonstration ended with ${code}`)))
  })
  const stop = (): void => {
    child.kill("SIGTERM")
    child.once("close", () => rmSync(cwd, { recursive: true, force: true }))
  }
  return { url, stop }
}

const open = async (
  browser: Browser,
  url: string,
  colorScheme: "light" | "dark",
  size: { readonly width: number; readonly height: number }
): Promise<Page> => {
  const page = await browser.newPage({ viewport: size, colorScheme })
  await page.goto(url)
  await page.locator(".channel").first().waitFor()
  return page
}

/** The page after the first step of the tour, with the seam's note open. */
const still = async (browser: Browser, url: string, colorScheme: "light" | "dark"): Promise<void> => {
  const page = await open(browser, url, colorScheme, { width: 1360, height: 960 })
  await page.getByRole("button", { name: "Break it" }).click()
  await page.locator('.step[data-state="Shown"]').waitFor({ timeout: 60_000 })
  await page.locator(".seam-mark").first().hover()
  await page.waitForTimeout(600)
  save(`page-${colorScheme}.png`, [{ picture: readPng(await page.screenshot()), millis: 0 }], limits.still)
  await page.close()
}

/** Frames of a rescue: the relay is killed while it writes. */
const rescue = async (browser: Browser, url: string): Promise<void> => {
  const page = await open(browser, url, "light", { width: 1120, height: 800 })
  // The answer, its attempts and the machine room; not what stands above them.
  await page.evaluate(() => {
    for (const part of document.querySelectorAll(".hero, .tour, .charts, .top, .moods")) part.setAttribute("hidden", "")
  })
  const clip = { x: 0, y: 0, width: 1120, height: 620 }
  const frames: Array<Frame> = []
  let last = performance.now()
  const take = async (): Promise<void> => {
    const picture = readPng(await page.screenshot({ clip }))
    const now = performance.now()
    const before = frames.pop()
    if (before !== undefined) frames.push({ ...before, millis: Math.round(now - last) })
    frames.push({ picture, millis: 100 })
    last = now
  }
  await page.locator("#ask").click()
  await page.locator(".answer").waitFor()
  let killed = false
  for (;;) {
    await take()
    const words = (await page.locator(".text").innerText()).split(/\s+/).length
    if (!killed && words > 30) {
      killed = true
      await page.getByRole("button", { name: "Kill the relay" }).click()
    }
    if (await page.locator(".answer > .proof").isVisible()) break
    await page.waitForTimeout(300)
  }
  await page.waitForTimeout(400)
  await take()
  const end = frames.pop()!
  save("rescue.png", [...frames, { ...end, millis: 3000 }], limits.moving)
  await page.close()
}

mkdirSync(folder, { recursive: true })
const demo = await startDemo()
const browser = await chromium.launch({
  executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
  args: ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
})
try {
  await still(browser, demo.url, "light")
  await still(browser, demo.url, "dark")
  await rescue(browser, demo.url)
} finally {
  await browser.close()
  demo.stop()
}
