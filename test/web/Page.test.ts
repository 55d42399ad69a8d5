/**
 * The page at `/` of a relay that is no demonstration, in a browser: the answer and its seams, what goes wrong in words,
 * tokens; and how it is served.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import type { Browser, Page } from "playwright-core"
import { answer, cut, resetBeforeHeaders, status } from "../support/behaviour.ts"
import { channelOf, startRelay } from "../support/relay.ts"
import { startFaultServer } from "../support/FaultServer.ts"
import { until, withRelay } from "../server/kit.ts"
import { firstWords, whole } from "../server/matrix.ts"
import { browserPath, keep, launch, violations, withWindow } from "./kit.ts"

const statusOf = (page: Page) => page.locator(".answer .status")
const ended = (page: Page, outcome: string) => page.locator(`.answer[data-outcome="${outcome}"][aria-busy="false"]`)

const ask = async (page: Page, message: string): Promise<void> => {
  await page.getByLabel("Message", { exact: true }).fill(message)
  await page.getByRole("button", { name: "Ask", exact: true }).click()
}

describe.skipIf(browserPath === undefined)("the page", () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await launch()
  })
  afterAll(() => browser.close())

  it("shows a whole answer, and its proof", () =>
    withRelay({}, ({ a, relay }) =>
      withWindow(browser, relay.url, {}, async (page) => {
        a.setDefault(answer({ delay: 5 }))
        await ask(page, "hello?")
        await ended(page, "whole").waitFor()
        assert.strictEqual(await page.locator(".text").innerText(), whole.trim())
        const count = Array.from(whole).length
        assert.match(await statusOf(page).innerText(), new RegExp(`^Whole: ${count} characters, 0 seams`))
        assert.strictEqual(
          (await page.locator(".answer .proof").innerText()).replaceAll(/\s+/g, " "),
          `✓ ${count} characters expected ${count} received 0 lost 0 doubled`
        )
        assert.deepEqual(await violations(page), [])
        await keep(page, "whole")
      })
    ))

  it("draws a seam in the text where another channel went on, and tells from where, to where, why and how sure", () =>
    withRelay({}, ({ a, relay }) =>
      withWindow(browser, relay.url, {}, async (page) => {
        a.enqueue(cut(7, "reset", { delay: 10 }))
        await ask(page, "and again?")
        await ended(page, "whole").waitFor()
        const mark = page.locator(".seam-mark")
        await mark.waitFor()
        assert.strictEqual(await mark.count(), 1)
        assert.strictEqual(await mark.innerText(), "b went on here")
        // Before it stands what the first channel said, to the letter.
        const before = await page.locator(".text").evaluate((text) => {
          const range = document.createRange()
          range.setStart(text, 0)
          range.setEndBefore(text.querySelector(".seam")!)
          return range.toString()
        })
        assert.strictEqual(before, firstWords(7))
        const tip = page.getByRole("tooltip", { includeHidden: true })
        assert.strictEqual(await tip.isVisible(), false)
        await mark.focus()
        await tip.waitFor({ state: "visible" })
        assert.match(await tip.innerText(), /a → b\s+the connection broke\s+joined at the very letter · \d+ ms/)
        await keep(page, "seam")
        assert.deepEqual(await violations(page), [])
        // The attempts, as who hears the page has them.
        const attempts = await page.locator(".timeline li").allInnerTexts()
        assert.match(attempts.join("\n"), /^a: from 0 ms to .*, the connection broke\nb: from .*, whole$/)
      })
    ))

  it("says in words what went wrong, with the request's id to copy", () =>
    withRelay({}, ({ a, b, relay }) =>
      withWindow(browser, relay.url, { permissions: ["clipboard-read", "clipboard-write"] }, async (page) => {
        a.setDefault(status(401))
        b.setDefault(status(401))
        await ask(page, "hello?")
        const error = page.getByRole("alert")
        await error.waitFor({ timeout: 60_000 })
        assert.match(await error.innerText(), /The answer could not be finished[^]*channel:invalid_key[^]*req_\w{24}/)
        await page.getByRole("button", { name: /Copy/ }).click()
        const id = await page.evaluate(() => navigator.clipboard.readText())
        assert.match(id, /^req_\w{24}$/)
        assert.include(await error.innerText(), id)
        assert.deepEqual(await violations(page), [])
        await keep(page, "error")
      })
    ))

  it("shows a part as a part, and goes on from it", () =>
    withRelay({ recovery: { mode: "off" } }, ({ a, relay }) =>
      withWindow(browser, relay.url, {}, async (page) => {
        a.enqueue(answer({ delay: 60 }))
        await ask(page, "hello?")
        await until(async () => (await page.locator(".text").innerText()).length > 20, 20_000)
        await page.getByRole("button", { name: "Stop", exact: true }).click()
        await ended(page, "stopped").waitFor()
        const part = (await page.locator(".text").innerText()).trimEnd()
        assert.isTrue(whole.startsWith(part))
        assert.isBelow(part.length, whole.length)
        await page.getByText("This is a part.").waitFor()
        await keep(page, "partial")
        assert.deepEqual(await violations(page), [])
        await page.getByRole("button", { name: "Try again from here" }).click()
        await ended(page, "whole").waitFor()
        assert.strictEqual(await page.locator(".text").innerText(), whole.trim())
        // The upstream was given the part as the beginning of its answer.
        await until(() => a.requests.length === 2)
        assert.strictEqual(a.requests[1]?.body.messages?.at(-1)?.role, "assistant")
      })
    ))

  it("cancels the answer upstream when it is stopped", () =>
    withRelay({}, ({ a, relay }) =>
      withWindow(browser, relay.url, {}, async (page) => {
        a.setDefault(answer({ delay: 200 }))
        await ask(page, "hello?")
        await until(async () => (await page.locator(".text").innerText()).trim() !== "", 20_000)
        await page.keyboard.press("Escape")
        await page.getByLabel("Message", { exact: true }).focus()
        await page.keyboard.press("Escape")
        await ended(page, "stopped").waitFor()
        await until(async () => /^active_streams 0$/m.test(await (await fetch(`${relay.url}/metrics`)).text()))
        assert.match(
          await (await fetch(`${relay.url}/metrics`)).text(),
          /stream_duration_seconds_count\{outcome="cancelled"\} 1/
        )
      })
    ))

  it("renders Markdown, and nothing that a model could do harm with", () =>
    withRelay({}, ({ a, relay }) =>
      withWindow(browser, relay.url, {}, async (page) => {
        const asked: Array<string> = []
        page.on("request", (request) => void asked.push(request.url()))
        const words = [
          "# Head\n\n",
          "A **bold** <b onclick=alert(1)>word</b> <script>document.title='owned'</script> ",
          "[bad](javascript:alert(1)) [good](https://example.com/x) ",
          "![pixel](https://example.com/pixel.png)\n\n",
          "| a | b |\n| - | - |\n| 1 | 2 |\n\n",
          "```js\nconst a = 1\n```\n"
        ]
        a.setDefault(answer({ words }))
        await ask(page, "hello?")
        await ended(page, "whole").waitFor()
        const text = page.locator(".text")
        assert.strictEqual(await text.locator("strong").innerText(), "bold")
        assert.strictEqual(await text.locator("td").count(), 2)
        assert.strictEqual(await text.locator("pre code").innerText(), "const a = 1\n")
        assert.strictEqual(await text.locator("b, script, img").count(), 0)
        assert.deepEqual(
          await text.locator("a").evaluateAll((links) => links.map((link) => link.getAttribute("href"))),
          ["", "https://example.com/x"]
        )
        assert.notStrictEqual(await page.title(), "owned")
        assert.deepEqual(
          asked.filter((url) => !url.startsWith(relay.url)),
          []
        )
        assert.deepEqual(await violations(page), [])
        await keep(page, "markdown", true)
      })
    ))

  it("folds what a model thought before it answered", () =>
    withRelay({}, ({ a, relay }) =>
      withWindow(browser, relay.url, {}, async (page) => {
        a.setDefault(answer({ reasoning: ["Let me ", "see."] }))
        await ask(page, "hello?")
        await ended(page, "whole").waitFor()
        const thought = page.locator(".reasoning p")
        assert.strictEqual(await thought.isVisible(), false)
        await page.getByText("What it thought").click()
        assert.strictEqual(await thought.innerText(), "Let me see.")
      })
    ))

  it("asks the model that it is told, of those that the relay lists or any other", () =>
    withRelay({}, ({ a, relay }) =>
      withWindow(browser, relay.url, {}, async (page) => {
        await until(async () => (await page.locator("datalist option").count()) > 0)
        assert.deepEqual(
          await page
            .locator("datalist option")
            .evaluateAll((options) => options.map((one) => one.getAttribute("value"))),
          ["m"]
        )
        await page.getByLabel("Model").fill("gpt-any")
        await ask(page, "hello?")
        await ended(page, "whole").waitFor()
        assert.strictEqual(a.requests[0]?.body.model, "gpt-any")
      })
    ))

  it("has no buttons that break anything", () =>
    withRelay({}, ({ relay }) =>
      withWindow(browser, relay.url, {}, async (page) => {
        await page.getByRole("heading", { name: "Machine room" }).waitFor()
        await page.getByRole("heading", { name: "a", exact: true }).waitFor()
        for (const name of [/Kill/, /Drop/, /Break/, /Reset/, /Stall/]) {
          assert.strictEqual(await page.getByRole("button", { name }).count(), 0)
        }
        await keep(page, "not-the-demo")
      })
    ))

  it("asks for a token where there are tokens, keeps it in the window, and says when it is wrong", async () => {
    const server = await startFaultServer()
    const relay = await startRelay({
      channels: [channelOf("a", server.url)],
      tokens: [
        { name: "alice", key: "alice-has-this-key" },
        { name: "root", key: "root-has-this-key", admin: true }
      ]
    })
    try {
      await withWindow(browser, relay.url, {}, async (page) => {
        await page.getByRole("heading", { name: "This relay asks for a token" }).waitFor()
        assert.deepEqual(await violations(page), [])
        await keep(page, "token")
        await page.getByLabel("Token").fill("wrong")
        await page.getByRole("button", { name: "Go on" }).click()
        await ask(page, "hello?")
        await page.getByText("The relay does not know this token").waitFor()
        assert.lengthOf(server.requests, 0)

        await page.getByLabel("Token").fill("alice-has-this-key")
        await ask(page, "hello?")
        await ended(page, "whole").waitFor()
        assert.strictEqual(await page.locator(".text").innerText(), whole.trim())
        await page.getByText("shown to an admin's token").waitFor()

        await page.getByLabel("Token").fill("root-has-this-key")
        await page.getByRole("heading", { name: "a", exact: true }).waitFor()
        // It is there after a reload of this window, and nowhere but in it.
        await page.reload()
        await page.getByRole("heading", { name: "a", exact: true }).waitFor()
        assert.notInclude(page.url(), "key")
        assert.strictEqual(await page.evaluate(() => JSON.stringify({ ...localStorage })), "{}")
      })
      await withWindow(browser, relay.url, {}, async (page) => {
        await page.getByRole("heading", { name: "This relay asks for a token" }).waitFor()
      })
    } finally {
      await relay.close()
      await server.close()
    }
  })

  it("says without JavaScript what it needs, and what does not need it", () =>
    withRelay({}, ({ relay }) =>
      withWindow(browser, relay.url, { javaScriptEnabled: false }, async (page) => {
        const text = await page.locator("main").innerText()
        assert.include(text, "needs JavaScript")
        assert.include(text, "curl -N")
      })
    ))

  it("says why it asks again, and counts down to it", () =>
    withRelay({}, ({ a, b, relay }) =>
      withWindow(browser, relay.url, {}, async (page) => {
        // Both channels fail until the relay has given up, once.
        a.enqueue(...Array.from({ length: 2 }, () => resetBeforeHeaders))
        b.enqueue(...Array.from({ length: 2 }, () => resetBeforeHeaders))
        await ask(page, "hello?")
        const waiting = page.locator(".reconnecting")
        await waiting.waitFor()
        assert.match(
          await waiting.innerText(),
          /There was no answer: the connection broke\.\s+Asking again( in \d s)?\s+\(try 1 of 8\)/
        )
        await keep(page, "asking-again")
        await ended(page, "whole").waitFor()
        assert.strictEqual(await page.locator(".text").innerText(), whole.trim())
      })
    ))
})

describe("what the page is made of", () => {
  it("is served under a policy that allows this origin alone, and nothing that stands in the page", () =>
    withRelay({}, async ({ relay }) => {
      const page = await fetch(`${relay.url}/`)
      assert.strictEqual(page.headers.get("cache-control"), "no-store")
      const policy = page.headers.get("content-security-policy") ?? ""
      assert.include(policy, "default-src 'none'")
      assert.notMatch(policy, /unsafe|\*|https?:|data:/)
      const html = await page.text()
      assert.notMatch(html, /<script(?![^>]* src=)|<style| style=| on\w+=/)
      // Nothing is named that is not here.
      assert.deepEqual(
        [...html.matchAll(/(?:src|href)="([^"]+)"/g)].filter(([, url]) => !url!.startsWith("/assets/")),
        []
      )
    }))

  it("has names that change with it, is kept for ever, and comes packed", () =>
    withRelay({}, async ({ relay }) => {
      const html = await (await fetch(`${relay.url}/`)).text()
      const assets = [...html.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(([, url]) => url!)
      assert.isAtLeast(assets.length, 3)
      for (const asset of assets) {
        assert.match(asset, /-[\w-]{8}\.(js|css|svg)$/)
        const answer = await fetch(relay.url + asset)
        assert.strictEqual(answer.status, 200)
        assert.strictEqual(answer.headers.get("cache-control"), "public, max-age=31536000, immutable")
        assert.strictEqual(answer.headers.get("x-content-type-options"), "nosniff")
        assert.strictEqual(answer.headers.get("content-encoding"), "gzip")
        const plain = await fetch(relay.url + asset, { headers: { "accept-encoding": "identity" } })
        assert.isNull(plain.headers.get("content-encoding"))
        const text = await plain.text()
        assert.strictEqual(text, await answer.text())
        // What was packed once is given again.
        assert.strictEqual(text, await (await fetch(relay.url + asset)).text())
        const head = await fetch(relay.url + asset, { method: "HEAD" })
        assert.strictEqual(head.status, 200)
      }
    }))

  it("is nothing else that lies on the disk", () =>
    withRelay({}, async ({ relay }) => {
      for (const name of [
        "..%2Findex.html",
        "%2e%2e%2Fbuilt-from",
        "index.html",
        "none.js",
        "..%2F..%2Fpackage.json"
      ]) {
        assert.strictEqual((await fetch(`${relay.url}/assets/${name}`)).status, 404, name)
      }
    }))

  it("is not there with server.page: false", () =>
    withRelay({ server: { page: false } }, async ({ relay }) => {
      assert.strictEqual((await fetch(`${relay.url}/`)).status, 404)
      assert.strictEqual((await fetch(`${relay.url}/assets/x.js`)).status, 404)
      assert.deepEqual(
        relay.routes.filter(({ path }) => path === "/" || path.startsWith("/assets")),
        []
      )
      assert.strictEqual((await fetch(`${relay.url}/health/live`)).status, 200)
    }))
})
