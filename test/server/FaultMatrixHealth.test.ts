/**
 * What a relay remembers from one request to the next: channels that are down and come back, and what a target refused.
 */
import { afterEach, assert, describe, it } from "@effect/vitest"
import OpenAI, { APIError } from "openai"
import { answer, cut, prefillRefused, status } from "../support/behaviour.ts"
import { type FaultServer, startFaultServer } from "../support/FaultServer.ts"
import { keepLog, logLines } from "../support/log.ts"
import { channelOf, type RunningRelay, startRelay } from "../support/relay.ts"
import { contentOf, read } from "../support/sse.ts"
import { askOf } from "../support/upstreamText.ts"
import { whole } from "./matrix.ts"

keepLog()

const opened: Array<() => Promise<void>> = []
afterEach(async () => {
  for (const close of opened.splice(0).toReversed()) await close()
})

const server = async (): Promise<FaultServer> => {
  const started = await startFaultServer()
  opened.push(started.close)
  return started
}

const relayOf = async (configuration: Parameters<typeof startRelay>[0]): Promise<RunningRelay> => {
  const relay = await startRelay(configuration)
  opened.push(relay.close)
  return relay
}

const ask = async (relay: RunningRelay): Promise<ReadonlyArray<string>> => {
  const { events } = await read(`${relay.url}/chat?message=hello&model=m`)
  assert.strictEqual(events.at(-1)?.event, "done", events.at(-1)?.data)
  assert.strictEqual(contentOf(events), whole)
  return events.map(({ event }) => event).filter((event) => event !== "message")
}

const stateOf = async (relay: RunningRelay, channel: string): Promise<number> => {
  const { text } = await read(`${relay.url}/metrics`)
  return Number(new RegExp(`^relay_channel_state{channel="${channel}"} (\\d+)$`, "m").exec(text)?.[1])
}

