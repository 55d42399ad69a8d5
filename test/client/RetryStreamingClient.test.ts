/**
 * The client without Effect against servers that misbehave in every way, over real sockets.
 */
import { assert, describe, it } from "@effect/vitest"
import { afterEach, vi } from "vitest"
import { RetryStreamingClient, type RetryStreamingClientOptions } from "effect-resilience/client/browser"
import { answer, type Answer, hangUp, type RawServer, startRawServer, stream } from "./rawServer.ts"

const a = "AAAAAAAAAAAAAAAAAAAAAA"
const b = "BBBBBBBBBBBBBBBBBBBBBB"

const init = (id = a): string => `id: ${id}.0\nevent: init\ndata: {"stream_id":"${id}"}\n\n`
const says = (seq: number, content: string, id = a): string => `id: ${id}.${seq}\ndata: {"content":"${content}"}\n\n`
const done = (seq: number, id = a): string => `id: ${id}.${seq}\nevent: done\ndata: {}\n\n`

let server: RawServer | undefined
afterEach(async () => {
  vi.unstubAllGlobals()
  await server?.close()
})

const own = ["open", "message", "retry", "error", "fatal", "reset", "end", "init", "done", "other"] as const

interface Talk {
  readonly client: RetryStreamingClient
  readonly told: Array<string>
  readonly text: () => string
  readonly over: Promise<void>
}

/** Asks a server that gives these answers, and writes down what is told. */
const talk = async (
  answers: ReadonlyArray<Answer>,
  options: RetryStreamingClientOptions = {},
  params: { readonly [name: string]: unknown } = {},
  path = "/chat"
): Promise<Talk> => {
  server = await startRawServer(answers)
  const client = new RetryStreamingClient(`${server.url}${path}`, { initialDelay: 5, jitter: "none", ...options })
  const told: Array<string> = []
  let text = ""
  for (const name of own) client.on(name as string & "x", () => void told.push(name))
  client.on("message", (content) => void (text += content)).on("reset", () => void (text = ""))
  const over = new Promise<void>((resolve) => void client.on("end", resolve).on("fatal", () => resolve()))
  client.connect(params)
  return { client, told, text: () => text, over }
}

const eventsOf = (text: string): Response => new Response(text, { headers: { "content-type": "text/event-stream" } })

const cursors = (): ReadonlyArray<unknown> => server!.received.map(({ headers }) => headers["last-event-id"])

