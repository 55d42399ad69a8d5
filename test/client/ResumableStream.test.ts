/**
 * The client of Effect: on virtual time against a scripted `HttpClient`, and over real sockets.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Option, Schedule, Schema, Scope, Stream } from "effect"
import { FetchHttpClient, HttpClient, HttpClientError, HttpClientRequest, HttpClientResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { ResumableStream } from "effect-resilience/client"
import { blameOf } from "effect-resilience/errors"
import { Failures, Retry, RetrySchedule } from "effect-resilience/policy"
import { NodeHttpClient } from "@effect/platform-node"
import { answer, hangUp, startRawServer, stream } from "./rawServer.ts"

const a = "AAAAAAAAAAAAAAAAAAAAAA"
const b = "BBBBBBBBBBBBBBBBBBBBBB"
const data = { request_id: "r", stream_id: a, status: "started", model: "m" }
const init = (id = a): string => `id: ${id}.0\nevent: init\ndata: ${JSON.stringify({ ...data, stream_id: id })}\n\n`
const says = (seq: number, content: string, id = a): string => `id: ${id}.${seq}\ndata: {"content":"${content}"}\n\n`
const done = (seq: number, id = a): string => `id: ${id}.${seq}\nevent: done\ndata: {}\n\n`

/** What a request gets: a status and a body, which is cut, goes on for ever, or ends. */
interface Reply {
  readonly status?: number
  readonly headers?: { readonly [name: string]: string }
  readonly body?: string
  readonly then?: "cut" | "open" | "end"
}

const responseOf = ({ body = "", headers, status = 200, then = "end" }: Reply): Response =>
  new Response(
    status === 204
      ? null
      : new ReadableStream<Uint8Array>({
          start: (controller) => {
            if (body !== "") controller.enqueue(new TextEncoder().encode(body))
            if (then === "end") controller.close()
          },
          pull: (controller) => {
            if (then === "cut") controller.error(new Error("reset"))
          }
        }),
    { status, headers: { "content-type": "text/event-stream", ...headers } }
  )

interface Server {
  readonly client: HttpClient.HttpClient
  readonly asked: Array<{
    readonly request: HttpClientRequest.HttpClientRequest
    readonly url: string
    readonly at: number
  }>
}

/** The replies, one a request, the last one to all others; `undefined` is no answer. */
const serve = (...replies: ReadonlyArray<Reply | undefined>): Server => {
  const asked: Server["asked"] = []
  return {
    asked,
    client: HttpClient.make((request, url) =>
      Effect.clockWith((clock) =>
        Effect.suspend(() => {
          asked.push({ request, url: String(url), at: clock.currentTimeMillisUnsafe() })
          const reply = replies[Math.min(asked.length, replies.length) - 1]
          return reply === undefined
            ? Effect.fail(
                new HttpClientError.HttpClientError({
                  reason: new HttpClientError.TransportError({ request, description: "refused" })
                })
              )
            : Effect.succeed(HttpClientResponse.fromWeb(request, responseOf(reply)))
        })
      )
    )
  }
}

/** Reads all of an answer, with as much time as it likes. */
const readAll = (server: Server, options: Partial<ResumableStream.Options> = {}) =>
  Effect.gen(function* () {
    const made = yield* ResumableStream.make({
      url: "http://relay/chat",
      jitter: "none",
      ...options
    } as ResumableStream.Options)
    const statuses: Array<ResumableStream.Status> = []
    yield* made.status.pipe(
      Stream.runForEach((status) => Effect.sync(() => statuses.push(status))),
      Effect.forkScoped
    )
    yield* Effect.yieldNow
    const events: Array<ResumableStream.ChatEvent> = []
    const reading = yield* made.events.pipe(
      Stream.runForEach((event) => Effect.sync(() => events.push(event))),
      Effect.exit,
      Effect.forkScoped
    )
    for (let passed = 0; passed < 400 && reading.pollUnsafe() === undefined; passed++) {
      // Bodies are read by promises: they need a turn of the loop.
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      yield* TestClock.adjust("1 seconds")
    }
    const exit = yield* Fiber.join(reading)
    yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
    return { made, exit, events, statuses, text: yield* made.text }
  }).pipe(Effect.provideService(HttpClient.HttpClient, server.client), Effect.scoped)