const until = async (holds: () => Promise<boolean>, millis = 5000): Promise<void> => {
  const end = performance.now() + millis
  while (!(await holds())) {
    if (performance.now() > end) return assert.fail("it did not come to hold")
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

describe("a primary that is down for a while and comes back", () => {
  it("opens its circuit, is left alone, is probed, and gets its traffic back", async () => {
    const [primary, backup] = [await server(), await server()]
    const relay = await relayOf({
      channels: [
        channelOf("was-down", primary.url, { priority: 2 }),
        channelOf("stood-in", backup.url, { priority: 1 })
      ],
      breaker: { window: "10 seconds", minimum: 2, failureRate: 0.5, open: "1500 millis", cap: "1500 millis" }
    })
    await ask(relay)
    assert.strictEqual(await stateOf(relay, "was-down"), 0)

    await primary.down()
    let opens = Number.NaN
    await until(async () => {
      opens = performance.now()
      await ask(relay)
      return (await stateOf(relay, "was-down")) === 2
    })

    // Open: nobody waits for it, not even for a connection that is refused.
    assert.deepEqual(await ask(relay), ["init", "done"])
    await primary.up()
    primary.reset()
    assert.deepEqual(await ask(relay), ["init", "done"])
    // Where all of that took longer, it may have been probed.
    if (performance.now() - opens < 1500) assert.lengthOf(primary.requests, 0)

    await until(async () => {
      await ask(relay)
      return (await stateOf(relay, "was-down")) === 0
    })
    primary.reset()
    backup.reset()
    await ask(relay)
    assert.lengthOf(primary.requests, 1)
    assert.lengthOf(backup.requests, 0)

    const events = logLines()
      .filter(({ channel, event }) => channel === "was-down" && event.startsWith("channel_"))
      .map(({ event }) => event)
    assert.deepEqual(events, ["channel_open", "channel_enabled"])
  })

  it("is probed by one request at a time, and a probe that fails keeps it open", async () => {
    const [primary, backup] = [await server(), await server()]
    primary.setDefault(status(500))
    const relay = await relayOf({
      channels: [channelOf("probed", primary.url, { priority: 2 }), channelOf("other", backup.url, { priority: 1 })],
      retry: { sameChannel: 0 },
      breaker: { window: "10 seconds", minimum: 2, failureRate: 0.5, open: "300 millis", cap: "300 millis" }
    })
    await ask(relay)
    await ask(relay)
    assert.strictEqual(await stateOf(relay, "probed"), 2)
    await new Promise((resolve) => setTimeout(resolve, 400))
    primary.reset()
    primary.setDefault(status(500, { delay: 200 }))
    await Promise.all(Array.from({ length: 8 }, () => ask(relay)))
    assert.lengthOf(primary.requests, 1)
    assert.strictEqual(await stateOf(relay, "probed"), 2)
  })
})

describe("all channels down", () => {
  it("ends with one error, asks each at most twice, and is well when they are back", async () => {
    const [a, b] = [await server(), await server()]
    const relay = await relayOf({ channels: [channelOf("a", a.url, { priority: 1 }), channelOf("b", b.url)] })
    await Promise.all([a.down(), b.down()])
    const client = new OpenAI({ baseURL: `${relay.url}/v1`, apiKey: "anything", maxRetries: 0 })
    const error: unknown = await client.chat.completions
      .create({ model: "m", messages: [{ role: "user", content: "hello" }] })
      .then(
        () => assert.fail("there was an answer"),
        (error: unknown) => error
      )
    if (!(error instanceof APIError)) return assert.fail(String(error))
    assert.strictEqual(error.status, 502)
    assert.strictEqual(error.code, "do_request_failed")
    assert.strictEqual(error.headers?.get("x-attempts"), "a=transport,a=transport,b=transport,b=transport")
    assert.strictEqual(error.headers?.get("x-should-retry"), "true")
    await Promise.all([a.up(), b.up()])
    await ask(relay)
  })

  it("asks the one that is due first, one request at a time, and says to the rest when to come back", async () => {
    const a = await server()
    a.setDefault(status(429, { headers: { "retry-after": "20" } }))
    const relay = await relayOf({ channels: [channelOf("a", a.url)] })
    await read(`${relay.url}/chat?message=hello&model=m`)
    a.reset()
    a.setDefault(answer({ headersAfter: 300 }))
    const answers = await Promise.all(
      Array.from({ length: 5 }, () =>
        read(`${relay.url}/v1/chat/completions`, {
          body: { model: "m", messages: [{ role: "user", content: "hello" }] }
        })
      )
    )
    assert.deepEqual(answers.map(({ status }) => status).toSorted(), [200, 503, 503, 503, 503])
    assert.lengthOf(a.requests, 1)
    for (const { headers, status, text } of answers) {
      if (status === 200) continue
      assert.include(text, '"code":"get_channel_failed"')
      assert.isAtMost(Number(headers["retry-after"]), 20)
      assert.isAtLeast(Number(headers["retry-after"]), 1)
    }
  })

  it("S18: waits for the one that is due soon: nobody gets a 503, and not all go at once", async () => {
    const a = await server()
    a.setDefault(answer({ headersAfter: 30 }))
    a.enqueue(status(429, { headers: { "retry-after": "1" } }))
    const relay = await relayOf({ channels: [channelOf("a", a.url)] })
    const began = performance.now()
    const first = read(`${relay.url}/chat?message=hello&model=m`)
    await a.received(1)
    await until(async () => (await stateOf(relay, "a")) === 1)
    const answers = await Promise.all(
      Array.from({ length: 12 }, () =>
        read(`${relay.url}/v1/chat/completions`, {
          body: { model: "m", messages: [{ role: "user", content: "hello" }] }
        })
      )
    )
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200])
    assert.strictEqual((await first).events.at(-1)?.event, "done")
    const at = a.requests.slice(1).map((request) => request.at)
    assert.lengthOf(at, 13)
    assert.isAtLeast(at[0]! - began, 990)
    assert.isAtLeast(at.at(-1)! - at[0]!, 50, "one after the other has been taken")
  })

  it("obeys the SDK's own retries: x-should-retry and retry-after-ms", async () => {
    const a = await server()
    a.enqueue(status(503), status(503))
    const relay = await relayOf({ channels: [channelOf("a", a.url)], retry: { times: 1 } })
    const client = new OpenAI({ baseURL: `${relay.url}/v1`, apiKey: "anything", maxRetries: 2 })
    const { choices } = await client.chat.completions.create({
      model: "m",
      messages: [{ role: "user", content: "hello" }]
    })
    assert.strictEqual(choices[0]?.message.content, whole)
    assert.lengthOf(a.requests, 3)
  })
})

describe("a target that refuses prefill", () => {
  const asks = ({ requests }: FaultServer) => requests.map(({ body }) => askOf(body.messages ?? []).kind)

  it("as backup: the primary breaks again, and it is not asked with prefill a second time", async () => {
    const [a, b] = [await server(), await server()]
    a.setDefault(cut(7, "reset"))
    b.setDefault(answer({ prefill: "refuse" }))
    const relay = await relayOf({ channels: [channelOf("a", a.url, { priority: 1 }), channelOf("b", b.url)] })
    await ask(relay)
    assert.deepEqual(asks(b), ["prefill", "message"])
    b.reset()
    await ask(relay)
    assert.deepEqual(asks(b), ["message"])
  })

  it("as primary: it is remembered where it continues its own cut answer", async () => {
    const a = await server()
    a.enqueue(cut(7, "reset"), prefillRefused, answer(), cut(7, "reset"))
    const relay = await relayOf({ channels: [channelOf("a", a.url)] })
    await ask(relay)
    assert.deepEqual(asks(a), ["new", "prefill", "message"])
    a.reset()
    a.enqueue(cut(7, "reset"))
    await ask(relay)
    assert.deepEqual(asks(a), ["new", "message"])
  })

  it("costs its channel no health", async () => {
    const [a, b] = [await server(), await server()]
    a.setDefault(cut(7, "reset"))
    b.setDefault(answer({ prefill: "refuse", message: "refuse" }))
    const c = await server()
    const relay = await relayOf({
      channels: [
        channelOf("a", a.url, { priority: 2 }),
        channelOf("refuses", b.url, { priority: 1 }),
        channelOf("c", c.url)
      ],
      breaker: { minimum: 1 }
    })
    await ask(relay)
    assert.strictEqual(await stateOf(relay, "refuses"), 0)
  })
})

