/**
 * The header `idempotency-key`: a request that is sent again gives the answer that it has begun, on every route that
 * begins answers, and never a second one.
 */
import { randomUUID } from "node:crypto"
import { gzipSync } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { JournalStore, JournalStoreMemory } from "#src/journal/index"
import { answer, cut, silence, status } from "../support/behaviour.ts"
import { channelOf, startRelay } from "../support/relay.ts"
import { contentOf, open, type RawResponse, read } from "../support/sse.ts"
import { completion, sleep, until, type World, withRelay } from "./kit.ts"
import { whole } from "./matrix.ts"

/** A request that begins an answer. */
interface Asked {
  readonly path: string
  readonly body: { readonly [field: string]: unknown }
}

const messages = [{ role: "user", content: "hello" }]
const contents = [{ role: "user", parts: [{ text: "hello" }] }]

/** Each way to ask for an answer. */
const routes: { readonly [name: string]: Asked } = {
  chat: { path: "/chat", body: { message: "hello", model: "m" } },
  openai: { path: "/v1/chat/completions", body: completion() },
  "openai, whole": { path: "/v1/chat/completions", body: completion({ stream: false }) },
  anthropic: { path: "/v1/messages", body: { model: "m", max_tokens: 99, messages, stream: true } },
  "anthropic, whole": { path: "/v1/messages", body: { model: "m", max_tokens: 99, messages } },
  responses: { path: "/v1/responses", body: { model: "m", input: "hello", stream: true } },
  "responses, whole": { path: "/v1/responses", body: { model: "m", input: "hello" } },
  gemini: { path: "/v1beta/models/m:streamGenerateContent?alt=sse", body: { contents } },
  "gemini, a list": { path: "/v1beta/models/m:streamGenerateContent", body: { contents } },
  "gemini, whole": { path: "/v1beta/models/m:generateContent", body: { contents } },
  "gemini, whole, at the other path": { path: "/v1/models/m:generateContent", body: { contents } }
}
const names = Object.keys(routes)
const routeOf = (name: string): Asked => routes[name] ?? assert.fail(name)

const keyed = ({ body }: Pick<Asked, "body">, key: string, headers: { readonly [name: string]: string } = {}) => ({
  body,
  headers: { "idempotency-key": key, ...headers }
})

const ask = (world: { readonly relay: { readonly url: string } }, { body, path }: Asked, key: string, headers = {}) =>
  read(`${world.relay.url}${path}`, keyed({ body }, key, headers))

/** Asks with the key `one`, reads three events and leaves; it is seen at the upstream that nobody reads on. */
const leavesInTheMiddle = async (world: World): Promise<void> => {
  const { body, path } = routeOf("openai")
  const first = await open(`${world.relay.url}${path}`, keyed({ body }, "one"))
  await first.until(() => first.events.length >= 3)
  first.cut()
  await world.a.requests[0]?.closed
  assert.isFalse(world.a.requests[0]?.finished)
}

const isReplay = ({ headers }: Pick<RawResponse, "headers">): boolean => headers["x-idempotent-replay"] === "true"

/** The word that says what is wrong, wherever a dialect puts it. */
const codeIn = ({ text }: Pick<RawResponse, "text">): string => {
  const { error } = JSON.parse(text) as { readonly error: { readonly [field: string]: unknown } }
  const details = error["details"] as ReadonlyArray<{ readonly reason?: string }> | undefined
  return String(error["reason"] ?? details?.find(({ reason }) => reason !== undefined)?.reason ?? error["code"])
}

