/**
 * What an operator sees of requests that were refused: a line each and a count, and of a flood its size.
 */
import { assert, describe, it } from "@effect/vitest"
import { setTimeout as sleep } from "node:timers/promises"
import { cut } from "../support/behaviour.ts"
import { type LogLine, logLines } from "../support/log.ts"
import { read } from "../support/sse.ts"
import { completion, parseRaw, sendRaw, until, withRelay } from "./kit.ts"

const dialect = "/v1/chat/completions"
const prompt = "my-most-private-prompt"
const admin = { authorization: "Bearer ops-secret-token" }
const withTokens = {
  server: { maxBodyBytes: 50_000 },
  tokens: [
    { name: "ops", key: "ops-secret-token", admin: true },
    { name: "alice", key: "alice-secret-token", models: ["gpt-*"] }
  ]
}

const linesOf = (id: string): ReadonlyArray<LogLine> => logLines().filter(({ request_id }) => request_id === id)

const countOf = async (url: string, type: string): Promise<number> => {
  const { text } = await read(`${url}/metrics`, { headers: admin })
  return Number(new RegExp(`^stream_errors_total\\{error_type="${type}"\\} (\\d+)$`, "m").exec(text)?.[1])
}

describe("R14: a request that was refused", () => {
  it(
    "has one line, whatever refused it; and is counted where it was for an answer",
    () =>
      withRelay(withTokens, async ({ relay, a }) => {
        let asked = 0
        const refusals: ReadonlyArray<readonly [string, object, number, string]> = [
          [dialect, { body: completion() }, 401, "unauthorized"],
          [`/chat?message=${prompt}`, {}, 401, "unauthorized"],
          [dialect, { body: { model: "m", [prompt]: 1 }, headers: admin }, 400, "invalid_request"],
          [
            dialect,
            { body: `{"${prompt}`, headers: { ...admin, "content-type": "application/json" } },
            400,
            "bad_request_body"
          ],
          ["/chat", { body: { message: "" }, headers: admin }, 400, "invalid_request"],
          [
            dialect,
            { body: completion(), headers: { authorization: "Bearer alice-secret-token" } },
            404,
            "model_not_found"
          ],
          [dialect, { body: completion({ model: "nobody" }), headers: admin }, 404, "model_not_found"],
          [dialect, { body: "x", headers: { ...admin, "content-type": "text/plain" } }, 415, "unsupported_media_type"],
          [dialect, { body: completion({ x: "x".repeat(60_000) }), headers: admin }, 413, "payload_too_large"],
          [`/chat?message=a&last_event_id=${"A".repeat(22)}.0`, { headers: admin }, 404, "stream_not_found"],
          [
            dialect,
            { body: completion(), headers: { ...admin, "x-filler": "x".repeat(66_000) } },
            431,
            "headers_too_large"
          ],
          // From here on they were for no answer.
          [dialect, { method: "PUT", headers: admin }, 405, "method_not_allowed"],
          ["/metrics", { headers: { authorization: "Bearer alice-secret-token" } }, 403, "access_denied"],
          [`/streams/${"A".repeat(22)}?token=ops-secret-token`, {}, 404, "stream_not_found"],
          ["/v1/models/nobody", { headers: admin }, 404, "model_not_found"],
          [`/nothing?q=${prompt}`, {}, 404, "not_found"],
          ["/v1/messages/count_tokens", { body: {}, headers: admin }, 400, "invalid_request"]
        ]
        const forAnswers = refusals.findIndex(([, request]) => "method" in request)
        for (const [path, request, status, code] of refusals) {
          // A burst is told by its number, which is another promise.
          if (asked++ % 5 === 4) await sleep(1000)
          const { headers: sent, ...rest } = request as { readonly headers?: object }
          const id = `refused-${asked}`
          const response = await read(`${relay.url}${path}`, { ...rest, headers: { ...sent, "x-request-id": id } })
          assert.strictEqual(response.status, status, path)
          const lines = linesOf(id)
          assert.lengthOf(lines, 1, `${path} ${status}`)
          assert.deepInclude(lines[0], {
            level: "warning",
            event: "relay_refused",
            code,
            status_code: status,
            path: path.split("?")[0]
          })
          assert.isString(lines[0]?.["method"])
          assert.notInclude(JSON.stringify(lines), prompt)
          assert.notInclude(JSON.stringify(lines), "secret-token")
        }
        assert.strictEqual(await countOf(relay.url, "validation"), forAnswers)
        assert.lengthOf(a.requests, 0)
      }),
    20_000
  )

  it("has one line where it never became a request, or broke off as one", () =>
    withRelay({}, async ({ relay }) => {
      // That it has started is written at the end of a turn.
      await sleep(10)
      const head = `POST ${dialect} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n`
      for (const [raw, status, path] of [
        ["GET /chat?message=a HTTP/1.1\r\nhost: localhost\r\nx a: b\r\n\r\n", 400, "/chat"],
        [`GET ${dialect} HTTP/1.1\r\n\r\n`, 400, dialect],
        [`${head}transfer-encoding: chunked\r\n\r\nzz\r\n\r\n`, 400, dialect],
        // In the middle of a body it is known whose it is, also where its head came long before.
        [[`${head}x-request-id: mine\r\ntransfer-encoding: chunked\r\n\r\n`, '5\r\n{"a":\r\n', "zz\r\n"], 400, dialect]
      ] as const) {
        const before = logLines().length
        const { body, headers, status: answered } = parseRaw(await sendRaw(relay.port, raw))
        assert.strictEqual(answered, status)
        if (path === dialect) assert.include(body, '"type":"invalid_request_error"')
        if (typeof raw !== "string") assert.strictEqual(headers["x-request-id"], "mine")
        await sleep(100)
        const lines = logLines().slice(before)
        assert.deepEqual(
          lines.map(({ event, path, request_id, status_code }) => [event, path, request_id, status_code]),
          [["relay_refused", path, headers["x-request-id"], status]]
        )
      }
      // Half a body and gone: nobody was refused anything.
      const before = logLines().length
      await sendRaw(relay.port, `${head}content-length: 100\r\n\r\n{`, 30)
      await sleep(100)
      assert.lengthOf(logLines().slice(before), 0)
      const preflight = await read(`${relay.url}${dialect}`, {
        method: "OPTIONS",
        headers: {
          origin: "https://evil.example",
          "access-control-request-method": "POST",
          "x-request-id": "preflight"
        }
      })
      assert.strictEqual(preflight.status, 403)
      assert.deepInclude(linesOf("preflight")[0], { event: "relay_refused", status_code: 403, method: "OPTIONS" })
    }))

  it("is not told twice: an answer that was begun has its own line", () =>
    withRelay({}, async ({ relay, a, b }) => {
      a.setDefault(cut(0, "reset"))
      b.setDefault(cut(0, "reset"))
      for (const stream of [true, false]) {
        const id = `begun-${stream}`
        await read(`${relay.url}${dialect}`, { body: completion({ stream }), headers: { "x-request-id": id } })
        await until(() => linesOf(id).some(({ event }) => event === "stream_error"))
        assert.notInclude(
          linesOf(id).map(({ event }) => event),
          "relay_refused"
        )
      }
    }))

  it("in a flood is told up to ten times a second, and then as a number", () =>
    withRelay({}, async ({ relay }) => {
      const before = logLines().length
      const began = performance.now()
      await Promise.all(Array.from({ length: 200 }, () => read(`${relay.url}/chat?message=`)))
      const seconds = Math.ceil((performance.now() - began) / 1000)
      await sleep(1100)
      const lines = logLines()
        .slice(before)
        .filter(({ event }) => event === "relay_refused")
      const told = lines.filter((line) => line["request_id"] !== undefined)
      const rest = lines.reduce((sum, line) => sum + Number(line["left_out"] ?? 0), 0)
      assert.strictEqual(told.length + rest, 200)
      assert.isAtMost(told.length, 10 * (seconds + 1))
      const { text } = await read(`${relay.url}/metrics`)
      assert.match(text, /^stream_errors_total\{error_type="validation"\} 200$/m)
    }))
})
