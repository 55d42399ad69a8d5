/**
 * What others wrote is quoted back, kept with an answer and logged, but never at any length.
 */
import { assert, describe, it } from "@effect/vitest"
import { startFaultServer } from "../support/FaultServer.ts"
import { answer, status } from "../support/behaviour.ts"
import { logLines } from "../support/log.ts"
import { channelOf, startRelay } from "../support/relay.ts"
import { open, type RawRequest, read } from "../support/sse.ts"
import { completion, streamIdOf, withRelay } from "./kit.ts"

const dialect = "/v1/chat/completions"
const book = "n".repeat(5_000_000)

/** A response, its head and its body, is some kilobytes; and so is each line of the log. */
const isShort = async (url: string, request: RawRequest, expected: number): Promise<string> => {
  const response = await read(url, request)
  assert.strictEqual(response.status, expected, response.text.slice(0, 300))
  assert.isBelow(response.text.length + JSON.stringify(response.headers).length, 14_000, url.slice(0, 80))
  for (const line of logLines()) assert.isBelow(JSON.stringify(line).length, 17_000)
  return response.text
}

describe("S15: what is quoted", () => {
  it("of a body is cut: names of fields, one and many, in every dialect", () =>
    withRelay({}, async ({ relay, a }) => {
      const user = [{ role: "user", content: "hello" }]
      const names = Object.fromEntries(Array.from({ length: 80 }, (_, at) => [`${at}${"m".repeat(60_000)}`, 1]))
      const messages = [{ role: "user", content: "x", [book]: 1 }]
      await isShort(`${relay.url}/chat`, { body: { message: "a", [book]: 1 } }, 400)
      await isShort(`${relay.url}/chat`, { body: { message: "a", ...names } }, 400)
      await isShort(`${relay.url}/chat`, { body: { messages } }, 400)
      await isShort(`${relay.url}/chat`, { body: { message: "a", model: book } }, 400)
      await isShort(`${relay.url}${dialect}`, { body: { model: book, messages: user } }, 400)
      const wrong = Array.from({ length: 200 }, () => ({ role: 5 }))
      await isShort(`${relay.url}${dialect}`, { body: { model: "m", messages: wrong } }, 400)
      await isShort(`${relay.url}/v1/messages`, { body: { model: "m", max_tokens: 1, messages: wrong } }, 400)
      await isShort(`${relay.url}/v1/messages`, { body: { model: "m", max_tokens: 1, messages: user, [book]: 1 } }, 400)
      await isShort(`${relay.url}/streams/${"A".repeat(22)}`, { method: "DELETE", body: { [book]: 1 } }, 400)
      a.reset()
    }))

  it("of a head is cut: path, model, query, media type, coding, what a page would send", () =>
    withRelay({ server: { origins: ["https://app.example.com"] } }, async ({ relay }) => {
      const long = "l".repeat(60_000)
      for (const accept of ["*/*", "application/problem+json"]) {
        await isShort(`${relay.url}/${long}`, { headers: { accept } }, 404)
      }
      await isShort(`${relay.url}/v1/models/${long}`, {}, 404)
      await isShort(`${relay.url}/chat?message=a&${long}=1`, {}, 400)
      await isShort(`${relay.url}/chat`, { body: "x", headers: { "content-type": long } }, 415)
      const coded = { "content-type": "application/json", "content-encoding": long }
      await isShort(`${relay.url}/chat`, { body: "x", headers: coded }, 415)
      const preflight = { "access-control-request-method": "POST", "access-control-request-headers": long }
      const headers = { origin: "https://app.example.com", ...preflight }
      await isShort(`${relay.url}/chat`, { method: "OPTIONS", headers }, 204)
    }))

  it("of a cancellation is cut: its reason and its path", () =>
    withRelay({}, async ({ relay, a }) => {
      a.setDefault(answer({ delay: 30 }))
      const live = await open(`${relay.url}/chat?message=hello`)
      await live.until(() => live.events.length >= 3)
      const headers = { "x-cancel-path": Array.from({ length: 3000 }, (_, at) => `service-${at}`).join(",") }
      const path = `${relay.url}/streams/${streamIdOf(live.events)}`
      await isShort(path, { method: "DELETE", body: { reason: `because ${book}` }, headers }, 202)
      const { events } = await live.done
      const { data, event, json } = events.at(-1)!
      assert.strictEqual(event, "error")
      assert.isBelow(data.length, 4000)
      const fault = json?.["fault"] as { readonly message: string; readonly path: ReadonlyArray<string> }
      assert.match(fault.message, /^because n{1000,1024}…$/)
      assert.deepEqual(fault.path.slice(0, 2), ["service-0", "service-1"])
      assert.lengthOf(fault.path, 65)
    }))

  it("of a request that nobody has words for is cut, and of what was dropped", async () => {
    const server = await startFaultServer()
    for (const [onUnsupported, expected] of [
      ["skip", 400],
      // The upstream of the test speaks another dialect than it is asked in: what counts is how long the answer is.
      ["drop", 502]
    ] as const) {
      const relay = await startRelay({
        retry: { times: 0 },
        channels: [channelOf("a", server.url, { dialect: "anthropic", onUnsupported })]
      })
      const names = Object.fromEntries(Array.from({ length: 500 }, (_, at) => [`${at}${"m".repeat(5000)}`, 1]))
      await isShort(`${relay.url}${dialect}`, { body: completion({ stream: false, [book]: 1 }) }, expected)
      await isShort(`${relay.url}${dialect}`, { body: completion({ stream: false, ...names }) }, expected)
      await relay.close()
    }
    await server.close()
  })

  it("of an upstream is cut: its message, its code, its type", () =>
    withRelay({}, async ({ relay, a, b }) => {
      const error = { message: `too long ${book}`, code: book.slice(1), type: book.slice(2), param: book.slice(3) }
      for (const server of [a, b]) server.setDefault(status(400, { body: { error } }))
      const text = await isShort(`${relay.url}${dialect}`, { body: completion() }, 400)
      assert.include(text, "too long nnn")
      await isShort(`${relay.url}/chat?message=a`, {}, 200)
    }))
})
