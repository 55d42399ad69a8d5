/**
 * Keys and channels that are switched off and on, as those outside see it: through the admin API, the log, the metrics, a
 * webhook, and over a kill.
 */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Scope } from "effect"
import { Books } from "#src/books/index"
import * as BooksMemoryNode from "#src/books/BooksMemoryNode"
import { createHash } from "node:crypto"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { answer, type Behaviour, cut, silence, status as statusOf } from "../support/behaviour.ts"
import { startFaultServer } from "../support/FaultServer.ts"
import { type LogLine, logLines } from "../support/log.ts"
import { channelOf, type RunningRelay, startRelay } from "../support/relay.ts"
import { type RelayProcess, startRelayProcess, temporaryFolder, writeConfiguration } from "../support/relayProcess.ts"
import { read } from "../support/sse.ts"
import { completion, sleep, until, type World, withRelay } from "./kit.ts"

interface Key {
  readonly index: number
  readonly fingerprint: string
  readonly state: string
  readonly reason?: string
  readonly evidence?: string
  readonly until?: string
}
interface Shown {
  readonly id: string
  readonly state: string
  readonly reason?: string
  readonly evidence?: string
  readonly until?: string
  readonly keys: ReadonlyArray<Key>
}

/** An answer with a status, and perhaps an error. */
const status = (code: number, body?: object) => statusOf(code, body === undefined ? {} : { body })

const dead = status(401, { error: { message: "bad key", code: "invalid_api_key" } })
const ask = (url: string, more: object = {}) => read(`${url}/v1/chat/completions`, { body: completion(more) })
const get = async <A>(url: string, path: string): Promise<A> =>
  JSON.parse((await read(`${url}/admin/${path}`)).text) as A
const send = async (url: string, path: string, method = "POST") => {
  const { status, text } = await read(`${url}/admin/${path}`, { method })
  return { status, body: JSON.parse(text) as Shown & { readonly [field: string]: unknown } }
}
const channelAt = (url: string, id: string) => get<Shown>(url, `channels/${id}`)
const keyStates = async (url: string, id: string) => (await channelAt(url, id)).keys.map(({ state }) => state)
const metric = async (url: string) =>
  (await read(`${url}/metrics`)).text.split("\n").filter((line) => line.startsWith("relay_key_state{"))