describe("a server that", () => {
  const whole: ReadonlyArray<readonly [string, ReadonlyArray<Answer>, ReadonlyArray<string | undefined>]> = [
    ["behaves", [stream(init() + says(1, "Hello ") + says(2, "world") + done(3))], [undefined]],
    [
      "ends cleanly, again and again, without a terminal event",
      [stream(init() + says(1, "Hello ")), stream(says(2, "world")), stream(done(3))],
      [undefined, `${a}.1`, `${a}.2`]
    ],
    [
      "cuts in the middle of an event: neither it nor its id counts",
      [
        stream(`${init() + says(1, "Hello ")}id: ${a}.2\ndata: {"content":"wor`, "cut"),
        stream(says(2, "world") + done(3))
      ],
      [undefined, `${a}.1`]
    ],
    [
      "replays what was read",
      [stream(init() + says(1, "Hello "), "cut"), stream(init() + says(1, "Hello ") + says(2, "world") + done(3))],
      [undefined, `${a}.1`]
    ],
    [
      "begins another answer",
      [stream(init() + says(1, "Gone"), "cut"), stream(init(b) + says(1, "Hello world", b) + done(2, b))],
      [undefined, `${a}.1`]
    ],
    [
      "has no ids",
      [
        stream('data: {"content":"Hello "}\n\n', "cut"),
        stream('data: {"content":"Hello world"}\n\nevent: done\ndata: {}\n\n')
      ],
      [undefined, undefined]
    ],
    [
      "sends an id without data: the id is not of anything that was read",
      [stream(`${init() + says(1, "Hello ")}id: ${a}.2\n\n`, "cut"), stream(says(2, "world") + done(3))],
      [undefined, `${a}.1`]
    ],
    [
      "refuses and hangs up before it answers",
      [hangUp, answer(503), answer(429, { "retry-after-ms": "1" }), stream(init() + says(1, "Hello world") + done(2))],
      [undefined, undefined, undefined, undefined]
    ],
    [
      "ends a broken answer with 204",
      [stream(init() + says(1, "Hello world"), "cut"), answer(204)],
      [undefined, `${a}.1`]
    ],
    [
      "says that it failed, and can be asked anew",
      [
        stream(
          `${init() + says(1, "Gone")}id: ${a}.2\nevent: error\ndata: {"message":"no","recoverable":true,"retry_after":0}\n\n`
        ),
        stream(init(b) + says(1, "Hello world", b) + done(2, b))
      ],
      [undefined, undefined]
    ],
    ["sends bare text", [stream("data: Hello\n\ndata:  world\n\nevent: done\ndata: Completed\n\n")], [undefined]],
    ["sends what is JSON by chance", [stream('data: "Hello world"\n\ndata: [DONE]\n\n')], [undefined]]
  ]
  it.each(whole)("%s: the whole text, once", async (_, answers, expected) => {
    const { client, over, text, told } = await talk(answers)
    await over
    assert.strictEqual(text(), "Hello world")
    assert.deepStrictEqual(cursors(), expected)
    assert.strictEqual(told.at(-1), "end")
    assert.strictEqual(client.state, "ended")
  })

  const fatal: ReadonlyArray<readonly [string, ReadonlyArray<Answer>, RetryStreamingClientOptions, object]> = [
    ["sends a page", [answer(200, { "content-type": "text/html" }, "<html>")], {}, { _tag: "BadContentType" }],
    ["skips an event", [stream(init() + says(2, "x"), "open")], {}, { _tag: "StreamGap", received: `${a}.2` }],
    [
      "refuses",
      [answer(403, { "content-type": "application/json" }, '{"error":{"code":"forbidden","reason":"access_denied"}}')],
      {},
      { _tag: "HttpFault", status: 403, code: "access_denied" }
    ],
    [
      "has forgotten the stream",
      [stream(init() + says(1, "Hel"), "cut"), answer(410)],
      {},
      { _tag: "StreamExpired", partial: "Hel" }
    ],
    ["asks for too long a wait", [answer(503, { "retry-after": "121" })], {}, { _tag: "HttpFault", status: 503 }],
    ["redirects a POST", [answer(307, { location: "/other" })], { method: "POST" }, { _tag: "HttpFault", status: 307 }],
    [
      "fails for good",
      [stream(`${init()}id: ${a}.1\nevent: error\ndata: {"message":"no","code":"prompt_blocked"}\n\n`, "open")],
      {},
      { _tag: "ServerFault" }
    ],
    ["is gone", [hangUp], { maxRetries: 2 }, { _tag: "RetriesExhausted", attempts: 3 }]
  ]
  it.each(fatal)("%s: that is fatal, and said", async (_, answers, options, expected) => {
    let error: object | undefined
    let words = ""
    const { client, over, told } = await talk(answers, options)
    client.on("fatal", (message, why) => {
      words = message
      error = why
    })
    await over
    await new Promise((resolve) => setTimeout(resolve))
    assert.deepInclude(error, expected)
    assert.isNotEmpty(words)
    assert.deepStrictEqual(told.slice(-2), ["error", "fatal"])
    assert.strictEqual(client.state, "failed")
  })

  it("ends with the longest answer that a relay makes, of characters that JSON escapes: that is read", async () => {
    const length = 8 * 1024 * 1024
    const last = `event: done\ndata: {"full_content":"${"\\u0001".repeat(length)}"}\n\n`
    const { client, over } = await talk([answer(204)], { fetch: async () => eventsOf(last) })
    let got = ""
    client.on("done", ({ full_content }) => void (got = full_content))
    await over
    assert.deepStrictEqual([client.state, got.length], ["ended", length])
  })

  it("redirects a GET is followed", async () => {
    const { over, text } = await talk([
      answer(307, { location: "/other" }),
      stream(init() + says(1, "Hello world") + done(2))
    ])
    await over
    assert.strictEqual(text(), "Hello world")
    assert.strictEqual(server!.received[1]!.url, "/other")
  })

  it("never ends the body of an error is not waited for", async () => {
    const never: Answer = (response) => {
      response.writeHead(400, { "content-type": "application/json" })
      response.write("{")
    }
    const { client, over } = await talk([never])
    await over
    assert.strictEqual(client.state, "failed")
  })
})

