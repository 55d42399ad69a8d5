/**
 * Real clients of `/chat` that reconnect by themselves: a browser's `EventSource`, and the one from npm.
 * What the page at `/` shows is in `test/web`.
 *
 * `CHROMIUM` names a browser.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { EventSource as PackageEventSource } from "eventsource"
import { createServer as createHttpServer } from "node:http"
import { type AddressInfo, connect, createServer, type Socket } from "node:net"
import type { Browser, Page } from "playwright-core"
import { answer, cut } from "../support/behaviour.ts"
import { findBrowser, launchBrowser } from "../support/browser.ts"
import { logLines } from "../support/log.ts"
import { whole } from "./matrix.ts"
import { sleep, until, withRelay } from "./kit.ts"

const path = findBrowser()

/** What an `EventSource` went through. */
interface Course {
  readonly text: string
  readonly events: ReadonlyArray<string>
  readonly full: string | undefined
  readonly opened: number
  readonly state: number
}

/** A wire to a port, which can be cut. */
const startWire = async (port: number) => {
  const sockets = new Set<Socket>()
  const server = createServer((near) => {
    const far = connect(port, "127.0.0.1")
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on("error", () => {})
      socket.once("close", () => {
        near.destroy()
        far.destroy()
        sockets.delete(socket)
      })
    }
    near.pipe(far).pipe(near)
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const cut = (): void => sockets.forEach((socket) => socket.destroy())
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut,
    close: (): void => {
      server.close()
      cut()
    }
  }
}

