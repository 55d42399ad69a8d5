/**
 * The demonstration's page in a browser, as people meet it: the tour of four clicks, a relay that is killed behind it, small
 * and dark windows, no mouse, and no eyes.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import type { Browser, Page } from "playwright-core"
import { answerTo } from "../../examples/simulated/Answer.ts"
import { until } from "../server/kit.ts"
import { browserPath, calm, type Demo, keep, launch, press, startDemo, stateOf, violations, withWindow } from "./kit.ts"

const answer = (page: Page, outcome: string) => page.locator(`.answer[data-outcome="${outcome}"][aria-busy="false"]`)
const step = (page: Page, title: string) =>
  page.locator(".step").filter({ has: page.getByRole("heading", { name: title }) })

/** The answer as somebody copies it. */
const shown = (page: Page): Promise<string> =>
  page.locator(".text").evaluate((text) => {
    const selection = getSelection()
    selection?.selectAllChildren(text)
    const copied = selection?.toString() ?? ""
    selection?.removeAllRanges()
    return copied.trim().replaceAll(/\s+/g, " ")
  })

/** The whole answer as a page shows it: without the marks of Markdown. */
const expected = (question: string): string =>
  answerTo(question)
    .replaceAll(/\*\*|`|^- /gm, "")
    .replaceAll(/\s+/g, " ")

const count = (question: string): number => Array.from(answerTo(question)).length

const asked = (page: Page, words: number): Promise<void> =>
  until(async () => (await page.locator(".text").innerText()).split(/\s+/).length >= words, 30_000)

describe.skipIf(browserPath === undefined)("the tour", () => {
  let browser: Browser
  let demo: Demo
  beforeAll(async () => {
    ;[browser, demo] = await Promise.all([launch(), startDemo({ PACE: "25" })])
  }, 120_000)
  afterAll(async () => {
    await browser.close()
    await demo.stop()
  })

  it("is four clicks, each of which ends in a line of proof", { timeout: 180_000 }, () =>
    withWindow(browser, demo.url, {}, async (page) => {
      const proven = async (title: string, button: string, question: string, more: RegExp): Promise<void> => {
        const card = step(page, title)
        await card.getByRole("button", { name: button, exact: true }).click()
        await card.locator(".proof, .step-failed").waitFor({ timeout: 60_000 })
        const characters = count(question)
        assert.match(
          (await card.locator(".proof").innerText()).replaceAll(/\s+/g, " "),
          new RegExp(`^${characters} expected ${characters} received 0 lost 0 doubled ${more.source}$`)
        )
        assert.strictEqual(await shown(page), expected(question))
        assert.include(await page.locator(".answer > .proof").innerText(), "0 lost")
        await keep(page, `tour-${button.toLowerCase().replaceAll(" ", "-")}`)
      }
      await proven("Break the upstream", "Break it", "What if the model breaks off?", /shaky → solid at character \d+/)
      assert.strictEqual(await page.locator(".seam-mark").count(), 1)
      await proven("Drop the network", "Drop it", "What if my network drops?", /reconnected (once|\d times)/)
      await proven("Kill the relay", "Kill it", "What if the relay is killed?", /process \d+ → \d+/)
      assert.strictEqual((await stateOf(demo)).relay.kills, 1)
      const same = count("What if I ask twice?")
      await proven(
        "Ask twice, one key",
        "Ask twice",
        "What if I ask twice?",
        new RegExp(`second reader the same ${same} · models asked once`)
      )
      assert.deepEqual(await violations(page), [])
    })
  )

  it("survives a relay that somebody else kills, and tells what happens", { timeout: 120_000 }, () =>
    withWindow(browser, demo.url, { colorScheme: "dark", reducedMotion: "no-preference" }, async (page) => {
      await calm(demo)
      const { kills, pid } = (await stateOf(demo)).relay
      await page.getByRole("button", { name: "Ask", exact: true }).click()
      await asked(page, 25)
      process.kill(pid, "SIGKILL")
      await page.locator('.relay[data-reach="down"]').waitFor()
      await page.locator(".reconnecting").waitFor()
      await keep(page, "relay-gone-dark")
      assert.deepEqual(await violations(page), [])
      await answer(page, "whole").waitFor({ timeout: 60_000 })
      assert.strictEqual(await shown(page), expected("Why does this answer survive?"))
      await page.locator('.relay[data-reach="up"]').waitFor()
      assert.strictEqual((await stateOf(demo)).relay.kills, kills + 1)
      // The one that came after it has said where it went on.
      await page.locator(".seam-mark").focus()
      assert.match(await page.getByRole("tooltip").innerText(), /the relay was killed/)
      await keep(page, "relay-back-dark")
    })
  )

  it("drops the page's own connection at the press of a button, and comes back", { timeout: 90_000 }, () =>
    withWindow(browser, demo.url, {}, async (page) => {
      await calm(demo)
      await page.getByRole("button", { name: "Ask", exact: true }).click()
      await asked(page, 20)
      await page.getByRole("button", { name: "Drop my connection" }).click()
      await page.locator(".reconnecting").waitFor()
      await answer(page, "whole").waitFor({ timeout: 60_000 })
      assert.strictEqual(await shown(page), expected("Why does this answer survive?"))
    })
  )

  it("opens a circuit before one's eyes when a channel is broken again and again", { timeout: 180_000 }, () =>
    withWindow(browser, demo.url, {}, async (page) => {
      await calm(demo)
      const shaky = page.locator(".channel").filter({ has: page.getByRole("heading", { name: "shaky" }) })
      await shaky.getByRole("button", { name: "Refuse" }).click()
      await until(async () => (await stateOf(demo)).channels.find(({ id }) => id === "shaky")?.mood === "refuse")
      // Others ask too.
      await until(async () => {
        await fetch(`${demo.url}/chat?message=hello`).then((answer) => answer.body?.cancel())
        return (await shaky.getAttribute("data-state")) === "open"
      }, 60_000)
      assert.include(await shaky.innerText(), "circuit open")
      await keep(page, "circuit-open")
      assert.deepEqual(await violations(page), [])
      await shaky.getByRole("button", { name: "Well" }).click()
      await until(async () => {
        await fetch(`${demo.url}/chat?message=hello`).then((answer) => answer.body?.cancel())
        return (await shaky.getAttribute("data-state")) === "healthy"
      }, 60_000)
    })
  )

  it.each([
    ["phone", "light"],
    ["phone", "dark"],
    ["wide", "light"],
    ["wide", "dark"]
  ] as const)("fits a %s window, %s, and keeps nobody out", { timeout: 120_000 }, (size, colorScheme) =>
    withWindow(
      browser,
      demo.url,
      { colorScheme, viewport: size === "phone" ? { width: 390, height: 844 } : { width: 1680, height: 1050 } },
      async (page) => {
        await calm(demo)
        await page.locator(".channel").first().waitFor()
        assert.deepEqual(await violations(page), [])
        await page.getByRole("button", { name: "Ask", exact: true }).click()
        await asked(page, 15)
        const speaking = (await stateOf(demo)).channels.find(({ open }) => open > 0)?.id ?? "shaky"
        await press(demo, `channels/${speaking}`, { mood: "reset" })
        await page.locator(".seam-mark").waitFor()
        await press(demo, "mend")
        await keep(page, `asking-${size}-${colorScheme}`)
        await answer(page, "whole").waitFor({ timeout: 60_000 })
        await page.locator(".answer > .proof").waitFor()
        assert.deepEqual(await violations(page), [])
        await keep(page, `asked-${size}-${colorScheme}`, true)
        // Not even with the note of a seam open, wherever that stands.
        await page.locator(".seam-mark").focus()
        const note = (await page.getByRole("tooltip").boundingBox())!
        assert.isAtLeast(note.x, 0)
        assert.isAtMost(note.x + note.width, page.viewportSize()!.width)
        const [wide, seen] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth])
        assert.isAtMost(wide!, seen!)
      }
    )
  )

  it("is no wider than a phone, whatever word is asked and said", { timeout: 60_000 }, () =>
    withWindow(browser, demo.url, { viewport: { width: 390, height: 844 } }, async (page) => {
      await calm(demo)
      // The answer says the question first: with words enough that it is still being said when all has been looked at.
      await page.getByLabel("Message", { exact: true }).fill(`${"x".repeat(500)}${" and so on".repeat(200)}`)
      await page.keyboard.press("Enter")
      await until(async () => (await page.locator(".text").innerText()).includes("x".repeat(100)), 30_000)
      const [wide, seen] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth])
      assert.isAtMost(wide!, seen!)
      // The answer has come into view, and the way to stop it with it.
      const stop = page.getByRole("button", { name: "Stop", exact: true })
      await until(async () => ((await page.locator(".answer").boundingBox())?.y ?? 844) < 400)
      const { height, y } = (await stop.boundingBox()) ?? { height: 0, y: -1 }
      assert.isTrue(y > 58 && y + height < 844, `it is at ${y}`)
      await keep(page, "phone-writing")
      // Of so long a question the first lines are shown, and all of it when it is wanted.
      const question = page.locator(".question p")
      const { height: short } = (await question.boundingBox())!
      await page.getByRole("button", { name: "Show all of it" }).click()
      assert.isAbove((await question.boundingBox())!.height, 3 * short)
      await page.getByRole("button", { name: "Show less" }).click()
      assert.strictEqual((await question.boundingBox())!.height, short)
      await stop.click()
      await answer(page, "stopped").waitFor()
      assert.deepEqual(await violations(page), [])
    })
  )

  it("can be used without a mouse", { timeout: 90_000 }, () =>
    withWindow(browser, demo.url, { reducedMotion: "reduce" }, async (page) => {
      await calm(demo)
      await page.locator(".channel").first().waitFor()
      const focused = () => page.evaluate(() => document.activeElement?.textContent ?? "")
      const tabTo = async (wanted: (text: string) => boolean): Promise<void> => {
        for (let presses = 0; presses < 60; presses++) {
          await page.keyboard.press("Tab")
          if (wanted(await focused())) return
        }
        assert.fail("it cannot be reached")
      }
      await page.getByLabel("Message", { exact: true }).focus()
      await page.keyboard.press("Control+A")
      await page.keyboard.type("By keys?")
      await page.keyboard.press("Enter")
      await asked(page, 12)
      await press(demo, `channels/${(await stateOf(demo)).channels.find(({ open }) => open > 0)?.id}`, {
        mood: "reset"
      })
      await page.locator(".seam-mark").waitFor()
      await press(demo, "mend")
      await tabTo((text) => text.includes("went on here"))
      await page.getByRole("tooltip").waitFor({ state: "visible" })
      await keep(page, "keyboard-seam")
      await tabTo((text) => text === "Drop my connection")
      await page.keyboard.press("Enter")
      await page.locator(".reconnecting").waitFor()
      await page.getByLabel("Message", { exact: true }).focus()
      await page.keyboard.press("Escape")
      await answer(page, "stopped").waitFor()
      await tabTo((text) => text === "Try again from here")
      await page.keyboard.press("Enter")
      await answer(page, "whole").waitFor({ timeout: 60_000 })
      assert.strictEqual(await shown(page), expected("By keys?"))
    })
  )

  it("changes between light and dark, and remembers", { timeout: 60_000 }, () =>
    withWindow(browser, demo.url, { colorScheme: "light" }, async (page) => {
      const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor)
      const light = await background()
      await page.getByRole("button", { name: "Show it dark" }).click()
      assert.notStrictEqual(await background(), light)
      await page.reload()
      await page.getByRole("button", { name: "Show it light" }).waitFor()
      assert.notStrictEqual(await background(), light)
    })
  )
})