describe("a request", () => {
  it("by GET has its parameters in the query", async () => {
    const params = { message: "a&b c", timeout: 3, model: undefined }
    const { over } = await talk([answer(204)], { headers: { Authorization: "Bearer t" } }, params, "/chat?token=k")
    await over
    const [{ headers, method, url } = assert.fail()] = server!.received
    assert.strictEqual(`${method} ${url}`, "GET /chat?token=k&message=a%26b+c&timeout=3")
    assert.strictEqual(headers.accept, "text/event-stream")
    assert.strictEqual(headers.authorization, "Bearer t")
    assert.isUndefined(headers["idempotency-key"])
  })

  it("by POST has them as JSON, and one key over all tries; asked anew it has another", async () => {
    const { over } = await talk(
      [
        stream(init(), "cut"),
        answer(503),
        stream(`id: ${a}.1\nevent: error\ndata: {"recoverable":true,"retry_after":0}\n\n`),
        stream(done(0, b))
      ],
      { method: "POST" },
      { message: "hi" }
    )
    await over
    const keys = server!.received.map(({ headers }) => headers["idempotency-key"])
    assert.match(String(keys[0]), /^[\x21-\x7e]{16,255}$/)
    assert.deepStrictEqual(keys.slice(0, 3), [keys[0], keys[0], keys[0]])
    assert.notStrictEqual(keys[3], keys[0])
    assert.deepStrictEqual(cursors(), [undefined, `${a}.0`, `${a}.0`, undefined])
    for (const { body, headers, method } of server!.received) {
      assert.deepStrictEqual([method, body, headers["content-type"]], ["POST", '{"message":"hi"}', "application/json"])
    }
  })
})

describe("what a request says", () => {
  it("is what it was when it was first sent, whatever becomes of the parameters meanwhile", async () => {
    const messages = [{ role: "user", content: "a" }]
    const { over, told } = await talk([stream(init(), "cut"), stream(done(1))], { method: "POST" }, { messages })
    while (!told.includes("retry")) await new Promise((resolve) => setTimeout(resolve, 1))
    messages.push({ role: "user", content: "b" })
    await over
    const [first, again] = server!.received
    assert.strictEqual(again!.body, first!.body)
    assert.strictEqual(again!.headers["idempotency-key"], first!.headers["idempotency-key"])
  })

  it("that cannot be said is thrown to who asks, and not asked six times", async () => {
    const circle: { [name: string]: unknown } = {}
    circle["self"] = circle
    const client = new RetryStreamingClient("http://127.0.0.1:9/", { method: "POST" })
    assert.throws(() => client.connect(circle), TypeError)
    assert.strictEqual(client.state, "idle")
  })

  it("by GET has nothing for what is null", async () => {
    const { over } = await talk([stream(done(0))], {}, { message: "a", model: null })
    await over
    assert.strictEqual(server!.received[0]!.url, "/chat?message=a")
  })

  it.each(["/chat#top", "/chat?token=k#top?x", "/chat#?#"])(
    "by GET has its query before a fragment: %s",
    async (path) => {
      const { over } = await talk([stream(done(0))], {}, { message: "a" }, path)
      await over
      const { searchParams } = new URL(server!.received[0]!.url, server!.url)
      assert.strictEqual(searchParams.get("message"), "a")
      assert.strictEqual(searchParams.get("token"), path.includes("token") ? "k" : null)
    }
  )

  it("has an id that is no ASCII as UTF-8, as EventSource has it", async () => {
    const { over, text } = await talk([
      stream('id: ü…\ndata: {"content":"x"}\n\n', "cut"),
      stream("id: 2\nevent: done\ndata: {}\n\n")
    ])
    await over
    assert.strictEqual(text(), "x")
    assert.strictEqual(Buffer.from(String(cursors()[1]), "latin1").toString(), "ü…")
  })
})

