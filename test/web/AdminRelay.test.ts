/**
 * The page at `/admin` with the relay itself: what is done on the page is done to the relay.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import type { Browser, Page } from "playwright-core"
import { answer, status } from "../support/behaviour.ts"
import { type FaultServer, startFaultServer } from "../support/FaultServer.ts"
import { channelOf, type RunningRelay, startRelay } from "../support/relay.ts"
import { until } from "../server/kit.ts"
import { browserPath, keep, launch, violations, withWindow } from "./kit.ts"

const bearer = (key: string) => ({ authorization: `Bearer ${key}` })

describe.skipIf(browserPath === undefined)("the admin page of a relay", () => {
  let browser: Browser
  let a: FaultServer
  let b: FaultServer
  let relay: RunningRelay
  beforeAll(async () => {
    browser = await launch()
    a = await startFaultServer()
    b = await startFaultServer()
    a.setDefault(answer({}))
    b.setDefault(answer({}))
    relay = await startRelay({
      server: { secret: "a secret of the relay with enough bytes" },
      quota: { unit: { name: "USD", credits: 1000 } },
      groups: [{ name: "default", quota: { balance: 5_000_000 } }],
      channels: [channelOf("a", a.url), channelOf("b", b.url)],
      tokens: [
        { name: "root", key: "root-has-this-key", admin: true },
        { name: "eyes", key: "eyes-have-this-key", viewer: true }
      ]
    })
  })
  afterAll(async () => {
    await browser.close()
    await relay.close()
    await a.close()
    await b.close()
  })

  const ask = async (key: string): Promise<number> => {
    const asked = await fetch(`${relay.url}/chat?message=hello`, { headers: bearer(key) })
    await asked.text()
    return asked.status
  }
  const dialog = (page: Page) => page.getByRole("dialog")
  const opened = (view: string, key: string, run: (page: Page) => Promise<void>): Promise<void> =>
    withWindow(browser, `${relay.url}/admin#/${view}`, { token: key }, run)

  it("makes a token that can ask, gives it credits, and switches it off", () =>
    opened("tokens", "root-has-this-key", async (page) => {
      await page.getByRole("button", { name: "New token" }).click()
      await dialog(page).getByLabel("Name").fill("mobile")
      await dialog(page).getByLabel("Credits").fill("5000")
      await dialog(page).getByRole("button", { name: "Make it" }).click()
      const key = await dialog(page).locator(".new-key code").innerText()
      await dialog(page).getByLabel("I have put it where it is kept").check()
      await dialog(page).getByRole("button", { name: "Done" }).click()
      assert.strictEqual(await ask(key), 200)
      await page.goto(`${relay.url}/admin#/ledger`)
      await page.getByRole("button", { name: "Change the balance of mobile" }).click()
      await dialog(page).getByLabel("Credits").fill("100")
      await dialog(page).getByLabel("Reason").fill("a gift")
      await dialog(page).getByRole("button", { name: "Change it" }).click()
      await page.locator(".ledger-list").getByText("a gift").waitFor()
      await page.getByText("it adds up").waitFor()
      assert.deepEqual(await violations(page), [])
      await page.goto(`${relay.url}/admin#/tokens`)
      await page.getByRole("button", { name: "Switch off mobile" }).click()
      await dialog(page).getByRole("button", { name: "Switch off" }).click()
      await page.getByText("mobile is off").waitFor()
      assert.strictEqual(await ask(key), 401)
      await page.getByRole("button", { name: "Undo: mobile is off" }).click()
      await page.getByText("mobile is on again").waitFor()
      assert.strictEqual(await ask(key), 200)
    }))

  it("switches a channel off, which is then not asked, and on again by an undo", () =>
    opened("channels", "root-has-this-key", async (page) => {
      await page.getByRole("button", { name: "Disable a", exact: true }).click()
      await dialog(page).getByRole("button", { name: "Disable" }).click()
      await page.getByText("a is disabled").waitFor()
      await page.getByRole("article", { name: "a", exact: true }).getByText("off by hand", { exact: true }).waitFor()
      const before = a.requests.length
      for (let count = 0; count < 4; count++) assert.strictEqual(await ask("root-has-this-key"), 200)
      assert.strictEqual(a.requests.length, before)
      await page.getByRole("button", { name: "Undo" }).click()
      await page.getByText("a is enabled again").waitFor()
      await page.getByRole("button", { name: "Test b", exact: true }).click()
      await dialog(page).getByRole("button", { name: "Test", exact: true }).click()
      await dialog(page).getByText("It answers").waitFor()
    }))

  it("adds a channel that serves at once, gives it a key more, edits it and takes it away; no key is shown", () =>
    opened("channels", "root-has-this-key", async (page) => {
      const asked = () =>
        fetch(`${relay.url}/v1/chat/completions`, {
          method: "POST",
          headers: { ...bearer("root-has-this-key"), "content-type": "application/json" },
          body: JSON.stringify({ model: "brand-new", messages: [{ role: "user", content: "hello?" }] })
        }).then(async (answer) => {
          await answer.text()
          return answer.status
        })
      const open = (name: string) => page.getByRole("button", { name, exact: true }).click()
      await open("New channel")
      await dialog(page).getByLabel("Id").fill("C 1")
      await dialog(page).getByLabel("Base URL").fill(a.url)
      await dialog(page).getByLabel("Keys").fill("planted-key-1")
      await dialog(page).getByLabel("Models").fill("brand-new")
      await dialog(page).getByRole("button", { name: "Add it" }).click()
      await dialog(page).getByText("expected an id of a-z").first().waitFor()
      await dialog(page).getByLabel("Id").fill("c")
      await dialog(page).getByRole("button", { name: "Add it" }).click()
      await page.getByText("c is added").waitFor()
      assert.strictEqual(await asked(), 200)
      assert.strictEqual(a.requests.at(-1)?.headers["authorization"], "Bearer planted-key-1")
      await open("Add a key to c")
      await dialog(page).getByLabel("Key", { exact: true }).fill("planted-key-2")
      await dialog(page).getByRole("button", { name: "Add it" }).click()
      await page.getByText("c has a new key").waitFor()
      await open("Remove key 0 of c")
      await dialog(page).getByRole("button", { name: "Remove it" }).click()
      await page.getByText("Key 0 of c is removed").waitFor()
      assert.strictEqual(await asked(), 200)
      assert.strictEqual(a.requests.at(-1)?.headers["authorization"], "Bearer planted-key-2")
      await open("Edit c")
      await dialog(page).getByLabel("Models").fill("newer")
      await dialog(page).getByRole("button", { name: "Change it" }).click()
      await page.getByText("c is changed").waitFor()
      assert.strictEqual(await asked(), 404)
      await page.getByRole("button", { name: "Undo: c is changed" }).click()
      await page.getByText("c is as it was").waitFor()
      assert.strictEqual(await asked(), 200)
      // Of the file: what is changed is an override, and the file's again after an undo.
      await open("Edit b")
      await dialog(page).getByLabel("Weight").fill("4")
      await dialog(page).getByRole("button", { name: "Change it" }).click()
      await page.getByText("b is changed").waitFor()
      await page.getByRole("button", { name: "Undo: b is changed" }).click()
      await page.getByText("b is as it was").waitFor()
      const settings = await fetch(`${relay.url}/admin/settings?limit=1000`, { headers: bearer("root-has-this-key") })
      const { data } = (await settings.json()) as { data: ReadonlyArray<{ path: string; source: string }> }
      assert.notStrictEqual(data.find(({ path }) => path === "channels.b.weight")?.source, "admin")
      await open("Remove c")
      await dialog(page).getByRole("button", { name: "Remove c" }).click()
      await page.getByText("c is removed").waitFor()
      assert.strictEqual(await asked(), 404)
      assert.notInclude(await page.content(), "planted")
    }))

  it("shows credits as quota.unit calls them, of tokens and of groups", () =>
    opened("ledger", "root-has-this-key", async (page) => {
      await page.getByRole("heading", { name: "Balances in USD" }).waitFor()
      const group = page.getByRole("row", { name: /^default\s*group/ })
      await group.getByText(/^(5,000|4,999)\.\d\d$/).waitFor()
      assert.match((await group.locator("td").first().getAttribute("title")) ?? "", /credits$/)
      await page.getByRole("button", { name: "Change the balance of group default" }).click()
      await dialog(page)
        .getByText(/group default has [\d,]+ credits \([\d,.]+ USD\)/)
        .waitFor()
      await dialog(page).getByLabel("Credits, 1,000 to one USD").fill("1000")
      await dialog(page).getByLabel("Reason").fill("a gift")
      await dialog(page).getByRole("button", { name: "Change it" }).click()
      await page.getByText("The balance of group default is changed").waitFor()
      assert.deepEqual(await violations(page), [])
    }))

  it("changes a setting, and takes it back", () =>
    opened("settings?q=retry.times", "root-has-this-key", async (page) => {
      const times = page.getByLabel("retry.times", { exact: true })
      const before = await times.inputValue()
      await times.fill("7")
      await page.getByRole("button", { name: "See and save" }).click()
      await dialog(page).getByRole("button", { name: "Save" }).click()
      await page.getByText("retry.times is changed").waitFor()
      await page.getByText("set by an admin").waitFor()
      await page.getByRole("button", { name: "Undo" }).click()
      await page.getByText("The settings are as they were").waitFor()
      await until(async () => (await times.inputValue()) === before)
      await times.fill("-1")
      await page.getByRole("button", { name: "See and save" }).click()
      await dialog(page).getByRole("button", { name: "Save" }).click()
      await dialog(page).getByText("422").waitFor()
    }))

  it("says what is wrong: a key that is refused rests", () =>
    opened("now", "root-has-this-key", async (page) => {
      a.setDefault(status(401))
      await until(async () => {
        await ask("root-has-this-key")
        return /"state":"(cooling|disabled)"/.test(
          await (await fetch(`${relay.url}/admin/channels/a`, { headers: bearer("root-has-this-key") })).text()
        )
      })
      await page.getByText(/a: key 0 is (cooling|disabled)/).waitFor({ timeout: 20_000 })
      assert.deepEqual(await violations(page), [])
    }))

  it(
    "tells of a request that failed: among the errors, and attempt by attempt; and counts it",
    () =>
      opened("errors", "root-has-this-key", async (page) => {
        page.setDefaultTimeout(15_000)
        a.setDefault(status(500))
        b.setDefault(status(500))
        const asked = await fetch(`${relay.url}/v1/chat/completions`, {
          method: "POST",
          headers: { ...bearer("root-has-this-key"), "content-type": "application/json" },
          body: JSON.stringify({ model: "m", messages: [{ role: "user", content: "hello?" }] })
        })
        await asked.text()
        assert.isAtLeast(asked.status, 500)
        const id = asked.headers.get("x-request-id") ?? ""
        await until(async () => {
          const found = await fetch(`${relay.url}/admin/requests/${id}`, { headers: bearer("root-has-this-key") })
          return found.status === 200 && (await found.text()).includes('"kind":"request"')
        }, 20_000)
        await page.goto(`${relay.url}/admin#/errors?kind=request&request_id=${id}`)
        await page.locator(".list-rows .list-row").first().click()
        await page.getByRole("complementary", { name: "The chosen row" }).getByText("duration_ms").waitFor()
        await page.goto(`${relay.url}/admin#/request/${id}`)
        await page.getByRole("heading", { name: /attempts?$/i }).waitFor()
        await page.locator(".step-row").first().click()
        assert.isAtLeast(await page.locator(".step-row").count(), 1)
        assert.deepEqual(await violations(page), [])
        await page.goto(`${relay.url}/admin#/now`)
        await page.locator(".figures").waitFor()
        await page.getByRole("img", { name: /^Requests\. \d+ in all/ }).waitFor()
        await page.getByRole("region", { name: "Channels, as a table" }).waitFor()
        assert.strictEqual(await page.getByText("not available").count(), 0)
        await keep(page, "admin-relay-now")
      }),
    60_000
  )

  it("shows a viewer what was done, by whom, and lets it do nothing", () =>
    opened("audit", "eyes-have-this-key", async (page) => {
      await page.getByText("You are looking with a viewer’s token").waitFor()
      await until(async () => (await page.locator(".list-rows .c-who").allInnerTexts()).includes("root"))
      const done = await page.locator(".list-rows .c-path").allInnerTexts()
      assert.include(done, "tokens/mobile")
      assert.include(done, "channels/a")
    }))
})
