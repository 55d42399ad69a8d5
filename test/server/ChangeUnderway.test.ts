/**
 * Settings, channels and tokens that change while answers are under way: an answer keeps what it began with to its end,
 * and the next request sees what there is now. Over real sockets.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { request } from "node:http"
import { fillIn } from "#src/settings/index"
import { answer, cut, status } from "../support/behaviour.ts"
import { startFaultServer } from "../support/FaultServer.ts"
import { channelOf, startRelay } from "../support/relay.ts"
import { contentOf, open, read } from "../support/sse.ts"
import { completion, sleep, until, withRelay } from "./kit.ts"

const words = Array.from({ length: 8 }, (_, at) => `word${at} `)
const whole = words.join("")
const bearer = (key: string) => ({ headers: { authorization: `Bearer ${key}` } })

describe("an answer under way", () => {
  it("keeps its channel, its timeouts and its reader, while channel, tokens and timeouts are changed", async () => {
    const [a, b] = await Promise.all([startFaultServer(), startFaultServer()])
    // Slower than the idle that comes.
    a.setDefault(answer({ words, delay: 200 }))
    b.setDefault(answer({ words, delay: 200 }))
    const file = (channels: ReadonlyArray<object>, token: string, idle: string) => ({
      server: { port: 0, shutdownGrace: "2 seconds" },
      store: { type: "memory" },
      timeouts: { headers: "2 seconds", firstContent: "2 seconds", idle, total: "10 seconds" },
      retry: { times: 0 },
      recovery: { mode: "off" },
      tokens: [{ name: token, key: `key-of-${token}` }],
      channels
    })
    const relay = await startRelay(file([channelOf("a", a.url)], "alice", "2 seconds"))
    try {
      const first = await open(`${relay.url}/chat?message=hi&model=m`, bearer("key-of-alice"))
      await first.until(({ event }) => event === "message")

      Effect.runSync(relay.settings.reload(fillIn(file([channelOf("b", b.url)], "bob", "50 millis"), {})))

      // Who was there before has no way in any more, and whoever comes is served by what there is.
      assert.strictEqual((await read(`${relay.url}/chat?message=hi&model=m`, bearer("key-of-alice"))).status, 401)
      const second = await read(`${relay.url}/chat?message=hi&model=m`, bearer("key-of-bob"))
      assert.strictEqual(second.events.at(-1)?.event, "error", "50 ms of silence are too many now")
      assert.strictEqual(second.events.at(-1)?.json?.["code"], "channel:response_time_exceeded")

      const done = await first.done
      assert.strictEqual(done.events.at(-1)?.event, "done")
      assert.strictEqual(contentOf(done.events), whole)
      assert.deepStrictEqual([a.requests.length, b.requests.length], [1, 1])
    } finally {
      await relay.close()
      await Promise.all([a.close(), b.close()])
    }
  })

  it("that breaks goes on where a channel is that came meanwhile", () =>
    withRelay({}, async ({ a, b, relay }) => {
      a.setDefault(cut(3, "reset", { words, delay: 100 }))
      b.setDefault(answer({ words }))
      Effect.runSync(relay.settings.change({ "channels.b.enabled": false }))
      const response = await open(`${relay.url}/chat?message=hi&model=m`)
      await response.until(({ event }) => event === "message")
      Effect.runSync(relay.settings.change({ "channels.b.enabled": true }))
      const { events } = await response.done
      assert.strictEqual(events.at(-1)?.event, "done")
      assert.strictEqual(contentOf(events), whole)
      assert.strictEqual(b.requests.length, 1)
    }))
})

describe("the next request", () => {
  it("is asked of what is switched on: by rank, and never of what is off by hand", () =>
    withRelay({}, async ({ a, b, relay }) => {
      const ask = () => read(`${relay.url}/v1/chat/completions`, { body: completion() })
      await ask()
      Effect.runSync(relay.settings.change({ "channels.b.priority": 5 }))
      await ask()
      assert.deepStrictEqual([a.requests.length, b.requests.length], [1, 1])
      Effect.runSync(relay.settings.change({ "channels.b.enabled": false }))
      await ask()
      assert.deepStrictEqual([a.requests.length, b.requests.length], [2, 1])
      Effect.runSync(relay.settings.change({ "channels.a.enabled": false }))
      const refused = await ask()
      assert.strictEqual(refused.status, 503)
      assert.include(refused.text, '"channel:no_available_key"')
      assert.strictEqual((await read(`${relay.url}/v1/models/m`)).status, 200, "it is there, and cannot be asked")
      const metrics = (await read(`${relay.url}/metrics`)).text
      assert.include(metrics, 'relay_channel_state{channel="a"} 3')
      Effect.runSync(relay.settings.reset(["channels.a.enabled"]))
      assert.strictEqual((await ask()).status, 200)
      assert.include((await read(`${relay.url}/metrics`)).text, 'relay_channel_state{channel="a"} 0')
    }))

  it("finds the models that channels list now", () =>
    withRelay({}, async ({ relay }) => {
      Effect.runSync(relay.settings.change({ "channels.a.models": ["new"], "channels.b.models": ["newer"] }))
      const models = JSON.parse((await read(`${relay.url}/v1/models`)).text) as { data: ReadonlyArray<{ id: string }> }
      assert.deepStrictEqual(
        models.data.map(({ id }) => id),
        ["new", "newer"]
      )
      const body = completion()
      assert.strictEqual((await read(`${relay.url}/v1/chat/completions`, { body })).status, 404)
      const response = await read(`${relay.url}/v1/chat/completions`, { body: { ...body, model: "newer" } })
      assert.strictEqual(response.status, 200)
    }))

  it("obeys the limits and the retry rules that there are now", () =>
    withRelay({ retry: { times: 3, base: "1 millis" } }, async ({ a, b, relay }) => {
      assert.strictEqual((await read(`${relay.url}/chat?message=hello&model=m`)).status, 200)
      Effect.runSync(relay.settings.change({ "chat.maxMessage": 4, "chat.model": "gpt-x", "retry.times": 0 }))
      assert.strictEqual((await read(`${relay.url}/chat?message=hello&model=m`)).status, 400)
      const { events } = await read(`${relay.url}/chat?message=hi`)
      assert.strictEqual(events[0]?.json?.["model"], "gpt-x")
      a.reset()
      b.reset()
      a.enqueue(status(500))
      const failed = await read(`${relay.url}/chat?message=hi`)
      assert.strictEqual(failed.events.at(-1)?.json?.["code"], "bad_response_status_code")
      assert.deepStrictEqual([a.requests.length, b.requests.length], [1, 0])
    }))
})

describe("a request that is long in coming", () => {
  it("goes by what there was when it came", () =>
    withRelay({ retry: { times: 3, base: "1 millis" } }, async ({ a, b, relay }) => {
      a.enqueue(status(500))
      const body = JSON.stringify({ model: "m", message: "hello" })
      const asked = request(`${relay.url}/chat`, { method: "POST", headers: { "content-type": "application/json" } })
      const answered = new Promise<string>((resolve, reject) => {
        asked.on("error", reject)
        asked.on("response", (response) => {
          let text = ""
          response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk))
          response.on("end", () => resolve(`${response.statusCode} ${text}`))
        })
      })
      asked.write(body.slice(0, 10))
      await sleep(100)
      Effect.runSync(
        relay.settings.change({
          "chat.maxMessage": 4,
          "retry.times": 0,
          "sensitiveWords.words": ["hello"]
        })
      )
      asked.end(body.slice(10))
      const text = await answered
      assert.match(text, /^200 /)
      assert.include(text, "event: done")
      assert.strictEqual(a.requests.length + b.requests.length, 2, "it was asked again, as it could be when it came")
      assert.strictEqual((await read(`${relay.url}/chat?message=hello&model=m`)).status, 400)
    }))
})

describe("a change that is refused", () => {
  it("changes nothing for anybody", () =>
    withRelay({}, async ({ a, relay }) => {
      const faults = Effect.runSync(
        Effect.flip(relay.settings.change({ "channels.a.enabled": false, "timeouts.idle": "never" }))
      )
      assert.strictEqual(faults.lines.length, 1)
      await read(`${relay.url}/v1/chat/completions`, { body: completion() })
      await until(() => a.requests.length === 1)
    }))
})