describe("a request that is sent again with its key", () => {
  it.concurrent.each(names)("%s: gives the same answer to the byte, and asks nobody", (name) =>
    withRelay({}, async (world) => {
      const asked = routeOf(name)
      const first = await ask(world, asked, "one")
      assert.strictEqual(first.status, 200, first.text)
      assert.include(first.text, "mountain")
      assert.isUndefined(first.headers["x-idempotent-replay"])
      const again = await ask(world, asked, "one")
      assert.deepStrictEqual([again.status, isReplay(again)], [200, true])
      assert.strictEqual(again.text, first.text)
      assert.strictEqual(again.headers["content-type"], first.headers["content-type"])
      assert.strictEqual(again.headers["x-stream-id"], first.headers["x-stream-id"])
      assert.lengthOf(world.a.requests, 1)
      // Another key is another answer.
      const other = await ask(world, asked, "two")
      assert.isFalse(isReplay(other))
      assert.notStrictEqual(other.headers["x-stream-id"], first.headers["x-stream-id"])
      assert.lengthOf(world.a.requests, 2)
    })
  )

  it.concurrent.each(names)("%s: attaches to one that is under way, from its first event", (name) =>
    withRelay({}, async (world) => {
      world.a.setDefault(answer({ delay: 20 }))
      const asked = routeOf(name)
      const first = ask(world, asked, "one")
      await world.a.received(1)
      await sleep(150)
      const again = ask(world, asked, "one")
      const [one, two] = await Promise.all([first, again])
      assert.strictEqual(two.text, one.text)
      assert.include(one.text, "mountain")
      assert.deepStrictEqual([isReplay(one), isReplay(two)], [false, true])
      assert.lengthOf(world.a.requests, 1)
    })
  )

  it.concurrent.each(names)("%s: fifty at once make one answer, and one call", (name) =>
    withRelay({}, async (world) => {
      world.a.setDefault(answer({ delay: 2, headersAfter: 30 }))
      const asked = routeOf(name)
      const all = await Promise.all(Array.from({ length: 50 }, () => ask(world, asked, "one")))
      assert.deepStrictEqual(new Set(all.map(({ status }) => status)), new Set([200]))
      assert.strictEqual(new Set(all.map(({ text }) => text)).size, 1)
      assert.include(all[0]?.text, "mountain")
      assert.strictEqual(all.filter(isReplay).length, 49)
      assert.lengthOf(world.a.requests, 1)
      assert.lengthOf(world.b.requests, 0)
    })
  )

  it.concurrent("in the background: tells where the answer is, as it is then, and asks nobody", () =>
    withRelay({}, async (world) => {
      world.a.setDefault(answer({ delay: 10 }))
      const asked = { path: "/v1/responses", body: { model: "m", input: "hello", background: true } }
      const all = await Promise.all(Array.from({ length: 20 }, () => ask(world, asked, "one")))
      const told = all.map(({ text }) => JSON.parse(text) as { readonly id: string; readonly status: string })
      assert.strictEqual(new Set(told.map(({ id }) => id)).size, 1)
      assert.include(["queued", "in_progress"], told[0]?.status)
      assert.strictEqual(all.filter(isReplay).length, 19)
      await until(async () => {
        const again = JSON.parse((await ask(world, asked, "one")).text) as { readonly status: string }
        return again.status === "completed"
      })
      assert.lengthOf(world.a.requests, 1)
    }))

  it.concurrent("packed otherwise is the same request: what counts is what was packed", () =>
    withRelay({}, async (world) => {
      const text = JSON.stringify(completion({ stream: false }))
      const send = (body: string | Uint8Array<ArrayBuffer>, headers = {}) =>
        fetch(`${world.relay.url}/v1/chat/completions`, {
          method: "POST",
          body,
          headers: { "content-type": "application/json", "idempotency-key": "one", ...headers }
        })
      const plain = await send(text)
      const body = await plain.text()
      for (const level of [1, 9]) {
        const packed = await send(new Uint8Array(gzipSync(text, { level })), { "content-encoding": "gzip" })
        assert.strictEqual(packed.headers.get("x-idempotent-replay"), "true")
        assert.strictEqual(await packed.text(), body)
      }
      assert.lengthOf(world.a.requests, 1)
    }))

  it.concurrent("is no second request where they are limited", () =>
    withRelay({ rateLimit: { requests: 2, per: "1 minute" } }, async (world) => {
      for (let n = 0; n < 5; n++) assert.strictEqual((await ask(world, routeOf("openai"), "one")).status, 200)
      const others = [await ask(world, routeOf("openai"), "two"), await ask(world, routeOf("openai"), "three")]
      assert.deepStrictEqual(
        others.map((other) => other.status),
        [200, 429]
      )
    }))

  it.concurrent("a credential or a cursor in the query is no part of it", () => {
    const tokens = [{ name: "alice", key: "key-of-alice", models: ["*"] }]
    return withRelay({ tokens }, async (world) => {
      const body = { message: "hello", model: "m" }
      const first = await ask(world, { path: "/chat?token=key-of-alice", body }, "one")
      const second = await ask(world, { path: "/chat?last_event_id=", body }, "one", {
        authorization: "Bearer key-of-alice"
      })
      assert.deepStrictEqual([first.status, second.text, isReplay(second)], [200, first.text, true])
      assert.lengthOf(world.a.requests, 1)
    })
  })
})

