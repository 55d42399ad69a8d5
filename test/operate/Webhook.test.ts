/**
 * One post of an alert, over real sockets.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { createHmac } from "node:crypto"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { post } from "#src/operate/WebhookNode"

interface Got {
  readonly headers: IncomingMessage["headers"]
  readonly body: string
}

/** A server that answers each post in some way, for as long as the test. */
const server = (answer: (response: ServerResponse) => void) =>
  Effect.acquireRelease(
    Effect.promise(
      () =>
        new Promise<{ readonly url: Redacted.Redacted; readonly got: Array<Got>; readonly close: () => void }>(
          (resolve) => {
            const got: Array<Got> = []
            const http = createServer((request, response) => {
              let body = ""
              request.on("data", (chunk) => (body += String(chunk)))
              request.on("end", () => {
                got.push({ headers: request.headers, body })
                answer(response)
              })
            })
            http.listen(0, "127.0.0.1", () => {
              const { port } = http.address() as AddressInfo
              const close = () => {
                http.closeAllConnections()
                http.close()
              }
              resolve({ url: Redacted.make(`http://127.0.0.1:${port}/hook`), got, close })
            })
          }
        )
    ),
    ({ close }) => Effect.sync(close)
  )

const body = '{"id":"alert_1","event":"key_disabled"}'

describe("a webhook", () => {
  it.effect("gets what is signed, byte for byte, and who knows the secret can tell", () =>
    Effect.gen(function* () {
      const { got, url } = yield* server((response) => response.writeHead(204).end())
      yield* TestClock.setTime(1_700_000_000_500)
      assert.isTrue(yield* post({ url, secret: Redacted.make("a-secret-of-sixteen") }, body))
      const [{ headers, ...first }] = got as [Got]
      assert.strictEqual(first.body, body)
      assert.strictEqual(headers["content-type"], "application/json")
      assert.strictEqual(headers["x-timestamp"], "1700000000")
      const expected = createHmac("sha256", "a-secret-of-sixteen").update(`1700000000.${body}`).digest("hex")
      assert.strictEqual(headers["x-signature"], `sha256=${expected}`)
    })
  )

  it.effect("without a secret gets no signature", () =>
    Effect.gen(function* () {
      const { got, url } = yield* server((response) => response.writeHead(200).end("ok"))
      assert.isTrue(yield* post({ url, secret: null }, body))
      assert.isUndefined(got[0]?.headers["x-signature"])
    })
  )

  it.effect("that redirects has not taken it, and the other place hears nothing", () =>
    Effect.gen(function* () {
      const elsewhere = yield* server((response) => response.writeHead(200).end())
      const { url } = yield* server((response) =>
        response.writeHead(307, { location: Redacted.value(elsewhere.url) }).end()
      )
      assert.isFalse(yield* post({ url, secret: null }, body))
      assert.deepStrictEqual(elsewhere.got, [])
    })
  )

  it.effect.each([500, 404, 400, 304])("that answers %d has not taken it", (status) =>
    Effect.gen(function* () {
      const { url } = yield* server((response) => response.writeHead(status).end())
      assert.isFalse(yield* post({ url, secret: null }, body))
    })
  )

  it.effect("that is not there has not", () =>
    Effect.gen(function* () {
      assert.isFalse(yield* post({ url: Redacted.make("http://127.0.0.1:1/hook"), secret: null }, body))
    })
  )

  it.effect("that says nothing for ten seconds has not", () =>
    Effect.gen(function* () {
      const { url } = yield* server(() => {})
      const posting = yield* Effect.forkChild(post({ url, secret: null }, body))
      yield* Effect.yieldNow
      yield* TestClock.adjust("10 seconds")
      assert.isFalse(yield* Fiber.join(posting))
    })
  )
})
