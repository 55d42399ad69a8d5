/**
 * The page at `/admin`, in a browser: what is wrong comes first, and what is done about it.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import type { Browser, Page } from "playwright-core"
import { until, withRelay } from "../server/kit.ts"
import { callsOf, withAdmin } from "./adminKit.ts"
import { browserPath, keep, launch, violations } from "./kit.ts"

const phone = { viewport: { width: 390, height: 844 } }

const heading = (page: Page, name: string | RegExp) => page.getByRole("heading", { name })

const dialog = (page: Page) => page.getByRole("dialog")

const views = ["now", "errors", "streams", "channels", "tokens", "ledger", "settings", "audit"] as const

const readyOf = (page: Page) => page.locator(".skeleton-line, [aria-busy=true]")

const settled = (page: Page) => until(async () => (await readyOf(page).count()) === 0)

describe.skipIf(browserPath === undefined)("the admin page", () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await launch()
  })
  afterAll(() => browser.close())

  describe("what is wrong now", () => {
    it("comes first: keys that are disabled, with why and until, circuits, quotas; what is off by hand last", () =>
      withAdmin(browser, "", {}, async (page) => {
        await heading(page, "2 things are wrong").waitFor()
        await page.getByText("checkout has nearly used up its budget").waitFor()
        const issues = (await page.locator(".issue").allInnerTexts()).map((text) => text.replaceAll(/\s+/g, " "))
        assert.match(
          issues[0] ?? "",
          /^Wrong openai-main: key 1 is disabled invalid_api_key .*401 .* tried again in \d min/
        )
        assert.match(issues[1] ?? "", /^Wrong azure-eu: circuit open 12 of 20 attempts failed within 30 s/)
        assert.match(issues[2] ?? "", /^Watch openai-main: key 2 is cooling/)
        assert.match(issues.at(-1) ?? "", /^By hand vllm-lab is off/)
        assert.match(await page.locator(".badge").innerText(), /^2\s+wrong$/)
        assert.match(await page.locator(".figures").innerText(), /Requests\s+2,341\s+Success\s+97\.7%/)
        await settled(page)
        assert.deepEqual(await violations(page), [])
        await keep(page, "admin-now")
      }))

    it("is mended from there: a disabled key is enabled after a question, and that can be undone", () =>
      withAdmin(browser, "", {}, async (page, server) => {
        await page.getByRole("button", { name: "Enable key 1 of openai-main" }).click()
        await dialog(page).getByText("asked again at once").waitFor()
        assert.deepEqual(await violations(page), [])
        await dialog(page).getByRole("button", { name: "Enable" }).click()
        await page.getByText("key 1 of openai-main is enabled").waitFor()
        await heading(page, "One thing is wrong").waitFor()
        const [call] = callsOf(server, "POST", "/admin/channels/openai-main/enable")
        assert.strictEqual(call?.query.get("key"), "1")
        assert.match(String(call?.headers["idempotency-key"]), /^page-[0-9a-f]{32}$/)
        await page.getByRole("button", { name: "Undo" }).click()
        await page.getByText("key 1 of openai-main is disabled again").waitFor()
        assert.lengthOf(callsOf(server, "POST", "/admin/channels/openai-main/disable"), 1)
        await page.getByText("openai-main: key 1 is off").waitFor()
      }))

    it("says that the books are away, and that nothing is wrong where nothing is", () =>
      withAdmin(
        browser,
        "",
        {
          prepare: ({ state }) => {
            state.health = { ready: true, degraded: ["books"] }
            state.channels = state.channels.slice(2, 3)
            state.quotas.clear()
          }
        },
        async (page, server) => {
          await page.getByText("The books are away").waitFor()
          server.state.health = { ready: true }
          await page.reload()
          await heading(page, "Nothing is wrong").waitFor()
          assert.strictEqual(await page.locator(".badge").count(), 0)
        }
      ))

    it("has charts that are read by keys, and say what they show", () =>
      withAdmin(browser, "", {}, async (page) => {
        const chart = page.getByRole("img", { name: /^Requests\. 2,341 in all, \d+ rescued, \d+ failed\./ })
        await chart.focus()
        await page.keyboard.press("ArrowLeft")
        await page.getByText(/^\d\d:\d\d: failed \d+, rescued \d+, well \d+$/).waitFor({ state: "attached" })
      }))
  })

  describe("errors", () => {
    it("goes through 100,000 rows by their cursor, with few of them in the page", () =>
      withAdmin(browser, "#/errors", {}, async (page, server) => {
        const grid = page.getByRole("grid", { name: "Errors, the newest first" })
        await page.getByText("200 rows read, more below").waitFor()
        await grid.focus()
        for (let round = 0; round < 12; round++) {
          await page.keyboard.press("End")
          await until(
            async () =>
              Number((await page.locator(".list-foot").innerText()).replaceAll(/\D/g, "")) >= (round + 2) * 200
          )
        }
        const drawn = await page.locator(".list-rows .list-row").count()
        assert.isBelow(drawn, 80)
        const asked = callsOf(server, "GET", "/admin/errors").filter(({ query }) => query.get("limit") === "200")
        assert.isAtLeast(asked.length, 12)
        // Back to the first, whose rows were dropped and are read again by the same cursor.
        await page.keyboard.press("Home")
        await until(async () => /upstream_error/.test(await page.locator(".list-rows .list-row").first().innerText()))
        await until(async () => (await page.locator(".cell-missing").count()) === 0)
      }))

    it("reaches the very end of a long list", () =>
      withAdmin(browser, "#/errors?code=channel:ttfb_timeout&model=gpt-5-mini&kind=request", {}, async (page) => {
        const grid = page.getByRole("grid")
        await page.getByText(/rows read, more below/).waitFor()
        await grid.focus()
        await until(async () => {
          await page.keyboard.press("End")
          return /^[\d,]+ rows$/.test(await page.locator(".list-foot").innerText())
        }, 60_000)
        const count = Number((await page.locator(".list-foot").innerText()).replaceAll(/\D/g, ""))
        assert.isAbove(count, 500)
        assert.strictEqual(await grid.getAttribute("aria-rowcount"), String(count + 1))
      }))

    it("asks the server once for words that are typed, stops what is old, and has the filters in its address", () =>
      withAdmin(browser, "#/errors", {}, async (page, server) => {
        await page.getByText("200 rows read").waitFor()
        server.faults.set("GET /admin/errors", { delay: 400 })
        await page.getByLabel("Message").pressSequentially("overl", { delay: 30 })
        await page.waitForTimeout(350)
        await page.getByLabel("Message").pressSequentially("oaded", { delay: 30 })
        await page.waitForURL(/#\/errors\?q=overloaded$/)
        await until(async () => {
          const all = await page.locator(".list-rows .c-message").allInnerTexts()
          return all.length > 5 && all.every((text) => text === "" || /overloaded/.test(text))
        })
        const words = callsOf(server, "GET", "/admin/errors")
          .filter(({ query }) => query.get("limit") === "200")
          .map(({ query }) => query.get("q"))
        assert.deepEqual([...new Set(words)], [null, "overl", "overloaded"])
        // An address that is sent shows the same, and the back button goes back.
        await page.getByLabel("Channel").fill("anthropic")
        await page.waitForURL(/q=overloaded&channel=anthropic/)
        await page.reload()
        assert.strictEqual(await page.getByLabel("Channel").inputValue(), "anthropic")
        await until(async () =>
          (await page.locator(".list-rows .c-channel").allInnerTexts()).every((text) => text === "anthropic")
        )
      }))

    it("shows a row, and leads from it to the whole request", () =>
      withAdmin(browser, "#/errors", {}, async (page) => {
        await page.getByText("200 rows read").waitFor()
        await page.getByRole("grid").focus()
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("Enter")
        const detail = page.getByRole("complementary", { name: "The chosen row" })
        await detail.waitFor()
        await page.waitForURL(/row=e_99999/)
        // The next one without closing it.
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("Enter")
        await page.waitForURL(/row=e_99998/)
        assert.match(await detail.innerText(), /upstream_status\s+503/)
        assert.deepEqual(await violations(page), [])
        await keep(page, "admin-errors")
        await page.keyboard.press("Escape")
        await detail.waitFor({ state: "detached" })
        await page.keyboard.press("Enter")
        await detail.getByRole("link", { name: "The whole request" }).click()
        await heading(page, "2 attempts").waitFor()
      }))

    it("tells that newer ones have come, and shows them when asked to", () =>
      withAdmin(browser, "#/errors?q=rate", {}, async (page, server) => {
        await page.getByText("200 rows read").waitFor()
        server.faults.set("GET /admin/errors", { newer: true })
        await page.getByRole("button", { name: /New ones have come/ }).click({ timeout: 25_000 })
        await page.getByText("a brand new rate limit").waitFor()
      }))

    it("gives the rows as a file, with the token in no address", () =>
      withAdmin(browser, "#/errors?channel=azure-eu", {}, async (page, server) => {
        await page.getByText("200 rows read").waitFor()
        const [download] = await Promise.all([
          page.waitForEvent("download"),
          page.getByRole("button", { name: "CSV" }).click()
        ])
        assert.match(download.suggestedFilename(), /^errors-\d{4}-\d\d-\d\d\.csv$/)
        assert.match(readFileSync(await download.path(), "utf8"), /^id,code\ne_100000,x\n/)
        const call = server.calls.find(({ query }) => query.get("format") === "csv")
        assert.strictEqual(call?.query.get("channel"), "azure-eu")
        assert.strictEqual(call?.headers.authorization, "Bearer ops-key")
      }))
  })

  it("draws a request's attempts over its time, with all that is known of each", () =>
    withAdmin(browser, "#/request/req_000000000000000000099990", {}, async (page) => {
      await heading(page, "504 channel:ttfb_timeout").waitFor()
      const steps = (await page.locator(".step-row summary").allInnerTexts()).map((text) =>
        text.replaceAll(/\s+/g, " ").trim()
      )
      assert.deepEqual(steps, ["azure-eu key 0 channel:ttfb_timeout 900 ms", "openai-main key 1 rate_limited 1.4 s"])
      const bars = await page
        .locator(".step-bar")
        .evaluateAll((all) => all.map((bar) => bar.getBoundingClientRect().left))
      assert.isBelow(bars[0] ?? 0, bars[1] ?? 0)
      await page.locator(".step-row summary").nth(1).click()
      await page.locator(".step-row").nth(1).getByText("upstream_status").waitFor()
      assert.deepEqual(await violations(page), [])
      await keep(page, "admin-request")
      await page.getByLabel("Request id").fill("req_not_there")
      await page.keyboard.press("Enter")
      await page.getByText("The log has nothing of this request").waitFor()
    }))

  describe("channels", () => {
    it("are tested with a question that says what it costs, and its outcome is shown", () =>
      withAdmin(browser, "#/channels", {}, async (page, server) => {
        await page.getByRole("button", { name: "Test azure-eu", exact: true }).click()
        await dialog(page).getByRole("button", { name: "Test", exact: true }).click()
        await dialog(page).getByText("It does not answer").waitFor()
        await dialog(page).getByText("503 upstream_error upstream").waitFor()
        await dialog(page).getByRole("button", { name: "Close" }).click()
        await page.getByRole("button", { name: "Test key 2 of openai-main" }).click()
        await dialog(page).getByLabel("Model").fill("gpt-5-mini")
        await dialog(page).getByRole("button", { name: "Test", exact: true }).click()
        await dialog(page).getByText("first content after 312 ms, all after 640 ms").waitFor()
        const [call] = callsOf(server, "POST", "/admin/channels/openai-main/test")
        assert.strictEqual(call?.query.get("key"), "2")
        assert.strictEqual(call?.query.get("model"), "gpt-5-mini")
        assert.deepEqual(await violations(page), [])
      }))

    it("are switched off only after a question; no is no", () =>
      withAdmin(browser, "#/channels", {}, async (page, server) => {
        await page.getByRole("button", { name: "Disable anthropic", exact: true }).click()
        await dialog(page).getByText("stays off until it is switched on").waitFor()
        await page.keyboard.press("Escape")
        await dialog(page).waitFor({ state: "detached" })
        assert.lengthOf(callsOf(server, "POST", "/admin/channels/anthropic/disable"), 0)
        await page.getByRole("button", { name: "Disable anthropic", exact: true }).click()
        await dialog(page).getByRole("button", { name: "Disable" }).click()
        await page.getByRole("button", { name: "Enable anthropic", exact: true }).waitFor()
      }))
  })

  describe("tokens", () => {
    it("are made in a form; the key is shown once, copied, and closed when it is kept", () =>
      withAdmin(browser, "#/tokens", { permissions: ["clipboard-read", "clipboard-write"] }, async (page, server) => {
        await page.getByRole("button", { name: "New token" }).click()
        await dialog(page).getByLabel("Name").fill("checkout")
        await dialog(page).getByRole("button", { name: "Make it" }).click()
        await dialog(page).getByText("a token is called checkout already").waitFor()
        assert.strictEqual(await dialog(page).getByLabel("Name").getAttribute("aria-invalid"), "true")
        assert.deepEqual(await violations(page), [])
        await keep(page, "admin-token-form")
        await dialog(page).getByLabel("Name").fill("mobile")
        await dialog(page).getByLabel("Models").fill("gpt-*, claude-*")
        await dialog(page).getByLabel("Credits").fill("500000")
        await dialog(page).getByRole("button", { name: "Make it" }).click()
        await heading(page, "The key of mobile").waitFor()
        const [first, second] = callsOf(server, "POST", "/admin/tokens")
        assert.deepEqual(second?.body, {
          name: "mobile",
          models: ["gpt-*", "claude-*"],
          group: "default",
          admin: false,
          viewer: false,
          quota: { balance: 500_000 }
        })
        assert.notStrictEqual(first?.headers["idempotency-key"], second?.headers["idempotency-key"])
        await dialog(page).getByRole("button", { name: "Copy the key" }).click()
        assert.match(await page.evaluate(() => navigator.clipboard.readText()), /^sk-relay-[0-9a-f]{40}$/)
        await page.keyboard.press("Escape")
        assert.isTrue(await dialog(page).isVisible())
        await dialog(page).getByLabel("I have put it where it is kept").check()
        await dialog(page).getByRole("button", { name: "Done" }).click()
        await page.getByRole("rowheader", { name: /^mobile/ }).waitFor()
        assert.notInclude(await page.content(), "sk-relay-")
      }))

    it("are changed by what has changed, renewed, switched off and on, and removed", () =>
      withAdmin(browser, "#/tokens", {}, async (page, server) => {
        await page.getByRole("button", { name: "Edit research" }).click()
        await dialog(page).getByLabel("Answers at once").fill("4")
        await dialog(page).getByLabel("Expires").fill("")
        await dialog(page).getByRole("button", { name: "Change it" }).click()
        await page.getByText("research is changed").waitFor()
        assert.deepEqual(callsOf(server, "PATCH", "/admin/tokens/research")[0]?.body, {
          expiresAt: null,
          concurrency: 4
        })

        await page.getByRole("button", { name: "Rotate research" }).click()
        await dialog(page).getByLabel("The old key stays good for").selectOption("10 minutes")
        await dialog(page).getByRole("button", { name: "Rotate" }).click()
        await dialog(page).getByText("sk-relay-rotated-research").waitFor()
        assert.deepEqual(callsOf(server, "POST", "/admin/tokens/research/rotate")[0]?.body, { grace: "10 minutes" })
        await dialog(page).getByLabel("I have put it where it is kept").check()
        await dialog(page).getByRole("button", { name: "Done" }).click()

        await page.getByRole("button", { name: "Switch off research" }).click()
        await dialog(page).getByRole("button", { name: "Switch off" }).click()
        await page.getByRole("button", { name: "Undo" }).click()
        await page.getByText("research is on again").waitFor()

        await page.getByRole("button", { name: "Remove old-integration" }).click()
        await dialog(page).getByText("cannot be undone").waitFor()
        await dialog(page).getByRole("button", { name: "Remove old-integration" }).click()
        await page.getByRole("rowheader", { name: /^old-integration/ }).waitFor({ state: "detached" })
        assert.strictEqual(await page.getByRole("button", { name: "Undo" }).count(), 0)
      }))

    it("of the file are changed in the file: the buttons say so", () =>
      withAdmin(browser, "#/tokens", {}, async (page, server) => {
        const remove = page.getByRole("button", { name: "Remove ops" })
        assert.strictEqual(await remove.getAttribute("aria-disabled"), "true")
        await remove.click({ force: true })
        await page.getByText("It stands in the configuration file, and is changed there.").waitFor()
        assert.lengthOf(callsOf(server, "DELETE", "/admin/tokens/ops"), 0)
      }))
  })

  it("changes a balance for a reason, shows it in the ledger, and takes it back", () =>
    withAdmin(browser, "#/ledger", {}, async (page, server) => {
      await page.getByText("it adds up").waitFor()
      await page.getByRole("button", { name: "Change the balance of support-bot" }).click()
      await dialog(page).getByLabel("Credits").fill("250,000")
      await dialog(page).getByRole("button", { name: "Change it" }).click()
      await dialog(page).getByText("It takes a reason, and a whole number of credits.").waitFor()
      assert.lengthOf(callsOf(server, "POST", "/admin/quota/support-bot"), 0)
      await dialog(page).getByLabel("Reason").fill("invoice 2026-118")
      await dialog(page).getByRole("button", { name: "Change it" }).click()
      await page.getByText("The balance of support-bot is changed").waitFor()
      await page.getByRole("button", { name: "Undo" }).click()
      await page.getByText("The balance of support-bot is as it was").waitFor()
      assert.deepEqual(
        callsOf(server, "POST", "/admin/quota/support-bot").map(({ body }) => body),
        [
          { add: 250_000, reason: "invoice 2026-118" },
          { add: -250_000, reason: "taken back: invoice 2026-118" }
        ]
      )
      await page.getByRole("search").getByLabel("Token").fill("research")
      await until(async () => {
        const all = await page.locator(".list-rows .c-token").allInnerTexts()
        return all.length > 3 && all.every((text) => text === "research")
      })
      await page.getByText("model", { exact: true }).click()
      await page.getByText("claude-opus-4-5").waitFor()
    }))

  describe("settings", () => {
    it("are saved together after a look at what differs, and are as they were after an undo", () =>
      withAdmin(browser, "#/settings", {}, async (page, server) => {
        await page.getByLabel("retry.times", { exact: true }).fill("4")
        await page.getByLabel("timeouts.idle", { exact: true }).fill("90 seconds")
        await page.getByText("2 changes are not saved").waitFor()
        await page.getByRole("button", { name: "See and save" }).click()
        assert.deepEqual(
          (await dialog(page).locator(".diff li").allInnerTexts()).map((text) => text.split(/\s*\n\s*/)),
          [
            ["retry.times", "5", "4"],
            ["timeouts.idle", "60 seconds", "90 seconds"]
          ]
        )
        assert.deepEqual(await violations(page), [])
        await keep(page, "admin-settings-diff")
        await dialog(page).getByRole("button", { name: "Save" }).click()
        await page.getByText("2 settings are changed").waitFor()
        assert.deepEqual(callsOf(server, "PATCH", "/admin/settings")[0]?.body, {
          "retry.times": 4,
          "timeouts.idle": "90 seconds"
        })
        await page.getByRole("button", { name: "Undo" }).click()
        await page.getByText("The settings are as they were").waitFor()
        // What an admin had set is set again; what nobody had set is reset.
        assert.lengthOf(callsOf(server, "DELETE", "/admin/settings/timeouts.idle"), 1)
        assert.deepEqual(callsOf(server, "PATCH", "/admin/settings")[1]?.body, { "retry.times": 5 })
      }))

    it("that are wrong say so where they stand, and none is taken", () =>
      withAdmin(browser, "#/settings?q=retry", {}, async (page) => {
        await page.getByLabel("retry.times", { exact: true }).fill("often")
        await page.getByRole("button", { name: "See and save" }).click()
        await dialog(page).getByRole("button", { name: "Save" }).click()
        await dialog(page).getByText("the settings are not right").waitFor()
        await dialog(page).getByText("422 validation_failed").waitFor()
        await dialog(page).getByRole("button", { name: "Cancel" }).click()
        assert.strictEqual(await page.getByLabel("retry.times", { exact: true }).getAttribute("aria-invalid"), "true")
        await page.getByText("is no number of times").waitFor()
      }))

    it("are reset to where they come from, which can be undone", () =>
      withAdmin(browser, "#/settings?source=admin", {}, async (page, server) => {
        await page.getByRole("button", { name: "Reset retry.times" }).click()
        await dialog(page).getByRole("button", { name: "Reset" }).click()
        await page.getByText("retry.times is reset").waitFor()
        await page.getByRole("button", { name: "Undo" }).click()
        await page.getByText("retry.times is 5 again").waitFor()
        assert.deepEqual(callsOf(server, "PATCH", "/admin/settings")[0]?.body, { "retry.times": 5 })
      }))
  })

  it("cancels a live stream after a question that says who is cut off", () =>
    withAdmin(browser, "#/streams", {}, async (page) => {
      await page.getByRole("button", { name: "Cancel st_7qk2m9x4" }).click()
      await dialog(page).getByText("The answer of checkout ends now").waitFor()
      await dialog(page).getByRole("button", { name: "Cancel the answer" }).click()
      await page.getByRole("rowheader", { name: "st_7qk2m9x4" }).waitFor({ state: "detached" })
    }))

  it("shows in the audit what was changed, from what to what", () =>
    withAdmin(browser, "#/audit", {}, async (page) => {
      await page.getByText("setting.change").waitFor()
      await page.getByRole("grid").focus()
      await page.keyboard.press("ArrowDown")
      await page.keyboard.press("Enter")
      assert.match((await dialog(page).locator(".diff").innerText()).replaceAll(/\s+/g, " "), /retry.times 3 5/)
      assert.deepEqual(await violations(page), [])
    }))

  describe("who may look", () => {
    it("is asked for a token, which is kept in the window and sent in a header", () =>
      withAdmin(browser, "", { token: undefined }, async (page, server) => {
        await page.getByLabel("Token").waitFor()
        assert.lengthOf(server.calls, 0)
        assert.deepEqual(await violations(page), [])
        await page.getByLabel("Token").fill("wrong")
        await page.keyboard.press("Enter")
        await page.getByText("The relay does not know this token").waitFor()
        await page.getByLabel("Token").fill("checkout-key")
        await page.keyboard.press("Enter")
        await page.getByText("This token may not look here").waitFor()
        await page.getByLabel("Token").fill("ops-key")
        await page.keyboard.press("Enter")
        await heading(page, "2 things are wrong").waitFor()
        await page.reload()
        await heading(page, "2 things are wrong").waitFor()
        assert.strictEqual(await page.evaluate(() => JSON.stringify({ ...localStorage })), "{}")
        assert.notInclude(page.url(), "key")
        await page.getByRole("button", { name: "Forget the token" }).click()
        await page.getByLabel("Token").waitFor()
        assert.strictEqual(await page.evaluate(() => sessionStorage.length), 0)
      }))

    it("with a viewer's token sees all of it, and is told why nothing can be changed", () =>
      withAdmin(browser, "#/channels", { token: "viewer-key" }, async (page, server) => {
        await page.getByText("You are looking with a viewer’s token").waitFor()
        const disable = page.getByRole("button", { name: "Disable anthropic", exact: true })
        assert.strictEqual(await disable.getAttribute("aria-disabled"), "true")
        await disable.click({ force: true })
        assert.strictEqual(await dialog(page).count(), 0)
        await page.goto(`${server.url}/admin#/settings`)
        assert.isTrue(await page.getByLabel("retry.times", { exact: true }).isDisabled())
        assert.deepEqual(await violations(page), [])
        assert.deepEqual(
          server.calls.filter(({ method }) => method !== "GET"),
          []
        )
      }))
  })

  describe("when the relay", () => {
    it("refuses, shows its words, its code, the path and the request's id; and the rest of the page goes on", () =>
      withAdmin(
        browser,
        "",
        {
          prepare: ({ faults }) =>
            faults.set("GET /admin/summary", {
              status: 500,
              reason: "query_data_error",
              message: "the books did not answer"
            })
        },
        async (page, server) => {
          const alert = page.getByRole("alert")
          await alert.getByText("the books did not answer").waitFor()
          assert.match(
            (await alert.innerText()).replaceAll(/\s+/g, " "),
            /500 query_data_error GET \/admin\/summary req_\d{24}/
          )
          await heading(page, "2 things are wrong").waitFor()
          assert.deepEqual(await violations(page), [])
          await keep(page, "admin-failed")
          server.faults.clear()
          await alert.getByRole("button", { name: "Try again" }).click()
          await page.locator(".figures").waitFor()
        }
      ))

    it("is gone, keeps what was seen, says so, and goes on by itself when it is back", () =>
      withAdmin(browser, "", {}, async (page, server) => {
        await page.locator(".figures").waitFor()
        server.power(false)
        await page.getByText("The relay does not answer").waitFor({ timeout: 20_000 })
        assert.isTrue(await page.locator(".figures").isVisible())
        await page
          .getByText(/This is from .* ago/)
          .first()
          .waitFor()
        assert.deepEqual(await violations(page), [])
        await keep(page, "admin-offline")
        server.power(true)
        await page.getByText("The relay does not answer").waitFor({ state: "detached", timeout: 20_000 })
      }))

    it("has no such part, says that it is not available, and breaks nothing else", () =>
      withAdmin(
        browser,
        "",
        {
          prepare: ({ absent }) => ["summary", "errors", "quota", "ledger", "usage"].forEach((part) => absent.add(part))
        },
        async (page, server) => {
          await page.getByText("The summary: not available").waitFor()
          await page.getByText("The error log: not available").waitFor()
          await heading(page, "2 things are wrong").waitFor()
          for (const [view, text] of [
            ["errors", "The error log: not available"],
            ["ledger", "The ledger: not available"]
          ] as const) {
            await page.goto(`${server.url}/admin#/${view}`)
            await page.getByText(text).first().waitFor()
          }
          await page.goto(`${server.url}/admin#/tokens`)
          await page.getByRole("rowheader", { name: /^checkout/ }).waitFor()
        }
      ))

    it("is slow, shows that something is to come; a write that got no answer is asked again under the same key", () =>
      withAdmin(browser, "#/streams", {}, async (page, server) => {
        server.faults.set("DELETE /admin/streams/st_b81ns0aa", { drop: true })
        await page.getByRole("button", { name: "Cancel st_b81ns0aa" }).click()
        await dialog(page).getByRole("button", { name: "Cancel the answer" }).click()
        await dialog(page).getByText("The relay did not answer").waitFor()
        server.faults.clear()
        await dialog(page).getByRole("button", { name: "Cancel the answer" }).click()
        await page.getByText("st_b81ns0aa is cancelled").waitFor()
        const keys = callsOf(server, "DELETE", "/admin/streams/st_b81ns0aa").map(
          ({ headers }) => headers["idempotency-key"]
        )
        // A browser tries it again by itself too, where a connection that it had kept is broken.
        assert.isAtLeast(keys.length, 2)
        assert.lengthOf([...new Set(keys)], 1)
        server.faults.set("GET /admin/audit", { delay: 1500 })
        await page.goto(`${server.url}/admin#/audit`)
        await page.getByText("Loading…").waitFor()
        await page.getByText("setting.change").waitFor()
      }))
  })

  describe("by the keyboard alone", () => {
    it("goes anywhere by Ctrl K, to a request by its id, by letters, and says which", () =>
      withAdmin(browser, "", {}, async (page) => {
        await heading(page, "2 things are wrong").waitFor()
        await page.keyboard.press("Control+k")
        await page.getByRole("combobox").waitFor()
        assert.deepEqual(await violations(page), [])
        await page.keyboard.type("azure")
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("Enter")
        await page.waitForURL(/#\/errors\?channel=azure-eu$/)
        await page.keyboard.press("Control+k")
        await page.keyboard.type("req_000000000000000000099990")
        await page.keyboard.press("Enter")
        await heading(page, "2 attempts").waitFor()
        await page.locator("main").focus()
        await page.keyboard.press("g")
        await page.keyboard.press("t")
        await heading(page, "Tokens").waitFor()
        await page.keyboard.press("/")
        await page.keyboard.type("research")
        await page.getByRole("rowheader", { name: /^checkout/ }).waitFor({ state: "detached" })
        await page.locator("main").focus()
        await page.keyboard.press("?")
        await dialog(page).getByLabel("Keys without Ctrl are on").uncheck()
        await page.keyboard.press("Escape")
        await page.keyboard.press("g")
        await page.keyboard.press("c")
        await page.waitForTimeout(200)
        assert.match(page.url(), /#\/tokens$/)
      }))

    it("gives the focus back when a question is closed", () =>
      withAdmin(browser, "#/channels", {}, async (page) => {
        const disable = page.getByRole("button", { name: "Disable anthropic", exact: true })
        await disable.focus()
        await page.keyboard.press("Enter")
        await dialog(page).waitFor()
        await page.keyboard.press("Escape")
        await dialog(page).waitFor({ state: "detached" })
        assert.isTrue(await disable.evaluate((element) => element === document.activeElement))
      }))
  })

  describe.each([
    ["light", { colorScheme: "light" }],
    ["dark", { colorScheme: "dark" }],
    ["a phone's width", phone]
  ] as const)("in %s", (name, options) => {
    it(
      "keeps nobody out, in any view, and is no wider than its window",
      () =>
        withAdmin(browser, "", options, async (page, server) => {
          for (const view of views) {
            await page.goto(`${server.url}/admin#/${view}`)
            await page.locator("h1").waitFor()
            await settled(page)
            assert.deepEqual(await violations(page), [], view)
            const over = await page.evaluate(
              () => document.documentElement.scrollWidth - document.documentElement.clientWidth
            )
            assert.isAtMost(over, 0, view)
            await keep(page, `admin-${view}-${name.replaceAll(/\W+/g, "-")}`)
          }
        }),
      90_000
    )
  })

  it("opens a row over the list in a phone's width, and comes back to it", () =>
    withAdmin(browser, "#/errors", phone, async (page) => {
      await page.locator(".list-rows .list-row").nth(2).click()
      const detail = page.getByRole("complementary", { name: "The chosen row" })
      await detail.waitFor()
      assert.strictEqual((await detail.boundingBox())?.width, 390)
      assert.deepEqual(await violations(page), [])
      await page.getByRole("button", { name: "Close" }).click()
      await detail.waitFor({ state: "detached" })
      await page.getByRole("button", { name: "More filters" }).click()
      await page.getByLabel("Channel").fill("anthropic")
      await page.waitForURL(/channel=anthropic/)
    }))
})