describe("the same key with anything else", () => {
  const others: ReadonlyArray<readonly [string, Asked]> = [
    ["another body", { path: "/v1/chat/completions", body: completion({ temperature: 0 }) }],
    ["another route", { path: "/chat", body: { message: "hello", model: "m" } }],
    ["another dialect", routeOf("anthropic, whole")],
    ["another method of a model", routeOf("gemini")],
    ["Responses", routeOf("responses")],
    ["a query", { path: "/v1/chat/completions?api-version=1", body: completion() }]
  ]
  it.concurrent.each(others)("%s: 409 conflict, as its dialect tells it, live or ended; nobody is asked", (_, other) =>
    withRelay({}, async (world) => {
      world.a.setDefault(answer({ delay: 20 }))
      const first = await open(`${world.relay.url}/v1/chat/completions`, keyed({ body: completion() }, "one"))
      await first.until(() => first.events.length >= 2)
      const during = await ask(world, other, "one")
      await first.done
      const after = await ask(world, other, "one")
      for (const refused of [during, after]) {
        assert.strictEqual(refused.status, 409, refused.text)
        assert.isFalse(isReplay(refused))
        assert.match(refused.text, /the idempotency key was sent before, with another request/)
        if (other.path.startsWith("/v1/messages")) assert.include(refused.text, `"type":"error"`)
        else if (!other.path.includes("/models/")) assert.strictEqual(codeIn(refused), "conflict")
      }
      assert.lengthOf(world.a.requests, 1)
      assert.strictEqual((await ask(world, { path: "/v1/chat/completions", body: completion() }, "one")).status, 200)
      assert.lengthOf(world.a.requests, 1)
    })
  )

  it.concurrent("at a query's own order: 409", () =>
    withRelay({}, async (world) => {
      const body = { message: "hello", model: "m" }
      const first = await ask(world, { path: "/chat?timeout=9000", body }, "one")
      const second = await ask(world, { path: "/chat?timeout=8000", body }, "one")
      assert.deepStrictEqual([first.status, second.status], [200, 409], first.text)
    }))

  it.concurrent("is another's where the token is another's", () => {
    const tokens = ["alice", "bob"].map((name) => ({ name, key: `key-of-${name}`, models: ["*"] }))
    return withRelay({ tokens }, async (world) => {
      const as = (name: string) => ({ authorization: `Bearer key-of-${name}` })
      const asked = routeOf("openai")
      const [alices, bobs] = await Promise.all(["alice", "bob"].map((name) => ask(world, asked, "one", as(name))))
      assert.deepStrictEqual([alices, bobs].map(isReplayOf), [false, false])
      assert.notStrictEqual(alices?.headers["x-stream-id"], bobs?.headers["x-stream-id"])
      const again = await ask(world, asked, "one", as("bob"))
      assert.deepStrictEqual([again.text, isReplay(again)], [bobs?.text, true])
      assert.lengthOf(world.a.requests, 2)
    })
  })
})

const isReplayOf = (response: RawResponse | undefined): boolean => response !== undefined && isReplay(response)