describe("handlers", () => {
  it("that are asynchronous, and fail, break nothing either", async () => {
    const unhandled: Array<unknown> = []
    const listener = (reason: unknown): void => void unhandled.push(reason)
    process.on("unhandledRejection", listener)
    const error = vi.spyOn(console, "error").mockImplementation(() => {})
    const { client, over, told } = await talk([stream(init() + done(1))])
    client.on("init", async () => {
      await Promise.resolve()
      throw new Error("no")
    })
    await over
    await new Promise((resolve) => setTimeout(resolve, 10))
    process.off("unhandledRejection", listener)
    assert.deepStrictEqual([unhandled, told], [[], ["open", "init", "done", "end"]])
    assert.strictEqual(error.mock.calls.length, 1)
    error.mockRestore()
  })

  it("all run, one that throws keeps nobody from anything, and one that was taken away does not run", async () => {
    const log = vi.spyOn(console, "error").mockImplementation(() => {})
    const { client, over } = await talk([stream(init() + says(1, "x") + done(2))])
    const ran: Array<number> = []
    const gone = (): void => void ran.push(0)
    client
      .on("message", () => {
        throw new Error("mine")
      })
      .on("message", () => void ran.push(1))
      .on("message", gone)
      .off("message", gone)
    await over
    assert.deepStrictEqual(ran, [1])
    assert.strictEqual(log.mock.calls.length, 1)
    log.mockRestore()
  })

  it("get the parsed data of every event, its text where it is no JSON; names of the client's own are not handed on", async () => {
    const { client, over } = await talk([
      stream(
        `event: other\ndata: {"a":1}\n\nevent: other\ndata: null\n\nevent: bare\ndata: b\n\nevent: fatal\ndata: {}\n\n${done(0)}`
      )
    ])
    const got: Array<unknown> = []
    client.on("other", (data) => void got.push(data)).on("bare", (data) => void got.push(data))
    client.on("fatal", () => void got.push("fatal"))
    await over
    assert.deepStrictEqual(got, [{ a: 1 }, null, "b"])
  })

  it("may close and connect: what was of before says nothing more", async () => {
    const { client, over, told } = await talk([
      stream(init() + says(1, "a") + says(2, "b") + done(3)),
      stream(init(b) + says(1, "c", b) + done(2, b))
    ])
    const heard: Array<string> = []
    client.on("message", (content) => {
      heard.push(content)
      if (content !== "a") return
      client.close()
      client.connect()
    })
    await over
    assert.deepStrictEqual(heard, ["a", "c"])
    assert.strictEqual(told.filter((name) => name === "end").length, 1)
  })

  it("are told of an error before the retry, and of each connection", async () => {
    const { over, told } = await talk([stream(init(), "cut"), stream(done(1))])
    await over
    assert.deepStrictEqual(told, ["open", "init", "error", "retry", "open", "done", "end"])
  })
})

describe("leaving", () => {
  const until = async (told: ReadonlyArray<string>, name: string): Promise<void> => {
    while (!told.includes(name)) await new Promise((resolve) => setTimeout(resolve, 2))
  }

  it("by close closes the connection, sends no DELETE, and tells nothing", async () => {
    const { client, told } = await talk([stream(init(), "open")])
    await until(told, "init")
    client.close()
    await server!.received[0]!.left
    assert.strictEqual(client.state, "closed")
    assert.deepStrictEqual([told, server!.received.length], [["open", "init"], 1])
  })

  it("by cancel sends the DELETE first, with headers and token, and then closes", async () => {
    const { client, told } = await talk(
      [stream(init(), "open"), answer(202)],
      { headers: { "x-mine": "1" } },
      {},
      "/chat?token=k"
    )
    await until(told, "init")
    let closed = false
    void server!.received[0]!.left.then(() => (closed = true))
    const cancelled = client.cancel()
    assert.strictEqual(client.state, "closed")
    await cancelled
    const { headers, method, url } = server!.received[1]!
    assert.deepStrictEqual([method, url, headers["x-mine"]], ["DELETE", `/streams/${a}?token=k`, "1"])
    assert.isFalse(closed)
    await server!.received[0]!.left
  })

  it("by cancel goes where streamsUrl says, for a stream that only the head has named", async () => {
    const { client, told } = await talk([stream("", "open", { "x-stream-id": b }), answer(202)], {
      streamsUrl: "/api/streams/"
    })
    await until(told, "open")
    await client.cancel()
    assert.strictEqual(server!.received[1]!.url, `/api/streams/${b}`)
  })

  it("by cancel does not wait for ever for a server that does not answer", async () => {
    const { client, told } = await talk([stream(init(), "open"), () => {}])
    await until(told, "init")
    const began = performance.now()
    await client.cancel()
    assert.isBelow(performance.now() - began, 3_000)
    await server!.received[0]!.left
  })

  it("by cancel is of the stream that the last head has named, where nothing was read", async () => {
    const { client, told } = await talk(
      [stream("", "cut", { "x-stream-id": a }), stream("", "open", { "x-stream-id": b }), answer(202)],
      { method: "POST" }
    )
    await until(told, "retry")
    while (client.state !== "open") await new Promise((resolve) => setTimeout(resolve, 1))
    await client.cancel()
    assert.strictEqual(server!.received[2]!.url, `/streams/${b}`)
  })

  it("by cancel does not reject when the server is away", async () => {
    const { client, told } = await talk([stream(init(), "open"), hangUp])
    await until(told, "init")
    await client.cancel()
    assert.strictEqual(client.state, "closed")
  })

  it("while it waits leaves no timer", async () => {
    const { client, told } = await talk([hangUp], { initialDelay: 60_000 })
    await until(told, "retry")
    assert.strictEqual(client.state, "waiting")
    const clear = vi.spyOn(globalThis, "clearTimeout")
    client.close()
    assert.isAtLeast(clear.mock.calls.length, 1)
    clear.mockRestore()
    assert.strictEqual(server!.received.length, 1)
  })
})