describe.skipIf(path === undefined)("in a browser", () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await launchBrowser(path!)
  })
  afterAll(() => browser.close())

  const withPage = async (url: string, run: (page: Page) => Promise<void>): Promise<void> => {
    const page = await browser.newPage({ viewport: { width: 900, height: 640 } })
    const complaints: Array<string> = []
    page.on("pageerror", (error) => void complaints.push(error.message))
    page.on("console", (message) => void (message.type() === "error" && complaints.push(message.text())))
    try {
      await page.goto(`${url}/`)
      await run(page)
      // No page asks for an icon that is not there, breaks its own policy, or throws.
      const own = complaints.filter((text) => !text.includes("ERR_INCOMPLETE_CHUNKED_ENCODING"))
      assert.deepEqual(own, [])
    } finally {
      await page.close()
    }
  }

  it.concurrent("a native EventSource comes back after done, gets its 204, stays closed, and the model was asked once", () =>
    withRelay({}, async ({ relay, a }) => {
      a.setDefault(answer({ delay: 5 }))
      await withPage(relay.url, async (page) => {
        const statuses: Array<number> = []
        page.on("response", (response) => {
          if (response.url().includes("/chat?")) statuses.push(response.status())
        })
        await page.evaluate(() => {
          const course = { text: "", events: new Array<string>(), full: undefined, opened: 0, state: 0 }
          const source = new EventSource("/chat?message=hello")
          const said = (event: MessageEvent) => JSON.parse(event.data)
          source.addEventListener("open", () => course.opened++)
          for (const name of ["init", "done"]) {
            source.addEventListener(name, (event) => {
              course.events.push(name)
              course.full = said(event).full_content
            })
          }
          source.addEventListener("message", (event) => (course.text += said(event).content))
          source.addEventListener("error", () => (course.state = source.readyState))
          Object.assign(globalThis, { course })
        })
        const course = () => page.evaluate(() => (globalThis as unknown as { readonly course: Course }).course)
        await until(async () => (await course()).state === 2, 12_000)
        // It does not come back once more.
        await sleep(300)
        assert.deepEqual(await course(), {
          text: whole,
          events: ["init", "done"],
          full: whole,
          opened: 1,
          state: 2
        })
        assert.deepEqual(statuses, [200, 204])
      })
      assert.lengthOf(a.requests, 1)
    }))

  it.concurrent("an EventSource whose connection is cut comes back for the rest by itself", () =>
    withRelay({}, async ({ relay, a }) => {
      a.setDefault(answer({ delay: 40 }))
      const wire = await startWire(relay.port)
      await withPage(wire.url, async (page) => {
        await page.evaluate(() => {
          const course = { text: "", events: new Array<string>() }
          const source = new EventSource("/chat?message=hello")
          source.addEventListener("message", (event) => {
            course.text += JSON.parse(event.data).content
            course.events.push(event.lastEventId)
          })
          source.addEventListener("done", () => {
            course.events.push("done")
            source.close()
          })
          Object.assign(globalThis, { course })
        })
        const course = () => page.evaluate(() => (globalThis as unknown as { readonly course: Course }).course)
        await until(async () => (await course()).events.length >= 5)
        wire.cut()
        await until(async () => (await course()).events.at(-1) === "done", 12_000)
        assert.strictEqual((await course()).text, whole)
      }).finally(wire.close)
      assert.lengthOf(a.requests, 1)
    }))

  it.concurrent("S4: a page of another site can embed nothing that spends or shows, and can link to the page", () =>
    withRelay({}, async ({ relay, a, b }) => {
      const chat = `${relay.url}/chat?message=hello`
      const embeds = [
        `<img src="${chat}&as=img">`,
        `<script src="${chat}&as=script"></script>`,
        `<link rel="stylesheet" href="${relay.url}/metrics?as=style">`,
        `<iframe src="${relay.url}/?as=frame"></iframe>`,
        `<iframe src="${chat}&as=frame"></iframe>`,
        `<a href="${relay.url}/">the page</a>`
      ]
      const foreign = createHttpServer((_, response) => {
        response.writeHead(200, { "content-type": "text/html", "referrer-policy": "no-referrer" })
        response.end(`<!doctype html><title>foreign</title>${embeds.join("")}`)
      })
      await new Promise<void>((resolve) => foreign.listen(0, "127.0.0.1", resolve))
      const { port } = foreign.address() as AddressInfo
      // By a name, where the relay has a number, it is another site; by a number it is the same one on another port.
      for (const host of ["localhost", "127.0.0.1"]) {
        const page = await browser.newPage()
        // What a browser hides of what it was refused, the relay tells.
        const before = logLines().length
        const refused = () =>
          logLines()
            .slice(before)
            .filter(({ event }) => event === "relay_refused")
            .map(({ path, status_code }) => `${String(path)} ${String(status_code)}`)
            .toSorted()
        try {
          await page.goto(`http://${host}:${port}/`)
          await until(() => refused().length >= 5)
          assert.deepEqual(refused(), ["/ 403", "/chat 403", "/chat 403", "/chat 403", "/metrics 403"], host)
          await page.click("a")
          await page.locator("#ask").waitFor()
          assert.lengthOf(refused(), 5)
        } finally {
          await page.close()
        }
      }
      foreign.close()
      assert.lengthOf([...a.requests, ...b.requests], 0)
    }))
})

describe("the EventSource of npm", () => {
  it.concurrent("comes back after done, gets its 204, stays closed, and the model was asked once", () =>
    withRelay({}, async ({ relay, a }) => {
      a.setDefault(cut(9, "reset"))
      const statuses: Array<number> = []
      const source = new PackageEventSource(`${relay.url}/chat?message=hello`, {
        fetch: async (url, init) => {
          const response = await fetch(url, init)
          statuses.push(response.status)
          return response
        }
      })
      let text = ""
      const done: Array<string> = []
      source.addEventListener("message", (event) => (text += (JSON.parse(event.data) as { content: string }).content))
      source.addEventListener("done", (event) => void done.push(event.data as string))
      try {
        await until(() => source.readyState === PackageEventSource.CLOSED, 12_000)
        assert.strictEqual(text, whole)
        assert.lengthOf(done, 1)
        assert.deepEqual(statuses, [200, 204])
        assert.lengthOf(a.requests, 1)
      } finally {
        source.close()
      }
    }))
})
