/**
 * The page at `/admin`: channels and keys that are added, changed and taken away, and the quotas of groups.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import type { Browser, Page } from "playwright-core"
import { callsOf, withAdmin } from "./adminKit.ts"
import { browserPath, keep, launch, violations } from "./kit.ts"

const dialog = (page: Page) => page.getByRole("dialog")
const button = (page: Page, name: string) => page.getByRole("button", { name, exact: true })
const phone = { viewport: { width: 390, height: 844 } }

/** Nothing of the page is wider than it. */
const fits = async (page: Page): Promise<void> =>
  assert.isFalse(await page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth))

describe.skipIf(browserPath === undefined)("channels on the admin page", () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await launch()
  })
  afterAll(() => browser.close())

  it("are added with what the relay says of each field, and their keys are typed once and nowhere kept", () =>
    withAdmin(browser, "#/channels", {}, async (page, server) => {
      await button(page, "New channel").click()
      assert.isTrue(await dialog(page).getByRole("button", { name: "Add it" }).isDisabled())
      await dialog(page).getByLabel("Id").fill("groq")
      await dialog(page).getByLabel("Base URL").fill("api.groq.com/v1")
      await dialog(page).getByLabel("Keys").fill("planted-key-1\nplanted-key-2")
      await dialog(page).getByLabel("Models").fill("llama-*, kimi-k2")
      await dialog(page).getByLabel("Priority").fill("2")
      assert.deepEqual(await violations(page), [])
      await keep(page, "admin-channel-new")
      await dialog(page).getByRole("button", { name: "Add it" }).click()
      await dialog(page).getByText("422 validation_failed").waitFor()
      const url = dialog(page).getByLabel("Base URL")
      assert.strictEqual(await url.getAttribute("aria-invalid"), "true")
      assert.include(await dialog(page).locator(".form-field[data-wrong=true]").innerText(), "expected an http")
      assert.deepEqual(await violations(page), [])
      await url.fill("https://api.groq.com/openai/v1")
      await page.keyboard.press("Enter")
      await page.getByText("groq is added").waitFor()
      const [refused, added] = callsOf(server, "POST", "/admin/channels")
      assert.deepEqual(added?.body, {
        id: "groq",
        dialect: "openai",
        baseUrl: "https://api.groq.com/openai/v1",
        keys: ["planted-key-1", "planted-key-2"],
        models: ["llama-*", "kimi-k2"],
        group: "default",
        priority: 2,
        weight: 1,
        enabled: true
      })
      assert.notStrictEqual(added?.headers["idempotency-key"], refused?.headers["idempotency-key"])
      const card = page.getByRole("article", { name: "groq", exact: true })
      await card.getByText("added by an admin").waitFor()
      assert.strictEqual(await card.locator(".key").count(), 2)
      await button(page, "New channel").click()
      assert.strictEqual(await dialog(page).getByLabel("Keys").inputValue(), "")
      assert.notInclude(await page.content(), "planted")
      assert.notInclude(
        await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, location.href])),
        "planted"
      )
    }))

  it("of the file are changed where the file may be overridden, and an undo gives it back what it had said", () =>
    withAdmin(browser, "#/channels", {}, async (page, server) => {
      await page.getByRole("article", { name: "azure-eu" }).getByText("from the file").waitFor()
      assert.strictEqual(await button(page, "Remove azure-eu").count(), 0)
      assert.strictEqual(await button(page, "Add a key to azure-eu").count(), 0)
      await button(page, "Edit azure-eu").click()
      await dialog(page).getByText("counts over the file").waitFor()
      assert.isFalse(await dialog(page).getByLabel("Base URL").isEditable())
      assert.isFalse(await dialog(page).getByLabel("Group").isEditable())
      // Its priority is an admin's already in the settings of this relay; its weight is the file's.
      for (const setting of server.state.settings) {
        if (setting["path"] === "channels.azure-eu.priority") setting["source"] = "admin"
      }
      await dialog(page).getByLabel("Priority").fill("5")
      await dialog(page).getByLabel("Weight").fill("7")
      assert.deepEqual(await violations(page), [])
      await dialog(page).getByRole("button", { name: "Change it" }).click()
      await page.getByText("azure-eu is changed").waitFor()
      server.state.settings.push({ path: "channels.azure-eu.weight", value: 7, default: 1, source: "admin" })
      await page.getByRole("button", { name: "Undo" }).click()
      await page.getByText("azure-eu is as it was").waitFor()
      const changes = callsOf(server, "PATCH", "/admin/channels/azure-eu").map(({ body }) => body)
      assert.deepEqual(changes, [{ priority: 5, weight: 7 }, { priority: 0 }])
      assert.lengthOf(callsOf(server, "DELETE", "/admin/settings/channels.azure-eu.weight"), 1)
    }))

  it("get a key more, which is not seen again; one is removed by its place if it still stands there", () =>
    withAdmin(browser, "#/channels", phone, async (page, server) => {
      await button(page, "Add a key to vllm-lab").click()
      const input = dialog(page).getByLabel("Key", { exact: true })
      assert.strictEqual(await input.getAttribute("type"), "password")
      await input.fill("planted-key")
      await fits(page)
      assert.deepEqual(await violations(page), [])
      await dialog(page).getByRole("button", { name: "Add it" }).click()
      await page.getByText("vllm-lab has a new key").waitFor()
      assert.deepEqual(callsOf(server, "POST", "/admin/channels/vllm-lab/keys")[0]?.body, { key: "planted-key" })
      assert.notInclude(await page.content(), "planted")
      // Somebody else takes the first one away meanwhile: another key stands in each place.
      await button(page, "Remove key 1 of vllm-lab").click()
      await dialog(page).getByText("2c26b46b").waitFor()
      const channel = server.state.channels.find((one) => one["id"] === "vllm-lab")!
      const keys = channel["keys"] as Array<{ index: number }>
      const [first] = keys.splice(0, 1)
      keys.forEach((key, index) => (key.index = index))
      await dialog(page).getByRole("button", { name: "Remove it" }).click()
      await dialog(page).getByText("Another key stands in its place by now").waitFor()
      assert.lengthOf(callsOf(server, "DELETE", "/admin/channels/vllm-lab/keys/1"), 0)
      keys.unshift(first!)
      keys.forEach((key, index) => (key.index = index))
      await dialog(page).getByRole("button", { name: "Remove it" }).click()
      await page.getByText("Key 1 of vllm-lab is removed").waitFor()
      assert.lengthOf(callsOf(server, "DELETE", "/admin/channels/vllm-lab/keys/1"), 1)
      await button(page, "Remove key 0 of vllm-lab").waitFor()
      await fits(page)
    }))

  it("are taken away after a question that says what is lost; the only key is not", () =>
    withAdmin(
      browser,
      "#/channels",
      {
        prepare: ({ state }) => {
          const channel = state.channels.find((one) => one["id"] === "vllm-lab")!
          ;(channel["keys"] as Array<unknown>).pop()
        }
      },
      async (page, server) => {
        await button(page, "Remove key 0 of vllm-lab").click({ force: true })
        await page.getByText("It is the only one").waitFor()
        assert.strictEqual(await dialog(page).count(), 0)
        await button(page, "Remove vllm-lab").click()
        await dialog(page).getByText("this cannot be undone").waitFor()
        await dialog(page).getByText("(qwen3-32b) is 404 from then on").waitFor()
        assert.deepEqual(await violations(page), [])
        await dialog(page).getByRole("button", { name: "Remove vllm-lab" }).click()
        await page.getByText("vllm-lab is removed").waitFor()
        await page.getByRole("article", { name: "vllm-lab" }).waitFor({ state: "detached" })
        assert.lengthOf(callsOf(server, "DELETE", "/admin/channels/vllm-lab"), 1)
      }
    ))

  it("are changed by nobody who may only look, and each button says why", () =>
    withAdmin(browser, "#/channels", { token: "viewer-key" }, async (page, server) => {
      await button(page, "New channel").click({ force: true })
      await page.locator(".toast").getByText("viewer").waitFor()
      assert.strictEqual(await dialog(page).count(), 0)
      await button(page, "Remove vllm-lab").click({ force: true })
      assert.strictEqual(await dialog(page).count(), 0)
      assert.isTrue(server.calls.every(({ method }) => method === "GET"))
    }))

  it("and the quota of a group is changed for a reason, and taken back", () =>
    withAdmin(browser, "#/ledger", { colorScheme: "dark" }, async (page, server) => {
      const change = button(page, "Change the balance of group lab")
      // What can be done is seen without moving the table.
      const box = await change.boundingBox()
      const table = await page.getByRole("region", { name: "Balances, as a table" }).boundingBox()
      assert.isAtMost(box!.x + box!.width, table!.x + table!.width)
      await change.click()
      await dialog(page).getByText("group lab has 61,000 credits").waitFor()
      await dialog(page).getByLabel("Credits").fill("1000")
      await dialog(page).getByLabel("Reason").fill("a gift")
      assert.deepEqual(await violations(page), [])
      await dialog(page).getByRole("button", { name: "Change it" }).click()
      await page.getByText("The balance of group lab is changed").waitFor()
      await page.getByRole("button", { name: "Undo" }).click()
      await page.getByText("The balance of group lab is as it was").waitFor()
      assert.deepEqual(
        callsOf(server, "POST", "/admin/groups/lab/quota").map(({ body }) => body),
        [
          { add: 1000, reason: "a gift" },
          { add: -1000, reason: "taken back: a gift" }
        ]
      )
      assert.deepEqual(await violations(page), [])
    }))

  it("and a relay without tokens says that nobody is limited, and where what was spent is to be seen", () =>
    withAdmin(
      browser,
      "#/ledger",
      {
        token: undefined,
        tokens: false,
        prepare: ({ state }) => {
          state.tokens.length = 0
          state.groups.length = 0
        }
      },
      async (page) => {
        await page.getByText("Nobody is limited").waitFor()
        await page.getByText("This relay has no tokens").waitFor()
        assert.deepEqual(await violations(page), [])
      }
    ))
})