describe("connect", () => {
  it("is ignored while it is connected, and asks anew after the end", async () => {
    const { client, over, text } = await talk([stream(init() + says(1, "x") + done(2)), stream(done(0, b))])
    client.connect()
    await over
    assert.strictEqual(server!.received.length, 1)
    assert.strictEqual(client.lastEventId, `${a}.2`)
    const again = new Promise<void>((resolve) => client.on("end", resolve))
    client.connect()
    await again
    assert.deepStrictEqual([cursors(), text()], [[undefined, undefined], "x"])
  })

  it("waits for what is longer than a timer can be, and does not ask at once", async () => {
    const { client, told } = await talk([answer(503, { "retry-after": "9999999" })], {
      maxHint: Number.POSITIVE_INFINITY
    })
    while (!told.includes("retry")) await new Promise((resolve) => setTimeout(resolve, 1))
    await new Promise((resolve) => setTimeout(resolve, 50))
    assert.deepStrictEqual([client.state, server!.received.length], ["waiting", 1])
    client.close()
  })

  /** A browser that is told whether it is online. */
  const stubBrowser = (online: boolean): ((online: boolean) => void) => {
    const window = new EventTarget()
    const navigator = { onLine: online }
    vi.stubGlobal("navigator", navigator)
    vi.stubGlobal("addEventListener", window.addEventListener.bind(window))
    vi.stubGlobal("removeEventListener", window.removeEventListener.bind(window))
    return (now) => {
      navigator.onLine = now
      window.dispatchEvent(new Event(now ? "online" : "offline"))
    }
  }

  it("waits while a browser is offline, and asks as soon as it is not", async () => {
    const beOnline = stubBrowser(false)
    const { client, over, told } = await talk([stream(done(0))], { maxRetries: 0 })
    await new Promise((resolve) => setTimeout(resolve, 20))
    assert.deepStrictEqual([client.state, server!.received.length, told], ["waiting", 0, []])
    beOnline(true)
    await over
    assert.strictEqual(client.state, "ended")
  })

  it("anew waits for what it waits for itself, whatever becomes of the request before", async () => {
    const beOnline = stubBrowser(true)
    const stalls: Answer = (response) => {
      response.writeHead(503, { "content-type": "application/json" })
      response.write("{")
    }
    const { client, over } = await talk([stalls, stream(done(0))])
    while (server!.received.length === 0) await new Promise((resolve) => setTimeout(resolve, 1))
    // Its head has come, and its body is waited for.
    await new Promise((resolve) => setTimeout(resolve, 50))
    beOnline(false)
    client.close()
    client.connect()
    await server!.received[0]!.left
    await new Promise((resolve) => setTimeout(resolve, 20))
    beOnline(true)
    await over
    assert.deepStrictEqual([client.state, server!.received.length], ["ended", 2])
  })

  it("anew is left without a timer, though an answer comes to the request before", async () => {
    let give: (response: Response) => void = () => {}
    // A `fetch` that does not hear of it that nobody waits for it any more.
    const fetch = async (): Promise<Response> => new Promise((resolve) => (give = resolve))
    const beOnline = stubBrowser(true)
    const { client } = await talk([answer(204)], { fetch })
    client.close()
    beOnline(false)
    client.connect()
    give(new Response("{}", { status: 503 }))
    await new Promise((resolve) => setTimeout(resolve, 20))
    const forget = vi.spyOn(globalThis, "removeEventListener")
    client.close()
    assert.strictEqual(forget.mock.calls.length, 1)
    forget.mockRestore()
  })
})
