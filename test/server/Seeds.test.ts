/**
 * What five routes do in other houses, one of each, `/chat` does at once: it is robust, limited, keeps what was delivered,
 * is logged and is counted.
 */
import { assert, describe, it } from "@effect/vitest"
import { cut } from "../support/behaviour.ts"
import { logLines } from "../support/log.ts"
import { read } from "../support/sse.ts"
import { withRelay } from "./kit.ts"

const metricOf = (text: string, series: string): number =>
  Number(
    text
      .split("\n")
      .find((line) => line.startsWith(`${series} `))
      ?.split(" ")[1]
  )

describe("/chat", () => {
  it("is the five routes of the first seed at once", () =>
    withRelay({ rateLimit: { requests: 3, per: "1 minute" }, recovery: { mode: "off" } }, async ({ a, relay }) => {
      const ask = (message: string) => read(`${relay.url}/chat?message=${encodeURIComponent(message)}&model=m`)

      // Robust: what is wrong with a request is told before anything streams; a good one has init, content and done.
      const wrong = await ask("x".repeat(2001))
      assert.deepStrictEqual([wrong.status, wrong.events], [400, []])
      const good = await ask("hello")
      const [init, ...rest] = good.events
      const done = rest.at(-1)
      assert.deepInclude(init, { event: "init" })
      assert.deepInclude(init?.json, { status: "started", model: "m" })
      assert.deepInclude(done, { event: "done" })

      // Partial: an answer that breaks tells what was delivered, and whether asking again may help.
      a.enqueue(cut(3, "reset"))
      const broken = await ask("hello")
      const error = broken.events.at(-1)
      const delivered = broken.events
        .filter(({ event }) => event === undefined || event === "message")
        .map(({ json }) => String(json?.["content"]))
        .join("")
      assert.isNotEmpty(delivered)
      assert.deepInclude(error, { event: "error" })
      assert.deepInclude(error?.json, {
        partial_content: delivered,
        partial_length: [...delivered].length,
        recoverable: true,
        severity: "error",
        type: "llm_error"
      })

      // Limited: over the limit it says when to come again, and no upstream was asked.
      const asked = a.requests.length
      const limited = await ask("hello")
      assert.strictEqual(limited.status, 429)
      assert.isAbove(Number(limited.headers["retry-after"]), 0)
      assert.lengthOf(a.requests, asked)

      // Logged: by request id, from its beginning to its end.
      const events = (id: unknown) =>
        logLines()
          .filter((line) => line["request_id"] === id)
          .map(({ event }) => event)
      assert.includeMembers(events(init?.json?.["request_id"]), ["stream_started", "stream_completed", "stream_closed"])
      assert.includeMembers(events(error?.json?.["request_id"]), ["stream_started", "stream_error", "stream_closed"])

      // Counted.
      const { text } = await read(`${relay.url}/metrics`)
      assert.strictEqual(metricOf(text, "stream_requests_total"), 2)
      assert.strictEqual(metricOf(text, 'stream_errors_total{error_type="llm_error"}'), 1)
      assert.strictEqual(metricOf(text, 'stream_errors_total{error_type="rate_limit"}'), 1)
      assert.strictEqual(metricOf(text, "active_streams"), 0)
    }))
})
