/**
 * Two attempts side by side over real sockets: what clients get, when sockets are closed, and what operators are told.
 */
import { assert, describe, it } from "@effect/vitest"
import OpenAI from "openai"
import { answer, headersOnly, silence, status } from "../support/behaviour.ts"
import { logLines } from "../support/log.ts"
import { contentOf, open, read } from "../support/sse.ts"
import { completion, until, type World, withRelay } from "./kit.ts"
import { whole } from "./matrix.ts"

/** For what must be quick: one after the other, and again where the machine had other things to do. */
const quick = { retry: 2 }

const patient = {
  timeouts: { headers: "20 seconds", firstContent: "20 seconds", idle: "20 seconds", total: "30 seconds" },
  retry: { hedgeAfter: "150 millis" }
}

const metric = async ({ relay }: World, name: string): Promise<number> => {
  const { text } = await read(`${relay.url}/metrics`)
  const line = text.split("\n").find((one) => one.startsWith(`${name} `))
  return Number(line?.slice(name.length + 1) ?? 0)
}

describe("retry.hedgeAfter, over sockets", () => {
  it.each([
    ["a channel that says nothing", silence],
    ["a channel that sends comments for ever", headersOnly(20)]
  ])("R28: %s beside a healthy one: the answer comes at once, and its socket is closed", quick, (_, behaviour) =>
    withRelay(patient, async (world) => {
      world.a.setDefault(behaviour)
      const asked = performance.now()
      const live = await open(`${world.relay.url}/chat?message=hello`)
      await live.until(() => live.events.some(({ event }) => event === "message"))
      const first = live.events.find(({ event }) => event === "message")!.at
      assert.isBelow(first - asked, 1000)
      const closedAt = await world.a.requests[0]!.closed
      assert.isBelow(closedAt - first, 100)
      assert.isFalse(world.a.requests[0]!.finished)
      await live.until(() => live.events.some(({ event }) => event === "done"))
      assert.strictEqual(contentOf(live.events), whole)
      assert.deepInclude(live.events.find(({ event }) => event === "attempt")?.json, {
        attempt: 2,
        delay_ms: 0,
        reason: "channel:response_time_exceeded",
        from: "a",
        to: "b"
      })
      assert.strictEqual(live.events.at(-1)?.json?.["attempts"], 2)
    })
  )

  it("an SDK streams it, and is told of both attempts", () =>
    withRelay(patient, async (world) => {
      world.a.setDefault(silence)
      const client = new OpenAI({ baseURL: `${world.relay.url}/v1`, apiKey: "none", maxRetries: 0 })
      const { data, response } = await client.chat.completions
        .create(completion({ stream: true }) as never)
        .withResponse()
      assert.strictEqual(response.headers.get("x-attempts"), "a=cancelled,b=200")
      let text = ""
      for await (const chunk of data as unknown as AsyncIterable<OpenAI.ChatCompletionChunk>) {
        text += chunk.choices[0]?.delta.content ?? ""
      }
      assert.strictEqual(text, whole)
      assert.strictEqual(await metric(world, 'relay_attempts_total{channel="a",class="cancelled"}'), 1)
      assert.strictEqual(await metric(world, 'relay_attempts_total{channel="b",class="ok"}'), 1)
      assert.strictEqual(await metric(world, "relay_failovers_total"), 1)
      // Slower than another is nobody's fault.
      assert.strictEqual(await metric(world, 'relay_channel_state{channel="a"}'), 0)
      const requestId = response.headers.get("x-request-id")
      const lines = logLines().filter((line) => line["request_id"] === requestId && line.event === "attempt_failed")
      assert.deepStrictEqual(
        lines.map((line) => [line["channel"], line["attempt"], line["class"], line["code"]]),
        [["a", 1, "cancelled", "stream_cancelled"]]
      )
      assert.include(String(lines[0]?.["error"]), "beside it")
    }))

  it("a whole answer waits for it no longer than a stream", () =>
    withRelay(patient, async (world) => {
      world.a.setDefault(silence)
      const asked = performance.now()
      const got = await read(`${world.relay.url}/v1/chat/completions`, { body: completion({ stream: false }) })
      assert.strictEqual(got.status, 200)
      assert.strictEqual(got.headers["x-attempts"], "a=cancelled,b=200")
      assert.strictEqual(
        (JSON.parse(got.text) as { choices: ReadonlyArray<{ message: { content: string } }> }).choices[0]?.message
          .content,
        whole
      )
      assert.isBelow(performance.now() - asked, 3000)
    }))

  it("the first content is the first one's: the second is closed, and nothing of it is in the answer", quick, () =>
    withRelay(patient, async (world) => {
      world.a.setDefault(answer({ headersAfter: 300, delay: 5 }))
      world.b.setDefault(answer({ words: ["not", " this"], headersAfter: 2000 }))
      const got = await read(`${world.relay.url}/v1/chat/completions`, { body: completion() })
      assert.strictEqual(got.headers["x-attempts"], "b=cancelled,a=200")
      assert.notInclude(got.text, "not")
      await until(() => world.b.requests[0]?.closedAt !== undefined)
      assert.isFalse(world.b.requests[0]!.finished)
    })
  )

  it("one fails, the other goes on alone", () =>
    withRelay(patient, async (world) => {
      world.a.setDefault(answer({ headersAfter: 600 }))
      world.b.setDefault(status(500))
      const got = await read(`${world.relay.url}/v1/chat/completions`, { body: completion() })
      assert.strictEqual(got.status, 200)
      assert.strictEqual(got.headers["x-attempts"], "b=500,a=200")
      assert.lengthOf(world.a.requests, 1)
    }))

  it("a client that leaves closes both within 100 ms", quick, () =>
    withRelay(patient, async (world) => {
      world.a.setDefault(silence)
      world.b.setDefault(headersOnly(20))
      const gone = new AbortController()
      const asked = fetch(`${world.relay.url}/v1/chat/completions`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(completion()),
        signal: gone.signal
      }).catch(() => undefined)
      await world.b.received(1)
      const left = performance.now()
      gone.abort()
      await asked
      for (const { requests } of [world.a, world.b]) {
        assert.lengthOf(requests, 1)
        assert.isBelow((await requests[0]!.closed) - left, 100)
      }
    })
  )

  it("a client that leaves when one is left: the log names that one, and not who was begun last", () =>
    withRelay(patient, async (world) => {
      world.a.setDefault(answer({ headersAfter: 400, delay: 50 }))
      world.b.setDefault(silence)
      const live = await open(`${world.relay.url}/v1/chat/completions`, { body: completion() })
      await live.until(() => live.events.length >= 4)
      assert.lengthOf(world.b.requests, 1)
      live.cut()
      const lines = () =>
        logLines().filter(
          (line) =>
            line["request_id"] === live.headers["x-request-id"] &&
            (line.event === "stream_error" || line.event === "stream_closed")
        )
      await until(() => lines().length === 2)
      assert.deepStrictEqual(
        lines().map((line) => line["channel"]),
        ["a", "a"]
      )
      await until(async () => (await metric(world, "active_streams")) === 0)
    }))

  it("is none by default", () =>
    withRelay({ timeouts: patient.timeouts }, async (world) => {
      world.a.setDefault(answer({ headersAfter: 500 }))
      const { events } = await read(`${world.relay.url}/chat?message=hello`)
      assert.strictEqual(contentOf(events), whole)
      assert.lengthOf(world.b.requests, 0)
    }))
})