describe("what is a key", () => {
  it.concurrent("1 to 255 printable ASCII; anything else is 400, and asks nobody", () =>
    withRelay({}, async (world) => {
      for (const key of ["", "a".repeat(256), "caf\u00e9", "a\tb", "\u0080"]) {
        for (const name of ["chat", "openai", "anthropic", "responses", "gemini"]) {
          const refused = await ask(world, routeOf(name), key)
          assert.strictEqual(refused.status, 400, `${name} ${key}: ${refused.text}`)
          assert.include(refused.text, "idempotency-key")
          if (name === "chat" || name === "openai") assert.strictEqual(codeIn(refused), "invalid_request")
        }
      }
      assert.lengthOf(world.a.requests, 0)
      for (const key of ["a", "a".repeat(255), "! ~", '"quoted"']) {
        const first = await ask(world, routeOf("openai, whole"), key)
        const again = await ask(world, routeOf("openai, whole"), key)
        assert.deepStrictEqual([first.status, isReplay(first), isReplay(again)], [200, false, true], key)
      }
    }))

  it.concurrent("on GET it is ignored, whatever it is", () =>
    withRelay({}, async (world) => {
      const get = (key: string) =>
        read(`${world.relay.url}/chat?message=hello`, { headers: { "idempotency-key": key } })
      const all = [await get("one"), await get("one"), await get("")]
      assert.deepStrictEqual(
        all.map((one) => [one.status, isReplay(one)]),
        all.map(() => [200, false])
      )
      assert.lengthOf(world.a.requests, 3)
    }))

  it.concurrent("with Last-Event-ID it is not looked at", () =>
    withRelay({}, async (world) => {
      const { body, path } = routeOf("openai")
      const first = await ask(world, { path, body }, "one")
      const id = first.events[2]?.id ?? assert.fail("no id")
      for (const key of ["one", "two", ""]) {
        const rest = await ask(world, { path, body: { any: "thing" } }, key, { "last-event-id": id })
        assert.deepStrictEqual([rest.status, isReplay(rest)], [200, false])
        assert.deepStrictEqual(
          rest.events.map(({ data }) => data),
          first.events.slice(3).map(({ data }) => data)
        )
      }
      assert.lengthOf(world.a.requests, 1)
    }))

  it.concurrent("a page of another origin may send it, and read whether it is a replay", () =>
    withRelay({ server: { origins: ["https://app.example.com"] } }, async ({ relay }) => {
      const asked = await fetch(`${relay.url}/chat`, {
        method: "OPTIONS",
        headers: {
          "access-control-request-method": "POST",
          "access-control-request-headers": "idempotency-key,content-type",
          origin: "https://app.example.com"
        }
      })
      assert.include(asked.headers.get("access-control-allow-headers") ?? "", "idempotency-key")
      const headers = { origin: "https://app.example.com" }
      const { headers: told } = await ask({ relay }, routeOf("chat"), "one", headers)
      assert.include(String(told["access-control-expose-headers"]), "x-idempotent-replay")
    }))
})