describe("how the admin page is served", () => {
  it("is without a token, holds nothing of the relay, and goes by the page's policy", () =>
    withRelay({}, async ({ relay }) => {
      const answer = await fetch(`${relay.url}/admin`)
      assert.strictEqual(answer.status, 200)
      assert.strictEqual(answer.headers.get("cache-control"), "no-store")
      const start = await fetch(`${relay.url}/`)
      assert.strictEqual(answer.headers.get("content-security-policy"), start.headers.get("content-security-policy"))
      const html = await answer.text()
      assert.notMatch(html, /<script(?![^>]* src=)|<style| style=| on\w+=/)
      const assets = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, url]) => url!)
      for (const asset of assets) assert.strictEqual((await fetch(relay.url + asset)).status, 200, asset)
      // The page at `/` loads nothing that is the admin page's alone.
      const own = assets.filter((asset) => /\/admin-/.test(asset))
      assert.isAtLeast(own.length, 2)
      const other = await start.text()
      for (const asset of own) assert.notInclude(other, asset)
      assert.strictEqual((await fetch(`${relay.url}/admin`, { method: "HEAD" })).status, 200)
      assert.strictEqual((await fetch(`${relay.url}/admin/`)).status, 404)
    }))

  it("is not there with server.page: false, and the API below it is", () =>
    withRelay({ server: { page: false } }, async ({ relay }) => {
      assert.strictEqual((await fetch(`${relay.url}/admin`)).status, 404)
      assert.strictEqual((await fetch(`${relay.url}/admin/streams`)).status, 200)
    }))
})