describe("health is kept by who is to blame", () => {
  it("a caller's fault penalises no channel", async () => {
    const [a, b] = [await server(), await server()]
    a.setDefault(status(400))
    const relay = await relayOf({
      channels: [channelOf("innocent", a.url, { priority: 1 }), channelOf("b", b.url)],
      breaker: { minimum: 1 }
    })
    for (let i = 0; i < 3; i++) await read(`${relay.url}/chat?message=hello&model=m`)
    assert.strictEqual(await stateOf(relay, "innocent"), 0)
    assert.lengthOf(a.requests, 3)
  })

  it("a dead key rests at once, and the other key goes on", async () => {
    const a = await server()
    a.enqueue(status(401))
    const relay = await relayOf({ channels: [channelOf("a", a.url, { keys: ["dead-key", "good-key"] })] })
    for (let i = 0; i < 3; i++) await ask(relay)
    assert.deepEqual(
      a.requests.map(({ headers }) => headers.authorization),
      ["Bearer dead-key", "Bearer good-key", "Bearer good-key", "Bearer good-key"]
    )
  })

  it("a rate limit rests the key for that model only", async () => {
    const [a, b] = [await server(), await server()]
    a.enqueue(status(429, { headers: { "retry-after": "60" } }))
    const relay = await relayOf({ channels: [channelOf("a", a.url, { priority: 1 }), channelOf("b", b.url)] })
    await ask(relay)
    await ask(relay)
    assert.lengthOf(a.requests, 1)
    await read(`${relay.url}/chat?message=hello&model=gpt-other`)
    assert.lengthOf(a.requests, 2)
    assert.lengthOf(b.requests, 2)
  })

  it("silence opens the circuit like any failure", async () => {
    const [a, b] = [await server(), await server()]
    a.setDefault({ kind: "silence" })
    const relay = await relayOf({
      channels: [channelOf("silent", a.url, { priority: 1 }), channelOf("b", b.url)],
      breaker: { minimum: 1 }
    })
    await ask(relay)
    assert.strictEqual(await stateOf(relay, "silent"), 2)
    assert.deepEqual(await ask(relay), ["init", "done"])
    assert.lengthOf(a.requests, 1)
  })
})

describe("what an upstream says of its keys in one request", () => {
  const keys = ["first-key-of-it", "second-key-of-it"]

  it.each([401, 402, 429])(
    "R21: each key that was refused (%d) rests, and the next request asks neither",
    async (code) => {
      const [refusing, healthy] = [await server(), await server()]
      refusing.setDefault(status(code, code === 429 ? { headers: { "retry-after": "60" } } : {}))
      const relay = await relayOf({
        channels: [
          channelOf("refusing", refusing.url, { priority: 2, keys }),
          channelOf("healthy", healthy.url, { priority: 1 })
        ]
      })
      await ask(relay)
      assert.lengthOf(refusing.requests, 2)
      assert.strictEqual(await stateOf(relay, "refusing"), 1)
      await ask(relay)
      assert.lengthOf(refusing.requests, 2)
    }
  )

  it("R21: a relay whose every key was refused by one request says so", async () => {
    const refusing = await server()
    refusing.setDefault(status(401))
    const relay = await relayOf({ channels: [channelOf("alone", refusing.url, { keys })] })
    await read(`${relay.url}/chat?message=hello&model=m`)
    assert.lengthOf(refusing.requests, 2)
    const { status: ready, text } = await read(`${relay.url}/health/ready`)
    assert.strictEqual(ready, 200)
    assert.deepInclude(JSON.parse(text), { ready: true, degraded: ["channels"] })
  })

  it.each([
    ["429 that says when", status(429, { headers: { "retry-after": "60" } })],
    ["503 that says when", status(503, { headers: { "retry-after": "60" } })],
    ["401", status(401)]
  ])("R21: a %s counts also after another failure of the same request", async (_, second) => {
    const [first, healthy] = [await server(), await server()]
    first.setDefault(status(500))
    first.enqueue(status(500), second)
    const relay = await relayOf({
      channels: [channelOf("first", first.url, { priority: 2 }), channelOf("healthy", healthy.url, { priority: 1 })]
    })
    await ask(relay)
    assert.lengthOf(first.requests, 2)
    await ask(relay)
    assert.lengthOf(first.requests, 2)
  })

  it("S18: a broken answer waits for the channel that broke it, and then said when", async () => {
    const upstream = await server()
    upstream.enqueue(cut(3, "reset"), status(429, { headers: { "retry-after": "1" } }), answer())
    const relay = await relayOf({ channels: [channelOf("alone", upstream.url)] })
    await ask(relay)
    const [, refused, asked] = upstream.requests
    assert.isAtLeast(asked!.at - refused!.at, 950)
  })
})