describe("a key is bound", () => {
  it.concurrent("by no refusal", () => {
    const tokens = [
      { name: "alice", key: "key-of-alice", models: ["*"] },
      { name: "bob", key: "key-of-bob", models: ["m"] }
    ]
    return withRelay({ tokens }, async (world) => {
      const authorization = "Bearer key-of-alice"
      const asBob = { authorization: "Bearer key-of-bob" }
      const good = routeOf("openai")
      const refusals: ReadonlyArray<readonly [number, Asked, object]> = [
        [401, good, {}],
        [401, good, { authorization: "Bearer nobody" }],
        [400, { path: good.path, body: { model: "m" } }, { authorization }],
        [415, good, { authorization, "content-type": "text/plain" }],
        [404, { path: good.path, body: completion({ model: "unheard-of" }) }, { authorization }],
        [404, { path: good.path, body: completion({ model: "gpt-4" }) }, asBob]
      ]
      for (const [expected, asked, headers] of refusals) {
        const refused = await ask(world, asked, "one", headers)
        assert.strictEqual(refused.status, expected, refused.text)
        assert.isFalse(isReplay(refused))
      }
      for (const headers of [{ authorization }, asBob]) {
        const first = await ask(world, good, "one", headers)
        assert.deepStrictEqual([first.status, isReplay(first)], [200, false])
      }
      assert.lengthOf(world.a.requests, 2)
    })
  })

  const broken = { retry: { times: 0 }, recovery: { mode: "off" } }

  it.concurrent.each(names)("%s: not by an answer that broke before anything was shown", (name) =>
    withRelay(broken, async (world) => {
      world.a.enqueue(status(503))
      const failed = await ask(world, routeOf(name), "one")
      if (name === "chat") assert.strictEqual(failed.events.at(-1)?.event, "error")
      else if (name !== "responses") assert.isAtLeast(failed.status, 500, failed.text)
      const again = await ask(world, routeOf(name), "one")
      assert.deepStrictEqual([again.status, isReplay(again)], [200, false], again.text)
      assert.include(again.text, "mountain")
      assert.lengthOf(world.a.requests, 2)
    })
  )

  it.concurrent.each(names.filter((name) => !name.includes("whole")))(
    "%s: by one that broke after something was shown: its error is the answer",
    (name) =>
      withRelay(broken, async (world) => {
        world.a.enqueue(cut(5, "reset"))
        const failed = await ask(world, routeOf(name), "one")
        const again = await ask(world, routeOf(name), "one")
        assert.deepStrictEqual([again.status, isReplay(again), again.text], [failed.status, true, failed.text])
        assert.lengthOf(world.a.requests, 1)
      })
  )

  it.concurrent.each(names.filter((name) => name.includes("whole")))(
    "%s: not by one that broke in its middle: nothing of it was shown",
    (name) =>
      withRelay(broken, async (world) => {
        world.a.enqueue(cut(5, "reset"))
        const failed = await ask(world, routeOf(name), "one")
        assert.isAtLeast(failed.status, 500)
        const again = await ask(world, routeOf(name), "one")
        assert.deepStrictEqual([again.status, isReplay(again)], [200, false])
        assert.include(again.text, "mountain")
      })
  )

  it.concurrent("by an answer that ended in an error which asking again does not mend", () =>
    withRelay(broken, async (world) => {
      const body = { error: { message: "no", type: "invalid_request_error", code: null } }
      world.a.setDefault(status(400, { body }))
      const failed = await ask(world, routeOf("openai"), "one")
      const again = await ask(world, routeOf("openai"), "one")
      assert.strictEqual(failed.status, 400, failed.text)
      assert.deepStrictEqual([again.status, isReplay(again)], [400, true])
      assert.lengthOf(world.a.requests, 1)
    }))

  it.concurrent("not by one whose client has gone for good", () =>
    withRelay({ journal: { onDisconnect: "cancel" } }, async (world) => {
      world.a.setDefault(answer({ delay: 30 }))
      await leavesInTheMiddle(world)
      world.a.setDefault(answer())
      await until(async () => {
        const again = await ask(world, routeOf("openai"), "one")
        return again.status === 200 && !isReplay(again)
      })
      assert.lengthOf(world.a.requests, 2)
    }))
})

describe("an answer with a key outlives the connection that asked for it", () => {
  it.concurrent.each(names)("%s: its client leaves, and finds it whole", (name) =>
    withRelay({}, async (world: World) => {
      world.a.setDefault(answer({ delay: 15 }))
      const { body, path } = routeOf(name)
      const controller = new AbortController()
      const left = fetch(`${world.relay.url}${path}`, {
        method: "POST",
        body: JSON.stringify(body),
        headers: { "content-type": "application/json", "idempotency-key": "one" },
        signal: controller.signal
      }).then((response) => response.text())
      await world.a.received(1)
      await sleep(60)
      controller.abort()
      await left.catch(() => {})
      await world.a.requests[0]?.closed
      assert.isTrue(world.a.requests[0]?.finished)
      const again = await ask(world, { path, body }, "one")
      assert.deepStrictEqual([again.status, isReplay(again)], [200, true])
      assert.include(again.text, "mountain")
      assert.lengthOf(world.a.requests, 1)
    })
  )

  it.concurrent("without a key a client of a dialect that leaves cancels, as before", () =>
    withRelay({}, async (world) => {
      world.a.setDefault(answer({ delay: 30 }))
      const { body, path } = routeOf("openai")
      const first = await open(`${world.relay.url}${path}`, { body })
      await first.until(() => first.events.length >= 3)
      first.cut()
      await world.a.requests[0]?.closed
      assert.isFalse(world.a.requests[0]?.finished)
    }))

  it.concurrent("for journal.detachGrace, and no longer", () =>
    withRelay({ journal: { detachGrace: "150 millis" } }, async (world) => {
      world.a.setDefault(answer({ delay: 60 }))
      await leavesInTheMiddle(world)
    }))
})