const cursors = (server: Server) => server.asked.map(({ request }) => request.headers["last-event-id"])

const errorIn = <A, E>(exit: Exit.Exit<A, E>): E => Option.getOrThrow(Exit.findErrorOption(exit))

describe("ResumableStream", () => {
  it.effect("gives each event once and in order, over cuts, replays and half events", () =>
    Effect.gen(function* () {
      const server = serve(
        { body: `${init()}${says(1, "Hel")}id: ${a}.2\ndata: {"con`, then: "cut" },
        undefined,
        { body: says(1, "Hel") + says(2, "lo") },
        { body: done(3) }
      )
      const { events, exit, statuses, text } = yield* readAll(server)
      assert.isTrue(Exit.isSuccess(exit))
      assert.strictEqual(text, "Hello")
      assert.deepStrictEqual<unknown>(events, [
        { _tag: "Init", id: `${a}.0`, ...data },
        { _tag: "Message", id: `${a}.1`, content: "Hel" },
        { _tag: "Message", id: `${a}.2`, content: "lo" },
        { _tag: "Done", id: `${a}.3` }
      ])
      assert.deepStrictEqual(cursors(server), [undefined, `${a}.1`, `${a}.1`, `${a}.2`])
      assert.deepStrictEqual(
        statuses.map((status) => (status._tag === "Waiting" ? `${status.reason} ${status.delayMillis}` : status._tag)),
        [
          "Connecting",
          "Open",
          "stream_cut 1000",
          "Connecting",
          "network_error 2000",
          "Connecting",
          "Open",
          "stream_cut 1000",
          "Connecting",
          "Open",
          "Ended"
        ]
      )
      assert.strictEqual(statuses.at(-1)?._tag, "Ended")
    })
  )

  it.effect.each([
    ["null", null],
    ["none", "none"],
    ["0", 0]
  ] as const)("gives the data of an event parsed where it is JSON, to a schema too: %s", ([written, data]) =>
    Effect.gen(function* () {
      const server = serve({ body: `event: other\ndata: ${written}\n\n${done(0)}` })
      const { events } = yield* readAll(server)
      assert.deepStrictEqual<unknown>(events[0], { _tag: "Other", id: "", event: "other", data })
      const eventSchema = Schema.Struct({ event: Schema.String, id: Schema.String, data: Schema.Unknown })
      const decoded = yield* readAll(server, { eventSchema } as never)
      assert.deepStrictEqual<unknown>(decoded.events[0], { event: "other", id: "", data })
    })
  )

  it.effect("waits as the server asks, by the clock", () =>
    Effect.gen(function* () {
      const server = serve({ status: 503, headers: { "retry-after": "7" } }, { body: done(0) })
      yield* readAll(server)
      assert.strictEqual(server.asked[1]!.at - server.asked[0]!.at, 7000)
    })
  )

  it.effect.each([
    ["StreamGap", [{ body: init() + says(2, "x") }], {}],
    ["StreamExpired", [{ body: init() + says(1, "Hel") }, { status: 410 }], { partial: "Hel" }],
    ["BadContentType", [{ headers: { "content-type": "text/html" } }], { contentType: "text/html" }],
    [
      "HttpFault",
      [{ status: 403, body: '{"error":{"reason":"access_denied"}}' }],
      { status: 403, code: "access_denied" }
    ],
    ["HttpFault", [{ status: 307, headers: {} }], { status: 307 }],
    ["HttpFault", [{ status: 429, headers: { "retry-after": "121" } }], { retryAfterMillis: 121_000 }],
    [
      "ServerFault",
      [{ body: 'event: error\ndata: {"message":"no","code":"c","recoverable":false}\n\n' }],
      { message: "no", code: "c", recoverable: false }
    ],
    ["RetriesExhausted", [undefined], { attempts: 6 }]
  ] as ReadonlyArray<readonly [string, ReadonlyArray<Reply | undefined>, object]>)(
    "fails with %s",
    ([tag, replies, fields]) =>
      Effect.gen(function* () {
        const { exit, statuses } = yield* readAll(serve(...replies))
        const error = errorIn(exit)
        assert.strictEqual<string>(error._tag, tag)
        assert.deepInclude(error, fields as never)
        assert.isNotEmpty(error.message)
        assert.deepStrictEqual(statuses.at(-1), { _tag: "Failed", error })
      })
  )

  it.effect("asks nothing of an address that is none, and fails at once", () =>
    Effect.gen(function* () {
      const server = serve({ body: init() + done(1) })
      const { exit, statuses } = yield* readAll(server, { url: "http://relay:99999/chat" } as never)
      const error = errorIn(exit)
      assert.deepInclude(error, { _tag: "RetriesExhausted", attempts: 0 })
      assert.include(error.message, "http://relay:99999/chat")
      assert.lengthOf(server.asked, 0)
      assert.deepStrictEqual(
        statuses.map(({ _tag }) => _tag),
        ["Connecting", "Failed"]
      )
    })
  )

  it.effect.each([
    [410, { _tag: "StreamExpired", partial: "Hel" }, 2],
    [404, { _tag: "HttpFault", status: 404, code: "stream_not_found" }, 2],
    [503, { _tag: "RetriesExhausted", attempts: 6 }, 6]
  ] as const)("knows a status by a client that makes errors of them: %i", ([status, expected, asked]) =>
    Effect.gen(function* () {
      const body = JSON.stringify({ error: { code: "NOT_FOUND", reason: "stream_not_found" } })
      const server = serve({ body: init() + says(1, "Hel"), then: "cut" }, { status, body })
      const client = HttpClient.filterStatusOk(server.client)
      const { exit } = yield* readAll({ ...server, client })
      assert.deepInclude(errorIn(exit), expected)
      assert.lengthOf(server.asked, asked)
    })
  )

  it.effect("asks anew where the stream says that this may help: another key, no id, and Reset", () =>
    Effect.gen(function* () {
      const server = serve(
        { body: `${init()}${says(1, "old")}id: ${a}.2\nevent: error\ndata: {"message":"no","recoverable":true}\n\n` },
        undefined,
        { body: init(b) + says(1, "new", b) + done(2, b) }
      )
      const { events, text } = yield* readAll(server, { body: { message: "hi" } } as never)
      assert.deepStrictEqual(
        events.map(({ _tag }) => _tag),
        ["Init", "Message", "Reset", "Init", "Message", "Done"]
      )
      assert.strictEqual(text, "new")
      assert.deepStrictEqual(cursors(server), [undefined, undefined, undefined])
      const keys = server.asked.map(({ request }) => request.headers["idempotency-key"])
      assert.notStrictEqual(keys[0], keys[1])
      assert.strictEqual(keys[1], keys[2])
      assert.isTrue(server.asked.every(({ request }) => request.method === "POST"))
    })
  )

  it.effect.each([
    ["whole", [{ body: init() + done(1) }], 2],
    ["broken for good", [{ body: `${init()}id: ${a}.1\nevent: error\ndata: {"message":"no"}\n\n` }], 2],
    ["broken, whatever was asked anew", [{ body: `id: ${a}.0\nevent: error\ndata: {"recoverable":true}\n\n` }], 4],
    // Its answer may be there: who asks again attaches to it.
    ["away", [undefined], 1]
  ] as const)("run again, an answer that was %s is asked for with %i keys in all", ([, replies, expected]) =>
    Effect.gen(function* () {
      const server = serve(...replies)
      const made = yield* ResumableStream.make({
        url: "http://relay/chat",
        body: {},
        maxRetries: 1,
        jitter: "none"
      }).pipe(Effect.provideService(HttpClient.HttpClient, server.client))
      for (let runs = 0; runs < 2; runs++) {
        const running = yield* Effect.forkScoped(Effect.exit(Stream.runDrain(made.events)))
        while (running.pollUnsafe() === undefined) {
          yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
          yield* TestClock.adjust("1 seconds")
        }
      }
      const keys = server.asked.map(({ request }) => request.headers["idempotency-key"])
      assert.strictEqual(new Set(keys).size, expected, String(keys))
    })
  )

  it.effect("waits by a schedule of one's own, and gives up when that ends", () =>
    Effect.gen(function* () {
      const server = serve(undefined)
      const schedule = Schedule.spaced("10 seconds").pipe(Schedule.upTo({ times: 7 }))
      const { exit } = yield* readAll(server, { schedule })
      assert.deepInclude(errorIn(exit), { _tag: "RetriesExhausted", attempts: 8 })
      assert.deepStrictEqual(
        server.asked.map(({ at }) => at - server.asked[0]!.at),
        [0, 10, 20, 30, 40, 50, 60, 70].map((seconds) => seconds * 1000)
      )
    })
  )

  it.effect("says in a few words why nothing came, without what its address asks for", () =>
    Effect.gen(function* () {
      const url = "http://relay/chat?token=hunter2"
      for (const reply of [undefined, { body: init(), then: "cut" }] as const) {
        const { exit } = yield* readAll(serve(reply), { url, maxRetries: 0 })
        const { message } = errorIn(exit) as { readonly message: string }
        assert.match(message, /^1 requests failed: .*http:\/\/relay\/chat\)/)
        assert.notInclude(message, "hunter2")
        assert.notInclude(message, "\n")
      }
      const { exit } = yield* readAll(serve(undefined), { url: "ht!tp://relay/chat?token=hunter2" })
      assert.notInclude(String(errorIn(exit)), "hunter2")
    })
  )

  it.effect("begins its own waits anew when it is run again, also where the server says the first one", () =>
    Effect.gen(function* () {
      const server = serve(undefined, undefined, { status: 503, headers: { "retry-after": "1" } }, undefined, {
        body: init() + done(1)
      })
      const schedule = Schedule.spaced("10 seconds").pipe(Schedule.upTo({ times: 1 }))
      const { events } = yield* ResumableStream.make({ url: "http://relay/chat", schedule }).pipe(
        Effect.provideService(HttpClient.HttpClient, server.client)
      )
      const read = Effect.forkChild(Effect.exit(Stream.runDrain(events)))
      const first = yield* read
      yield* TestClock.adjust("1 minute")
      assert.deepInclude(errorIn(yield* Fiber.join(first)), { _tag: "RetriesExhausted", attempts: 2 })
      const second = yield* read
      yield* TestClock.adjust("1 minute")
      assert.isTrue(Exit.isSuccess(yield* Fiber.join(second)))
      assert.lengthOf(server.asked, 5)
    }).pipe(Effect.scoped)
  )

  it.effect(
    "fails with what policies can judge: nothing is asked again that is no use, or was asked often enough",
    () =>
      Effect.gen(function* () {
        const failing = (fault: object) =>
          serve({ body: `${init()}id: ${a}.1\nevent: error\ndata: ${JSON.stringify(fault)}\n\n` })
        const asked = (server: Server, maxRetries = 5) =>
          Effect.gen(function* () {
            const made = yield* ResumableStream.make({ url: "http://relay/chat", maxRetries }).pipe(
              Effect.provideService(HttpClient.HttpClient, server.client)
            )
            const policy = { attempts: 2, schedule: RetrySchedule.immediate }
            const read = yield* Effect.forkChild(
              Effect.flip(Stream.runDrain(made.events).pipe(Retry.retry(policy), Retry.unwrap))
            )
            yield* TestClock.adjust("5 minutes")
            return { error: yield* Fiber.join(read), times: server.asked.length }
          })
        const wrong = yield* asked(failing({ message: "wrong", recoverable: false, code: "context_length_exceeded" }))
        assert.deepStrictEqual([blameOf(wrong.error), wrong.times], ["caller", 1])
        const odd = yield* asked(failing({ message: "no", recoverable: false, isRetryable: true, retryAfterMillis: 1 }))
        assert.deepStrictEqual([blameOf(odd.error), odd.times], [undefined, 1])
        const busy = yield* asked(failing({ message: "busy", recoverable: true, code: "throttled", retry_after: 300 }))
        assert.strictEqual(Failures.retryAfterMillisOf(busy.error), 300_000)
        const gone = yield* asked(serve(undefined), 1)
        assert.deepStrictEqual([gone.error._tag, blameOf(gone.error), gone.times], ["RetriesExhausted", "exhausted", 2])
      }).pipe(Effect.scoped)
  )

  it.effect("decodes by a schema of one's own, and fails with what it refuses", () =>
    Effect.gen(function* () {
      const eventSchema = Schema.Struct({
        event: Schema.Literal("message"),
        data: Schema.Struct({ content: Schema.String })
      })
      const read = (body: string) =>
        ResumableStream.make({ url: "http://relay/chat", eventSchema }).pipe(
          Effect.flatMap(({ events }) => Stream.runCollect(events)),
          Effect.provideService(HttpClient.HttpClient, serve({ body }).client),
          Effect.scoped
        )
      const parts = says(0, "x") + says(1, "y")
      assert.include((yield* Effect.flip(read(`${parts}data: 1\n\n`))).message, "object")
      // The mark at the end of OpenAI's format is no event of anybody's.
      assert.deepStrictEqual(yield* read(`${parts}data: [DONE]\n\n`), [
        { event: "message", data: { content: "x" } },
        { event: "message", data: { content: "y" } }
      ])
    })
  )

  it.effect("fails in its status, too, with what a schema refuses", () =>
    Effect.gen(function* () {
      const eventSchema = Schema.Struct({ data: Schema.Struct({ content: Schema.String }) })
      const server = serve({ body: `${says(0, "x")}id: ${a}.1\ndata: {"content":5}\n\n`, then: "open" })
      const { exit, statuses } = yield* readAll(server, { eventSchema } as never)
      const error: unknown = errorIn(exit)
      assert.deepInclude(error, { _tag: "SchemaError" })
      assert.deepStrictEqual<unknown>(statuses, [{ _tag: "Connecting" }, { _tag: "Open" }, { _tag: "Failed", error }])
    })
  )

  const turn = Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))

  type Events = Stream.Stream<ResumableStream.ChatEvent, ResumableStream.ResumableStreamError>

  const stops: ReadonlyArray<readonly [string, (events: Events) => Effect.Effect<unknown, unknown>]> = [
    ["has read enough", (events) => Stream.runDrain(Stream.take(events, 2))],
    [
      "fails",
      (events) => Stream.runForEach(events, ({ _tag }) => (_tag === "Message" ? Effect.fail("no") : Effect.void))
    ],
    [
      "is interrupted",
      (events) =>
        Effect.gen(function* () {
          const read: Array<unknown> = []
          const reading = yield* Effect.forkChild(Stream.runForEach(events, () => Effect.sync(() => read.push(0))))
          while (read.length < 2) yield* turn
          yield* Fiber.interrupt(reading)
        })
    ]
  ]
  it.effect.each(stops)("is closed when who reads it %s, and asks anew when it is read again", ([, read]) =>
    Effect.gen(function* () {
      const body = init() + says(1, "Hel")
      const server = serve({ body, then: "open" }, { body: body + done(2) })
      const made = yield* ResumableStream.make({ url: "http://relay/chat" }).pipe(
        Effect.provideService(HttpClient.HttpClient, server.client)
      )
      const tags = Stream.runCollect(Stream.map(made.status, ({ _tag }) => _tag))
      const first = yield* Effect.forkScoped(tags)
      yield* Effect.yieldNow
      yield* Effect.exit(read(made.events))
      assert.deepStrictEqual(yield* Fiber.join(first), ["Connecting", "Open", "Closed"])
      assert.lengthOf(yield* Stream.runCollect(made.events), 3)
      assert.deepStrictEqual(yield* tags, ["Ended"])
      assert.lengthOf(server.asked, 2)
    })
  )

  it.effect("cancels where the answer is made when who read it has stopped, too", () =>
    Effect.gen(function* () {
      const server = serve({ body: init() + says(1, "Hel"), then: "open" }, { status: 202 })
      const made = yield* ResumableStream.make({ url: "http://relay/chat" }).pipe(
        Effect.provideService(HttpClient.HttpClient, server.client)
      )
      yield* Stream.runDrain(Stream.take(made.events, 2))
      yield* made.cancel
      const { request, url } = server.asked[1]!
      assert.deepStrictEqual([request.method, url], ["DELETE", `http://relay/streams/${a}`])
      assert.deepStrictEqual(yield* Stream.runCollect(made.status), [{ _tag: "Closed" }])
    })
  )

  it.effect("cancels where the answer is made, and ends what reads it", () =>
    Effect.gen(function* () {
      const server = serve({ body: init() + says(1, "Hel"), then: "open" }, { status: 202 })
      const request = HttpClientRequest.get("http://relay/chat?token=k").pipe(
        HttpClientRequest.setHeader("x-mine", "1")
      )
      const made = yield* ResumableStream.make({ request }).pipe(
        Effect.provideService(HttpClient.HttpClient, server.client)
      )
      const reading = yield* Effect.forkScoped(Stream.runCollect(made.events))
      while ((yield* made.text) !== "Hel") yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      yield* made.cancel
      assert.lengthOf(yield* Fiber.join(reading), 2)
      const [, { request: sent, url } = assert.fail()] = server.asked
      assert.deepStrictEqual(
        [sent.method, url, sent.headers["x-mine"]],
        ["DELETE", `http://relay/streams/${a}?token=k`, "1"]
      )
      assert.deepStrictEqual(yield* Stream.runCollect(made.status), [{ _tag: "Closed" }])
      // What was left stays so.
      assert.deepStrictEqual(yield* Stream.runCollect(made.events), [])
    })
  )

  it.effect("cancels without waiting for ever for a server that does not answer", () =>
    Effect.gen(function* () {
      const server = serve({ body: init(), then: "open" })
      const client = HttpClient.make((request) =>
        request.method === "DELETE" ? Effect.never : server.client.execute(request)
      )
      const made = yield* ResumableStream.make({ url: "http://relay/chat" }).pipe(
        Effect.provideService(HttpClient.HttpClient, client)
      )
      const reading = yield* Effect.forkScoped(Stream.runHead(Stream.drop(made.events, 1)))
      yield* made.status.pipe(
        Stream.takeUntil(({ _tag }) => _tag === "Open"),
        Stream.runDrain
      )
      yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 10)))
      const cancelling = yield* Effect.forkScoped(made.cancel)
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(cancelling)
      assert.isTrue(Option.isNone(yield* Fiber.join(reading)))
    })
  )

  it.effect("is closed with its scope, while it waits too", () =>
    Effect.gen(function* () {
      const server = serve(undefined)
      const scope = yield* Scope.make()
      const made = yield* ResumableStream.make({ url: "http://relay/chat" }).pipe(
        Effect.provideService(HttpClient.HttpClient, server.client),
        Effect.provideService(Scope.Scope, scope)
      )
      const reading = yield* Effect.forkScoped(Stream.runCollect(made.events))
      yield* Effect.yieldNow
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(yield* Fiber.join(reading), [])
      yield* TestClock.adjust("1 minutes")
      assert.lengthOf(server.asked, 1)
    })
  )

  it.live("over real sockets: the whole text, once; a GET's redirect is followed, a POST's is fatal", () =>
    Effect.gen(function* () {
      const server = yield* Effect.acquireRelease(
        Effect.promise(() =>
          startRawServer([
            answer(307, { location: "/other" }),
            stream(`${init() + says(1, "Hello ")}id: ${a}.2\ndata: {"cont`, "cut"),
            hangUp,
            stream(says(2, "world") + done(3)),
            answer(307, { location: "/other" })
          ])
        ),
        (server) => Effect.promise(() => server.close())
      )
      const quick = { initialDelay: 5 }
      const got = yield* ResumableStream.make({ url: `${server.url}/chat`, ...quick })
      yield* Stream.runDrain(got.events)
      assert.strictEqual(yield* got.text, "Hello world")
      const posted = yield* ResumableStream.make({ url: `${server.url}/chat`, body: {}, ...quick })
      const error = yield* Effect.flip(Stream.runDrain(posted.events))
      assert.deepInclude(error, { _tag: "HttpFault", status: 307 })
      assert.strictEqual(server.received.length, 5)
    }).pipe(Effect.provide(FetchHttpClient.layer), Effect.scoped)
  )

  it.live.each([
    ["fetch", FetchHttpClient.layer],
    ["node:http", NodeHttpClient.layerNodeHttp],
    ["undici", NodeHttpClient.layerUndici]
  ] as const)("comes back with an id that is no ASCII, by %s: as UTF-8, as EventSource does", ([, layer]) =>
    Effect.gen(function* () {
      const server = yield* Effect.acquireRelease(
        Effect.promise(() =>
          startRawServer([
            stream('id: ü…\ndata: {"content":"x"}\n\n', "cut"),
            stream("id: 2\nevent: done\ndata: {}\n\n")
          ])
        ),
        (server) => Effect.promise(() => server.close())
      )
      const made = yield* ResumableStream.make({ url: server.url, initialDelay: 5 })
      yield* Stream.runDrain(made.events)
      const cursor = server.received[1]!.headers["last-event-id"]
      assert.strictEqual(Buffer.from(String(cursor), "latin1").toString(), "ü…")
    }).pipe(Effect.provide(layer), Effect.scoped)
  )

  it.live.each([
    ["fetch", FetchHttpClient.layer],
    ["node:http", NodeHttpClient.layerNodeHttp],
    ["undici", NodeHttpClient.layerUndici]
  ] as const)(
    "is cancelled by %s: told at once, by a request without a body, while the connection is there",
    ([, layer]) =>
      Effect.gen(function* () {
        const order: Array<string> = []
        let stop = (): void => {}
        const server = yield* Effect.acquireRelease(
          Effect.promise(() =>
            startRawServer([
              (response) => {
                stream(init(), "open")(response, undefined as never)
                response.on("close", () => order.push(response.writableFinished ? "whole" : "left"))
                // As the relay does: the stream ends because it is cancelled, before that is answered.
                stop = () => void response.end(`id: ${a}.1\nevent: error\ndata: {"code":"stream_cancelled"}\n\n`)
              },
              (response) => {
                order.push("told")
                stop()
                setTimeout(() => answer(202)(response, undefined as never), 50)
              }
            ])
          ),
          (server) => Effect.promise(() => server.close())
        )
        const made = yield* ResumableStream.make({ url: `${server.url}/chat`, body: { message: "hi" } })
        const statuses = yield* Effect.forkScoped(Stream.runCollect(made.status))
        const reading = yield* Effect.forkScoped(Stream.runCollect(made.events))
        yield* made.status.pipe(
          Stream.takeUntil(({ _tag }) => _tag === "Open"),
          Stream.runDrain
        )
        yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 30)))
        const began = performance.now()
        yield* made.cancel
        assert.isBelow(performance.now() - began, 1_500)
        assert.lengthOf(yield* Fiber.join(reading), 1)
        assert.deepStrictEqual(
          (yield* Fiber.join(statuses)).map(({ _tag }) => _tag),
          ["Connecting", "Open", "Closed"]
        )
        const { body, headers, method } = server.received[1]!
        assert.deepStrictEqual([method, body, headers["content-length"]], ["DELETE", "", undefined])
        assert.deepStrictEqual(order, ["told", "whole"])
      }).pipe(Effect.provide(layer), Effect.scoped)
  )
})