/** A webhook, for as long as a test. */
const withWebhook = async (
  run: (hook: {
    readonly url: string
    readonly got: ReadonlyArray<{ readonly [field: string]: unknown }>
  }) => Promise<void>
): Promise<void> => {
  const got: Array<{ readonly [field: string]: unknown }> = []
  const server = createServer((request, response) => {
    let body = ""
    request.on("data", (chunk) => (body += String(chunk)))
    request.on("end", () => {
      got.push(JSON.parse(body) as { readonly [field: string]: unknown })
      response.writeHead(204).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  try {
    await run({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, got })
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

/** Two keys, of which the first is refused. */
const twoKeys = { channels: { a: { keys: ["key-one-of-a", "key-two-of-a"] } } }
const refuseFirst = async ({ a, relay }: World, requests: number, behaviour: Behaviour = dead): Promise<void> => {
  for (let at = 0; at < requests; at++) {
    a.enqueue(behaviour)
    assert.strictEqual((await ask(relay.url)).status, 200)
  }
}

describe("a key that its upstream refuses", () => {
  it("is switched off after the second request, and the log, the metrics, the API and the webhook tell it", () =>
    withWebhook((hook) =>
      withRelay(
        {
          ...twoKeys,
          channels: { a: { keys: ["key-one-of-a"] }, b: { models: ["other"] } },
          alerts: { webhook: hook.url }
        },
        async ({ a, relay }) => {
          a.setDefault(dead)
          const before = logLines().length
          assert.strictEqual((await ask(relay.url)).status, 502)
          assert.deepStrictEqual(await keyStates(relay.url, "a"), ["cooling"])
          assert.deepStrictEqual(await metric(relay.url), [
            'relay_key_state{channel="a",key="0"} 0',
            'relay_key_state{channel="b",key="0"} 1'
          ])
          // Nothing usable is left: it is asked all the same.
          assert.strictEqual((await ask(relay.url)).status, 502)
          const shown = await channelAt(relay.url, "a")
          const [key] = shown.keys as [Key]
          assert.strictEqual(key.fingerprint, createHash("sha256").update("key-one-of-a").digest("hex").slice(0, 8))
          assert.deepStrictEqual([shown.state, key.state], ["disabled", "disabled"])
          assert.deepStrictEqual([key.reason, key.evidence], ["channel:invalid_key", "status 401 (2)"])
          const rest = Date.parse(key.until ?? "") - Date.now()
          assert.isTrue(rest > 290_000 && rest <= 300_000, String(rest))
          assert.include(await metric(relay.url), 'relay_key_state{channel="a",key="0"} -1')
          await until(() => hook.got.length >= 2)
          const logged = logLines()
            .slice(before)
            .find(({ event }) => event === "key_disabled")
          const { channel, key: index, reason, evidence, until: told, level } = logged as LogLine
          assert.deepStrictEqual(
            { channel, key: index, reason, evidence, told, level },
            {
              channel: "a",
              key: 0,
              reason: "channel:invalid_key",
              evidence: "status 401 (2)",
              told: key.until,
              level: "warning"
            }
          )
          const alert = hook.got.find(({ event }) => event === "key_disabled")
          assert.deepStrictEqual(
            { ...alert, id: typeof alert?.["id"], at: typeof alert?.["at"] },
            {
              id: "string",
              event: "key_disabled",
              at: "string",
              relay: "effect-resilience",
              channel: "a",
              key: 0,
              reason: "channel:invalid_key",
              evidence: "status 401 (2)",
              until: key.until
            }
          )
          assert.isTrue(hook.got.some(({ event, channel }) => event === "channel_disabled" && channel === "a"))
          assert.strictEqual((await ask(relay.url, { model: "other" })).status, 200)
        }
      )
    ))

  it("comes back by one real request when its time is over", () =>
    withRelay({ disable: { trial: "300 millis", after: 1 } }, async (world) => {
      const { a, relay } = world
      await refuseFirst(world, 1)
      assert.strictEqual((await channelAt(relay.url, "a")).state, "disabled")
      await until(async () => {
        await ask(relay.url)
        return a.requests.length === 2
      })
      assert.strictEqual((await channelAt(relay.url, "a")).state, "enabled")
    }))

  it("or by a probe of one token, which counts nowhere", () =>
    withRelay({ disable: { trial: "200 millis", after: 1, probe: "100 millis" } }, async (world) => {
      const { a, relay } = world
      await refuseFirst(world, 1)
      const counted = async () =>
        (await read(`${relay.url}/metrics`)).text
          .split("\n")
          .filter((line) => /^(stream_requests_total|relay_attempts_total|relay_tokens_total)/.test(line))
      const before = await counted()
      await until(async () => (await channelAt(relay.url, "a")).state === "enabled")
      const { body } = a.requests.at(-1)!
      assert.deepStrictEqual([body.model, body["max_tokens"]], ["m", 1])
      assert.deepStrictEqual(await counted(), before)
    }))

  it("a well key that fails its probes is switched off, if all are probed; so is one that is too slow", () =>
    withRelay(
      {
        disable: { probe: "100 millis", probeOnly: "all", slowerThan: "150 millis" },
        channels: { b: { models: ["other"] } }
      },
      async ({ a, b, relay }) => {
        a.setDefault(status(500))
        b.setDefault(answer({ headersAfter: 250 }))
        await until(async () => (await channelAt(relay.url, "a")).state === "disabled")
        assert.strictEqual((await channelAt(relay.url, "a")).keys[0]?.evidence, "probe bad_response_status_code (2)")
        await until(async () => (await channelAt(relay.url, "b")).state === "disabled")
        assert.strictEqual((await channelAt(relay.url, "b")).keys[0]?.evidence, "probe slower than 150 ms (2)")
      }
    ))
})

describe("false positives", () => {
  it("17: a request that fails on every key by what it says switches none off, however often it comes", () =>
    withRelay({ disable: { after: 1 } }, async ({ a, b, relay }) => {
      const words = "you exceeded your current quota"
      const quoting = status(403, { error: { message: `we cannot answer: ${words}` } })
      a.setDefault(quoting)
      b.setDefault(quoting)
      for (let times = 0; times < 3; times++) {
        await ask(relay.url, { messages: [{ role: "user", content: `Why does it say "${words.toUpperCase()}"?` }] })
      }
      assert.deepStrictEqual(
        [await keyStates(relay.url, "a"), await keyStates(relay.url, "b")],
        [["cooling"], ["cooling"]]
      )
    }))

  it("17: a field whose value its upstream quotes when it refuses it is its writer's fault, whatever it says", () =>
    withRelay({ disable: { after: 1 } }, async ({ a, b, relay }) => {
      for (const words of [
        "you exceeded your current quota",
        "the security token included in the request is expired",
        "model `m` does not exist"
      ]) {
        const message = `Invalid value: '${words}'. Supported values are: 'low', 'medium', and 'high'.`
        const refusal = { error: { message, type: "invalid_request_error", param: "effort", code: "invalid_value" } }
        a.enqueue(status(400, refusal), cut(0, "errorFrame", refusal))
        for (let times = 0; times < 2; times++) {
          assert.strictEqual((await ask(relay.url, { reasoning_effort: words })).status, 400)
        }
      }
      assert.deepStrictEqual([a.requests.length, b.requests.length], [6, 0])
      for (const id of ["a", "b"]) assert.deepStrictEqual(await keyStates(relay.url, id), ["enabled"])
      assert.strictEqual((await channelAt(relay.url, "a")).state, "enabled")
    }))

  it("20: callers' faults, clocks of ours and clients that leave cool nobody", () =>
    withRelay({ disable: { after: 1 } }, async ({ a, b, relay }) => {
      const refusal = status(400, { error: { message: "no such field", code: "invalid_api_key_field" } })
      a.enqueue(refusal, refusal, refusal)
      for (let times = 0; times < 3; times++) assert.strictEqual((await ask(relay.url)).status, 400)
      a.enqueue(silence)
      assert.strictEqual((await ask(relay.url)).status, 200)
      for (const id of ["a", "b"]) assert.notInclude(await keyStates(relay.url, id), "disabled")
      assert.isAbove(b.requests.length, 0)
    }))

  it("18: a single key of several comes back by itself", () =>
    withRelay({ ...twoKeys, disable: { after: 1, trial: "200 millis" } }, async (world) => {
      const { relay } = world
      await refuseFirst(world, 1)
      const off = (await channelAt(relay.url, "a")).keys.findIndex(({ state }) => state === "disabled")
      assert.isAtLeast(off, 0)
      assert.strictEqual((await channelAt(relay.url, "a")).state, "enabled")
      await until(async () => {
        await ask(relay.url)
        return (await keyStates(relay.url, "a")).every((state) => state === "enabled")
      })
    }))

  it("21: a spent balance with a 400 switches the key off, and a dead host does not", () =>
    withRelay({ disable: { after: 1 } }, async ({ a, b, relay }) => {
      a.enqueue(status(400, { error: { type: "invalid_request_error", message: "Your credit balance is too low" } }))
      assert.strictEqual((await ask(relay.url)).status, 200)
      assert.deepStrictEqual(await keyStates(relay.url, "a"), ["disabled"])
      await b.down()
      for (let times = 0; times < 6; times++) await ask(relay.url)
      assert.deepStrictEqual(await keyStates(relay.url, "b"), ["cooling"])
      await b.up()
    }))
})

describe("a channel without keys", () => {
  it("is its own key in relay_key_state", () =>
    withRelay({ channels: { a: { keys: [] } } }, async ({ relay }) => {
      const states = () => metric(relay.url)
      assert.deepStrictEqual(await states(), [
        'relay_key_state{channel="a",key="0"} 1',
        'relay_key_state{channel="b",key="0"} 1'
      ])
      await send(relay.url, "channels/a/disable")
      assert.include(await states(), 'relay_key_state{channel="a",key="0"} -2')
      await send(relay.url, "channels/a/enable")
      assert.include(await states(), 'relay_key_state{channel="a",key="0"} 1')
    }))
})

describe("two relays on the same books", () => {
  it("have the same switches within a second, by hand and by evidence; the webhook is told once", () =>
    withWebhook(async (hook) => {
      const [a, b] = await Promise.all([startFaultServer(), startFaultServer()])
      const scope = Effect.runSync(Scope.make())
      const books = await Effect.runPromise(
        Effect.map(Layer.buildWithScope(BooksMemoryNode.layer, scope), (context) => Context.get(context, Books))
      )
      const start = () =>
        startRelay(
          {
            disable: { after: 1 },
            channels: [channelOf("a", a.url, { priority: 1 }), channelOf("b", b.url)],
            alerts: {
              webhook: hook.url,
              events: ["key_disabled", "key_enabled", "channel_disabled", "channel_enabled"]
            }
          },
          { books: Layer.succeed(Books, books) }
        )
      const [one, two] = [await start(), await start()]
      const stateOf = async (relay: RunningRelay) => (await channelAt(relay.url, "a")).state
      const both = (state: string) =>
        until(async () => (await stateOf(one)) === state && (await stateOf(two)) === state, 3000)
      try {
        await send(one.url, "channels/a/disable")
        await both("disabled")
        assert.strictEqual((await channelAt(two.url, "a")).reason, "by_hand")
        // Who has the last word is not who said the first.
        await send(two.url, "channels/a/enable")
        await both("enabled")
        a.setDefault(dead)
        await ask(one.url)
        await both("disabled")
        const [mine, theirs] = [await channelAt(one.url, "a"), await channelAt(two.url, "a")]
        assert.deepStrictEqual(theirs.keys, mine.keys)
        assert.deepStrictEqual(await keyStates(two.url, "a"), ["disabled"])
        const asked = a.requests.length
        await ask(two.url)
        assert.strictEqual(a.requests.length, asked)
        await send(two.url, "channels/a/enable?key=0")
        await both("enabled")
        await sleep(700)
        assert.deepStrictEqual(hook.got.map(({ event }) => event).toSorted(), [
          "channel_disabled",
          "channel_disabled",
          "channel_enabled",
          "channel_enabled",
          "key_disabled",
          "key_enabled"
        ])
      } finally {
        await Promise.all([one.close(), two.close(), a.close(), b.close()])
        await Effect.runPromise(Scope.close(scope, Exit.void))
      }
    }))
})

describe("by hand", () => {
  it("a channel is off until it is switched on, and the audit tells who did it", () =>
    withRelay({}, async ({ a, b, relay }) => {
      const off = await send(relay.url, "channels/a/disable")
      assert.deepStrictEqual([off.status, off.body.state, off.body.reason], [200, "disabled", "by_hand"])
      assert.include(await metric(relay.url), 'relay_key_state{channel="a",key="0"} -2')
      await ask(relay.url)
      assert.deepStrictEqual([a.requests.length, b.requests.length], [0, 1])
      await send(relay.url, "channels/b/disable")
      const none = await ask(relay.url)
      assert.strictEqual(none.status, 503)
      assert.strictEqual((JSON.parse(none.text) as { error: { code: string } }).error.code, "channel:no_available_key")
      const on = await send(relay.url, "channels/a/enable")
      assert.strictEqual(on.body.state, "enabled")
      assert.strictEqual((await ask(relay.url)).status, 200)
      const { data } = await get<{
        data: ReadonlyArray<{ what: string; path: string; before: { state: string }; after: object }>
      }>(relay.url, "audit")
      assert.deepStrictEqual(
        data.map(({ after, before, path, what }) => [what, path, before.state, after]),
        [
          ["channel.enable", "channels/a", "disabled", { state: "enabled" }],
          ["channel.disable", "channels/b", "enabled", { state: "disabled", reason: "by_hand" }],
          ["channel.disable", "channels/a", "enabled", { state: "disabled", reason: "by_hand" }]
        ]
      )
    }))

  it("so is a key", () =>
    withRelay(twoKeys, async ({ a, relay }) => {
      await send(relay.url, "channels/a/disable?key=1")
      for (let times = 0; times < 4; times++) await ask(relay.url)
      assert.isTrue(a.requests.every(({ headers }) => headers["authorization"] === "Bearer key-one-of-a"))
      const { body } = await send(relay.url, "channels/a/enable?key=1")
      assert.deepStrictEqual(
        body.keys.map(({ state }) => state),
        ["enabled", "enabled"]
      )
    }))

  it("what there is not is 404, what is wrong is 422, and what the file has off is 409", () =>
    withRelay({ channels: { b: { enabled: false } } }, async ({ relay }) => {
      for (const path of [
        "channels/x/disable",
        "channels/a/disable?key=7",
        "channels/x/enable",
        "channels/a/enable?key=7",
        "channels/x/test",
        "channels/a/test?key=7"
      ]) {
        assert.strictEqual((await send(relay.url, path)).status, 404, path)
      }
      assert.strictEqual((await send(relay.url, "channels/a/disable?key=one")).status, 422)
      assert.strictEqual((await send(relay.url, "channels/a/disable?colour=red")).status, 422)
      assert.strictEqual((await send(relay.url, "channels/b/enable")).status, 409)
      assert.strictEqual((await send(relay.url, "channels/x", "GET")).status, 404)
    }))

  it("an index that is not written in decimal digits is nobody's key", () =>
    withRelay({}, async ({ relay }) => {
      for (const key of ["", "=", "=%20", "=%0A1", "=0x1", "=0b1", "=1e0", "=%2B1", "=01", "=-0", "=1.0", "=.0"]) {
        const refused = await send(relay.url, `channels/a/disable?key${key}`)
        assert.strictEqual(refused.status, 422, key)
        assert.deepStrictEqual((refused.body["error"] as { readonly details: unknown }).details, [
          { field: "key", message: "Expected an integer", code: "invalid" }
        ])
      }
      const { keys } = await channelAt(relay.url, "a")
      assert.deepStrictEqual(
        keys.map(({ state }) => state),
        ["enabled"]
      )
    }))

  it("lists channels in pages", () =>
    withRelay({}, async ({ relay }) => {
      const first = await get<{ data: ReadonlyArray<Shown>; next: string | null }>(relay.url, "channels?limit=1")
      assert.deepStrictEqual([first.data.map(({ id }) => id), typeof first.next], [["a"], "string"])
      const second = await get<typeof first>(relay.url, `channels?limit=1&cursor=${first.next}`)
      assert.deepStrictEqual([second.data.map(({ id }) => id), second.next], [["b"], null])
    }))
})

describe("a test of a channel", () => {
  it("says that it answers, and how fast, and changes nothing", () =>
    withRelay({}, async ({ a, relay }) => {
      const { body, status } = await send(relay.url, "channels/a/test")
      assert.strictEqual(status, 200)
      assert.strictEqual(body["ok"], true)
      assert.isNumber(body["firstContentMs"])
      assert.isNumber(body["totalMs"])
      assert.strictEqual(a.requests[0]?.body["max_tokens"], 1)
      await send(relay.url, "channels/a/disable")
      assert.strictEqual((await send(relay.url, "channels/a/test?key=0&model=gpt-x")).body["ok"], true)
      assert.strictEqual((await channelAt(relay.url, "a")).state, "disabled")
    }))

  it("says what is wrong, without its secrets", () =>
    withRelay({}, async ({ a, relay }) => {
      a.setDefault(status(401, { error: { message: "bad key key-of-a", code: "invalid_api_key" } }))
      for (let times = 0; times < 3; times++) {
        const { body } = await send(relay.url, "channels/a/test")
        const { class: blame, code, firstContentMs, message, ok, status: found } = body
        assert.deepStrictEqual(
          { blame, code, firstContentMs, message, ok, found },
          {
            blame: "credential",
            code: "channel:invalid_key",
            firstContentMs: null,
            message: "bad key ***",
            ok: false,
            found: 401
          }
        )
      }
      assert.deepStrictEqual(await keyStates(relay.url, "a"), ["enabled"])
      assert.strictEqual((await send(relay.url, "channels/a/test?model=other")).status, 400)
    }))

  it("asks otherwise where so little may not be asked for", () =>
    withRelay({}, async ({ a, relay }) => {
      a.enqueue(
        status(400, {
          error: { message: "Unsupported parameter: 'max_tokens'", param: "max_tokens", code: "unsupported_parameter" }
        })
      )
      assert.strictEqual((await send(relay.url, "channels/a/test")).body["ok"], true)
      assert.strictEqual(a.requests.at(-1)?.body["max_completion_tokens"], 16)
    }))
})

describe("kill -9", { timeout: 60_000 }, () => {
  it("keeps what is off, by evidence and by hand, wherever its key stands then; and what was not told is told", async () => {
    const folder = temporaryFolder()
    const server = await startFaultServer()
    server.setDefault(dead)
    const started: Array<RelayProcess> = []
    const start = async (keys: ReadonlyArray<string>, webhook = "http://127.0.0.1:1/"): Promise<RelayProcess> => {
      const relay = await startRelayProcess(
        writeConfiguration(folder.path, {
          server: { port: 0 },
          store: { type: "sqlite", path: `${folder.path}/relay.db` },
          alerts: { webhook },
          channels: [
            channelOf("a", server.url, { keys }),
            channelOf("b", server.url, { models: ["other"] }),
            channelOf("c", server.url, { models: ["third"] })
          ]
        })
      )
      started.push(relay)
      return relay
    }
    try {
      await withWebhook(async (hook) => {
        const first = await start(["key-one-of-a"])
        await send(first.url, "channels/b/disable")
        await ask(first.url)
        await ask(first.url)
        const before = await channelAt(first.url, "a")
        assert.strictEqual(before.keys[0]?.state, "disabled")
        await until(() => first.said().includes('"event":"key_disabled"'))
        first.kill("SIGKILL")
        await first.ended
        const second = await start(["another-key", "key-one-of-a"], hook.url)
        const [a, b, c] = await Promise.all(["a", "b", "c"].map((id) => channelAt(second.url, id)))
        assert.deepStrictEqual(
          a!.keys.map(({ state }) => state),
          ["enabled", "disabled"]
        )
        const { fingerprint, index: _, ...kept } = before.keys[0]!
        const { index: __, ...found } = a!.keys[1]!
        assert.deepStrictEqual(found, { fingerprint, ...kept } as never)
        assert.deepStrictEqual([b!.state, b!.reason, c!.state], ["disabled", "by_hand", "enabled"])
        await until(() => hook.got.length >= 3, 20_000)
        assert.sameMembers(
          hook.got.map(({ channel, event }) => `${event} ${channel}`),
          ["channel_disabled b", "key_disabled a", "channel_disabled a"]
        )
        await send(second.url, "channels/b/enable")
        await send(second.url, "channels/a/enable?key=1")
        second.kill("SIGKILL")
        await second.ended
        const third = await start(["another-key", "key-one-of-a"])
        assert.deepStrictEqual(await keyStates(third.url, "a"), ["enabled", "enabled"])
        assert.strictEqual((await channelAt(third.url, "b")).state, "enabled")
        third.kill("SIGKILL")
        await third.ended
      })
    } finally {
      for (const relay of started) relay.kill("SIGKILL")
      await server.close()
      folder.remove()
    }
  })

  it("loses no alert of what was answered", async () => {
    const folder = temporaryFolder()
    const configuration = (webhook: string) =>
      writeConfiguration(folder.path, {
        server: { port: 0 },
        store: { type: "sqlite", path: `${folder.path}/relay.db` },
        alerts: { webhook },
        channels: ["a", "b", "c"].map((id) => channelOf(id, "http://127.0.0.1:9"))
      })
    const started: Array<RelayProcess> = []
    const start = async (webhook: string): Promise<RelayProcess> => {
      const relay = await startRelayProcess(configuration(webhook))
      started.push(relay)
      return relay
    }
    try {
      const expected: Array<string> = []
      for (const id of ["a", "b", "c"]) {
        const relay = await start("http://127.0.0.1:9/")
        assert.strictEqual((await send(relay.url, `channels/${id}/disable`)).status, 200)
        relay.kill("SIGKILL")
        expected.push(`channel_disabled ${id}`)
        await relay.ended
      }
      await withWebhook(async (hook) => {
        await start(hook.url)
        await until(() => hook.got.length >= expected.length, 10_000)
        assert.deepStrictEqual(
          hook.got.map(({ channel, event }) => `${event} ${channel}`),
          expected
        )
      })
    } finally {
      for (const relay of started) relay.kill("SIGKILL")
      folder.remove()
    }
  })
})

describe("a token that has little left", () => {
  it("is told of once", () =>
    withWebhook((hook) =>
      withRelay(
        {
          tokens: [{ name: "team", key: "team-secret-token", quota: { balance: 2000 } }],
          alerts: { webhook: hook.url, quotaLow: 0.2 }
        },
        async ({ a, relay }) => {
          a.setDefault(answer({ usage: { prompt_tokens: 900, completion_tokens: 800 } }))
          const headers = { authorization: "Bearer team-secret-token" }
          const body = completion({ max_tokens: 5, stream_options: { include_usage: true } })
          assert.strictEqual((await read(`${relay.url}/v1/chat/completions`, { headers, body })).status, 200)
          await until(() => hook.got.length > 0)
          const [{ event, reason, token }] = hook.got as [{ event: unknown; reason: unknown; token: unknown }]
          assert.deepStrictEqual([event, token, reason], ["quota_low", "team", "300 left of 2000"])
        }
      )
    ))
})

describe("a relay without anything to tell", () => {
  it("does not post", () =>
    withWebhook(async (hook) => {
      const server = await startFaultServer()
      const relay = await startRelay({ channels: [channelOf("a", server.url)], alerts: { webhook: hook.url } })
      await ask(relay.url)
      await relay.close()
      await server.close()
      assert.deepStrictEqual(hook.got, [])
    }))
})