describe("how long a key is kept", () => {
  it.concurrent("from journal.retention to journal.idempotencyRetention it is 410, and starts nothing", () =>
    withRelay({ journal: { retention: "400 millis", idempotencyRetention: "1600 millis" } }, async (world) => {
      for (const name of ["openai", "chat"]) await ask(world, routeOf(name), name)
      const ended = performance.now()
      await sleep(700)
      for (const name of ["openai", "chat"]) {
        const expired = await ask(world, routeOf(name), name)
        assert.strictEqual(expired.status, 410, expired.text)
        assert.strictEqual(codeIn(expired), "stream_expired")
      }
      assert.lengthOf(world.a.requests, 2)
      await sleep(Math.max(0, 1700 - (performance.now() - ended)))
      const anew = await ask(world, routeOf("openai"), "openai")
      assert.deepStrictEqual([anew.status, isReplay(anew)], [200, false])
      assert.lengthOf(world.a.requests, 3)
    }))

  it.concurrent("what was forgotten early, for want of room, is 410 too", () =>
    withRelay({ journal: { maxBytes: 0 } }, async (world) => {
      await ask(world, routeOf("openai"), "one")
      await until(async () => (await ask(world, routeOf("openai"), "one")).status === 410)
      assert.lengthOf(world.a.requests, 1)
    }))
})

describe("a key over several relays", () => {
  it("that share a store: a race at all of them makes one answer, which any of them gives", async () => {
    const place = await Effect.runPromise(JournalStoreMemory.place)
    const store = Layer.effect(
      JournalStore,
      Effect.map(place.owner, (owner) => owner.store)
    )
    await withRelay({}, async (world) => {
      world.a.setDefault(answer({ delay: 5, headersAfter: 20 }))
      const channels = [channelOf("a", world.a.url)]
      const relays = [await startRelay({ channels }, { store }), await startRelay({ channels }, { store })]
      try {
        for (const name of ["openai", "chat", "anthropic, whole", "responses, whole"]) {
          world.a.reset()
          const key = randomUUID()
          const all = await Promise.all(
            Array.from({ length: 50 }, (_, at) => ask({ relay: relays[at % relays.length]! }, routeOf(name), key))
          )
          assert.strictEqual(new Set(all.map(({ text }) => text)).size, 1, name)
          assert.strictEqual(all.filter(isReplay).length, 49)
          assert.lengthOf(world.a.requests, 1)
          for (const relay of relays) {
            const again = await ask({ relay }, routeOf(name), key)
            assert.deepStrictEqual([isReplay(again), again.text], [true, all[0]?.text])
          }
          assert.lengthOf(world.a.requests, 1)
        }
      } finally {
        for (const relay of relays) await relay.close()
      }
    })
  })
})

describe("nobody is asked twice for what nobody waits for any more", () => {
  it.concurrent("a client that leaves before its upstream has answered comes back for the same answer", () =>
    withRelay({ timeouts: { headers: "5 seconds", firstContent: "5 seconds" } }, async (world) => {
      world.a.enqueue(answer({ headersAfter: 400 }))
      world.a.setDefault(silence)
      const { body, path } = routeOf("openai")
      const controller = new AbortController()
      const left = fetch(`${world.relay.url}${path}`, {
        method: "POST",
        body: JSON.stringify(body),
        headers: { "content-type": "application/json", "idempotency-key": "one" },
        signal: controller.signal
      })
      await world.a.received(1)
      controller.abort()
      await left.catch(() => {})
      const again = await ask(world, { path, body }, "one")
      assert.deepStrictEqual([again.status, isReplay(again)], [200, true])
      assert.strictEqual(again.events.map(({ json }) => contentIn(json)).join(""), whole)
      assert.lengthOf(world.a.requests, 1)
    }))

  it.concurrent("of `/chat` the text is the same, read twice", () =>
    withRelay({}, async (world) => {
      const [one, two] = [await ask(world, routeOf("chat"), "one"), await ask(world, routeOf("chat"), "one")]
      assert.deepStrictEqual([contentOf(one.events), contentOf(two.events)], [whole, whole])
      assert.deepStrictEqual(
        one.events.map(({ id }) => id),
        two.events.map(({ id }) => id)
      )
    }))
})

const contentIn = (json: { readonly [field: string]: unknown } | undefined): string => {
  const [choice] = (json?.["choices"] ?? []) as ReadonlyArray<{ readonly delta?: { readonly content?: string } }>
  return choice?.delta?.content ?? ""
}
